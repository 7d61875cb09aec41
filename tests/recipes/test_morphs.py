"""Morphs of faces: points move with the pixels that they mark."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import points_data as recipe
import pytest
from acting import acted, acted_points
from hypothesis import given, settings
from hypothesis import strategies as st
from morphs import Faces, bent, halved, morphs
from numpy.typing import NDArray

from facepoints.datasets import synthetic
from facepoints.landmarks.known_sets import IBUG_68

SIDE = 160


def dots(points: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A soft bright dot on each of (K, 2) points."""
    y, x = np.indices((SIDE, SIDE))
    far = (x[..., None] - points[:, 0]) ** 2 + (y[..., None] - points[:, 1]) ** 2
    return (200 * np.exp(-far / 8).sum(-1)).clip(0, 255).astype(np.uint8)


def light_at(image: NDArray[np.uint8], point: NDArray[np.float64]) -> NDArray[np.float64]:
    """Center of mass of the light within 8 pixels of a point."""
    y, x = np.indices(image.shape)
    near = image * (np.hypot(x - point[0], y - point[1]) < 8).astype(float)
    return np.array([(near * x).sum(), (near * y).sum()]) / near.sum()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_a_warped_image_has_its_dots_at_the_targets(seed: int) -> None:
    rng = np.random.default_rng(seed)
    places = np.stack(np.meshgrid([40.0, 80, 120], [40.0, 80, 120]), -1).reshape(-1, 2)
    target = places + rng.uniform(-6, 6, places.shape)
    image = bent(dots(places), places, target)
    for point in target:
        assert light_at(image, point) == pytest.approx(point, abs=0.9)
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
    assert made.images.shape == (3 * len(faces.images), SIDE, SIDE)
    for image, points, person in zip(made.images, made.points, made.people, strict=True):
        mine = faces.points[faces.people == person]
        apart = [np.abs(points - other).max() for other in mine]
        assert min(apart) > 0  # never the face itself
        assert image.std() > 10
    # a face bent back is nearer to its own image again
    first = bent(made.images[0], made.points[0], faces.points[0])
    own = faces.images[0].astype(float)
    assert np.abs(first - own).mean() < np.abs(made.images[0] - own).mean()


def test_a_patchwork_is_one_face_here_and_another_there(faces: Faces) -> None:
    shape = faces.points[:1]
    two = Faces(
        np.stack([faces.images[0], faces.images[0, :, ::-1]]),  # as bright as the other
        np.repeat(shape, 2, axis=0),
        np.array(["a", "b"]),
    )
    rng, shares = np.random.default_rng(1), []
    for _ in range(5):
        made = morphs(two, 1, rng)
        for image in made.images[4:]:  # those of the third kind
            off = np.abs(image.astype(float) - two.images)
            differs = np.ptp(two.images.astype(float), axis=0) > 20
            assert (off.min(axis=0)[differs] < 3).mean() > 0.6  # but for the seam
            shares.append((off[0] < off[1])[differs].mean())
        assert made.points[4] == pytest.approx(shape[0])
    assert 0.05 < np.mean(shares) < 0.95


@pytest.mark.parametrize(("closed", "gape"), [(0.0, 0.3), (0.0, 0.6), (1.0, 0.2)])
def test_points_move_with_the_chin_and_lips_of_an_acted_face(
    faces: Faces, closed: float, gape: float
) -> None:
    points = 0.7 * faces.points[0] + 20
    points[65:68, 1] = points[61:64, 1][::-1] - 1.0  # labels cross in a mouth that is closed
    low = [7, 8, 9, 56, 57, 58, 65, 66, 67]  # of chin and lower lip
    for row in low:
        image = np.repeat(dots(points[[row]])[..., None], 3, axis=2)
        after = acted_points(points, closed, gape)[row]
        assert after[1] > points[row, 1] + 3
        if row > 60:
            continue  # on the edge of what is painted
        # the inside of the mouth is painted nearly black, dots are not
        drawn = acted(image, points, closed, gape).max(axis=2)
        drawn = np.where(drawn > 60, drawn, 0).astype(np.uint8)
        assert light_at(drawn, after) == pytest.approx(after, abs=1.5)


def test_eyes_that_close_bring_the_upper_lids_to_the_lower_ones(faces: Faces) -> None:
    points = faces.points[0]
    half, shut = (acted_points(points, closed) for closed in (0.5, 1.0))
    upper, lower = [37, 38, 43, 44], [41, 40, 47, 46]
    before, between, after = (
        np.linalg.norm(p[upper] - p[lower], axis=1).mean() for p in (points, half, shut)
    )
    assert after < 0.4 * before
    assert after < between < before
    rest = np.setdiff1d(np.arange(68), upper)
    np.testing.assert_array_equal(shut[rest], points[rest])


def test_half_the_pixels_keep_the_points_in_place() -> None:
    places = np.array([[40.0, 60.0], [100.0, 90.0]])
    small = halved(Faces(dots(places)[None], places[None], np.array(["a"])))
    for point in small.points[0]:
        grown = cv2.GaussianBlur(small.images[0], (0, 0), 0.5)
        assert light_at(np.asarray(grown, np.uint8), point) == pytest.approx(point, abs=0.3)


def test_made_faces_are_kept_for_the_faces_and_settings_that_they_were_made_with(
    faces: Faces, tmp_path: Path
) -> None:
    calls = []

    def make() -> Faces:
        calls.append(1)
        return halved(faces)

    made = recipe.kept(tmp_path, "a", faces, 1, make)
    again = recipe.kept(tmp_path, "a", faces, 1, make)
    assert np.array_equal(again.images, made.images)
    assert len(calls) == 1
    recipe.kept(tmp_path, "a", faces, 2, make)
    recipe.kept(tmp_path, "a", replace(faces, points=faces.points + 1), 1, make)
    assert len(calls) == 3
