"""Image files of every kind are read as RGB; damage becomes one line."""

from __future__ import annotations

import io
import os
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from facepoints.errors import DataError, DataWarning
from facepoints.imaging import decoding
from facepoints.imaging.image_header import kind_of, read_header
from facepoints.imaging.image_io import read_image
from facepoints.imaging.input_paths import find_images, relative_to_common

RGB = np.zeros((24, 40, 3), dtype=np.uint8)
RGB[:12, :20] = (200, 30, 60)  # the subject's corners differ, so that a wrong rotation shows
RGB[12:, :20] = (20, 180, 90)
RGB[:, 20:] = (40, 60, 220)
RGB[:, 30:] = (250, 240, 230)
GRAY = np.asarray(cv2.cvtColor(RGB, cv2.COLOR_RGB2GRAY))


def encode(suffix: str, image: NDArray) -> bytes:
    """Bytes of a file; `image` RGB, RGBA or gray."""
    if image.ndim == 3:
        order = [2, 1, 0, 3] if image.shape[2] == 4 else [2, 1, 0]
        image = np.ascontiguousarray(image[..., order])
    quality = [cv2.IMWRITE_JPEG_QUALITY, 100] if suffix == ".jpg" else []
    done, data = cv2.imencode(suffix, image, quality)
    assert done
    return data.tobytes()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def exif(orientation: int) -> bytes:
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", 1) + entry + b"\0\0\0\0"


def turned(kind: str, orientation: int, image: NDArray) -> bytes:
    """A file with an EXIF rotation."""
    data = encode(kind, image)
    if kind == ".jpg":
        body = b"Exif\0\0" + exif(orientation)
        return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]
    return data[:33] + chunk(b"eXIf", exif(orientation)) + data[33:]


TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: np.swapaxes(a, 0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.swapaxes(a, 0, 1)[::-1, ::-1],
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("suffix", [".png", ".webp", ".bmp", ".tif", ".ppm"])
def test_lossless_kinds_are_read_exactly(suffix: str) -> None:
    quality = [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == ".webp" else []
    data = cv2.imencode(suffix, RGB[..., ::-1], quality)[1].tobytes()
    image = read_image(data)
    assert image.dtype == np.uint8
    assert (image == RGB).all()
    header = read_header(data)
    assert header is not None
    assert (header.width, header.height, header.alpha) == (40, 24, False)


@pytest.mark.parametrize(("suffix", "loss"), [(".jpg", 2), (".gif", 25)])  # GIF dithers
def test_lossy_kinds_are_read_closely(suffix: str, loss: float) -> None:
    big = np.kron(RGB, np.ones((8, 8, 1), dtype=np.uint8))
    data = encode(suffix, big)
    assert np.abs(read_image(data).astype(int) - big).mean() < loss
    header = read_header(data)
    assert header is not None
    assert (header.width, header.height) == (320, 192)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".pgm"])
def test_gray_becomes_rgb(suffix: str) -> None:
    assert (read_image(encode(suffix, GRAY)) == GRAY[..., None]).all()


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("image", [RGB, GRAY], ids=["color", "gray"])
def test_sixteen_bits_become_eight(suffix: str, image: NDArray) -> None:
    decoded = read_image(encode(suffix, image.astype(np.uint16) * 257))
    assert (decoded == (image if image.ndim == 3 else image[..., None])).all()


@pytest.mark.parametrize("suffix", [".png", ".webp", ".bmp", ".tif"])
@pytest.mark.parametrize("bits", [8, 16])
def test_transparent_pixels_are_composited_on_white(suffix: str, bits: int) -> None:
    if bits == 16 and suffix in (".webp", ".bmp"):
        pytest.skip("8 bits only")
    alpha = np.full(RGB.shape[:2], 255, dtype=np.uint8)
    alpha[:, 20:30], alpha[:, 30:] = 0, 51
    image = np.dstack([RGB, alpha])
    stored = image if bits == 8 else image.astype(np.uint16) * 257
    expected = np.rint(RGB * (alpha[..., None] / 255) + 255 - alpha[..., None])
    composited = read_image(encode(suffix, stored))
    loss = 3 if suffix == ".webp" else 1
    visible = alpha > 0  # WebP keeps no color of transparent pixels
    assert np.abs(composited.astype(float) - expected)[visible].max() <= loss
    assert (composited[~visible] == 255).all()


