"""facepoints.draw: position, size and contrast of what it draws."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from waiting import PATIENCE

import facepoints
from facepoints.datasets import synthetic
from facepoints.drawing.video_frames import draw_video_faces
from facepoints.errors import DataError
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.landmark_set import LandmarkSet

ONE = LandmarkSet(("dot",), mirrorable=False)


def one_point(x: float, y: float, radius: float = 1.0, track: int | None = None) -> Face:
    points, radii = np.array([[x, y]], np.float32), np.array([radius], np.float32)
    return Face((x - 20, y - 20, 40, 40), 1.0, points, radii, ONE, track)


def a_face(size: float, left: float = 0.0, top: float = 0.0, track: int | None = None) -> Face:
    """68 points of a rendered face whose points fill a box of that width."""
    points = synthetic.render(1, seed=3).points[0].astype(np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    points = (points - low) * size / (high - low)[0] + (left, top)
    width, height = points.max(axis=0) - (left, top)
    radius = np.full(68, 0.03 * size, np.float32)
    box = (left, top, float(width), float(height))
    return Face(box, 1.0, points.astype(np.float32), radius, IBUG_68, track)


def change(image: np.ndarray, tone: int | np.ndarray) -> np.ndarray:
    """Difference (H, W) of each pixel from its old value."""
    before = np.broadcast_to(np.asarray(tone, np.uint8), image.shape).copy()
    return cv2.absdiff(image, before).max(axis=2).astype(int)


@settings(max_examples=40, deadline=None)
@given(x=st.floats(30, 50), y=st.floats(30, 40), tone=st.sampled_from([0, 128]))
def test_a_dot_lies_at_its_point_in_shares_of_pixels(x: float, y: float, tone: int) -> None:
    image = np.full((70, 80), tone, np.uint8)
    drawn = facepoints.draw(image, [one_point(x, y)], size=4)
    assert drawn.shape == (70, 80, 3)
    assert drawn.dtype == np.uint8
    weight = change(drawn, tone)
    down, across = np.mgrid[:70, :80]
    middle = np.array([(weight * across).sum(), (weight * down).sum()]) / weight.sum()
    np.testing.assert_allclose(middle, (x, y), atol=0.1)


@pytest.mark.parametrize("tone", [0, 60, 128, 190, 255])
def test_every_point_and_edge_shows_on_every_tone(tone: int) -> None:
    face = a_face(300, 50, 50)
    drawn = change(facepoints.draw(np.full((420, 400, 3), tone, np.uint8), [face]), tone)
    ends = face.points[np.array(IBUG_68.edge_columns)]
    for x, y in np.concatenate([face.points, ends.mean(axis=1)]):
        near = drawn[round(y) - 3 : round(y) + 4, round(x) - 3 : round(x) + 4]
        assert near.max() > 70


@pytest.mark.parametrize("size", [40, 60, 200, 1000, 2000])
def test_strokes_suit_the_size_of_the_face(size: int) -> None:
    face = a_face(size, 0.1 * size, 0.1 * size)
    side = round(1.4 * size)
    drawn = change(facepoints.draw(np.full((side, side, 3), 90, np.uint8), [face]), 90)
    share = (drawn > 25).mean()
    assert 0.015 < share < 0.16
    x, y = face.points[8]  # the chin, alone: how far its dot reaches, to both sides of the jaw
    column = drawn[:, round(x)]
    assert 1.5 < (column[round(y - 0.05 * size) : round(y + 0.05 * size)] > 25).sum() < size / 15


def test_every_kind_of_image_is_drawn_on_a_copy(tmp_path: Path) -> None:
    gray = np.random.default_rng(0).integers(0, 256, (90, 80), dtype=np.uint8)
    rgb, face = np.repeat(gray[..., None], 3, axis=2), a_face(50, 10, 10)
    opaque = np.dstack([rgb, np.full_like(gray, 255)])
    before = rgb.copy()
    drawn = facepoints.draw(rgb, [face])
    np.testing.assert_array_equal(rgb, before)
    assert change(drawn, rgb).max() > 100
    np.testing.assert_array_equal(facepoints.draw(gray, [face]), drawn)
    np.testing.assert_array_equal(facepoints.draw(opaque, [face]), drawn)
    np.testing.assert_array_equal(facepoints.draw(rgb[:, ::-1][:, ::-1], [face]), drawn)
    cv2.imwrite(str(tmp_path / "a.png"), gray)
    np.testing.assert_array_equal(facepoints.draw(tmp_path / "a.png", [face]), drawn)
    clear = np.dstack([rgb, np.zeros_like(gray)])
    clear[0, 0, 3] = 255
    assert (facepoints.draw(clear, [])[5:, 5:] == 255).all()


def test_without_faces_the_drawing_is_a_copy() -> None:
    image = np.arange(75, dtype=np.uint8).reshape(5, 5, 3)
    drawn = facepoints.draw(image, [])
    np.testing.assert_array_equal(drawn, image)
    assert not np.shares_memory(drawn, image)


def test_discs_reach_as_far_as_their_radius() -> None:
    image = np.full((200, 200, 3), 100, np.uint8)
    without = facepoints.draw(image, [one_point(100, 100, 30)])
    drawn = facepoints.draw(image, [one_point(100, 100, 30)], radius=True)
    painted = change(drawn, without) > 8
    down, across = np.mgrid[:200, :200]
    far = np.hypot(across - 100, down - 100)
    assert painted[(far > 8) & (far < 29.4)].all()
    assert not painted[far > 31.5].any()
    assert change(drawn, 100)[100, 112] > change(drawn, 100)[100, 125] > 8, "softer outwards"


def test_discs_side_by_side_are_one_layer() -> None:
    points = np.array([[95, 100], [105, 100]], np.float32)
    two = LandmarkSet(("a", "b"), mirrorable=False)
    face = Face((80, 80, 40, 40), 1.0, points, np.full(2, 30, np.float32), two)
    image = np.full((200, 200, 3), 100, np.uint8)
    both = change(facepoints.draw(image, [face], radius=True), 100)
    alone = change(facepoints.draw(image, [one_point(95, 100, 30)], radius=True), 100)
    assert both[112, 100] == pytest.approx(alone[112, 100], abs=2)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1e30, 1e9, 400.0, -400.0])
def test_points_that_are_not_finite_or_far_outside_are_not_drawn(bad: float) -> None:
    image = np.full((80, 80, 3), 100, np.uint8)
    face = a_face(50, 10, 10)
    face.points[20] = bad
    face.radius[30] = abs(bad)
    drawn = change(facepoints.draw(image, [face], radius=True, box=True), 100)
    assert drawn.max() > 50
    lost = Face(
        (bad, bad, abs(bad), 10), 1.0, np.full_like(face.points, bad), face.radius, IBUG_68, 3
    )
    facepoints.draw(image, [lost], radius=True, box=True)
    assert not change(facepoints.draw(image, [lost], labels=False), 100).any()


def test_tracks_have_colors_and_labels() -> None:
    image = np.full((300, 300, 3), 100, np.uint8)
    first, second = (facepoints.draw(image, [a_face(150, 70, 80, track)]) for track in (1, 2))
    assert change(first, second).max() > 50
    plain = facepoints.draw(image, [a_face(150, 70, 80, 1)], labels=False)
    tag = np.argwhere(change(first, plain) > 20)
    assert len(tag) > 80
    assert tag[:, 0].max() < 80, "above the face"
    red = [facepoints.draw(image, [a_face(150, 70, 80, t)], color=(255, 0, 0)) for t in (1, 2)]
    assert (change(*red) > 20).sum() < 80, "but for the number"


@pytest.mark.parametrize(("left", "top"), [(0, 0), (-30, -30), (150, 170)])
def test_a_label_stays_in_the_image(left: int, top: int) -> None:
    image = np.full((200, 200, 3), 100, np.uint8)
    labelled, plain = (
        facepoints.draw(image, [a_face(60, left, top, 1234)], labels=labels)
        for labels in (True, False)
    )
    inside = facepoints.draw(image, [a_face(60, 70, 70, 1234)])
    without = facepoints.draw(image, [a_face(60, 70, 70, 1234)], labels=False)
    whole = (change(inside, without) > 20).sum()
    assert (change(labelled, plain) > 20).sum() > 0.8 * whole


def test_a_box_is_drawn_on_request() -> None:
    image, face = np.full((200, 200, 3), 100, np.uint8), a_face(100, 50, 50)
    boxed, plain = (facepoints.draw(image, [face], box=box) for box in (True, False))
    assert (change(boxed, 100)[48:53, 50:150].max(axis=0) > 40).all()
    assert not change(boxed, plain)[60:80, 60:140].any()


@pytest.mark.parametrize(
    ("image", "extra", "words"),
    [
        (np.zeros((9, 9)), {}, "must be uint8"),
        (np.zeros((9, 9, 2), np.uint8), {}, r"\(9, 9, 2\)"),
        (np.zeros((0, 9, 3), np.uint8), {}, r"\(0, 9, 3\)"),
        (np.zeros((9, 9), np.uint8), {"size": 0}, "above 0"),
    ],
)
def test_inputs_that_cannot_be_drawn_on_are_an_error(
    image: np.ndarray, extra: dict, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        facepoints.draw(image, [], **extra)


def test_drawing_needs_the_core_install_only() -> None:
    code = """
