"""Pose, openings, asymmetry and ratios of faces with known true values."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from facepoints.errors import DataError, SettingsError
from facepoints.imaging import affine
from facepoints.inference.face import Face
from facepoints.landmarks.conversion import convert
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15, KAGGLE_NARROW, KAGGLE_SCHEMES
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_head import HEAD_STD, MEAN_HEAD
from facepoints.measurement import (
    CONVENTIONS,
    DEFINITIONS,
    MEASURES,
    Convention,
    Measurement,
    head_pose,
    measure,
    measure_with_reasons,
    unavailable,
)
from facepoints.measurement.convention_factors import BIAS, FACTORS, SCATTER
from facepoints.measurement.conventions import calibrated
from facepoints.measurement.head_fit import angles
from facepoints.measurement.pose import ANGLES
from facepoints.measurement.pose_factors import LEVEL_PITCH, SLOPES
from facepoints.measurement.radius_factors import RADIUS_FACTORS, SYSTEMATIC
from facepoints.measurement.symmetry import asymmetry
from facepoints.measurement.uncertainty import measure_points

Array = NDArray[np.floating]

fast = settings(deadline=None, max_examples=25)
angle = st.floats(-45, 45)


def turned(yaw: float, pitch: float, roll: float) -> Array:
    """Rotation of a head: up, then to its left, then clockwise on the screen."""
    y, p, r = np.deg2rad([yaw, pitch, roll])
    up = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    left = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    clockwise = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return clockwise @ left @ up


def face_of(points: Array, radius: float | Array = 1.0, landmarks: LandmarkSet = IBUG_68) -> Face:
    flat = np.asarray(points, dtype=np.float32)
    spread = np.broadcast_to(np.asarray(radius, np.float32), len(points)).copy()
    return Face(affine.bounding_box(flat), 1.0, flat, spread, landmarks)


def projected(
    yaw: float = 0, pitch: float = 0, roll: float = 0, head: Array = MEAN_HEAD, scale: float = 100
) -> Array:
    return (head @ turned(yaw, pitch, roll).T)[:, :2] * scale + (200, 150)


def moved(face: Face, matrix: NDArray[np.float64]) -> Face:
    points = affine.apply(matrix, face.points)
    radius = face.radius * np.hypot(*matrix[:, 0])
    return replace(face, points=points, radius=radius.astype(np.float32))


def a_person(seed: int = 0) -> Face:
    """A face of a person who differs a little from the mean head, slightly turned."""
    rng = np.random.default_rng(seed)
    head = MEAN_HEAD + rng.normal(size=(68, 3)) * HEAD_STD[:, None]
    return face_of(projected(*rng.uniform(-25, 25, 3), head=head), rng.uniform(1, 4, 68))


# The mean head


def test_the_mean_head_is_symmetric_and_in_proportion() -> None:
    np.testing.assert_allclose(MEAN_HEAD[IBUG_68.mirror] * (-1, 1, 1), MEAN_HEAD, atol=1e-9)
    np.testing.assert_allclose(HEAD_STD[IBUG_68.mirror], HEAD_STD)
    x, y, z = (dict(zip(IBUG_68.names, column, strict=True)) for column in MEAN_HEAD.T)
    assert x["left_eye_outer_corner"] == pytest.approx(0.5)
    assert y["left_brow_3"] < y["left_eye_upper_inner"] < y["nose_base"] < y["chin"]
    assert max(z, key=lambda name: z[name]) == "nose_bridge_4"  # the tip of the nose
    assert z["left_jaw_1"] < z["left_eye_outer_corner"] < z["left_eye_inner_corner"]


# Pose


@fast
@given(angle, angle, angle)
def test_the_pose_of_a_turned_head_is_recovered(yaw: float, pitch: float, roll: float) -> None:
    pose = head_pose(face_of(projected(yaw, pitch, roll)))
    np.testing.assert_allclose(angles(pose.turn), [yaw, pitch, roll], atol=0.1)
    assert pose.scale == pytest.approx(100, rel=1e-3)
    np.testing.assert_allclose(pose.turn, turned(yaw, pitch, roll), atol=2e-3)


@fast
@given(angle, angle, angle)
def test_a_near_camera_changes_the_pose_by_few_degrees(
    yaw: float, pitch: float, roll: float
) -> None:
    """60 cm from a head whose eyes are 9 cm from outer corner to outer corner."""
    head = MEAN_HEAD @ turned(yaw, pitch, roll).T
    points = head[:, :2] * (6.7 / (6.7 - head[:, 2:])) * 100
    pose = head_pose(face_of(points))
    np.testing.assert_allclose(angles(pose.turn), [yaw, pitch, roll], atol=6)


@pytest.mark.parametrize("yaw", [-90, -75, -60, 0, 60, 75, 90, 100])
def test_the_yaw_reaches_the_profile_and_beyond(yaw: float) -> None:
    face = face_of(projected(yaw, 10, 5))
    half = IBUG_68.columns(n for n in IBUG_68.names if ("left" if yaw < 0 else "right") in n)
    seen = np.full(68, 0.05, np.float32)
    seen[half] = 1.0
    for one in (face, replace(face, visible=seen if yaw else np.ones(68, np.float32))):
        fitted = angles(head_pose(one).turn)
        assert fitted[0] == pytest.approx(yaw, abs=2.0)
        assert head_pose(one).yaw == pytest.approx(fitted[0] * SLOPES["yaw"], abs=1e-6)


def test_the_angles_are_those_of_the_fitted_head_with_the_slopes_and_the_level() -> None:
    pose = head_pose(face_of(projected(25, 12, -8)))
    expected = [25 * SLOPES["yaw"], (12 - LEVEL_PITCH) * SLOPES["pitch"], -8 * SLOPES["roll"]]
    np.testing.assert_allclose([pose.yaw, pose.pitch, pose.roll], expected, atol=0.05)


def test_a_profile_has_wide_radii() -> None:
    """Points known exactly: what is left is how heads differ, and that pitch and roll mix."""
    ahead, profile = (head_pose(face_of(projected(yaw), 1e-3)) for yaw in (0, 88))
    assert np.all(np.array(profile.radius) >= ahead.radius)
    assert min(profile.radius[1:]) > 10
    assert min(ahead.radius) > 2


def test_the_radius_holds_the_point_radius_and_grows_with_it() -> None:
    sure, unsure = (head_pose(face_of(projected(20), radius)) for radius in (1.0, 12.0))
    for pose in (sure, unsure):
        assert np.all(np.array(pose.radius) > pose.point_radius)
    assert np.all(np.array(unsure.radius) > sure.radius)


def test_angles_are_positive_to_the_subjects_left_up_and_clockwise() -> None:
    tip = IBUG_68.names.index("nose_bridge_4")
    straight = projected()[tip]
    assert projected(yaw=20)[tip, 0] > straight[0]  # to their left: to the image's right
    assert projected(pitch=20)[tip, 1] < straight[1]  # up
    left, right = IBUG_68.columns(("left_eye_outer_corner", "right_eye_outer_corner"))
    assert projected(roll=20)[left, 1] > projected(roll=20)[right, 1]  # clockwise on the screen
    for turn in ((20, 0, 0), (0, 20, 0), (0, 0, 20)):
        pose = head_pose(face_of(projected(*turn)))
        np.testing.assert_allclose(angles(pose.turn), turn, atol=0.02)


@fast
@given(st.integers(0, 99), st.floats(-90, 90), st.floats(0.2, 5))
def test_rotating_and_scaling_the_image_changes_only_the_roll(
    seed: int, degrees: float, scale: float
) -> None:
    face = a_person(seed)
    before = head_pose(face)
    turn = affine.rotation_matrix(degrees, (30.0, 500.0))
    after = head_pose(moved(face, affine.compose(turn, affine.resize_matrix(scale, scale))))
    assert after.yaw == pytest.approx(before.yaw, abs=0.01)
    assert after.pitch == pytest.approx(before.pitch, abs=0.01)
    apart = (after.roll - before.roll - degrees + 180) % 360 - 180
    assert apart == pytest.approx(0, abs=0.01)
    np.testing.assert_allclose(after.radius, before.radius, rtol=1e-2)


@fast
@given(st.integers(0, 99))
def test_a_mirrored_image_swaps_the_signs_of_yaw_and_roll(seed: int) -> None:
    face = a_person(seed)
    mirror = IBUG_68.mirror
    points = affine.apply(affine.mirror_matrix(400), face.points)[mirror]
    other = face_of(points, face.radius[mirror])
    here, there = measure(face), measure(other)
    for name, sign in (("yaw", -1), ("roll", -1), ("pitch", 1)):
        assert there[name].value == pytest.approx(sign * here[name].value, abs=0.01)
    assert set(there) == set(here)
    if "asymmetry" in here:  # the head is not turned too far for it
        assert there["asymmetry"].value == pytest.approx(here["asymmetry"].value, abs=1e-4)
    for name in ("palpebral_slant_left", "eye_opening_left", "palpebral_fissure_left_ratio"):
        swapped = there[name.replace("left", "right")]
        assert swapped.value == pytest.approx(here[name].value, abs=1e-3)


def test_the_radius_of_the_pose_covers_90_percent() -> None:
    """For independent errors, without the factor."""
    rng = np.random.default_rng(3)
    radius = rng.uniform(2, 8, 68)
    truth, held = np.array([20.0, -10, 15]), []
    for _ in range(600):
        head = MEAN_HEAD + rng.normal(size=(68, 3)) * HEAD_STD[:, None] * (1, 1, 0)
        points = projected(*truth, head=head) + rng.normal(size=(68, 2)) * radius[:, None] / 2.146
        pose = head_pose(face_of(points, radius))
        factors = [RADIUS_FACTORS[name] * SLOPES[name] for name in ANGLES]
        held.append(np.abs(angles(pose.turn) - truth) < np.array(pose.point_radius) / factors)
    np.testing.assert_allclose(np.mean(held, axis=0), 0.9, atol=0.05)


def test_the_15_kaggle_points_give_the_same_pose() -> None:
    face = face_of(projected(25, -10, 5)).as_landmarks(KAGGLE_15)
    pose = head_pose(face)
    np.testing.assert_allclose(angles(pose.turn), [25, -10, 5], atol=0.05)


def test_points_without_a_pose_raise_data_error() -> None:
    with pytest.raises(DataError, match="needs 6 points"):
        head_pose(face_of(np.zeros((2, 2)), landmarks=LandmarkSet(("a", "b"), mirrorable=False)))
    line = np.stack([np.arange(68.0), np.arange(68.0)], axis=1)
    with pytest.raises(DataError, match="line"):
        head_pose(face_of(line))
    with pytest.raises(DataError, match="line"):
        head_pose(face_of(np.full((68, 2), 7.0)))


# Distances, ratios, openings


@fast
@given(st.integers(0, 99), st.floats(-180, 180), st.floats(0.2, 5))
def test_ratios_are_invariant_to_scale_rotation_and_shift(
    seed: int, degrees: float, scale: float
) -> None:
    face = a_person(seed)
    turn = affine.rotation_matrix(degrees, (-40.0, 70.0))
    here = measure(face)
    there = measure(moved(face, affine.compose(turn, affine.resize_matrix(scale, scale))))
    # a head that is turned too far has no asymmetry
    assert list(here) == list(there) == [name for name in MEASURES if name in here]
    assert set(MEASURES) - set(here) <= {"asymmetry"}
    for name, definition in DEFINITIONS.items():
        factor = scale if definition.unit == "px" else 1
        assert there[name].value == pytest.approx(factor * here[name].value, rel=1e-3, abs=2e-3)
        assert there[name].radius == pytest.approx(factor * here[name].radius, rel=2e-2)
    if "asymmetry" in here:
        assert there["asymmetry"].value == pytest.approx(here["asymmetry"].value, abs=1e-4)


def test_distances_and_slants_of_a_face_with_known_points() -> None:
    points = np.zeros((68, 2))

    def put(name: str, x: float, y: float) -> None:
        points[IBUG_68.names.index(name)] = (x, y)

    put("right_eye_outer_corner", 10, 40)
    put("right_eye_inner_corner", 40, 50)
    put("left_eye_inner_corner", 70, 50)
    put("left_eye_outer_corner", 100, 55)
    put("nose_base", 55, 90)
    put("upper_lip_center", 55, 102)
    put("mouth_right_corner", 30, 110)
    put("mouth_left_corner", 80, 110)
    put("nose_bridge_1", 55, 45)
    put("chin", 55, 145)
    for x, part in ((80, "upper_inner"), (90, "upper_outer")):
        put(f"left_eye_{part}", x, 48)
    for x, part in ((80, "lower_inner"), (90, "lower_outer")):
        put(f"left_eye_{part}", x, 57)
    put("inner_mouth_right_corner", 35, 110)
    put("inner_mouth_left_corner", 75, 110)
    for where, gap in (("right", 6), ("center", 12), ("left", 6)):
        put(f"inner_upper_lip_{where}", 55, 110 - gap / 2)
        put(f"inner_lower_lip_{where}", 55, 110 + gap / 2)
    measures = {name: measure.value for name, measure in measure(face_of(points)).items()}
    outer = np.hypot(90, 15)
    assert measures["inner_canthal_px"] == pytest.approx(30)
    assert measures["outer_canthal_px"] == pytest.approx(outer)
    assert measures["inner_canthal_ratio"] == pytest.approx(30 / outer)
    assert measures["palpebral_fissure_right_px"] == pytest.approx(np.hypot(30, 10))
    assert measures["philtrum_px"] == pytest.approx(12)
    assert measures["mouth_width_ratio"] == pytest.approx(50 / outer)
    assert measures["face_height_px"] == pytest.approx(100)
    assert measures["palpebral_slant_right"] == pytest.approx(np.degrees(np.arctan2(10, 30)))  # up
    assert measures["palpebral_slant_left"] == pytest.approx(np.degrees(np.arctan2(-5, 30)))  # down
    assert measures["eye_opening_left"] == pytest.approx(9 / np.hypot(30, 5))
    assert measures["mouth_opening"] == pytest.approx(8 / 40)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_the_radius_of_a_measure_covers_90_percent_of_random_errors(name: str) -> None:
    """For independent errors, without the factor that corrects for dependent ones."""
    face, definition = a_person(5), DEFINITIONS[name]
    rows = IBUG_68.columns(definition.points)
    points, radius = face.points[rows].astype(float), face.radius[rows].astype(float)
    rng = np.random.default_rng(0)
    sigma = radius[:, None] / np.sqrt(-2 * np.log(0.1))
    if name == "mouth_opening":  # a closed mouth has a kink, where first order is not enough
        points[len(points) // 2 :: 2] += (0, 12)
        points[3::2] += (0, 12)
    drawn = definition.function(points + rng.normal(size=(4000, *points.shape)) * sigma)
    measure = measure_points(definition.function, points, radius)
    held = (np.abs(drawn - measure.value) < measure.radius).mean()
    assert held == pytest.approx(0.9, abs=0.03)


def test_closed_lips_have_a_radius() -> None:
    face = a_person()
    points = face.points.copy()
    upper = IBUG_68.columns(f"inner_upper_lip_{w}" for w in ("left", "center", "right"))
    lower = IBUG_68.columns(f"inner_lower_lip_{w}" for w in ("left", "center", "right"))
    points[lower] = points[upper]
    closed = measure(replace(face, points=points))["mouth_opening"]
    assert closed.value == 0
    assert closed.radius > 0.005


def test_every_measure_has_a_radius_factor_equal_on_both_sides() -> None:
    assert list(RADIUS_FACTORS) == list(MEASURES)
    assert list(SYSTEMATIC) == list(DEFINITIONS)
    for name, factor in RADIUS_FACTORS.items():
        assert 0.2 < factor < 3
        assert factor == RADIUS_FACTORS[name.replace("left", "right")]
    for name, part in SYSTEMATIC.items():
        assert 0 <= part < (0.3 if DEFINITIONS[name].unit != "degrees" else 10)
        assert part == SYSTEMATIC[name.replace("left", "right")]


@pytest.mark.parametrize("name", ["palpebral_fissure_left_px", "palpebral_slant_left"])
def test_the_radius_has_a_random_and_a_systematic_part(name: str) -> None:
    """The systematic part of a distance grows with it. That of an angle does not."""
    face = a_person()
    rows = IBUG_68.columns(DEFINITIONS[name].points)
    random = measure_points(
        DEFINITIONS[name].function, face.points[rows].astype(float), face.radius[rows]
    )
    unit = abs(random.value) if name.endswith("_px") else 1.0
    expected = np.hypot(random.radius * RADIUS_FACTORS[name], SYSTEMATIC[name] * unit)
    measured = measure(face)[name]
    assert measured.value == pytest.approx(random.value)
    assert measured.radius == pytest.approx(expected)
    sure = measure(replace(face, radius=np.zeros(68, np.float32)))[name]
    assert sure.radius == pytest.approx(SYSTEMATIC[name] * unit)
    assert sure.radius > 0


def test_every_convention_has_numbers_equal_on_both_sides() -> None:
    assert list(BIAS) == list(FACTORS) == list(SCATTER) == list(CONVENTIONS)
    for name in CONVENTIONS:
        assert set(BIAS[name]) == set(FACTORS[name]) == set(SCATTER[name]) <= set(DEFINITIONS)
        assert {"inner_canthal_px", "palpebral_slant_left"} <= set(BIAS[name])
        for part in (BIAS[name], FACTORS[name], SCATTER[name]):
            assert all(part[n] == part[n.replace("left", "right")] for n in part)
    # what the tables of the benchmark show: annotators of LFPW mark shorter eyes, others longer
    assert BIAS["lfpw"]["palpebral_fissure_left_px"] > 0.005
    assert BIAS["street"]["palpebral_fissure_left_px"] < -0.02
    assert "eye_opening" not in BIAS["scut"]  # it has no points of the lids that are averaged


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_convention_takes_its_bias_off(convention: Convention) -> None:
    face = a_person()
    plain, there = measure(face), measure(face, convention)
    assert list(there) == list(plain)
    for name, found in there.items():
        if name not in BIAS[convention]:
            assert found == plain[name]
            continue
        bias, definition = BIAS[convention][name], DEFINITIONS[name]
        back = found.value * (1 + bias) if definition.relative else found.value + bias
        assert back == pytest.approx(plain[name].value)
        rows = IBUG_68.columns(definition.points)
        points, radius = face.points[rows].astype(float), face.radius[rows]
        random = measure_points(definition.function, points, radius).radius
        unit = abs(found.value) if definition.relative else 1.0
        parts = random * FACTORS[convention][name], SCATTER[convention][name] * unit
        assert found.radius == pytest.approx(np.hypot(*parts))


def test_no_opening_is_below_0_in_a_convention() -> None:
    closed = Measurement(0.001, 0.002)
    assert BIAS["afw"]["mouth_opening"] > closed.value
    found = calibrated("mouth_opening", closed, "afw")
    assert found.value == 0
    assert found.radius >= SCATTER["afw"]["mouth_opening"]
    down = calibrated("palpebral_slant_left", Measurement(-3.0, 1.0), "afw")
    assert down.value == pytest.approx(-3 - BIAS["afw"]["palpebral_slant_left"])


def test_an_unknown_convention_is_refused() -> None:
    with pytest.raises(SettingsError, match="no convention 'ibug': expected one of lfpw, helen"):
        measure(a_person(), "ibug")  # type: ignore[arg-type]


@fast
@given(st.sets(st.integers(0, 67)))
def test_measures_of_hidden_points_are_left_out_with_a_reason(hidden: set[int]) -> None:
    visible = np.ones(68, np.float32)
    visible[list(hidden)] = 0.2
    face = replace(a_person(), visible=visible)
    measures, reasons, guesses, _ = measure_with_reasons(face)
    every = set(MEASURES) - {"asymmetry"}
    assert (measures.keys() | reasons.keys()) - {"asymmetry"} == every
    assert reasons.get("asymmetry", "11 of 51 points are hidden").endswith("points are hidden")
    assert not measures.keys() & reasons.keys()
    assert set(guesses) - {"asymmetry"} == set(reasons) - {"asymmetry"}
    of_head = [k for k in hidden if k >= 17]
    assert ("asymmetry" in measures) == (len(of_head) <= 0.2 * 51)
    for name, definition in DEFINITIONS.items():
        gone = [point for point in definition.points if IBUG_68.names.index(point) in hidden]
        assert (name in measures) == (not gone)
        if gone:
            assert any(reasons[name] == f"{p.replace('_', ' ')} is hidden" for p in gone)


def test_a_profile_has_no_distances_across_the_face() -> None:
    measures, reasons, *_ = measure_with_reasons(face_of(projected(yaw=75)))
    assert "inner_canthal_ratio" not in measures
    assert reasons["inner_canthal_ratio"].startswith("head turned by ")
    assert {"yaw", "eye_opening_left", "mouth_opening"} <= set(measures)
    here = measure_with_reasons(face_of(projected(yaw=30))).measures
    assert "inner_canthal_ratio" in here


def test_points_that_a_set_lacks_are_a_reason() -> None:
    _, reasons, *_ = measure_with_reasons(a_person().as_landmarks(KAGGLE_15))
    assert reasons["face_height_px"] == "no such points"


def test_every_definition_names_the_marks_that_it_follows() -> None:
    """The numbers of iBUG-68 in the words are those of the definition's points, counted from 1."""
    for name, definition in DEFINITIONS.items():
        marks, rows = definition.marks, IBUG_68.columns(definition.points[:2])
        assert marks.startswith("iBUG-68 ")
        if definition.across and "slant" not in name:
            assert all(re.search(rf"\b{row + 1}\b", marks) for row in rows), name


