"""Numbers of the gaze that were measured on people who look in known directions.

The command that writes them into this file, to run again when the built-in network changes:

    python recipes/gaze_fit.py --data DATA --install
"""

from __future__ import annotations

__all__ = ["OFFSET", "RADIUS_FACTORS", "SHIFT", "TURN_FORM", "TURN_RADII"]

OFFSET: tuple[float, float, float] = (0.25, -3.22, -4.18)
"""Millimeters from the middle of the corners of the left eye to its center of rotation, on the
head: to the subject's left, down, and to the camera. The right eye is its mirror image. By anatomy,
the center lies about 5 mm behind the corners."""

SHIFT: float = -0.49
"""Millimeters by which irises are found too far to the right of the image, compared to the corners
of the eye: the network errs to one side, in photos and in their mirror images."""

RADIUS_FACTORS: tuple[float, float] = (0.74, 1.25)
"""Factors of the radius of yaw and pitch that follows from the errors of irises and corners."""

TURN_FORM: str = "head"
"""What adds to the radius, one of `gaze.TURN_FORMS`; chosen on people who are not in the test."""

TURN_RADII: tuple[float, float] = (0.34, 0.19)
"""Factors of what adds to the radius of yaw and pitch."""
