"""The built-in face detector: a network that searches the whole image in one pass.

The file is ONNX. Its input "pictures" is uint8 (B, H, W), with H and W multiples of 32
(`views.MULTIPLE`). Its output "cells" is float32 (B, 16, N): a column for each of the N cells of
three grids, one of every 8th pixel, one of every 16th and one of every 32nd, in this order, each
row by row. Cell (i, j) of stride s lies at x = (i + 0.5) s - 0.5, and y likewise. The 16 values of
a cell are:

- 0: log odds that there is a face. 0 is the threshold for a detector without a landmark model.
- 1, 2: from the cell to the center of the face, x and y in pixels.
- 3: natural logarithm of the longer side of the face's box in pixels.
- 4, 5: vector along the brows, from left to right on the screen, of any length.
- 6 to 15: from the cell to the right eye, left eye, nose tip, right and left mouth corner of the
  face, x and y in pixels.

`runtime.model_file` describes the metadata and the checksum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints import weights
from facepoints.detection.base import Detection, DetectorOutput, map_detection, overlaps
from facepoints.detection.search import (
    SAME_IOU,
    SAME_OVERLAP,
    WINDOW,
    Network,
    Window,
    is_same_face,
    search,
)
from facepoints.detection.views import MULTIPLE, TILE, cut, resized, tiles
from facepoints.errors import ModelError, SettingsError
from facepoints.imaging import affine
from facepoints.imaging.image_io import to_gray
from facepoints.landmarks.mean_face import MEAN_BOX
from facepoints.runtime.model_file import read_model_file
from facepoints.runtime.shared_session import SharedSession

__all__ = [
    "INPUT",
    "KIND",
    "MEAN_IOU",
    "OUTPUTS",
    "SIDE",
    "STRIDES",
    "BuiltinDetector",
    "cell_centers",
    "decode",
]

KIND = "face-detector"
"""Value of "kind" in the metadata."""
INPUT, OUTPUTS = "pictures", ("cells",)

STRIDES = (8, 16, 32)
"""Pixels between the cells of each grid."""

MEAN_IOU = 0.5
"""Cells whose boxes overlap more with the best one's are averaged with it."""

SIDE = 320
"""Default of the longer side of the first pass, in pixels."""


def decode(
    cells: NDArray[np.float32],
    size: tuple[int, int],
    min_score: float,
    scale: tuple[float, float],
) -> DetectorOutput:
    """The faces in the network's output, each once, most confident first.

    Cells that detect the same face are averaged, weighted by their scores, which is more exact
    than the most confident cell alone (weighted boxes fusion, Solovyev et al. 2021,
    https://arxiv.org/abs/1910.13302).

    Args:
        cells: (16, N), the network's output for one image.
        size: (height, width) of that image in pixels.
        min_score: minimum score of a cell, (0, 1].
        scale: factors (x, y) by which the image was resized to `size`. The result is in pixels
            of the image before.
    """
    odds = math.log(min_score / (1 - min_score)) if min_score < 1 else math.inf
    kept = np.flatnonzero(cells[0] >= odds)
    # a network whose training diverged may give NaN, or a zero vector: no face there
    kept = kept[np.isfinite(cells[1:, kept]).all(axis=0) & cells[4:6, kept].any(axis=0)]
    if not len(kept):
        return []
    kept = kept[np.argsort(-cells[0, kept], kind="stable")]
    scores, frames, points = _read(cells[:, kept].astype(np.float64), kept, size, scale)
    side = np.hypot(frames[:, 2], frames[:, 3])[:, None]
    boxes = np.hstack([frames[:, :2] - side / 2, side, side])
    faces = []
    left = np.ones(len(kept), dtype=bool)
    while left.any():
        best = int(left.argmax())
        united, of_smaller = overlaps(boxes, boxes[best])
        same = left & ((united > SAME_IOU) | (of_smaller > SAME_OVERLAP))
        left &= ~same
        weight = scores * (same & (united > MEAN_IOU))
        weight /= weight.sum()
        frame, five = weight @ frames, weight @ points
        detection = _detection(frame, float(scores[best]))
        faces.append((detection, five.reshape(-1, 2).astype(np.float32)))
    return faces


