"""Scales images of any number type to 8 bits a channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError

__all__ = ["to_uint8"]

_DEPTHS = (8, 10, 12, 14, 16)  # bits of cameras whose values are stored in larger numbers
_WHITES = (1.0, 255.0, 1023.0, 4095.0, 16383.0, 65535.0)  # usual largest values of floats
_OVERSHOOT = 0.05  # of the range, by which resampling may exceed it at edges
_SAMPLED = 2_000_000  # values of a float image that decide on its range
_TAIL = 0.001  # fraction of the values of a float image that may lie beyond the range


def to_uint8(image: NDArray, name: str) -> tuple[NDArray[np.uint8], str]:
    """Scale an image to 8 bits.

    uint8 stays as it is. Other integers are taken for 8, 10, 12, 14 or 16 bits if all values fit,
    and else for their whole range. Floats are taken for values from 0 to 1, 255, 1023, 4095, 16383
    or 65535, the first that holds them. NaN becomes 0, and values outside are clipped.

    Args:
        image: (H, W) or (H, W, C), of integers or floats.
        name: of the image, for messages.

    Returns:
        The image, and a note on the range if that is not the whole range of the type; or "".

    Raises:
        DataError: values below 0, floats above 65535, or another number type.
    """
    if image.dtype == np.uint8:
        return image, ""
    if image.dtype == np.bool_:
        return image.astype(np.uint8) * 255, ""
    if np.issubdtype(image.dtype, np.integer):
        return _from_integers(image, name)
    if np.issubdtype(image.dtype, np.floating):
        return _from_floats(image, name)
    raise DataError(f"{name} holds numbers of the type {image.dtype}; expected integers or floats")


def _from_integers(image: NDArray, name: str) -> tuple[NDArray[np.uint8], str]:
    whole = int(np.iinfo(image.dtype).max)
    low, top = int(image.min(initial=0)), int(image.max(initial=0))
    if low < 0:
        raise DataError(
            f"{name} holds integers from {low} to {top}; expected values of 0 or more; scale them "
            f"first"
        )
    white = next((2**bits - 1 for bits in _DEPTHS if 0 < top < 2**bits <= whole), whole)
    note = "" if white == whole else f"has values from 0 to {top}, which are taken for 0 to {white}"
    return _scaled(image, white), note


def _from_floats(image: NDArray, name: str) -> tuple[NDArray[np.uint8], str]:
    some = image.ravel()[:: max(1, image.size // _SAMPLED)]
    finite = some[np.isfinite(some)]
    low, high = np.quantile(finite, (_TAIL, 1 - _TAIL)) if finite.size else (0.0, 0.0)
    white = next((w for w in _WHITES if high <= w * (1 + _OVERSHOOT)), None)
    if white is None or low < -_OVERSHOOT * white:
        raise DataError(
            f"{name} holds floats from {low:.3g} to {high:.3g}; expected values from 0 to 1 or "
            f"0 to 255; scale them first"
        )
    cleaned = np.nan_to_num(image, nan=0.0, posinf=white, neginf=0.0)
    note = (
        ""
        if white == 1
        else f"has values from {low:.3g} to {high:.3g}, which are taken for 0 to {white:g}"
    )
    return _scaled(cleaned, white), note


def _scaled(image: NDArray, white: float) -> NDArray[np.uint8]:
    """Map 0 to `white` to 0 to 255, row by row to save memory."""
    out = np.empty(image.shape, np.uint8)
    for source, target in zip(image, out, strict=True):
        scaled = source.astype(np.float64) * (255 / white)
        target[...] = np.clip(np.rint(scaled), 0, 255)
    return out
