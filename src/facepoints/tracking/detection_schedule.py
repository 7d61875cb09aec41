"""Decides in which frames of a video the face detector runs."""

from __future__ import annotations

import numpy as np

from facepoints.tracking.config import DetectionConfig
from facepoints.video.frame import Frame

__all__ = ["DetectionSchedule"]


class DetectionSchedule:
    """In every frame while faces come and go, then at intervals that double.

    Args:
        config: longest intervals.
        every: run the detector in every N-th frame instead; None: as above.
    """

    def __init__(self, config: DetectionConfig, every: int | None) -> None:
        self.config, self.every = config, every
        self._frame = -1  # frame and time of the last run
        self._time = -np.inf
        self._interval = 0.0  # seconds to the next run

    def is_due(self, frame: Frame, *, searching: bool) -> bool:
        """True if the detector should run in this frame.

        Args:
            frame: the next frame.
            searching: no face is tracked, or one is lost.
        """
        if self.every is not None:
            return frame.index - self._frame >= self.every or self._frame < 0
        limit = self.config.busy_interval if searching else self.config.quiet_interval
        return frame.time - self._time >= min(self._interval, limit) - 1e-6

    def record_loss(self) -> None:
        """A face was lost: the detector should run in the next frame."""
        self._interval = 0.0

    def record_run(self, frame: Frame, found_new: bool) -> None:
        """The detector ran in this frame.

        Args:
            frame: in which it ran.
            found_new: it found a face that was not tracked.
        """
        elapsed, longest = frame.time - self._time, self.config.quiet_interval
        self._frame, self._time = frame.index, frame.time
        self._interval = 0.0 if found_new else min(2 * max(min(elapsed, longest), 1e-3), longest)
