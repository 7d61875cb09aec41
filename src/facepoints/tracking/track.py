"""Tracks: faces with an identity, and which of the faces seen in a frame is whose."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.imaging import affine
from facepoints.tracking.kalman import PoseKalmanFilter
from facepoints.tracking.one_euro import OneEuroFilter
from facepoints.tracking.pose2d import SimilarityPose, measurement_std, pose_to_similarity

__all__ = [
    "Observation",
    "Track",
    "appearance_descriptor",
    "appearance_similarity",
]

_SIDE = 24  # pixels of a face's look
_HABIT = 0.5  # seconds over which looks are averaged to what a face usually looks like
_REASON = 0.015  # face sizes between two estimates of a motion from which the quick one counts
_SAME_PLACE = 0.3  # face sizes between the middles of two sights of one face
_SWAP = 0.15  # by which likenesses must be better crosswise for two faces to change tracks
_REACH = 1.0  # face sizes that a hidden face may be from where it is expected,
_REACH_GROWS = 2.5  # and how many more for every second of hiding
_THERE = 0.4  # face sizes from where a hidden face is expected that need no good likeness
_HALF_KNOWN = -0.2  # where another face hides a part of it
_KNOWN = 0.55  # likeness from which a face that comes back may be the one that was hidden
_RESIZED = 0.6  # logarithm of the factor by which it may differ in size from before,
_AS_LARGE = 0.3  # and if it is half hidden still
_BESIDE = 1.0  # seconds over which size and turn are learned when another face is near
_DRAWN = 0.2  # face sizes, or logarithm of a factor, by which points that are drawn to
# another face are off


@dataclass(frozen=True, eq=False)
class Observation:
    """What the model said of one face in one frame.

    Attributes:
        points: (K, 2) picture pixels.
        radius: (K,) picture pixels.
        score: [0, 1].
        pose: of the face, by its points.
        look: of the face, from `look_of`.
    """

    points: NDArray[np.float32]
    radius: NDArray[np.float32]
    score: float
    pose: SimilarityPose
    appearance: NDArray[np.float32]

    @cached_property
    def size(self) -> float:
        """Longer side of the points' box in pixels."""
        return float(np.ptp(self.points, axis=0).max())

    @cached_property
    def unit(self) -> NDArray[np.float64]:
        """(4,) by what to divide differences of poses to have them in sizes of the face."""
        size = max(self.size, 1e-3)
        return np.array([size, size, 1.0, 1.0])


