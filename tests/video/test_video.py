"""Video sources of every kind, intact and damaged, and the video writer."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from waiting import PATIENCE

from facepoints._util.prefetch import prefetch
from facepoints.errors import DataError, MissingExtraError, SettingsError, WriteError
from facepoints.video import opencv_source
from facepoints.video.image_sequence import ImageSequence
from facepoints.video.opencv_source import OpenCVSource
from facepoints.video.probe import is_video
from facepoints.video.pyav_source import PyAVSource
from facepoints.video.source import find_inputs, open_video
from facepoints.video.writer import VideoWriter

av = pytest.importorskip("av")

RED, GREEN = (200, 30, 30), (30, 200, 30)


def make_image(index: int, height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """A frame whose brightness encodes its number, 10 gray values apart; red on the left."""
    image = np.full((height, width, 3), 10 * index + 20, np.uint8)
    image[:, : width // 4] = RED
    return image


def number_of(image: NDArray[np.uint8]) -> int:
    """The number of a frame made by `make_image`, after lossy encoding."""
    return round((float(image[:, image.shape[1] // 2 :].mean()) - 20) / 10)


def make(path: Path, times: list[float], codec: str = "libx264", fmt: str = "yuv420p") -> Path:
    """A video with frames at these times, every one a key frame."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10, options={"g": "1", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, fmt
        stream.codec_context.time_base = Fraction(1, 1000)
        for index, when in enumerate(times):
            frame = av.VideoFrame.from_ndarray(make_image(index), format="rgb24")
            frame.pts, frame.time_base = round(when * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


STEADY = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]


def test_frames_are_in_order_with_their_times(tmp_path: Path) -> None:
    times = [0.0, 0.1, 0.35, 0.4, 0.9, 1.0]  # at no steady rate
    source = open_video(make(tmp_path / "clip.mp4", times))
    frames = list(source)
    assert [number_of(f.image) for f in frames] == [0, 1, 2, 3, 4, 5]
    assert [f.index for f in frames] == [0, 1, 2, 3, 4, 5]
    assert [f.time for f in frames] == pytest.approx(times, abs=0.002)
    assert frames[0].image.shape == (48, 64, 3)
    assert frames[0].image[20, 5] == pytest.approx(RED, abs=12)  # RGB, not BGR
    assert (source.lost, source.note, source.live) == (0, "", False)


def test_a_rotated_video_is_read_upright(tmp_path: Path) -> None:
    data = bytearray(make(tmp_path / "clip.mp4", STEADY).read_bytes())
    unturned = b"".join(n.to_bytes(4, "big") for n in (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30))
    quarter = b"".join(
        n.to_bytes(4, "big", signed=True) for n in (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    )
    place = data.rfind(unturned)  # of the track; that of the whole film comes before
    data[place : place + len(quarter)] = quarter
    (tmp_path / "turned.mp4").write_bytes(data)
    frame = next(iter(open_video(tmp_path / "turned.mp4")))
    assert frame.image.shape == (64, 48, 3)
    assert frame.image[5, 24] == pytest.approx(RED, abs=12)  # the left edge became the top


def test_damaged_frames_are_skipped_and_counted(tmp_path: Path) -> None:
    path = make(tmp_path / "clip.avi", STEADY, "mjpeg", "yuvj420p")
    data = bytearray(path.read_bytes())
    starts = [i for i in range(len(data)) if data[i : i + 3] == b"\xff\xd8\xff"]
    data[starts[3] : starts[4]] = bytes(starts[4] - starts[3])
    path.write_bytes(data)
    source = open_video(path)
    numbers = [number_of(f.image) for f in source]
    assert numbers[:3] == [0, 1, 2]
    assert 3 not in numbers
    assert numbers[-1] == 5
    assert source.lost >= 1


def test_a_truncated_video_yields_the_frames_it_has(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with VideoWriter(path, 10) as writer:  # with the index in front
        random = np.random.default_rng(0)
        for index in range(12):
            writer.add(random.integers(0, 255, (96, 128, 3), dtype=np.uint8), index / 10)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    source = open_video(path)
    frames = list(source)
    assert 0 < len(frames) < 12
    assert source.lost == 12 - len(frames)


@pytest.mark.parametrize(
    "name", ["empty.mp4", "head.mp4", "sound.mp4", "text.mp4", "none.mp4", "."]
)
def test_a_file_that_is_not_a_video_raises_data_error(tmp_path: Path, name: str) -> None:
    make(tmp_path / "whole.mp4", STEADY)
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "head.mp4").write_bytes((tmp_path / "whole.mp4").read_bytes()[:200])
    (tmp_path / "text.mp4").write_text("no video at all, just words")
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.int16), "s16", "mono")
        sound.rate = 44100
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    for open_file in (OpenCVSource.of_file, PyAVSource):
        with pytest.raises(DataError, match=r"empty|video|no image in the folder|images"):
            open_file(tmp_path / name)


