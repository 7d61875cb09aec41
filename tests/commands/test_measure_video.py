"""facepoints measure and align on videos, with the built-in model.

The clips are made of one photo that blinks, yawns and turns its head (`recipes/acting.py`).
"""

from __future__ import annotations

import csv
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from acting import acted, closure, gaping, turned
from numpy.typing import NDArray
from skimage import data

import facepoints
from facepoints.cli.main import main
from facepoints.commands.align import align_inputs
from facepoints.commands.inputs import InputStream, iter_inputs
from facepoints.imaging.image_io import read_image
from facepoints.inference.alignment import crops
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.measurement import MeasuredPoints, measure_with_reasons

Image = NDArray[np.uint8]
PHOTO = np.ascontiguousarray(data.astronaut()[40:210, 130:300])
RATE = 15


@pytest.fixture(scope="module")
def points() -> NDArray[np.float32]:
    (face,) = facepoints.load(threads=1)(PHOTO)
    return face.as_landmarks(IBUG_68).points


def film(path: Path, seconds: float, frame: Callable[[float], Image]) -> Path:
    """A clip with a camera's noise, and a head that sways a little."""
    pytest.importorskip("av")
    from facepoints.video.writer import VideoWriter

    random = np.random.default_rng(0)
    with VideoWriter(path, RATE) as writer:
        for index in range(round(seconds * RATE)):
            time = index / RATE
            sway = cv2.getRotationMatrix2D((85, 85), 3 * np.sin(2 * time), 1)
            sway[:, 2] += 5 * np.sin(2.7 * time), 3 * np.sin(3.5 * time)
            moved = cv2.warpAffine(frame(time), sway, (170, 170), borderMode=cv2.BORDER_REPLICATE)
            noisy = moved + random.normal(0, 4, moved.shape)
            writer.add(np.clip(noisy, 0, 255).astype(np.uint8), time)
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def events_of(clip: Path) -> list[dict[str, str]]:
    out, events = clip.with_suffix(".csv"), clip.with_name("events.csv")
    main(["measure", str(clip), "--out", str(out), "--events", str(events)])
    assert {row["track"] for row in rows_of(out)} == {"0"}
    return rows_of(events)


def test_blinks_are_counted(
    tmp_path: Path, points: NDArray[np.float32], capsys: pytest.CaptureFixture[str]
) -> None:
    blinks = (0.7, 1.6, 2.5)
    clip = film(tmp_path / "a.mp4", 3.4, lambda t: acted(PHOTO, points, closure(t, blinks)))
    events = events_of(clip)
    assert [event["event"] for event in events] == ["blink"] * 3
    assert [float(e["start"]) for e in events] == pytest.approx([0.75, 1.65, 2.55], abs=0.08)
    assert all(0.1 <= float(e["seconds"]) <= 0.4 for e in events)
    rows = rows_of(tmp_path / "a.csv")
    assert [int(row["frame"]) for row in rows] == list(range(51))
    marked = [float(row["time"]) for row in rows if row["blink"] == "1"]
    assert all(any(b < time < b + 0.4 for b in blinks) for time in marked)
    assert "51 images or frames: 51 faces; 3 blinks" in capsys.readouterr().err


def test_eyes_that_stay_closed_are_one_event(tmp_path: Path, points: NDArray[np.float32]) -> None:
    shut = acted(PHOTO, points, closed=1)
    clip = film(tmp_path / "a.mp4", 3.4, lambda t: shut if 1 <= t < 1.8 else PHOTO)
    (event,) = events_of(clip)
    assert event["event"] == "eyes_closed"
    assert float(event["seconds"]) == pytest.approx(0.8, abs=0.3)  # 15 frames a second, smoothed


def test_a_yawn_is_counted_and_talking_is_not(tmp_path: Path, points: NDArray[np.float32]) -> None:
    def frame(time: float) -> Image:
        talks = 0.06 * (1 - np.cos(2 * np.pi * 4 * time)) if time > 3.8 else 0
        return acted(PHOTO, points, gape=0.6 * gaping(time, (0.1,)) + talks)

    events = events_of(film(tmp_path / "a.mp4", 4.8, frame))
    assert [event["event"] for event in events] == ["yawn"]
    assert float(events[0]["seconds"]) > 1.5


