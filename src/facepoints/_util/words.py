"""Words in messages."""

from __future__ import annotations

__all__ = ["count_noun"]


def count_noun(count: int, noun: str, plural: str = "") -> str:
    """A count with its noun, as in "1 face" and "2 faces". The default plural adds an s."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"
