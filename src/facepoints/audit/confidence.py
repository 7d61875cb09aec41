"""Confidence of a named fault, from how strongly its evidence speaks.

The strength of a fault is what its mend saves (log likelihood, less a penalty), or the squared
distance by which points stand out. `benchmarks/audit.py --install` plants faults in faces of
training people, audits them, and fits for each family of causes the share of true faults by the
logarithm of the strength (logistic regression).
"""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

from facepoints._util.files import read_json
from facepoints.audit.fault import Cause

__all__ = ["FAMILIES", "FILE", "confidence", "family"]

FILE = Path(__file__).with_name("confidence.json")
"""Two numbers a family, the intercept and the slope."""

FAMILIES: dict[str, tuple[Cause, ...]] = {
    "point": (Cause.POINT_OFF,),
    "pair": (Cause.PAIR_SWAPPED,),
    "face": (
        Cause.LEFT_RIGHT_SWAPPED,
        Cause.WRONG_ORDER,
        Cause.OTHER_FACE,
        Cause.MIRRORED_IMAGE,
        Cause.TURNED_IMAGE,
        Cause.WRONG_SCALE,
        Cause.OFFSET,
        Cause.UNEXPLAINED,
    ),
}
"""Causes whose strengths are comparable."""


def family(cause: Cause) -> str:
    """The family of a cause."""
    return next(name for name, causes in FAMILIES.items() if cause in causes)


def confidence(cause: Cause, strength: float) -> float:
    """The share of true faults among those of this cause and strength, [0, 1]."""
    intercept, slope = _fitted()[family(cause)]
    odds = intercept + slope * math.log(max(strength, 1e-3))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))


@lru_cache(maxsize=1)
def _fitted() -> dict[str, tuple[float, float]]:
    return {name: (values[0], values[1]) for name, values in read_json(FILE).items()}
