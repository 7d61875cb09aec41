"""One tracked face: its motion, its shape and its appearance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints.imaging import affine
from facepoints.tracking.config import TrackerConfig
from facepoints.tracking.kalman import PoseKalmanFilter
from facepoints.tracking.observation import Observation, appearance_similarity
from facepoints.tracking.one_euro import OneEuroFilter
from facepoints.tracking.pose2d import (
    SimilarityPose,
    measurement_std,
    pose_difference,
    pose_to_similarity,
)

__all__ = ["Track"]


class Track:
    """A face that is followed through a video, with or without an identity yet.

    Args:
        observation: first observation of the face.
        time: of the first observation, in seconds.
        canonical_points: (K, 2) mean shape in crop pixels.
        config: settings. If `config.smooth` is False, the live smoother of the shape does not
            run.
    """

    def __init__(
        self,
        observation: Observation,
        time: float,
        canonical_points: NDArray,
        config: TrackerConfig,
    ) -> None:
        self.track_id: int | None = None
        """The identity; None while the track is tentative."""
        self.observations = 1
        self.time = self.last_seen = time
        self.missed_detections = 0
        """Runs of the face detector in a row that did not confirm this track."""
        self.was_alone = False
        """True after an observation with no other face near."""
        self._config = config
        self._center = canonical_points.mean(axis=0)
        self._start_filters(observation)
        self._last_size_and_turn = observation.pose[2:].copy()  # while no other face was near
        self.mean_appearance = observation.appearance
        self.observation = observation

    @property
    def is_lost(self) -> bool:
        """True if the face was not visible in the last frame."""
        return self.last_seen < self.time

    def predict_pose(self, time: float) -> SimilarityPose:
        """The pose (4,) to expect at a time in seconds."""
        steady, agile = (
            motion.predict(time - self.time, self.is_lost) for motion in (self._steady, self._agile)
        )
        # a jittering crop makes landmarks jitter: use the agile prediction only if it differs
        change = pose_difference(agile, steady)
        apart = change / self.observation.pose_scale / self._config.kalman.agile_threshold
        return steady + change * min(float((apart**2).sum()), 1.0)

    def crop_of(self, pose: SimilarityPose) -> affine.Matrix:
        """The matrix from the image to a crop in which a face of this pose lies as in training
        crops."""
        return affine.invert(pose_to_similarity(pose, self._center))

    def match_score(self, observation: Observation, time: float) -> float:
        """Score of an observation's appearance and place for this track; larger is better."""
        config = self._config.association
        size = max(self.observation.size, 1e-3)
        distance = np.hypot(*(observation.pose - self.predict_pose(time))[:2]) / size
        similarity = appearance_similarity(self.mean_appearance, observation.appearance)
        cost = min(float(distance), config.match_max_distance)
        return similarity - config.match_distance_weight * cost

    def fits_better(self, other: Track, observation: Observation, time: float) -> bool:
        """True if an observation lies where this face is expected and resembles it more than the
        face of `other`."""
        distance = np.hypot(*(observation.pose - self.predict_pose(time))[:2])
        mine = appearance_similarity(self.mean_appearance, observation.appearance)
        theirs = appearance_similarity(other.mean_appearance, observation.appearance)
        reach = self._config.association.same_face_distance * observation.size
        return bool(distance < reach) and mine > theirs

    def update(self, observation: Observation, time: float, *, alone: bool = True) -> None:
        """Update the track with the observation of a frame.

        Args:
            alone: no other face is near. If False, the appearance is not learned, and size and
                rotation only slowly.
        """
        seconds = max(time - self.time, 0.0)
        if self.is_lost:
            velocity = self._agile.smoothed_velocity * (1, 1, 0, 0)
            self._start_filters(observation)
            for motion in (self._steady, self._agile):
                motion.reset_velocity(velocity)
        else:
            std = self._measurement_std(observation)
            self._steady.update(observation.pose, std, seconds, alone=alone)
            self._agile.update(observation.pose, std, seconds, alone=alone)
            if self._shape is not None:
                self._shape(*self._own_frame(observation), seconds, observation.visible)
        self._learn(observation, seconds, alone)
        self.observation = observation
        self.observations += 1
        self.time = self.last_seen = time

    def mark_missed(self, time: float) -> None:
        """Advance by a frame in which the face is not visible."""
        for motion in (self._steady, self._agile):
            motion.predict_without_measurement(max(time - self.time, 0.0), self._last_size_and_turn)
        self.time = time

    def points(self) -> NDArray[np.float32]:
        """Landmarks (K, 2) in pixels, smoothed by the live smoother if it runs."""
        if self._shape is None:
            return self.observation.points
        return affine.apply(pose_to_similarity(self._steady.pose, self._center), self._shape.points)

    def rescale(self, factor: float) -> None:
        """Continue in frames of another resolution, `factor` times as large."""
        self._steady.rescale(factor)
        self._agile.rescale(factor)
        self._last_size_and_turn[0] += np.log(factor)
        self.observation = self.observation.rescaled(factor)

    def _start_filters(self, observation: Observation) -> None:
        std, config = self._measurement_std(observation), self._config
        pose, size = observation.pose, observation.size
        # two estimates: a steady one for the output, an agile one to predict where to crop next
        self._steady = PoseKalmanFilter(pose, std, size, config.kalman)
        self._agile = PoseKalmanFilter(
            pose, std, size, config.kalman, agile=True, noise_of=self._steady
        )
        self._shape = None
        if config.smooth:
            shape = self._own_frame(observation)[0]
            self._shape = OneEuroFilter(shape, config.one_euro, observation.visible)

    def _learn(self, observation: Observation, seconds: float, alone: bool) -> None:
        """Remember size, rotation and appearance, to recognize the face after it was hidden."""
        config = self._config
        last = np.array([0, 0, *self._last_size_and_turn])
        change = pose_difference(observation.pose, last)[2:]
        slow = config.kalman.crowded_size_seconds
        self._last_size_and_turn += (1.0 if alone else 1 - np.exp(-seconds / slow)) * change
        self.was_alone |= alone
        if alone:
            weight = 1 - np.exp(-seconds / config.appearance.averaging_seconds)
            mean = self.mean_appearance + weight * (observation.appearance - self.mean_appearance)
            norm = max(float(np.linalg.norm(mean)), 1e-6)
            self.mean_appearance = (mean / norm).astype(np.float32)

    def _measurement_std(self, observation: Observation) -> NDArray[np.float64]:
        fraction = self._config.kalman.initial_measurement_std
        radius, size, visible = observation.radius, observation.size, observation.visible
        return measurement_std(radius, size, fraction, visible)

    def _own_frame(self, observation: Observation) -> tuple[NDArray, NDArray]:
        """Landmarks (K, 2) and radii (K,) in the frame of the canonical shape."""
        back = affine.invert(pose_to_similarity(observation.pose, self._center))
        scale = np.exp(-observation.pose[2])
        return affine.apply(back, observation.points), observation.radius * scale
