"""facepoints predict on videos: tables, drawn videos, errors."""

from __future__ import annotations

import csv
import functools
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_line import exit_status
from numpy.typing import NDArray
from page_server import chromium
from skimage import data
from waiting import PATIENCE, wait_until

import facepoints
from facepoints._util.temporary import PREFIX
from facepoints.commands.video_drawing import drawn_path
from facepoints.errors import DataError, SettingsError
from facepoints.video.source import open_video
from facepoints.video.writer import VideoWriter

pytest.importorskip("av")

PHOTO = data.astronaut()
STEP = 2.0  # pixels per frame that the face goes to the right
FRAMES = 12


def scene(index: int) -> NDArray[np.uint8]:
    """`skimage.data.astronaut()` that moves through the image."""
    matrix = np.array([[0.6, 0, -20 + STEP * index], [0, 0.6, 0]])
    return np.asarray(cv2.warpAffine(PHOTO, matrix, (240, 200)), np.uint8)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    with VideoWriter(path, 30) as writer:
        for index in range(FRAMES):
            writer.add(scene(index), index / 30)
    return path


def test_a_clip_to_a_table_and_a_drawn_clip(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, drawn = tmp_path / "clip.csv", tmp_path / "clip-points.mp4"
    assert exit_status("predict", clip, "--out", out, "--draw", drawn, "--radius") == 0
    assert f"{FRAMES} frames: {FRAMES} faces, 1 track" in capsys.readouterr().err
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(r["frame"]) for r in rows] == list(range(FRAMES))
    times = [float(r["time"]) for r in rows]
    assert times == pytest.approx([i / 30 for i in range(FRAMES)], abs=0.002)
    assert {r["track"] for r in rows} == {"0"}
    noses = [float(r["nose_bridge_4_x"]) for r in rows]
    assert np.diff(noses) == pytest.approx(STEP, abs=0.35)
    frames = list(open_video(drawn))
    assert len(frames) == FRAMES
    assert [f.time for f in frames] == pytest.approx([i / 30 for i in range(FRAMES)], abs=0.002)
    changed = np.abs(frames[5].image.astype(int) - scene(5)).max(axis=2) > 60
    x, y = noses[5], float(rows[5]["nose_bridge_4_y"])
    down, across = np.nonzero(changed)
    assert changed.sum() > 100
    away = np.hypot(across - x, down - y)
    assert np.percentile(away, 99) < 60  # on the face and nowhere else, but for the coder's noise


