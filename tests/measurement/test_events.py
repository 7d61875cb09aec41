"""Blinks, closed eyes and yawns in synthetic openings over time."""

from __future__ import annotations

import re
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from facepoints.measurement.events import Event, EventConfig, eye_events, has_level, yawns

Array = NDArray[np.floating]
RATE = 30.0


def track(seconds: float, level: float, *parts: tuple[float, float, float]) -> tuple:
    """Times, and an opening at a level with a little noise.

    Args:
        parts: (start, seconds, opening) of intervals with another opening.
    """
    time = np.arange(round(seconds * RATE)) / RATE
    opening = level + 0.01 * np.random.default_rng(0).normal(size=len(time))
    for start, lasts, value in parts:
        inside = (time >= start - 1e-9) & (time < start + lasts - 1e-9)
        opening[inside] = value
    return time, opening


def eyes(time: Array, opening: Array, yaw: Array | float = 0.0) -> list[Event]:
    """Eye events of a head that looks ahead, or turns."""
    pose = np.stack([np.broadcast_to(yaw, time.shape), np.zeros_like(time)], axis=1)
    return eye_events(time, opening, pose)


@pytest.mark.parametrize("level", [0.18, 0.32, 0.45])
def test_blinks_are_detected_at_any_usual_opening(level: float) -> None:
    time, opening = track(10, level, (2, 0.2, 0.3 * level), (6, 0.1, 0.1 * level))
    events = eyes(time, opening)
    assert [event.kind for event in events] == ["blink", "blink"]
    np.testing.assert_allclose([event.start for event in events], [2, 6], atol=1e-9)
    np.testing.assert_allclose([event.seconds for event in events], [0.2, 0.1], atol=1e-6)
    assert (events[0].first, events[0].last) == (60, 65)
    assert events[1].extreme == pytest.approx(0.1 * level)


def test_eyes_that_stay_closed_are_not_a_blink() -> None:
    events = eyes(*track(10, 0.3, (3, 0.9, 0.08)))
    assert [(event.kind, round(event.seconds, 2)) for event in events] == [("eyes_closed", 0.9)]


def test_narrow_eyes_and_noise_are_not_events() -> None:
    assert eyes(*track(10, 0.3, (3, 0.2, 0.27))) == []
    assert eyes(*track(10, 0.3)) == []


def test_a_cut_off_blink_is_not_counted() -> None:
    assert eyes(*track(10, 0.3, (0, 0.1, 0.05))) == []
    assert eyes(*track(10, 0.3, (9.9, 0.2, 0.05))) == []
    time, opening = track(10, 0.3, (5, 0.3, 0.05))
    kept = (time < 5.1) | (time > 7)  # the face was lost in the middle of it
    assert eyes(time[kept], opening[kept]) == []


def test_a_yawn_is_wide_and_long() -> None:
    yawn = yawns(*track(20, 0.02, (5, 4, 0.9)))
    assert [(event.kind, event.start, event.seconds) for event in yawn] == [
        ("yawn", pytest.approx(5), pytest.approx(4))
    ]
    assert yawns(*track(20, 0.02, (5, 0.6, 0.9))) == []  # a shout
    assert yawns(*track(20, 0.02, (5, 4, 0.12))) == []  # a mouth that hangs open
    assert yawns(*track(20, 0.5, (5, 4, 0.62))) == []  # not much wider than ever


def test_a_person_visible_for_a_moment_has_no_level_and_no_events() -> None:
    time, opening = track(1.5, 0.3, (0.5, 0.2, 0.05))
    assert not has_level(time)
    assert eyes(time, opening) == yawns(time, opening) == []
    assert not has_level(np.array([0.0, 10, 20]))
    assert eyes(np.zeros(0), np.zeros(0)) == []


def test_eyes_that_narrow_while_the_head_turns_are_not_events() -> None:
    time, opening = track(10, 0.3, (3, 0.2, 0.2), (7, 0.2, 0.2))
    assert len(eyes(time, opening)) == 2
    yaw = np.interp(time, [2.8, 3.4], [0, 20])
    assert [event.start for event in eyes(time, opening, yaw)] == [pytest.approx(7)]


def test_the_level_follows_a_lasting_change() -> None:
    """Eyes of a person who first squints into the sun, for a minute."""
    time, opening = track(120, 0.3, (0, 60, 0.2), (30, 0.2, 0.1), (90, 0.2, 0.1))
    kinds = [(event.kind, round(event.start)) for event in eyes(time, opening)]
    assert ("blink", 30) in kinds
    assert ("blink", 90) in kinds
    mouth = opening - 0.2
    assert yawns(time, mouth) == []


