"""Video files, cameras and streams read by OpenCV."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.video.frame import DEFAULT_FPS, Frame
from facepoints.video.probe import _BOXES, is_video

__all__ = ["OpenCVSource"]


_PATIENCE = 5.0  # seconds without a frame after which a camera or stream is given up


_RETRIES = 60  # frames that a file may lack in a row before it is taken to be at its end


_TIMEOUT = 10_000  # milliseconds for a stream to open or go on


class OpenCVSource:
    """What OpenCV's VideoCapture reads; see `VideoSource`. Made by its class methods."""

    def __init__(self, name: str, capture: cv2.VideoCapture, live: bool, stamped: bool) -> None:
        self.name, self.live = name, live
        self.lost, self.note = 0, ""
        rate = float(capture.get(cv2.CAP_PROP_FPS))
        self.fps = rate if 0.1 < rate < 1000 else DEFAULT_FPS
        count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.total = int(count) if 0 < count < 1e9 and not live else 0
        self.counted = False  # whether the file itself says how many frames it has
        self._capture, self._stamped = capture, stamped

    @classmethod
    def of_file(cls, path: str | Path) -> OpenCVSource:
        """A video file. Raises DataError if there is none, or no frames in it."""
        name = str(path)
        if not os.path.exists(name):
            raise DataError(f"no video at {name}")
        if os.path.isdir(name):
            raise DataError(f"{name} is a folder, a video was expected")
        if not os.access(name, os.R_OK):
            raise DataError(f"could not read {name}: no permission")
        if os.path.getsize(name) == 0:
            raise DataError(f"{name} is empty (0 bytes)")
        # an absolute path, or a name with a colon would be taken for an address
        capture = cv2.VideoCapture(os.path.abspath(name), cv2.CAP_FFMPEG)
        if not capture.isOpened():
            reason = "is no video of a known kind"
            if is_video(name):
                reason = "is cut off, damaged, or holds no pictures (only sound)"
            raise DataError(f"{name} could not be opened as a video: it {reason}")
        video = cls(name, capture, live=False, stamped=True)
        with open(name, "rb") as file:
            video.counted = file.read(8)[4:] in _BOXES
        return video

    @classmethod
    def of_camera(cls, number: int) -> OpenCVSource:
        """A camera. Raises DataError if it does not answer."""
        capture = cv2.VideoCapture(number)
        if not capture.isOpened():
            raise DataError(
                f"camera {number} does not answer: see that it is plugged in, not used by "
                f"another program and allowed for this one; the first camera is 0"
            )
        return cls(f"camera {number}", capture, live=True, stamped=False)

    @classmethod
    def of_stream(cls, address: str) -> OpenCVSource:
        """A stream. Raises DataError if it does not answer within ten seconds."""
        wait = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _TIMEOUT, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _TIMEOUT]
        capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, wait)
        if not capture.isOpened():
            raise DataError(f"nothing that OpenCV can read as a video answers at {address}")
        return cls(address, capture, live=True, stamped=True)

    def __iter__(self) -> Iterator[Frame]:
        """Frames in order.

        Raises:
            DataError: not one frame could be decoded.
        """
        last, begun, index = -1.0, None, 0
        stamps: list[float] = []
        try:
            while (image := self._next()) is not None:
                now = time.monotonic()
                if self._stamped:
                    now = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
                begun = now if begun is None else begun
                stamp = now - begun
                if not last < stamp < last + 86400:  # stamps that stand still or jump
                    begun -= max(last + 1 / self.fps - stamp, 0.0)
                    stamp = last + 1 / self.fps if index else 0.0
                last = stamp
                stamps.append(stamp)
                yield Frame(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), index, stamp, self.name)  # type: ignore[arg-type]
                index += 1
        finally:
            self._capture.release()
        self._close(index, stamps)

    def _next(self) -> NDArray | None:
        """The next frame, BGR, or None at the end."""
        failed, since = 0, time.monotonic()
        while True:
            try:
                done, image = self._capture.read()
            except cv2.error:
                done, image = False, None
            if done and image is not None and image.size:
                return image
            failed += 1
            if self.live:
                if time.monotonic() - since > _PATIENCE:
                    return None
                time.sleep(0.01)
            elif failed > _RETRIES or not self._capture.isOpened():
                return None

    def _close(self, frames: int, stamps: Sequence[float]) -> None:
        """Say what was lost, now that all is read."""
        if frames == 0:
            raise DataError(f"{self.name} has no frame that could be decoded")
        if self.live:
            self.note = f"{self.name} gave no more frames"
        elif self.counted:
            self.lost = max(self.total - frames, 0)
        elif frames > 2:
            steps = np.diff(stamps)
            usual = float(np.median(steps))
            # where frames come at a steady rate, a longer step is made of lost ones
            if usual > 0 and np.mean(np.abs(steps / usual - 1) < 0.1) > 0.5:
                self.lost = int(np.sum(np.maximum(np.rint(steps / usual) - 1, 0)))
