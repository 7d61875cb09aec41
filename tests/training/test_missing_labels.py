"""Strategies for missing labels: rows and columns of the plan; no label is lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepoints.datasets.combine import concatenate
from facepoints.datasets.marking_schemes import points_as_marked, scheme_matrix
from facepoints.datasets.samples import Samples
from facepoints.errors import DataError, SettingsError
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.training.missing_labels import MISSING, specialist

FOUR = ("left_eye", "right_eye")
NAMES = ("left_eye", "right_eye", "nose", "left_brow", "right_brow")
LANDMARKS = LandmarkSet(NAMES, eyes=FOUR, edges=(("left_eye", "nose"),))
SCHEMES = {"wide": NAMES, "narrow": FOUR}


def faces(labelled: np.ndarray, source: np.ndarray | None = None, seed: int = 0) -> Samples:
    n = len(labelled)
    points = np.random.default_rng(seed).uniform(0, 7, (n, len(NAMES), 2)).astype(np.float32)
    points[~labelled] = 0
    return Samples(
        images=np.zeros((n, 8, 8), np.uint8),
        points=points,
        labelled=labelled,
        landmarks=LANDMARKS,
        group=np.arange(n).astype(str),
        names=np.arange(n).astype(str),
        scheme=np.zeros(n, np.int16) if source is None else source.astype(np.int16),
        schemes={"wide": NAMES} if source is None else SCHEMES,
    )


@st.composite
def two_schemes(draw: st.DrawFn) -> Samples:
    """Rows of both schemes with holes; every column labeled at least once."""
    n = draw(st.integers(2, 12))
    bits = draw(st.lists(st.booleans(), min_size=n * 5, max_size=n * 5))
    source = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    labelled = np.array(bits).reshape(n, 5)
    labelled[source == 1, 2:] = False
    labelled[0], source[0] = True, 0
    return faces(labelled, source, seed=draw(st.integers(0, 99)))


@given(two_schemes())
@settings(max_examples=60, deadline=None)
def test_every_strategy_keeps_points_and_mask_consistent(samples: Samples) -> None:
    for name, strategy in MISSING.items():
        try:
            plan = strategy(samples)
        except SettingsError:
            assert name == "specialist"  # no point in nearly all rows
            continue
        labelled_names: set[str] = set()
        for part in plan.parts:
            data = part.samples
            assert len(data) > 0
            assert data.labelled.any(axis=1).all() or name in ("fill", "median")
            assert not data.points[~data.labelled].any()
            assert np.isfinite(data.points).all()
            labelled_names |= set(data.landmarks.names)
        assert labelled_names == set(plan.landmarks.names)
        if name not in ("mask", "per-scheme"):
            assert all(part.samples.labelled.all() for part in plan.parts)


def columns_of_scheme(have: LandmarkSet, points: LandmarkSet, scheme: str) -> list[int]:
    """For each point, the column of `have` that a scheme uses for it."""
    weights, _ = scheme_matrix(have, points, scheme)
    assert ((weights == 1).sum(axis=1) == 1).all()
    return weights.argmax(axis=1).tolist()


@given(two_schemes())
@settings(max_examples=60, deadline=None)
def test_each_row_keeps_its_labels_in_the_columns_of_its_scheme(samples: Samples) -> None:
    plan = MISSING["per-scheme"](samples)
    data = plan.parts[0].samples
    kept = samples.take(np.flatnonzero(samples.labelled.any(axis=1)))
    assert list(data.names) == list(kept.names)
    assert data.labelled.sum() == kept.labelled.sum()
    for index, source in enumerate(samples.schemes):
        rows = kept.scheme == index
        columns = columns_of_scheme(plan.landmarks, LandmarkSet(NAMES, mirrorable=False), source)
        np.testing.assert_array_equal(data.points[rows][:, columns], kept.points[rows])
        np.testing.assert_array_equal(data.labelled[rows][:, columns], kept.labelled[rows])


@given(two_schemes())
@settings(max_examples=30, deadline=None)
def test_fill_is_pandas_forward_fill_then_backward_fill(samples: Samples) -> None:
    pandas = pytest.importorskip("pandas")
    holes = np.where(samples.labelled[..., None], samples.points, np.nan)
    expected = pandas.DataFrame(holes.reshape(len(samples), -1)).ffill().bfill().to_numpy()
    filled = MISSING["fill"](samples).parts[0].samples
    np.testing.assert_array_equal(filled.points.reshape(len(samples), -1), expected)


def test_fill_takes_the_row_before_or_for_a_leading_gap_the_next() -> None:
    labelled = np.ones((4, 5), bool)
    labelled[0, 1] = labelled[2, 3] = labelled[3, 3] = False
    samples = faces(labelled)
    filled = MISSING["fill"](samples).parts[0].samples
    np.testing.assert_array_equal(filled.points[0, 1], samples.points[1, 1])
    np.testing.assert_array_equal(filled.points[2:, 3], samples.points[[1, 1], 3])
    np.testing.assert_array_equal(filled.points[labelled], samples.points[labelled])


@given(two_schemes())
@settings(max_examples=30, deadline=None)
def test_median_fills_with_the_median_of_the_labelled(samples: Samples) -> None:
    filled = MISSING["median"](samples).parts[0].samples
    known = samples.labelled
    np.testing.assert_array_equal(filled.points[known], samples.points[known])
    for column in range(5):
        expected = np.median(samples.points[known[:, column], column].astype(np.float64), axis=0)
        for row in np.flatnonzero(~known[:, column]):
            np.testing.assert_allclose(filled.points[row, column], expected, rtol=1e-6)


def test_drop_keeps_the_complete_rows() -> None:
    labelled = np.ones((5, 5), bool)
    labelled[1, 2] = labelled[4, 0] = False
    kept = MISSING["drop"](faces(labelled)).parts[0].samples
    assert list(kept.names) == ["0", "2", "3"]


@pytest.mark.parametrize("name", ["drop", "specialist"])
def test_the_error_for_no_complete_row_names_the_point_that_is_missing_most(name: str) -> None:
    labelled = np.ones((4, 5), bool)
    labelled[:3, 3] = False
    labelled[3, 0] = False
    with pytest.raises(SettingsError, match=r"none of the 4 rows.*'left_brow'.* in 3.*choose"):
        MISSING[name](faces(labelled))


@pytest.mark.parametrize("name", ["drop", "fill", "median", "specialist"])
def test_a_column_without_labels_is_named(name: str) -> None:
    labelled = np.ones((4, 5), bool)
    labelled[:, 2] = False
    with pytest.raises(DataError, match="none of the 4 rows has a label for nose") as caught:
        MISSING[name](faces(labelled))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(MISSING))
def test_no_labels_or_no_rows_are_errors(name: str) -> None:
    with pytest.raises(DataError):
        MISSING[name](faces(np.zeros((3, 5), bool)))
    with pytest.raises(DataError):
        MISSING[name](faces(np.zeros((0, 5), bool)))


def test_specialist_trains_frequent_points_on_all_rows_that_have_them() -> None:
    labelled = np.zeros((20, 5), bool)
    labelled[:, :2] = True
    labelled[:6] = True
    labelled[19, 1] = False  # 95 %: still one of the frequent points
    plan = specialist(faces(labelled), merge="average")
    whole, core = plan.parts
    assert plan.merge == "average"
    assert (whole.name, len(whole.samples), len(whole.samples.landmarks)) == ("all-points", 6, 5)
    assert (core.name, core.samples.landmarks.names) == ("core", FOUR)
    assert list(core.samples.names) == [str(n) for n in range(19)]
    assert plan.landmarks.names == NAMES


def test_specialist_is_one_network_if_all_points_are_frequent() -> None:
    assert len(specialist(faces(np.ones((3, 5), bool))).parts) == 1


def test_specialist_rejects_an_unknown_merge() -> None:
    with pytest.raises(SettingsError, match="replace, average, is 'mean'"):
        specialist(faces(np.ones((3, 5), bool)), merge="mean")  # type: ignore[arg-type]


def test_mask_drops_rows_without_labels_and_columns_without_any() -> None:
    labelled = np.ones((4, 5), bool)
    labelled[2] = False
    labelled[:, 2] = False  # nose: never labelled
    labelled[:, 3] = False  # left brow: never, but its mirror partner is
    plan = MISSING["mask"](faces(labelled))
    assert plan.landmarks.names == ("left_eye", "right_eye", "left_brow", "right_brow")
    assert plan.landmarks.mirrorable
    assert list(plan.parts[0].samples.names) == ["0", "1", "3"]


def test_per_scheme_renames_the_narrow_scheme_and_still_mirrors() -> None:
    labelled = np.ones((4, 5), bool)
    labelled[2:, 2:] = False
    landmarks = MISSING["per-scheme"](faces(labelled, np.array([0, 0, 1, 1]))).landmarks
    assert landmarks.names == (*NAMES, "left_eye@narrow", "right_eye@narrow")
    assert landmarks.eyes == FOUR
    assert landmarks.mirrorable
    assert landmarks.mirror[5:].tolist() == [6, 5]


def test_per_scheme_with_rows_of_one_scheme_is_mask() -> None:
    labelled = np.ones((3, 5), bool)
    labelled[:, 2:] = False
    samples = faces(labelled, np.ones(3))
    assert MISSING["per-scheme"](samples).landmarks.names == FOUR


def test_per_scheme_of_joined_data_sets_keeps_every_label() -> None:
    def of(landmarks: LandmarkSet, scheme: str) -> Samples:
        k = len(landmarks)
        points = np.random.default_rng(k).uniform(0, 7, (3, k, 2)).astype(np.float32)
        return Samples(
            np.zeros((3, 8, 8), np.uint8),
            points,
            np.ones((3, k), bool),
            landmarks,
            np.array(["g"] * 3),
            np.array(["n"] * 3),
            np.zeros(3, np.int16),
            {scheme: landmarks.names},
        )

    small, large = of(KAGGLE_15, "15-point"), of(IBUG_68, "ibug")
    plan = MISSING["per-scheme"](concatenate([small, large]))
    data = plan.parts[0].samples
    assert len(plan.landmarks) == 68 + 15
    own = columns_of_scheme(plan.landmarks, KAGGLE_15, "15-point")
    np.testing.assert_array_equal(data.points[:3, own], small.points)
    own = columns_of_scheme(plan.landmarks, IBUG_68, "ibug")
    np.testing.assert_array_equal(data.points[3:, own], large.points)
    # the columns of 68 still make an eye center for a scheme without a column for it
    points, able = points_as_marked(data.points[3:], plan.landmarks, KAGGLE_15, "other")
    assert able.all()
    np.testing.assert_allclose(points, large.as_landmarks(KAGGLE_15).points, atol=1e-5)