# Asymmetry


@fast
@given(st.floats(-35, 35), st.floats(-20, 20), angle)
def test_a_symmetric_head_is_symmetric_in_any_pose(yaw: float, pitch: float, roll: float) -> None:
    face = face_of(projected(yaw, pitch, roll))
    assert asymmetry(face, head_pose(face)).value < 1e-3


def test_asymmetry_is_the_distance_to_the_mirrored_face() -> None:
    crooked = MEAN_HEAD.copy()
    corner = IBUG_68.names.index("mouth_left_corner")
    distances = []
    for drop in (0.05, 0.1, 0.2):
        crooked[corner, 1] = MEAN_HEAD[corner, 1] + drop
        face = face_of(projected(head=crooked))
        distances.append(asymmetry(face, head_pose(face)).value)
    size = np.linalg.norm(MEAN_HEAD[17:, :2] - MEAN_HEAD[17:, :2].mean(axis=0))
    # the corner's fall counts once on each side
    np.testing.assert_allclose(distances, np.array([0.05, 0.1, 0.2]) * np.sqrt(2) / size, rtol=0.05)


def test_90_percent_of_symmetric_faces_lie_below_the_noise_floor() -> None:
    rng = np.random.default_rng(2)
    radius = rng.uniform(1, 9, 68)
    below = []
    for _ in range(500):
        points = projected(25, 5, -10) + rng.normal(size=(68, 2)) * radius[:, None] / 2.146
        face = face_of(points, radius)
        measures = asymmetry(face, head_pose(face))
        below.append(measures.value < measures.radius / RADIUS_FACTORS["asymmetry"])
    assert 0.86 < np.mean(below) < 0.98  # the fit of the mirror image takes a little away


