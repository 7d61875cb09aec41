"""How to mend a label: the action and values of a `datasets.fixes.Fix`, without its row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from facepoints.datasets.fixes import Action

__all__ = ["Suggestion", "at_margin"]


@dataclass(frozen=True)
class Suggestion:
    """How to mend a label.

    Attributes:
        action, values: as in `datasets.fixes.Fix`. Coordinates are fractions of the crop that
            was audited. If it was cut with another margin than the crops that the fix is for,
            `at_margin` converts them.
    """

    action: Action
    values: Any = None


def at_margin(suggestion: Suggestion, audited: float, wanted: float) -> Suggestion:
    """The suggestion in fractions of a crop around the same label with another margin.

    Args:
        suggestion: in fractions of the audited crop.
        audited, wanted: margins of both crops, as in `crops.cut_crops`.
    """
    factor = (1 + audited) / (1 + wanted)
    if suggestion.action == "move":
        moved = {
            name: [0.5 + (v - 0.5) * factor for v in at] for name, at in suggestion.values.items()
        }
        return replace(suggestion, values=moved)
    if suggestion.action != "transform":
        return suggestion
    # fractions of the wanted crop -> of the audited one, transform, and back
    matrix = np.array(suggestion.values, dtype=np.float64)
    linear, shift = matrix[:, :2], matrix[:, 2]
    middle = np.full(2, 0.5)
    moved_shift = factor * (linear @ middle + shift - middle) + middle - linear @ middle
    values = np.column_stack([linear, moved_shift]).tolist()
    return replace(suggestion, values=values)
