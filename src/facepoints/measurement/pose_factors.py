"""Numbers that correct head pose, measured on people who were told where to look.

The command that writes them into this file, to run again when the built-in network changes:

    python recipes/head_pose.py --slopes --install

It compares the angles of the fitted mean head to the directions of Pointing'04 (Gourier, Hall &
Crowley 2004), persons 1 and 2, who were told to look at marks on the walls. The slope of
the yaw puts it on the scale of these marks. The level of the pitch is that of 300 portraits. The
rotation in `HeadPose.turn` is not corrected.
"""

from __future__ import annotations

__all__ = ["LEVEL_PITCH", "MODEL_RADIUS", "MODEL_YAWS", "SLOPES"]

SLOPES: dict[str, float] = {
    "yaw": 1.100,
    "pitch": 1.000,
    "roll": 1.000,
}
"""Factor of each angle of the fitted head."""

LEVEL_PITCH: float = -3.69
"""Pitch of the fitted head, in degrees, of people who look straight at the camera."""

MODEL_YAWS: tuple[float, ...] = (0.0, 30.0, 60.0, 90.0)
"""Absolute yaw in degrees, corrected, of the columns of `MODEL_RADIUS`."""

MODEL_RADIUS: dict[str, tuple[float, ...]] = {
    "yaw": (17.7, 22.0, 31.8, 31.8),
    "pitch": (23.1, 26.2, 26.2, 26.2),
    "roll": (7.5, 9.2, 15.3, 22.8),
}
"""90 % error radius in degrees that the fit does not know of: a head is not the mean head, and the
network errs the same way in all points of a face. Interpolated by yaw."""
