"""Images are written whole, in the format of their suffix."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from facepoints.errors import WriteError
from facepoints.imaging.image_io import read_image
from facepoints.imaging.image_writer import encode_image, write_image


def test_png_restores_every_pixel(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (7, 9, 3)).astype(np.uint8)
    write_image(tmp_path / "new" / "a.png", rgb)
    np.testing.assert_array_equal(read_image(tmp_path / "new" / "a.png"), rgb)
    assert capfd.readouterr().err == ""  # OpenCV warns of settings that do not fit the format


def test_gray_images_stay_gray() -> None:
    gray = np.arange(12, dtype=np.uint8).reshape(3, 4)
    stored = cv2.imdecode(np.frombuffer(encode_image(gray), np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(stored, gray)


def test_jpeg_is_written_for_its_suffixes(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.JPEG"):
        write_image(tmp_path / name, np.zeros((4, 4, 3), np.uint8))
        assert (tmp_path / name).read_bytes()[:2] == b"\xff\xd8"


def test_images_that_cannot_be_encoded_are_one_error(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="could not encode"):
        write_image(tmp_path / "a.png", np.zeros((0, 4, 3), np.uint8))
    with pytest.raises(WriteError, match="could not encode"):
        write_image(tmp_path / "a.nothing", np.zeros((2, 2), np.uint8))
