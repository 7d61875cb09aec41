"""Legends: what marks and colors mean, in drawn photos, sheets and charts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import FixedDetector, MeanModel

from facepoints import drawing
from facepoints.api import FaceModel
from facepoints.datasets import synthetic
from facepoints.detection import Detection
from facepoints.drawing import LABEL, PREDICTION, charts
from facepoints.drawing.legend import draw_legend
from facepoints.inference.face import Face

IMAGE = np.full((400, 500, 3), 90, np.uint8)


def face(image: np.ndarray = IMAGE) -> Face:
    side = image.shape[0] / 4
    detector = FixedDetector([Detection((image.shape[1] / 2, side / 2, side, side))])
    return FaceModel(MeanModel(), detector)(image)[0]


def changed(first: np.ndarray, second: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right and lower border of the pixels that differ."""
    rows, columns = np.nonzero((first != second).any(axis=2))
    return columns.min(), rows.min(), columns.max(), rows.max()


def test_the_legend_of_radii_is_in_the_lower_left_corner() -> None:
    plain = drawing.draw(IMAGE, [face()], radius=True)
    legend = drawing.draw(IMAGE, [face()], radius=True, legend=True)
    left, top, right, low = changed(plain, legend)
    assert left < 20
    assert low > 380
    assert right < 250
    assert top > 350
    assert legend[top + 4 : low - 3, left : left + 15].mean() > 150  # light paper


def test_hidden_points_have_a_line_of_their_own() -> None:
    hidden = replace(face(), visible=np.full(68, 0.1, np.float32))
    one = drawing.draw(IMAGE, [face()], radius=True, legend=True)
    both = drawing.draw(IMAGE, [hidden], radius=True, legend=True)
    rings = drawing.draw(IMAGE, [hidden], legend=True)
    tops = []
    for drawn, options in ((one, face()), (both, hidden), (rings, hidden)):
        plain = drawing.draw(IMAGE, [options], radius=drawn is not rings)
        tops.append(changed(plain, drawn)[1])
    assert tops[1] < tops[0] == tops[2]  # two lines are higher than one


@pytest.mark.parametrize("faces", [[], [face()]])
def test_without_discs_and_rings_there_is_no_legend(faces: list[Face]) -> None:
    plain = drawing.draw(IMAGE, faces)
    assert np.array_equal(plain, drawing.draw(IMAGE, faces, legend=True))


def test_a_small_image_has_no_legend() -> None:
    small = IMAGE[:60, :80]
    one = face(small)
    plain = drawing.draw(small, one, radius=True)
    assert np.array_equal(plain, drawing.draw(small, one, radius=True, legend=True))
    assert not draw_legend(small.copy(), [("dot", (1, 2, 3), "a meaning")])


def test_a_sheet_with_predictions_says_what_its_colors_mean() -> None:
    faces = synthetic.render(4, seed=3)
    plain = drawing.draw_sheet(faces, scale=2)
    drawn = drawing.draw_sheet(faces, scale=2, predicted=faces.points)
    added = drawn[plain.shape[0] :]
    assert drawn.shape[1] == plain.shape[1]
    assert 10 < len(added) < 60
    for color in (LABEL, PREDICTION):
        assert (added == color).all(axis=2).sum() > 10
        assert not (plain[-6:] == color).all(axis=2).any()


def figure_of(table: dict[str, dict[str, float]], monkeypatch: pytest.MonkeyPatch) -> Any:
    saved: list[Any] = []
    monkeypatch.setattr(charts, "_save", lambda figure, path: saved.append(figure))
    charts.bars(table, Path("bars.png"), "RMSE (px)")
    return saved[0].axes[0]


def test_bars_have_an_axis_with_its_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    axes = figure_of({"drop": {"a": 3.0, "b": 2.0}, "mask": {"a": 1.0, "b": 1.5}}, monkeypatch)
    assert axes.get_xlabel() == "RMSE (px); lower is better"
    assert axes.get_xlim() == (0, 3.0 * 1.08)
    assert len(axes.get_xticks()) > 2
    texts = {text.get_text(): text.get_fontweight() for text in axes.texts}
    assert texts == {"3.00": "normal", "2.00": "normal", "1.00": "bold", "1.50": "normal"}


def test_a_bar_far_above_the_others_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    axes = figure_of({"drop": {"a": 100.0, "b": 2.0}, "mask": {"a": 2.0, "b": 2.0}}, monkeypatch)
    assert axes.get_xlim() == (0, 4 * 2.0 * 1.08)
    assert max(bar.get_width() for bar in axes.patches) == 8.0
    assert "100.00" in {text.get_text() for text in axes.texts}
    assert len(axes.lines) == 1  # the mark of the cut