def test_a_palette_with_a_transparent_color() -> None:
    rows = b"".join(b"\0" + bytes(x % 2 for x in range(6)) for _ in range(4))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 6, 4, 8, 3, 0, 0, 0))
    data += chunk(b"PLTE", bytes([255, 0, 0, 0, 0, 255])) + chunk(b"tRNS", bytes([0, 255]))
    data += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    assert read_image(data)[0, :2].tolist() == [[255, 255, 255], [0, 0, 255]]


def test_gray_with_transparency() -> None:
    rows = b"".join(b"\0" + bytes([100, 255, 100, 0]) for _ in range(3))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 3, 8, 4, 0, 0, 0))
    data += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    assert read_image(data)[0].tolist() == [[100, 100, 100], [255, 255, 255]]


def test_an_unused_alpha_channel_is_ignored() -> None:
    empty = np.dstack([RGB, np.zeros(RGB.shape[:2], dtype=np.uint8)])
    assert (read_image(encode(".bmp", empty)) == RGB).all()


@pytest.mark.parametrize("orientation", TURNS)
def test_exif_rotation_is_applied(orientation: int) -> None:
    expected = TURNS[orientation](RGB)
    assert (read_image(turned(".png", orientation, RGB)) == expected).all()
    jpeg = read_image(turned(".jpg", orientation, RGB))
    assert jpeg.shape == expected.shape
    assert np.abs(jpeg.astype(int) - expected).mean() < 8
    alpha = np.full(RGB.shape[:2], 255, dtype=np.uint8)
    alpha[:6, :6] = 0  # rotates with the colors
    composited = read_image(turned(".png", orientation, np.dstack([RGB, alpha])))
    assert (composited == np.where(TURNS[orientation](alpha)[..., None] > 0, expected, 255)).all()


def test_an_animation_gives_its_first_frame() -> None:
    frames = cv2.Animation()
    frames.frames = [np.full((8, 8, 4), v, dtype=np.uint8) for v in (255, 128)]
    frames.durations = [50, 50]
    done, data = cv2.imencodeanimation(".webp", frames)
    assert done
    with pytest.warns(DataWarning, match="animation of 2 frames, of which the first was read"):
        assert (read_image(data.tobytes()) == 255).all()


def test_one_pixel_is_an_image() -> None:
    assert read_image(encode(".png", RGB[:1, :1])).tolist() == [[[200, 30, 60]]]


def claims(kind: str, side: int) -> bytes:
    """A small file whose head claims side x side pixels."""
    data = encode(kind, RGB)
    if kind == ".png":
        head = data[12:16] + struct.pack(">II", side, side) + data[24:29]
        return data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:]
    if kind == ".jpg":
        at = data.index(b"\xff\xc0") + 5
        return data[:at] + struct.pack(">HH", side, side) + data[at + 4 :]
    at, size = {".bmp": (18, "<ii"), ".gif": (6, "<HH")}[kind]
    return data[:at] + struct.pack(size, side, side) + data[at + struct.calcsize(size) :]


@pytest.mark.parametrize("kind", [".png", ".jpg", ".bmp", ".gif"])
def test_a_huge_claim_is_refused_before_it_is_decoded(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "cv2", SimpleNamespace())  # no decoder is there to call
    with pytest.raises(DataError, match=r"claims 60000 x 60000 pixels, at most 268 million"):
        read_image(claims(kind, 60000))


@pytest.mark.parametrize("kind", [".jpg", ".png", ".webp", ".bmp", ".tif"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9, 0.99])
def test_a_truncated_file_raises_one_line(
    kind: str, share: float, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    whole = encode(kind, noise)
    path = tmp_path / f"cut{kind}"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(DataError) as message:
        read_image(path)
    assert str(path) in str(message.value)
    assert "damaged, cut off" in str(message.value)
    assert "\n" not in str(message.value)
    assert "OpenCV(" not in capfd.readouterr().err


def test_a_file_that_is_not_an_image_raises_one_line(tmp_path: Path) -> None:
    for name, data, message in (
        ("empty.jpg", b"", "is empty"),
        ("text.png", b"These are words, whatever the name says.", "not an image of a known kind"),
        ("page.jpg", b"<!DOCTYPE html><html></html>", "not an image of a known kind"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match=message):
            read_image(tmp_path / name)
        with pytest.raises(DataError, match=message):
            read_image(data)
    with pytest.raises(DataError, match="no image at"):
        read_image(tmp_path / "nowhere.jpg")
    with pytest.raises(DataError, match="is a folder"):
        read_image(tmp_path)
    with pytest.raises(DataError, match="could not read"):
        read_image("a\0b.jpg")


def test_the_format_is_recognized_by_content(tmp_path: Path) -> None:
    (tmp_path / "photo.txt").write_bytes(encode(".png", RGB))
    assert (read_image(tmp_path / "photo.txt") == RGB).all()


def test_an_image_is_read_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(encode(".png", RGB))))
    assert (read_image("-") == RGB).all()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"")))
    with pytest.raises(DataError, match="standard input is empty"):
        read_image("-")
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(DataError, match="standard input is closed"):
        read_image("-")


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from([".jpg", ".png", ".webp", ".bmp", ".tif", ".gif"]),
    cut=st.floats(0, 1),
    place=st.floats(0, 1),
    junk=st.binary(max_size=12),
)
def test_a_damaged_file_is_an_image_or_a_data_error(
    kind: str, cut: float, place: float, junk: bytes
) -> None:
    data = encode(kind, RGB)
    data = data[: int(len(data) * cut)]
    at = int(len(data) * place)
    data = data[:at] + junk + data[at + len(junk) :]
    message = ""
    with patch.object(decoding, "MAX_PIXELS", 10_000):  # damage may claim any size
        try:
            assert read_image(data).dtype == np.uint8
        except DataError as error:
            message = str(error)
    assert "\n" not in message


