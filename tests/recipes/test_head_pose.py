"""The numbers that correct head pose, from angles with known errors; the mean head's recipe."""

from __future__ import annotations

import shutil
from pathlib import Path

import head_pose
import mean_head
import numpy as np
import pytest
from framing import yaw_of_half
from head_pose import Factors, factors_of, install, read_looks

from facepoints.errors import DataError
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.mean_head import HEAD_STD, MEAN_HEAD
from facepoints.measurement import pose_factors
from facepoints.measurement.head_fit import angles, fit_heads


def looks(noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Fitted angles and the directions of heads that turn 0.8 and nod 0.5 of what they should."""
    told = np.array(
        [(y, p, 0.0) for y in range(-90, 91, 15) for p in (-60, -30, -15, 0, 15, 30, 60)]
    )
    told = np.concatenate([told] * 20)
    fitted = told * (0.8, 0.5, 1) + (0, 4, 0)
    return fitted + np.random.default_rng(0).normal(size=told.shape) * noise, told


def test_slopes_are_recovered_and_the_level_counts() -> None:
    fitted, told = looks()
    factors = factors_of(fitted, np.full(told.shape, 1.0), told, with_slopes=True, level=4.0)
    assert factors.slopes == pytest.approx({"yaw": 1.25, "pitch": 1.0, "roll": 1.0})
    assert factors.level_pitch == 4
    assert factors_of(fitted, fitted, told, with_slopes=False).slopes["pitch"] == 1


def test_radii_hold_90_percent_of_the_errors() -> None:
    fitted, told = looks(noise=5.0)
    factors = factors_of(fitted, np.full(told.shape, 3.0), told, with_slopes=True, level=4.0)
    total = np.hypot(3.0 * 1.25, np.array(factors.model_radius["yaw"]) / head_pose.RESERVE)
    np.testing.assert_allclose(total, 1.645 * 5.0 * 1.25, rtol=0.1)


def test_an_offset_of_the_level_widens_the_radius_of_the_pitch() -> None:
    fitted, told = looks(noise=1.0)
    small = np.full(told.shape, 0.1)
    right = factors_of(fitted, small, told, with_slopes=True, level=4.0).model_radius
    wrong = factors_of(fitted, small, told, with_slopes=True, level=-4.0).model_radius
    assert min(wrong["pitch"]) > max(right["pitch"]) + 4
    assert wrong["yaw"] == right["yaw"]


def test_install_writes_a_module_with_the_numbers(tmp_path: Path) -> None:
    copy = tmp_path / "pose_factors.py"
    shutil.copyfile(pose_factors.__file__, copy)
    every: tuple[float, ...] = (1.0, 2.0, 3.0, 4.5)
    radii = {str(name): every for name in pose_factors.MODEL_RADIUS}
    install(Factors({"yaw": 1.2, "pitch": 1.5, "roll": 1.0}, -2.5, radii), copy)
    values: dict[str, object] = {}
    exec(copy.read_text(), values)
    assert values["SLOPES"] == {"yaw": 1.2, "pitch": 1.5, "roll": 1.0}
    assert values["LEVEL_PITCH"] == -2.5
    assert values["MODEL_RADIUS"] == radii
    assert values["MODEL_YAWS"] == pose_factors.MODEL_YAWS
    assert copy.read_text().count('"""') == Path(pose_factors.__file__).read_text().count('"""')


def test_looks_are_read_with_the_signs_of_head_pose(tmp_path: Path) -> None:
    header = "file,person,tilt,pan,face_centre_x,face_centre_y,face_width,face_height\n"
    rows = "a.jpg,1,-30,+60,100,120,40,50\nb.jpg,3,+0,+0,1,1,1,1\n"
    (tmp_path / "poses.csv").write_text(header + rows)
    (look,) = read_looks(tmp_path, ("1", "2"))
    assert look.angles == (-60.0, -30.0, 0.0)  # pan + is the left of the image
    assert look.box == (80.0, 95.0, 40.0, 50.0)
    with pytest.raises(DataError, match="no person 2"):
        read_looks(tmp_path, ("2",))
    with pytest.raises(DataError, match="--data"):
        read_looks(tmp_path / "none", ("2",))


def test_a_hidden_half_tells_the_yaw() -> None:
    right = np.array(["right" in name for name in IBUG_68.names])
    labelled = np.stack([right, right[IBUG_68.mirror], np.ones(68, bool)])
    expected = yaw_of_half(labelled)
    assert expected[0, 0] > 45 > -45 > expected[1, 0]
    assert np.isinf(expected[2, 1])


@pytest.mark.parametrize("yaw", [-85.0, 60.0, 85.0])
def test_half_a_profile_is_fitted_with_the_yaw_that_its_hidden_half_tells(yaw: float) -> None:
    angle = np.deg2rad(yaw)
    flat = MEAN_HEAD[:, [0, 2]] @ (np.cos(angle), np.sin(angle))
    points = np.stack([flat, MEAN_HEAD[:, 1]], axis=1)[None] * 100 + 200
    seen = np.array([("left" if yaw > 0 else "right") not in name for name in IBUG_68.names])[None]
    noise = np.random.default_rng(1).normal(size=points.shape) * 2
    sigma = np.where(seen, 2.0, np.inf)[:, 17:]
    expected = yaw_of_half(seen)
    fit = fit_heads((points + noise)[:, 17:], sigma, MEAN_HEAD[17:], HEAD_STD[17:], yaw=expected)
    assert angles(fit.turn)[0, 0] == pytest.approx(yaw, abs=10)


def test_the_source_of_the_mean_head_is_what_is_installed(tmp_path: Path) -> None:
    copy = tmp_path / "mean_head.py"
    shutil.copyfile(mean_head.INSTALLED, copy)
    std = np.linspace(0.01, 0.1, 68)
    mean_head.install(MEAN_HEAD * 2, std, copy)
    values: dict[str, np.ndarray] = {}
    exec(copy.read_text(), values)
    np.testing.assert_allclose(values["MEAN_HEAD"], MEAN_HEAD * 2, atol=1e-4)
    np.testing.assert_allclose(values["HEAD_STD"], std, atol=1e-4)
