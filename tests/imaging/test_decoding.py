"""Kinds, depths, pages and turns of image files: read right, or refused by name."""

from __future__ import annotations

import io
import os
import resource
import struct
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from waiting import PATIENCE

from facepoints._util.memory import free_memory
from facepoints.errors import DataError
from facepoints.imaging import decoding, tiff_tags
from facepoints.imaging.bit_depth import to_uint8
from facepoints.imaging.decoding import decode
from facepoints.imaging.image_frames import count_frames
from facepoints.imaging.image_header import kind_of
from facepoints.imaging.image_io import decode_image, read_image

Pillow = pytest.importorskip("PIL.Image")

RAMP = np.linspace(0, 255, 64 * 48).reshape(48, 64).astype(np.uint8)
COLOR = np.dstack([RAMP, RAMP[::-1], RAMP[:, ::-1]])


def tiff(pages: list[tuple[NDArray, dict[int, int]]]) -> bytes:
    """An uncompressed TIFF file; each page an array (H, W) or (H, W, 3) with further tags."""
    data = b"II*\0\x08\0\0\0"
    for number, (image, more) in enumerate(pages):
        image = image[..., None] if image.ndim == 2 else image
        height, width, samples = image.shape
        packed = more.pop(-1, 0)  # bits of values that are packed without gaps
        body = _packed(image, packed) if packed else image.tobytes()
        bits = packed or image.dtype.itemsize * 8
        form = {"u": 1, "i": 2, "f": 3}[image.dtype.kind]
        tags = {256: width, 257: height, 258: bits, 259: 1, 262: 2 if samples == 3 else 1}
        tags |= {277: samples, 278: height, 279: len(body), 284: 1, 339: form, **more}
        # head, pixels, the bits of three samples, tags
        start = len(data)
        extra = start + 2 + (len(tags) + 1) * 12 + 4
        tags[273] = extra + 2 * samples
        entries = b""
        for tag, value in sorted(tags.items()):
            several = samples if tag in (258, 339) and samples > 1 else 1
            stored = struct.pack("<I", extra if several > 1 else value)
            entries += struct.pack("<HHI", tag, 3 if several > 1 else 4, several) + stored
            if several > 1 and tag == 339:
                entries = entries[:-12] + struct.pack("<HHIHH", 339, 3, 1, form, 0)
        end = extra + 2 * samples + len(body)
        following = end if number + 1 < len(pages) else 0
        data += struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)
        data += struct.pack("<H", bits) * samples if samples > 1 else b"\0\0"
        data = data.ljust(extra + 2 * samples, b"\0") + body
        data = data.ljust(end, b"\0")
    return data


def _packed(image: NDArray, bits: int) -> bytes:
    rows = image.reshape(len(image), -1)
    high = ((rows[..., None] >> np.arange(bits - 1, -1, -1)) & 1).astype(np.uint8)
    return np.packbits(high.reshape(len(rows), -1), axis=1).tobytes()


def png(image: NDArray) -> bytes:
    bgr = image if image.ndim == 2 else image[..., ::-1]
    return cv2.imencode(".png", np.ascontiguousarray(bgr))[1].tobytes()


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("image", [RAMP, COLOR], ids=["gray", "color"])
@pytest.mark.parametrize("container", ["png", "tiff"])
def test_low_ranges_in_16_bits_are_scaled(bits: int, image: NDArray, container: str) -> None:
    values = np.rint(image / 255 * (2**bits - 1)).astype(np.uint16)
    decoded = decode(png(values) if container == "png" else tiff([(values, {})]), "a")
    expected = image if image.ndim == 3 else image[..., None]
    assert np.abs(decoded.pixels.astype(int) - expected).max() <= 1
    assert ("are taken for" in decoded.note) == (bits < 16)


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_packed_bits_of_a_tiff_are_read(bits: int) -> None:
    values = np.rint(RAMP / 255 * (2**bits - 1)).astype(np.uint16)
    decoded = decode(tiff([(values, {-1: bits})]), "a").pixels
    assert np.abs(decoded.astype(int) - RAMP[..., None]).max() <= 1


@pytest.mark.parametrize("image", [RAMP, COLOR], ids=["gray", "color"])
@pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_floats_are_scaled(image: NDArray, white: float, kind: type) -> None:
    decoded = decode(tiff([((image / 255 * white).astype(kind), {})]), "a")
    expected = image if image.ndim == 3 else image[..., None]
    assert np.abs(decoded.pixels.astype(int) - expected).max() <= 1
    assert (decoded.note == "") == (white == 1)


