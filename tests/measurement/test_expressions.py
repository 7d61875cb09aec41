"""Expression coefficients of faces whose movements are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from facepoints.datasets import synthetic
from facepoints.datasets.synthetic.actions import ACTIONS, act, with_real_depth
from facepoints.datasets.synthetic.shape import neutral_shape
from facepoints.errors import DataError, SettingsError
from facepoints.imaging import affine
from facepoints.inference.eye_closure import EyeClosure
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.measurement.bounded_fit import bounded_least_squares
from facepoints.measurement.expression_neutral import POPULATION_NEUTRAL
from facepoints.measurement.expressions import EXPRESSIONS, Expressions, Neutral, expressions

Array = NDArray[np.float64]
fast = settings(deadline=None, max_examples=8)


def turned(shape: Array, yaw: float, pitch: float = 0.0) -> Array:
    y, p = np.deg2rad([yaw, pitch])
    up = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    left = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    return shape @ (left @ up).T


def face_of(shape: Array, landmarks: LandmarkSet = IBUG_68) -> Face:
    """A face that a camera far away sees, without errors, of a head (68, 3)."""
    flat = (shape[:, :2] * 90 + (200, 150)).astype(np.float32)
    return Face(affine.bounding_box(flat), 1.0, flat, np.full(68, 0.3, np.float32), landmarks)


def person(seed: int = 3) -> Array:
    return with_real_depth(neutral_shape(np.random.default_rng(seed)), np.random.default_rng(seed))


def measured(actions: dict[str, float], yaw: float = 0.0, pitch: float = 0.0) -> Expressions:
    shape = person()
    moved = face_of(turned(act(shape, actions), yaw, pitch))
    return expressions(moved, Neutral.of(face_of(shape)))


@pytest.mark.parametrize("action", ACTIONS)
def test_each_movement_shows_in_its_own_coefficient(action: str) -> None:
    seen = measured({action: 0.7})
    assert 0.4 <= seen[action].value <= 1
    others = {n: m.value for n, m in seen.values.items() if n not in (action, "browInnerUp")}
    assert max(others.values()) < 0.2, others


def test_a_face_at_rest_has_no_expression() -> None:
    seen = measured({})
    assert max(m.value for m in seen.values.values()) < 0.02
    assert list(seen.values) == list(EXPRESSIONS)
    assert seen.neutral == "given"
    assert seen.smiles is False


def test_the_inner_brows_of_both_sides_make_the_coefficient_of_arkit() -> None:
    seen = measured({"browInnerUpLeft": 0.8})
    left, right = (seen[f"browInnerUp{side}"].value for side in ("Left", "Right"))
    assert seen["browInnerUp"].value == pytest.approx((left + right) / 2, abs=1e-9)
    assert left > 0.5 > right


def test_a_smile_is_one() -> None:
    assert measured({"mouthSmileLeft": 0.9, "mouthSmileRight": 0.9}).smiles is True
    assert measured({"jawOpen": 0.9}).smiles is False


@fast
@given(yaw=st.floats(-25, 25), pitch=st.floats(-20, 20))
def test_the_head_pose_is_taken_out(yaw: float, pitch: float) -> None:
    actions = {"jawOpen": 0.5, "browOuterUpLeft": 0.7, "mouthSmileRight": 0.6}
    front, aside = measured(actions), measured(actions, yaw, pitch)
    for name in actions:
        assert aside[name].value == pytest.approx(front[name].value, abs=0.25)


@fast
@given(seed=st.integers(0, 999), yaw=st.floats(-30, 30))
def test_the_mirror_image_has_the_mirrored_values(seed: int, yaw: float) -> None:
    rng = np.random.default_rng(seed)
    shape = person(seed)
    chosen = {str(n): float(rng.uniform(0, 1)) for n in rng.choice(ACTIONS, 3, replace=False)}
    rest, moved = face_of(shape), face_of(turned(act(shape, chosen), yaw))
    seen = expressions(moved, Neutral.of(rest))
    other = expressions(mirrored(moved), Neutral.of(mirrored(rest)))
    swap = {"Left": "Right", "Right": "Left"}
    for name, value in seen.values.items():
        side = next((s for s in swap if name.endswith(s)), "")
        partner = other[name.removesuffix(side) + swap.get(side, "")]
        assert partner.value == pytest.approx(value.value, abs=2e-3)
        assert partner.radius == pytest.approx(value.radius, abs=2e-3)


def mirrored(face: Face) -> Face:
    points = face.points[IBUG_68.mirror].copy()
    points[:, 0] = 639 - points[:, 0]
    return replace(face, points=points, box=affine.bounding_box(points))


def test_a_mirrored_neutral_is_the_neutral_of_the_mirror_image() -> None:
    rest = face_of(turned(person(5), 8, 4))
    one, other = Neutral.of(rest).mirrored(), Neutral.of(mirrored(rest))
    np.testing.assert_allclose(one.lengths, other.lengths, atol=1e-3)
    np.testing.assert_allclose(one.slopes, other.slopes, atol=1e-3)


def test_without_a_neutral_less_is_known() -> None:
    shape = person()
    face = face_of(act(shape, {"jawOpen": 0.6}))
    own, mean = expressions(face, Neutral.of(face_of(shape))), expressions(face)
    assert mean.neutral == "population"
    for name, value in own.values.items():
        if not name.startswith(("eye", "brow")):
            assert mean[name].radius >= value.radius * 0.99
    assert mean["jawOpen"].value > 0.35
    assert mean["mouthSmileLeft"].radius > 2 * own["mouthSmileLeft"].radius


def test_the_neutral_of_a_video_is_its_calm_frames() -> None:
    shape = person()
    calm = [face_of(turned(shape, yaw)) for yaw in (-4, 0, 3, 5)]
    loud = [face_of(act(shape, {"jawOpen": 0.8, "browOuterUpLeft": 0.9})) for _ in range(6)]
    away = [face_of(turned(shape, 70))]
    rest = Neutral.of_video([*loud, *calm, *away])
    assert rest.source == "video"
    seen = expressions(loud[0], rest)
    assert seen["jawOpen"].value > 0.5
    assert seen["browOuterUpLeft"].value > 0.5
    with pytest.raises(DataError, match="turned by at most 40 degrees, got none"):
        Neutral.of_video(away)


def test_closed_eyes_by_points_and_by_the_eye_state() -> None:
    shape = person()
    rest, half = Neutral.of(face_of(shape)), face_of(act(shape, {"eyeBlinkLeft": 0.5}))
    by_points = expressions(half, rest)["eyeBlinkLeft"].value
    shut = expressions(replace(half, eye_closure=EyeClosure(0.0, 1.0)), rest)
    opened = expressions(replace(half, eye_closure=EyeClosure(0.0, 0.0)), rest)
    assert opened["eyeBlinkLeft"].value < by_points < shut["eyeBlinkLeft"].value
    assert shut["eyeBlinkRight"].value < 0.05
    assert opened["eyeBlinkLeft"].radius > shut["eyeBlinkLeft"].radius  # the signs disagree


def test_hidden_points_give_a_reason_and_no_value() -> None:
    visible = np.ones(68, np.float32)
    visible[48:68] = 0.1
    face = replace(face_of(person()), visible=visible)
    seen = expressions(face)
    assert seen.reasons["jawOpen"] == "hidden"
    assert seen.smiles is None
    assert "browDownLeft" in seen.values
    with pytest.raises(DataError, match="no value of jawOpen: hidden"):
        seen["jawOpen"]
    with pytest.raises(DataError, match="expected one of browInnerUp"):
        seen["nothing"]


def test_a_face_turned_away_has_reasons_only() -> None:
    seen = expressions(face_of(turned(person(), 65)))
    assert not seen.values
    assert set(seen.reasons) == set(EXPRESSIONS)
    assert "turned by" in seen.reasons["jawOpen"]


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(DataError, match="call it for each face"):
        expressions([face_of(person())])  # type: ignore[arg-type]
    few = Face(
        (0, 0, 9, 9), 1.0, np.eye(15, 2, dtype=np.float32), np.ones(15, np.float32), KAGGLE_15
    )
    with pytest.raises(DataError):
        expressions(few)
    with pytest.raises(DataError, match="a face at rest, got none"):
        Neutral.of([])
    with pytest.raises(SettingsError, match="no movement 'wink'"):
        act(person(), {"wink": 1.0})


def test_every_coefficient_has_a_definition_and_a_source() -> None:
    for name, definition in EXPRESSIONS.items():
        assert definition.meaning
        assert definition.full
        assert "ARKit" in definition.source
        assert "FACS AU" in definition.source
        side = "Left" if name.endswith("Left") else "Right" if name.endswith("Right") else ""
        assert side.lower() in definition.meaning


def test_the_population_is_symmetric() -> None:
    other = POPULATION_NEUTRAL.mirrored()
    np.testing.assert_allclose(other.lengths, POPULATION_NEUTRAL.lengths, atol=2e-4)
    np.testing.assert_allclose(other.covariance, POPULATION_NEUTRAL.covariance, atol=3e-6)
    assert np.linalg.eigvalsh(POPULATION_NEUTRAL.covariance).min() > -1e-6


@fast
@given(seed=st.integers(0, 10_000))
def test_bounded_least_squares_finds_the_optimum(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, right = rng.normal(size=(9, 7)), rng.normal(size=9) * 2
    matrix = rows.T @ rows + 0.1 * np.eye(7)
    found = bounded_least_squares(matrix, rows.T @ right, 1.2)
    whole = np.vstack([rows, np.sqrt(0.1) * np.eye(7)])
    best = lsq_linear(whole, np.r_[right, np.zeros(7)], (0, 1.2), tol=1e-12).x
    np.testing.assert_allclose(found, best, atol=1e-5)


def test_rendered_movements_are_exact_and_do_not_change_other_faces() -> None:
    rows = [{}, {"jawOpen": 1.0}]
    faces = synthetic.render_actions(rows, seed=4, size=64)
    assert faces.images.shape == (2, 64, 64)
    gap = faces.points[:, 66, 1] - faces.points[:, 62, 1]
    assert gap[1] > gap[0] + 4
    with pytest.raises(SettingsError, match="size >= 24"):
        synthetic.render_actions(rows, size=8)
