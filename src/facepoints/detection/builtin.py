"""Faces by the network that comes with facepoints: one pass over the whole picture.

The file is ONNX: "pictures" uint8 (B, H, W), H and W multiples of `_MULTIPLE`, to "cells"
(B, 16, N). The N cells are those of a grid of every 8th pixel, then of every 16th and of every
32nd, row by row; cell (i, j) of stride s lies at x = (i + 0.5) s - 0.5 and y likewise. Of each it
says the log odds of a face (0: where it would say "face" alone); from the cell to the face's
middle, x and y in pixels; the natural logarithm of the longer side of its box in pixels; a vector
along its brows, from its left on the screen to its right, of any length; and from the cell to its
right eye, left eye, nose tip, right and left corner of the mouth, x and y in pixels. The metadata
and its checksum are as in `onnx_model`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints import weights
from facepoints.detection.base import Detection, iou
from facepoints.errors import ModelError, SettingsError
from facepoints.imaging import affine
from facepoints.imaging.image_io import to_gray
from facepoints.landmarks.mean_face import MEAN_BOX
from facepoints.runtime.model_file import read_model_file
from facepoints.runtime.onnx_session import open_session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = ["INPUT", "KIND", "OUTPUTS", "STRIDES", "BuiltinDetector", "decode", "middles"]

KIND = "face-detector"
"""Of the model, in its metadata."""
INPUT, OUTPUTS = "pictures", ("cells",)

STRIDES = (8, 16, 32)
"""Pixels between the cells of each map. Pictures are padded to a multiple of the last."""
_MULTIPLE = STRIDES[-1]
_EMPTY = 128  # gray value beside the picture: 0 to the network
_SAME = 0.35  # overlap from which two places are of one face
_WITHIN = 0.7  # part of the smaller one that lies in the other from which they are, too
_SIDE = 320
_CLOSE = 1.1  # part of the wanted side that will do
_HARDER = (640, 1280)  # longer sides in further tries
_CROWD = 30  # pixels in the shrunk picture: where a face is smaller, others may be so, too
_SURE = 0.5  # score of a face that is reason enough to look for others as small
_LEAST = 0.02  # score of places given in further tries, where a model has the last word


DetectorOutput = list[tuple[Detection, NDArray[np.float32]]]
"""Faces with their points (5, 2)."""


def decode(
    cells: NDArray[np.float32], size: tuple[int, int], least: float, scale: tuple[float, float]
) -> DetectorOutput:
    """Each face once, surest first, with its five points.

    Cells that see the same face are averaged by their scores, which places it better than
    the surest alone (weighted boxes fusion, Solovyev et al. 2021,
    https://arxiv.org/abs/1910.13302).

    Args:
        cells: (16, N) as the network says them of a picture.
        size: (height, width) of that picture in pixels.
        least: score from which a cell counts, in (0, 1].
        scale: factors (x, y) by which the picture was resized to that size; the faces are in
            pixels as they were before.
    """
    odds = math.log(least / (1 - least)) if least < 1 else math.inf
    kept = np.flatnonzero(cells[0] >= odds)
    # a network that went astray in training may say no number, or no direction: no face at all
    kept = kept[np.isfinite(cells[1:, kept]).all(axis=0) & cells[4:6, kept].any(axis=0)]
    if not len(kept):
        return []
    kept = kept[np.argsort(-cells[0, kept], kind="stable")]
    scores, frames, points = _read(cells[:, kept].astype(np.float64), kept, size, scale)
    side = np.hypot(frames[:, 2], frames[:, 3])
    low, high = frames[:, :2] - side[:, None] / 2, frames[:, :2] + side[:, None] / 2
    area = side * side
    faces = []
    left = np.ones(len(kept), dtype=bool)
    while left.any():
        best = int(left.argmax())
        shared = np.minimum(high, high[best]) - np.maximum(low, low[best])
        shared[shared < 0] = 0
        both = shared[:, 0] * shared[:, 1]
        union = area + area[best] - both
        within = both > _WITHIN * np.minimum(area, area[best])
        same = left & ((both > _SAME * union) | within)
        left &= ~same
        weight = scores * (same & (both > 0.5 * union))
        weight /= weight.sum()
        frame, five = weight @ frames, weight @ points
        faces.append((_found(frame, float(scores[best])), five.reshape(-1, 2).astype(np.float32)))
    return faces


def _read(
    cells: NDArray[np.float64],
    numbers: NDArray[np.intp],
    size: tuple[int, int],
    scale: tuple[float, float],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Scores (n,), frames (n, 4) and points (n, 10) of cells (16, n), in pixels of the picture
    before it was resized. A frame is its middle x, y and the vector along the brows as long as
    its longer side."""
    place = middles(*size)[:, numbers]
    turn = cells[4:6] * (np.exp(cells[3].clip(-1, 9)) / np.maximum(np.hypot(*cells[4:6]), 1e-4))
    moves = np.concatenate(
        [cells[1:3] + place, turn, (cells[6:].reshape(5, 2, -1) + place).reshape(10, -1)]
    )
    moves = moves.reshape(7, 2, -1) / np.array(scale)[:, None]
    moves[[0, 2, 3, 4, 5, 6]] -= 0.5
    flat = moves.reshape(14, -1).T
    return 1 / (1 + np.exp(-cells[0])), flat[:, :4], flat[:, 4:]


@lru_cache(maxsize=64)
def middles(height: int, width: int) -> NDArray[np.float64]:
    """(2, N) x and y from the outer edges of a picture to the middles of its cells, fine to coarse
    and row by row, in pixels."""
    parts = []
    for stride in STRIDES:
        y, x = np.indices((height // stride, width // stride))
        parts.append((np.stack([x.ravel(), y.ravel()]) + 0.5) * stride)
    middles = np.concatenate(parts, axis=1)
    middles.setflags(write=False)
    return middles


def _found(frame: NDArray[np.floating], score: float) -> Detection:
    x, y, across, down = frame.tolist()
    size = math.hypot(across, down)
    width, height = MEAN_BOX[2] * size, MEAN_BOX[3] * size
    angle = math.degrees(math.atan2(down, across))
    return Detection((x - width / 2, y - height / 2, width, height), score, angle)


@dataclass(frozen=True)
class BuiltinDetector:
    """Faces turned to 45 degrees, from a fifteenth of the picture's longer side up.

    Of smaller ones it finds a part: see the card beside the network's file. Where one of them
    is found, as in pictures of many people, it looks again with more pixels.

    Attributes:
        side: pixels of the longer side that larger pictures are shrunk to. Faces of 20
            pixels and more are found after that, half of those of 13: more pixels, smaller
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
    ) -> BuiltinDetector:
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
        file = weights.DETECTOR if path is None else path
        metadata, data = read_model_file(file)
        session = open_session(data, file, threads=threads)
        if metadata is None or metadata.get("kind") != KIND:
            raise ModelError(f"{file} is a model of facepoints but no face finder")
        return cls(side, least, metadata, session)

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Faces in a picture, (H, W) gray or (H, W, 3) RGB, surest first."""
        return [found for found, _ in self.detect_points(image)]

    def detect_points(self, image: NDArray[np.uint8]) -> DetectorOutput:
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

    def detect_fallback(self, image: NDArray[np.uint8]) -> Iterator[list[Detection]]:
        """Further tries: with less asked of a face, then with more pixels."""
        yield [found for found, _ in self._look(image, self.side, _LEAST)]
        for side in _HARDER:
            if self.side < side and max(image.shape[:2]) > side / 2:
                yield [found for found, _ in self._look(image, side, _LEAST)]

    def _look(self, image: NDArray[np.uint8], side: int, least: float) -> DetectorOutput:
        gray, scale = _fitted(image, side)
        assert self._session is not None
        (cells,) = self._session.run(OUTPUTS, {INPUT: gray[None]})
        return decode(np.asarray(cells)[0], gray.shape, least, scale)


def _joined(coarse: DetectorOutput, fine: DetectorOutput, small: float) -> DetectorOutput:
    """What two passes found: where both see a face the finer one is right if it is a small one."""
    kept = [
        face
        for face in coarse
        if max(face[0].box[2:]) >= small or not any(_same(face[0], other[0]) for other in fine)
    ]
    kept += [face for face in fine if not any(_same(face[0], other[0]) for other in kept)]
    return sorted(kept, key=lambda face: -face[0].score)


def _same(a: Detection, b: Detection) -> bool:
    """Whether two boxes are of one face: they share enough, or one lies within the other."""
    low = np.maximum(a.box[:2], b.box[:2])
    high = np.minimum(np.add(a.box[:2], a.box[2:]), np.add(b.box[:2], b.box[2:]))
    smaller = min(a.box[2] * a.box[3], b.box[2] * b.box[3])
    within = float(np.clip(high - low, 0, None).prod()) > _WITHIN * smaller
    return within or iou(a.box, b.box) > _SAME


def _fitted(image: NDArray[np.uint8], side: int) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """A gray picture of about `side` pixels at most, filled up to a multiple, and the factors
    (x, y) that it was resized by: by a whole number if that will do, since it is far quicker."""
    gray = to_gray(image)
    height, width = gray.shape
    longest = max(height, width)
    factor = max(1, longest // side)
    small = affine.shrink(gray, factor)
    across, down = min(factor, width), min(factor, height)
    scale = 1 / across, 1 / down
    if longest > _CLOSE * side * factor:
        rows, columns = small.shape
        part = side / max(rows, columns)
        new = max(1, round(columns * part)), max(1, round(rows * part))
        small = np.asarray(cv2.resize(small, new, interpolation=cv2.INTER_LINEAR), np.uint8)
        scale = new[0] / (columns * across), new[1] / (rows * down)
    fitted = np.full([-(-n // _MULTIPLE) * _MULTIPLE for n in small.shape], _EMPTY, np.uint8)
    fitted[: small.shape[0], : small.shape[1]] = small
    return fitted, scale
