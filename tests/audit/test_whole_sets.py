"""Faults of whole sets, and of labels that lie elsewhere in the whole picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from facepoints.audit import AuditConfig, AuditResult, Cause, Readings, audit
from facepoints.audit.geometry import Complex
from facepoints.audit.picture_fit import fit_pictures
from facepoints.audit.whole_pictures import Pictures
from facepoints.datasets.fixes import suggest_fixes
from facepoints.datasets.mending import mend_labels
from facepoints.datasets.samples import Samples
from facepoints.imaging import affine
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.mean_face import MEAN_FACE

COUNT, WIDTH, HEIGHT, CROP = 60, 500, 400, 192
MIRROR = IBUG_68.mirror
Labels = NDArray[np.float64]


@dataclass(frozen=True)
class Scene:
    """Pictures whose faces are known.

    Attributes:
        truth: (N, 2, 68, 2) points of two faces in pixels of each picture; the second is NaN
            where there is none.
    """

    truth: Labels

    def __call__(self, faces: Samples, progress: object = None) -> Readings:
        """Sees the faces whose middle lies in the image."""
        assert faces.frame is not None
        random = np.random.default_rng(3)
        points = np.full((len(faces), 2, 68, 2), np.nan, np.float32)
        for row, name in enumerate(faces.names):
            back = affine.invert(faces.frame[row])
            for number, face in enumerate(self.truth[int(name)]):
                noise = random.normal(size=(68, 2)) * 0.01 * eyes(face)
                seen = affine.apply(back, face + noise)
                middle = seen.mean(axis=0)
                if (middle > 0).all() and (middle < faces.size[0]).all():
                    points[row, number] = seen
        score = np.asarray(np.isfinite(points).all(axis=(2, 3)), np.float32)
        return Readings(points, np.where(np.isnan(points[..., 0]), np.nan, 1).astype("f4"), score)

    landmarks = IBUG_68

    def pictures(self) -> Pictures:
        def read(rows: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
            return (np.full((HEIGHT, WIDTH), 90, np.uint8) for _ in rows)

        return Pictures(np.arange(len(self.truth)), read)


def eyes(face: Labels) -> float:
    return float(np.linalg.norm(face[45] - face[36]))


def scene(
    count: int = COUNT,
    second: bool = False,
    sizes: tuple[float, float] = (40, 130),
    turns: float = 0.15,
    spread: float = 15,
) -> Scene:
    """Faces of all sizes and turns; the second one is half as large."""
    random = np.random.default_rng(8)
    truth = np.full((count, 2, 68, 2), np.nan)
    for row in range(count):
        size, turn = random.uniform(*sizes), random.normal(scale=turns)
        turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        shape = MEAN_FACE + random.normal(size=(68, 2)) * 0.01
        shape[:, 0] += random.normal(scale=0.1) * shape[:, 1]
        truth[row, 0] = size * shape @ turned.T + (150, 200) + random.normal(scale=spread, size=2)
        if second:
            truth[row, 1] = 0.5 * size * (MEAN_FACE + random.normal(size=(68, 2)) * 0.01)
            truth[row, 1] += (400, 120)
    return Scene(truth)


def labeled(labels: Labels) -> Samples:
    """Crops around labels (N, 68, 2) in pixels of the pictures."""
    count = len(labels)
    random = np.random.default_rng(0)
    matrices = [affine.crop_matrix(affine.bounding_box(one), CROP, 1.4) for one in labels]
    points = [affine.apply(matrix, one) for matrix, one in zip(matrices, labels, strict=True)]
    names = np.array([str(row) for row in range(count)])
    images = random.integers(1, 256, size=(count, 12, 12)).astype(np.uint8)
    return Samples(
        images=images.repeat(16, axis=1).repeat(16, axis=2),
        points=np.stack(points).astype(np.float32),
        labelled=np.ones((count, 68), bool),
        landmarks=IBUG_68,
        group=names,
        names=names,
        scheme=np.zeros(count, np.int16),
        schemes={"": IBUG_68.names},
        frame=np.stack([affine.invert(matrix) for matrix in matrices]),
    )


def mended(faces: Samples, result: AuditResult, cause: Cause) -> Labels:
    """The labels in pixels of the pictures after the fixes of all faults of a cause."""
    fixes = []
    for fault in [*result.findings, *result.faults]:
        if fault.cause is cause:
            for number, row in enumerate(fault.rows):
                changes = fault.each[number] if fault.each else fault.suggestion
                fixes += suggest_fixes(faces, [row], changes, cause=cause.value)
    right = mend_labels(faces, fixes, np.arange(len(faces)), "")
    assert faces.frame is not None
    places = zip(faces.frame, right.points, strict=True)
    return np.stack([affine.apply(f, p) for f, p in places]).astype(np.float64)


WRONG: dict[str, tuple[Callable[[Labels], Labels], Cause]] = {
    "shifted": (lambda p: p + 1.5, Cause.OFFSET),
    "scaled": (lambda p: p * 1.04, Cause.WRONG_SCALE),
    "of smaller pictures": (lambda p: p * 0.75, Cause.WRONG_SCALE),
    "far": (lambda p: p + np.array([90, 60]), Cause.OFFSET),
    "swapped": (lambda p: p[:, MIRROR], Cause.LEFT_RIGHT_SWAPPED),
    "reversed": (lambda p: p[:, ::-1], Cause.WRONG_ORDER),
    "mirrored": (lambda p: p * (-1, 1) + (WIDTH - 1, 0), Cause.MIRRORED_IMAGE),
    "of flipped pictures": (
        lambda p: (p * (-1, 1) + (WIDTH - 1, 0))[:, MIRROR],
        Cause.MIRRORED_IMAGE,
    ),
    "x and y exchanged": (lambda p: p[..., ::-1], Cause.MIRRORED_IMAGE),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_fault_of_all_labels_is_one_finding_and_mended(kind: str) -> None:
    spoil, cause = WRONG[kind]
    whole = scene(spread=40)
    truth = whole.truth[:, 0]
    faces = labeled(spoil(truth))
    result = audit(faces, whole, pictures=whole.pictures())
    (finding,) = result.findings
    assert finding.cause is cause
    assert len(finding.rows) == COUNT
    assert len(result.faults) <= 1
    away = np.linalg.norm(mended(faces, result, cause) - truth, axis=-1)
    assert away.mean(axis=1).max() < 0.5  # no face is mended twice


def test_small_faces_have_no_offset_beside_that_of_their_set() -> None:
    """And one that is off by more than its set keeps its own fault."""
    whole = scene(spread=40)
    truth = whole.truth[:, 0]
    shifted = truth + 1.5
    small, other = np.argsort([eyes(one) for one in truth])[[0, COUNT // 2]]
    shifted[other] += (-6, 5)
    everything = AuditConfig(min_confidence=0.1)  # those of small faces are unsure
    result = audit(labeled(shifted), whole, everything, pictures=whole.pictures())
    assert [finding.cause for finding in result.findings] == [Cause.OFFSET]
    offsets = [fault.row for fault in result.faults if fault.cause is Cause.OFFSET]
    assert small not in offsets
    assert other in offsets


def test_right_labels_and_habits_of_marking_have_no_finding() -> None:
    whole = scene(second=True)
    truth = whole.truth[:, 0]
    size = np.array([eyes(one) for one in truth])[:, None]
    lower = truth.copy()
    lower[..., 1] += 0.03 * size  # a habit grows with the face
    for labels in (truth, lower):
        result = audit(labeled(labels), whole, pictures=whole.pictures())
        assert result.findings == []
        assert len(result.faults) <= 1


def test_faces_of_one_size_have_a_common_shift_with_less_confidence() -> None:
    whole = scene(sizes=(80, 82), turns=0)
    result = audit(labeled(whole.truth[:, 0] + (0, 3)), whole, pictures=whole.pictures())
    (finding,) = result.findings
    assert finding.cause is Cause.OFFSET
    assert 0.5 <= finding.confidence < 0.8
    assert "not ruled out" in finding.evidence


def test_labels_far_off_are_found_in_the_whole_picture() -> None:
    whole = scene()
    labels = whole.truth[:, 0].copy()
    labels[5] += (260, -30)
    labels[9] = labels[9] * (-1, 1) + (WIDTH - 1, 0)
    labels[20] /= 2
    faces = labeled(labels)
    result = audit(faces, whole, pictures=whole.pictures())
    named = {fault.row: fault.cause for fault in result.faults}
    wanted = {5: Cause.OFFSET, 9: Cause.MIRRORED_IMAGE, 20: Cause.WRONG_SCALE}
    assert {row: named.get(row) for row in wanted} == wanted
    for row, cause in wanted.items():
        away = np.linalg.norm(mended(faces, result, cause)[row] - whole.truth[row, 0], axis=-1)
        assert away.mean() < 2
    alone = audit(faces, whole)
    of_image = {Cause.NO_FACE, Cause.NOT_A_PHOTO}
    assert of_image & {fault.cause for fault in alone.faults if fault.row == 5}


def test_the_label_of_another_face_of_the_picture_is_named() -> None:
    whole = scene(second=True)
    labels = whole.truth[:, 0].copy()
    first, second = whole.truth[7]
    labels[7] = first - first.mean(axis=0) + second.mean(axis=0)  # its shape on the other face
    labels[30] = whole.truth[30, 1]  # on the smaller face, while others are on the larger
    faces = labeled(labels)
    result = audit(faces, whole, pictures=whole.pictures())
    found = {fault.row for fault in result.faults if fault.cause is Cause.OTHER_FACE}
    assert found == {7, 30}
    right = mended(faces, result, Cause.OTHER_FACE)
    for row in found:
        assert np.linalg.norm(right[row] - whole.truth[row, 0], axis=-1).mean() < 2


def test_two_labels_of_one_face_leave_another_without() -> None:
    whole = scene(second=True)
    truth = np.concatenate([whole.truth, whole.truth[10:11]])
    both = Scene(truth)
    labels = truth[:, 0].copy()
    labels[-1] += np.random.default_rng(2).normal(size=(68, 2)) * 0.3
    pictures = both.pictures()
    number = pictures.picture.copy()
    number[-1] = 10
    result = audit(labeled(labels), both, pictures=replace(pictures, picture=number))
    (fault,) = [one for one in result.faults if one.cause is Cause.OTHER_FACE]
    assert fault.row == COUNT
    assert "label the same face" in fault.evidence


@settings(max_examples=25, deadline=None)
@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-0.05, 0.05), st.integers(0, 2**32 - 1))
def test_shift_and_habit_are_told_apart(x: float, y: float, habit: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    turn = random.normal(scale=0.2, size=80)
    pixel: Complex = (np.cos(turn) + 1j * np.sin(turn)) / random.uniform(30, 150, 80)
    noise = 1e-4 * (random.normal(size=80) + 1j * random.normal(size=80))
    middle = random.uniform(50, 500, 80) + 1j * random.uniform(50, 500, 80)
    errors = habit * (1 + 1j) + pixel * (x + 1j * y) + noise
    found = fit_pictures(errors, pixel, middle, shift=True, scale=False)
    assert abs(found.shift - (x + 1j * y)) < 6 * found.shift_error + 1e-6
