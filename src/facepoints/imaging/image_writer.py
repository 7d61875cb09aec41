"""Writes images to files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints._util import files
from facepoints.errors import WriteError

__all__ = ["encode_image", "write_image"]

_JPEG_QUALITY = 92


def write_image(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an image file whole or not at all.

    Args:
        path: .png (lossless), .jpg or .jpeg.
        image: (H, W) gray or (H, W, 3) RGB, uint8.

    Raises:
        WriteError: the image cannot be encoded, or the file cannot be written.
    """
    files.write_bytes(path, encode_image(image, path.suffix))


def encode_image(image: NDArray[np.uint8], suffix: str = ".png") -> bytes:
    """The content of an image file. Arguments and errors are those of `write_image`."""
    bgr = image if image.ndim == 2 else np.ascontiguousarray(image[..., ::-1])
    suffix = suffix.lower()
    settings = [] if suffix == ".png" else [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    try:
        done, data = cv2.imencode(suffix, bgr, settings)
    except cv2.error as error:  # an empty image, or an unknown suffix
        raise WriteError(f"could not encode {image.shape} as {suffix}") from error
    if not done:
        raise WriteError(f"could not encode {image.shape} as {suffix}")
    return data.tobytes()