def test_events_do_not_extend_over_a_gap_between_frames() -> None:
    time, opening = track(10, 0.3, (3, 0.2, 0.05), (7, 0.2, 0.05))
    time = np.where(time > 5, time + 600, time)
    assert [event.kind for event in eyes(time, opening)] == ["blink", "blink"]


def test_the_limits_can_be_changed() -> None:
    time, opening = track(10, 0.3, (3, 0.2, 0.2))
    still = np.zeros((len(time), 2))
    assert len(eye_events(time, opening, still)) == 1
    assert eye_events(time, opening, still, config=EventConfig(narrowing=0.5)) == []
    long = track(20, 0.03, (5, 4, 0.6))
    assert len(yawns(*long)) == 1
    assert yawns(*long, config=EventConfig(yawn_peak=0.8)) == []


def seen(
    opening: Array, level: float, chances: Array, yaw: Array | float = 0.0
) -> list[tuple[str, float]]:
    """Kind and start of eye events where the eye state is known."""
    time = np.arange(len(opening)) / RATE
    pose = np.stack([np.broadcast_to(yaw, time.shape), np.zeros_like(time)], axis=1)
    return [(e.kind, round(e.start, 1)) for e in eye_events(time, opening * level, pose, chances)]


def course(*parts: tuple[float, float, float], rest: float, seconds: float = 10) -> Array:
    """Values over time: `rest`, but another value in (start, seconds, value)."""
    time = np.arange(round(seconds * RATE)) / RATE
    values = np.full(len(time), rest)
    for start, lasts, value in parts:
        values[(time >= start - 1e-9) & (time < start + lasts - 1e-9)] = value
    return values


def test_the_eye_state_tells_closed_eyes_from_eyes_that_look_down_or_laugh() -> None:
    narrow = course((3, 2, 0.6), rest=1.0)
    assert seen(narrow, 0.3, course((3, 2, 0.98), rest=0.01)) == [("eyes_closed", 3.0)]
    assert seen(narrow, 0.3, course((3, 2, 0.3), rest=0.01)) == []


def test_a_blink_that_the_points_hardly_see_counts_if_the_eye_state_sees_it() -> None:
    shallow = course((4, 0.2, 0.86), rest=1.0)
    assert seen(shallow, 0.3, course((4, 0.2, 0.97), rest=0.01)) == [("blink", 4.0)]
    assert seen(shallow, 0.3, course(rest=0.01)) == []
    assert seen(course(rest=1.0), 0.3, course((4, 0.2, 0.97), rest=0.01)) == []  # a reflection


def test_people_with_narrow_eyes_blink_relative_to_their_own_chance() -> None:
    chances = course((4, 0.2, 0.99), (7, 0.2, 0.7), rest=0.5)
    assert seen(course((4, 0.2, 0.6), (7, 0.2, 0.93), rest=1.0), 0.15, chances) == [("blink", 4.0)]


def test_unknown_chances_leave_it_to_the_opening() -> None:
    opening = course((3, 0.2, 0.5), (7, 0.2, 0.5), rest=1.0)
    chances = course((2, 2, np.nan), (7, 0.2, 0.95), rest=0.02)
    assert seen(opening, 0.3, chances) == [("blink", 3.0), ("blink", 7.0)]
    assert seen(opening, 0.3, np.full(len(opening), np.nan)) == [("blink", 3.0), ("blink", 7.0)]


def test_two_blinks_with_half_open_eyes_between_them_are_two() -> None:
    opening = course((3, 0.16, 0.45), (3.16, 0.2, 0.8), (3.36, 0.16, 0.45), rest=1.0)
    assert [e.kind for e in eyes(np.arange(len(opening)) / RATE, opening * 0.3)] == ["blink"] * 2


def test_a_blink_before_a_look_down_is_one() -> None:
    """The lids come up halfway only, for seconds."""
    opening = course((4, 0.2, 0.5), (4.2, 1.5, 0.79), rest=1.0)
    events = eyes(np.arange(len(opening)) / RATE, opening * 0.3)
    assert [(e.kind, round(e.start, 1)) for e in events] == [("blink", 4.0)]


def test_eyes_that_stay_closed_for_ten_seconds_are_one_event() -> None:
    opening = course((8, 10, 0.5), rest=1.0, seconds=30)
    chances = course((8, 10, 0.97), rest=0.02, seconds=30)
    time = np.arange(len(opening)) / RATE
    (event,) = eye_events(time, opening * 0.3, np.zeros((len(time), 2)), chances)
    assert event.kind == "eyes_closed"
    assert (event.start, event.seconds) == (pytest.approx(8, abs=0.05), pytest.approx(10, abs=0.1))


