"""Noise estimates from third differences."""

from __future__ import annotations

import numpy as np
import pytest

from facepoints.tracking.measurement_noise import noise_std, pose_noise


def test_noise_std_recovers_the_noise_on_smooth_motion() -> None:
    random = np.random.default_rng(0)
    time = np.arange(2000)
    motion = np.stack([0.002 * time**2, 30 * np.sin(time / 50)], axis=1)
    noise = random.normal(0, (0.5, 2.0), (2000, 2))
    assert noise_std(motion + noise) == pytest.approx([0.5, 2.0], rel=0.1)
    assert noise_std(motion).max() < 0.01


def test_a_jump_is_not_noise() -> None:
    values = np.zeros((16, 1))
    values[8:] = 100
    assert noise_std(values) == 0


@pytest.mark.parametrize("count", [5, 8, 9, 31])
def test_noise_std_is_the_median_of_the_third_differences(count: int) -> None:
    values = np.random.default_rng(count).normal(size=(count, 3, 2))
    median = np.median(np.abs(np.diff(values, n=3, axis=0)), axis=0)
    np.testing.assert_array_equal(noise_std(values), median / (0.6745 * 20**0.5))


def test_fewer_than_five_values_have_no_noise_estimate() -> None:
    assert noise_std(np.random.default_rng(0).normal(size=(4, 3))).tolist() == [0, 0, 0]


def test_pose_noise_averages_to_the_noise_and_ignores_full_turns() -> None:
    random = np.random.default_rng(1)
    std = np.array([0.3, 0.3, 0.01, 0.02])
    poses = np.cumsum(np.full((4000, 4), (2.0, 1.0, 0.01, 0.3)), axis=0)
    poses += std * random.normal(size=poses.shape)
    poses[:, 3] = (poses[:, 3] + np.pi) % (2 * np.pi) - np.pi
    samples = np.array([pose_noise(poses[n : n + 4]) for n in range(len(poses) - 3)])
    assert np.sqrt((samples**2).mean(axis=0)) == pytest.approx(std, rel=0.1)


def test_values_that_are_not_known_are_left_out() -> None:
    random = np.random.default_rng(2)
    values = random.normal(0, 1, (40, 3, 2))
    known = np.ones((40, 3), dtype=bool)
    known[:15, 1], known[:, 2] = False, False
    known[::3, 2] = True  # never four in a row
    found = noise_std(values, known)
    np.testing.assert_allclose(found[0], noise_std(values[:, 0]))
    np.testing.assert_allclose(found[1], noise_std(values[15:, 1]))
    assert found[2].tolist() == [0, 0]
    np.testing.assert_allclose(noise_std(values, np.ones((40, 3), bool)), noise_std(values))
    assert noise_std(values[:4], known[:4]).tolist() == [[0, 0]] * 3