def test_floats_are_turned_as_their_file_says() -> None:
    values = (RAMP / 255).astype(np.float32)
    turned = decode(tiff([(values, {274: 6})]), "a").pixels
    assert np.abs(turned[..., 0].astype(int) - np.rot90(RAMP, -1)).max() <= 1


def test_floats_out_of_any_range_are_refused() -> None:
    for values in (RAMP.astype(np.float32) * 1e6, RAMP / 127.5 - 1):
        with pytest.raises(DataError, match="a holds floats from"):
            decode(tiff([(values.astype(np.float32), {})]), "a")


def test_floats_without_a_value_become_black() -> None:
    values = (RAMP / 255).astype(np.float32)
    values[0, 0], values[0, 1] = np.nan, np.inf
    scaled, _ = to_uint8(values, "a")
    assert scaled[0, :2].tolist() == [0, 255]
    assert np.abs(scaled[1:].astype(int) - RAMP[1:]).max() <= 1


def test_signed_and_inverted_integers() -> None:
    signed = decode(tiff([(RAMP.astype(np.int16) * 128, {})]), "a").pixels
    assert np.abs(signed[..., 0].astype(int) - RAMP).max() <= 1
    inverted = decode(tiff([(65535 - RAMP.astype(np.uint16) * 257, {262: 0})]), "a").pixels
    assert (inverted[..., 0] == RAMP).all()


@pytest.mark.parametrize("image", [RAMP, COLOR], ids=["gray", "color"])
@pytest.mark.parametrize("kind", [np.float16, np.uint32, np.int32, np.uint64, np.int64])
@pytest.mark.parametrize("page", [0, 1])
def test_number_types_that_opencv_does_not_read(image: NDArray, kind: type, page: int) -> None:
    whole = 1.0 if kind is np.float16 else float(np.iinfo(kind).max)
    values = (image.astype(np.float64) / 255 * whole * 0.999).astype(kind)
    before = [(np.zeros((4, 4), np.uint8), {254: 1})] * page  # a preview
    decoded = decode(tiff([*before, (values, {})]), "a").pixels
    expected = image if image.ndim == 3 else image[..., None]
    assert np.abs(decoded.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("white", [255, 4095, 65535])
def test_low_ranges_in_32_bits_are_scaled(white: int) -> None:
    values = np.rint(RAMP / 255 * white).astype(np.uint32)
    decoded = decode(tiff([(values, {274: 6})]), "a")
    assert np.abs(decoded.pixels[..., 0].astype(int) - np.rot90(RAMP, -1)).max() <= 1
    assert decoded.note == f"has values from 0 to {white}, which are taken for 0 to {white}"


@pytest.mark.parametrize("kind", [np.int16, np.int32])
def test_integers_below_zero_are_refused(kind: type) -> None:
    values = RAMP.astype(kind) * 8 - 1024  # as in scans of computed tomography
    with pytest.raises(DataError, match=r"a holds integers from -1024 to 1016; expected .* scale"):
        decode(tiff([(values, {})]), "a")


def test_what_opencv_cannot_read_is_named() -> None:
    with pytest.raises(DataError, match=r"16-bit floats, compression 99\) is damaged.* OpenCV"):
        decode(tiff([((RAMP / 255).astype(np.float16), {259: 99})]), "a")


def test_pages_that_are_left_out_are_named() -> None:
    pages = [(RAMP, {}), (RAMP[::-1], {}), (RAMP, {})]
    decoded = decode(tiff([(p.copy(), dict(t)) for p, t in pages]), "a")
    assert (decoded.pixels[..., 0] == RAMP).all()
    assert "has 3 pages; pages 2, 3 were left out" in decoded.note
    assert decode(tiff([(RAMP, {})]), "a").note == ""


def test_a_preview_is_never_taken_for_the_image() -> None:
    small = np.ascontiguousarray(RAMP[::4, ::4])
    decoded = decode(tiff([(small, {254: 1}), (COLOR, {254: 0})]), "a")
    assert (decoded.pixels == COLOR).all()
    assert decoded.note == ""
    with pytest.raises(DataError, match="holds only a preview"):
        decode(tiff([(small, {254: 1})]), "a")
    with pytest.raises(DataError, match=r"raw photo of a camera \(DNG\)"):
        decode(tiff([(small, {50706: 1})]), "a")


def test_a_loop_of_pages_ends() -> None:
    data = bytearray(tiff([(RAMP, {})]))
    (count,) = struct.unpack_from("<H", data, 8)
    struct.pack_into("<I", data, 10 + 12 * count, 8)  # the page after the first is the first
    assert (decode(bytes(data), "a").pixels[..., 0] == RAMP).all()


# AVIF and HEIC


def avif(orientation: int = 1, frames: int = 1, mode: str = "RGB") -> bytes:
    image = Pillow.fromarray(_halves()).convert(mode)
    if mode == "RGBA":
        image.putalpha(Pillow.fromarray(np.where(_halves()[..., 0] > 0, 255, 0).astype(np.uint8)))
    exif = Pillow.Exif()
    exif[0x112] = orientation
    file = io.BytesIO()
    more = {"save_all": True, "append_images": [image] * (frames - 1)} if frames > 1 else {}
    try:
        image.save(file, "AVIF", quality=95, exif=exif, **more)
    except (KeyError, OSError):
        pytest.skip("this Pillow writes no AVIF")
    return file.getvalue()


def _halves() -> NDArray[np.uint8]:
    """Four colors in the corners, so that every turn shows."""
    image = np.zeros((48, 80, 3), np.uint8)
    image[:24, :40], image[:24, 40:], image[24:, :40] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    return image


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


@pytest.mark.parametrize("orientation", TURNS)
def test_avif_is_turned_as_its_file_says(orientation: int) -> None:
    expected = TURNS[orientation](_halves())
    decoded = read_image(avif(orientation))
    assert decoded.shape == expected.shape
    assert np.abs(decoded.astype(int) - expected).mean() < 8


def test_an_avif_animation_is_said() -> None:
    data = avif(frames=3)
    assert count_frames(data, kind_of(data)) == 3
    assert "animation of 3 frames" in decode(data, "a").note


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_transparent_avif_is_white_and_turned(orientation: int) -> None:
    decoded = read_image(avif(orientation, mode="RGBA"))
    stored = np.where(_halves()[..., :1] > 0, _halves(), 255)
    assert np.abs(decoded.astype(int) - TURNS[orientation](stored)).mean() < 12


def heic_box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, name) + body


