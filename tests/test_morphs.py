"""Morphs of faces: the points stay on what they mark."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from facepoints import synthetic
from facepoints.landmark_sets import IBUG_68

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "recipes"))
import points_data as recipe
from morphs import Faces, bent, halved, morphs

SIDE = 160


def dots(points: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A soft bright dot on each of (K, 2) points."""
    y, x = np.indices((SIDE, SIDE))
    far = (x[..., None] - points[:, 0]) ** 2 + (y[..., None] - points[:, 1]) ** 2
    return (200 * np.exp(-far / 8).sum(-1)).clip(0, 255).astype(np.uint8)


def light_at(image: NDArray[np.uint8], point: NDArray[np.float64]) -> NDArray[np.float64]:
    """Middle of the light within 8 pixels of a place."""
    y, x = np.indices(image.shape)
    near = image * (np.hypot(x - point[0], y - point[1]) < 8).astype(float)
    return np.array([(near * x).sum(), (near * y).sum()]) / near.sum()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_a_bent_picture_has_its_dots_at_the_targets(seed: int) -> None:
    rng = np.random.default_rng(seed)
    places = np.stack(np.meshgrid([40.0, 80, 120], [40.0, 80, 120]), -1).reshape(-1, 2)
    target = places + rng.uniform(-6, 6, places.shape)
    picture = bent(dots(places), places, target)
    for point in target:
        assert light_at(picture, point) == pytest.approx(point, abs=0.9)
    assert np.array_equal(bent(dots(places), places, places), dots(places))


@pytest.fixture(scope="module")
def faces() -> Faces:
    rows = synthetic.render(6, seed=0, size=SIDE).as_landmarks(IBUG_68)
    rows = rows.take(np.flatnonzero(rows.labelled.all(axis=1)))
    assert len(rows) >= 4
    return Faces(
        rows.images, rows.points.astype(float), np.array([f"p{n // 2}" for n in range(len(rows))])
    )


def test_morphs_are_between_two_people_and_look_like_their_points(faces: Faces) -> None:
    made = morphs(faces, 1, np.random.default_rng(0))
    assert made.images.shape == (2 * len(faces.images), SIDE, SIDE)
    for image, points, person in zip(made.images, made.points, made.people, strict=True):
        mine = faces.points[faces.people == person]
        apart = [np.abs(points - other).max() for other in mine]
        assert min(apart) > 0  # never the face itself
        assert image.std() > 10
    # a face bent back is nearer to its own picture again
    first = bent(made.images[0], made.points[0], faces.points[0])
    own = faces.images[0].astype(float)
    assert np.abs(first - own).mean() < np.abs(made.images[0] - own).mean()


def test_half_the_pixels_keep_the_points_in_place() -> None:
    places = np.array([[40.0, 60.0], [100.0, 90.0]])
    small = halved(Faces(dots(places)[None], places[None], np.array(["a"])))
    for point in small.points[0]:
        grown = cv2.GaussianBlur(small.images[0], (0, 0), 0.5)
        assert light_at(np.asarray(grown, np.uint8), point) == pytest.approx(point, abs=0.3)


def test_morphs_are_kept_for_the_faces_and_the_seed_that_they_were_made_with(
    faces: Faces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "MORPHS", {"photos": 1})
    made = recipe.morphed(tmp_path, 0, {"photos": faces}, seed=0)
    again = recipe.morphed(tmp_path, 0, {"photos": faces}, seed=0)
    assert np.array_equal(again.images, made.images)
    assert len(list(tmp_path.iterdir())) == 1
    other = recipe.morphed(tmp_path, 0, {"photos": faces}, seed=1)
    assert not np.array_equal(other.points, made.points)
    moved = replace(faces, points=faces.points + 1)
    labelled_anew = recipe.morphed(tmp_path, 0, {"photos": moved}, seed=0)
    assert labelled_anew.points == pytest.approx(made.points + 0.5)
