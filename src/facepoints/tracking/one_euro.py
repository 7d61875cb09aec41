"""The One Euro filter: the live smoother of a face's shape.

Casiez, Roussel and Vogel 2012, https://gery.casiez.net/1euro/. `FaceTracker` uses it together
with the Kalman filters of `kalman` for cameras and streams, where the next frames are not known
yet. Recorded videos go through `offline_smoothing` instead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints.inference.landmark_weights import HIDDEN, visibility_weights
from facepoints.tracking.smoother_config import OneEuroConfig

__all__ = ["OneEuroFilter"]


class OneEuroFilter:
    """Low-pass filters of all landmarks, each with a cutoff that grows with its speed.

    At low speed the cutoff grows with the square of the speed, so that the slow motion that
    changing light causes is smoothed, and that of eyelids and lips is not.

    A point that was hidden and is visible now moves to its new place at once: what was smoothed
    until then were guesses.

    Args:
        points: (K, 2) first shape.
        config: cutoff frequencies; None: the defaults.
        visible: (K,) in [0, 1], whether each landmark can be seen; None: unknown.
    """

    def __init__(
        self,
        points: NDArray,
        config: OneEuroConfig | None = None,
        visible: NDArray | None = None,
    ) -> None:
        self.points = np.asarray(points, dtype=np.float64).copy()
        self._config = config or OneEuroConfig()
        self._speed = np.zeros_like(self.points)
        # weights of what the smoothed points were made of
        self._trust = np.ones(len(self.points)) if visible is None else visibility_weights(visible)

    def __call__(
        self, points: NDArray, radius: NDArray, seconds: float, visible: NDArray | None = None
    ) -> NDArray[np.float64]:
        """The smoothed landmarks (K, 2).

        Args:
            points: (K, 2) observed shape.
            radius: (K,) radii of the landmarks, in the unit of `points`.
            seconds: time since the last call.
            visible: (K,) in [0, 1], whether each landmark can be seen. The usual radius is that
                of the visible ones. None: unknown.
        """
        config = self._config
        radius = np.maximum(np.asarray(radius, dtype=np.float64), 1e-6)
        seconds = max(seconds, 1e-4)
        speed = (points - self.points) / seconds
        self._speed += _new_value_weight(config.speed_cutoff, seconds) * (speed - self._speed)
        moving = np.hypot(*self._speed.T) / radius
        known = slice(None)
        if visible is not None and (visible >= HIDDEN).any():
            known = visible >= HIDDEN
        confidence = np.minimum(np.median(radius[known]) / radius, config.max_confidence_gain)
        cutoff = config.min_cutoff * confidence
        cutoff += config.speed_gain * moving**2 / (moving + config.half_gain_speed)
        gain = _new_value_weight(cutoff, seconds)
        if visible is not None:
            # a mean in which each value has its own weight; none counts more than the new one
            trust = visibility_weights(visible)
            old = (1 - gain) * np.minimum(self._trust, trust)
            self._trust += gain * (trust - self._trust)
            gain = gain * trust / (old + gain * trust)
        self.points += gain[:, None] * (points - self.points)
        return self.points.copy()


def _new_value_weight(cutoff: NDArray | float, seconds: float) -> NDArray[np.float64]:
    """Weight of a new value in a first-order low-pass filter with this cutoff in Hz."""
    turns = 2 * np.pi * np.asarray(cutoff, dtype=np.float64) * seconds
    return turns / (turns + 1)
