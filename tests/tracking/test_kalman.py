"""Kalman filters of a pose, on synthetic motion."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from facepoints._util.angles import wrap_radians
from facepoints.tracking.kalman import PoseKalmanFilter
from facepoints.tracking.pose2d import SimilarityPose
from facepoints.tracking.smoother_config import KalmanConfig

RATE = 30.0
SIZE = 100.0
STD = np.array([0.3, 0.3, 0.006, 0.006])
Path = Callable[[float], SimilarityPose]


def still(time: float) -> SimilarityPose:
    return np.array([200.0, 100.0, 3.0, 0.1])


def nods(time: float) -> SimilarityPose:
    return still(time) + np.array([0.0, 12.0, 0.0, 0.3]) * np.sin(3 * time)


def walks(time: float) -> SimilarityPose:
    return still(time) + np.array([180.0, 20.0, 0.1, 0.0]) * time


def errors_of(
    path: Path,
    times: NDArray,
    seed: int = 0,
    agile: bool = False,
    config: KalmanConfig | None = None,
) -> NDArray:
    """Errors (T, 4) of the estimates, in standard deviations of one observation."""
    random = np.random.default_rng(seed)
    motion, before, off = None, 0.0, []
    for time in times:
        observed = path(time) + STD * random.normal(size=4)
        observed[3] = wrap_radians(observed[3])
        if motion is None:
            motion = PoseKalmanFilter(observed, STD, SIZE, config, agile=agile)
        else:
            motion.update(observed, STD, time - before)
        before = time
        error = motion.pose - path(time)
        error[3] = wrap_radians(error[3])
        off.append(error / STD)
    return np.array(off)


def steps(off: NDArray, begin: int = 30) -> NDArray:
    """(4,) root mean square change of an error from frame to frame, after the first frames."""
    return np.sqrt((np.diff(off[begin:], axis=0) ** 2).mean(axis=0))


FRAMES = np.arange(180) / RATE


@pytest.mark.parametrize(("path", "most"), [(still, 0.22), (walks, 0.22), (nods, 0.85)])
def test_smooth_motion_neither_jitters_nor_lags(path: Path, most: float) -> None:
    off = np.stack([errors_of(path, FRAMES, seed) for seed in range(6)])
    # without a filter it is the square root of 2
    assert np.mean([steps(one) for one in off], axis=0).max() < most
    assert np.abs(off[:, 30:]).max() < 5
    assert np.abs(off[:, 30:].mean(axis=(0, 1))).max() < 0.3  # nor lag


def jitter_left(path: Path, config: KalmanConfig | None = None) -> float:
    """Jitter of the estimates as a fraction of the jitter of the observations."""
    jitter = [steps(errors_of(path, FRAMES, seed, config=config)) for seed in range(6)]
    return float(np.mean(jitter)) / 2**0.5


@pytest.mark.parametrize("path", [still, walks])
def test_the_default_filter_leaves_13_percent_of_the_jitter(path: Path) -> None:
    low, high = 0.122, 0.142
    assert low < jitter_left(path) < high
    smoother, quicker = (
        KalmanConfig(steady_process_noise=noise) for noise in ((1.0, 30.0), (9.0, 300.0))
    )
    assert jitter_left(path, smoother) < low
    assert jitter_left(path, quicker) > high


def test_the_acceleration_model_follows_a_nodding_head() -> None:
    """A constant-velocity model alone would always lag behind."""
    off = np.concatenate([errors_of(nods, FRAMES, seed)[40:] for seed in range(6)])
    assert np.sqrt((off[:, [1, 3]] ** 2).mean(axis=0)).max() < 1.55
    resting = np.concatenate([errors_of(still, FRAMES, seed)[40:] for seed in range(6)])
    assert np.sqrt((resting**2).mean(axis=0)).max() < 0.45


def test_the_filter_catches_up_with_a_jolt_within_a_frame() -> None:
    def jolts(time: float) -> SimilarityPose:
        return still(time) + np.array([25.0, 0, 0, 0]) * (time > 2)

    off = errors_of(jolts, FRAMES)
    assert np.abs(off[62:66, 0]).max() < 6  # of 83


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1.0, 2.0, 5.0, 30.0]), st.booleans())
def test_the_rotation_is_never_off_by_half_a_turn(seed: int, rate: float, agile: bool) -> None:
    random = np.random.default_rng(seed)
    times = np.cumsum(random.choice([1.0, 1.0, 1.0, 4.0], 150)) / rate

    def rolls(time: float) -> SimilarityPose:
        return still(time) + np.array([0, 0, 0, np.pi - 0.1 + 0.35 * np.sin(5 * time)])

    off = errors_of(rolls, times, seed, agile)
    assert np.abs(off[:, 3] * STD[3]).max() < 0.75


def test_steps_of_zero_and_of_many_seconds_stay_finite() -> None:
    random = np.random.default_rng(0)
    motion = PoseKalmanFilter(still(0), STD, SIZE)
    for step in random.choice([0.0, 0.001, 1 / 30, 1.0, 50.0], 3000):
        motion.update(still(0) + STD * random.normal(size=4), STD, float(step))
        assert np.isfinite(motion.pose).all()
    doubt = motion._covariance / np.outer(STD, STD).diagonal()[:, None, None]
    assert np.linalg.eigvalsh(doubt).min() > -1e-6
    assert np.abs(motion.pose - still(0)).max() < 20 * STD.max()


def test_rescaling_keeps_the_motion() -> None:
    one, large = (PoseKalmanFilter(walks(0), STD, SIZE) for _ in range(2))
    for frame in range(1, 20):
        for motion in (one, large):
            motion.update(walks(frame / RATE), STD, 1 / RATE)
    large.rescale(2.0)
    expected = one.predict(0.1) * [2, 2, 1, 1] + [0, 0, np.log(2), 0]
    assert large.predict(0.1) == pytest.approx(expected)
    hidden = one.predict(0.1, lost=True) * [2, 2, 1, 1] + [0, 0, np.log(2), 0]
    assert large.predict(0.1, lost=True) == pytest.approx(hidden)


def test_a_hidden_face_continues_its_motion() -> None:
    motion = PoseKalmanFilter(walks(0), STD, SIZE)
    for frame in range(1, 40):
        motion.update(walks(frame / RATE), STD, 1 / RATE)
    for _ in range(10):
        motion.predict_without_measurement(1 / RATE, np.array([3.0, 0.1]))
    assert motion.pose[:2] == pytest.approx(walks(49 / RATE)[:2], abs=2)
    assert motion.pose[2:].tolist() == [3.0, 0.1]


def test_a_filter_that_takes_the_noise_of_another_gives_the_same_poses() -> None:
    random, first = np.random.default_rng(0), walks(0)
    steady = PoseKalmanFilter(first, STD, SIZE)
    sharing = PoseKalmanFilter(first, STD, SIZE, agile=True, noise_of=steady)
    alone = PoseKalmanFilter(first, STD, SIZE, agile=True)
    for frame in range(1, 40):
        pose = walks(frame / RATE) + STD * random.normal(size=4)
        for motion in (steady, sharing, alone):
            motion.update(pose, STD, 1 / RATE)
        np.testing.assert_array_equal(sharing.pose, alone.pose)
        np.testing.assert_array_equal(sharing.predict(0.1), alone.predict(0.1))
