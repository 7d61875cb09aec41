"""The recipe for the place of the eyes' centers, on a photo of somebody who looks at the camera."""

from __future__ import annotations

from pathlib import Path

import gaze_fit as gaze
import numpy as np
import pytest
from gaze_forms import radius_of
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
    errors = gaze.errors(looks, fitted)
    assert errors.off.shape == errors.points.shape == (4, 2)
    assert {turns.shape for turns in errors.turns.values()} == {(4, 2)}
    assert errors.angle == pytest.approx(np.zeros(4))
    assert np.abs(errors.off).max() < 8


def test_the_radius_holds_nine_of_ten(looks: list[gaze.Look]) -> None:
    fitted = np.array([*gaze_factors.OFFSET, gaze_factors.SHIFT])
    random = np.random.default_rng(0)
    many = [look._replace(true=random.normal(0, 3, 2)) for look in looks * 50]
    far = [look._replace(true=look.true + random.normal(0, 9, 2)) for look in looks * 50]
    sets = [gaze.errors(chosen, fitted) for chosen in (many, far)]
    factors, turns = gaze.fit_radii(sets, gaze_factors.TURN_FORM)
    held = [
        np.abs(one.off) <= radius_of(one, gaze_factors.TURN_FORM, factors, turns) for one in sets
    ]
    assert (np.mean(held, axis=(0, 1)) > 0.85).all()


def test_nobody_is_checked_by_a_fit_on_themselves(looks: list[gaze.Look]) -> None:
    far = [look._replace(true=np.array([20.0, 10.0])) for look in looks]
    folds = gaze.folds_of([looks[:2], looks[2:]], [], [far[:2], far[2:]], looks)
    assert [list(fold.checked) for fold in folds] == [
        [gaze.PORTRAITS, gaze.MARKS, gaze.PAINTED]
    ] * 2
    for fold, own in zip(folds, (looks[:2], looks[2:]), strict=True):
        portraits, marks = fold.fitted
        assert (len(portraits.off), len(marks.off)) == (2, 2)
        fitted = gaze.fit_offset([own, [look._replace(true=far[0].true) for look in own]])
        assert portraits.off == pytest.approx(gaze.errors(own, fitted).off)
        assert np.median(fold.checked[gaze.PAINTED].off, axis=0) == pytest.approx([0, 0], abs=1e-9)


def test_the_numbers_are_written_to_the_package(tmp_path: Path) -> None:
    copy = tmp_path / "gaze_factors.py"
    before = Path(gaze_factors.__file__).read_text("utf-8")
    copy.write_text(before, "utf-8")
    numbers = np.array([0.25, -3.0, -1.5, 0.5]), "own", np.array([1.0, 2.0]), np.array([0.25, 0.5])
    gaze.install(gaze.lines_of(*numbers), copy)
    known: dict[str, object] = {}
    exec(copy.read_text("utf-8"), known)
    assert (known["OFFSET"], known["SHIFT"]) == ((0.25, -3.0, -1.5), 0.5)
    assert (known["RADIUS_FACTORS"], known["TURN_RADII"]) == ((1.0, 2.0), (0.25, 0.5))
    assert known["TURN_FORM"] == "own"
    shipped = np.array([*gaze_factors.OFFSET, gaze_factors.SHIFT])
    radii = np.array(gaze_factors.RADIUS_FACTORS), np.array(gaze_factors.TURN_RADII)
    gaze.install(gaze.lines_of(shipped, gaze_factors.TURN_FORM, *radii), copy)
    assert copy.read_text("utf-8") == before
