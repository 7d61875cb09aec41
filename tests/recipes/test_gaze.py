"""The recipe for the place of the eyes' centers, on a photo of somebody who looks at the camera."""

from __future__ import annotations

from pathlib import Path

import gaze
import numpy as np
import pytest
from skimage import data

import facepoints
from facepoints.measurement import gaze_factors


@pytest.fixture(scope="module")
def photos() -> list[gaze.Photo]:
    photo = data.astronaut()
    model = facepoints.load()
    several = [photo, np.ascontiguousarray(photo[:, ::-1]), photo[20:, 20:]]
    return [(image, model(image)[0]) for image in several]


def test_the_offset_lets_people_look_at_the_camera(photos: list[gaze.Photo]) -> None:
    offset = gaze.fit_offset([photos])
    left = [sides - rows @ offset for rows, sides in (gaze.equations(*photo) for photo in photos)]
    before = [sides for _, sides in (gaze.equations(*photo) for photo in photos)]
    assert np.abs(left).mean() < 0.7 * np.abs(before).mean()
    assert np.abs(left).mean() < 1.5  # millimeters
    seen = gaze.looks(photos)
    assert len(seen) == 3
    assert all(one.looks_at_camera for one in seen)


def test_the_offset_is_written_to_the_package(tmp_path: Path) -> None:
    copy = tmp_path / "gaze_factors.py"
    before = Path(gaze_factors.__file__).read_text("utf-8")
    copy.write_text(before, "utf-8")
    gaze.install(gaze.source_of(np.array([0.25, -3.0, -1.5])), copy)
    known: dict[str, object] = {}
    exec(copy.read_text("utf-8"), known)
    assert known["OFFSET"] == (0.25, -3.0, -1.5)
    gaze.install(gaze.source_of(np.array(gaze_factors.OFFSET)), copy)
    assert copy.read_text("utf-8") == before
