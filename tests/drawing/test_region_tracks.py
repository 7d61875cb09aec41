"""Faces of a recorded video that are covered where they were not seen."""

from __future__ import annotations

import numpy as np
import pytest

from facepoints.drawing.face_region import DIRECTIONS, FaceRegion
from facepoints.drawing.region_tracks import FillConfig, SeenFace, TrackedRegion, fill_tracks
from facepoints.errors import SettingsError

TIMES: list[float] = (np.arange(40) / 20).tolist()  # two seconds
SPEED = 60.0  # pixels per second, to the right


def seen(*frames: int, track_id: int = 0, speed: float = SPEED) -> list[list[SeenFace]]:
    """A face of 40 pixels at x = 100 + speed * time that is seen in some frames."""
    faces: list[list[SeenFace]] = [[] for _ in TIMES]
    for number in frames:
        center = np.array([100 + speed * TIMES[number], 80.0])
        region = FaceRegion(center, np.full(DIRECTIONS, 25.0), 40.0)
        faces[number].append(SeenFace(track_id, region, 0.9))
    return faces


def regions_by_frame(frames: list[list[TrackedRegion]]) -> dict[int, TrackedRegion]:
    assert all(len(frame) <= 1 for frame in frames)
    return {number: frame[0] for number, frame in enumerate(frames) if frame}


def test_a_gap_of_a_track_is_covered_where_the_face_went() -> None:
    filled = regions_by_frame(fill_tracks(TIMES, seen(*range(12), *range(20, 40))))
    assert set(filled) == set(range(40))
    assert [n for n, one in filled.items() if one.score is None] == list(range(12, 20))
    for number, one in filled.items():
        assert one.region.center[0] == pytest.approx(100 + SPEED * TIMES[number], abs=1e-6)
    grown = [filled[n].region.reach[0] for n in range(12, 20)]
    assert grown[0] == pytest.approx(25 + 0.6 * 40 * 0.05)
    assert max(grown) == grown[3] == pytest.approx(25 + 0.6 * 40 * 0.2)


def test_a_face_is_covered_before_it_was_seen_first_and_after_it_was_seen_last() -> None:
    filled = regions_by_frame(fill_tracks(TIMES, seen(*range(20, 25))))
    assert set(filled) == set(range(10, 35))
    for number, one in filled.items():
        assert one.region.center[0] == pytest.approx(100 + SPEED * TIMES[number], abs=1e-6)
        assert (one.score is None) == (not 20 <= number < 25)
    assert filled[10].region.reach[0] == pytest.approx(25 + 0.6 * 40 * 0.5)
    long = fill_tracks(TIMES, seen(20), FillConfig(hold_seconds=1.0, most_growth=0.1))
    assert sum(map(len, long)) == 40
    assert long[0][0].region.reach[0] == pytest.approx(25 + 0.1 * 40)
    assert long[0][0].region.center[0] == pytest.approx(160)  # one frame tells no speed


def test_a_wild_speed_is_limited() -> None:
    filled = regions_by_frame(fill_tracks(TIMES, seen(20, 21, speed=5000.0)))
    step = filled[19].region.center[0] - filled[18].region.center[0]
    assert step == pytest.approx(3.0 * 40 / 20)


def test_tracks_do_not_disturb_each_other() -> None:
    one, two = seen(*range(5)), seen(*range(3, 9), track_id=7)
    both = fill_tracks(TIMES, [a + b for a, b in zip(one, two, strict=True)])
    for track_id, alone in ((0, one), (7, two)):
        expected = fill_tracks(TIMES, alone)
        for frame, wanted in zip(both, expected, strict=True):
            mine = [face for face in frame if face.track_id == track_id]
            assert len(mine) == len(wanted)
            for a, b in zip(mine, wanted, strict=True):
                np.testing.assert_allclose(a.region.polygon(), b.region.polygon())


def test_no_face_and_no_frame() -> None:
    assert fill_tracks(TIMES, seen()) == [[] for _ in TIMES]
    assert fill_tracks([], []) == []
    with pytest.raises(SettingsError, match="hold_seconds"):
        FillConfig(hold_seconds=-1)
