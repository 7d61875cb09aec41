"""Patterns with braces, as WebDataset names shards: ``shard-{000..127}.tar``."""

from __future__ import annotations

import re

from facepoints.errors import SettingsError

__all__ = ["expand_braces"]

_MOST = 1_000_000
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)(?:\.\.(\d+))?$")


def expand_braces(pattern: str) -> list[str]:
    """The names of a pattern, as a shell expands it.

    Examples:
        >>> expand_braces("s-{08..10}.tar")
        ['s-08.tar', 's-09.tar', 's-10.tar']
        >>> expand_braces("{train,val}.csv")
        ['train.csv', 'val.csv']

    Raises:
        SettingsError: it gives more than a million names, or a range ends before it begins.
    """
    match = next((m for m in _BRACES.finditer(pattern) if _is_choice(m[1])), None)
    if match is None:
        return [pattern]
    rests = expand_braces(pattern[match.end() :])
    choices = _choices(match[1], pattern, _MOST // len(rests))
    return [pattern[: match.start()] + choice + rest for choice in choices for rest in rests]


def _is_choice(inside: str) -> bool:
    return "," in inside or _RANGE.match(inside) is not None


def _choices(inside: str, pattern: str, most: int) -> list[str]:
    match = _RANGE.match(inside)
    if match is None:
        return inside.split(",")
    first, last, step = int(match[1]), int(match[2]), int(match[3] or 1)
    if first > last or step < 1:
        raise SettingsError(
            f"the range {{{inside}}} of {pattern} is empty; expected {{first..last}}"
        )
    if (last - first) // step >= most:
        raise SettingsError(f"{pattern} gives more than {_MOST} names; name a list of them instead")
    padded = match[1].startswith("0") or match[2].startswith("0")
    width = max(len(match[1]), len(match[2])) if padded else 0
    return [str(number).zfill(width) for number in range(first, last + 1, step)]