def test_videos_and_images_are_recognized_by_content(tmp_path: Path) -> None:
    make(tmp_path / "clip.mp4", STEADY)
    for container in ("avi", "mkv", "webm", "ts", "flv", "mov"):
        codec = {"webm": "libvpx", "avi": "mjpeg"}.get(container, "libx264")
        fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        path = make(tmp_path / f"clip.{container}", STEADY, codec, fmt)
        path.rename(tmp_path / "clip.jpg")
        assert is_video(tmp_path / "clip.jpg"), container
    for suffix in (".png", ".jpg", ".webp"):
        cv2.imwrite(str(tmp_path / f"a{suffix}"), make_image(3))
        assert not is_video(tmp_path / f"a{suffix}")
    assert not is_video(tmp_path / "none.mp4")


def test_inputs_are_images_or_videos(tmp_path: Path) -> None:
    clip, image = str(make(tmp_path / "clip.mp4", STEADY)), str(tmp_path / "a.png")
    cv2.imwrite(image, make_image(3))
    (tmp_path / "notes.txt").write_text("words")
    assert find_inputs([image]).images == [image]
    folder = find_inputs([str(tmp_path)])
    assert folder.images == [image]
    assert folder.videos == []
    assert "passed over: 1 video (clip.mp4;" in folder.passed_over
    assert "1 other file (notes.txt)" in folder.passed_over
    (video,) = find_inputs([clip]).videos
    assert isinstance(video.open(), PyAVSource)
    (sequence,) = find_inputs([str(tmp_path)], frames=True).videos
    assert isinstance(sequence.open(), ImageSequence)
    for inputs in ([clip, image], [image, clip]):
        with pytest.raises(SettingsError, match=r"clip\.mp4 came with 1 image; run"):
            find_inputs(inputs)
    with pytest.raises(SettingsError, match="one camera or stream at a time: 0 came with 1 other"):
        find_inputs(["0", clip])


def test_several_videos_and_folders_of_videos(tmp_path: Path) -> None:
    make(tmp_path / "b.mp4", STEADY)
    (tmp_path / "sub").mkdir()
    make(tmp_path / "sub/a.mkv", STEADY)
    (tmp_path / "notes.txt").write_text("words")
    (tmp_path / "sub" / "again").symlink_to(tmp_path)
    found = find_inputs([str(tmp_path)])
    assert [os.path.relpath(v.name, tmp_path) for v in found.videos] == ["b.mp4", "sub/a.mkv"]
    left = "notes.txt, again: a link to a folder"
    assert found.passed_over == f"passed over: 2 other files ({left})"
    listed = [str(tmp_path / "sub/a.mkv"), str(tmp_path / "b.mp4"), str(tmp_path)]
    names = [os.path.relpath(video.name, tmp_path) for video in find_inputs(listed).videos]
    assert names == ["sub/a.mkv", "b.mp4"]
    pattern = find_inputs([f"{tmp_path}/*.mp4"])
    assert [os.path.basename(video.name) for video in pattern.videos] == ["b.mp4"]


def test_a_folder_without_images_or_videos_says_what_it_holds(tmp_path: Path) -> None:
    for name in ("a.txt", "b.pdf", "c.doc", "d.xls"):
        (tmp_path / name).write_text("words")
    with pytest.raises(DataError, match=r"no image in the folder .*, only 4 other files \(a.txt, "):
        find_inputs([str(tmp_path)])


def test_numbered_images_are_ordered_by_their_numbers(tmp_path: Path) -> None:
    for index in (0, 2, 9, 10, 11):
        cv2.imwrite(str(tmp_path / f"frame{index}.png"), make_image(index)[..., ::-1])
    (tmp_path / "frame9.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    source = open_video(tmp_path, fps=5)
    frames = list(source)
    assert [number_of(f.image) for f in frames] == [0, 2, 10, 11]
    assert [f.index for f in frames] == [0, 1, 3, 4]
    assert [f.time for f in frames] == pytest.approx([0.0, 0.2, 0.6, 0.8])
    assert source.lost == 1
    with pytest.raises(SettingsError, match="frame rate"):
        open_video(tmp_path, fps=0)
    with pytest.raises(SettingsError, match="frame rate"):  # also where it would not count
        find_inputs([str(tmp_path)], fps=-1)


def test_a_missing_camera_or_stream_raises_data_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opencv_source, "_STREAM_TIMEOUT", 300)
    with pytest.raises(DataError, match="camera 99 does not respond"):
        open_video("99")
    with pytest.raises(DataError, match="OpenCV could not open the stream"):
        open_video("rtsp://127.0.0.1:9/none")


class Unplugged:
    """A camera that is unplugged after some frames."""

    def __init__(self, frames: int) -> None:
        self.frames = frames

    def get(self, what: int) -> float:
        return 0.0

    def read(self) -> tuple[bool, NDArray | None]:
        self.frames -= 1
        return (True, make_image(1)) if self.frames >= 0 else (False, None)

    def isOpened(self) -> bool:
        return True

    def release(self) -> None: ...