def test_several_videos_are_processed_one_by_one(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out, drawn = tmp_path / "clips", tmp_path / "o.jsonl", tmp_path / "drawn"
    (folder / "sub").mkdir(parents=True)
    shutil.copy(clip, folder / "a.mp4")
    shutil.copy(clip, folder / "sub" / "a.mp4")
    (folder / "b.mp4").write_bytes(clip.read_bytes()[:200])
    (folder / "notes.txt").write_text("words")
    assert exit_status("predict", folder, "--out", out, "--draw", drawn) == 0
    message = " ".join(capsys.readouterr().err.split())
    assert "passed over: 1 other file (notes.txt)" in message
    assert f"{2 * FRAMES} frames: {2 * FRAMES} faces, 2 tracks, 3 videos, 1 video unread" in message
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    names = [os.path.relpath(line["file"], folder) for line in lines]
    assert names == ["a.mp4"] * FRAMES + ["b.mp4"] + ["sub/a.mp4"] * FRAMES
    assert [line.get("frame") for line in lines] == [*range(FRAMES), None, *range(FRAMES)]
    assert "cut off or damaged" in lines[FRAMES]["error"]
    assert sorted(str(p.relative_to(drawn)) for p in drawn.rglob("*.mp4")) == [
        "a.mp4",
        "sub/a.mp4",
    ]
    assert (
        exit_status("predict", folder, "--out", tmp_path / "p.jsonl", "--draw", tmp_path / "o.mp4")
        == 2
    )
    assert "videos are drawn to a folder" in " ".join(capsys.readouterr().err.split())


def test_videos_beside_images_are_passed_over_by_name(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(clip, tmp_path / "MOV_3.mp4")
    cv2.imwrite(str(tmp_path / "IMG_2.jpg"), np.full((50, 50, 3), 90, np.uint8))
    assert exit_status("predict", tmp_path) == 0
    captured = capsys.readouterr()
    assert "passed over: 1 video (MOV_3.mp4;" in " ".join(captured.err.split())
    assert [json.loads(line)["file"][-9:] for line in captured.out.splitlines()] == ["IMG_2.jpg"]


def test_only_black_frames_are_an_error_without_pyav(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with VideoWriter(tmp_path / "a.mp4", 30) as writer:
        for index in range(4):
            writer.add(np.zeros((48, 64, 3), np.uint8), index / 30)
    monkeypatch.setitem(sys.modules, "av", None)
    assert exit_status("predict", tmp_path / "a.mp4", "--out", tmp_path / "o.csv") == 2
    assert "pip install 'facepoints[video]'" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "o.csv").exists()


def test_lines_of_json_hold_the_time(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status("predict", clip, "--no-smooth", "--detect-every", "5") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["frame"] for line in lines] == list(range(FRAMES))
    assert [line["time"] for line in lines] == pytest.approx(
        [i / 30 for i in range(FRAMES)], abs=0.002
    )
    assert {line["file"] for line in lines} == {str(clip)}
    assert all(len(line["faces"][0]["points"]) == 70 for line in lines)


def test_numbered_images_are_a_video_on_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for index in (8, 9, 10, 11):
        cv2.imwrite(str(tmp_path / f"{index}.png"), scene(index)[..., ::-1])
    (tmp_path / "12.png").write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    assert (
        exit_status("predict", tmp_path, "--video", "--fps", "10", "--landmarks", "kaggle-15") == 0
    )
    captured = capsys.readouterr()
    lines = [json.loads(line) for line in captured.out.splitlines()]
    assert [Path(line["file"]).name for line in lines] == ["8.png", "9.png", "10.png", "11.png"]
    assert [line["faces"][0]["track"] for line in lines] == [0, 0, 0, 0]
    assert len(lines[0]["faces"][0]["points"]) == 15
    assert "1 frame lost" in captured.err


def test_a_video_without_faces_has_frames_and_no_more(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "wall.mp4", 30) as writer:
        for index in range(4):
            writer.add(np.full((1, 1, 3), 90, np.uint8), index / 30)
    assert (
        exit_status(
            "predict",
            tmp_path / "wall.mp4",
            "--out",
            tmp_path / "o.jsonl",
            "--draw",
            tmp_path / "d",
        )
        == 0
    )
    lines = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert [line["faces"] for line in lines] == [[]] * 4
    assert len(list(open_video(tmp_path / "d" / "wall.mp4"))) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "o.pts"], "holds one face"),
        (["--draw", "o.avi"], "drawn to an .mp4 file"),
        (["--detect-every", "0"], "detect-every must be 1"),
        (["--detector", "full-image", "--out", "{clip}.jsonl", "--draw", "{clip}"], "is an input"),
    ],
)
def test_impossible_requests_fail_before_the_work(
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert exit_status("predict", clip, *(a.format(clip=clip) for a in arguments)) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []


def test_without_pyav_the_table_is_still_written(
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    out = tmp_path / "o.csv"
    assert exit_status("predict", clip, "--out", out, "--draw", tmp_path / "o.mp4") == 2
    assert "facepoints[video]" in " ".join(capsys.readouterr().err.split())
    assert len(out.read_text().splitlines()) == FRAMES + 1
    assert os.listdir(tmp_path) == ["o.csv"]


def test_drawings_go_to_a_file_or_a_folder(tmp_path: Path) -> None:
    assert drawn_path(tmp_path, "a/clip.avi") == tmp_path / "clip.mp4"
    assert drawn_path(tmp_path / "new", "rtsp://host/live") == tmp_path / "new" / "live.mp4"
    assert drawn_path(tmp_path / "x.MP4", "clip.avi") == tmp_path / "x.MP4"
    with pytest.raises(SettingsError):
        drawn_path(tmp_path / "x.gif", "clip.avi")


def test_python_tracks_faces(clip: Path) -> None:
    model = facepoints.load(threads=1)
    tracks = [
        (frame.index, [face.track_id for face in faces]) for frame, faces in model.track(clip)
    ]
    assert tracks == [(index, [0]) for index in range(FRAMES)]
    with pytest.raises(DataError, match="no video at"):
        model.track("none.mp4")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_finishes_the_files(tmp_path: Path) -> None:
    frames = tmp_path / "frames"  # apart from the results, which are looked for again and again
    frames.mkdir()
    for index in range(20):
        cv2.imwrite(str(frames / f"{index}.bmp"), scene(index)[..., ::-1])
    many = 10_000  # more than any machine is through with before the first are written
    for index in range(20, many):
        os.link(frames / f"{index % 20}.bmp", frames / f"{index}.bmp")
    out, drawn = tmp_path / "o.jsonl", tmp_path / "o.mp4"
    command = [sys.executable, "-m", "facepoints", "predict", str(frames), "--video"]
    command += ["--out", str(out), "--draw", str(drawn), "--detect-every", "500"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_until(  # frames are being written
        lambda: any(p.stat().st_size > 2000 for p in tmp_path.glob(f"{PREFIX}*.mp4")), process
    )
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "stopped after" in message
    lines = out.read_text().splitlines()
    assert 0 < len(lines) < many
    assert len(list(open_video(drawn))) == len(lines)
    assert not list(tmp_path.glob(".o*"))


# In a browser


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """Address of a server that serves the folder of the test."""
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None: ...


PLAY = """async () => {
    const v = document.getElementById('v');
    const known = v.canPlayType('video/mp4; codecs="avc1.640028"') !== '';
    if (!known) return {known};
    const times = [];
    const ended = new Promise((yes, no) => {
        v.onended = yes;
        v.onerror = () => no(new Error(v.error.message));
        v.ontimeupdate = () => times.push(v.currentTime);
    });
    await v.play();
    await ended;
    times.push(v.currentTime);
    const [width, height] = [v.videoWidth, v.videoHeight];
    const brush = Object.assign(document.createElement('canvas'), {width, height}).getContext('2d');
    brush.drawImage(v, 0, 0);
    const pixels = Array.from(brush.getImageData(0, 0, width, height).data);
    const shown = v.getVideoPlaybackQuality().totalVideoFrames;
    return {known, width, height, length: v.duration, times, shown, pixels};
}"""


@pytest.mark.slow
def test_the_drawn_clip_plays_in_chromium(clip: Path, tmp_path: Path, site: str) -> None:
    drawn = tmp_path / "points.mp4"
    assert exit_status("predict", clip, "--draw", drawn) == 0
    (tmp_path / "page.html").write_text("<video id=v muted src=points.mp4></video>")
    with chromium() as browser:
        page = browser.new_page()
        page.goto(f"{site}/page.html")
        played = page.evaluate(PLAY)
    if not played["known"]:
        pytest.skip("this chromium was built without H.264")
    assert (played["width"], played["height"]) == (240, 200)
    assert played["length"] == pytest.approx(FRAMES / 30, abs=0.05)
    assert played["times"] == sorted(played["times"])
    assert played["times"][-1] == pytest.approx(played["length"], abs=0.01)
    assert played["shown"] > 0  # a busy machine drops frames
    # the last frame is on the screen, as it was drawn
    last = list(open_video(drawn))[-1].image.astype(float)
    pixels = np.array(played["pixels"], dtype=float).reshape(200, 240, 4)[..., :3]
    assert np.abs(pixels - last).mean() < 4
