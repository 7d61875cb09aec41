"""The files that the page saves are those of Python, for texts and numbers of every kind."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from page_modules import run_modules

from facepoints._util.text_files import harmless_cell, original_cell
from facepoints.drawing.face_region import face_region
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import KNOWN_SETS
from facepoints.landmarks.mean_head import MEAN_HEAD
from facepoints.results.records import json_line
from facepoints.web.page_settings import page_settings

NAMES = [
    "a.jpg",
    "=cmd|' /C calc'!A0.png",
    "+1.png",
    "-",
    "@x",
    "'=x",
    "''y",
    "\tx",
    'quote"comma,.png',
    "line\nend\r.png",
    "späß 顔 🙂.png",
    "turned \u202e txt.exe",
    "\u2028 \x7f \x9b2J",
    "<b>bold</b>.png",
]


def test_cells_of_tables_are_harmless_and_read_back() -> None:
    rows = [[name, 1.5, None, -2] for name in NAMES]
    text = run_modules({"save/csv.js": "toCsv"}, "return toCsv(data);", rows)
    cells = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert [row[0] for row in cells] == [harmless_cell(name) for name in NAMES]
    assert [original_cell(row[0]) for row in cells] == NAMES
    assert {tuple(row[1:]) for row in cells} == {("1.5", "", "-2")}


def test_json_lines_control_no_terminal() -> None:
    records = [{"file": name, "error": name} for name in NAMES]
    text = run_modules({"save/records.js": "toJsonLines"}, "return toJsonLines(data);", records)
    lines = text.rstrip("\n").split("\n")
    assert [json.loads(line) for line in lines] == records
    for line, record in zip(lines, records, strict=True):
        assert set(line) - {" "} == set(json_line(record).strip()) - {" "}
        assert line.isprintable()


def test_names_of_saved_files_are_plain() -> None:
    names = {
        "trip/day 1/a.b.jpg": "a.b.csv",
        "C:\\x\\a.png": "a.csv",
        "a<b>|?.png": "a_b___.csv",
        ".hidden": ".hidden.csv",
        "": "faces.csv",
    }
    body = 'return data.map((name) => fileName(name, ".csv"));'
    assert run_modules({"save/download.js": "fileName"}, body, list(names)) == list(names.values())


def test_the_frame_rate_is_found_although_frames_were_dropped() -> None:
    """Containers keep times in milliseconds (WebM) or finer (MP4)."""
    rates = [12, 24, 25, 30000 / 1001, 30, 60]
    times = [
        [round(k / rate, digits) for k in range(int(rate)) if k % 5 != 3]
        for rate in rates
        for digits in (3, 6)
    ]
    found = run_modules({"app/video_source.js": "frameRate"}, "return data.map(frameRate);", times)
    np.testing.assert_allclose(found, np.repeat(rates, 2), rtol=2e-3)


def test_a_playing_frame_has_the_number_by_which_it_was_analyzed() -> None:
    """Videos of one rate, of a varying rate, with a late start, and with frames left out."""
    random = np.random.default_rng(2)
    times = [
        np.round(np.arange(90) / 30, 3),
        np.arange(90) / 29.97 + 0.08,
        np.cumsum(random.uniform(0.01, 0.09, 90)),
        np.delete(np.arange(90) / 30, [3, 4, 20, 50, 51, 52]),
    ]
    body = "return data.map((times) => times.map((time) => frameAt(time, 30)));"
    data = [each.tolist() for each in times]
    found = run_modules({"app/video_source.js": "frameAt"}, body, data)
    assert found[0] == list(range(90))
    for shown, numbers in zip(times, found, strict=True):
        analyzed = np.searchsorted(shown, (np.arange(numbers[-1] + 1) + 0.5) / 30, "right") - 1
        for frame in set(analyzed.tolist()) - {-1}:
            assert analyzed[numbers[frame]] == frame


def test_too_few_frames_tell_no_rate() -> None:
    body = "return frameRate(data);"
    assert run_modules({"app/video_source.js": "frameRate"}, body, [0, 0.04]) is None


def test_the_region_of_a_face_is_that_of_python() -> None:
    landmarks = KNOWN_SETS["ibug-68"]
    full = KNOWN_SETS["openpose-70"]
    random = np.random.default_rng(0)
    settings = page_settings()
    faces = []
    for scale, turn in ((40, 0.0), (150, 0.6), (400, -1.2)):
        spin = np.array(
            [[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]]
        )
        points = ((MEAN_HEAD @ spin.T)[:, :2] * scale + 300).astype(np.float32)
        points = np.concatenate([points, points[[37, 43]]])  # pupils
        assert landmarks.names == full.names[:68]
        radius = random.uniform(0.02, 0.08, 70).astype(np.float32) * np.float32(scale)
        visible = random.uniform(0, 1, 70).astype(np.float32)
        faces.append(Face((0, 0, 1, 1), 0.9, points, radius, full, visible=visible))
    data = {
        "faces": [
            {
                "points": f.points.tolist(),
                "radius": f.radius.tolist(),
                "visible": f.visible.tolist(),
            }  # type: ignore[union-attr]
            for f in faces
        ],
        "settings": settings,
    }
    body = "return data.faces.map((face) => faceRegion(face, data.settings));"
    regions = run_modules({"save/face_region.js": "faceRegion"}, body, data)
    for face, region in zip(faces, regions, strict=True):
        wanted = face_region(face)
        assert wanted is not None
        assert region["size"] == pytest.approx(wanted.size, rel=1e-5)
        np.testing.assert_allclose(region["center"], wanted.center, atol=1e-3 * wanted.size)
        np.testing.assert_allclose(region["polygon"], wanted.polygon(), atol=2e-3 * wanted.size)


def test_a_face_that_is_missed_for_a_moment_stays_hidden() -> None:
    def frame(number: int, *tracks: int) -> dict:
        faces = [{"track": track, "frame": number} for track in tracks]
        return {"frame": number, "time": number / 10, "faces": faces}

    frames = [frame(0, 1), frame(1, 1, 2), frame(2, 1), *(frame(k, 1) for k in range(3, 12))]
    body = "return [0, 2, 8].map((k) => facesToHide(data, k));"
    first, missed, later = run_modules({"save/hide.js": "facesToHide"}, body, frames)
    assert [(face["track"], face["frame"]) for face in first] == [(1, 0), (2, 1)]
    assert [(face["track"], face["frame"]) for face in missed] == [(1, 2), (2, 1)]
    assert [(face["track"], face["frame"]) for face in later] == [(1, 8)]
