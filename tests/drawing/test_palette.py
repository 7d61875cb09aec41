"""A track has one color everywhere, and edges are drawn between points that are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from facepoints.drawing import TRACK_COLORS, draw
from facepoints.drawing.palette import edges, track_color
from facepoints.drawing.video_frames import draw_video_faces
from facepoints.inference.face import Face
from facepoints.landmarks.landmark_set import LandmarkSet

THREE = LandmarkSet(("a", "b", "c"), edges=(("a", "b"), ("b", "c")), mirrorable=False)


def test_edges_need_both_of_their_ends() -> None:
    assert edges(THREE) == [(0, 1), (1, 2)]
    assert edges(THREE, np.array([True, True, False])) == [(0, 1)]


def test_colors_come_in_turn_and_no_track_has_the_first() -> None:
    assert [track_color(n) for n in range(len(TRACK_COLORS))] == list(TRACK_COLORS)
    assert track_color(None) == track_color(len(TRACK_COLORS)) == TRACK_COLORS[0]


@pytest.mark.parametrize("track_id", [None, 0, 3, 12])
def test_a_track_has_the_same_color_in_a_photo_and_in_a_video(track_id: int | None) -> None:
    points = np.array([[100, 150], [200, 150], [300, 150]], np.float32)
    face = Face((50, 50, 300, 300), 0.9, points, np.ones(3, np.float32), THREE, track_id)
    image = np.zeros((400, 400, 3), np.uint8)
    color = np.array(track_color(track_id), dtype=float)
    for drawn in (draw(image, [face], labels=False), draw_video_faces(image, [face])):
        on_edge = drawn[150, 130:170].astype(float)
        brightest = on_edge[on_edge.sum(axis=1).argmax()]
        np.testing.assert_allclose(brightest / brightest.max(), color / color.max(), atol=0.02)
