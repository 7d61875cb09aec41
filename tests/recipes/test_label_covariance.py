"""The recipe of the covariance that `facepoints label` uses."""

from __future__ import annotations

import numpy as np
from label_covariance import Errors, mean_face, mirrored, with_pupils

from facepoints.landmarks.known_sets import OPENPOSE_70

PUPIL, CORNERS = 68, (36, 39)


def test_a_covariance_of_mirrored_faces_is_symmetric() -> None:
    rng = np.random.default_rng(0)
    errors = rng.normal(size=(50, 140))
    flip = np.kron(np.eye(70)[OPENPOSE_70.mirror], np.diag([-1.0, 1.0]))
    both = np.concatenate([errors, errors @ flip.T])
    moments = mirrored(errors.T @ errors / 50, OPENPOSE_70.mirror)
    np.testing.assert_allclose(moments, both.T @ both / 100, atol=1e-12)


def test_pupils_follow_the_points_that_they_are_labeled_with() -> None:
    """Pupils whose errors are those of the corners of their eye, and a little of their own."""
    rng = np.random.default_rng(1)
    errors = np.zeros((2000, 140))
    labeled = [36, 39, 42, 45, 30, 48, 54, 68, 69]
    seen = np.repeat(np.isin(np.arange(70), labeled)[None], 2000, axis=0)
    errors.reshape(2000, 70, 2)[:, labeled] = rng.normal(size=(2000, len(labeled), 2))
    for pupil, corners in ((68, (36, 39)), (69, (42, 45))):
        mean = errors.reshape(2000, 70, 2)[:, corners].mean(axis=1)
        errors.reshape(2000, 70, 2)[:, pupil] = mean + 0.1 * rng.normal(size=(2000, 2))
    pupils = Errors(errors, np.repeat(seen, 2, axis=1), np.ones((2000, 70)), np.zeros(2000, bool))
    factor = rng.normal(size=(136, 200))
    covariance = mirrored(factor @ factor.T / 200, OPENPOSE_70.mirror[:68])
    whole = with_pupils(covariance, pupils)
    np.testing.assert_allclose(whole[:136, :136], covariance, atol=1e-9)
    assert np.linalg.eigvalsh(whole).min() > -1e-9
    corners = [2 * k for k in CORNERS]
    expected = covariance[corners].mean(axis=0)
    np.testing.assert_allclose(whole[2 * PUPIL, :136], expected, atol=0.1)
    own = covariance[np.ix_(corners, corners)].mean() + 0.01
    assert abs(whole[2 * PUPIL, 2 * PUPIL] - own) < 0.05


def test_the_mean_face_has_pupils_in_its_eyes() -> None:
    face = mean_face()
    assert face.shape == (70, 2)
    assert face[36, 0] < face[68, 0] < face[39, 0]
    assert face[37, 1] < face[68, 1] < face[41, 1]
