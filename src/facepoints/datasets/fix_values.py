"""The actions of fixes (`fixes`), and a check that their values fit them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np

from facepoints.errors import DataError

__all__ = ["ACTIONS", "Action", "checked_values", "is_number"]

Action = Literal["reorder", "transform", "move", "unlabel", "drop", "scheme", "group"]
ACTIONS: tuple[Action, ...] = get_args(Action)

_LARGEST = 1e6  # pixels: coordinates beyond this are no coordinates


def is_number(value: Any) -> bool:
    """True for a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_place(value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and len(value) == 2
        and all(is_number(v) and abs(v) <= _LARGEST for v in value)
    )


def checked_values(action: Action, values: Any) -> Any:
    """The values of an action as plain JSON types. Raises DataError if they do not fit."""
    if action not in ACTIONS:
        raise DataError(f"the action of a fix is one of {', '.join(ACTIONS)}, got {action!r:.60}")
    shown = f"got {values!r:.80}"
    if action == "drop":
        return None
    if action in ("scheme", "group"):
        if not isinstance(values, str) or not values.strip():
            raise DataError(f"the values of '{action}' are a name, {shown}")
        return values
    if action == "unlabel":
        listed = values if isinstance(values, list | tuple) else []
        if not listed or not all(isinstance(name, str) for name in listed):
            raise DataError(f"the values of 'unlabel' are a list of points, {shown}")
        return list(listed)
    if action == "transform":
        matrix = np.array(values, dtype=object)
        if matrix.shape != (2, 3) or not all(is_number(v) for v in matrix.ravel().tolist()):
            raise DataError(f"the values of 'transform' are 2 x 3 numbers, {shown}")
        return [[float(v) for v in line] for line in matrix.tolist()]
    if not isinstance(values, Mapping) or not values:
        raise DataError(f"the values of '{action}' are an object with points as names, {shown}")
    if action == "move":
        if not all(isinstance(name, str) and _is_place(at) for name, at in values.items()):
            raise DataError(
                f"the values of 'move' are points with x and y in pixels of the picture, {shown}"
            )
        return {name: [float(v) for v in at] for name, at in values.items()}
    if sorted(map(str, values)) != sorted(map(str, values.values())):
        raise DataError(
            f"the values of 'reorder' name the same points on both sides, each once, {shown}"
        )
    return {str(name): str(other) for name, other in values.items()}
