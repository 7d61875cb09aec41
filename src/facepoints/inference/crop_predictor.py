"""Adapters that let any model predict on images that are cropped to one face each.

A model that was trained on such images predicts on them as they are. Any other, such as the
built-in model, predicts on crops framed like its own training crops (`CroppingModel`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facepoints.detection import FullImageDetector
from facepoints.inference.cropping import LandmarkNetwork, initial_crop
from facepoints.inference.landmark_model import LandmarkOutput
from facepoints.inference.refinement import predict_refined
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = [
    "CropModel",
    "CroppingModel",
    "HasPoints",
]


class HasPoints(Protocol):
    """The output of a `CropModel`. Only its points are used."""

    @property
    def points(self) -> NDArray[np.float32]: ...


class CropModel(Protocol):
    """A model that predicts on images cropped to one face each, such as a `Run`."""

    @property
    def landmarks(self) -> LandmarkSet: ...
    @property
    def schemes(self) -> dict[str, tuple[str, ...]]: ...
    def predict(self, images: NDArray[np.uint8]) -> HasPoints:
        """Points (N, K, 2) of gray images (N, H, W) uint8, in their pixels."""
        ...


@dataclass(frozen=True)
class CroppingModel:
    """A model that crops images of one face each as its training crops were.

    Attributes:
        model: predicts on the crops.
        schemes: marking schemes of its training data, each with the names of its landmarks.
        framing: detector that returns the place of the face in every image.
    """

    model: LandmarkNetwork
    schemes: dict[str, tuple[str, ...]]
    framing: FullImageDetector

    @property
    def landmarks(self) -> LandmarkSet:
        return self.model.landmarks

    def predict(self, images: NDArray[np.uint8]) -> LandmarkOutput:
        """Landmarks of gray images (N, H, W) uint8, in their pixels."""
        crops = [
            initial_crop(self.model, row, self.framing.detect(image)[0])
            for row, image in enumerate(images)
        ]
        return predict_refined(self.model, list(images), crops, min_score=0.0)[1]
