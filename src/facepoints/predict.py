"""Faces with their points in pictures: a finder says where, a model says what.

>>> import facepoints
>>> model = facepoints.load()  # doctest: +SKIP
>>> faces = model("photo.jpg")  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, overload

import numpy as np
from numpy.typing import NDArray

from facepoints import geometry
from facepoints.detect import (
    BoxesFromFile,
    CascadeFinder,
    FaceFinder,
    Found,
    PersistentFinder,
    WholeImage,
    finder_named,
    merged,
    placed,
)
from facepoints.errors import DataError, SettingsError
from facepoints.face import Face
from facepoints.landmarks import LandmarkSet
from facepoints.media import onto_white, read_picture, to_gray
from facepoints.onnx_model import Answer, Device, PointsModel

__all__ = ["Model", "Picture", "Predictor", "load"]

Picture = NDArray[np.uint8] | str | Path
"""(H, W) gray, (H, W, 3) RGB or (H, W, 4) RGBA, uint8; or a file."""


class Model(Protocol):
    """What of a `PointsModel` a predictor needs."""

    @property
    def landmarks(self) -> LandmarkSet: ...
    @property
    def size(self) -> tuple[int, int]: ...
    @property
    def layout(self) -> NDArray[np.float32]: ...
    @property
    def face_box(self) -> tuple[float, float, float, float]: ...
    @property
    def looks(self) -> int: ...
    @property
    def scores_faces(self) -> bool: ...
    def __call__(self, crops: NDArray[np.uint8]) -> Answer: ...


def load(
    model: str | Path | None = None,
    device: Device = "cpu",
    finder: FaceFinder | str | None = None,
    *,
    min_score: float = 0.5,
    any_angle: bool = False,
    threads: int | None = None,
) -> Predictor:
    """Get ready to find faces and their points.

    Args:
        model: ONNX file, or folder of a run that holds one; None: the model that comes with
            the package.
        device: "cpu" or "cuda"; the finder always works on the CPU.
        finder: says where faces may be: an object, or a name as `detect.finder_named` knows
            it; None: OpenCV's cascades.
        min_score: faces that are less sure are dropped, [0, 1].
        any_angle: find faces that lie or stand on their heads, too; takes four times as long.
        threads: processor threads for the model; None: all.

    Raises:
        ModelError: a model that is missing, damaged, newer, or none of facepoints.
        SettingsError: a device, finder or score that cannot be.
    """
    chosen = (
        finder_named(finder or "cascade") if finder is None or isinstance(finder, str) else finder
    )
    ready = PointsModel.load(None if model is None else Path(model), device, threads)
    return Predictor(ready, chosen, min_score=min_score, any_angle=any_angle)


@dataclass(frozen=True)
class _Place:
    """A place in one of several pictures, and the affine (2, 3) from that picture's pixels
    to those of the crop that is to be looked at."""

    picture: int
    found: Found
    matrix: geometry.Matrix


class Predictor:
    """Call it with a picture, or with several at once, for their faces.

    It may be called from several threads.

    Args:
        model: answers crops.
        finder: says where faces may be.
        min_score: faces that are less sure are dropped, [0, 1]. How sure says the model, or
            the finder if the model does not judge that.
        any_angle: look at every picture four ways round.

    Raises:
        SettingsError: `min_score` out of range.
    """

    def __init__(
        self,
        model: Model,
        finder: FaceFinder | None = None,
        *,
        min_score: float = 0.5,
        any_angle: bool = False,
    ) -> None:
        if not 0 <= min_score <= 1:
            raise SettingsError(f"min_score must lie in [0, 1], is {min_score}")
        self.model = model
        self.finder: FaceFinder = CascadeFinder() if finder is None else finder
        self.min_score = min_score
        self.any_angle = any_angle

    @property
    def landmarks(self) -> LandmarkSet:
        """The points of every face."""
        return self.model.landmarks

    def describe(self) -> dict[str, Any]:
        """What answers depend on besides the picture, JSON-ready."""
        metadata = getattr(self.model, "metadata", {})
        return {
            "model": metadata.get("checksum", repr(self.model)),
            "finder": repr(self.finder),
            "min_score": self.min_score,
            "any_angle": self.any_angle,
        }

    @overload
    def __call__(self, pictures: Picture) -> list[Face]: ...
    @overload
    def __call__(self, pictures: Sequence[Picture]) -> list[list[Face]]: ...
    def __call__(self, pictures: Picture | Sequence[Picture]) -> list[Face] | list[list[Face]]:
        """Faces of a picture, surest first, or of each of several: all their crops go
        through the model together.

        Raises:
            DataError: an array or a file that is no picture.
        """
        one = isinstance(pictures, np.ndarray | str | Path)
        several = [pictures] if one else list(pictures)
        names = ["" if isinstance(p, np.ndarray) else str(p) for p in several]
        faces = self.in_pictures([_image(picture) for picture in several], names)
        return faces[0] if one else faces

    def in_pictures(
        self, images: Sequence[NDArray[np.uint8]], names: Sequence[str]
    ) -> list[list[Face]]:
        """Faces of pictures that were read already.

        Args:
            images: (H, W) gray or (H, W, 3) RGB.
            names: of their files, for a finder that goes by them; empty if there are none.
        """
        grays = [to_gray(image) for image in images]
        tries = [self._tries(image, name) for image, name in zip(images, names, strict=True)]
        faces: list[list[Face]] = [[] for _ in images]
        open_ = list(range(len(images)))
        while open_:  # pictures in which no face was found so far, and that can be tried again
            places, still = [], []
            for number in open_:
                found = next(tries[number], None)
                if found is not None:
                    still.append(number)
                    places += [self._first(number, one) for one in found]
            for number, face in self._judged(grays, places):
                faces[number].append(face)
            open_ = [number for number in still if not faces[number]]
        return [_each_once(found) for found in faces]

    def on_crops(self, images: NDArray[np.uint8], whole: WholeImage | None = None) -> Answer:
        """One face for each picture that is cut to one, whatever it shows.

        Args:
            images: (N, H, W) gray.
            whole: how the pictures are cut.

        Returns:
            Points (N, K, 2), radius (N, K) and score (N,) in pixels of the images.

        Raises:
            DataError: images of another shape or type.
        """
        if images.ndim != 3 or images.dtype != np.uint8:
            raise DataError(
                f"expected gray images, uint8 (N, H, W); got {images.dtype} {images.shape}"
            )
        finder = whole or WholeImage()
        places = [self._first(n, finder.find(image)[0]) for n, image in enumerate(images)]
        return self._looked(list(images), places, least=0.0)[1]

    def _tries(self, image: NDArray[np.uint8], name: str) -> Iterator[list[Found]]:
        """What the finder finds in a picture, then what it finds when it looks harder."""
        finder = self.finder
        if isinstance(finder, BoxesFromFile) and name:
            yield finder.find_in(name)
            return
        turns = list(_turns(image) if self.any_angle else [(image, np.eye(3)[:2])])
        yield merged([placed(f, back) for turned, back in turns for f in finder.find(turned)])
        if isinstance(finder, PersistentFinder):
            for again in zip(*(finder.find_harder(turned) for turned, _ in turns), strict=True):
                pairs = zip(again, turns, strict=True)
                yield merged([placed(f, back) for found, (_, back) in pairs for f in found])

    def _first(self, picture: int, found: Found) -> _Place:
        """What to look at first: the found box where the model's training crops had it."""
        x, y, width, height = found.box
        left, top, across, down = self.model.face_box
        center = x + width / 2, y + height / 2
        scale = max(across, down) / max(width, height, 1e-6)
        shift = (left + across / 2 - scale * center[0], top + down / 2 - scale * center[1])
        zoom = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
        upright = geometry.rotation_matrix(-found.angle, center)
        return _Place(picture, found, geometry.compose(upright, zoom))

    def _judged(
        self, grays: Sequence[NDArray[np.uint8]], places: Sequence[_Place]
    ) -> Iterator[tuple[int, Face]]:
        """Faces among places in pictures, each with the number of its picture."""
        judges = self.model.scores_faces
        if not judges:
            places = [p for p in places if p.found.score >= self.min_score]
        kept, answer = self._looked(grays, places, least=self.min_score if judges else 0.0)
        for place, points, radius, score in zip(kept, *answer, strict=True):
            sure = float(score) if judges else place.found.score
            if sure >= self.min_score and np.isfinite(points).all():
                box = geometry.bounding_box(points)
                yield place.picture, Face(box, sure, points, radius, self.model.landmarks)

    def _looked(
        self, grays: Sequence[NDArray[np.uint8]], places: Sequence[_Place], least: float
    ) -> tuple[list[_Place], Answer]:
        """The model's answers at places, in pixels of their pictures, after as many looks as
        it wants; after the first, places that are far less sure than `least` are left."""
        answer = self._look(grays, places)
        keep = [int(k) for k in np.flatnonzero(answer.score >= least * _DOUBT)]
        places, answer = [places[k] for k in keep], Answer(*(part[keep] for part in answer))
        for _ in range(1, self.model.looks):
            places = [
                self._closer(place, points, radius)
                for place, points, radius in zip(places, answer.points, answer.radius, strict=True)
            ]
            answer = self._look(grays, places)
        return places, answer

    def _look(self, grays: Sequence[NDArray[np.uint8]], places: Sequence[_Place]) -> Answer:
        crops = np.empty((len(places), *self.model.size), dtype=np.uint8)
        for crop, place in zip(crops, places, strict=True):
            crop[:] = _crop(grays[place.picture], place.matrix, self.model.size)
        answer = self.model(crops)
        points, radius = answer.points.copy(), answer.radius.copy()
        for row, place in enumerate(places):
            points[row] = geometry.apply(geometry.invert(place.matrix), points[row])
            radius[row] /= np.hypot(*place.matrix[:, 0])
        return Answer(points, radius, answer.score)

    def _closer(
        self, place: _Place, points: NDArray[np.float32], radius: NDArray[np.float32]
    ) -> _Place:
        """The crop in which points lie as those of the training crops do, the surer ones
        above all."""
        weights = 1 / np.maximum(radius.astype(np.float64), 1e-3) ** 2
        try:
            matrix = geometry.similarity(points, self.model.layout, weights)
        except DataError:  # all points in one place
            return place
        first = np.hypot(*place.matrix[:, 0])
        if not 1 / _ZOOM < np.hypot(*matrix[:, 0]) / first < _ZOOM:
            return place
        return _Place(place.picture, place.found, matrix)


