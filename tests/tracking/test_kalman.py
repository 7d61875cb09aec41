"""Motion and shape of a face, from poses that are made up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from facepoints.tracking.kalman import PoseKalmanFilter
from facepoints.tracking.pose2d import SimilarityPose

RATE = 30.0
SIZE = 100.0
UNIT = np.array([0.3, 0.3, 0.006, 0.006])
Path = Callable[[float], SimilarityPose]


def still(time: float) -> SimilarityPose:
    return np.array([200.0, 100.0, 3.0, 0.1])


def nods(time: float) -> SimilarityPose:
    return still(time) + np.array([0.0, 12.0, 0.0, 0.3]) * np.sin(3 * time)


def walks(time: float) -> SimilarityPose:
    return still(time) + np.array([180.0, 20.0, 0.1, 0.0]) * time


def followed(path: Path, times: NDArray, seed: int = 0, agile: bool = False) -> NDArray:
    """Differences (T, 4) of estimates to the truth, in standard deviations of one sight."""
    random = np.random.default_rng(seed)
    motion, before, off = None, 0.0, []
    for time in times:
        seen = path(time) + UNIT * random.normal(size=4)
        seen[3] = (seen[3] + np.pi) % (2 * np.pi) - np.pi
        if motion is None:
            motion = PoseKalmanFilter(seen, UNIT, SIZE, agile=agile)
        else:
            motion.update(seen, UNIT, time - before)
        before = time
        error = motion.pose - path(time)
        error[3] = (error[3] + np.pi) % (2 * np.pi) - np.pi
        off.append(error / UNIT)
    return np.array(off)


def steps(off: NDArray, begin: int = 30) -> NDArray:
    """(4,) root mean square of the change of an error from a frame to the next, once it runs."""
    return np.sqrt((np.diff(off[begin:], axis=0) ** 2).mean(axis=0))


FRAMES = np.arange(180) / RATE


@pytest.mark.parametrize(("path", "most"), [(still, 0.22), (walks, 0.22), (nods, 0.85)])
def test_what_moves_smoothly_does_not_jitter(path: Path, most: float) -> None:
    off = np.stack([followed(path, FRAMES, seed) for seed in range(6)])
    # frame by frame it is the square root of 2
    assert np.mean([steps(one) for one in off], axis=0).max() < most
    assert np.abs(off[:, 30:]).max() < 5
    assert np.abs(off[:, 30:].mean(axis=(0, 1))).max() < 0.3  # nor lag


def test_a_head_that_nods_is_followed_by_its_acceleration() -> None:
    """Speed alone would have to catch up all the time."""
    off = np.concatenate([followed(nods, FRAMES, seed)[40:] for seed in range(6)])
    assert np.sqrt((off[:, [1, 3]] ** 2).mean(axis=0)).max() < 1.55
    resting = np.concatenate([followed(still, FRAMES, seed)[40:] for seed in range(6)])
    assert np.sqrt((resting**2).mean(axis=0)).max() < 0.45


def test_a_jolt_is_caught_up_with_within_a_frame() -> None:
    def jolts(time: float) -> SimilarityPose:
        return still(time) + np.array([25.0, 0, 0, 0]) * (time > 2)

    off = followed(jolts, FRAMES)
    assert np.abs(off[62:66, 0]).max() < 6  # of 83


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1.0, 2.0, 5.0, 30.0]), st.booleans())
def test_turns_are_never_half_a_turn_off(seed: int, rate: float, agile: bool) -> None:
    random = np.random.default_rng(seed)
    times = np.cumsum(random.choice([1.0, 1.0, 1.0, 4.0], 150)) / rate

    def rolls(time: float) -> SimilarityPose:
        return still(time) + np.array([0, 0, 0, np.pi - 0.1 + 0.35 * np.sin(5 * time)])

    off = followed(rolls, times, seed, agile)
    assert np.abs(off[:, 3] * UNIT[3]).max() < 0.75


def test_time_that_stands_still_or_flies_leaves_numbers() -> None:
    random = np.random.default_rng(0)
    motion = PoseKalmanFilter(still(0), UNIT, SIZE)
    for step in random.choice([0.0, 0.001, 1 / 30, 1.0, 50.0], 3000):
        motion.update(still(0) + UNIT * random.normal(size=4), UNIT, float(step))
        assert np.isfinite(motion.pose).all()
    doubt = motion._covariance / np.outer(UNIT, UNIT).diagonal()[:, None, None]
    assert np.linalg.eigvalsh(doubt).min() > -1e-6
    assert np.abs(motion.pose - still(0)).max() < 20 * UNIT.max()


def test_a_picture_of_another_size_shows_the_same_motion() -> None:
    one, large = (PoseKalmanFilter(walks(0), UNIT, SIZE) for _ in range(2))
    for frame in range(1, 20):
        for motion in (one, large):
            motion.update(walks(frame / RATE), UNIT, 1 / RATE)
    large.rescale(2.0)
    expected = one.predict(0.1) * [2, 2, 1, 1] + [0, 0, np.log(2), 0]
    assert large.predict(0.1) == pytest.approx(expected)
    hidden = one.predict(0.1, lost=True) * [2, 2, 1, 1] + [0, 0, np.log(2), 0]
    assert large.predict(0.1, lost=True) == pytest.approx(hidden)


def test_a_hidden_face_goes_on_as_it_went() -> None:
    motion = PoseKalmanFilter(walks(0), UNIT, SIZE)
    for frame in range(1, 40):
        motion.update(walks(frame / RATE), UNIT, 1 / RATE)
    for _ in range(10):
        motion.predict_without_measurement(1 / RATE, np.array([3.0, 0.1]))
    assert motion.pose[:2] == pytest.approx(walks(49 / RATE)[:2], abs=2)
    assert motion.pose[2:].tolist() == [3.0, 0.1]
