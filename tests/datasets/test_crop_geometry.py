"""Where faces lie in crops: the face box is the same for every set of points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import mean_face_rule
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from facepoints.datasets import readers, synthetic
from facepoints.datasets.crop_geometry import crop_rule_of
from facepoints.datasets.samples import Samples
from facepoints.imaging import affine
from facepoints.landmarks.conversion import convert
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_face import MEAN_BOX, MEAN_FACE, mean_points

CORE = KAGGLE_15.subset(synthetic.NARROW_POINTS)
PLAIN = LandmarkSet(tuple("abc"), mirrorable=False)
SCHEMES = LandmarkSet((*CORE.names, *(f"{n}@4-point" for n in CORE.names)))


def crops(
    points: NDArray, landmarks: LandmarkSet, labelled: NDArray | None = None, side: int = 96
) -> Samples:
    n = len(points)
    labelled = np.ones(points.shape[:2], bool) if labelled is None else labelled
    return Samples(
        images=np.zeros((n, side, side), np.uint8),
        points=np.where(labelled[..., None], points, 0).astype(np.float32),
        labelled=labelled,
        landmarks=landmarks,
        group=np.arange(n).astype(str),
        names=np.arange(n).astype(str),
        scheme=np.zeros(n, np.int16),
        schemes={"one": landmarks.names},
    )


def test_the_mean_face_is_upright_and_mirrors_itself() -> None:
    mirrored = MEAN_FACE[IBUG_68.mirror] * (-1, 1)
    np.testing.assert_allclose(mirrored, MEAN_FACE, atol=1e-6)
    names = IBUG_68.names
    assert MEAN_FACE[names.index("left_jaw_1"), 0] > 0.45  # the subject's left, at the larger x
    assert MEAN_FACE[names.index("chin"), 1] == MEAN_FACE[:, 1].max()
    x, y, width, height = affine.bounding_box(MEAN_FACE)
    assert 0.96 < width < MEAN_BOX[2]
    assert 0.95 < height < MEAN_BOX[3]
    assert (x + width / 2, y + height / 2) == pytest.approx((0, 0), abs=0.01)


@pytest.mark.parametrize("landmarks", [IBUG_68, KAGGLE_15, CORE])
@settings(deadline=None)
@given(
    st.floats(-40, 40), st.floats(20, 90), st.floats(30, 60), st.floats(30, 60), st.integers(0, 9)
)
def test_any_points_of_a_face_give_its_box(
    landmarks: LandmarkSet, turn: float, unit: float, x: float, y: float, seed: int
) -> None:
    """The box is that of the upright face, for any rotation and with some points unlabelled."""
    points, known = mean_points(landmarks)
    assert known.all()
    place = affine.compose(np.array([[unit, 0, x], [0, unit, y]]))
    face = affine.apply(affine.rotation_matrix(turn, (x, y)), affine.apply(place, points))
    labelled = np.ones((3, len(landmarks)), bool)
    labelled[1, np.random.default_rng(seed).permutation(len(landmarks))[2:]] = False
    labelled[2, 1:] = False  # one point does not locate a face
    box = crop_rule_of(crops(face[None].repeat(3, 0), landmarks, labelled)).face_box
    corner = (x + unit * MEAN_BOX[0], y + unit * MEAN_BOX[1])
    np.testing.assert_allclose(box, (*corner, unit, unit * MEAN_BOX[3]), atol=0.02)


def test_canonical_points_are_means_of_labels_or_mirrored_from_the_partner() -> None:
    points = np.array([[[60.0, 30.0], [35, 30], [48, 50], [48, 70]]] * 2)
    points[1] += 2
    labelled = np.ones((2, 4), bool)
    labelled[:, 1] = False  # right eye: mirrored from the left one
    labelled[1, 2] = False
    canonical = crop_rule_of(crops(points, CORE, labelled)).canonical_points
    np.testing.assert_allclose(canonical, [[61, 31], [34, 31], [48, 50], [49, 71]])


def test_columns_of_another_marking_scheme_do_not_change_the_box() -> None:
    points, known = mean_points(SCHEMES)
    assert known.tolist() == [True] * 4 + [False] * 4
    face = np.concatenate([points[:4], points[:4] + 9]) * 60 + 48
    assert crop_rule_of(crops(face[None], SCHEMES)).face_box == pytest.approx(
        (18, 48 - 0.4927 * 60, 60, 59.124), abs=0.01
    )
    only = SCHEMES.subset(SCHEMES.names[4:])
    assert mean_points(only)[1].all()  # used if there are no plain columns


def test_points_unknown_to_the_mean_face_give_their_own_box() -> None:
    points = np.array([[[10.0, 20.0], [50, 30], [30, 70]]])
    rule = crop_rule_of(crops(points, PLAIN))
    np.testing.assert_allclose(rule.canonical_points, points[0])
    assert rule.face_box == (10, 20, 40, 50)


@pytest.mark.parametrize("size", [(96, 96), (48, 64)])
def test_the_rule_of_crops_of_the_mean_face_is_known(size: tuple[int, int]) -> None:
    for landmarks in (IBUG_68, KAGGLE_15):
        points, box = mean_face_rule(landmarks, size)
        x, y, width, height = affine.bounding_box(points)
        assert max(width, height) == pytest.approx(min(size) / 1.4, rel=1e-4)
        middle = ((size[1] - 1) / 2, (size[0] - 1) / 2)
        assert (x + width / 2, y + height / 2) == pytest.approx(middle, abs=1e-3)
        rule = crop_rule_of(crops(points[None], landmarks))
        assert rule.face_box == pytest.approx(box, abs=0.01)


def test_real_faces_have_the_same_box_from_68_15_and_4_points(shared: Path) -> None:
    """The crops are cut by the rule that the expected box follows from."""
    faces = readers.load(shared / "lfpw" / "train", size=96)
    faces = faces.take(slice(0, None, 4))
    wide = crop_rule_of(faces).face_box
    assert wide == pytest.approx((14.2, 15, 66.9, 65.9), abs=1)
    for landmarks in (KAGGLE_15, CORE):
        points, labelled = convert(faces.points, faces.labelled, IBUG_68, landmarks)
        few = crop_rule_of(faces.with_points(points, labelled, landmarks)).face_box
        assert few == pytest.approx(wide, abs=1)