_DOUBT = 0.2  # part of the least score that a first look must reach to be worth a second
_ZOOM = 4.0  # factor by which a second look may differ in size; beyond, the first saw no face


def _image(picture: Picture) -> NDArray[np.uint8]:
    """A picture as an array (H, W) or (H, W, 3). Raises DataError."""
    if isinstance(picture, str | Path):
        return read_picture(picture)
    shape = picture.shape
    if (
        picture.dtype != np.uint8
        or len(shape) not in (2, 3)
        or shape[2:] not in ((), (3,), (4,), (1,))
    ):
        raise DataError(
            f"a picture is uint8, (H, W) gray, (H, W, 3) RGB or (H, W, 4) RGBA, with values from "
            f"0 to 255; got {picture.dtype} {shape}"
        )
    if picture.size == 0:
        raise DataError(f"a picture has one pixel or more, this one is {shape}")
    if shape[2:] == (4,):
        return onto_white(picture[..., :3], picture[..., 3])
    return picture[..., 0] if shape[2:] == (1,) else picture


def _turns(image: NDArray[np.uint8]) -> Iterator[tuple[NDArray[np.uint8], geometry.Matrix]]:
    """A picture four ways round, each with the affine from its own pixels."""
    matrix = np.eye(3)[:2]
    for turn in range(4):
        yield np.ascontiguousarray(np.rot90(image, turn)), matrix
        width = image.shape[1] if turn % 2 == 0 else image.shape[0]
        # counterclockwise: the right edge becomes the top one
        matrix = geometry.compose(matrix, np.array([[0.0, 1, 0], [-1, 0, width - 1]]))


