"""Blinks, closed eyes and yawns, from the openings of one person's eyes and mouth over time.

Eyes that are open to a ratio of 0.25 are wide for one person and half closed for another. So
every rule is relative to the person's own level in the half minute around (`EventConfig` holds
the limits):

- A blink: the eyes close below `closed_ratio` of their open level (the 75th percentile) and are
  open again within half a second (Stern, Walrath & Goldstein 1984, doi:10.1111/j.1469-8986.1984.
  tb02312.x). It lasts from the frame where they fall below `narrowed_ratio` of the level to the
  frame where they rise above it. A longer one is "eyes closed".
- A yawn: the mouth is open by more than `yawn_peak` above its level at rest (the 20th percentile)
  at its widest, and by `yawn_opening` throughout, for 1.5 seconds or longer. (A yawn takes about
  six seconds: Provine 1986, Ethology 72:109-122; an open vowel takes a tenth of that.) Singing,
  shouting and a long laugh look the same.

Eyes seem to narrow while a head turns or nods, so an eye event during a turn of more than
`max_turn` is dropped. They narrow in a yawn, too: closed eyes during a yawn are part of it
(`Event.is_part_of_yawn`). A blink lasts 0.1 to 0.4 s: at 10 frames per second some blinks fall
between two frames. A look down narrows the eyes as closing them does, and counts as "eyes closed".

The limits lie close to the open eye and the closed mouth, because the built-in model predicts
both nearer to their usual opening than they are: it was trained on people who look into a camera.
The limits were set on photos of people it was not trained on, animated to blink, yawn, talk, nod
and turn (`recipes/measure_events.py`). There, 15 of 22 blinks and 11 of 11 yawns are detected, and
nothing in still, talking, nodding or turning heads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facepoints._util.checked_config import CheckedConfig, positive, within

__all__ = [
    "EVENT_CONFIG",
    "KINDS",
    "Event",
    "EventConfig",
    "Kind",
    "eye_events",
    "has_level",
    "yawns",
]

Array = NDArray[np.floating]
Kind = Literal["blink", "eyes_closed", "yawn"]
KINDS: tuple[Kind, ...] = ("blink", "eyes_closed", "yawn")


@dataclass(frozen=True)
class EventConfig(CheckedConfig):
    """Limits of events.

    Attributes:
        closed_ratio: fraction of the open level. Eyes below it are closed. Larger: more blinks,
            more false ones.
        narrowed_ratio: fraction of the open level. An eye event lasts while the eyes are below
            it. Larger: longer events.
        max_blink_seconds: longest blink, in seconds; a longer event is "eyes_closed". Larger:
            more blinks, fewer "eyes_closed".
        yawn_peak: smallest opening of the mouth above its level at the widest point of a yawn.
            Larger: fewer yawns, fewer false ones.
        yawn_opening: opening of the mouth above its level while a yawn lasts. Larger: shorter
            yawns.
        min_yawn_seconds: shortest yawn, in seconds. Larger: fewer yawns, fewer false ones.
        noise_factor: smallest change of an opening, in standard deviations of its noise. Larger:
            fewer events in shaky videos.
        max_turn: largest change of (yaw, pitch) in degrees during an eye event. Closing the eyes
            alone changes the measured pitch by up to six degrees. Larger: more events, more
            false ones.
        turn_margin: seconds before and after an eye event in which the head must not turn
            either. Larger: fewer events, fewer false ones.
        level_seconds: seconds before and after a frame over which its level is computed.
            Larger: steadier levels, slower to adapt.
        min_seconds: time that a person must be visible for the level to be known, in seconds.
            Larger: fewer events of people who are visible for a short time.
        min_frames: number of frames in which the person must be visible for the same reason.
            Larger: as for `min_seconds`.
        max_gap: longest time between two frames of one event, in seconds. Nothing is known
            about a longer gap, so it interrupts events. Larger: events span longer gaps.

    Raises:
        SettingsError: a field is out of its range.
    """

    closed_ratio: float = within(0.85, 0, 1)
    narrowed_ratio: float = within(0.925, 0, 1)
    max_blink_seconds: float = within(0.5, 0, math.inf)
    yawn_peak: float = within(0.15, 0, 10)
    yawn_opening: float = within(0.08, 0, 10)
    min_yawn_seconds: float = within(1.5, 0, math.inf)
    noise_factor: float = within(5.0, 0, math.inf)
    max_turn: tuple[float, float] = within((5.0, 8.0), 0, 360)
    turn_margin: float = within(0.1, 0, math.inf)
    level_seconds: float = positive(15.0)
    min_seconds: float = within(2.0, 0, math.inf)
    min_frames: int = within(15, 1, math.inf)
    max_gap: float = positive(0.25)


EVENT_CONFIG = EventConfig()
"""The default limits."""


@dataclass(frozen=True)
class Event:
    """A blink, closed eyes or a yawn.

    Attributes:
        kind: "blink", "eyes_closed" or "yawn".
        first: index of its first frame.
        last: index of its last frame.
        start: time of its first frame in seconds.
        seconds: duration, from its first frame to the first frame after it.
        extreme: the smallest opening of the eyes, or the widest of the mouth.
    """

    kind: Kind
    first: int
    last: int
    start: float
    seconds: float
    extreme: float

    def is_part_of_yawn(self, others: Sequence[Event]) -> bool:
        """True for closed eyes half of whose time or more lies within a yawn of `others`.

        Eyes narrow in a yawn, whether or not they close.
        """
        end = self.start + self.seconds
        shared = (
            min(end, other.start + other.seconds) - max(self.start, other.start)
            for other in others
            if other.kind == "yawn"
        )
        return self.kind == "eyes_closed" and max(shared, default=0.0) >= self.seconds / 2


def eye_events(
    time: Array, opening: Array, pose: Array, *, config: EventConfig = EVENT_CONFIG
) -> list[Event]:
    """Blinks and closed eyes of one person.

    Args:
        time: (T,) seconds, increasing.
        opening: (T,) mean opening of the eyes.
        pose: (T, 2) yaw and pitch of the head in degrees.
        config: limits.
    """
    if not has_level(time, config):
        return []
    level = np.maximum(_level(time, opening, 75, config.level_seconds), 1e-9)
    ratio, closing = opening / level, level - opening
    least_change = config.noise_factor * _noise(opening)
    events = []
    for first, last, complete in _intervals(time, ratio < config.narrowed_ratio, config.max_gap):
        inside = slice(first, last + 1)
        closed = ratio[inside].min() < config.closed_ratio and closing[inside].max() > least_change
        if not closed or _head_turns(time, pose, first, last, config):
            continue
        seconds, extreme = _duration(time, first, last), float(opening[inside].min())
        start = float(time[first])
        if seconds > config.max_blink_seconds:
            events.append(Event("eyes_closed", first, last, start, seconds, extreme))
        elif complete:  # the duration of a cut-off one is unknown
            events.append(Event("blink", first, last, start, seconds, extreme))
    return events


def yawns(time: Array, opening: Array, *, config: EventConfig = EVENT_CONFIG) -> list[Event]:
    """Yawns of one person.

    Args:
        time: (T,) seconds, increasing.
        opening: (T,) opening of the mouth.
        config: limits.
    """
    if not has_level(time, config):
        return []
    wider = opening - _level(time, opening, 20, config.level_seconds)
    least_peak = max(config.yawn_peak, config.noise_factor * _noise(opening))
    events = []
    for first, last, _ in _intervals(time, wider > config.yawn_opening, config.max_gap):
        inside = slice(first, last + 1)
        seconds, extreme = _duration(time, first, last), float(opening[inside].max())
        if wider[inside].max() > least_peak and seconds >= config.min_yawn_seconds:
            events.append(Event("yawn", first, last, float(time[first]), seconds, extreme))
    return events


def has_level(time: Array, config: EventConfig = EVENT_CONFIG) -> bool:
    """True if the times (T,) of a person's frames span long enough to know the level.

    The default is two seconds and 15 frames.
    """
    return len(time) >= config.min_frames and time[-1] - time[0] >= config.min_seconds


def _level(time: Array, opening: Array, percentile: float, reach: float) -> Array:
    """The usual opening (T,) at each time: a percentile over `reach` seconds before and after."""
    marks = np.append(np.arange(time[0], time[-1], 1.0), time[-1])
    marks = marks[np.diff(np.searchsorted(time, [marks - reach, marks + reach]), axis=0)[0] > 0]
    around = np.searchsorted(time, [marks - reach, marks + reach]).T
    levels = [np.percentile(opening[first:end], percentile) for first, end in around]
    return np.interp(time, marks, levels)


def _noise(opening: Array) -> float:
    """Standard deviation of the noise of an opening (T,), from its first differences.

    `tracking.measurement_noise` uses third differences because a face moves smoothly. Eyes and
    mouth rest most of the time, so the median of their first differences is noise already, and
    unlike third differences these do not need frames at equal steps.
    """
    return float(np.median(np.abs(np.diff(opening)))) / 0.6745 / float(np.sqrt(2))


def _head_turns(time: Array, pose: Array, first: int, last: int, config: EventConfig) -> bool:
    """True if the head turns during an interval of frames or just beside it."""
    margin = config.turn_margin
    near = (time >= time[first] - margin) & (time <= time[last] + margin)
    return bool((np.ptp(pose[near], axis=0) > config.max_turn).any())


def _intervals(
    time: Array, inside: NDArray[np.bool_], max_gap: float
) -> Iterator[tuple[int, int, bool]]:
    """Intervals of frames in which `inside` is true and that no gap interrupts.

    Yields:
        First index, last index, and True if the frames just before and after are known too, so
        that the interval is complete.
    """
    breaks = np.flatnonzero(np.diff(time) > max_gap)  # nothing is known after these
    edges = np.flatnonzero(np.diff(inside.astype(np.int8)))
    cuts = np.union1d(breaks, edges)
    firsts = np.concatenate([[0], cuts + 1])
    lasts = np.concatenate([cuts, [len(time) - 1]])
    for first, last in zip(firsts, lasts, strict=True):
        if inside[first]:
            begun = first > 0 and first - 1 not in breaks
            ended = last < len(time) - 1 and last not in breaks
            yield int(first), int(last), bool(begun and ended)


def _duration(time: Array, first: int, last: int) -> float:
    """Seconds from the start of frame `first` to the end of frame `last`.

    A frame ends when the next one begins, at most two usual steps later.
    """
    usual = float(np.median(np.diff(time)))
    after = float(time[last + 1]) if last + 1 < len(time) else float(time[last]) + usual
    return min(after, float(time[last]) + max(usual, 1e-9) * 2) - float(time[first])
