"""The metadata of a landmark model's file: everything that the graph alone does not say.

All keys are required, because a prediction needs them, except two. Only models that
`facepoints adapt` changed have "adapted". Without "has_visibility" it is false.
`models.onnx_export.run_metadata` makes the metadata of a run, and
`models.onnx_edit.apply_adaptation` that of an adapted model. `runtime.model_file` describes the
keys around it (format, version and checksum).

A new key is a field of `ModelMetadata`, with its lines in `to_dict` and `from_dict`, a value in
`run_metadata`, and a row in ``docs/reference/onnx-file.md``. Make it optional, so that older files
can still be read.
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

_MAX_SIDE = 4096  # pixels of a crop
_MAX_PASSES = 100


@dataclass(frozen=True, eq=False)
class ModelMetadata:
    """Description of the input and output of a landmark model.

    Attributes:
        landmarks: the K landmarks.
        schemes: marking schemes of the training data, each with the names of its landmarks.
        size: (height, width) of the crops in pixels.
        refinement_passes: number of times that a face is cropped again by the landmarks of the
            pass before, 0 or more. More passes are more exact and slower.
        canonical_points: (K, 2) float32, mean position of each landmark in the training crops,
            in crop pixels.
        face_box: (x, y, width, height) in crop pixels: where the training crops have the bounding
            box of the 68 points of an upright face. A detected box is placed there.
        has_face_score: whether the model predicts if a crop shows a face. If not, the score of
            every crop is 1.
        calibration: the factors that the graph multiplies the scales by to get 90 % radii, and
            how they were measured.
        adapted: how `facepoints adapt` changed the model; None if it did not.
        has_visibility: whether the model predicts if each landmark can be seen.
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
    has_visibility: bool = False

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, which `from_dict` reads. Coordinates have 4 decimals."""
        metadata: dict[str, Any] = {
            "landmarks": self.landmarks.to_dict(),
            "schemes": {name: list(points) for name, points in self.schemes.items()},
            "size": list(self.size),
            "refinement_passes": self.refinement_passes,
            "canonical_points": np.round(self.canonical_points.astype(float), 4).tolist(),
            "face_box": [round(side, 4) for side in self.face_box],
            "has_face_score": self.has_face_score,
            "has_visibility": self.has_visibility,
            "calibration": self.calibration.to_dict(),
        }
        return metadata if self.adapted is None else {**metadata, "adapted": self.adapted}

    @classmethod
    def from_dict(cls, metadata: dict[str, Any], name: str = "the model") -> ModelMetadata:
        """Inverse of `to_dict`. Other keys are ignored.

        Args:
            metadata: keys and values of the file.
            name: of the file, for the error message.

        Raises:
            ModelError: a required key is missing, or a value is wrong.
        """
        try:
            height, width = map(int, metadata["size"])
            x, y, w, h = map(float, metadata["face_box"])
            landmarks = LandmarkSet.from_dict(metadata["landmarks"])
            k = len(landmarks)
            made = cls(
                landmarks=landmarks,
                schemes={name: tuple(points) for name, points in metadata["schemes"].items()},
                size=(height, width),
                refinement_passes=int(metadata["refinement_passes"]),
                canonical_points=np.array(metadata["canonical_points"], np.float32).reshape(k, 2),
                face_box=(x, y, w, h),
                has_face_score=bool(metadata["has_face_score"]),
                calibration=Calibration.from_dict(metadata["calibration"], k),
                adapted=dict(metadata["adapted"]) if "adapted" in metadata else None,
                has_visibility=bool(metadata.get("has_visibility", False)),
            )
            sides = min(height, width) >= 1 and max(height, width) <= _MAX_SIDE
            if not sides or not min(w, h) > 0 or not 0 <= made.refinement_passes <= _MAX_PASSES:
                raise ValueError("size, face_box or refinement_passes out of range")
        except (LookupError, TypeError, ValueError, AttributeError, FacepointsError) as error:
            raise ModelError(
                f"the metadata of {name} is damaged: {error!r}; download or export it again"
            ) from error
        return made