HEIC = heic_box(b"ftyp", b"heic\0\0\0\0mif1heic") + heic_box(b"meta", bytes(40))


def test_heic_without_pi_heif_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(
        DataError, match=r"HEIC image the image .* pip install 'facepoints\[heic\]'"
    ):
        read_image(HEIC)


def test_damaged_and_truncated_heic_is_refused() -> None:
    pytest.importorskip("pi_heif")
    with pytest.raises(DataError, match="HEIC data is damaged"):
        read_image(HEIC)
    with pytest.raises(DataError, match="HEIC data is cut off"):
        read_image(HEIC[:-5])


CASE = Path(__file__).parents[2] / ".." / "shared" / "cases" / "02-heic-first-tile"


@pytest.mark.skipif(not CASE.is_dir(), reason="needs ../shared")
def test_all_tiles_of_a_heic_are_read() -> None:
    pytest.importorskip("pi_heif")
    data = next(CASE.glob("*.HEIC")).read_bytes()
    decoded = decode(data, "a")
    assert decoded.pixels.shape == (1536, 1536, 3)
    middle = decoded.pixels[600:800, 700:860]
    assert middle.std() > 20  # a face, not the empty corner
    for share in (0.1, 0.5, 0.99):  # libheif would leave missing tiles gray
        with pytest.raises(DataError, match="cut off"):
            decode(data[: int(len(data) * share)], "a")


@pytest.mark.parametrize(
    ("brands", "kind"),
    [
        (b"avif\0\0\0\0avifmif1", "AVIF"),
        (b"mif1\0\0\0\0mif1avif", "AVIF"),
        (b"avis\0\0\0\0avismsf1", "AVIF"),
        (b"heic\0\0\0\0mif1heic", "HEIC"),
        (b"mif1\0\0\0\0mif1heic", "HEIC"),
        (b"msf1\0\0\0\0msf1hevc", "HEIC"),
        (b"isom\0\0\0\0isomiso2avc1mp41", ""),
        (b"qt  \0\0\0\0qt  ", ""),
    ],
)
def test_heif_kinds_are_known_by_their_brands(brands: bytes, kind: str) -> None:
    assert kind_of(heic_box(b"ftyp", brands)) == kind


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\xff\x0a and more", "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"II*\0\x10\0\0\0CR\x02\0", "raw photo"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1", "raw photo"),
        (b"FUJIFILMCCD-RAW 0201", "raw photo"),
        (b"8BPS\0\1", "Photoshop"),
        (b"\x76\x2f\x31\x01", "OpenEXR"),
        (b"%PDF-1.7", "PDF"),
        (b'<?xml version="1.0"?>\n<svg xmlns="', "SVG"),
        (bytes(128) + b"DICM", "DICOM"),
        (b"\0\0\1\0\1\0\x10\x10\0\0", "icon"),
    ],
)
def test_other_kinds_are_refused_by_name(head: bytes, name: str) -> None:
    with pytest.raises(DataError, match=f"the image is an? .*{name}.*, which is not read; save it"):
        read_image(head + bytes(300))


