"""The numbers that turn a network's scale into a 90 % radius."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from facepoints.errors import DataError

__all__ = ["COVERAGE", "Calibration"]


COVERAGE = 0.9
"""How often the radius is to hold the true point."""


@dataclass(frozen=True)
class Calibration:
    """What turns spreads into radii.

    Attributes:
        factors: for each of the K points, over 0.
        rows: held-out faces that they were measured on.
        calibrated: whether they were measured at all, or follow from the loss.
        coverage: how often the radius holds the true point.
    """

    factors: tuple[float, ...]
    rows: int = 0
    calibrated: bool = False
    coverage: float = COVERAGE

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, read back by `from_dict`."""
        return {
            "coverage": self.coverage,
            "factors": list(self.factors),
            "rows": self.rows,
            "calibrated": self.calibrated,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any], points: int) -> Calibration:
        """Inverse of `to_dict` for a run of so many points. Raises DataError."""
        try:
            found = cls(
                factors=tuple(map(float, data["factors"])),
                rows=int(data["rows"]),
                calibrated=bool(data["calibrated"]),
                coverage=float(data["coverage"]),
            )
        except (LookupError, TypeError, ValueError) as error:
            raise DataError(f"not the calibration of a run: {error!r}") from error
        if len(found.factors) != points or not all(0 < f < math.inf for f in found.factors):
            raise DataError(f"a calibration of {points} points needs as many factors over 0")
        return found
