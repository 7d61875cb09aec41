"""Training data of the landmark model: columns, hidden halves, nobody of the test set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import points_data as recipe
import pytest
from recipe_sets import read_sets_once

from facepoints.datasets.people import read_people
from facepoints.landmarks.known_sets import OPENPOSE_70

LEFT = np.array(["left" in name for name in OPENPOSE_70.names])
RIGHT = np.array(["right" in name for name in OPENPOSE_70.names])


def test_a_profile_hides_the_half_without_labels() -> None:
    labelled = np.zeros((1, 70), dtype=bool)
    labelled[0, :9] = labelled[0, 36:42] = True
    visible = recipe.hidden_half(labelled)[0]
    assert (visible[labelled[0]] == 1).all()
    assert (visible[LEFT] == 0).all()
    assert (visible[RIGHT & ~labelled[0]] == -1).all()


def test_on_a_turned_head_nothing_is_said_about_the_far_side() -> None:
    labelled = np.ones((3, 70), dtype=bool)
    visible = recipe.visible_points(labelled, np.array([0.0, 40.0, -40.0]))
    assert (visible[0] == 1).all()
    assert (visible[1][LEFT] == -1).all()
    assert (visible[1][RIGHT] == 1).all()
    assert (visible[2][RIGHT] == -1).all()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::facepoints.errors.DataWarning")
def test_no_person_of_the_test_set_is_in_any_set_and_labels_lie_on_the_faces(shared: Path) -> None:
    held_out = sorted(read_people(shared / "held-out.txt"))
    sets = read_sets_once(shared, 0)
    assert set(sets) == set(recipe.SETS)
    for name, given in sets.items():
        assert not np.isin(given.photos.group, held_out).any(), name
        held, others = given.photos.group[given.held], given.photos.group[~given.held]
        assert not np.isin(held, others).any(), name
        assert np.isfinite(given.photos.points).all(), name
    profiles = sets["cfp"]
    assert ((profiles.visibility == 0).sum(axis=1) > 25).mean() > 0.95
    pupils = sets["scut"].photos
    eyes = recipe.with_pupils(pupils.points[:, :68].astype(float))[:, 68:]
    apart = np.linalg.norm(eyes[:, 0] - eyes[:, 1], axis=1)
    off = np.linalg.norm(pupils.points[:, 68:] - eyes, axis=2) / apart[:, None]
    assert np.median(off) < 0.1  # a right pupil in the left eye would be 1 off
