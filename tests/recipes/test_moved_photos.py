"""Photos whose faces make known movements."""

from __future__ import annotations

import numpy as np
import pytest
from moved_photos import moved_photo, moved_points
from skimage import data

import facepoints
from facepoints.measurement.expressions import Neutral, expressions

PHOTO = np.ascontiguousarray(data.astronaut()[20:230, 110:320])


def test_a_face_makes_the_movement_that_it_is_told() -> None:
    model = facepoints.load(threads=1)
    (face,) = model(PHOTO)
    rest = Neutral.of(face)
    for action in ("browOuterUpLeft", "mouthFrownRight"):
        moved = moved_photo(PHOTO, face, {action: 1.0})
        (seen,) = model(moved)
        found = expressions(seen, rest)
        assert found[action].value > 0.3
        other = action.replace("Left", "_").replace("Right", "Left").replace("_", "Right")
        assert found[action].value > found[other].value + 0.2


def test_one_eye_is_closed() -> None:
    model = facepoints.load(threads=1, eye_closure=True)
    (face,) = model(PHOTO)
    (seen,) = model(moved_photo(PHOTO, face, {"eyeBlinkLeft": 1.0}))
    assert seen.eye_closure is not None
    assert (seen.eye_closure.left or 0) > 0.8
    assert (seen.eye_closure.right or 0) < 0.2
    lids = moved_points(face, {"eyeBlinkLeft": 1.0})
    assert np.abs(lids[43] - lids[47])[1] < 0.5
    assert np.abs(lids[:42] - face.points[:42]).max() < 1e-3


def test_without_a_movement_the_photo_stays() -> None:
    (face,) = facepoints.load(threads=1)(PHOTO)
    same = moved_photo(PHOTO, face, {})
    assert same.shape == PHOTO.shape
    assert np.abs(same.astype(float) - PHOTO).mean() < 0.5
    with pytest.raises(facepoints.SettingsError, match="no movement"):
        moved_photo(PHOTO, face, {"grin": 1.0})
