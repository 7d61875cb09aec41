"""Faces with their points in pictures: a finder says where, a model says what.

>>> import facepoints
>>> model = facepoints.load()  # doctest: +SKIP
>>> faces = model("photo.jpg")  # doctest: +SKIP
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from facepoints.detection import (
    BoxFileDetector,
    BuiltinDetector,
    Detection,
    FaceDetector,
    RetryingDetector,
    make_detector,
    map_detection,
    merge_detections,
)
from facepoints.errors import DataError, SettingsError
from facepoints.imaging import affine
from facepoints.imaging.image_io import composite_on_white, read_image
from facepoints.inference.cropping import (
    FaceCrop,
    LandmarkNetwork,
    crop,
    initial_crop,
    predict_refined,
)
from facepoints.inference.face import Face
from facepoints.landmarks.landmark_set import LandmarkSet

if TYPE_CHECKING:
    pass

__all__ = [
    "Image",
    "LandmarkNetwork",
    "Predictor",
    "crop",
]

Image = NDArray[np.uint8] | str | Path
"""(H, W) gray, (H, W, 3) RGB or (H, W, 4) RGBA, uint8; or a file."""


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
        model: LandmarkNetwork,
        detector: FaceDetector | None = None,
        *,
        min_score: float = 0.5,
        any_angle: bool = False,
    ) -> None:
        if not 0 <= min_score <= 1:
            raise SettingsError(f"min_score must lie in [0, 1], is {min_score}")
        self.model = model
        self.detector: FaceDetector = make_detector("builtin") if detector is None else detector
        self.min_score = min_score
        self.any_angle = any_angle

    @property
    def landmarks(self) -> LandmarkSet:
        """The points of every face."""
        return self.model.landmarks

    def describe(self) -> dict[str, Any]:
        """What answers depend on besides the picture, JSON-ready."""
        return {
            "model": _checksum(self.model) or repr(self.model),
            "finder": [repr(self.detector), _checksum(self.detector)],
            "min_score": self.min_score,
            "any_angle": self.any_angle,
        }

    @overload
    def __call__(self, pictures: Image) -> list[Face]: ...
    @overload
    def __call__(self, pictures: Sequence[Image]) -> list[list[Face]]: ...
    def __call__(self, pictures: Image | Sequence[Image]) -> list[Face] | list[list[Face]]:
        """Faces of a picture, surest first, or of each of several: all their crops go
        through the model together.

        Raises:
            DataError: an array or a file that is no picture.
        """
        one = isinstance(pictures, np.ndarray | str | Path)
        if isinstance(pictures, bytes) or not (one or isinstance(pictures, Iterable)):
            raise _no_picture(pictures)
        several = [pictures] if one else list(pictures)
        names = ["" if isinstance(p, np.ndarray) else str(p) for p in several]
        faces = self.predict_batch([_image(picture) for picture in several], names)
        return faces[0] if one else faces

    def predict_batch(
        self, images: Sequence[NDArray[np.uint8]], names: Sequence[str]
    ) -> list[list[Face]]:
        """Faces of pictures that were read already.

        Args:
            images: (H, W) gray or (H, W, 3) RGB.
            names: of their files, for a finder that goes by them; empty if there are none.
        """
        tries = [self._tries(image, name) for image, name in zip(images, names, strict=True)]
        faces: list[list[Face]] = [[] for _ in images]
        open_ = list(range(len(images)))
        while open_:  # pictures in which no face was found so far, and that can be tried again
            places, still = [], []
            for number in open_:
                found = next(tries[number], None)
                if found is not None:
                    still.append(number)
                    places += [initial_crop(self.model, number, one) for one in found]
            for number, face in self._judged(images, places):
                faces[number].append(face)
            open_ = [number for number in still if not faces[number]]
        return [_each_once(found) for found in faces]

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Where the finder sees faces in a picture, (H, W) gray or (H, W, 3) RGB."""
        return next(self._tries(image, ""))

    def predict_landmarks(self, gray: NDArray[np.uint8], found: Sequence[Detection]) -> list[Face]:
        """Faces at places in a gray picture (H, W), each once, surest first."""
        places = [initial_crop(self.model, 0, one) for one in found]
        return _each_once([face for _, face in self._judged([gray], places)])

    def _tries(self, image: NDArray[np.uint8], name: str) -> Iterator[list[Detection]]:
        """What the finder finds in a picture, then what it finds when it looks harder."""
        finder = self.detector
        if isinstance(finder, BoxFileDetector) and name:
            yield finder.detect_in(name)
            return
        turns = list(_turns(image) if self.any_angle else [(image, np.eye(3)[:2])])
        yield merge_detections(
            [map_detection(f, back) for turned, back in turns for f in finder.detect(turned)]
        )
        if isinstance(finder, RetryingDetector):
            for again in zip(*(finder.detect_fallback(turned) for turned, _ in turns), strict=True):
                pairs = zip(again, turns, strict=True)
                yield merge_detections(
                    [map_detection(f, back) for found, (_, back) in pairs for f in found]
                )

    def _judged(
        self, images: Sequence[NDArray[np.uint8]], places: Sequence[FaceCrop]
    ) -> Iterator[tuple[int, Face]]:
        """Faces among places in pictures, each with the number of its picture."""
        judges = self.model.has_face_score
        if not judges:
            places = [p for p in places if p.detection.score >= self.min_score]
        if not places:
            return
        least = self.min_score if judges else 0.0
        kept, answer = predict_refined(self.model, images, places, least)
        rows = zip(kept, answer.points, answer.radius, answer.score, strict=True)
        for place, points, radius, score in rows:
            sure = float(score) if judges else place.detection.score
            if judges and isinstance(self.detector, BuiltinDetector):
                sure = _together(sure, place.detection.score)
            if sure >= self.min_score and np.isfinite(points).all():
                box = affine.bounding_box(points)
                yield place.image, Face(box, sure, points, radius, self.model.landmarks)


