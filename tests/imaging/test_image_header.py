"""The size of an image as its head states it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facepoints.errors import DataError
from facepoints.imaging.decoding import decode
from facepoints.imaging.image_header import Header, read_header


@pytest.mark.parametrize("junk", [b"", b"junk", b"\xff", b"\xff\x00", b"\xff\x01", b"\xff\xd3"])
def test_the_size_of_a_jpeg_is_known_behind_bytes_that_decoders_skip(junk: bytes) -> None:
    image = np.zeros((20, 30, 3), np.uint8)
    data = cv2.imencode(".jpg", image)[1].tobytes()
    segment = b"\xff\xe1\x00\x04ab"
    mixed = data[:2] + segment + junk + data[2:]
    assert read_header(mixed) == Header("JPEG", 30, 20, False)
    with pytest.raises(DataError, match=r"a\.jpg claims 30 x 20 pixels"):
        decode(mixed, "a.jpg", max_pixels=599)
