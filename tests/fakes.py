"""Landmark models, detectors and a crop rule with a known output.

A "face" of these tests is a bright disc, its brow, above a dark one, its chin.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.crop_geometry import CropRule
from facepoints.datasets.crops import CROP_MARGIN
from facepoints.detection import Detection
from facepoints.imaging import affine
from facepoints.inference.landmark_model import LandmarkOutput
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_face import MEAN_BOX, mean_points

__all__ = [
    "DISC_LANDMARKS",
    "DISC_SHAPE",
    "DiscModel",
    "DriftingDiscs",
    "FixedDetector",
    "MeanModel",
    "NoisyDiscs",
    "center_of",
    "mean_face_rule",
]

DISC_LANDMARKS = LandmarkSet(("brow", "chin", "left_ear", "right_ear"))
DISC_SHAPE = np.array([(0, -0.35), (0, 0.35), (0.4, 0), (-0.4, 0)])
"""The four points of a face whose box has its center at 0 and a longer side of 1."""


@dataclass
class DiscModel:
    """A landmark model of these faces that always predicts its canonical points.

    Attributes:
        calls: the number of crops in each call.
        visible: visibility of each point; None: it does not predict it.
    """

    refinement_passes: int = 1
    has_face_score: bool = True
    calls: list[int] = field(default_factory=list)
    landmarks: LandmarkSet = DISC_LANDMARKS
    size: tuple[int, int] = (64, 64)
    face_box: tuple[float, float, float, float] = (11.5, 11.5, 40.0, 40.0)
    visible: tuple[float, ...] | None = None

    @property
    def canonical_points(self) -> NDArray[np.float32]:
        return (DISC_SHAPE * 40 + 31.5).astype(np.float32)

    def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput:
        """The canonical points for every crop, with a radius and a score of 1."""
        count = len(crops)
        self.calls.append(count)
        points = np.repeat(self.canonical_points[None], count, axis=0)
        ones = np.ones(points.shape[:2], np.float32)
        score = np.ones(count, np.float32)
        return LandmarkOutput(points, ones, score, visible=self.visibility(count))

    def visibility(self, count: int) -> NDArray[np.float32] | None:
        """The visibility of the points in `count` crops."""
        if self.visible is None:
            return None
        return np.tile(np.array(self.visible, np.float32), (count, 1))


@dataclass
class Discs(DiscModel):
    """Base of the models that read the two discs of a face.

    Attributes:
        bright: pixels above it belong to the brow.
        dark: pixels below it belong to the chin.
    """

    bright: int = 200
    dark: int = 56

    def fit(self, crop: NDArray[np.uint8]) -> affine.Matrix | None:
        """The similarity from `DISC_SHAPE` to the crop; None without both discs."""
        discs = [center_of(crop > self.bright), center_of(crop < self.dark)]
        if any(len(center) == 0 for center in discs):
            return None
        return affine.fit_similarity(DISC_SHAPE[:2], np.array(discs))


@dataclass
class DriftingDiscs(Discs):
    """Reads the discs with an error that refinement makes smaller. A bright brow scores higher.

    Attributes:
        drift: error of a point as a fraction of its distance from its canonical point.
    """

    face_box: tuple[float, float, float, float] = (11.5, 13.5, 40.0, 36.0)
    drift: float = 0.0

    def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput:
        assert crops.dtype == np.uint8
        assert crops.shape[1:] == self.size
        self.calls.append(len(crops))
        output = LandmarkOutput(
            np.full((len(crops), 4, 2), np.nan, np.float32),
            np.ones((len(crops), 4), np.float32),
            np.zeros(len(crops), np.float32),
            visible=self.visibility(len(crops)),
        )
        for row, crop in enumerate(crops):
            fit = self.fit(crop)
            if fit is None:
                output.points[row] = self.canonical_points
                continue
            points = affine.apply(fit, DISC_SHAPE)
            output.points[row] = points + self.drift * (points - self.canonical_points)
            output.radius[row] = 0.05 * np.hypot(*fit[:, 0]) * np.array([1, 1, 2, 2])
            output.score[row] = crop.max() / 255 * 0.99
        return output


@dataclass
class NoisyDiscs(Discs):
    """Reads the discs of a face in the middle of the crop, with random errors.

    Attributes:
        noise: standard deviation of the errors in pixels of the crop.
    """

    bright: int = 225
    dark: int = 40
    noise: float = 0.0
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput:
        self.calls.append(len(crops))
        points = np.repeat(self.canonical_points[None], len(crops), axis=0)
        radius = np.full((len(crops), 4), 2.0, np.float32)
        score = np.zeros(len(crops), np.float32)
        for row, crop in enumerate(crops):
            fit = self.fit(crop)
            if fit is None or np.hypot(*(affine.apply(fit, np.zeros(2)) - 31.5)) > 20:
                continue  # no face, or one beside the crop
            points[row] = affine.apply(fit, DISC_SHAPE)
            points[row] += self.random.normal(0, 1, (4, 2)) * self.noise
            score[row] = 0.99
        return LandmarkOutput(points, radius, score, visible=self.visibility(len(crops)))


def center_of(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Center (2,) of the largest connected part, or empty if that is a few pixels only."""
    count, _, stats, centers = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count < 2:
        return np.zeros(0)
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return centers[largest] if stats[largest, cv2.CC_STAT_AREA] > 20 else np.zeros(0)


def mean_face_rule(landmarks: LandmarkSet, size: tuple[int, int]) -> CropRule:
    """The rule of crops of `size` (H, W) that `cut_crops` would cut around the mean face.

    Points that the mean face lacks are at its center.
    """
    points, known = mean_points(landmarks)
    x, y, width, height = affine.bounding_box(points[known]) if known.any() else MEAN_BOX
    unit = min(size) / (1 + CROP_MARGIN) / max(width, height, 0.1)
    middle = (np.array(size[::-1]) - 1) / 2
    shift = middle - unit * np.array([x + width / 2, y + height / 2])
    canonical = unit * np.where(known[:, None], points, 0) + shift
    left, top, box_width, box_height = (float(unit * side) for side in MEAN_BOX)
    box = (float(shift[0]) + left, float(shift[1]) + top, box_width, box_height)
    return CropRule(canonical.astype(np.float32), box)


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
