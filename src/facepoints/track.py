"""Tracks: faces with an identity, and which of the faces seen in a frame is whose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints import geometry
from facepoints.smooth import Motion, OneEuro, Pose, matrix_of, unit_of

__all__ = ["Sight", "Track", "awaited", "likeness", "look_of", "settled", "undrawn", "whose"]

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

    @cached_property
    def size(self) -> float:
        """Longer side of the points' box in pixels."""
        return float(np.ptp(self.points, axis=0).max())

    @cached_property
    def unit(self) -> NDArray[np.float64]:
        """(4,) by what to divide differences of poses to have them in sizes of the face."""
        size = max(self.size, 1e-3)
        return np.array([size, size, 1.0, 1.0])


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
        self.seen_whole = False
        """Whether it was ever seen with no other face near."""
        self._layout = layout
        self._middle = layout.mean(axis=0)
        self._begin(sight)
        self._known = sight.pose[2:].copy()  # size and turn by when it was seen whole
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
        off = _off(quick, calm)
        apart = off / self.sight.unit / _REASON
        return calm + off * min(float((apart**2).sum()), 1.0)

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
        seconds = max(time - self.time, 0.0)
        if self.hidden:
            was = self._lead.calm_speed * (1, 1, 0, 0)
            self._begin(sight)
            for motion in (self._motion, self._lead):
                motion.go_on(was)
        else:
            unit = unit_of(sight.radius, sight.size)
            self._motion.update(sight.pose, unit, seconds, alone=learn)
            self._lead.update(sight.pose, unit, seconds, alone=learn)
            shape, radius = self._own_frame(sight)
            self._shape(shape, radius, seconds)
        change = _off(sight.pose, np.array([0, 0, *self._known]))[2:]
        self._known += (1.0 if learn else 1 - np.exp(-seconds / _BESIDE)) * change
        self.seen_whole |= learn
        if learn:
            mixed = self.usual + (1 - np.exp(-seconds / _HABIT)) * (sight.look - self.usual)
            self.usual = (mixed / max(float(np.linalg.norm(mixed)), 1e-6)).astype(np.float32)
        self.sight = sight
        self.sights += 1
        self.time = self.seen = time

    def miss(self, time: float) -> None:
        """The face was not seen."""
        for motion in (self._motion, self._lead):
            motion.coast(max(time - self.time, 0.0), self._known)
        self.time = time

    def smooth_points(self) -> NDArray[np.float32]:
        """(K, 2) pixels: the points without jitter."""
        return geometry.apply(matrix_of(self._motion.pose, self._middle), self._shape.points)

    def rescale(self, factor: float) -> None:
        """The picture is so many times larger from now on."""
        self._motion.rescale(factor)
        self._lead.rescale(factor)
        self._known[0] += np.log(factor)

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


def undrawn(
    tracks: Sequence[Track], sights: Sequence[Sight | None], time: float
) -> list[Sight | None]:
    """What each track sees, without what is half another face.

    Where one face begins to hide another, points of the other are drawn to it: they jump, or
    spread or shrink, and the face beside does not. (When a camera jolts, both jump alike.) Who
    believed them would expect the hidden face in a wrong place.
    """
    out = list(sights)
    for n, (track, sight) in enumerate(zip(tracks, sights, strict=True)):
        if sight is None or track.hidden or not track.seen_whole:
            continue
        mine = _off(sight.pose, track.expected(time)) / sight.unit
        for other, beside in zip(tracks, sights, strict=True):
            if beside is None or beside is sight or not _near(sight, beside):
                continue
            its = _off(beside.pose, other.expected(time)) / sight.unit
            apart, far, its_far = (
                np.array([np.hypot(*off[:2]), abs(off[2])]) for off in (mine - its, mine, its)
            )
            if ((apart > _DRAWN) & (far > its_far)).any() and not same_place(sight, beside):
                out[n] = None
    return out


def crowded(sight: Sight, others: Sequence[Sight]) -> bool:
    """Whether another face may hide a part of this one."""
    return any(other is not sight and _near(sight, other) for other in others)


def _off(pose: Pose, expected: Pose) -> Pose:
    """By how much a pose is another than was expected."""
    off = pose - expected
    off[3] = (off[3] + np.pi) % (2 * np.pi) - np.pi
    return off


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
        resized = abs(sight.pose[2] - track.expected(time)[2])
        alike = likeness(track.usual, sight.look)
        known = _HALF_KNOWN if beside and off < _THERE else _KNOWN
        if off > reach or resized > (_AS_LARGE if beside else _RESIZED) or alike < known:
            continue
        if alike - 0.2 * off > fit:
            best, fit = track, alike - 0.2 * off
    return best


def awaited(sight: Sight, hidden: Sequence[Track], time: float, others: Sequence[Sight]) -> bool:
    """Whether a sight that is nobody's is too likely a part of a hidden face, or half another,
    to be somebody new.

    Args:
        others: faces that are seen besides.
    """
    return crowded(sight, others) and any(
        np.hypot(*(sight.pose - track.expected(time))[:2]) < _REACH * track.sight.size
        for track in hidden
    )
