"""The simulated annotator of `benchmarks/label.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from support.annotator import (
    Labeled,
    Seen,
    after,
    moves_needed,
    never_right,
    smooth_line,
)

from facepoints.labeling.shape_model import ShapeModel
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_face import MEAN_FACE

K = 6
PART = 0.03


def prepared(covariance: NDArray) -> tuple[ShapeModel, NDArray, NDArray, Labeled]:
    """Faces whose errors have a covariance, in radii of 10 pixels, with eyes 100 pixels apart."""
    rng = np.random.default_rng(0)
    model = ShapeModel(tuple("abcdef"), rng.normal(size=(K, 2)), covariance)
    predicted = np.repeat(model.mean_shape[None] * 100, 30, axis=0)
    errors = rng.multivariate_normal(np.zeros(2 * K), covariance, 30).reshape(30, K, 2)
    known = np.ones((30, K), bool)
    truth = Labeled((Path("a.jpg"),) * 30, predicted + 10 * errors, known, np.full(30, 100.0))
    return model, predicted, np.full((30, K), 10.0), truth


def test_one_move_is_enough_if_all_points_err_alike() -> None:
    together = np.kron(np.ones((K, K)), np.eye(2)) + 1e-6 * np.eye(2 * K)
    model, points, radius, truth = prepared(together)
    wrong = np.linalg.norm(points - truth.points, axis=2).max(axis=1) > 3
    moves = moves_needed(model, points, radius, truth, PART)
    np.testing.assert_array_equal(moves, wrong.astype(int))
    assert wrong.sum() > 20
    assert never_right(model, points, radius, truth, PART).sum() == 0


def test_every_wrong_point_takes_a_move_if_none_says_anything_about_others() -> None:
    model, points, radius, truth = prepared(np.eye(2 * K))
    wrong = (np.linalg.norm(points - truth.points, axis=2) > 3).sum(axis=1)
    np.testing.assert_array_equal(moves_needed(model, points, radius, truth, PART), wrong)
    np.testing.assert_array_equal(never_right(model, points, radius, truth, PART), wrong)


def test_faces_labeled_in_turn_teach_the_next_ones() -> None:
    """A new point beside the chin: guessed after one face, and better after twelve."""
    rng = np.random.default_rng(1)
    shapes = np.concatenate([MEAN_FACE, MEAN_FACE[[36, 45]]])[None]
    shapes = 200 * (shapes + rng.normal(0, 0.02, (40, 70, 2)))
    wanted = (shapes[:, [8]] + shapes[:, [57]]) / 2 + (2.0, 5.0)
    known = np.ones((40, 1), bool)
    labeled = Labeled((Path("a.jpg"),) * 40, wanted, known, np.full(40, 100.0))
    seen = Seen(shapes, np.full((40, 70), 4.0))
    assert seen.found.all()
    off = {}
    for count in (1, 12):
        rows = np.arange(count)
        placing = after(
            LandmarkSet(("mole",), mirrorable=False), labeled.take(rows), seen.take(rows)
        )
        points, _ = placing.guess(seen.take(np.arange(12, 40)))
        off[count] = np.linalg.norm(points - wanted[12:], axis=2).mean()
        assert placing.model is not None
        assert placing.model.names == ("mole",)
    assert off[12] < 0.8 * off[1]


def test_a_line_mends_what_lies_across_it_and_points_may_slide_along_it() -> None:
    shape = np.stack([np.linspace(0, 1, K), np.zeros(K)], axis=1)
    model = ShapeModel(tuple("abcdef"), shape, np.eye(2 * K))
    predicted, radius = np.repeat(100 * shape[None], 2, axis=0), np.full((2, K), 10.0)
    truth = predicted.copy()
    truth[0, :, 1] += (8, 9, 10, 9, 8, 7)  # across the row
    truth[1, 1:5, 0] += 5  # along it
    known = np.ones((2, K), bool)
    labeled = Labeled((Path("a.jpg"),) * 2, truth, known, np.full(2, 100.0))
    row = list(range(K))
    given = model, predicted, radius, labeled, PART
    np.testing.assert_array_equal(moves_needed(*given), [6, 4])
    np.testing.assert_array_equal(moves_needed(*given, [row]), [1, 4])
    np.testing.assert_array_equal(moves_needed(*given, sliding=[row]), [6, 0])
    np.testing.assert_array_equal(moves_needed(*given, [row], sliding=[row]), [1, 0])
    corners = smooth_line(truth[0])
    np.testing.assert_allclose(corners[::8], truth[0])
    assert np.abs(np.diff(corners, 2, axis=0)).max() < 0.5  # smooth
