"""Are the eyes open or closed? A small network looks at each eye, without PyTorch.

The points of closed eyes are unreliable: a landmark model has seen few closed eyes, and predicts
them half open. This network looks at the pixels between the lids instead. Each eye is cut out
upright, with its corners `CORNERS` of the crop's side apart, and gets two numbers: the probability
that it is closed, and the probability that there is an eye to see. An eye that is hidden, outside
the image or behind sunglasses gets a reason instead of a number (`EyeClosure`).

The file is ONNX. Its input "eyes" is uint8 (B, `SIDE`, `SIDE`). Its outputs are "closed" and
"seen", float32 (B,) in [0, 1]. `runtime.model_file` describes the metadata and the checksum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints import weights
from facepoints.errors import DataError, ModelError
from facepoints.imaging import affine
from facepoints.inference.cropping import crop
from facepoints.inference.eye_closure import (
    EYES,
    HIDDEN_EYE,
    NO_CORNERS,
    NOT_SEEN,
    OUTSIDE,
    TOO_SMALL,
    EyeClosure,
)
from facepoints.inference.face import Face
from facepoints.inference.landmark_weights import HIDDEN
from facepoints.runtime.model_file import read_model_file
from facepoints.runtime.shared_session import SharedSession

__all__ = ["CORNERS", "INPUT", "KIND", "OUTPUTS", "SIDE", "EyeStateModel", "eye_matrix"]

KIND = "eye-state"
"""Value of "kind" in the metadata."""
INPUT, OUTPUTS = "eyes", ("closed", "seen")

SIDE = 32
"""Pixels of a crop's sides."""
CORNERS = 0.7
"""Distance between the corners of an eye in its crop, as a fraction of the side."""
_FAR_EYE = 0.7  # an eye is at least so long, as a fraction of the other: a turned head shortens it
_MIN_LENGTH = 5.0  # pixels between the corners
_MIN_SEEN = 0.5  # probability that there is an eye to see


def eye_matrix(face: Face, eye: str, size: int = SIDE, corners: float = CORNERS) -> affine.Matrix:
    """Map from the image to the crop of one eye, upright.

    Args:
        face: with the corners of both eyes among its points.
        eye: "right" or "left", the subject's.
        size: of the crop in pixels.
        corners: distance between the corners in the crop, as a fraction of its side.

    Raises:
        DataError: the face has no corners of the eyes.
    """
    own, other = _corners(face, eye), _corners(face, EYES[eye == "right"])
    across = own[1] - own[0]
    length = max(_length(own), _FAR_EYE * _length(other), 1e-3)
    turn = -np.arctan2(across[1], across[0])
    scale = corners * size / length
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    linear = np.array([[cos, -sin], [sin, cos]])
    return np.column_stack([linear, (size - 1) / 2 - linear @ own.mean(axis=0)])


def _corners(face: Face, eye: str) -> NDArray[np.float64]:
    """The corners of an eye (2, 2). In an upright face, the first is further left in the image."""
    parts = ("outer", "inner") if eye == "right" else ("inner", "outer")
    return np.array([face[f"{eye}_eye_{part}_corner"] for part in parts], dtype=np.float64)


def _length(corners: NDArray[np.float64]) -> float:
    return float(np.hypot(*(corners[1] - corners[0])))


def _unusable(face: Face, eye: str, size: tuple[int, ...]) -> str:
    """Say why an eye cannot be cut out; empty if it can."""
    corners = [f"{one}_eye_{part}_corner" for one in EYES for part in ("outer", "inner")]
    if not all(name in face for name in corners):
        return NO_CORNERS
    outline = face.landmarks.regions.get(f"{eye}_eye", ())
    if face.visible is not None and outline:
        columns = face.landmarks.columns(outline)
        if float(face.visible[columns].mean()) < HIDDEN:
            return HIDDEN_EYE
    ends = _corners(face, eye)
    x, y = ends.mean(axis=0)
    if not (-0.5 <= x <= size[1] - 0.5 and -0.5 <= y <= size[0] - 0.5):
        return OUTSIDE
    return TOO_SMALL if _length(ends) < _MIN_LENGTH else ""


@dataclass(frozen=True)
class EyeStateModel:
    """The loaded network. It may be called from several threads, pickled and copied.

    Attributes:
        checksum: SHA-256 of the file, see `runtime.model_file`.
    """

    checksum: str
    _session: SharedSession = field(repr=False, compare=False)

    @classmethod
    def load(cls, path: Path | None = None, *, threads: int | None = None) -> EyeStateModel:
        """Read the network.

        Args:
            path: ONNX file. None: the one in the package.
            threads: processor threads. None: all.

        Raises:
            ModelError: the file is missing, damaged, newer or not an eye state of facepoints.
            SettingsError: `threads` is out of range.
        """
        file = weights.EYES if path is None else path
        metadata, data = read_model_file(file)
        session = SharedSession(data, file, threads=threads)
        if metadata is None or metadata.get("kind") != KIND:
            raise ModelError(f"{file} is not an eye state of facepoints; name another file")
        return cls(metadata["checksum"], session)

    def __call__(self, crops: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Probabilities (B,) that eyes are closed, and that there are eyes to see.

        Args:
            crops: (B, SIDE, SIDE) uint8, as `eye_matrix` cuts them.

        Raises:
            DataError: the crops have another shape or type.
        """
        if crops.dtype != np.uint8 or crops.ndim != 3 or crops.shape[1:] != (SIDE, SIDE):
            raise DataError(
                f"the eye state expects gray crops, uint8 (B, {SIDE}, {SIDE}); got {crops.dtype} "
                f"{crops.shape}"
            )
        if not len(crops):
            return np.zeros(0, np.float32), np.zeros(0, np.float32)
        closed, seen = self._session.run(OUTPUTS, INPUT, np.ascontiguousarray(crops))
        return closed, seen

    def closures(self, image: NDArray[np.uint8], faces: Sequence[Face]) -> list[EyeClosure]:
        """The closure of the eyes of faces in an image, (H, W) gray or (H, W, 3) RGB.

        All eyes go through the network together.
        """
        reasons = {
            (number, eye): _unusable(face, eye, image.shape)
            for number, face in enumerate(faces)
            for eye in EYES
        }
        usable = [place for place, reason in reasons.items() if not reason]
        values: dict[tuple[int, str], float] = {}
        if usable:
            cuts = [crop(image, eye_matrix(faces[n], eye), (SIDE, SIDE)) for n, eye in usable]
            for place, closed, seen in zip(usable, *self(np.stack(cuts)), strict=True):
                if seen >= _MIN_SEEN:
                    values[place] = round(float(closed), 4)
                else:
                    reasons[place] = NOT_SEEN
        return [
            EyeClosure(
                right=values.get((number, "right")),
                left=values.get((number, "left")),
                right_reason=reasons[number, "right"],
                left_reason=reasons[number, "left"],
            )
            for number in range(len(faces))
        ]

    def with_closures(self, image: NDArray[np.uint8], faces: Sequence[Face]) -> list[Face]:
        """The faces with `Face.eye_closure` set."""
        closures = self.closures(image, faces)
        return [replace(f, eye_closure=c) for f, c in zip(faces, closures, strict=True)]
