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

from facepoints.detection import WholeImage
from facepoints.inference.cropping import Model, first_look, looked
from facepoints.inference.landmark_model import Answer
from facepoints.landmarks.landmark_set import LandmarkSet

if TYPE_CHECKING:
    pass

__all__ = [
    "Answers",
    "Framed",
    "Pointed",
]


class Pointed(Protocol):
    """An answer that has points."""

    @property
    def points(self) -> NDArray[np.float32]: ...


class Answers(Protocol):
    """What answers pictures cut to one face each, as a `Run` does."""

    @property
    def landmarks(self) -> LandmarkSet: ...
    @property
    def sources(self) -> dict[str, tuple[str, ...]]: ...
    def predict(self, images: NDArray[np.uint8]) -> Pointed:
        """Points (N, K, 2) of gray images (N, H, W), in their pixels."""
        ...


@dataclass(frozen=True)
class Framed:
    """A model that is shown pictures of one face each as the crops that it knows.

    Attributes:
        model: looks at crops.
        sources: marking schemes of its training data, with their points.
        whole: where the pictures have the face.
    """

    model: Model
    sources: dict[str, tuple[str, ...]]
    whole: WholeImage

    @property
    def landmarks(self) -> LandmarkSet:
        return self.model.landmarks

    def predict(self, images: NDArray[np.uint8]) -> Answer:
        """Points, radius and score of gray images (N, H, W) uint8, in their pixels."""
        places = [
            first_look(self.model, row, self.whole.find(image)[0])
            for row, image in enumerate(images)
        ]
        return looked(self.model, list(images), places, least=0.0)[1]
