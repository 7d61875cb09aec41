"""Numbers that correct head pose, measured on people who were told where to look.

The command that writes them into this file, to run again when the built-in network changes:

    python recipes/head_pose.py --install

It compares the angles of the fitted mean head to those of Pointing'04 (Gourier, Hall & Crowley
2004), persons 1 and 2. They looked at marks on the walls. A head turns less than the eyes, so the
angles of the marks exceed the rotation of the head, most of all in pitch; the corrected angles are
those of the marks. The rotation in `HeadPose.turn` is not corrected.
"""

from __future__ import annotations

__all__ = ["LEVEL_PITCH", "MODEL_RADIUS", "MODEL_YAWS", "SLOPES"]

SLOPES: dict[str, float] = {
    "yaw": 1.0,
    "pitch": 1.0,
    "roll": 1.0,
}
"""Factor of each angle of the fitted head."""

LEVEL_PITCH: float = 0.0
"""Pitch of the fitted head, in degrees, of people who look straight at the camera."""

MODEL_YAWS: tuple[float, ...] = (0.0, 30.0, 60.0, 90.0)
"""Absolute yaw in degrees, corrected, of the columns of `MODEL_RADIUS`."""

MODEL_RADIUS: dict[str, tuple[float, ...]] = {
    "yaw": (6.0, 8.0, 10.0, 14.0),
    "pitch": (6.0, 8.0, 10.0, 14.0),
    "roll": (3.0, 4.0, 6.0, 10.0),
}
"""90 % error radius in degrees that the fit does not know of: a head is not the mean head, and the
network errs the same way in all points of a face. Interpolated by yaw."""
