"""Decodes HEIC images, as phones write them, with pi-heif (the extra ``facepoints[heic]``)."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError, MissingExtraError
from facepoints.imaging.image_frames import is_cut_off

__all__ = ["decode_heic"]


def decode_heic(data: bytes, name: str) -> tuple[NDArray[np.uint8], str]:
    """Decode a HEIC image whole, with all its tiles, turned as the file says.

    Args:
        data: the file.
        name: of the image, for messages.

    Returns:
        (H, W, 3) RGB or (H, W, 4) RGBA, and a note on other images in the file, or "".

    Raises:
        DataError: pi-heif is not installed, or the file is damaged or cut off.
    """
    try:
        import pi_heif
    except ImportError as error:
        missing = MissingExtraError("pi-heif", "heic", f"reading the HEIC image {name}")
        raise DataError(str(missing)) from error
    if is_cut_off(data):  # libheif would leave the missing tiles gray
        raise DataError(f"{name} could not be decoded: its HEIC data is cut off")
    try:
        images = pi_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)
        image = images[images.primary_index]
        pixels = np.array(image)
        mode, count = image.mode, len(images)
    except MemoryError:
        raise
    except Exception as error:  # pi-heif raises ValueError, RuntimeError, SyntaxError, EOFError
        reason = " ".join(str(error).split())[:120]
        raise DataError(
            f"{name} could not be decoded: its HEIC data is damaged ({reason})"
        ) from error
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        pixels = np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, axis=2)
    if pixels.dtype != np.uint8 or pixels.shape[2] not in (3, 4):
        raise DataError(f"{name} is a HEIC image of the kind {mode}, which is not read")
    note = f"holds {count} images, of which the main one was read" if count > 1 else ""
    return np.ascontiguousarray(pixels), note
