"""Tracks: faces with an identity, and which of the faces seen in a frame is whose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints import geometry
from facepoints.smooth import Motion, OneEuro, Pose, matrix_of, unit_of

__all__ = ["Sight", "Track", "likeness", "look_of", "settled", "whose"]

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


@dataclass(frozen=True, eq=False)
class Sight:
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
    pose: Pose
    look: NDArray[np.float32]

    @property
    def size(self) -> float:
        """Longer side of the points' box in pixels."""
        return float(np.ptp(self.points, axis=0).max())


def look_of(crop: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A small picture of an upright crop, as a vector of length 1 whatever the light."""
    small = cv2.resize(crop, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    # slow changes across the face are light; what is left is the face
    small -= cv2.GaussianBlur(small, (0, 0), _SIDE / 4)
    flat = small.ravel() - small.mean()
    return flat / max(float(np.linalg.norm(flat)), 1e-6)


def likeness(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """How much two looks are alike: their correlation, [-1, 1]."""
    return float(a @ b)


class Track:
    """A face with an identity.

    Args:
        sight: the first.
        time: of it, in seconds.
        layout: (K, 2) mean shape.
    """

    def __init__(self, sight: Sight, time: float, layout: NDArray) -> None:
        self.number: int | None = None
        """The identity; None as long as it is not sure that there is a face."""
        self.sights = 1
        self.time = self.seen = time
        self.missed = 0
        """Times that the finder saw nothing here, one after the other."""
        self._layout = layout
        self._middle = layout.mean(axis=0)
        self._begin(sight)
        self.usual = sight.look
        self.sight = sight

    @property
    def hidden(self) -> bool:
        """Whether the face was not seen in the last frame."""
        return self.seen < self.time

    def expected(self, time: float) -> Pose:
        """The pose that the face should have."""
        calm, quick = (m.ahead(time - self.time, self.hidden) for m in (self._motion, self._lead))
        # a crop that jitters makes points that do; so the quick one must have a reason
        size = max(self.sight.size, 1e-3)
        apart = np.abs(quick - calm) / np.array([size, size, 1.0, 1.0]) / _REASON
        return calm + (quick - calm) * min(float((apart**2).sum()), 1.0)

    def crop_matrix(self, time: float) -> geometry.Matrix:
        """From the picture to the crop in which the face should lie as in training crops."""
        return geometry.invert(matrix_of(self.expected(time), self._middle))

    def likes(self, sight: Sight, time: float) -> float:
        """How well a sight fits this face by its looks and its place; larger is better."""
        off = np.hypot(*(sight.pose - self.expected(time))[:2]) / max(self.sight.size, 1e-3)
        return likeness(self.usual, sight.look) - 0.3 * min(float(off), 2.0)

    def fits_better(self, other: Track, sight: Sight, time: float) -> bool:
        """Whether a sight is where this face should be, and looks more like it than another."""
        off = np.hypot(*(sight.pose - self.expected(time))[:2])
        alike = likeness(self.usual, sight.look) > likeness(other.usual, sight.look)
        return bool(off < _SAME_PLACE * sight.size) and alike

    def see(self, sight: Sight, time: float, *, learn: bool = True) -> None:
        """Take in what was seen.

        Args:
            learn: whether the look is to be remembered: not while another face is near.
        """
        seconds = time - self.time
        if self.hidden:
            was = self._lead.calm_speed
            self._begin(sight)
            for motion in (self._motion, self._lead):
                motion.speed, motion.calm_speed = was.copy(), was.copy()
        else:
            unit = unit_of(sight.radius, sight.size)
            self._motion.update(sight.pose, unit, seconds)
            self._lead.update(sight.pose, unit, seconds)
            shape, radius = self._own_frame(sight)
            self._shape(shape, radius, seconds)
        if learn:
            mixed = self.usual + (1 - np.exp(-seconds / _HABIT)) * (sight.look - self.usual)
            self.usual = (mixed / max(float(np.linalg.norm(mixed)), 1e-6)).astype(np.float32)
        self.sight = sight
        self.sights += 1
        self.time = self.seen = time

    def miss(self, time: float) -> None:
        """The face was not seen."""
        self._motion.coast(time - self.time)
        self._lead.coast(time - self.time)
        self.time = time

    def smooth_points(self) -> NDArray[np.float32]:
        """(K, 2) pixels: the points without jitter."""
        return geometry.apply(matrix_of(self._motion.pose, self._middle), self._shape.points)

    def rescale(self, factor: float) -> None:
        """The picture is so many times larger from now on."""
        self._motion.rescale(factor)
        self._lead.rescale(factor)

    def _begin(self, sight: Sight) -> None:
        unit = unit_of(sight.radius, sight.size)
        # two estimates: one to show, without jitter; one to know where to look next
        self._motion = Motion(sight.pose, unit, sight.size)
        self._lead = Motion(sight.pose, unit, sight.size, quick=True)
        self._shape = OneEuro(self._own_frame(sight)[0])

    def _own_frame(self, sight: Sight) -> tuple[NDArray, NDArray]:
        back = geometry.invert(matrix_of(sight.pose, self._middle))
        return geometry.apply(back, sight.points), sight.radius * np.exp(-sight.pose[2])


def same_place(a: Sight, b: Sight) -> bool:
    """Whether two sights are of one face."""
    size = min(a.size, b.size)
    return bool(np.hypot(*(a.pose - b.pose)[:2]) < _SAME_PLACE * size) and (
        abs(a.pose[2] - b.pose[2]) < 0.6
    )


def settled(
    tracks: Sequence[Track], sights: Sequence[Sight | None], time: float
) -> list[Sight | None]:
    """What each track really sees: no face twice, none by the wrong track.

    Where several tracks came to one face, it is that of the track which it fits best (an
    older one if it hardly matters); the others see nothing. Two tracks whose faces fit
    better the other way round change them.
    """
    out = list(sights)
    order = [n for n, sight in enumerate(out) if sight is not None]
    for place, a in enumerate(order):
        for b in order[place + 1 :]:
            first, second = out[a], out[b]
            if first is None or second is None:
                continue
            if same_place(first, second):
                a_fits, b_fits = tracks[a].likes(first, time), tracks[b].likes(second, time)
                a_fits += 0.05 * (not tracks[a].hidden)
                b_fits += 0.05 * (not tracks[b].hidden)
                out[b if a_fits >= b_fits else a] = None
            elif _near(first, second):
                straight = likeness(tracks[a].usual, first.look)
                straight += likeness(tracks[b].usual, second.look)
                crossed = likeness(tracks[a].usual, second.look)
                crossed += likeness(tracks[b].usual, first.look)
                if crossed > straight + 2 * _SWAP:
                    out[a], out[b] = second, first
    return out


def crowded(sight: Sight, others: Sequence[Sight]) -> bool:
    """Whether another face may hide a part of this one."""
    return any(other is not sight and _near(sight, other) for other in others)


def _near(a: Sight, b: Sight) -> bool:
    reach = 0.6 * (a.size + b.size)
    return bool(np.hypot(*(a.pose - b.pose)[:2]) < reach)


def whose(
    sight: Sight, hidden: Sequence[Track], time: float, others: Sequence[Sight] = ()
) -> Track | None:
    """The hidden track that a newly found face belongs to; None: it is somebody new.

    A face that comes out from behind another is only half seen and looks like nobody yet. If
    it is where a hidden one should be, it is that one.

    Args:
        others: faces that are seen besides.
    """
    beside = crowded(sight, others)
    best, fit = None, -np.inf
    for track in hidden:
        size = max(track.sight.size, 1e-3)
        off = np.hypot(*(sight.pose - track.expected(time))[:2]) / size
        reach = _REACH + _REACH_GROWS * (time - track.seen)
        alike = likeness(track.usual, sight.look)
        known = _HALF_KNOWN if beside and off < _THERE else _KNOWN
        if off > reach or abs(sight.pose[2] - track.expected(time)[2]) > 0.6 or alike < known:
            continue
        if alike - 0.2 * off > fit:
            best, fit = track, alike - 0.2 * off
    return best
