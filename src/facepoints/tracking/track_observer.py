"""Observes the faces of a frame, and decides which observations can be the face of a track.

A tracked face is cropped where its motion so far predicts it, and cropped again if it lies
differently in this crop than faces in training crops. An observation is rejected if its score is
low, if it is too far from the predicted place, or if it looks like somebody else after a cut.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facepoints._util.angles import wrap_radians
from facepoints.inference.face import Face
from facepoints.inference.predictor import Predictor
from facepoints.tracking.association import is_part_of, reidentify
from facepoints.tracking.config import TrackerConfig
from facepoints.tracking.observation import (
    Observation,
    SceneMemory,
    appearance_similarity,
    observe_crops,
    observe_poses,
)
from facepoints.tracking.pose2d import SimilarityPose, fit_pose
from facepoints.tracking.track import Track

__all__ = ["TrackObserver"]


class TrackObserver:
    """Observes faces frame by frame: each call of `observe` takes the next frame.

    Args:
        predictor: has the landmark model and the minimum score of a face.
        config: settings.
    """

    def __init__(self, predictor: Predictor, config: TrackerConfig) -> None:
        self.predictor = predictor
        self.config = config
        self._size = (0, 0)  # height and width of the frame
        self._scene = SceneMemory(config.appearance.side)
        self._time = self._previous_time = -np.inf  # of this frame and of the one before

    def observe(
        self, gray: NDArray[np.uint8], tracks: Sequence[Track], now: float
    ) -> list[Observation | None]:
        """The observation at each track's predicted place in the next frame; None if it cannot be
        the face of the track.

        Args:
            gray: (H, W) the frame. It must not change until the next one.
            tracks: all tracks; there may be none.
            now: time of the frame in seconds.
        """
        self._size = gray.shape[0], gray.shape[1]
        self._scene.add(gray)
        self._previous_time, self._time = self._time, now
        if not tracks:
            return []
        expected = [track.predict_pose(now) for track in tracks]
        observations = self._observe(gray, tracks, expected)
        visible = [track for track in tracks if not track.is_lost]
        return [
            o if o is not None and self._is_plausible(track, o, pose, visible) else None
            for track, o, pose in zip(tracks, observations, expected, strict=True)
        ]

    def observe_new(self, gray: NDArray[np.uint8], faces: Sequence[Face]) -> list[Observation]:
        """Observations of detected faces, in new crops framed by their landmarks.

        The next frames are cropped by the landmarks too. In the detector's crop, the landmarks
        of the first frame would differ from those of the second.
        """
        model = self.predictor.model
        poses = [
            fit_pose(face.points, face.radius, model.canonical_points, face.visible)
            for face in faces
        ]
        known = [pose for pose in poses if pose is not None]
        observations = observe_poses(model, gray, known, self.config.appearance)
        min_score = self.predictor.min_score if model.has_face_score else 0.0
        return [o for o in observations if o is not None and o.score >= min_score]

    def was_seen_as(self, track: Track, observation: Observation) -> bool:
        """True if a new face is that of a track which was lost in this frame: it lies in its place,
        or the track was a part of it and there was no cut."""
        if track.last_seen < self._previous_time:
            return False
        expected = track.predict_pose(self._time)
        return self._is_in_place(track, observation, expected) or (
            is_part_of(track, observation, self.config)
            and self._is_same_scene(expected, track.observation.size)
        )

    def _observe(
        self, gray: NDArray[np.uint8], tracks: Sequence[Track], expected: Sequence[SimilarityPose]
    ) -> list[Observation | None]:
        """The observation at the expected pose of each track; None where there is no pose."""
        model, appearance, config = self.predictor.model, self.config.appearance, self.config.recrop
        matrices = [track.crop_of(pose) for track, pose in zip(tracks, expected, strict=True)]
        observations = observe_crops(model, gray, matrices, appearance)
        again = []
        for n, (observation, pose) in enumerate(zip(observations, expected, strict=True)):
            young = tracks[n].observations < config.young_observations
            factor = config.young_factor if young else 1.0
            if observation is not None and self._needs_recrop(observation.pose, pose, factor):
                again.append(n)
        if again:
            poses = [o.pose for n in again if (o := observations[n]) is not None]
            closer = observe_poses(model, gray, poses, appearance)
            for n, observation in zip(again, closer, strict=True):
                observations[n] = observation
        return observations

    def _needs_recrop(
        self, observed: SimilarityPose, expected: SimilarityPose, factor: float
    ) -> bool:
        """True if a face lay too differently in its crop than faces in training crops: by more
        than the limits of `RecropConfig` times `factor`."""
        config = self.config.recrop
        error = observed - expected
        side = max(self.predictor.model.size) * np.exp(expected[2])
        offset = np.hypot(*error[:2]) / (config.max_offset * side)
        scale = abs(error[2]) / config.max_log_scale
        turn = abs(wrap_radians(error[3])) / config.max_turn
        return bool(max(offset, scale, turn) > factor)

    def _is_plausible(
        self,
        track: Track,
        observation: Observation,
        expected: SimilarityPose,
        visible: Sequence[Track],
    ) -> bool:
        """True if an observation can be the face of a track.

        Args:
            visible: all tracks that are not lost.
        """
        config, association = self.config.acceptance, self.config.association
        shown = track.track_id is not None and not track.is_lost
        min_score = self.predictor.min_score * (config.tracked_score_factor if shown else 1.0)
        if self.predictor.model.has_face_score and observation.score < min_score:
            return False
        height, width = self._size
        x, y = observation.pose[:2]
        inside = -0.5 <= x < width - 0.5 and -0.5 <= y < height - 0.5
        if not inside or observation.size < config.min_size:
            return False
        error = observation.pose - expected
        reach = config.max_distance * max(track.observation.size, 1e-3)
        if abs(error[2]) > config.max_log_scale or np.hypot(*error[:2]) > reach:
            return False
        if track.is_lost:
            if any(t.fits_better(track, observation, self._time) for t in visible):
                return False
            beside = [t.observation for t in visible]
            return reidentify(observation, [track], self._time, beside, association) is not None
        return self._is_alike(track, observation, expected)

    def _is_alike(self, track: Track, observation: Observation, expected: SimilarityPose) -> bool:
        """True if an observation resembles the face that was in its place one frame before."""
        similarity = appearance_similarity(track.observation.appearance, observation.appearance)
        return similarity > self.config.acceptance.min_similarity or self._is_in_place(
            track, observation, expected
        )

    def _is_in_place(
        self, track: Track, observation: Observation, expected: SimilarityPose
    ) -> bool:
        """True if a face lies where one is expected that was seen one frame before, and their
        surroundings did not change: then it is the same, however its appearance changed."""
        association, size = self.config.association, track.observation.size
        error = observation.pose - expected
        return bool(
            track.last_seen >= self._previous_time
            and np.hypot(*error[:2]) < association.crowded_reid_distance * size
            and abs(error[2]) < association.same_face_log_scale
            and self._is_same_scene(expected, size)
        )

    def _is_same_scene(self, expected: SimilarityPose, size: float) -> bool:
        """True if the surroundings of a face did not change since the frame before."""
        least = self.config.acceptance.same_scene_similarity
        return self._scene.similarity(expected[:2], size) >= least