# Other sets


def test_another_landmark_set_gives_the_measures_of_its_points() -> None:
    face = a_person().as_landmarks(KAGGLE_15)
    here, missing = measure(face), unavailable(KAGGLE_15)
    assert sorted([*here, *missing]) == sorted(MEASURES)
    assert {"yaw", "asymmetry", "inner_canthal_ratio", "mouth_width_ratio"} <= set(here)
    assert {"eye_opening", "philtrum_px", "face_height_px"} <= set(missing)
    assert here["mouth_width_px"].value == pytest.approx(
        measure(a_person())["mouth_width_px"].value
    )
    assert unavailable(IBUG_68) == []


def test_four_points_give_no_measures_and_names_without_sides_no_asymmetry() -> None:
    few = LandmarkSet.of_names(KAGGLE_SCHEMES[KAGGLE_NARROW])
    assert unavailable(few) == list(MEASURES)
    points, _ = convert(a_person().points[None], np.ones((1, 68), bool), IBUG_68, few)
    assert measure(face_of(points[0], landmarks=few)) == {}
    plain = LandmarkSet(IBUG_68.names, mirrorable=False)
    measures = measure(replace(a_person(), landmarks=plain))
    assert unavailable(plain) == ["asymmetry"]
    assert sorted(measures) == sorted(set(MEASURES) - {"asymmetry"})


def test_a_face_turned_away_has_no_asymmetry() -> None:
    measures = measure(face_of(projected(yaw=70)))
    assert "asymmetry" not in measures
    assert isinstance(measures["yaw"], Measurement)
