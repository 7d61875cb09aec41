"""Weights of landmarks where a shape is fitted to them: a hidden point counts little."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["HIDDEN", "LEAST_VISIBLE", "landmark_weights", "visibility_weights"]

HIDDEN = 0.5
"""Visibility below which a point counts as hidden where it is one or the other (COCO, drawings)."""

LEAST_VISIBLE = 0.1
"""Visibility that a surely hidden point counts with. Above 0: a hidden face still has a fit."""


def visibility_weights(visible: NDArray[np.floating]) -> NDArray[np.float64]:
    """Weights (...) of points by their visibility (...): its square, and 0.01 or more.

    A network guesses a hidden point from the others and from the mean face. The guess adds little
    to the visible points and may be far off. The weight is continuous, so that nothing jumps when
    a turning head hides a point.
    """
    return np.maximum(visible.astype(np.float64), LEAST_VISIBLE) ** 2


def landmark_weights(
    radius: NDArray[np.floating], visible: NDArray[np.floating] | None = None
) -> NDArray[np.float64]:
    """Weights (K,) of points in a least-squares fit: 1 / radius^2, times those of the visibility.

    Args:
        radius: (K,) in pixels.
        visible: (K,) in [0, 1]; None: unknown, only the radius counts.
    """
    weights = 1 / np.maximum(radius.astype(np.float64), 1e-3) ** 2
    return weights if visible is None else weights * visibility_weights(visible)
