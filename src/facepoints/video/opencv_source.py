"""Reads video files, cameras and streams with OpenCV."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.video.frame import DEFAULT_FPS, Frame, count_gaps
from facepoints.video.probe import MP4_BOXES, check_video_file, is_video

__all__ = ["OpenCVSource"]


_LIVE_TIMEOUT = 5.0  # seconds without a frame after which a camera or stream has ended
_MAX_FAILURES = 60  # frames in a row that cannot be decoded, after which a file has ended
_STREAM_TIMEOUT = 10_000  # milliseconds for a stream to open or continue
_MANY_BLACK = 0.2  # fraction of the frames that are black, above which the user is told
_MAX_STEP = 86_400  # seconds between two frames; a larger step is a wrong time stamp


class OpenCVSource:
    """A `VideoSource` that OpenCV's VideoCapture reads. Create it with its class methods.

    Args:
        name: as the user gave it.
        capture: opened.
        live: True for a camera or stream.
        stamped: True if the capture knows the time of each frame; else the clock is used.
    """

    def __init__(self, name: str, capture: cv2.VideoCapture, live: bool, stamped: bool) -> None:
        self.name, self.live = name, live
        self.lost, self.note = 0, ""
        fps = float(capture.get(cv2.CAP_PROP_FPS))
        self.fps = fps if 0.1 < fps < 1000 else DEFAULT_FPS
        count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.total = int(count) if 0 < count < 1e9 and not live else 0
        self.counted = False
        """True if the file itself says how many frames it has."""
        self._capture, self._stamped = capture, stamped
        self._black = 0

    @classmethod
    def of_file(cls, path: str | Path) -> OpenCVSource:
        """Open a video file. Raises DataError if it does not exist or is not a video."""
        name = str(path)
        check_video_file(name)
        # as an absolute path: OpenCV takes a name with a colon for an address
        capture = cv2.VideoCapture(os.path.abspath(name), cv2.CAP_FFMPEG)
        if not capture.isOpened():
            reason = "is not a video of a known format"
            if is_video(name):
                reason = "is cut off, damaged, or has no images (only sound)"
            raise DataError(f"{name} could not be opened as a video: it {reason}")
        video = cls(name, capture, live=False, stamped=True)
        with open(name, "rb") as file:
            video.counted = file.read(8)[4:] in MP4_BOXES
        return video

    @classmethod
    def of_camera(cls, number: int) -> OpenCVSource:
        """Open a camera. Raises DataError if it does not respond."""
        capture = cv2.VideoCapture(number)
        if not capture.isOpened():
            raise DataError(
                f"camera {number} does not respond: check that it is plugged in, not used by "
                f"another program, and that this program may use it; the first camera is 0"
            )
        return cls(f"camera {number}", capture, live=True, stamped=False)

    @classmethod
    def of_stream(cls, address: str) -> OpenCVSource:
        """Open a stream. Raises DataError if it does not respond within ten seconds."""
        limits = (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, cv2.CAP_PROP_READ_TIMEOUT_MSEC)
        options = [number for limit in limits for number in (limit, _STREAM_TIMEOUT)]
        capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, options)
        if not capture.isOpened():
            raise DataError(
                f"no video at {address}: OpenCV could not open the stream within "
                f"{_STREAM_TIMEOUT / 1000:g} seconds; check the address"
            )
        return cls(address, capture, live=True, stamped=True)

    def __iter__(self) -> Iterator[Frame]:
        """The frames in order.

        Raises:
            DataError: no frame could be decoded.
        """
        last, start, index = -1.0, None, 0
        stamps: list[float] = []
        try:
            while (image := self._next()) is not None:
                now = time.monotonic()
                if self._stamped:
                    now = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
                start = now if start is None else start
                stamp = now - start
                if not last < stamp < last + _MAX_STEP:  # the stamp stands still or jumps
                    start -= max(last + 1 / self.fps - stamp, 0.0)
                    stamp = last + 1 / self.fps if index else 0.0
                last = stamp
                stamps.append(stamp)
                self._black += not image.any()
                yield Frame(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), index, stamp, self.name)  # type: ignore[arg-type]
                index += 1
        finally:
            self._capture.release()
        self._report_losses(index, stamps)

    def _next(self) -> NDArray | None:
        """The next frame (H, W, 3) in BGR order; None at the end."""
        failures, since = 0, time.monotonic()
        while True:
            try:
                ok, image = self._capture.read()
            except cv2.error:
                ok, image = False, None
            if ok and image is not None and image.size:
                return image
            failures += 1
            if self.live:
                if time.monotonic() - since > _LIVE_TIMEOUT:
                    return None
                time.sleep(0.01)
            elif failures > _MAX_FAILURES or not self._capture.isOpened():
                return None

    def _report_losses(self, frames: int, stamps: Sequence[float]) -> None:
        """Set `lost` and `note` after the last frame. Raises DataError if there was no frame."""
        if frames == 0:
            raise DataError(f"{self.name} has no frame that could be decoded")
        if self._black == frames and not self.live:
            raise DataError(
                f"every frame of {self.name} is black as OpenCV {cv2.__version__} decodes it, as "
                f"it does interlaced video; install PyAV, which decodes it: "
                f"pip install 'facepoints[video]'"
            )
        if self._black > frames * _MANY_BLACK:
            self.note = (
                f"{self._black} of {frames} frames are black as OpenCV decodes them; PyAV may "
                f"decode them: pip install 'facepoints[video]'"
            )
        if self.live:
            self.note = f"{self.name} sent no more frames"
        elif self.counted:
            self.lost = max(self.total - frames, 0)
            if self.lost and self.total / self.fps - stamps[-1] > 2.5 / self.fps:
                self.note = self.note or (
                    f"{self.name} breaks off after {stamps[-1]:.1f} s: it is cut off or damaged"
                )
        else:
            self.lost = count_gaps(stamps)
