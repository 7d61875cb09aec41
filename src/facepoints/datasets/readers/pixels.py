"""Pixel lists ("238 236 237 ...") to bytes, many characters at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["parse_pixels"]

_SPACE, _ZERO = np.uint8(32), np.uint8(48)
_TEN = np.uint8(10)


def parse_pixels(text: bytes, count: int) -> NDArray[np.uint8]:
    """Whole numbers from 0 to 255, separated by white space.

    Args:
        text: ASCII digits and white space.
        count: how many numbers there must be.

    Returns:
        (count,) uint8.

    Raises:
        ValueError: another count, or something that is not a whole number from 0 to 255;
            the message says which and completes "row 3: ...".
    """
    fast = _parse_digits(text)
    if fast is not None and len(fast) == count:
        return fast
    return _parse_tokens(text, count)


def _parse_digits(text: bytes) -> NDArray[np.uint8] | None:
    """Numbers of a plain text, or None if it needs a closer look.

    Works on whole rows of characters, not on numbers: at each character, the number that
    would end there is its digit plus ten times the digit before plus ..., and only the
    last characters of the numbers are kept. A row of 9216 numbers is some 33 kB, so all
    of the passes below stay in the processor's cache.
    """
    chars = np.frombuffer(b"   " + text + b" ", dtype=np.uint8)
    digit = chars - _ZERO  # wraps around to more than 9 for all that is not a digit
    is_digit = digit < _TEN
    if not (is_digit | (chars == _SPACE)).all():
        return None
    digit *= is_digit.view(np.uint8)
    two = is_digit[1:] & is_digit[:-1]  # two[i]: characters i and i + 1 are digits
    if (two[2:] & two[:-2]).any():  # four digits in a row
        return None
    last = is_digit[3:-1] > is_digit[4:]
    units, tens, hundreds = digit[3:-1], digit[2:-2], digit[1:-3] * is_digit[2:-2].view(np.uint8)
    front = hundreds * _TEN
    front += tens
    front *= last.view(np.uint8)
    whole = front * _TEN
    whole += units
    # 260 and more show in `front`; 256 to 259 have wrapped around to 0 to 3
    if front.max(initial=0) > 25 or ((front == 25) & (whole < 250)).any():
        return None
    return whole.compress(last)  # a third of the time of whole[last]


def _parse_tokens(text: bytes, count: int) -> NDArray[np.uint8]:
    """The same one number after the other, with errors that say what is wrong."""
    tokens = text.split()
    if len(tokens) != count:
        raise ValueError(f"expected {count} pixels, found {len(tokens)}")
    values = np.empty(count, dtype=np.uint8)
    for place, token in enumerate(tokens):
        if not token.isdigit() or len(token) > 12 or int(token) > 255:
            shown = token[:20].decode("utf-8", "replace")
            raise ValueError(
                f"pixel {place + 1} is '{shown}', expected a whole number from 0 to 255"
            )
        values[place] = int(token)
    return values
