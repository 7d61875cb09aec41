"""The limits of blinks, closed eyes and yawns (`measurement.events`)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from facepoints._util.checked_config import CheckedConfig, positive, within

__all__ = ["EVENT_CONFIG", "EventConfig"]


@dataclass(frozen=True)
class EventConfig(CheckedConfig):
    """Limits of events.

    Attributes:
        narrowing: fall of the opening that means shut eyes, as a fraction of its level. Larger:
            fewer blinks, fewer false ones.
        odds_rise: rise of the log odds of closed eyes that means shut eyes. Larger: fewer
            blinks, fewer false ones.
        event_part: fraction of the closing of shut eyes. An eye event lasts while the closing
            is above it. Larger: shorter events.
        max_blink_seconds: longest time that the eyes are shut in a blink, in seconds. Larger:
            more blinks, fewer "eyes_closed".
        min_closed: smallest median probability of closed eyes during "eyes_closed". Larger:
            fewer such events, fewer false ones.
        closed_ratio: largest median opening during "eyes_closed" where that probability is
            unknown, as a fraction of its level. Larger: more such events, more false ones.
        yawn_peak: smallest opening of the mouth above its level at the widest point of a yawn.
            Larger: fewer yawns, fewer false ones.
        yawn_opening: opening of the mouth above its level while a yawn lasts. Larger: shorter
            yawns.
        min_yawn_seconds: shortest yawn, in seconds. Larger: fewer yawns, fewer false ones.
        noise_factor: smallest change of an opening, in standard deviations of its noise; one is
            enough where the eye state says closed. Larger: fewer events in shaky videos.
        max_turn: largest change of (yaw, pitch) in degrees during an eye event in which the eye
            state is unknown or says open. Closing the eyes alone changes the measured pitch by up
            to six degrees. Larger: more events, more false ones.
        turn_margin: seconds before and after an eye event in which the head must not turn
            either. Larger: fewer events, fewer false ones.
        near_seconds: seconds before and after a frame over which the level of the eyes is
            computed. Larger: steadier levels, slower to adapt.
        level_seconds: the same for the level of the mouth and for the long level of the eyes.
            Larger: steadier levels, slower to adapt.
        long_part: smallest level of the eyes, as a fraction of the long level. Larger: eyes that
            stay closed are detected for longer, and so are eyes that look down for long.
        min_seconds: time that a person must be visible for the level to be known, in seconds.
            Larger: fewer events of people who are visible for a short time.
        min_frames: number of frames in which the person must be visible for the same reason.
            Larger: as for `min_seconds`.
        max_gap: longest time between two frames of one event, in seconds. Nothing is known
            about a longer gap, so it interrupts events. Larger: events span longer gaps.

    Raises:
        SettingsError: a field is out of its range.
    """

    narrowing: float = positive(0.145)
    odds_rise: float = positive(2.4)
    event_part: float = within(0.6, 0, 1)
    max_blink_seconds: float = within(0.5, 0, math.inf)
    min_closed: float = within(0.8, 0, 1)
    closed_ratio: float = within(0.6, 0, 1)
    yawn_peak: float = within(0.4, 0, 10)
    yawn_opening: float = within(0.25, 0, 10)
    min_yawn_seconds: float = within(1.7, 0, math.inf)
    noise_factor: float = within(5.0, 0, math.inf)
    max_turn: tuple[float, float] = within((5.0, 8.0), 0, 360)
    turn_margin: float = within(0.1, 0, math.inf)
    near_seconds: float = positive(2.0)
    level_seconds: float = positive(15.0)
    long_part: float = within(0.75, 0, 1)
    min_seconds: float = within(2.0, 0, math.inf)
    min_frames: int = within(15, 1, math.inf)
    max_gap: float = positive(0.25)


EVENT_CONFIG = EventConfig()
"""The default limits."""
