"""Parses pixel lists ("238 236 237 ...") with whole-array operations."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

__all__ = ["parse_pixels"]

_SPACE, _ZERO = np.uint8(32), np.uint8(48)
_TEN = np.uint8(10)
_WHOLE = re.compile(rb"\d+\.0+")


def parse_pixels(text: bytes, count: int) -> NDArray[np.uint8]:
    """Parse whole numbers from 0 to 255 that are separated by white space.

    Args:
        text: ASCII digits and white space.
        count: the expected number of values.

    Returns:
        (count,) uint8.

    Raises:
        ValueError: there is another number of values, or a value is not a whole number from 0
            to 255. The message completes "row 3: ...".
    """
    fast = _parse_digits(text)
    if fast is not None and len(fast) == count:
        return fast
    return _parse_tokens(text, count)


def _parse_digits(text: bytes) -> NDArray[np.uint8] | None:
    """Parse a text of digits and spaces fast; None for a text that `_parse_tokens` must parse.

    It computes one value per character: the number that would end there, which is its digit plus
    ten times the digit before, and so on. Only the values at the last characters of numbers are
    kept. A row of 9216 numbers has about 33 kB, so all steps work in the processor's cache.
    """
    chars = np.frombuffer(b"   " + text + b" ", dtype=np.uint8)
    digit = chars - _ZERO  # wraps around to more than 9 for all other characters
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
    # `front` is above 25 from 260 on; 256 to 259 have wrapped around to 0 to 3
    if front.max(initial=0) > 25 or ((front == 25) & (whole < 250)).any():
        return None
    return whole.compress(last)  # takes a third of the time of whole[last]


def _parse_tokens(text: bytes, count: int) -> NDArray[np.uint8]:
    """Parse any text number by number, also 184.0. Raises ValueError for the first bad number."""
    tokens = text.split()
    if len(tokens) != count:
        raise ValueError(f"expected {count} pixels, found {len(tokens)}")
    values = np.empty(count, dtype=np.uint8)
    for index, token in enumerate(tokens):
        whole = token.partition(b".")[0] if _WHOLE.fullmatch(token) else token
        if not whole.isdigit() or len(whole) > 12 or int(whole) > 255:
            shown = token[:20].decode("utf-8", "replace")
            raise ValueError(
                f"pixel {index + 1} is '{shown}', expected a whole number from 0 to 255"
            )
        values[index] = int(whole)
    return values