def appearance_descriptor(crop: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A small picture of an upright crop, as a vector of length 1 whatever the light."""
    small = cv2.resize(crop, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    # slow changes across the face are light; what is left is the face
    small -= cv2.GaussianBlur(small, (0, 0), _SIDE / 4)
    flat = small.ravel() - small.mean()
    return flat / max(float(np.linalg.norm(flat)), 1e-6)


def appearance_similarity(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """How much two looks are alike: their correlation, [-1, 1]."""
    return float(a @ b)


class Track:
    """A face with an identity.

    Args:
        sight: the first.
        time: of it, in seconds.
        layout: (K, 2) mean shape.
    """

    def __init__(self, sight: Observation, time: float, layout: NDArray) -> None:
        self.track_id: int | None = None
        """The identity; None as long as it is not sure that there is a face."""
        self.observations = 1
        self.time = self.last_seen = time
        self.missed = 0
        """Times that the finder saw nothing here, one after the other."""
        self.seen_whole = False
        """Whether it was ever seen with no other face near."""
        self._layout = layout
        self._middle = layout.mean(axis=0)
        self._begin(sight)
        self._known = sight.pose[2:].copy()  # size and turn by when it was seen whole
        self.mean_appearance = sight.appearance
        self.observation = sight

    @property
    def is_lost(self) -> bool:
        """Whether the face was not seen in the last frame."""
        return self.last_seen < self.time

    def expected(self, time: float) -> SimilarityPose:
        """The pose that the face should have."""
        calm, quick = (
            m.predict(time - self.time, self.is_lost) for m in (self._motion, self._lead)
        )
        # a crop that jitters makes points that do; so the quick one must have a reason
        off = _off(quick, calm)
        apart = off / self.observation.unit / _REASON
        return calm + off * min(float((apart**2).sum()), 1.0)

    def crop_matrix(self, time: float) -> affine.Matrix:
        """From the picture to the crop in which the face should lie as in training crops."""
        return affine.invert(pose_to_similarity(self.expected(time), self._middle))

    def match_score(self, sight: Observation, time: float) -> float:
        """How well a sight fits this face by its looks and its place; larger is better."""
        off = np.hypot(*(sight.pose - self.expected(time))[:2]) / max(self.observation.size, 1e-3)
        return appearance_similarity(self.mean_appearance, sight.appearance) - 0.3 * min(
            float(off), 2.0
        )

    def fits_better(self, other: Track, sight: Observation, time: float) -> bool:
        """Whether a sight is where this face should be, and looks more like it than another."""
        off = np.hypot(*(sight.pose - self.expected(time))[:2])
        alike = appearance_similarity(
            self.mean_appearance, sight.appearance
        ) > appearance_similarity(other.mean_appearance, sight.appearance)
        return bool(off < _SAME_PLACE * sight.size) and alike

    def update(self, sight: Observation, time: float, *, learn: bool = True) -> None:
        """Take in what was seen.

        Args:
            learn: whether the look is to be remembered: not while another face is near.
        """
        seconds = max(time - self.time, 0.0)
        if self.is_lost:
            was = self._lead.smoothed_velocity * (1, 1, 0, 0)
            self._begin(sight)
            for motion in (self._motion, self._lead):
                motion.reset_velocity(was)
        else:
            unit = measurement_std(sight.radius, sight.size)
            self._motion.update(sight.pose, unit, seconds, alone=learn)
            self._lead.update(sight.pose, unit, seconds, alone=learn)
            shape, radius = self._own_frame(sight)
            self._shape(shape, radius, seconds)
        change = _off(sight.pose, np.array([0, 0, *self._known]))[2:]
        self._known += (1.0 if learn else 1 - np.exp(-seconds / _BESIDE)) * change
        self.seen_whole |= learn
        if learn:
            mixed = self.mean_appearance + (1 - np.exp(-seconds / _HABIT)) * (
                sight.appearance - self.mean_appearance
            )
            self.mean_appearance = (mixed / max(float(np.linalg.norm(mixed)), 1e-6)).astype(
                np.float32
            )
        self.observation = sight
        self.observations += 1
        self.time = self.last_seen = time

    def mark_missed(self, time: float) -> None:
        """The face was not seen."""
        for motion in (self._motion, self._lead):
            motion.predict_without_measurement(max(time - self.time, 0.0), self._known)
        self.time = time

    def smooth_points(self) -> NDArray[np.float32]:
        """(K, 2) pixels: the points without jitter."""
        return affine.apply(pose_to_similarity(self._motion.pose, self._middle), self._shape.points)

    def rescale(self, factor: float) -> None:
        """The picture is so many times larger from now on."""
        self._motion.rescale(factor)
        self._lead.rescale(factor)
        self._known[0] += np.log(factor)

    def _begin(self, sight: Observation) -> None:
        unit = measurement_std(sight.radius, sight.size)
        # two estimates: one to show, without jitter; one to know where to look next
        self._motion = PoseKalmanFilter(sight.pose, unit, sight.size)
        self._lead = PoseKalmanFilter(sight.pose, unit, sight.size, quick=True)
        self._shape = OneEuroFilter(self._own_frame(sight)[0])

    def _own_frame(self, sight: Observation) -> tuple[NDArray, NDArray]:
        back = affine.invert(pose_to_similarity(sight.pose, self._middle))
        return affine.apply(back, sight.points), sight.radius * np.exp(-sight.pose[2])


def _off(pose: SimilarityPose, expected: SimilarityPose) -> SimilarityPose:
    """By how much a pose is another than was expected."""
    off = pose - expected
    off[3] = (off[3] + np.pi) % (2 * np.pi) - np.pi
    return off
