"""Acted clips: what they show, what the camera makes of it, and lent lids."""

from __future__ import annotations

import numpy as np
import pytest
from acted_clips import (
    ACTS,
    BLINKS,
    SETTINGS,
    SIDE,
    Clip,
    close_up,
    expected,
    glance,
    lent_lids,
    lids,
)
from skimage import data

import facepoints
from facepoints.landmarks.known_sets import IBUG_68


@pytest.fixture(scope="module")
def person() -> tuple[np.ndarray, np.ndarray]:
    photo = data.astronaut()
    (face,) = facepoints.load()(photo)
    return close_up(photo, face.as_landmarks(IBUG_68).points)


def test_only_people_who_act_show_events() -> None:
    assert expected("blinks and turns") == ("blink", "blink")
    assert expected("yawns") == ("yawn",)
    assert expected("sleeps") == ("eyes_closed",)
    assert {expected(act) for act in ("talks", "laughs", "looks down", "glances down")} == {()}
    assert all(lids(begun + 0.13) == 1 for begun in BLINKS)
    assert lids(0.5) == 0
    assert max(glance(time) for time in np.arange(0, 4, 0.05)) == pytest.approx(0.4)


@pytest.mark.parametrize("camera", SETTINGS)
def test_the_camera_films_at_its_rate_size_and_light(camera: str, person) -> None:
    setting = SETTINGS[camera]
    clip = Clip(lambda time: person[0], setting)
    frames = list(zip(range(3), clip, strict=False))
    assert clip.total == round(4 * setting.fps)
    assert [frame.time for _, frame in frames] == pytest.approx([n / setting.fps for n in range(3)])
    image = frames[0][1].image
    assert image.shape == (SIDE, SIDE, 3)
    assert image.mean() == pytest.approx(setting.light * person[0].mean(), rel=0.3)


def test_lent_lids_change_the_eyes_alone(person) -> None:
    image, points = person
    closed = ACTS["sleeps"](image, points, 2.0)
    np.testing.assert_array_equal(lent_lids(image, points, closed, points, 0.0), image)
    lent = lent_lids(image, points, closed, points, 1.0).astype(int)
    changed = np.abs(lent - image).max(axis=2) > 25
    rows, columns = np.nonzero(changed)
    eyes = points[36:48]
    length = np.ptp(points[36:42, 0])
    assert changed.sum() > 20
    assert np.all(rows > eyes[:, 1].min() - length)
    assert np.all(rows < eyes[:, 1].max() + length)
    assert np.all((columns > eyes[:, 0].min() - length) & (columns < eyes[:, 0].max() + length))
    pupil = tuple(np.rint(points[36:42].mean(axis=0)).astype(int)[::-1])
    assert abs(int(lent[pupil].mean()) - int(closed[pupil].mean())) < 40
