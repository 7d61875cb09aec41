"""Numbers of the gaze that were measured on people who look at the camera.

The command that writes them into this file, to run again when the built-in network changes:

    python recipes/gaze.py --data DATA --install
"""

from __future__ import annotations

__all__ = ["OFFSET"]

OFFSET: tuple[float, float, float] = (-0.07, -3.17, -1.90)
"""Millimeters from the middle of the corners of the left eye to its center of rotation, on the
head: to the subject's left, down, and to the camera. The right eye is its mirror image."""
