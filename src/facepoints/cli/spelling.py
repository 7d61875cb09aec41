"""Names of arguments in messages, as the command line spells them.

The library names an argument as Python does: ``min_score must lie in [0, 1]``, or in back quotes,
``lower `batch` `` and ``use `init=random` ``. On the command line these are ``--min-score``,
``--batch`` and ``--init random``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import get_type_hints

__all__ = ["option_names", "spelled_as_options"]

_QUOTED = re.compile(r"`([a-z][a-z0-9_]*)(?:=([^`]*))?`")
_FIRST = re.compile(r"^(?:[A-Z]\w*\.)?([a-z][a-z0-9_]*)(?= must | is not )")


def option_names(command: Callable[..., None]) -> set[str]:
    """The Python names of the options of a command."""
    names: set[str] = set()
    for name, kind in get_type_hints(command).items():
        names |= {field.name for field in fields(kind)} if is_dataclass(kind) else {name}
    return names


def spelled_as_options(text: str, names: set[str]) -> str:
    """A message with the arguments `names` spelled as options. Other text stays as it is."""

    def quoted(match: re.Match[str]) -> str:
        if match[1] not in names:
            return match[0]
        value = "" if match[2] is None else f" {match[2]}"
        return _option(match[1]) + value

    def first(match: re.Match[str]) -> str:
        return _option(match[1]) if match[1] in names else match[0]

    return _QUOTED.sub(quoted, _FIRST.sub(first, text))


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
