"""Faces by the network that comes with facepoints: one pass over the whole picture.

The file is ONNX: "pictures" uint8 (B, H, W), H and W multiples of `_MULTIPLE`, to "scores"
(B, N), "frames" (B, N, 4) and "points" (B, N, 5, 2). Each of the N cells says how sure it is
of a face, [0, 1]; its middle x, y and the vector along its brows, from its left on the screen
to its right, as long as the longer side of its box; and its eyes, nose tip and corners of the
mouth, in pixels. The metadata and its checksum are as in `onnx_model`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints import geometry
from facepoints.detect.found import Found, overlap, placed
from facepoints.errors import ModelError, SettingsError
from facepoints.mean_face import MEAN_BOX
from facepoints.onnx_model import read_sealed

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = ["INPUT", "KIND", "OUTPUTS", "Cells", "OwnFinder", "faces_of"]

KIND = "finder"
"""Of the model, in its metadata."""
INPUT, OUTPUTS = "pictures", ("scores", "frames", "points")

_SHIPPED = Path(__file__).parents[1] / "weights" / "finder.onnx"
_MULTIPLE = 32
_EMPTY = 128  # gray value beside the picture: 0 to the network
_SAME = 0.35  # overlap from which two places are of one face
_WITHIN = 0.7  # part of the smaller one that lies in the other from which they are, too
_SIDE = 320
_HARDER = (640, 1280)  # longer sides in further tries
_CROWD = 30  # pixels in the shrunk picture: where a face is smaller, others may be so, too
_SURE = 0.5  # score of a face that is reason enough to look for others as small
_LEAST = 0.02  # score of places given in further tries, where a model has the last word


Faces = list[tuple[Found, NDArray[np.float32]]]
"""Faces with their points (5, 2)."""


class Cells(NamedTuple):
    """What the network says of one picture: scores (N,), frames (N, 4), points (N, 5, 2)."""

    scores: NDArray[np.float32]
    frames: NDArray[np.float32]
    points: NDArray[np.float32]


def faces_of(cells: Cells, least: float) -> Faces:
    """Each face once, surest first, with its five points.

    Cells that see the same face are averaged by their scores, which places it better than
    the surest alone (weighted boxes fusion, Solovyev et al. 2021,
    https://arxiv.org/abs/1910.13302).

    Args:
        least: score from which a cell counts.
    """
    kept = np.flatnonzero(cells.scores >= least)
    kept = kept[np.argsort(-cells.scores[kept], kind="stable")]
    scores, frames, points = (part[kept] for part in cells)
    side = np.hypot(frames[:, 2], frames[:, 3])
    low, high = frames[:, :2] - side[:, None] / 2, frames[:, :2] + side[:, None] / 2
    faces = []
    left = np.ones(len(kept), dtype=bool)
    for best in range(len(kept)):
        if not left[best]:
            continue
        shared = np.minimum(high, high[best]) - np.maximum(low, low[best])
        both = np.clip(shared, 0, None).prod(axis=1)
        union = side**2 + side[best] ** 2 - both
        within = both > _WITHIN * np.minimum(side, side[best]) ** 2
        same = left & ((both > _SAME * union) | within)
        left &= ~same
        close = same & (both > 0.5 * union)
        weight = scores * close
        weight = weight / weight.sum()
        frame, five = weight @ frames, np.tensordot(weight, points, 1)
        faces.append((_found(frame, float(scores[best])), five.astype(np.float32)))
    return faces


def _found(frame: NDArray[np.floating], score: float) -> Found:
    x, y, across, down = map(float, frame)
    size = float(np.hypot(across, down))
    width, height = MEAN_BOX[2] * size, MEAN_BOX[3] * size
    angle = float(np.degrees(np.arctan2(down, across)))
    return Found((x - width / 2, y - height / 2, width, height), score, angle)


@dataclass(frozen=True)
class OwnFinder:
    """Faces turned to 45 degrees, from a fifteenth of the picture's longer side up.

    Of smaller ones it finds a part: see the card beside the network's file. Where one of them
    is found, as in pictures of many people, it looks again with more pixels.

    Attributes:
        side: pixels of the longer side that larger pictures are shrunk to. Faces of 20
            pixels and more are found after that, half of those of 12: more pixels, smaller
            faces, more time.
        least: score from which a place is given; 0.5 is where it would say "face" alone.
        metadata: the file's JSON.
    """

    side: int = _SIDE
    least: float = 0.5
    metadata: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    _session: InferenceSession | None = field(default=None, repr=False, compare=False)

    @classmethod
    def load(
        cls,
        path: Path | None = None,
        *,
        side: int = _SIDE,
        least: float = 0.5,
        threads: int | None = None,
    ) -> OwnFinder:
        """Read the network.

        Args:
            path: ONNX file; None: the one that comes with the package.
            side, least: see above.
            threads: processor threads; None: all.

        Raises:
            ModelError: the file is missing, damaged, newer or no finder.
            SettingsError: a side or score out of range.
        """
        if side < _MULTIPLE or not 0 < least <= 1:
            raise SettingsError(
                f"a finder looks at pictures of {_MULTIPLE} pixels or more and gives places of a "
                f"score in (0, 1]; got side {side}, least {least}"
            )
        file = _SHIPPED if path is None else path
        metadata, session = read_sealed(file, threads=threads)
        if metadata is None or metadata.get("kind") != KIND:
            raise ModelError(f"{file} is a model of facepoints but no face finder")
        return cls(side, least, metadata, session)

    def find(self, image: NDArray[np.uint8]) -> list[Found]:
        """Faces in a picture, (H, W) gray or (H, W, 3) RGB, surest first."""
        return [found for found, _ in self.find_points(image)]

    def find_points(self, image: NDArray[np.uint8]) -> Faces:
        """Faces with their points (5, 2) in picture pixels: the subject's right eye, left
        eye, nose tip, right and left corner of the mouth."""
        faces = self._look(image, self.side, self.least)
        longest, before = max(image.shape[:2]), self.side
        for side in _HARDER:
            if side <= before or longest <= 1.2 * before:
                continue
            small = _CROWD * longest / before
            if not any(f.score >= _SURE and max(f.box[2:]) < small for f, _ in faces):
                break
            faces = _joined(faces, self._look(image, side, self.least), small)
            before = side
        return faces

    def find_harder(self, image: NDArray[np.uint8]) -> Iterator[list[Found]]:
        """Further tries: with less asked of a face, then with more pixels."""
        yield [found for found, _ in self._look(image, self.side, _LEAST)]
        for side in _HARDER:
            if self.side < side and max(image.shape[:2]) > side / 2:
                yield [found for found, _ in self._look(image, side, _LEAST)]

    def _look(self, image: NDArray[np.uint8], side: int, least: float) -> Faces:
        gray, matrix = _fitted(image, side)
        assert self._session is not None
        answer = self._session.run(OUTPUTS, {INPUT: gray[None]})
        back = geometry.invert(matrix)
        return [
            (placed(found, matrix), geometry.apply(back, points))
            for found, points in faces_of(Cells(*(np.asarray(part)[0] for part in answer)), least)
        ]


def _joined(coarse: Faces, fine: Faces, small: float) -> Faces:
    """What two passes found: where both see a face the finer one is right if it is a small one."""
    kept = [
        face
        for face in coarse
        if max(face[0].box[2:]) >= small or not any(_same(face[0], other[0]) for other in fine)
    ]
    kept += [face for face in fine if not any(_same(face[0], other[0]) for other in kept)]
    return sorted(kept, key=lambda face: -face[0].score)


def _same(a: Found, b: Found) -> bool:
    """Whether two boxes are of one face: they share enough, or one lies within the other."""
    low = np.maximum(a.box[:2], b.box[:2])
    high = np.minimum(np.add(a.box[:2], a.box[2:]), np.add(b.box[:2], b.box[2:]))
    smaller = min(a.box[2] * a.box[3], b.box[2] * b.box[3])
    within = float(np.clip(high - low, 0, None).prod()) > _WITHIN * smaller
    return within or overlap(a.box, b.box) > _SAME


def _fitted(image: NDArray[np.uint8], side: int) -> tuple[NDArray[np.uint8], geometry.Matrix]:
    """A gray picture of at most `side` pixels, filled up to a multiple, and the affine to it."""
    height, width = image.shape[:2]
    scale = min(1.0, side / max(height, width))
    new = max(1, round(width * scale)), max(1, round(height * scale))
    gray = image
    if image.ndim == 3:
        gray = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    small = geometry.resize(gray, *new)
    fitted = np.full([-(-n // _MULTIPLE) * _MULTIPLE for n in new[::-1]], _EMPTY, np.uint8)
    fitted[: new[1], : new[0]] = small
    return fitted, geometry.resize_matrix(new[0] / width, new[1] / height)
