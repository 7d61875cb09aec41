"""Video files as players show them: deinterlaced, square pixels, upright, at their own times."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.video.frame import count_gaps
from facepoints.video.opencv_source import OpenCVSource
from facepoints.video.probe import is_video
from facepoints.video.pyav_source import PyAVSource
from facepoints.video.sound import SoundCopy
from facepoints.video.source import open_video
from facepoints.video.writer import VideoWriter

av = pytest.importorskip("av")


def make_image(index: int, height: int, width: int) -> NDArray[np.uint8]:
    """A frame whose brightness encodes its number; red on the left, green on the top."""
    image = np.full((height, width, 3), 10 * index + 20, np.uint8)
    image[:, : width // 4] = (200, 30, 30)
    image[: height // 4] = (30, 200, 30)
    return image


def number_of(image: NDArray[np.uint8]) -> int:
    height, width = image.shape[:2]
    return round((float(image[height // 2 :, width // 2 :].mean()) - 20) / 10)


def make(
    path: Path,
    codec: str = "libx264",
    fmt: str = "yuv420p",
    *,
    size: tuple[int, int] = (64, 48),
    times: list[float] | None = None,
    aspect: Fraction | None = None,
    turn: int | None = None,
    container: str | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """A video of 12 frames, 25 a second, or of frames at these times."""
    width, height = size
    try:
        with av.open(str(path), "w", format=container) as output:
            stream: Any = output.add_stream(codec, rate=25, options=options or {})
            stream.width, stream.height, stream.pix_fmt = width, height, fmt
            if times:
                stream.codec_context.time_base = Fraction(1, 1000)
            if aspect:
                stream.codec_context.sample_aspect_ratio = aspect
            if turn is not None:
                stream.set_display_rotation(turn)
            for index, when in enumerate(times or [n / 25 for n in range(12)]):
                image = make_image(index, height, width)
                frame: Any = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=fmt)
                clock = Fraction(1, 1000) if times else Fraction(1, 25)
                frame.pts, frame.time_base = round(when / clock), clock
                output.mux(stream.encode(frame))
            output.mux(stream.encode())
    except (ValueError, AttributeError) as error:  # an encoder that this PyAV lacks
        pytest.skip(f"cannot make {path.name}: {error}")
    return path


def test_interlaced_video_is_deinterlaced(tmp_path: Path) -> None:
    options = {"x264-params": "tff=1", "g": "1", "bf": "0"}
    path = make(tmp_path / "a.mp4", options=options)
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).interlaced_frame
    source = open_video(path)
    assert isinstance(source, PyAVSource)
    frames = list(source)
    assert [number_of(frame.image) for frame in frames] == list(range(12))
    assert [frame.time for frame in frames] == pytest.approx([n / 25 for n in range(12)])


def test_only_black_frames_of_opencv_are_an_error(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "black.mp4", 25) as writer:
        for index in range(5):
            writer.add(np.zeros((48, 64, 3), np.uint8), index / 25)
    with pytest.raises(DataError, match=r"every frame .* is black .* pip install 'facepoints\[vid"):
        list(OpenCVSource.of_file(tmp_path / "black.mp4"))
    assert len(list(PyAVSource(tmp_path / "black.mp4"))) == 5


def test_opencv_reads_videos_without_pyav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path / "a.mp4")
    monkeypatch.setitem(sys.modules, "av", None)
    source = open_video(path)
    assert isinstance(source, OpenCVSource)
    assert [number_of(frame.image) for frame in source] == list(range(12))


@pytest.mark.parametrize(
    ("aspect", "width"),
    [(Fraction(64, 45), 91), (Fraction(1, 2), 32), (Fraction(1), 64), (Fraction(200), 64)],
)
def test_pixels_become_square(aspect: Fraction, width: int, tmp_path: Path) -> None:
    source = PyAVSource(make(tmp_path / "a.mp4", aspect=aspect))
    frames = list(source)
    assert {frame.image.shape for frame in frames} == {(48, width, 3)}
    red = frames[3].image[40, : round(width * 0.2)]
    assert np.abs(red.astype(int) - (200, 30, 30)).max() < 20
    assert number_of(frames[3].image) == 3


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_turned_video_is_upright_as_with_opencv(turn: int, tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", turn=turn)
    ours, theirs = (next(iter(s)) for s in (PyAVSource(path), OpenCVSource.of_file(path)))
    assert ours.image.shape == ((48, 64, 3) if turn % 180 == 0 else (64, 48, 3))
    assert np.abs(ours.image.astype(int) - theirs.image).mean() < 1


def test_times_of_a_variable_rate_are_those_of_the_file(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.08, 0.5, 1.0, 1.5, 1.54]
    frames = list(PyAVSource(make(tmp_path / "a.mp4", times=times)))
    assert [frame.time for frame in frames] == pytest.approx(times, abs=0.001)


@pytest.mark.parametrize(
    ("name", "codec", "fmt", "more"),
    [
        ("a.avi", "mpeg4", "yuv420p", {"options": {"bf": "2", "qmin": "1", "qmax": "1"}}),
        ("b.avi", "mjpeg", "yuvj420p", {}),
        ("c.mov", "prores_ks", "yuv422p10le", {}),
        ("d.dv", "dvvideo", "yuv420p", {"size": (720, 576)}),
        ("e.mpg", "mpeg2video", "yuv420p", {}),
        ("f.m2ts", "libx264", "yuv420p", {"container": "mpegts"}),
        ("g.webm", "libvpx-vp9", "yuv420p", {}),
        ("h.mkv", "ffv1", "gray", {}),
        ("i.mkv", "libx264", "yuv420p10le", {}),
        ("j.h264", "libx264", "yuv420p", {"container": "h264"}),
        ("k.y4m", "rawvideo", "yuv420p", {"container": "yuv4mpegpipe"}),
        ("l.mov", "qtrle", "rgb24", {}),
        ("m.mkv", "ffv1", "yuv420p", {"size": (63, 47)}),
        ("n.wmv", "wmv2", "yuv420p", {}),
    ],
)
def test_every_kind_of_file_gives_its_frames(
    name: str, codec: str, fmt: str, more: dict[str, Any], tmp_path: Path
) -> None:
    path = make(tmp_path / name, codec, fmt, **more)
    assert is_video(path)
    source = PyAVSource(path)
    frames = list(source)
    assert [number_of(frame.image) for frame in frames] == list(range(12))
    assert [frame.time for frame in frames] == pytest.approx([n / 25 for n in range(12)], abs=2e-3)
    assert (source.lost, source.note) == (0, "")


def test_a_file_that_breaks_off_says_so(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    with VideoWriter(tmp_path / "a.mp4", 25) as writer:
        for index in range(30):
            writer.add(random.integers(0, 255, (48, 64, 3), dtype=np.uint8), index / 25)
    data = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) * 6 // 10])
    for source in (PyAVSource(tmp_path / "cut.mp4"), OpenCVSource.of_file(tmp_path / "cut.mp4")):
        frames = list(source)
        assert 5 < len(frames) < 30
        assert source.lost == 30 - len(frames)
        assert "breaks off" in source.note


def test_a_playlist_opens_no_address(tmp_path: Path) -> None:
    (tmp_path / "a.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n")
    with pytest.raises(DataError, match="not a video of a known format"):
        open_video(tmp_path / "a.m3u8")


def test_gaps_are_counted_at_a_steady_rate_only() -> None:
    assert count_gaps([0.0, 0.1, 0.2, 0.3]) == 0
    assert count_gaps([0.0, 0.1, 0.2, 0.5, 0.6]) == 2
    assert count_gaps([0.0, 0.1, 0.2, 3000.0, 3000.1]) == 0
    assert count_gaps([0.0, 0.3, 0.4, 1.1, 1.3]) == 0
    assert count_gaps([0.0]) == 0


# Sound


def add_sound(path: Path, codec: str, layout: str, delay: int) -> None:
    """A video that turns bright, and a tone that begins, both one second after the start of the
    file's clock. The first image comes after `delay` frames."""
    with av.open(str(path), "w") as output:
        video: Any = output.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio: Any = output.add_stream(codec, rate=48000, layout=layout)
        for index in range(delay, 50):
            image = np.full((48, 64, 3), 200 if index >= 25 else 20, np.uint8)
            frame: Any = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            output.mux(video.encode(frame))
        output.mux(video.encode())
        when = np.arange(96000) / 48000
        tone = (np.sin(2 * np.pi * 440 * when) * 10000 * (when >= 1)).astype(np.int16)
        sound: Any = av.AudioFrame.from_ndarray(tone[None], format="s16", layout="mono")
        sound.rate, sound.pts = 48000, 0
        fifo = av.AudioFifo()
        fifo.write(av.AudioResampler(audio.format, layout, 48000).resample(sound)[0])
        while (part := fifo.read(audio.codec_context.frame_size or 1024)) is not None:
            output.mux(audio.encode(part))
        output.mux(audio.encode())


