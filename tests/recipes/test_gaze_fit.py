"""The recipe for the place of the eyes' centers, on a photo of somebody who looks at the camera."""

from __future__ import annotations

from pathlib import Path

import gaze_fit as gaze
import numpy as np
import pytest
from skimage import data

import facepoints
from facepoints.measurement import gaze_factors


@pytest.fixture(scope="module")
def looks() -> list[gaze.Look]:
    photo = data.astronaut()
    return gaze.looks_of(facepoints.load(), [gaze.Sight(photo, 0, 0), gaze.Sight(photo[20:], 0, 0)])


def test_the_offset_lets_people_look_at_the_camera(looks: list[gaze.Look]) -> None:
    assert len(looks) == 4  # also mirrored
    fitted = gaze.fit_offset([looks])
    left = [sides - rows @ fitted for rows, sides in map(gaze.equations, looks)]
    before = [sides for _, sides in map(gaze.equations, looks)]
    assert np.abs(left).mean() < 0.7 * np.abs(before).mean()
    assert np.abs(left).mean() < 1.5  # millimeters
    off, points, turns = gaze.errors(looks, fitted)
    assert off.shape == points.shape == (4, 2)
    assert turns.shape == (4,)
    assert np.abs(off).max() < 8


def test_the_radius_holds_nine_of_ten(looks: list[gaze.Look]) -> None:
    fitted = np.array([*gaze_factors.OFFSET, gaze_factors.SHIFT])
    random = np.random.default_rng(0)
    many = [look._replace(true=random.normal(0, 3, 2)) for look in looks * 50]
    far = [look._replace(true=look.true + random.normal(0, 9, 2)) for look in looks * 50]
    factors, turns = gaze.fit_radii(many, far, fitted)
    for chosen in (many, far):
        off, points, angle = gaze.errors(chosen, fitted)
        radius = np.hypot(points * factors, np.maximum(angle, 1)[:, None] * turns)
        assert ((np.abs(off) <= radius).mean(axis=0) > 0.85).all()


def test_the_numbers_are_written_to_the_package(tmp_path: Path) -> None:
    copy = tmp_path / "gaze_factors.py"
    before = Path(gaze_factors.__file__).read_text("utf-8")
    copy.write_text(before, "utf-8")
    numbers = np.array([0.25, -3.0, -1.5, 0.5]), np.array([1.0, 2.0]), np.array([0.25, 0.5])
    gaze.install(gaze.lines_of(*numbers), copy)
    known: dict[str, object] = {}
    exec(copy.read_text("utf-8"), known)
    assert (known["OFFSET"], known["SHIFT"]) == ((0.25, -3.0, -1.5), 0.5)
    assert (known["RADIUS_FACTORS"], known["TURN_RADII"]) == ((1.0, 2.0), (0.25, 0.5))
    shipped = np.array([*gaze_factors.OFFSET, gaze_factors.SHIFT])
    radii = np.array(gaze_factors.RADIUS_FACTORS), np.array(gaze_factors.TURN_RADII)
    gaze.install(gaze.lines_of(shipped, *radii), copy)
    assert copy.read_text("utf-8") == before
