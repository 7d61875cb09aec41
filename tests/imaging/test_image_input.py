"""Images as Python programs have them: arrays, bytes, Pillow images."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest

from facepoints.errors import DataError
from facepoints.imaging.image_input import as_array, is_one_image

Pillow = pytest.importorskip("PIL.Image")

RGB = np.zeros((24, 40, 3), np.uint8)
RGB[:12, :20], RGB[12:, :20], RGB[:, 20:] = (200, 30, 60), (20, 180, 90), (40, 60, 220)


def png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))[1].tobytes()


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_of_a_file_are_an_image(kind: type) -> None:
    assert is_one_image(kind(png(RGB)))
    assert (as_array(kind(png(RGB))) == RGB).all()


def test_bgr_arrays_are_turned_into_rgb() -> None:
    assert (as_array(np.ascontiguousarray(RGB[..., ::-1]), bgr=True) == RGB).all()
    opaque = np.dstack([RGB[..., ::-1], np.full(RGB.shape[:2], 255, np.uint8)])
    assert (as_array(opaque, bgr=True) == RGB).all()
    assert (as_array(png(RGB), bgr=True) == RGB).all()  # files know their order
    assert (as_array(RGB[..., 0], bgr=True) == RGB[..., 0]).all()


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_exif_turn_of_a_pillow_image_is_applied(orientation: int, tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x112] = orientation
    file = io.BytesIO()
    Pillow.fromarray(RGB).save(file, "PNG", exif=exif)
    with Pillow.open(io.BytesIO(file.getvalue())) as image:
        assert (as_array(image) == as_array(file.getvalue())).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "LA", "CMYK", "YCbCr", "HSV", "I", "F"])
def test_every_mode_of_pillow_gives_the_same_image(mode: str) -> None:
    gray = np.where(RGB[..., :1] > 100, 255, 0).astype(np.uint8)
    image = Pillow.fromarray(gray[..., 0]).convert("RGB" if mode == "HSV" else "L").convert(mode)
    array = as_array(image)
    array = array if array.ndim == 3 else array[..., None]
    assert np.abs(array.astype(int) - gray).max() <= 2


def test_transparent_pillow_images_are_white() -> None:
    image = Pillow.fromarray(RGB).convert("RGBA")
    image.putalpha(Pillow.fromarray(np.zeros(RGB.shape[:2], np.uint8)))
    image.putpixel((0, 0), (200, 30, 60, 255))
    array = as_array(image)
    assert array[0, 0].tolist() == [200, 30, 60]
    assert (array[1:] == 255).all()


def test_sixteen_bits_of_pillow_become_eight() -> None:
    values = np.linspace(0, 65535, 600).reshape(20, 30).astype(np.uint16)
    array = as_array(Pillow.fromarray(values))
    assert np.abs(array.astype(int) - np.rint(values / 257)).max() <= 1


def test_a_damaged_pillow_image_raises_data_error() -> None:
    data = png(np.random.default_rng(0).integers(0, 255, (50, 50, 3), dtype=np.uint8))
    image = Pillow.open(io.BytesIO(data[: len(data) // 2]))
    with pytest.raises(DataError, match="the Pillow image could not be read"):
        as_array(image)
