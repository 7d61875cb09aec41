"""The factors that turn a network's scale into a 90 % radius."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from facepoints.errors import DataError

__all__ = ["COVERAGE", "DISC_50", "DISC_90", "Calibration"]

COVERAGE = 0.9
"""Fraction of cases in which the radius should contain the true point."""
DISC_90 = math.sqrt(-2 * math.log(0.1))
"""Radius of the disc that holds 90 % of points with normal errors, in standard deviations of a
coordinate: 2.146."""
DISC_50 = math.sqrt(2 * math.log(2))
"""The same for half of the points, so the median of their distances: 1.177."""


@dataclass(frozen=True)
class Calibration:
    """Factors from the predicted scale of a landmark's error to its radius.

    Attributes:
        factors: one for each of the K landmarks, positive. Larger: larger radii.
        rows: number of held-out faces that the factors were measured on.
        calibrated: True if the factors were measured; False if they follow from the loss.
        coverage: fraction of cases in which the radius should contain the true point.
        hidden: pixels of the crop that are added to the radius of each landmark if it is hidden,
            and in part if it may be: by how much people differ where nothing can be seen. Empty
            for a model that does not predict visibility.
    """

    factors: tuple[float, ...]
    rows: int = 0
    calibrated: bool = False
    coverage: float = COVERAGE
    hidden: tuple[float, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, which `from_dict` reads."""
        return {
            "coverage": self.coverage,
            "factors": list(self.factors),
            "rows": self.rows,
            "calibrated": self.calibrated,
            **({"hidden": list(self.hidden)} if self.hidden else {}),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any], points: int) -> Calibration:
        """Inverse of `to_dict`. Raises DataError if it does not fit a model of `points` points."""
        try:
            calibration = cls(
                factors=tuple(map(float, data["factors"])),
                rows=int(data["rows"]),
                calibrated=bool(data["calibrated"]),
                coverage=float(data["coverage"]),
                hidden=tuple(map(float, data.get("hidden", ()))),
            )
        except (LookupError, TypeError, ValueError) as error:
            raise DataError(f"not the calibration of a model: {error!r}") from error
        factors = calibration.factors
        if len(factors) != points or not all(0 < f < math.inf for f in factors):
            raise DataError(
                f"a calibration of {points} points needs as many positive factors, got "
                f"{len(factors)}"
            )
        hidden = calibration.hidden
        if len(hidden) not in (0, points) or not all(0 <= h < math.inf for h in hidden):
            raise DataError(
                f"a calibration of {points} points adds as many numbers of pixels to hidden ones, "
                f"0 or more; got {len(hidden)}"
            )
        return calibration
