"""Settings whose numbers are checked against a range when they are made."""

from __future__ import annotations

import math
from dataclasses import field, fields
from numbers import Real
from typing import Any

from facepoints.errors import SettingsError

__all__ = ["CheckedConfig", "positive", "within"]


def within(default: Any, low: float, high: float) -> Any:
    """A dataclass field: a number with a default that must lie from `low` to `high`.

    If the default is a tuple, the value must be one of the same length, and the limits hold for
    each of its numbers. `high` may be infinity: then any finite number from `low` on is allowed.
    """
    return field(default=default, metadata={"range": (low, high)})


def positive(default: float) -> Any:
    """A dataclass field: a number with a default that must lie above 0, such as a length."""
    return within(default, 1e-9, 1e9)


class CheckedConfig:
    """Base of dataclasses with fields from `within`: raises SettingsError for any other value."""

    def __post_init__(self) -> None:
        for one in fields(self):  # type: ignore[arg-type]
            low, high = one.metadata.get("range", (None, None))
            value = getattr(self, one.name)
            if low is None:
                continue
            where = f"{type(self).__name__}.{one.name}"
            if not isinstance(one.default, tuple):
                _check(where, value, low, high)
                continue
            if not isinstance(value, tuple) or len(value) != len(one.default):
                raise SettingsError(
                    f"{where} must be a tuple of {len(one.default)} numbers, got {value!r:.60}"
                )
            for number in value:
                _check(where, number, low, high)


def _check(where: str, value: Any, low: float, high: float) -> None:
    if not isinstance(value, Real) or not math.isfinite(float(value)):
        raise SettingsError(f"{where} must be a finite number, got {value!r:.60}")
    if not low <= float(value) <= high:
        limits = f"{low:g} or more" if math.isinf(high) else f"from {low:g} to {high:g}"
        raise SettingsError(f"{where} must be {limits}, is {value}")