def test_a_blink_in_a_turn_counts_if_the_eye_state_sees_it() -> None:
    opening = course((3, 0.2, 0.55), rest=1.0)
    yaw = np.interp(np.arange(len(opening)) / RATE, [2.8, 3.4], [0, 25])
    assert seen(opening, 0.3, course((3, 0.2, 0.98), rest=0.02), yaw) == [("blink", 3.0)]
    assert seen(opening, 0.3, course((3, 0.2, 0.4), rest=0.02), yaw) == [("blink", 3.0)]
    assert seen(opening, 0.3, course(rest=0.02), yaw) == []
    assert seen(opening, 0.3, course(rest=np.nan), yaw) == []


def test_a_blink_of_which_the_eye_state_is_unsure_counts_once() -> None:
    opening = course((4, 0.2, 0.8), (4.07, 0.07, 0.78), rest=1.0)
    chances = course((4, 0.2, 0.85), (4.065, 0.035, 0.05), rest=0.02)
    assert seen(opening, 0.3, chances) == [("blink", 4.0)]
    twice = course((4, 0.15, 0.6), (4.4, 0.15, 0.6), rest=1.0)  # two, one after the other
    assert len(seen(twice, 0.3, course((4, 0.15, 0.9), (4.4, 0.15, 0.9), rest=0.02))) == 2


@given(
    fps=st.sampled_from([15, 24, 25, 29.97, 30, 50, 60]),
    level=st.floats(0.2, 0.4),
    depth=st.floats(0.4, 0.65),
    lasts=st.floats(0.15, 0.35),
    likely=st.floats(0.6, 0.99),
    start=st.floats(2, 3),
)
def test_blinks_are_found_at_every_frame_rate(
    fps: float, level: float, depth: float, lasts: float, likely: float, start: float
) -> None:
    """Openings fall to 0.4 to 0.65 of their level, as measured in real blinks, with noise, in a
    person who moves the head."""
    time = np.arange(round(10 * fps)) / fps
    noise = np.random.default_rng(0).normal(size=len(time))
    shape = np.interp(time - start, [0, 0.3 * lasts, 0.6 * lasts, lasts], [0, 1, 1, 0])
    shape += np.interp(time - start - 4, [0, 0.3 * lasts, 0.6 * lasts, lasts], [0, 1, 1, 0])
    opening = level * (1 - (1 - depth) * shape + 0.015 * noise + 0.03 * np.sin(time))
    chances = 0.02 + (likely - 0.02) * shape
    pose = np.stack([12 * np.sin(time), 5 * np.sin(1.3 * time)], axis=1)
    for closed in (chances, None):
        events = eye_events(time, opening, pose, closed)
        assert [event.kind for event in events] == ["blink", "blink"]
        assert events[0].start < start + lasts
        assert events[0].start + events[0].seconds > start


def test_talking_laughing_and_faces_are_no_yawns() -> None:
    time = np.arange(round(12 * RATE)) / RATE
    talks = 0.15 + 0.15 * np.sin(2 * np.pi * 4 * time)
    laughs = np.where((time > 4) & (time < 7), 0.35 + 0.05 * np.sin(2 * np.pi * 5 * time), 0.05)
    surprised = np.where((time > 4) & (time < 5.4), 0.6, 0.03)
    for mouth in (talks, laughs, surprised):
        assert yawns(time, mouth) == []


def test_the_effect_of_a_larger_value_of_every_setting_is_documented() -> None:
    texts = dict(re.findall(r"^        (\w+): (.+(?:\n {12}.+)*)", EventConfig.__doc__ or "", re.M))
    texts.pop("SettingsError")
    assert list(texts) == [field.name for field in fields(EventConfig)]
    assert [name for name, text in texts.items() if "Larger:" not in text] == []


@pytest.mark.parametrize(("start", "part"), [(2.0, True), (4.0, True), (4.5, False), (6.0, False)])
def test_closed_eyes_during_a_yawn_are_part_of_it(start: float, part: bool) -> None:
    yawn = Event("yawn", 0, 9, 1.0, 4.0, 0.8)
    closed = Event("eyes_closed", 0, 9, start, 2.0, 0.1)
    assert closed.is_part_of_yawn([yawn]) == part
    assert not closed.is_part_of_yawn([])
    assert not Event("blink", 0, 9, start, 0.2, 0.1).is_part_of_yawn([yawn])
