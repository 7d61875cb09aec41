"""Drawing: color lies where the points are, inputs stay as they are, charts are whole files."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepoints import drawing
from facepoints.datasets import synthetic
from facepoints.datasets.samples import Samples
from facepoints.errors import DataError, MissingExtraError, WriteError
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15
from facepoints.landmarks.landmark_set import LandmarkSet

ONE = LandmarkSet(("dot",), mirrorable=False)
RED = (255, 0, 0)


@pytest.fixture(scope="module")
def faces() -> Samples:
    return synthetic.kaggle_like(7, seed=9)


def _read(path: Path) -> np.ndarray:
    image = cv2.imread(str(path))
    assert image is not None
    return image[..., ::-1]


def _middle_of_red(image: np.ndarray) -> np.ndarray:
    red = np.clip(image[..., 0].astype(float) - image[..., 1], 0, None)
    yy, xx = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(red * xx).sum(), (red * yy).sum()]) / red.sum()


@settings(max_examples=60, deadline=None)
@given(
    x=st.floats(10, 30),
    y=st.floats(10, 20),
    scale=st.integers(1, 4),
    tone=st.sampled_from([0, 128, 255]),
    in_color=st.booleans(),
)
def test_a_dot_lies_at_its_point(x: float, y: float, scale: int, tone: int, in_color: bool) -> None:
    shape = (31, 42, 3) if in_color else (31, 42)
    image = np.full(shape, tone, dtype=np.uint8)
    before = image.copy()
    points = np.array([[x, y]], dtype=np.float32)
    drawn = drawing.draw_points(image, points, ONE, color=RED, dot=2.0, scale=scale)
    np.testing.assert_array_equal(image, before)
    assert drawn.shape == (31 * scale, 42 * scale, 3)
    assert drawn.dtype == np.uint8
    center = _middle_of_red(drawn)
    np.testing.assert_allclose((center + 0.5) / scale - 0.5, [x, y], atol=0.06)


def test_a_dot_stands_out_on_light_and_dark() -> None:
    for tone in (0, 255):
        image = np.full((60, 60), tone, dtype=np.uint8)
        drawn = drawing.draw_points(image, np.array([[30.0, 30.0]]), ONE, scale=3)
        away = np.abs(drawn.astype(int) - tone).max(axis=2)
        assert away.max() > 150
        assert (away > 20).sum() < 0.01 * away.size


def test_edges_join_labelled_points_only() -> None:
    ends = LandmarkSet(("a", "b", "c"), edges=(("a", "b"), ("b", "c")), mirrorable=False)
    points = np.array([[10.0, 20.0], [50.0, 20.0], [50.0, 50.0]])
    image = np.zeros((60, 60), dtype=np.uint8)
    all_three = drawing.draw_points(image, points, ends, color=RED)
    assert all_three[20, 30, 0] > 90
    assert all_three[35, 50, 0] > 90
    two = drawing.draw_points(image, points, ends, np.array([True, True, False]), color=RED)
    assert two[20, 30, 0] > 90
    assert not two[25:].any()
    none = drawing.draw_points(image, points, ends, np.zeros(3, dtype=bool))
    assert not none.any()


def test_points_outside_the_image_and_not_finite_ones_are_not_drawn() -> None:
    points = np.array([[np.nan, 3], [1e30, -1e30], [-5, -5], [70, 20], [20.0, 20.0]])
    five = LandmarkSet(tuple("abcde"), edges=(("a", "e"), ("b", "e"), ("d", "e")), mirrorable=False)
    image = np.zeros((40, 40), dtype=np.uint8)
    drawn = drawing.draw_points(image, points, five, color=RED, radius=np.full(5, np.inf))
    assert drawn[20, 20, 0] > 200
    assert drawn[20, 38, 0] > 90  # the edge to a point just outside
    assert not drawn[30:].any()


def test_the_radius_is_a_soft_disc() -> None:
    image = np.full((80, 80), 100, dtype=np.uint8)
    point = np.array([[40.0, 40.0]])
    drawn = drawing.draw_points(image, point, ONE, radius=np.array([12.0]), color=RED, dot=1)
    changed = (np.abs(drawn.astype(int) - 100).max(axis=2) > 23).sum()  # half of a full change
    assert changed == pytest.approx(np.pi * 12**2, rel=0.05)
    assert 100 < drawn[40, 48, 0] < 200


def test_all_of_68_points_are_drawn() -> None:
    faces = synthetic.render(1, seed=1)
    dark = np.zeros_like(faces.images[0])
    drawn = drawing.draw_points(dark, faces.points[0], IBUG_68, color=RED, scale=4, dot=2)
    for x, y in np.rint((faces.points[0] + 0.5) * 4 - 0.5).astype(int):
        assert drawn[y, x, 0] > 200


@pytest.mark.parametrize(
    ("image", "points", "extra", "words"),
    [
        (np.zeros((9, 9), np.float32), np.zeros((1, 2)), {}, "uint8"),
        (np.zeros((9, 9, 4), np.uint8), np.zeros((1, 2)), {}, "uint8"),
        (np.zeros((9, 9), np.uint8), np.zeros((2, 2)), {}, r"points to draw must have shape \(1"),
        (np.zeros((9, 9), np.uint8), np.zeros((1, 2)), {"scale": 0}, "scale"),
        (np.zeros((9, 9), np.uint8), np.zeros((1, 2)), {"radius": np.ones(2)}, "radius"),
        (np.zeros((9, 9), np.uint8), np.zeros((1, 2)), {"labelled": np.ones(3, bool)}, "labelled"),
    ],
)
def test_points_that_cannot_be_drawn_are_refused(
    image: np.ndarray, points: np.ndarray, extra: dict[str, Any], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        drawing.draw_points(image, points, ONE, **extra)


def test_sheet_shows_every_face_and_is_written(faces: Samples, tmp_path: Path) -> None:
    before = faces.images.copy()
    path = tmp_path / "new" / "sheet.png"
    plain = drawing.draw_sheet(faces, path, columns=3, scale=1, captions=[""] * 7)
    np.testing.assert_array_equal(faces.images, before)
    np.testing.assert_array_equal(_read(path), plain)
    assert plain.shape[1] == 3 * (96 + 6) + 6
    # Gray pixels of each face are found again at its place.
    step = (plain.shape[0] - 6) // 3
    for row in range(7):
        top, left = 6 + (row // 3) * step, 6 + (row % 3) * 102
        tile = plain[top : top + 96, left : left + 96]
        same = (tile == faces.images[row][..., None]).all(axis=2)
        assert same.mean() > 0.8


def test_sheet_shows_predictions_and_their_error(faces: Samples) -> None:
    labels = drawing.draw_sheet(faces, scale=1)
    right = drawing.draw_sheet(faces, scale=1, predicted=faces.points)
    wrong = drawing.draw_sheet(faces, scale=1, predicted=faces.points + 3)
    assert not np.array_equal(labels, right)
    assert not np.array_equal(right, wrong)
    by_hand = drawing.draw_sheet(
        faces,
        scale=1,
        predicted=faces.points + np.array([3.0, 4.0]),
        captions=[f"{name}  5.0 px" for name in faces.names],
    )
    by_itself = drawing.draw_sheet(faces, scale=1, predicted=faces.points + np.array([3.0, 4.0]))
    above = labels.shape[0]  # the legend is below
    np.testing.assert_array_equal(by_itself[:above], by_hand[:above])


def test_sheet_without_labels_or_faces(faces: Samples) -> None:
    bare = faces.with_points(faces.points, np.zeros_like(faces.labelled))
    named = drawing.draw_sheet(bare, predicted=faces.points, scale=1)
    captions = [str(name) for name in faces.names]
    by_hand = drawing.draw_sheet(bare, predicted=faces.points, scale=1, captions=captions)
    above = drawing.draw_sheet(bare, scale=1).shape[0]  # the legend is below
    np.testing.assert_array_equal(named[:above], by_hand[:above])
    assert drawing.draw_sheet(faces.take([])).shape[2] == 3


def test_a_sheet_of_predictions_that_do_not_fit_is_refused(faces: Samples, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="predictions to draw must have shape"):
        drawing.draw_sheet(faces, predicted=faces.points[:, :4])
    with pytest.raises(DataError, match="needs 7 captions"):
        drawing.draw_sheet(faces, captions=["one"])
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WriteError):
        drawing.draw_sheet(faces, tmp_path / "file" / "sheet.png", scale=1)


def _history(members: int) -> list[dict[str, Any]]:
    return [
        {"member": m, "epoch": e, "train_loss": 9 / (e + 1), "learning_rate": 1e-3 / (e + 1)}
        | ({"validation_rmse": 4 / (e + 1) + m} if e % 2 else {})
        for m in range(members)
        for e in range(6)
    ]


_CHARTS: dict[str, Callable[[Path], None]] = {
    "curves": lambda path: drawing.curves(_history(1), path),
    "members": lambda path: drawing.curves(_history(3), path),
    "one epoch": lambda path: drawing.curves(_history(1)[:1], path),
    "no epoch": lambda path: drawing.curves([], path),
    "broken": lambda path: drawing.curves(
        [{"epoch": 0, "train_loss": float("nan"), "validation_rmse": float("nan")}], path
    ),
    "ced": lambda path: drawing.ced_chart(
        {"all": np.linspace(0.01, 0.3, 40), "few": np.array([0.05]), "none": np.zeros(0)},
        path,
        "eye distance",
    ),
    "no ced": lambda path: drawing.ced_chart({}, path, "eye distance"),
    "bars": lambda path: drawing.bars(
        {"drop": {"net2": 3.2, "heatnet": 2.0}, "mask": {"net2": float("nan")}}, path, "RMSE (px)"
    ),
    "one bar": lambda path: drawing.bars({"drop": {"net2": 3.2}}, path, "RMSE (px)"),
    "no bars": lambda path: drawing.bars({}, path, "RMSE (px)"),
}


_SERIES = {"curves": 1, "members": 3, "one epoch": 1, "ced": 2, "bars": 2, "one bar": 1}
"""Series with values in each chart, which have the first colors; the others hold no value."""

_OKABE_ITO = ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00), (0x00, 0x9E, 0x73), (0xCC, 0x79, 0xA7))


@pytest.mark.parametrize("name", _CHARTS)
def test_charts_draw_every_series_in_its_color(name: str, tmp_path: Path) -> None:
    path = tmp_path / "chart.png"
    _CHARTS[name](path)
    image = _read(path)
    assert image.shape[1] > 800
    drawn = [(image == color).all(axis=2).sum() > 200 for color in _OKABE_ITO]
    assert drawn == [number < _SERIES.get(name, 0) for number in range(len(_OKABE_ITO))]
    assert (image == 255).mean() > 0.3  # white paper
    assert image.min() < 100  # and words
    assert [p.name for p in tmp_path.iterdir()] == ["chart.png"]


def test_longer_bars_for_larger_values(tmp_path: Path) -> None:
    path = tmp_path / "bars.png"
    drawing.bars({"a": {"x": 1.0}, "b": {"x": 4.0}}, path, "px")
    image = _read(path).astype(int)
    blue = (image == (0x00, 0x72, 0xB2)).all(axis=2).sum(axis=1)
    top = np.flatnonzero(blue)[0]
    first = blue[top + 2]  # the first group is on top
    assert blue.max() == pytest.approx(4 * first, rel=0.02)


def test_charts_without_matplotlib_name_the_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"facepoints\[adapt\]"):
        drawing.bars({"a": {"b": 1.0}}, tmp_path / "bars.png", "px")
    assert not list(tmp_path.iterdir())


def test_kaggle_points_in_color(faces: Samples) -> None:
    color = np.repeat(faces.images[0][..., None], 3, axis=2)
    drawn = drawing.draw_points(color, faces.points[0], KAGGLE_15, faces.labelled[0])
    gray = drawing.draw_points(faces.images[0], faces.points[0], KAGGLE_15, faces.labelled[0])
    np.testing.assert_array_equal(drawn, gray)
