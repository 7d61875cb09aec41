"""Confidence of a named fault, from how strongly its evidence speaks.

The strength of a fault is what its mend saves (log likelihood, less a penalty), what a mend of an
unexplained row could save, or how far points stand out. `benchmarks/audit.py --install`
plants faults in labels of training people with 5, 15, 21, 68 and 86 points, audits them, and fits
for each family of causes the share of true faults by the logarithms of the strength and of the
number of points (logistic regression with a lapse rate, since a few honest faces are very strange).
"""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

from facepoints._util.files import read_json
from facepoints.audit.fault import Cause

__all__ = ["FAMILIES", "FILE", "LAPSE", "confidence", "family", "terms"]

FILE = Path(__file__).with_name("confidence.json")
"""For each family the weights of `terms`."""

_FEWEST, _MOST = 5, 86  # numbers of points that were fitted

LAPSE = 0.04
"""Share of faults that are true or false whatever their strength."""

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


def terms(strength: float, points: int) -> tuple[float, float, float, float]:
    """Return the terms whose weighted sum is the log odds of a true fault.

    Args:
        points: number of labeled points of the row.
    """
    speaks, many = math.log(max(strength, 1e-3)), math.log(min(max(points, _FEWEST), _MOST))
    return 1.0, speaks, many, speaks * many


def confidence(cause: Cause, strength: float, points: int) -> float:
    """The share of true faults among those of this cause and strength, [0, 1].

    Args:
        points: number of labeled points of the row.
    """
    values = terms(strength, points)
    odds = sum(w * value for w, value in zip(_fitted()[family(cause)], values, strict=True))
    return LAPSE / 2 + (1 - LAPSE) / (1 + math.exp(-max(-30.0, min(30.0, odds))))


@lru_cache(maxsize=1)
def _fitted() -> dict[str, tuple[float, ...]]:
    return {name: tuple(values) for name, values in read_json(FILE).items()}
