"""Animated images and TIFF files of many pages as videos."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from facepoints.errors import DataError
from facepoints.imaging.image_io import decode_image
from facepoints.video import animation
from facepoints.video.animation import AnimationSource, is_animation
from facepoints.video.source import find_inputs, open_video

Pillow = pytest.importorskip("PIL.Image")

LEVELS = [0, 60, 120, 180, 240]
DURATIONS = [100, 200, 300, 400, 500]  # milliseconds
TIMES = [0.0, 0.1, 0.3, 0.6, 1.0]


def make(path: Path, **settings: object) -> Path:
    frames = [Pillow.fromarray(np.full((40, 60, 3), v, np.uint8)) for v in LEVELS]
    more = {"save_all": True, "append_images": frames[1:], "duration": DURATIONS, **settings}
    if path.suffix == ".tif":
        more.pop("duration")
    try:
        frames[0].save(path, **more)
    except (KeyError, OSError):
        pytest.skip(f"this Pillow writes no {path.suffix}")
    return path


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".avif"])
def test_animations_give_all_frames_at_their_times(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not hasattr(cv2, "imreadanimation"):
        pytest.skip("needs a newer OpenCV")
    path = make(tmp_path / f"a{suffix}")
    assert is_animation(path)
    assert find_inputs([str(path)]).images == [str(path)]
    (video,) = find_inputs([str(path)], frames=True).videos
    for chunk in (2**27, 2 * 40 * 60 * 4):  # all at once, and two at a time
        monkeypatch.setattr(animation, "_CHUNK_BYTES", chunk)
        source = video.open()
        frames = list(source)
        assert [int(f.image[20, 30, 0]) for f in frames] == pytest.approx(LEVELS, abs=6)
        assert [f.time for f in frames] == pytest.approx(TIMES)
        assert (source.total, source.lost, source.note) == (5, 0, "")
    assert "animation of 5 frames, of which the first was read" in decode_image(path).note


def test_pages_of_a_tiff_are_frames(tmp_path: Path) -> None:
    path = make(tmp_path / "a.tif")
    frames = list(open_video(path, fps=10))
    assert [f.image[20, 30, 0] for f in frames] == LEVELS
    assert [f.time for f in frames] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_a_still_image_is_no_animation(tmp_path: Path) -> None:
    for suffix in (".gif", ".png", ".webp", ".tif", ".jpg"):
        Pillow.fromarray(np.zeros((40, 60, 3), np.uint8)).save(tmp_path / f"a{suffix}")
        assert not is_animation(tmp_path / f"a{suffix}")
    assert not is_animation(tmp_path / "none.gif")


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".tif"])
def test_a_truncated_animation_gives_the_frames_that_are_there(suffix: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (5, 40, 60, 3), dtype=np.uint8)
    frames = [Pillow.fromarray(image) for image in noise]
    path = tmp_path / f"a{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 7 // 10])
    source = open_video(path)
    images = [frame.image for frame in source]
    count = len(images)
    assert count in (3, 4)
    assert source.lost == source.total - count > 0
    assert f"breaks off after frame {count} of {source.total}" in source.note
    path.write_bytes(data)
    for image, whole in zip(images, open_video(path), strict=False):
        assert (image == whole.image).all()


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.99])
def test_the_first_frame_of_a_truncated_animation_is_read(
    suffix: str, share: float, tmp_path: Path
) -> None:
    path = make(tmp_path / f"a{suffix}")
    data, first = path.read_bytes(), decode_image(path).pixels
    path.write_bytes(data[: int(len(data) * share)])
    image = decode_image(path)
    assert (image.pixels == first).all()
    assert "cut off after frame" in image.note


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_an_animation_without_a_whole_frame_is_refused(suffix: str, tmp_path: Path) -> None:
    path = make(tmp_path / f"a{suffix}")
    path.write_bytes(path.read_bytes()[:60])
    for read in (decode_image, lambda path: list(AnimationSource(path))):
        with pytest.raises(DataError, match=r"could( not)? be decoded.* cut off"):
            read(path)


def test_transparent_frames_are_composited_on_white(tmp_path: Path) -> None:
    clear = Pillow.new("RGBA", (40, 30), (200, 0, 0, 0))
    clear.putpixel((0, 0), (200, 0, 0, 255))
    red = Pillow.new("RGBA", (40, 30), (200, 0, 0, 255))
    clear.save(tmp_path / "a.png", save_all=True, append_images=[red], duration=100)
    first, second = (frame.image for frame in AnimationSource(tmp_path / "a.png"))
    assert first[5, 5].tolist() == [255, 255, 255]
    assert second[5, 5].tolist() == [200, 0, 0]