# Pipes, devices, memory


def test_a_named_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(DataError, match="is a named pipe, expected a file"):
        decode_image(tmp_path / "pipe.jpg")
    with pytest.raises(DataError, match="is a device, expected a file"):
        decode_image("/dev/zero")


def test_a_pipe_of_the_shell_is_read() -> None:
    reading, writing = os.pipe()
    os.write(writing, png(COLOR))
    os.close(writing)
    try:
        assert (decode_image(f"/dev/fd/{reading}").pixels == COLOR).all()
    finally:
        os.close(reading)


LIMITED = """
import resource, sys
from facepoints.errors import DataError
from facepoints.imaging.image_io import decode_image
import facepoints.imaging.decoding as decoding
data = open(sys.argv[1], "rb").read()
if sys.argv[3] == "blind":
    decoding.free_memory = lambda: None
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[2]), -1))
try:
    decode_image(data)
except DataError as error:
    print(error)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux")
@pytest.mark.parametrize("kind", [".png", ".jpg", ".webp", ".tif", ".bmp"])
@pytest.mark.parametrize("known", ["known", "blind"])
def test_a_lack_of_memory_is_told_as_such(tmp_path: Path, kind: str, known: str) -> None:
    path = tmp_path / f"large{kind}"
    cv2.imwrite(str(path), np.full((4000, 6000, 3), 90, np.uint8))
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path), "50000000", known],
        capture_output=True, text=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("not enough memory for this picture (6000 x 4000)")


def test_free_memory_is_the_least_of_the_limits(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemAvailable: 2000 kB\nSwapFree: 500 kB\n")
    unlimited = resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY
    if unlimited:
        assert free_memory(tmp_path) == 2500 * 1024
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    for name, value in (("memory.max", "900000"), ("memory.current", "800000")):
        (group / name).write_text(value)
    (group / "memory.stat").write_text("anon 5\ninactive_file 50000\n")
    assert free_memory(tmp_path) == 150_000
    (group / "memory.max").write_text("max\n")
    if unlimited:
        assert free_memory(tmp_path) == 2500 * 1024


def test_an_image_larger_than_the_free_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_SMALL", 0)
    monkeypatch.setattr(decoding, "free_memory", lambda: 5000)
    with pytest.raises(DataError, match=r"not enough memory for this picture \(64 x 48\): a"):
        decode(png(COLOR), "a")


def test_the_limit_of_pixels_holds_for_the_page_that_is_read() -> None:
    reduced = tiff_tags.REDUCED
    small, large = np.zeros((4, 4), np.uint8), np.zeros((40, 50), np.uint8)
    data = tiff([(small, {reduced: 1}), (large, {})])
    assert decode(data, "a.tif", max_pixels=2000).pixels.shape == (40, 50, 3)
    with pytest.raises(DataError, match=r"a\.tif claims 50 x 40 pixels, at most 0\.002 million"):
        decode(data, "a.tif", max_pixels=1999)


@pytest.mark.parametrize("end", ["", "\n", " "])
@pytest.mark.parametrize("comment", ["", "# made by hand\n"])
def test_pixels_as_text_need_no_last_end_of_line(end: str, comment: str) -> None:
    values = [[1, 20, 255], [0, 128, 64]]
    numbers = " ".join(str(v) for row in values for v in row)
    gray = decode(f"P2\n{comment}3 2\n255\n{numbers}{end}".encode(), "a").pixels
    assert gray[..., 0].tolist() == values
    color = decode(f"P3\n{comment}1 2\n255\n{numbers}{end}".encode(), "a").pixels
    assert color[:, 0].tolist() == values


@pytest.mark.parametrize("size", [b"-3 2", b"3 -2", b"-3 -2", b"0 0"])
def test_an_image_of_no_size_is_refused(size: bytes) -> None:
    with pytest.raises(DataError, match="could not be decoded"):
        decode(b"P6\n" + size + b"\n255\n" + bytes(18), "a")


def test_a_file_that_is_named_like_a_video_and_is_none_is_said() -> None:
    with pytest.raises(DataError, match=r"a\.MP4 is not an image .* nor a video: it does not"):
        decode(b"text", "a.MP4")
