"""Recordings as the Live Link Face app writes them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepoints.errors import DataError
from facepoints.results.livelink import (
    ANGLES,
    SHAPES,
    LiveLinkFrame,
    read_livelink,
    timecode,
    write_livelink,
)

HEADER = (
    "Timecode,BlendShapeCount,EyeBlinkLeft,EyeLookDownLeft,EyeLookInLeft,EyeLookOutLeft,"
    "EyeLookUpLeft,EyeSquintLeft,EyeWideLeft,EyeBlinkRight,EyeLookDownRight,EyeLookInRight,"
    "EyeLookOutRight,EyeLookUpRight,EyeSquintRight,EyeWideRight,JawForward,JawRight,JawLeft,JawOpen,"
    "MouthClose,MouthFunnel,MouthPucker,MouthRight,MouthLeft,MouthSmileLeft,MouthSmileRight,"
    "MouthFrownLeft,MouthFrownRight,MouthDimpleLeft,MouthDimpleRight,MouthStretchLeft,"
    "MouthStretchRight,MouthRollLower,MouthRollUpper,MouthShrugLower,MouthShrugUpper,MouthPressLeft,"
    "MouthPressRight,MouthLowerDownLeft,MouthLowerDownRight,MouthUpperUpLeft,MouthUpperUpRight,"
    "BrowDownLeft,BrowDownRight,BrowInnerUp,BrowOuterUpLeft,BrowOuterUpRight,CheekPuff,"
    "CheekSquintLeft,CheekSquintRight,NoseSneerLeft,NoseSneerRight,TongueOut,HeadYaw,HeadPitch,"
    "HeadRoll,LeftEyeYaw,LeftEyePitch,LeftEyeRoll,RightEyeYaw,RightEyePitch,RightEyeRoll"
)
"""First line of the app's files."""


def as_unreal_reads(path: Path) -> list[float]:
    """Times of the rows by the rules of Unreal Engine's importer."""
    lines = path.read_text().splitlines()
    rows = [[cell for cell in line.split(",") if cell] for line in lines]  # it skips empty cells
    assert rows[0][:2] == ["Timecode", "BlendShapeCount"]
    assert all(len(row) == len(rows[0]) for row in rows)
    codes = [[float(part) for part in row[0].split(":")] for row in rows[1:]]
    rate = 60 if any(code[3] > 30 for code in codes) else 30
    return [code[0] * 3600 + code[1] * 60 + code[2] + code[3] / rate for code in codes]


def test_the_columns_are_those_of_the_app(tmp_path: Path) -> None:
    out = tmp_path / "take.csv"
    write_livelink(out, [LiveLinkFrame(0.0, {"JawOpen": 0.25, "HeadYaw": -0.1})])
    first, row = out.read_text().splitlines()
    assert first == HEADER
    cells = dict(zip(first.split(","), row.split(","), strict=True))
    assert cells["Timecode"] == "00:00:00:00.000"
    assert cells["BlendShapeCount"] == "61"
    assert (cells["JawOpen"], cells["HeadYaw"]) == ("0.2500000000", "-0.1000000000")
    assert cells["TongueOut"] == "0.0000000000"
    assert len(SHAPES) == 52
    assert len(ANGLES) == 9


@pytest.mark.parametrize("rate", [10, 24, 25, 29.97, 30, 50, 60, 120])
@pytest.mark.parametrize("seconds", [0.3, 2.5])
def test_importers_get_the_times_of_videos_of_any_rate(
    rate: float, seconds: float, tmp_path: Path
) -> None:
    times = [frame / rate for frame in range(int(seconds * rate))]
    out = tmp_path / "take.csv"
    write_livelink(out, [LiveLinkFrame(time) for time in times])
    assert as_unreal_reads(out) == pytest.approx(times, abs=1e-4)
    assert [frame.time for frame in read_livelink(out)] == pytest.approx(times, abs=1e-4)


def test_timecodes_carry_into_minutes_and_hours() -> None:
    assert timecode(3725.5, 60) == "01:02:05:30.000"
    assert timecode(0.9999999, 30) == "00:00:01:00.000"
    assert timecode(59.96, 25 + 5) == "00:00:59:28.800"


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.dictionaries(st.sampled_from([*SHAPES, *ANGLES]), st.floats(-1, 1), max_size=5),
        min_size=1,
        max_size=4,
    )
)
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, values: list) -> None:
    out = tmp_path_factory.mktemp("take") / "a.csv"
    write_livelink(out, [LiveLinkFrame(n / 30, one) for n, one in enumerate(values)])
    for frame, one in zip(read_livelink(out), values, strict=True):
        for name in (*SHAPES, *ANGLES):
            assert frame.values[name] == pytest.approx(one.get(name, 0.0), abs=1e-9)


def test_rows_of_the_app_without_a_face_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "app.csv"
    full = ",".join(["0.5"] * 61)
    path.write_text(
        f"{HEADER}\n13:13:04:31.652,61,{full}\n13:13:04:33.651,0\n13:13:05:35.0,61,{full}"
    )
    frames = read_livelink(path)
    assert [frame.time for frame in frames] == pytest.approx([0, 1 + 3.348 / 60], abs=1e-3)
    assert frames[0].values["NoseSneerRight"] == 0.5


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no recording"),
        ("file,frame\n", "no recording"),
        (f"{HEADER}\n0:0:0:0,61,1\n", "line 2: expected 63 cells, got 3"),
        (f"{HEADER}\n0.5,61,{','.join(['0'] * 61)}\n", "hours:minutes:seconds:frames"),
        (f"{HEADER}\n0:0:0:0,x,1\n", "line 2"),
        (f"{HEADER}\n0:0:0:0,61,{','.join(['nan'] * 61)}\n", "not finite"),
    ],
)
def test_what_is_no_recording_is_refused(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=told):
        read_livelink(path)


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "a.csv"
    with pytest.raises(DataError, match="no frame"):
        write_livelink(out, [])
    with pytest.raises(DataError, match="no column Grin"):
        write_livelink(out, [LiveLinkFrame(0, {"Grin": 1})])
    with pytest.raises(DataError, match="NaN"):
        write_livelink(out, [LiveLinkFrame(0, {"JawOpen": float("nan")})])
    assert not out.exists()
