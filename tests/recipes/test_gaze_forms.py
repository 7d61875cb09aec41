"""Forms of the gaze's radius: fitted and compared on drawn errors whose law is known."""

from __future__ import annotations

import gaze_forms as forms
import numpy as np
import pytest
from numpy.typing import NDArray

from facepoints.measurement.gaze import TURN_FORMS

Array = NDArray[np.floating]
NORMAL_90 = 1.645


def drawn(seed: int, points: float, form: str, fraction: float, count: int = 600) -> forms.Errors:
    """Normal errors whose radius is `hypot(points * first part, fraction * turn of the form)`."""
    random = np.random.default_rng(seed)
    first = random.uniform(2, 6, (count, 2))
    head, eyes = random.uniform(0, 60, (2, count))
    both = np.ones(2)
    turns = {
        "none": np.zeros((count, 2)),
        "constant": np.ones((count, 2)),
        "gaze": eyes[:, None] * both,
        "head": head[:, None] * both,
        "larger": np.maximum(eyes, head)[:, None] * both,
        "both": np.hypot(eyes, head)[:, None] * both,
        "own": np.column_stack([eyes, head]),
    }
    assert set(turns) == set(TURN_FORMS)
    radius = np.hypot(points * first, fraction * turns[form])
    return forms.Errors(radius / NORMAL_90 * random.normal(size=(count, 2)), first, turns, eyes)


@pytest.mark.parametrize(("form", "fraction"), [("head", 0.4), ("constant", 8.0), ("gaze", 0.3)])
def test_the_numbers_of_a_form_are_found_again(form: str, fraction: float) -> None:
    errors = drawn(0, 1.2, form, fraction, 4000)
    factors, turns = forms.fit_radii([errors], form)
    assert factors == pytest.approx([1.2, 1.2], rel=0.2)
    assert turns == pytest.approx([fraction, fraction], rel=0.2)
    inside = np.abs(errors.off) <= forms.radius_of(errors, form, factors, turns)
    assert inside.mean(axis=0) == pytest.approx([0.9, 0.9], abs=0.01)


@pytest.mark.parametrize("form", ["gaze", "head"])
def test_the_form_of_the_errors_is_chosen(form: str) -> None:
    folds = [
        forms.Fold([drawn(seed, 0.8, form, 0.5)], {"people": drawn(seed + 1, 0.8, form, 0.5)})
        for seed in (1, 3)
    ]
    scores = forms.compare(folds)
    assert [score.form for score in scores] == list(TURN_FORMS)
    assert forms.choose(scores).form == form
    assert forms.choose(scores).off < 0.03
    assert list(scores[0].held) == [("people", f"{a:.0f}-{b:.0f}°") for a, b in forms.BANDS]
    lines = forms.table_of(scores).splitlines()
    assert len(lines) == len(TURN_FORMS) + 2
    assert len({line.count("|") for line in lines}) == 1


def test_alike_forms_are_told_apart_by_their_width() -> None:
    def score(form: str, off: float, width: float) -> forms.FormScore:
        return forms.FormScore(form, {}, off, np.array([width, width]))

    wide, narrow, wrong = score("larger", 0.02, 9), score("head", 0.025, 8), score("none", 0.04, 2)
    assert forms.choose([wide, narrow, wrong]) is narrow
    assert forms.choose([wide, wrong]) is wide
