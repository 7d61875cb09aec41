"""Faults that are planted in the labels of made-up faces, and what the audit names."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from facepoints.audit import AuditConfig, AuditResult, Cause, Readings, audit
from facepoints.audit.geometry import assign, fit_similarities, mirror_partners, to_complex
from facepoints.datasets.samples import Samples
from facepoints.errors import DataError
from facepoints.landmarks.known_sets import IBUG_68, known_or_plain
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_face import MEAN_FACE

LABELS = Path(__file__).parents[3] / "shared" / "data" / "kaggle" / "labels.csv"
SIDE, FACE = 192, 80.0  # pixels: of the crops, and of the longer side of a face
EYES = 0.59 * FACE  # pixels between the outer corners of the eyes
ROWS = 80


@dataclass(frozen=True)
class KnowsTheTruth:
    """A second opinion that is right but for noise."""

    points: NDArray[np.float32]
    landmarks: LandmarkSet = IBUG_68

    def __call__(self, faces: Samples, progress: object = None) -> Readings:
        noise = np.random.default_rng(5).normal(size=self.points.shape) * 0.012 * EYES
        points = (self.points + noise).astype(np.float32)[:, None]
        radius = np.full(points.shape[:3], 0.03 * EYES, np.float32)
        return Readings(points, radius, np.ones(points.shape[:2], np.float32))


def made_up_faces(count: int = ROWS, seed: int = 0) -> Samples:
    """Faces that differ in expression and pose, anywhere in the crop, with gray noise as image."""
    random = np.random.default_rng(seed)
    modes = random.normal(size=(6, 68, 2)) * 0.02
    modes = (modes + np.roll(modes, 1, axis=1) + np.roll(modes, 2, axis=1)) / 2
    modes[0, :, 0] += 0.3 * MEAN_FACE[:, 1]  # sheared: no face is like its mirror image
    shapes = MEAN_FACE + np.einsum("nm,mkd->nkd", random.normal(size=(count, 6)), modes)
    turn = random.normal(scale=0.1, size=count)
    cos, sin = np.cos(turn), np.sin(turn)
    matrix = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], 1)
    size = FACE * random.uniform(0.9, 1.1, count)[:, None, None]
    points = shapes @ matrix.transpose(0, 2, 1) * size + SIDE / 2
    points += random.normal(scale=6, size=(count, 1, 2)) + random.normal(
        scale=0.006 * EYES, size=points.shape
    )
    images = random.integers(1, 256, size=(count, 12, 12)).astype(np.uint8)
    names = np.array([f"face-{row}" for row in range(count)])
    return Samples(
        images=images.repeat(16, axis=1).repeat(16, axis=2),
        points=points.astype(np.float32),
        labelled=np.ones((count, 68), bool),
        landmarks=IBUG_68,
        group=names,
        names=names,
        scheme=np.zeros(count, np.int16),
        schemes={"68-point": IBUG_68.names},
    )


def without_images(faces: Samples) -> Samples:
    return replace(faces, images=np.zeros_like(faces.images))


def with_label(faces: Samples, row: int, points: NDArray[np.floating]) -> Samples:
    changed = faces.points.copy()
    changed[row] = points
    return replace(faces, points=changed)


def of_row(result: AuditResult, row: int) -> list[Cause]:
    return [fault.cause for fault in result.faults if fault.rows[0] == row]


def mended(faces: Samples, result: AuditResult, row: int) -> NDArray[np.float64]:
    """The label of a row after the changes that the first fault suggests."""
    fault = next(one for one in result.faults if one.rows[0] == row)
    points = faces.points[row].astype(np.float64)
    for change in fault.suggestion:
        if change.action == "transform":
            matrix = np.array(change.values)
            points = points @ matrix[:, :2].T + matrix[:, 2]
        elif change.action == "reorder":
            columns = faces.landmarks.columns
            before = points.copy()
            points[columns(change.values)] = before[columns(change.values.values())]
        elif change.action == "move":
            for name, place in change.values.items():
                points[faces.landmarks.names.index(name)] = place
    return points


MIRROR = IBUG_68.mirror
PLANTED: dict[str, tuple[Callable[[NDArray[np.float32]], NDArray[np.floating]], Cause]] = {
    "swapped": (lambda points: points[MIRROR], Cause.LEFT_RIGHT_SWAPPED),
    "reversed": (lambda points: points[::-1], Cause.WRONG_ORDER),
    "shifted": (lambda points: points + np.array([0.12 * EYES, 0]), Cause.OFFSET),
    "resized": (lambda points: points * 1.3, Cause.WRONG_SCALE),
    "turned": (lambda points: (SIDE - 1, 0) + points[:, ::-1] * (-1, 1), Cause.TURNED_IMAGE),
    "mirrored": (
        lambda points: ((SIDE - 1, 0) + points * (-1, 1))[MIRROR],
        Cause.MIRRORED_IMAGE,
    ),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_gross_mistake_is_named_and_mended(kind: str) -> None:
    plant, cause = PLANTED[kind]
    faces = made_up_faces()
    row = 17
    wrong = with_label(faces, row, plant(faces.points[row]))
    result = audit(wrong, KnowsTheTruth(faces.points))
    assert of_row(result, row) == [cause]
    assert next(one for one in result.faults if one.row == row).confidence > 0.9
    away = np.linalg.norm(mended(wrong, result, row) - faces.points[row], axis=1)
    assert away.mean() < 0.03 * EYES


FEW = (
    *("right_eye_outer_corner", "left_eye_outer_corner", "nose_bridge_4"),
    *("mouth_right_corner", "mouth_left_corner", "right_eye_inner_corner"),
    *("left_eye_inner_corner", "right_brow_1", "left_brow_1", "upper_lip_center"),
)


def few_points(faces: Samples) -> Samples:
    columns = IBUG_68.columns(FEW)
    return replace(
        faces,
        points=faces.points[:, columns],
        labelled=faces.labelled[:, columns],
        landmarks=LandmarkSet(FEW),
        schemes={"few": FEW},
    )


@pytest.mark.parametrize("points", [10, 68])
def test_plain_faults_are_certain_with_few_points_and_many(points: int) -> None:
    """An exchange of sides, a shift, and a wild point, which must not hide behind the other
    points that it makes look bad."""
    faces = made_up_faces()
    opinion = KnowsTheTruth(faces.points)
    if points == 10:
        faces = few_points(faces)
    wrong = faces.points.copy()
    wrong[5] = wrong[5][faces.landmarks.mirror]
    wrong[6] += (0.15 * EYES, -0.1 * EYES)
    wrong[7, faces.landmarks.names.index("nose_bridge_4")] += (0.4 * EYES, 0)
    result = audit(replace(faces, points=wrong), opinion)
    assert of_row(result, 5) == [Cause.LEFT_RIGHT_SWAPPED]
    assert of_row(result, 6) == [Cause.OFFSET]
    assert of_row(result, 7) == [Cause.POINT_OFF]
    sure = {one.row: one for one in result.faults}
    assert min(sure[row].confidence for row in (5, 6, 7)) > 0.9
    assert all(np.isfinite(sure[row].strength or np.nan) for row in (5, 6, 7))


def test_clean_labels_have_hardly_any_faults() -> None:
    faces = made_up_faces()
    result = audit(faces, KnowsTheTruth(faces.points))
    assert len({fault.row for fault in result.faults}) <= 1
    assert result.findings == []
    assert result.checked == ROWS
    assert float(result.residual.max()) < 0.05


def test_the_label_of_another_row_is_named() -> None:
    faces = made_up_faces()
    noise = np.random.default_rng(1).normal(scale=0.01 * EYES, size=(68, 2))
    wrong = with_label(faces, 3, faces.points[40] + noise + (9, 4))
    result = audit(wrong, KnowsTheTruth(faces.points))
    fault = next(one for one in result.faults if one.row == 3)
    assert fault.cause is Cause.OTHER_FACE
    assert "row 40 (face-40)" in fault.evidence
    assert [change.action for change in fault.suggestion] == ["drop"]


def test_one_point_off_is_named_with_its_place() -> None:
    faces = made_up_faces()
    column = IBUG_68.names.index("mouth_left_corner")
    points = faces.points[9].copy()
    points[column] += (0.09 * EYES, -0.09 * EYES)
    result = audit(with_label(faces, 9, points), KnowsTheTruth(faces.points))
    fault = next(one for one in result.faults if one.row == 9)
    assert fault.cause is Cause.POINT_OFF
    assert fault.points == ("mouth_left_corner",)
    assert fault.expected is not None
    away = np.linalg.norm(fault.expected.points[column] - faces.points[9, column])
    assert away < 0.05 * EYES
    place = mended(with_label(faces, 9, points), result, 9)[column]
    assert np.linalg.norm(place - faces.points[9, column]) < 0.05 * EYES


def test_a_point_off_alone_is_surer_than_points_that_are_all_off() -> None:
    """Where many points of a mouth are off in all directions, the model has misread it."""
    faces = made_up_faces()
    wrong = faces.points.copy()
    alone, mouth = 12, 30
    size = 0.12 * EYES
    wrong[alone, 48] += (size, 0)
    angle = 2.4 * np.arange(10)
    wrong[mouth, 48:58] += size * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    result = audit(replace(faces, points=wrong), KnowsTheTruth(faces.points), AuditConfig(0.0))
    sure = dict.fromkeys((alone, mouth), 0.0)
    for fault in result.faults:
        if fault.row in sure and fault.cause is Cause.POINT_OFF:
            sure[fault.row] = max(sure[fault.row], fault.strength or 0.0)
    assert sure[alone] > 2 * sure[mouth]


def test_an_exchanged_pair_is_named() -> None:
    faces = made_up_faces()
    names = ("left_eye_outer_corner", "right_eye_outer_corner")
    one, other = IBUG_68.columns(names)
    points = faces.points[30].copy()
    points[[one, other]] = points[[other, one]]
    wrong = with_label(faces, 30, points)
    result = audit(wrong, KnowsTheTruth(faces.points))
    assert of_row(result, 30) == [Cause.PAIR_SWAPPED]
    assert np.allclose(mended(wrong, result, 30), faces.points[30])


def test_a_habit_of_all_labels_is_no_fault() -> None:
    faces = made_up_faces()
    habit = faces.points.copy()
    habit[:, :17] += (0, 0.08 * EYES)
    result = audit(replace(faces, points=habit), KnowsTheTruth(faces.points))
    assert len(result.faults) <= 1


@pytest.mark.parametrize("pictured", [True, False])
def test_a_change_of_scheme_is_found_at_its_row(pictured: bool) -> None:
    faces = made_up_faces(160)
    points = faces.points.copy()
    points[90:, 30] += (0, 0.25 * EYES)  # the nose tip lies lower
    changed = replace(faces, points=points)
    opinion = KnowsTheTruth(faces.points) if pictured else None
    result = audit(changed if pictured else without_images(changed), opinion)
    (finding,) = result.findings
    assert finding.cause is Cause.SCHEME_CHANGE
    assert finding.rows == tuple(range(90, 160))
    assert IBUG_68.names[30] in finding.points
    assert "lower" in finding.evidence
    assert len(result.faults) <= 8


def test_two_sets_of_different_schemes_are_told_apart() -> None:
    faces = made_up_faces(80)
    points = faces.points.copy()
    points[1::2, 30] += (0, 0.15 * EYES)
    order = np.argsort(np.arange(80) % 2, kind="stable")
    changed = replace(faces, points=points).take(order)
    sets = np.arange(80) // 40
    result = audit(changed, KnowsTheTruth(faces.points[order]), sets=sets)
    (finding,) = result.findings
    assert finding.rows == tuple(range(40, 80))


def test_a_swap_is_found_from_labels_alone() -> None:
    faces = without_images(made_up_faces())
    wrong = with_label(faces, 50, faces.points[50][MIRROR])
    result = audit(wrong)
    assert of_row(result, 50) == [Cause.LEFT_RIGHT_SWAPPED]
    assert np.allclose(mended(wrong, result, 50), faces.points[50])


def test_copied_rows_are_found() -> None:
    faces = made_up_faces()
    result = audit(with_label(faces, 8, faces.points[7]), KnowsTheTruth(faces.points))
    assert Cause.COPIED_ROW in of_row(result, 8)
    assert Cause.COPIED_ROW not in of_row(result, 7)


def test_filled_points_are_found() -> None:
    faces = made_up_faces()
    points = faces.points.copy()
    filled = [4, 11, 22, 33, 44, 55]
    points[filled, 8] = np.median(points[:, 8], axis=0)
    result = audit(replace(faces, points=points), KnowsTheTruth(faces.points))
    found = {fault.row for fault in result.faults if fault.cause is Cause.FILLED_POINTS}
    assert found == set(filled)


def test_a_person_on_both_sides_of_a_split_is_found() -> None:
    faces = made_up_faces()
    group = faces.group.copy()
    group[5] = group[60]
    result = audit(
        replace(faces, group=group),
        KnowsTheTruth(faces.points),
        split=(np.arange(ROWS) >= 40).astype(np.int64),
    )
    leak = next(one for one in result.findings if one.cause is Cause.SPLIT_LEAK)
    assert leak.rows == (5, 60)


def test_twenty_faces_are_enough_for_a_gross_mistake() -> None:
    faces = made_up_faces(20)
    wrong = with_label(faces, 6, faces.points[6][MIRROR])
    result = audit(wrong, KnowsTheTruth(faces.points))
    assert of_row(result, 6) == [Cause.LEFT_RIGHT_SWAPPED]
    assert len(result.faults) <= 2


def test_too_few_labels_without_images_are_said() -> None:
    result = audit(without_images(made_up_faces(5)))
    assert result.checked == 0
    assert "too few" in result.notes[0]


def test_data_without_a_label_are_refused() -> None:
    faces = made_up_faces(5)
    none = replace(faces, labelled=np.zeros_like(faces.labelled))
    with pytest.raises(DataError, match="no label"):
        audit(none, KnowsTheTruth(faces.points))


def test_fewer_faults_are_named_with_a_higher_limit() -> None:
    faces = made_up_faces()
    wrong = with_label(faces, 2, faces.points[2] + (0.12 * EYES, 0))
    opinion = KnowsTheTruth(faces.points)
    many = audit(wrong, opinion, AuditConfig(min_confidence=0.0))
    few = audit(wrong, opinion, AuditConfig(min_confidence=0.99))
    assert len(few.faults) <= len(many.faults)
    assert all(fault.confidence >= 0.99 for fault in few.faults)


@pytest.mark.skipif(not LABELS.exists(), reason="needs the labels of the competition")
def test_the_second_scheme_of_the_competition_is_found_from_labels_alone() -> None:
    with LABELS.open(newline="") as file:
        header, *lines = list(csv.reader(file))
    lines = lines[1900:2700]
    values = np.array([[float(cell) if cell else np.nan for cell in line] for line in lines])
    points = values.reshape(len(lines), -1, 2)
    labelled = np.asarray(np.isfinite(points).all(axis=2))
    landmarks = known_or_plain([name[:-2] for name in header[::2]])
    names = np.array([f"row-{number}" for number in range(len(lines))])
    faces = Samples(
        images=np.zeros((len(lines), 96, 96), np.uint8),
        points=np.where(labelled[..., None], points, 0).astype(np.float32),
        labelled=labelled,
        landmarks=landmarks,
        group=names,
        names=names,
        scheme=np.zeros(len(lines), np.int16),
        schemes={"": landmarks.names},
    )
    change = next(one for one in audit(faces).findings if one.rows[0] == 2284 - 1900)
    assert "nose_tip" in change.points
    assert "11 points are no longer labeled" in change.evidence


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_an_assignment_costs_least(count: int, seed: int) -> None:
    from itertools import permutations

    costs = np.random.default_rng(seed).uniform(size=(count, count))
    rows = np.arange(count)
    least = min(costs[rows, list(order)].sum() for order in permutations(range(count)))
    chosen = assign(costs)
    assert sorted(chosen.tolist()) == rows.tolist()
    assert np.isclose(costs[rows, chosen].sum(), least)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.2, 5), st.floats(-3, 3), st.integers(0, 2**32 - 1))
def test_a_similarity_is_recovered(size: float, angle: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    source = random.normal(size=(3, 7)) + 1j * random.normal(size=(3, 7))
    a, b = size * np.exp(1j * angle), 2 - 3j
    found_a, found_b = fit_similarities(source, a * source + b, random.uniform(0.1, 1, (3, 7)))
    assert np.allclose(found_a, a)
    assert np.allclose(found_b, b)


def test_mirror_partners_are_found_by_place() -> None:
    found = mirror_partners(to_complex(MEAN_FACE), 0.05)
    assert found is not None
    assert found.tolist() == MIRROR.tolist()
