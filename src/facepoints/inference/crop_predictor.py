"""Models and runs as what answers pictures that are cut to one face each.

A run that was trained on such pictures answers them as they are. Any other, as the model that
comes with the package, is shown them as the crops that it knows: a first look goes by where
such pictures have the face, a second by the first answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from facepoints.detection import FullImageDetector
from facepoints.inference.cropping import LandmarkNetwork, initial_crop, predict_refined
from facepoints.inference.landmark_model import LandmarkOutput
from facepoints.landmarks.landmark_set import LandmarkSet

if TYPE_CHECKING:
    pass

__all__ = [
    "CropModel",
    "CroppingModel",
    "HasPoints",
]


class HasPoints(Protocol):
    """An answer that has points."""

    @property
    def points(self) -> NDArray[np.float32]: ...


class CropModel(Protocol):
    """What answers pictures cut to one face each, as a `Run` does."""

    @property
    def landmarks(self) -> LandmarkSet: ...
    @property
    def schemes(self) -> dict[str, tuple[str, ...]]: ...
    def predict(self, images: NDArray[np.uint8]) -> HasPoints:
        """Points (N, K, 2) of gray images (N, H, W), in their pixels."""
        ...


@dataclass(frozen=True)
class CroppingModel:
    """A model that is shown pictures of one face each as the crops that it knows.

    Attributes:
        model: looks at crops.
        sources: marking schemes of its training data, with their points.
        whole: where the pictures have the face.
    """

    model: LandmarkNetwork
    schemes: dict[str, tuple[str, ...]]
    framing: FullImageDetector

    @property
    def landmarks(self) -> LandmarkSet:
        return self.model.landmarks

    def predict(self, images: NDArray[np.uint8]) -> LandmarkOutput:
        """Points, radius and score of gray images (N, H, W) uint8, in their pixels."""
        places = [
            initial_crop(self.model, row, self.framing.detect(image)[0])
            for row, image in enumerate(images)
        ]
        return predict_refined(self.model, list(images), places, min_score=0.0)[1]