def test_reading_in_threads_restores_the_log_level_of_opencv() -> None:
    before = cv2.utils.logging.getLogLevel()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(read_image, [encode(".png", RGB)] * 40))
    assert cv2.utils.logging.getLogLevel() == before


# The files that an input names


@pytest.fixture
def album(tmp_path: Path) -> Path:
    for name in ("b.jpg", "a.png", "sub/c.webp", "sub/deep/d", ".hidden.png", ".git/e.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(".png", RGB))
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "broken.jpg").write_text("calls itself one")
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")  # reading it would wait for ever
    return tmp_path


def names(paths: list[str], base: Path) -> list[str]:
    return [os.path.relpath(path, base) for path in paths]


def test_a_folder_gives_its_images_in_order(album: Path) -> None:
    files = find_images([album])
    expected = ["a.png", "b.jpg", "broken.jpg", "sub/c.webp", "sub/deep/d"]
    assert names(files, album) == expected
    assert [str(p) for p in relative_to_common(files)] == expected


def test_patterns_files_and_folders_together_give_each_once(album: Path) -> None:
    files = find_images([album / "sub" / "c.webp", f"{album}/*.png", album / "sub", album])
    expected = ["sub/c.webp", "a.png", "sub/deep/d", "b.jpg", "broken.jpg"]
    assert names(files, album) == expected
    deep = find_images([f"{album}/**/*.webp"])
    assert names(deep, album) == ["sub/c.webp"]


def test_a_pattern_for_all_folders_is_not_led_in_circles_by_links(
    album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("again", "once-more"):  # together they would lead through 2 to the 40th folders
        (album / "sub" / name).symlink_to(album)
    deep = ["sub/deep/d"]
    assert names(find_images([f"{album}/**/d"]), album) == deep
    assert names(find_images([f"{album}/s*/**/deep/**/d"]), album) == deep
    assert sorted(names(find_images([f"{album}/sub/**"]), album)) == ["sub/c.webp", *deep]
    monkeypatch.chdir(album)
    assert find_images(["**/?.png", "**/c.*"]) == ["a.png", "sub/c.webp"]


def test_a_folder_of_results_is_not_searched(album: Path) -> None:
    files = find_images([album], results=album / "sub")
    assert names(files, album) == ["a.png", "b.jpg", "broken.jpg"]
    named = find_images([album / "sub"], results=album / "sub")
    assert names(named, album) == ["sub/c.webp", "sub/deep/d"]


def test_a_file_may_be_named_like_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "a[1].png").write_bytes(encode(".png", RGB))
    assert names(find_images([tmp_path / "a[1].png"]), tmp_path) == ["a[1].png"]


def test_inputs_without_an_image_are_refused(album: Path) -> None:
    for given_input, message in (
        (album / "empty", "no image in the folder"),
        (album / "nowhere.jpg", "no image or folder at"),
        (f"{album}/*.gif", "no image matches the pattern"),
    ):
        with pytest.raises(DataError, match=message):
            find_images([given_input])
    with pytest.raises(DataError, match="got none"):
        find_images([])


def test_a_kind_needs_its_whole_magic_number() -> None:
    assert kind_of(b"\xff\xd8") == ""
    assert kind_of(encode(".jpg", RGB)[:16]) == "JPEG"
    assert read_header(b"plain text") is None
