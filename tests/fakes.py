"""Landmark models and detectors whose output is known, for tests of what uses them.

A "face" of these tests is a bright disc, its brow, above a dark one, its chin.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from crop_rules import mean_face_rule
from numpy.typing import NDArray

from facepoints.detection import Detection
from facepoints.inference.landmark_model import LandmarkOutput
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["DISC_LANDMARKS", "DISC_SHAPE", "DiscModel", "FixedDetector", "MeanModel"]

DISC_LANDMARKS = LandmarkSet(("brow", "chin", "left_ear", "right_ear"))
DISC_SHAPE = np.array([(0, -0.35), (0, 0.35), (0.4, 0), (-0.4, 0)])
"""The four points of a face whose box has its center at 0 and a longer side of 1."""


@dataclass
class DiscModel:
    """What a landmark model of these faces needs besides its `__call__`.

    Attributes:
        calls: the number of crops in each call.
    """

    refinement_passes: int = 1
    has_face_score: bool = True
    calls: list[int] = field(default_factory=list)
    landmarks: LandmarkSet = DISC_LANDMARKS
    size: tuple[int, int] = (64, 64)
    face_box: tuple[float, float, float, float] = (11.5, 11.5, 40.0, 40.0)

    @property
    def canonical_points(self) -> NDArray[np.float32]:
        return (DISC_SHAPE * 40 + 31.5).astype(np.float32)

    def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput:
        """The canonical points for every crop, with a radius and a score of 1."""
        count = len(crops)
        self.calls.append(count)
        points = np.repeat(self.canonical_points[None], count, axis=0)
        ones = np.ones(points.shape[:2], np.float32)
        return LandmarkOutput(points, ones, np.ones(count, np.float32))


class MeanModel:
    """Predicts the mean face for every crop, with a radius of 2. It has no face score."""

    landmarks = IBUG_68
    size = (96, 96)
    refinement_passes = 0
    has_face_score = False
    canonical_points, face_box = mean_face_rule(IBUG_68, (96, 96))

    def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput:
        count = len(crops)
        points = np.repeat(self.canonical_points[None], count, axis=0)
        radius = np.full((count, len(IBUG_68)), 2, np.float32)
        return LandmarkOutput(points, radius, np.ones(count, np.float32))


@dataclass
class FixedDetector:
    """Returns the same detections for every image.

    Attributes:
        detections: of every image.
        fallback: those of each fallback attempt.
        attempts: number of fallback attempts that were asked for.
    """

    detections: Sequence[Detection]
    fallback: Sequence[Sequence[Detection]] = ()
    attempts: int = 0

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        return list(self.detections)

    def detect_fallback(self, image: NDArray[np.uint8]) -> Iterator[list[Detection]]:
        for detections in self.fallback:
            self.attempts += 1
            yield list(detections)