def first_loud(path: Path) -> float:
    """Seconds at which the tone begins."""
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            samples = np.abs(frame.to_ndarray().astype(float)).max(axis=0)
            loud = np.flatnonzero(samples > 0.05)
            if len(loud):
                return float(frame.time + loud[0] / frame.sample_rate)
    raise AssertionError("no sound")


@pytest.mark.parametrize(
    ("name", "codec", "layout", "delay"),
    [
        ("a.mp4", "aac", "stereo", 0),  # copied
        ("b.mov", "pcm_s16le", "mono", 0),  # encoded
        ("c.mkv", "ac3", "5.1", 0),
        ("d.ts", "mp2", "stereo", 0),
        ("e.mp4", "aac", "mono", 10),
    ],
)
def test_a_drawn_video_keeps_its_sound_in_step(
    name: str, codec: str, layout: str, delay: int, tmp_path: Path
) -> None:
    path, out = tmp_path / name, tmp_path / "out.mp4"
    add_sound(path, codec, layout, delay)
    source = PyAVSource(path)
    with VideoWriter(out, source.fps, lambda: SoundCopy(path, source.start)) as writer:
        for frame in source:
            writer.add(frame.image, frame.time)
    assert writer.note == ""
    written = list(PyAVSource(out))
    bright = next(frame.time for frame in written if frame.image.mean() > 100)
    assert bright == pytest.approx(1 - delay / 25, abs=0.01)
    assert first_loud(out) == pytest.approx(bright, abs=0.03)
    with av.open(str(out)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"


def test_damaged_sound_does_not_lose_the_images(tmp_path: Path) -> None:
    path, out = tmp_path / "a.mp4", tmp_path / "out.mp4"
    path.write_bytes(b"no video")
    with VideoWriter(out, 25, lambda: SoundCopy(path, 0.0)) as writer:
        for index in range(5):
            writer.add(make_image(index, 48, 64), index / 25)
    assert "sound was left out" in writer.note
    assert len(list(PyAVSource(out))) == 5