def _checksum(read: object) -> str:
    """That of the file that a model or finder was read from; empty if it has none."""
    return getattr(read, "checksum", "")


_COUNTS = 2.0  # what the finder's log odds count beside the model's


def _together(judged: float, found: float) -> float:
    """How sure a model is of a face that the finder doubts, [0, 1]: their log odds are added.

    A finder that is sure adds nothing. How much its doubt counts was set on the photos of people
    to validate on, and on scikit-image's astronaut: of what is no face the model takes the most
    for one where the finder does not.
    """
    if found >= 0.5:
        return judged
    judged, found = (min(max(score, 1e-6), 1 - 1e-6) for score in (judged, found))
    odds = math.log(judged / (1 - judged)) + _COUNTS * math.log(found / (1 - found))
    return 1 / (1 + math.exp(-odds))


def _image(picture: Image) -> NDArray[np.uint8]:
    """A picture as an array (H, W) or (H, W, 3). Raises DataError."""
    if isinstance(picture, str | Path):
        return read_image(picture)
    if not isinstance(picture, np.ndarray):
        raise _no_picture(picture)
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
        return composite_on_white(picture[..., :3], picture[..., 3])
    return picture[..., 0] if shape[2:] == (1,) else picture


def _no_picture(thing: object) -> DataError:
    return DataError(
        f"a picture is a file's name or an array, got {type(thing).__name__}; "
        f"numpy.asarray(image) makes an array of what another library opened"
    )


def _turns(image: NDArray[np.uint8]) -> Iterator[tuple[NDArray[np.uint8], affine.Matrix]]:
    """A picture four ways round, each with the affine from its own pixels."""
    matrix = np.eye(3)[:2]
    for turn in range(4):
        yield np.ascontiguousarray(np.rot90(image, turn)), matrix
        width = image.shape[1] if turn % 2 == 0 else image.shape[0]
        # counterclockwise: the right edge becomes the top one
        matrix = affine.compose(matrix, np.array([[0.0, 1, 0], [-1, 0, width - 1]]))


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