@pytest.mark.parametrize("does", ["is still", "shakes", "nods"])
def test_a_still_or_turning_head_has_no_events(
    does: str, tmp_path: Path, points: NDArray[np.float32]
) -> None:
    def frame(time: float) -> Image:
        wave = float(np.sin(2 * np.pi * time))
        yaw, pitch = {"is still": (0, 0), "shakes": (22, 0), "nods": (0, 12)}[does]
        return turned(PHOTO, points, yaw * wave, pitch * wave)

    assert events_of(film(tmp_path / "a.mp4", 2.4, frame)) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_finishes_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = 0

    def measure(face: Face) -> MeasuredPoints:
        nonlocal calls
        calls += 1
        if calls == 12:
            signal.raise_signal(signal.SIGINT)
        return measure_with_reasons(face)

    monkeypatch.setattr("facepoints.commands.measured_faces.measure_with_reasons", measure)
    clip = film(tmp_path / "a.mp4", 1.2, lambda t: PHOTO)
    out, events = tmp_path / "out.csv", tmp_path / "events.csv"
    with pytest.raises(SystemExit) as ended:
        main(["measure", str(clip), "--out", str(out), "--events", str(events)])
    assert ended.value.code == 130
    assert [int(row["frame"]) for row in rows_of(out)] == list(range(12))
    assert rows_of(events) == []
    assert "stopped after 12 images or frames: 12 faces" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "events.csv", "out.csv"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_align_after_the_current_image(tmp_path: Path) -> None:
    clip = film(tmp_path / "a.mp4", 0.8, lambda t: PHOTO)

    def interrupted():
        for number, result in enumerate(
            iter_inputs([str(clip)], lambda: facepoints.load(threads=1), predictions=False)
        ):
            if number == 5:
                signal.raise_signal(signal.SIGINT)
            yield result

    report = align_inputs(InputStream([], False, interrupted()), tmp_path / "out", size=64)
    assert report.stopped
    assert report.summary() == "stopped after 6 images or frames: 6 faces"
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [f"a-frame{n:06}-track0.png" for n in range(6)]
    assert all(read_image(tmp_path / "out" / name).shape == (64, 64, 3) for name in names)


class Camera:
    """A camera that shows the same photo until Ctrl-C."""

    def __init__(self, number: int) -> None:
        assert number == 0
        self.frames = 0

    def get(self, what: int) -> float:
        return 30.0 if what == cv2.CAP_PROP_FPS else 0.0

    def read(self) -> tuple[bool, Image]:
        self.frames += 1
        if self.frames == 8:
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.02)
        return True, PHOTO[..., ::-1]

    def isOpened(self) -> bool:
        return True

    def release(self) -> None: ...


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("command", ["predict", "measure", "align"])
def test_ctrl_c_ends_a_camera(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    monkeypatch.chdir(tmp_path)  # where no file is called 0
    out = tmp_path / ("upright" if command == "align" else "out.csv")
    main([command, "0", "--out", str(out)])  # returns, and raises no SystemExit
    message = capsys.readouterr().err
    assert "stopped after" in message
    assert f"results are in {out}" in message.replace("\n", "")
    assert list(out.iterdir()) if command == "align" else rows_of(out)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_on_a_file_gives_align_the_status_130(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, calls = film(tmp_path / "a.mp4", 0.8, lambda t: PHOTO), []

    def interrupted(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return crops(*arguments)

    monkeypatch.setattr("facepoints.commands.align.crops", interrupted)
    with pytest.raises(SystemExit) as ended:
        main(["align", str(clip), "--out", str(tmp_path / "out")])
    assert ended.value.code == 130
    assert "stopped after 3 images or frames: 3 faces" in capsys.readouterr().err
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_a_damaged_video_is_an_error_and_writes_no_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, out = film(tmp_path / "a.mp4", 0.4, lambda t: PHOTO), tmp_path / "out.csv"
    clip.write_bytes(clip.read_bytes()[:600])
    with pytest.raises(SystemExit) as ended:
        main(["measure", str(clip), "--out", str(out)])
    assert ended.value.code == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not out.exists()
