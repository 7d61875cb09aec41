"""Blinks, closed eyes and yawns in the openings of one person's eyes and mouth over time.

An eye that is open to a share of 0.25 is wide for one person and half closed for another, so
everything is relative to the person's own level in the half minute around:

- A blink: the eyes close below `SHUT` of their open level (the 75th percentile) and are open
  again within half a second (Stern, Walrath & Goldstein 1984, doi:10.1111/j.1469-8986.1984.
  tb02312.x). It lasts from where they fall below `NARROW` of the level to where they rise above
  it. What lasts longer is "eyes closed".
- A yawn: the mouth is open by `GAPE` more than at rest (the 20th percentile) at its widest and
  by `AJAR` more throughout, for a second and a half or longer (a yawn takes about six seconds:
  Provine 1986, Ethology 72:109-122; an open vowel a tenth of that). Singing, shouting and a long
  laugh look the same.

While a head turns or nods, eyes seem to narrow: what comes with a turn by more than `TURNED` is
not counted. A blink lasts 0.1 to 0.4 s: at 10 frames a second some fall between two frames. A look
down narrows the eyes as a blink does and is not told apart from "eyes closed".

The limits are close to the open eye and the closed mouth since the network of the package sees
both as nearer to the usual than they are: it has learned from people who look into a camera. They
are set by photos of people it was not trained on that were made to blink, yawn, talk, nod and turn
(`recipes/measure_events.py`). So half of the blinks and three of four yawns are found; with
`SHUT` and `GAPE` at 0.6, where closed eyes and yawns are, none would be. Nothing is seen in still,
talking and turning heads, a blink now and then in one that nods.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["KINDS", "Event", "Kind", "eye_events", "judged", "yawns"]

Array = NDArray[np.floating]
Kind = Literal["blink", "eyes_closed", "yawn"]
KINDS: tuple[Kind, ...] = ("blink", "eyes_closed", "yawn")

SHUT, NARROW = 0.85, 0.925
BLINK = 0.5  # seconds at most
GAPE, AJAR = 0.15, 0.08
YAWN = 1.5  # seconds at least
SURE = 5.0  # standard deviations of an opening's noise that count as a change
TURNED = (5.0, 8.0)
"""Degrees of yaw and pitch; closing the eyes alone seems to lift the chin by up to six."""
_BESIDE = 0.1  # seconds before and after, in which the head must not turn either
_AROUND = 15.0  # seconds before and after, which the level is of
_LEVEL_TIME = 2.0  # seconds that a person must be seen for to know the level
_LEVEL_FRAMES = 15  # and frames
_GAP = 0.25  # seconds without a frame, over which nothing is known


@dataclass(frozen=True)
class Event:
    """Something that a face did.

    Attributes:
        kind: what.
        first: index of its first frame.
        last: index of its last frame.
        start: seconds, as the frames' times.
        seconds: how long it lasted, from its first frame to the first after it.
        extreme: the least opening of the eyes, or the widest of the mouth.
    """

    kind: Kind
    first: int
    last: int
    start: float
    seconds: float
    extreme: float


def eye_events(time: Array, opening: Array, pose: Array) -> list[Event]:
    """Blinks and closed eyes of one person.

    Args:
        time: (T,) seconds, rising.
        opening: (T,) mean opening of the eyes.
        pose: (T, 2) yaw and pitch of the head in degrees.
    """
    if not judged(time):
        return []
    level = np.maximum(_level(time, opening, 75), 1e-9)
    part, below = opening / level, level - opening
    events = []
    for first, last, whole in _stretches(time, part < NARROW):
        inside = slice(first, last + 1)
        least = float(opening[inside].min())
        shut = part[inside].min() < SHUT and below[inside].max() > SURE * _noise(opening)
        if not shut or _turns(time, pose, first, last):
            continue
        seconds = _lasted(time, first, last)
        if seconds > BLINK:
            events.append(Event("eyes_closed", first, last, float(time[first]), seconds, least))
        elif whole:  # of one that is cut off it is not known how long it was
            events.append(Event("blink", first, last, float(time[first]), seconds, least))
    return events


def yawns(time: Array, opening: Array) -> list[Event]:
    """Yawns of one person.

    Args:
        time: (T,) seconds, rising.
        opening: (T,) opening of the mouth.
    """
    if not judged(time):
        return []
    wider = opening - _level(time, opening, 20)
    events = []
    for first, last, _ in _stretches(time, wider > AJAR):
        inside = slice(first, last + 1)
        widest, seconds = float(opening[inside].max()), _lasted(time, first, last)
        if wider[inside].max() > max(GAPE, SURE * _noise(opening)) and seconds >= YAWN:
            events.append(Event("yawn", first, last, float(time[first]), seconds, widest))
    return events


def judged(time: Array) -> bool:
    """Whether a person is seen for long enough to know the level: two seconds and 15 frames."""
    return len(time) >= _LEVEL_FRAMES and time[-1] - time[0] >= _LEVEL_TIME


def _level(time: Array, opening: Array, percentile: float) -> Array:
    """The usual opening (T,) at each time: a percentile of the half minute around."""
    marks = np.append(np.arange(time[0], time[-1], 1.0), time[-1])
    marks = marks[np.diff(np.searchsorted(time, [marks - _AROUND, marks + _AROUND]), axis=0)[0] > 0]
    around = np.searchsorted(time, [marks - _AROUND, marks + _AROUND]).T
    levels = [np.percentile(opening[first:end], percentile) for first, end in around]
    return np.interp(time, marks, levels)


def _noise(opening: Array) -> float:
    """Standard deviation of what changes from frame to frame."""
    return float(np.median(np.abs(np.diff(opening)))) / 0.6745 / float(np.sqrt(2))


def _turns(time: Array, pose: Array, first: int, last: int) -> bool:
    """Whether the head turns in a stretch of frames or just beside it."""
    near = (time >= time[first] - _BESIDE) & (time <= time[last] + _BESIDE)
    return bool((np.ptp(pose[near], axis=0) > TURNED).any())


def _stretches(time: Array, inside: NDArray[np.bool_]) -> Iterator[tuple[int, int, bool]]:
    """First and last index of what is inside without a break, and whether it is whole: seen
    to begin and to end."""
    breaks = np.flatnonzero(np.diff(time) > _GAP)  # nothing is known after these
    edges = np.flatnonzero(np.diff(inside.astype(np.int8)))
    cuts = np.union1d(breaks, edges)
    firsts = np.concatenate([[0], cuts + 1])
    lasts = np.concatenate([cuts, [len(time) - 1]])
    for first, last in zip(firsts, lasts, strict=True):
        if inside[first]:
            begun = first > 0 and first - 1 not in breaks
            ended = last < len(time) - 1 and last not in breaks
            yield int(first), int(last), bool(begun and ended)


def _lasted(time: Array, first: int, last: int) -> float:
    """Seconds from a frame to the one after another; the usual step where there is none."""
    usual = float(np.median(np.diff(time)))
    after = float(time[last + 1]) if last + 1 < len(time) else float(time[last]) + usual
    return min(after, float(time[last]) + max(usual, 1e-9) * 2) - float(time[first])