def _read(
    cells: NDArray[np.float64],
    numbers: NDArray[np.intp],
    size: tuple[int, int],
    scale: tuple[float, float],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Scores (n,), frames (n, 4) and points (n, 10) of cells (16, n), in pixels of the image
    before it was resized. A frame is the face's center x, y, and the vector along the brows, as
    long as the longer side of the box."""
    place = cell_centers(*size)[:, numbers]
    turn = cells[4:6] * (np.exp(cells[3].clip(-1, 9)) / np.maximum(np.hypot(*cells[4:6]), 1e-4))
    moves = np.concatenate(
        [cells[1:3] + place, turn, (cells[6:].reshape(5, 2, -1) + place).reshape(10, -1)]
    )
    moves = moves.reshape(7, 2, -1) / np.array(scale)[:, None]
    moves[[0, 2, 3, 4, 5, 6]] -= 0.5
    flat = moves.reshape(14, -1).T
    return 1 / (1 + np.exp(-cells[0])), flat[:, :4], flat[:, 4:]


@lru_cache(maxsize=64)
def cell_centers(height: int, width: int) -> NDArray[np.float64]:
    """(2, N) x and y of the cell centers in pixels from the outer left and upper edge of an
    image, fine to coarse and row by row."""
    parts = []
    for stride in STRIDES:
        y, x = np.indices((height // stride, width // stride))
        parts.append((np.stack([x.ravel(), y.ravel()]) + 0.5) * stride)
    centers = np.concatenate(parts, axis=1)
    centers.setflags(write=False)
    return centers


def _detection(frame: NDArray[np.floating], score: float) -> Detection:
    x, y, across, down = frame.tolist()
    size = math.hypot(across, down)
    width, height = MEAN_BOX[2] * size, MEAN_BOX[3] * size
    angle = math.degrees(math.atan2(down, across))
    return Detection((x - width / 2, y - height / 2, width, height), score, angle)


@dataclass(frozen=True)
class BuiltinDetector:
    """Detects faces rotated by up to 45 degrees, in several passes over the image with more and
    more pixels (`detection.search`).

    A lone face is found from about 20 pixels on in an image of 640 pixels, 40 in one of 1200 to
    3600, and 1/130 of the longer side in larger ones. Beside a large face, one of less than 1/35
    of the longer side may be missed.

    A detector can be pickled and copied.

    Attributes:
        side: longer side in pixels that larger images are resized to in the first pass. Larger:
            smaller faces are found beside large ones; time grows with its square.
        min_score: minimum score of a detection, (0, 1]. A detector that decides alone takes 0.5.
            Smaller: fewer faces are missed, more detections are none.
        more_sides: sides of the first pass of further searches, in pixels, whose faces are added.
            Each takes its own time; fewer faces are missed.
        checksum: SHA-256 of the file, see `runtime.model_file`.
    """

    side: int = SIDE
    min_score: float = 0.5
    more_sides: tuple[int, ...] = ()
    checksum: str = field(default="", repr=False, compare=False)
    _session: SharedSession | None = field(default=None, repr=False, compare=False)

    @classmethod
    def load(
        cls,
        path: Path | None = None,
        *,
        side: int = SIDE,
        min_score: float = 0.5,
        more_sides: tuple[int, ...] = (),
        threads: int | None = None,
    ) -> BuiltinDetector:
        """Read the network.

        Args:
            path: ONNX file. None: the one in the package.
            side, min_score, more_sides: see the attributes.
            threads: processor threads. None: all.

        Raises:
            ModelError: the file is missing, damaged, newer or not a face detector.
            SettingsError: `side` or `min_score` out of range.
        """
        least = min(side, *more_sides) if more_sides else side
        if least < MULTIPLE or not 0 < min_score <= 1:
            raise SettingsError(
                f"the face detector needs a side of {MULTIPLE} pixels or more and a min_score in "
                f"(0, 1]; got side {least}, min_score {min_score}"
            )
        file = weights.DETECTOR if path is None else path
        metadata, data = read_model_file(file)
        session = SharedSession(data, file, threads=threads)
        if metadata is None or metadata.get("kind") != KIND:
            raise ModelError(f"{file} is not a face detector of facepoints; name another file")
        return cls(side, min_score, more_sides, metadata["checksum"], session)

    @property
    def threads(self) -> int:
        """Number of processor threads that may be used."""
        return self._network.threads

    @property
    def _network(self) -> SharedSession:
        if self._session is None:
            raise SettingsError("a BuiltinDetector has no network yet; make it by `load`")
        return self._session

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Faces in an image, (H, W) gray or (H, W, 3) RGB, most confident first."""
        return [detection for detection, _ in self.detect_points(image)]

    def detect_points(self, image: NDArray[np.uint8]) -> DetectorOutput:
        """Faces with their points (5, 2) in image pixels: the subject's right eye, left eye,
        nose tip, right and left mouth corner."""
        network, gray = Network(self._whole, self._windows), to_gray(image)
        faces = search(network, gray, self.side, self.min_score)
        for side in self.more_sides:
            faces = _once([*faces, *search(network, gray, side, self.min_score)])
        return faces

    def _whole(self, gray: NDArray[np.uint8], side: int, min_score: float) -> DetectorOutput:
        """Faces in a gray image that is resized to a side."""
        small, scale = resized(gray, side)
        if max(small.shape) <= TILE:
            return decode(self._cells(small[None])[0], small.shape, min_score, scale)
        faces: DetectorOutput = []
        for rows, columns in tiles(small.shape):
            tile = np.ascontiguousarray(small[rows, columns])
            decoded = decode(self._cells(tile[None])[0], tile.shape, min_score, scale)
            shift = np.array([columns.start, rows.start]) / scale
            faces += [_shifted(face, shift) for face in decoded]
        return _once(faces)

    def _windows(
        self, gray: NDArray[np.uint8], windows: list[Window], min_score: float
    ) -> list[DetectorOutput]:
        """Faces in the middle of each window of a gray image."""
        middle = (WINDOW - 1) / 2
        matrices = [
            np.array([[zoom, 0, middle - zoom * x], [0, zoom, middle - zoom * y]])
            for x, y, zoom in windows
        ]
        images = np.stack([cut(gray, matrix, WINDOW) for matrix in matrices])
        found: list[DetectorOutput] = []
        for cells, matrix in zip(self._cells(images), matrices, strict=True):
            faces: DetectorOutput = []
            for detection, points in decode(cells, (WINDOW, WINDOW), min_score, (1.0, 1.0)):
                x, y, width, height = detection.box
                off = x + width / 2 - middle, y + height / 2 - middle
                if np.hypot(*off) < WINDOW / 4:
                    five = affine.apply(affine.invert(matrix), points).astype(np.float32)
                    faces.append((map_detection(detection, matrix), five))
            found.append(faces)
        return found

    def _cells(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The network's output (B, 16, N) for images (B, H, W)."""
        (cells,) = self._network.run(OUTPUTS, INPUT, images)
        return cells


def _shifted(
    face: tuple[Detection, NDArray[np.float32]], shift: NDArray[np.float64]
) -> tuple[Detection, NDArray[np.float32]]:
    detection, points = face
    x, y, width, height = detection.box
    box = (x + float(shift[0]), y + float(shift[1]), width, height)
    moved = (points + shift).astype(np.float32)
    return Detection(box, detection.score, detection.angle), moved


def _once(faces: DetectorOutput) -> DetectorOutput:
    """Each face once, most confident first."""
    kept: DetectorOutput = []
    for face in sorted(faces, key=lambda f: -f[0].score):
        if not any(is_same_face(face[0], other[0]) for other in kept):
            kept.append(face)
    return kept
