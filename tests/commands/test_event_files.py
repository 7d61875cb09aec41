"""Events of people in videos as a table, as subtitles and as tiers of ELAN."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from facepoints.cli.main import main
from facepoints.commands.event_files import TrackEvent, check_events, write_events
from facepoints.errors import SettingsError
from facepoints.imaging import affine
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.mean_face import MEAN_FACE
from facepoints.measurement.events import Event, Kind
from facepoints.results.records import record


def event(track: int, kind: Kind, start: float, seconds: float, file: str) -> TrackEvent:
    made = Event(kind, 0, 1, start, seconds, 0.1)
    return TrackEvent(file, track, round(30 * start), round(30 * (start + seconds)), made)


@pytest.fixture
def events(tmp_path: Path) -> list[TrackEvent]:
    clip = str(tmp_path / "media" / "clip & more.mov")
    return [
        event(0, "blink", 1.2, 0.2, clip),
        event(1, "yawn", 0.5, 4.0, clip),
        event(0, "blink", 3661.25, 0.1004, clip),
    ]


def test_subtitles(events: list[TrackEvent], tmp_path: Path) -> None:
    write_events(tmp_path / "o.vtt", events)
    assert (tmp_path / "o.vtt").read_text("utf-8") == (
        "WEBVTT\n\n"
        "1\n00:00:00.500 --> 00:00:04.500\n<v track 1>yawn\n\n"
        "2\n00:00:01.200 --> 00:00:01.400\n<v track 0>blink\n\n"
        "3\n01:01:01.250 --> 01:01:01.350\n<v track 0>blink\n\n"
    )


def test_tiers_of_elan(events: list[TrackEvent], tmp_path: Path) -> None:
    write_events(tmp_path / "o.eaf", events)
    root = ElementTree.parse(tmp_path / "o.eaf").getroot()
    assert root.tag == "ANNOTATION_DOCUMENT"
    assert {"AUTHOR", "DATE", "FORMAT", "VERSION"} <= set(root.attrib)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", root.get("DATE", ""))
    assert [part.tag for part in root] == [
        *("HEADER", "TIME_ORDER", "TIER", "TIER", "LINGUISTIC_TYPE"),
    ]  # the order of the schema
    header = root[0]
    assert header.get("TIME_UNITS") == "milliseconds"
    media = header.find("MEDIA_DESCRIPTOR")
    assert media is not None
    assert media.get("RELATIVE_MEDIA_URL") == "media/clip & more.mov"
    assert media.get("MEDIA_URL", "").startswith("file:///")
    assert media.get("MIME_TYPE") == "video/quicktime"
    slots = {s.get("TIME_SLOT_ID"): int(s.get("TIME_VALUE", "")) for s in root[1]}
    assert list(slots.values()) == sorted(slots.values())
    found = {}
    for tier in root.iter("TIER"):
        assert tier.get("LINGUISTIC_TYPE_REF") == root[-1].get("LINGUISTIC_TYPE_ID")
        found[tier.get("TIER_ID")] = [
            (slots[a.get("TIME_SLOT_REF1")], slots[a.get("TIME_SLOT_REF2")], a[0].text)
            for a in tier.iter("ALIGNABLE_ANNOTATION")
        ]
    assert found == {
        "blink@track 0": [(1200, 1400, "blink"), (3661250, 3661350, "blink")],
        "yawn@track 1": [(500, 4500, "yawn")],
    }
    numbers = [a.get("ANNOTATION_ID") for a in root.iter("ALIGNABLE_ANNOTATION")]
    assert len(set(numbers)) == 3


def test_no_event_gives_files_without_one(tmp_path: Path) -> None:
    for name in ("o.vtt", "o.eaf", "o.csv"):
        write_events(tmp_path / name, [])
    assert (tmp_path / "o.vtt").read_text() == "WEBVTT\n\n"
    root = ElementTree.parse(tmp_path / "o.eaf").getroot()
    assert [part.tag for part in root] == ["HEADER", "TIME_ORDER", "LINGUISTIC_TYPE"]


def test_subtitles_and_tiers_belong_to_one_video(events: list[TrackEvent], tmp_path: Path) -> None:
    more = [*events, event(0, "blink", 1, 0.1, "other.mp4")]
    for name in ("o.vtt", "o.eaf"):
        with pytest.raises(SettingsError, match="one video, there are 2"):
            write_events(tmp_path / name, more)
        assert not (tmp_path / name).exists()
    write_events(tmp_path / "o.csv", more)
    assert len((tmp_path / "o.csv").read_text().splitlines()) == 5
    with pytest.raises(SettingsError, match=r"\.csv, \.vtt, \.eaf, got o\.srt"):
        check_events(Path("o.srt"))


def blinking(file: str) -> str:
    """JSON lines of a face that shuts its eyes for 0.2 seconds at 4 and at 7 seconds. `file` names
    each frame, with its number in place of {}."""
    lids = IBUG_68.columns(tuple(n for n in IBUG_68.names if "eye_upper" in n or "eye_lower" in n))
    lines = []
    for index in range(150):
        time = index / 15
        points = MEAN_FACE.astype(np.float64) * 200 + 320
        shut = max(0.0, 1 - min(abs(time - 4.1), abs(time - 7.1)) / 0.1)
        for eye in (lids[:4], lids[4:]):
            middle = points[eye, 1].mean()
            points[eye, 1] = middle + (points[eye, 1] - middle) * (1 - 0.8 * shut)
        noisy = points + np.random.default_rng(index).normal(0, 0.1, points.shape)
        box = affine.bounding_box(noisy)
        face = Face(box, 1.0, noisy.astype(np.float32), np.full(68, 1, np.float32), IBUG_68, 0)
        name = file.format(index)
        lines.append(json.dumps(record(name, (640, 640), [face], index, time=time)) + "\n")
    return "".join(lines)


@pytest.mark.parametrize("file", ["clip.mp4", "frames/{}.jpg"])
def test_the_blinks_of_a_video_from_the_command_line(file: str, tmp_path: Path) -> None:
    """Also of a video whose frames have a file each."""
    (tmp_path / "faces.jsonl").write_text(blinking(file))
    words = ["measure", str(tmp_path / "faces.jsonl"), "--out", str(tmp_path / "o.csv")]
    main([*words, "--events", str(tmp_path / "o.vtt")])
    cues = re.findall(r"(\d\d:\d\d:\d\d\.\d{3}) --> .*\n(.*)", (tmp_path / "o.vtt").read_text())
    assert [text for _, text in cues] == ["<v track 0>blink"] * 2
    starts = [float(clock.rpartition(":")[2]) for clock, _ in cues]
    assert starts == pytest.approx([4.05, 7.05], abs=0.06)
    main([*words, "--events", str(tmp_path / "o.eaf"), "--overwrite"])
    text = (tmp_path / "o.eaf").read_text()
    assert text.count("<ANNOTATION>") == 2
    assert ("clip.mp4" in text, "MEDIA_DESCRIPTOR" in text) == (file == "clip.mp4",) * 2
    with pytest.raises(SystemExit):
        main([*words, "--events", str(tmp_path / "o.srt")])


def test_lines_of_two_videos_write_nothing_where_one_fits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "faces.jsonl").write_text(blinking("a.mp4") + blinking("b.mp4"))
    words = ["measure", str(tmp_path / "faces.jsonl"), "--out", str(tmp_path / "o.csv")]
    with pytest.raises(SystemExit):
        main([*words, "--events", str(tmp_path / "o.vtt")])
    assert "there are 2" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["faces.jsonl"]