def _crop(
    gray: NDArray[np.uint8], matrix: geometry.Matrix, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """`geometry.warp` of just the part of a picture that the crop shows, which is quicker
    for a small face in a large picture."""
    height, width = size
    corners = np.array([[-1, -1], [width, -1], [-1, height], [width, height]])
    seen = geometry.apply(geometry.invert(matrix), corners)
    margin = 2 + 2 / np.hypot(*matrix[:, 0])
    limit = np.array([gray.shape[1], gray.shape[0]])
    low = np.clip(np.floor(seen.min(axis=0) - margin), 0, limit - 1).astype(int)
    high = np.clip(np.ceil(seen.max(axis=0) + margin) + 1, low + 1, limit).astype(int)
    part = gray[low[1] : high[1], low[0] : high[0]]
    shift = np.array([[1.0, 0, low[0]], [0, 1, low[1]]])
    return geometry.warp(part, geometry.compose(shift, matrix), width, height)


def _each_once(faces: Sequence[Face]) -> list[Face]:
    """Faces without those that lie on a better one, surest first."""

    def rank(face: Face) -> float:  # of equally sure ones the one that knows its points better
        return face.score - float(face.radius.mean()) / max(*face.box[2:], 1e-6)

    kept: list[Face] = []
    for face in sorted(faces, key=rank, reverse=True):
        if not any(_same(face, other) for other in kept):
            kept.append(face)
    return sorted(kept, key=lambda face: -face.score)


def _same(a: Face, b: Face) -> bool:
    """Whether the boxes of two faces share more than half of the smaller one."""
    low = np.maximum(a.box[:2], b.box[:2])
    high = np.minimum(np.add(a.box[:2], a.box[2:]), np.add(b.box[:2], b.box[2:]))
    shared = float(np.prod(np.maximum(high - low, 0)))
    return shared > 0.5 * min(a.box[2] * a.box[3], b.box[2] * b.box[3])
