"""Observations: the landmark model's output for the faces of one frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.imaging import affine
from facepoints.inference.cropping import LandmarkNetwork, run_crops
from facepoints.tracking.config import AppearanceConfig
from facepoints.tracking.pose2d import SimilarityPose, fit_pose, pose_to_similarity

__all__ = [
    "Observation",
    "appearance_descriptor",
    "appearance_similarity",
    "observe_crops",
    "observe_poses",
]


@dataclass(frozen=True, eq=False)
class Observation:
    """The model's output for one face in one frame, before it is assigned to a track.

    Attributes:
        points: (K, 2) landmarks in image pixels.
        radius: (K,) their predicted radii in image pixels.
        score: face score, [0, 1].
        pose: fitted to the landmarks.
        appearance: from `appearance_descriptor`.
        visible: (K,) probability in [0, 1] that each landmark can be seen; None: unknown.
    """

    points: NDArray[np.float32]
    radius: NDArray[np.floating]
    score: float
    pose: SimilarityPose
    appearance: NDArray[np.float32]
    visible: NDArray[np.float32] | None = None

    @cached_property
    def size(self) -> float:
        """Longer side of the landmarks' box in pixels."""
        return float(np.ptp(self.points, axis=0).max())

    @cached_property
    def pose_scale(self) -> NDArray[np.float64]:
        """Divisor (4,) that turns the pixels of a difference of poses into face sizes."""
        size = max(self.size, 1e-3)
        return np.array([size, size, 1.0, 1.0])


def appearance_descriptor(crop: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
    """A crop as a vector of length 1 for comparing faces, nearly independent of lighting.

    Args:
        crop: (H, W) gray, with the face upright.
        side: side in pixels of the small image that the crop is reduced to
            (`AppearanceConfig.side`).

    Returns:
        (side * side,).
    """
    small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
    # gradual changes across the crop come from lighting, so they are removed
    small -= cv2.GaussianBlur(small, (0, 0), side / 4)
    flat = small.ravel() - small.mean()
    return flat / max(float(np.linalg.norm(flat)), 1e-6)


def appearance_similarity(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Correlation of two appearance descriptors, [-1, 1]."""
    return float(a @ b)


def observe_crops(
    model: LandmarkNetwork,
    gray: NDArray[np.uint8],
    matrices: Sequence[affine.Matrix],
    config: AppearanceConfig,
) -> list[Observation | None]:
    """Run the model on crops of an image, all in one batch.

    Args:
        gray: (H, W).
        matrices: (2, 3) from image to crop pixels, one per crop.

    Returns:
        One observation per crop; None where the model's output defines no pose.
    """
    # radii as float64, since the filters compute with them
    output, crops = run_crops(model, [gray] * len(matrices), matrices, np.float64)
    observations: list[Observation | None] = []
    visible = [None] * len(crops) if output.visible is None else output.visible
    for crop, points, radius, score, seen in zip(crops, *output[:3], visible, strict=True):
        pose = None
        if np.isfinite(points).all():
            pose = fit_pose(points, radius, model.canonical_points, seen)
        if pose is None:
            observations.append(None)
            continue
        appearance = appearance_descriptor(crop, config.side)
        observations.append(Observation(points, radius, float(score), pose, appearance, seen))
    return observations


def observe_poses(
    model: LandmarkNetwork,
    gray: NDArray[np.uint8],
    poses: Sequence[SimilarityPose],
    config: AppearanceConfig,
) -> list[Observation | None]:
    """Run the model on one crop per pose, framed as a training crop of a face with that pose."""
    center = model.canonical_points.mean(axis=0)
    matrices = [affine.invert(pose_to_similarity(pose, center)) for pose in poses]
    return observe_crops(model, gray, matrices, config) if matrices else []
