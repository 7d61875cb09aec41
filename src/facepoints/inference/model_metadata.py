"""The metadata of a landmark model's file: everything that the graph alone does not say.

A new entry of the header is a new field of `ModelMetadata`, here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import FacepointsError, ModelError
from facepoints.inference.radius_calibration import Calibration
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["ModelMetadata"]


@dataclass(frozen=True, eq=False)
class ModelMetadata:
    """What a landmark model predicts and expects.

    Attributes:
        landmarks: the K landmarks.
        schemes: marking schemes of the training data, each with the names of its landmarks.
        size: (height, width) of the crops in pixels.
        refinement_passes: how often a crop should be refined by the landmarks predicted in it,
            0 or more. More: more exact and slower.
        canonical_points: (K, 2) float32, mean position of each landmark in the training crops,
            in crop pixels.
        face_box: (x, y, width, height) in crop pixels, the place of a detector's box in the
            training crops: the bounding box of the 68 landmarks of an upright face.
        has_face_score: whether the score means anything. If not, it is 1 for every crop.
        calibration: the origin of the radii.
        adapted: how the model was changed by `facepoints adapt`. None: it was not.
    """

    landmarks: LandmarkSet = field(repr=False)
    schemes: dict[str, tuple[str, ...]] = field(repr=False)
    size: tuple[int, int]
    refinement_passes: int
    canonical_points: NDArray[np.float32] = field(repr=False)
    face_box: tuple[float, float, float, float]
    has_face_score: bool
    calibration: Calibration = field(repr=False)
    adapted: dict[str, Any] | None = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, read back by `from_dict`; coordinates to 4 decimals."""
        header: dict[str, Any] = {
            "landmarks": self.landmarks.to_dict(),
            "schemes": {name: list(points) for name, points in self.schemes.items()},
            "size": list(self.size),
            "refinement_passes": self.refinement_passes,
            "canonical_points": np.round(self.canonical_points.astype(float), 4).tolist(),
            "face_box": [round(side, 4) for side in self.face_box],
            "has_face_score": self.has_face_score,
            "calibration": self.calibration.to_dict(),
        }
        return header if self.adapted is None else {**header, "adapted": self.adapted}

    @classmethod
    def from_dict(cls, header: dict[str, Any], name: str = "the model") -> ModelMetadata:
        """Inverse of `to_dict`; other keys are ignored.

        Args:
            name: of the file, for the error message.

        Raises:
            ModelError: an entry is missing or wrong.
        """
        try:
            height, width = map(int, header["size"])
            x, y, w, h = map(float, header["face_box"])
            landmarks = LandmarkSet.from_dict(header["landmarks"])
            k = len(landmarks)
            metadata = cls(
                landmarks=landmarks,
                schemes={name: tuple(points) for name, points in header["schemes"].items()},
                size=(height, width),
                refinement_passes=int(header["refinement_passes"]),
                canonical_points=np.array(header["canonical_points"], np.float32).reshape(k, 2),
                face_box=(x, y, w, h),
                has_face_score=bool(header["has_face_score"]),
                calibration=Calibration.from_dict(header["calibration"], k),
                adapted=dict(header["adapted"]) if "adapted" in header else None,
            )
            if min(height, width) < 1 or min(w, h) <= 0 or metadata.refinement_passes < 0:
                raise ValueError("size, face_box or refinement_passes out of range")
        except (LookupError, TypeError, ValueError, AttributeError, FacepointsError) as error:
            raise ModelError(
                f"the metadata of {name} is damaged: {error!r}; download or export it again"
            ) from error
        return metadata