def test_unplugging_a_camera_ends_the_video(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opencv_source, "_LIVE_TIMEOUT", 0.05)
    source = OpenCVSource("camera 0", Unplugged(3), live=True, stamped=False)  # type: ignore[arg-type]
    frames = list(source)
    times = [f.time for f in frames]
    assert len(frames) == 3
    assert times == sorted(set(times))
    assert source.note == "camera 0 sent no more frames"
    with pytest.raises(DataError, match="no frame"):
        list(OpenCVSource("camera 0", Unplugged(0), live=True, stamped=False))  # type: ignore[arg-type]


def test_prefetched_items_keep_their_order_and_errors_come_last() -> None:
    def items() -> Iterator[int]:
        yield from range(20)
        raise DataError("that was all")

    fetched = prefetch(items(), 3)
    assert [next(fetched) for _ in range(20)] == list(range(20))
    with pytest.raises(DataError, match="that was all"):
        next(fetched)


def test_a_slow_consumer_of_a_camera_gets_the_newest_frames() -> None:
    taken, all_made = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        yield 0
        assert taken.wait(PATIENCE)
        yield from range(1, 200)
        all_made.set()

    frames = prefetch(items(), 2, newest=True)
    assert next(frames) == 0
    taken.set()
    assert all_made.wait(PATIENCE)
    assert list(frames) == [198, 199]


# Writing


def test_a_written_video_has_the_format_that_browsers_play(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.5, 0.54, 1.2]
    with VideoWriter(tmp_path / "out.mp4", 25) as writer:
        for index, when in enumerate(times):
            writer.add(make_image(index, 47, 63), when)  # odd sides
    data = (tmp_path / "out.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # a browser starts before it has all
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert (stream.width, stream.height) == (64, 48)
        frames = list(container.decode(stream))
    assert [float(f.pts * f.time_base) for f in frames] == pytest.approx(times, abs=0.001)
    assert [number_of(f.to_ndarray(format="rgb24")) for f in frames] == [0, 1, 2, 3, 4]


def test_frames_of_another_size_are_fitted_into_the_first(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4", 25) as writer:
        writer.add(np.full((60, 80, 3), 90, np.uint8), 0)
        writer.add(np.full((60, 20, 3), GREEN, np.uint8), 0.1)  # narrow: black at its sides
    first, second = (f.image for f in open_video(tmp_path / "out.mp4"))
    assert first.shape == second.shape == (60, 80, 3)
    assert second[30, 40] == pytest.approx(GREEN, abs=15)
    assert second[30, 5].max() < 25


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (17, 3)])
def test_tiny_frames_can_be_written(tmp_path: Path, size: tuple[int, int]) -> None:
    with VideoWriter(tmp_path / "out.mp4", 25) as writer:
        writer.add(np.full((*size, 3), 90, np.uint8), 0)
        writer.add(np.full((*size, 3), 90, np.uint8), 0)  # at the same time: one tick later
    assert len(list(open_video(tmp_path / "out.mp4"))) == 2


def write_and_raise(path: Path, error: BaseException) -> None:
    with VideoWriter(path, 25) as writer:
        writer.add(make_image(0), 0)
        writer.add(make_image(1), 0.04)
        raise error


def test_an_error_leaves_the_previous_file(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_bytes(b"what was there")
    with pytest.raises(RuntimeError):
        write_and_raise(tmp_path / "out.mp4", RuntimeError())
    assert (tmp_path / "out.mp4").read_bytes() == b"what was there"
    assert os.listdir(tmp_path) == ["out.mp4"]


def test_ctrl_c_keeps_the_frames_written_so_far(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_and_raise(tmp_path / "out.mp4", KeyboardInterrupt())
    assert [number_of(f.image) for f in open_video(tmp_path / "out.mp4")] == [0, 1]


def test_a_video_without_frames_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no frame to write"), VideoWriter(tmp_path / "o.mp4", 25):
        pass
    assert os.listdir(tmp_path) == []


def test_without_pyav_the_error_names_the_extra_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"facepoints\[video\]"):
        VideoWriter(tmp_path / "out.mp4", 25)


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process")
def test_a_full_disk_leaves_no_file(tmp_path: Path) -> None:
    code = """
import resource, signal, sys
import numpy as np
from pathlib import Path
from facepoints.errors import WriteError
from facepoints.video.writer import VideoWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
random = np.random.default_rng(0)
try:
    with VideoWriter(Path(sys.argv[1]), 25) as writer:
        for index in range(40):
            writer.add(random.integers(0, 255, (120, 160, 3), dtype=np.uint8), index / 25)
except WriteError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "out.mp4")],
        capture_output=True, text=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert "could not write" in done.stdout
    assert os.listdir(tmp_path) == []


def test_a_path_that_cannot_be_written_fails_before_the_first_frame(tmp_path: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    with (
        pytest.raises(WriteError, match="it is a folder"),
        VideoWriter(tmp_path / "folder.mp4", 25),
    ):
        raise AssertionError


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="needs /dev/fd")
def test_a_pipe_is_not_read_by_the_probe() -> None:
    reading, writing = os.pipe()
    try:
        os.write(writing, b"\x00\x00\x00\x18ftypisom and more")
        assert not is_video(f"/dev/fd/{reading}")
        assert os.read(reading, 100).endswith(b"more")
    finally:
        os.close(reading)
        os.close(writing)