import sys, numpy, facepoints
facepoints.draw(numpy.zeros((9, 9), numpy.uint8), [])
print(sorted({"torch", "matplotlib", "PIL"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert done.stdout.strip() == "[]"


def ring_of(drawn: np.ndarray, x: float, y: float, reach: float) -> tuple[float, float]:
    """Mean change at a point, and the largest mean change at one distance from it."""
    down, across = np.mgrid[: drawn.shape[0], : drawn.shape[1]]
    far = np.round(np.hypot(across - x, down - y)).astype(int)
    return float(drawn[far == 0].mean()), max(
        float(drawn[far == r].mean()) for r in range(1, round(reach))
    )


@pytest.mark.parametrize("tone", [0, 128, 255])
def test_a_hidden_point_is_a_ring_and_a_visible_one_a_dot(tone: int) -> None:
    image = np.full((80, 80, 3), tone, np.uint8)
    for visible, hollow in ((0.0, True), (0.49, True), (0.5, False), (1.0, False)):
        face = replace(one_point(40, 40), visible=np.full(1, visible, np.float32))
        drawn = change(facepoints.draw(image, [face], size=8), tone)
        center, ring = ring_of(drawn, 40, 40, 12)
        assert ring > 40
        assert (center < 5) == hollow
        if not hollow:
            plain = facepoints.draw(image, [one_point(40, 40)], size=8)
            np.testing.assert_array_equal(change(plain, tone), drawn)


@pytest.mark.parametrize("size", [40, 300])
def test_edges_of_hidden_points_are_pale(size: int) -> None:
    image, face = np.full((3 * size // 2,) * 2 + (3,), 128, np.uint8), a_face(size, 10, 10)
    hidden = np.isin(IBUG_68.names, IBUG_68.names[:17])  # the jaw
    half = replace(face, visible=np.where(hidden, 0, 1).astype(np.float32))
    before, after = (change(facepoints.draw(image, [each]), 128) for each in (face, half))
    middle = face.points[:17][:-1] / 2 + face.points[1:17] / 2
    columns, rows = np.rint(middle).astype(int).T
    assert after[rows, columns].mean() < 0.7 * before[rows, columns].mean()
    assert after[rows, columns].mean() > 5
    mouth = face.points[48:68]
    low, high = mouth.min(axis=0).astype(int), mouth.max(axis=0).astype(int)
    area = np.s_[low[1] : high[1], low[0] : high[0]]
    np.testing.assert_array_equal(after[area], before[area])
    for draw in (facepoints.draw, draw_video_faces):
        drawn = change(draw(image, [half], radius=True, hidden=False), 128)
        assert drawn[rows[3:-3], columns[3:-3]].max() == 0
        assert drawn[area].max() > 20


def test_radii_are_drawn_for_hidden_points_too() -> None:
    image = np.full((200, 200, 3), 100, np.uint8)
    face = replace(one_point(100, 100, 30), visible=np.zeros(1, np.float32))
    drawn = change(facepoints.draw(image, [face], radius=True), 100)
    assert drawn[100, 125] > 8
    plain = change(facepoints.draw(image, [one_point(100, 100, 30)], radius=True), 100)
    np.testing.assert_array_equal(drawn[:, 115:], plain[:, 115:])


def test_videos_show_hidden_points_as_rings_with_dark_edges() -> None:
    image, face = np.full((900, 900, 3), 128, np.uint8), a_face(700, 80, 80)
    seen = replace(face, visible=np.ones(68, np.float32))
    hidden = replace(face, visible=np.zeros(68, np.float32))
    plain, same, rings = (draw_video_faces(image, [each]) for each in (face, seen, hidden))
    np.testing.assert_array_equal(plain, same)
    assert rings.astype(int).sum(axis=2).max() < plain.astype(int).sum(axis=2).max()
    changed = [(change(each, 128) > 20).sum() for each in (plain, rings)]
    assert changed[1] < 0.85 * changed[0]
    assert change(rings, 128).max() > 60


def test_points_without_edges_are_drawn_into_videos() -> None:
    image = np.full((64, 64, 3), 90, dtype=np.uint8)
    landmarks = LandmarkSet(("0", "1"), mirrorable=False)
    points, radius = np.array([[10, 10], [50, 50]], np.float32), np.ones(2, np.float32)
    face = Face((10, 10, 40, 40), 1.0, points, radius, landmarks, track_id=0)
    for drawn in (draw_video_faces(image, [face]), draw_video_faces(image, [face], radius=True)):
        assert (drawn[[10, 50], [10, 50]] != 90).any(axis=1).all()
        assert (drawn[30, 30] == 90).all()
