"""Blinks, closed eyes and yawns, from the eyes and the mouth of one person over time.

Eyes that are open to a ratio of 0.25 are wide for one person and half closed for another. So
every rule is relative to the person's own level (`EventConfig` holds the limits).

**Closing** (`closing`) says how far the eyes are shut: 1 and more is shut. It is the mean of two
signs, because each errs at other times: how far the opening of the lids has fallen below its level,
and how far the log odds of the eye state (`inference.eye_state`) have risen above theirs. Where the
eye state is unknown, the opening decides alone. The level is the median over two seconds before and
after, so it follows a person who looks down to read, squints or turns. The level of the half minute
around keeps it from following eyes that stay closed.

- A blink: the eyes are shut and open again within `max_blink_seconds` (Stern, Walrath & Goldstein
  1984, doi:10.1111/j.1469-8986.1984.tb02312.x). It lasts while closing is above `event_part`.
- Eyes closed: they are shut for longer, and the eye state says so. Eyes that look down, or narrow
  in a laugh, are not closed.
- A yawn: the mouth is open by more than `yawn_peak` above its level at rest (the 10th percentile)
  at its widest, and by `yawn_opening` throughout, for `min_yawn_seconds` or longer. (A yawn takes
  about six seconds: Provine 1986, Ethology 72:109-122; an open vowel takes a tenth of that.)

Eyes seem to narrow while a head turns or nods. The eye state tells this from a blink. Where it is
unknown, or says open, an eye event during a turn of more than `max_turn` does not count. Eyes
narrow in a yawn, too: closed eyes during a yawn are part of it (`Event.is_part_of_yawn`). A blink
lasts 0.1 to 0.4 s: at 10 frames per second some blinks fall between two frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facepoints.measurement.event_config import EVENT_CONFIG, EventConfig

__all__ = [
    "EVENT_CONFIG",
    "KINDS",
    "Event",
    "EventConfig",
    "Kind",
    "closing",
    "eye_events",
    "has_level",
    "yawns",
]

Array = NDArray[np.floating]
Kind = Literal["blink", "eyes_closed", "yawn"]
KINDS: tuple[Kind, ...] = ("blink", "eyes_closed", "yawn")

_ALONE = 0.58  # weight of the opening where the eye state is unknown: a fall of 25 %
_MOST = 2.25  # a sign of `closing` counts at most so much
_SHUT_PART = 0.7  # of the peak of `closing`, at least: the eyes are shut
_LID_SECONDS = 0.25  # a lid closes or opens in this time
_REOPENING = 0.12  # seconds; lids cannot open and close again in less
_SURE = (-3.0, 5.0)  # log odds: surely open, surely closed; beyond, a change says nothing
_SAYS_OPEN = 0.2  # largest probability of closed eyes in open ones
_REST = 10  # percentile of the opening of the mouth at rest
_OPEN = 25  # percentile of the log odds of people whose eyes are open most of the time


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
    time: Array,
    opening: Array,
    pose: Array,
    closed: Array | None = None,
    *,
    config: EventConfig = EVENT_CONFIG,
) -> list[Event]:
    """Blinks and closed eyes of one person.

    Args:
        time: (T,) seconds, increasing.
        opening: (T,) mean opening of the eyes.
        pose: (T, 2) yaw and pitch of the head in degrees.
        closed: (T,) mean probability that the eyes are closed, [0, 1]; NaN where no eye is
            seen. None: unknown.
        config: limits.
    """
    if not has_level(time, config):
        return []
    closed = np.full(len(time), np.nan) if closed is None else np.asarray(closed, np.float64)
    score = closing(time, opening, closed, config=config)
    change = _eye_level(time, opening, config) - opening
    noise = _noise(opening)
    events = []
    for first, last, complete in _joined(time, sorted(_shut(time, score, config))):
        inside = slice(first, last + 1)
        likely = closed[inside][np.isfinite(closed[inside])]
        most = float(likely.max()) if len(likely) else 0.0
        least_change = noise * (1.0 if most >= config.min_closed else config.noise_factor)
        if change[inside].max() <= least_change:  # a reflection, or a shaky video
            continue
        if most < _SAYS_OPEN and _head_turns(time, pose, first, last, config):
            continue
        begin, end = _whole_event(time, score, first, last, config)
        extreme, start = float(opening[inside].min()), float(time[begin])
        seconds = _duration(time, begin, end)
        if _duration(time, first, last) <= config.max_blink_seconds:
            if complete:  # the duration of a cut-off one is unknown
                events.append(Event("blink", begin, end, start, seconds, extreme))
        elif _stays_closed(likely, change[inside], opening[inside], config):
            events.append(Event("eyes_closed", begin, end, start, seconds, extreme))
    return events


def closing(
    time: Array, opening: Array, closed: Array, *, config: EventConfig = EVENT_CONFIG
) -> Array:
    """Measure how far the eyes are shut (T,), by the person's level: about 0 open, 1 shut.

    Args:
        time, opening, closed: as for `eye_events`.
        config: limits.
    """
    narrowed = (1 - opening / _eye_level(time, opening, config)) / config.narrowing
    known = np.isfinite(closed)
    if not known.any():
        return _ALONE * narrowed
    likely = np.clip(closed[known], 1e-6, 1 - 1e-6)
    odds, when = np.clip(np.log(likely / (1 - likely)), *_SURE), time[known]
    near = _level(when, odds, 50, config.near_seconds)
    long = _level(when, odds, _OPEN, config.level_seconds)
    rise = (odds - np.minimum(near, long + config.odds_rise / 2)) / config.odds_rise
    score = _ALONE * narrowed
    score[known] = (np.minimum(narrowed[known], _MOST) + np.minimum(rise, _MOST)) / 2
    return score


def _eye_level(time: Array, opening: Array, config: EventConfig) -> Array:
    """The opening (T,) of the eyes when they are open, at each time."""
    near = _level(time, opening, 50, config.near_seconds)
    long = _level(time, opening, 75, config.level_seconds)
    return np.maximum(np.maximum(near, config.long_part * long), 1e-9)


def _shut(time: Array, score: Array, config: EventConfig) -> Iterator[tuple[int, int, bool]]:
    """Intervals in which the eyes are shut, as `_intervals` yields them.

    They are shut while the score is above a part of its peak, not of a fixed limit: after a blink
    the lids often open only halfway, because the person looks down.
    """
    for first, last, complete in _intervals(time, score > _SHUT_PART, config.max_gap):
        inside = score[first : last + 1]
        rest = inside.copy()
        while rest.max() >= 1:
            peak = int(rest.argmax())
            low = np.flatnonzero(inside < _SHUT_PART * min(inside[peak], _MOST))
            begin = int(low[low < peak].max(initial=-1)) + 1
            end = int(low[low > peak].min(initial=len(inside))) - 1
            is_new = bool(np.isfinite(rest[begin : end + 1]).all())  # no shoulder of another one
            rest[begin : end + 1] = -np.inf
            if is_new:
                known = complete or (begin > 0 and end < len(inside) - 1)
                yield first + begin, first + end, known


def _joined(time: Array, shut: Sequence[tuple[int, int, bool]]) -> Iterator[tuple[int, int, bool]]:
    """Intervals of shut eyes; those between which no lid could open and close are one."""
    joined: list[tuple[int, int, bool]] = []
    for first, last, complete in shut:
        if joined and time[first] - time[joined[-1][1]] < _REOPENING:
            begin, _, before = joined.pop()
            first, complete = begin, complete and before
        joined.append((first, last, complete))
    yield from joined


def _whole_event(
    time: Array, score: Array, first: int, last: int, config: EventConfig
) -> tuple[int, int]:
    """The first and last frame of closing and opening eyes around an interval of shut ones."""
    for begin, end, _ in _intervals(time, score > config.event_part, config.max_gap):
        if begin <= first and last <= end:
            near = np.flatnonzero(
                (time >= time[first] - _LID_SECONDS) & (time <= time[last] + _LID_SECONDS)
            )
            return max(begin, int(near[0])), min(end, int(near[-1]))
    return first, last


def _stays_closed(likely: Array, change: Array, opening: Array, config: EventConfig) -> bool:
    """True if eyes that are shut for long are closed, and do not look down or laugh.

    Args:
        likely: probabilities that they are closed; empty: unknown.
        change: level minus opening in each frame.
        opening: in each frame.
    """
    if len(likely):
        return float(np.median(likely)) >= config.min_closed
    return float(np.median(opening / (opening + change))) <= config.closed_ratio


def yawns(time: Array, opening: Array, *, config: EventConfig = EVENT_CONFIG) -> list[Event]:
    """Yawns of one person.

    Args:
        time: (T,) seconds, increasing.
        opening: (T,) opening of the mouth.
        config: limits.
    """
    if not has_level(time, config):
        return []
    wider = opening - _level(time, opening, _REST, config.level_seconds)
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


def _level(time: Array, values: Array, percentile: float, reach: float) -> Array:
    """The usual value (T,) at each time: a percentile over `reach` seconds before and after."""
    step = min(1.0, reach / 8)
    marks = np.append(np.arange(time[0], time[-1], step), time[-1])
    marks = marks[np.diff(np.searchsorted(time, [marks - reach, marks + reach]), axis=0)[0] > 0]
    around = np.searchsorted(time, [marks - reach, marks + reach]).T
    levels = [np.percentile(values[first:end], percentile) for first, end in around]
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
