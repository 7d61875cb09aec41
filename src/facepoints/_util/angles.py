"""Angles wrapped into one turn around zero."""

from __future__ import annotations

import math
from typing import overload

import numpy as np
from numpy.typing import NDArray

__all__ = ["wrap_degrees", "wrap_radians"]


@overload
def wrap_degrees(angle: float) -> float: ...
@overload
def wrap_degrees(angle: NDArray[np.float64]) -> NDArray[np.float64]: ...
def wrap_degrees(angle: float | NDArray[np.float64]) -> float | NDArray[np.float64]:
    """Angle or angles in degrees, wrapped into [-180, 180).

    Examples:
        >>> wrap_degrees(190.0), wrap_degrees(180.0), wrap_degrees(-45.0)
        (-170.0, -180.0, -45.0)
    """
    return (angle + 180) % 360 - 180


@overload
def wrap_radians(angle: float) -> float: ...
@overload
def wrap_radians(angle: NDArray[np.float64]) -> NDArray[np.float64]: ...
def wrap_radians(angle: float | NDArray[np.float64]) -> float | NDArray[np.float64]:
    """Angle or angles in radians, wrapped into [-pi, pi).

    Examples:
        >>> wrap_radians(math.pi), wrap_radians(-math.pi / 2) == -math.pi / 2
        (-3.141592653589793, True)
    """
    return (angle + math.pi) % (2 * math.pi) - math.pi
