"""Observations: the landmark model's output for the faces of one frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.imaging import affine
from facepoints.inference.cropping import LandmarkNetwork, crop, run_crops
from facepoints.tracking.config import AppearanceConfig
from facepoints.tracking.pose2d import SimilarityPose, fit_pose, pose_to_similarity

__all__ = [
    "Observation",
    "SceneMemory",
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
    def place(self) -> tuple[float, float]:
        """x and y of the pose in pixels."""
        x, y, _, _ = self.pose.tolist()
        return x, y

    @cached_property
    def pose_scale(self) -> NDArray[np.float64]:
        """Divisor (4,) that turns the pixels of a difference of poses into face sizes."""
        size = max(self.size, 1e-3)
        return np.array([size, size, 1.0, 1.0])

    def rescaled(self, factor: float) -> Observation:
        """The same in a frame of another resolution, `factor` times as large."""
        x, y, log_scale, rotation = self.pose
        return replace(
            self,
            points=(self.points * factor).astype(np.float32),
            radius=self.radius * factor,
            pose=np.array([x * factor, y * factor, log_scale + np.log(factor), rotation]),
        )


def appearance_descriptor(image: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
    """A crop as a vector of length 1 for comparing faces, nearly independent of lighting.

    Args:
        image: (H, W) gray crop, with the face upright.
        side: side in pixels of the small image that the crop is reduced to
            (`AppearanceConfig.side`).

    Returns:
        (side * side,).
    """
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
    # gradual changes across the crop come from lighting, so they are removed
    small -= cv2.GaussianBlur(small, (0, 0), side / 4)
    flat = small.ravel() - small.mean()
    return flat / max(float(np.linalg.norm(flat)), 1e-6)


def appearance_similarity(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Correlation in [-1, 1] of two vectors of `appearance_descriptor`."""
    return float(a @ b)


class SceneMemory:
    """Compares the surroundings of a face with those in the frame before.

    A head that turns quickly changes its appearance as much as another person's face would after
    a cut. Its surroundings tell them apart. Where people turn their heads by 15 degrees between
    two frames (Pointing'04, persons 1 and 2), the similarity is 0.76 or more; in photos of
    different people, framed alike (YouTube Faces), 99.9 % of the pairs are below 0.65.

    Args:
        side: as for `appearance_descriptor`.
    """

    _REACH = 3.0  # side of the surroundings, in face sizes
    _PIXELS = 72  # side of the images of them that are compared

    def __init__(self, side: int) -> None:
        self._side = side
        self._frames: list[NDArray[np.uint8]] = []

    def add(self, gray: NDArray[np.uint8]) -> None:
        """The next frame (H, W)."""
        self._frames = [*self._frames[-1:], gray]

    def similarity(self, center: NDArray, size: float) -> float:
        """Appearance similarity of the last two frames around a face, [-1, 1]; -1 for the first
        frame, and after a change of the frame's size.

        Args:
            center: (2,) pixels.
            size: of the face in pixels.
        """
        if len(self._frames) < 2 or self._frames[0].shape != self._frames[1].shape:
            return -1.0
        pixels = self._PIXELS
        scale = pixels / (self._REACH * max(size, 1e-3))
        shift = (pixels - 1) / 2 - scale * np.asarray(center, dtype=np.float64)
        matrix = np.column_stack([np.eye(2) * scale, shift])
        around = [crop(frame, matrix, (pixels, pixels)) for frame in self._frames]
        return appearance_similarity(*(appearance_descriptor(c, self._side) for c in around))


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
    for image, points, radius, score, seen in zip(crops, *output[:3], visible, strict=True):
        pose = None
        if np.isfinite(points).all():
            pose = fit_pose(points, radius, model.canonical_points, seen)
        if pose is None:
            observations.append(None)
            continue
        appearance = appearance_descriptor(image, config.side)
        observations.append(Observation(points, radius, float(score), pose, appearance, seen))
    return observations


def observe_poses(
    model: LandmarkNetwork,
    gray: NDArray[np.uint8],
    poses: Sequence[SimilarityPose],
    config: AppearanceConfig,
) -> list[Observation | None]:
    """Run the model on one crop per pose, framed as a training crop of a face with that pose.

    Args:
        gray: (H, W).
        poses: (4,) each, of faces in the image.

    Returns:
        As `observe_crops`.
    """
    center = model.canonical_points.mean(axis=0)
    matrices = [affine.invert(pose_to_similarity(pose, center)) for pose in poses]
    return observe_crops(model, gray, matrices, config) if matrices else []
