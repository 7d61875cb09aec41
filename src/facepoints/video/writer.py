"""Writes video files that browsers can play: H.264, yuv420p, MP4 with the index at the start.

PyAV encodes; it is installed by the extra ``facepoints[video]``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints._util.files import atomic_file
from facepoints.errors import DataError, MissingExtraError, WriteError
from facepoints.imaging import affine
from facepoints.video.sound import SoundCopy

__all__ = ["VideoWriter"]

_CLOCK = 90_000  # ticks per second, as usual for MPEG; every common frame rate divides it
_MIN_SIDE = 16  # pixels: players refuse frames smaller than a block of the encoder
_QUALITY = {"crf": "20", "preset": "veryfast"}


class VideoWriter:
    """Writes a video frame by frame; use it as a context manager.

    After the block, also after Ctrl-C, the file is complete. After any other error, or if the
    disk is full, `path` is as it was before.

    The first frame sets the size, rounded up to even sides as the format requires. Frames of
    another size are fitted into it with their proportions. Frames keep their times.

    Args:
        path: file to write.
        fps: usual frames per second, for players that ask.
        sound: opens the sound to keep (`video.sound`), called with the first frame; None: no
            sound.

    Raises:
        MissingExtraError: PyAV is not installed.
        WriteError: the file cannot be written.
    """

    def __init__(
        self, path: Path, fps: float, sound: Callable[[], SoundCopy] | None = None
    ) -> None:
        try:
            import av
        except ModuleNotFoundError as error:
            raise MissingExtraError("av", "video", "writing a video") from error
        self.path = path
        self.frames = 0
        self._av: Any = av
        self._fps = Fraction(fps).limit_denominator(1001)
        self._stack = ExitStack()
        self._container: Any = None
        self._stream: Any = None
        self._last = -1
        self._open_sound = sound
        self._sound: SoundCopy | None = None

    @property
    def note(self) -> str:
        """The reason why sound was left out; empty if it was not."""
        return "" if self._sound is None else self._sound.note

    def __enter__(self) -> VideoWriter:
        self._file = self._stack.enter_context(atomic_file(self.path))
        return self

    def add(self, image: NDArray[np.uint8], time: float) -> None:
        """Append a frame.

        Args:
            image: (H, W, 3) RGB.
            time: seconds since the start, later than the frame before.

        Raises:
            WriteError: the disk is full, or the encoder refuses the frame.
        """
        try:
            if self._container is None:
                self._open(*image.shape[:2])
            assert self._container is not None
            stream = self._stream
            fitted = _fit(image, stream.width, stream.height)
            frame = self._av.VideoFrame.from_numpy_buffer(fitted, format="rgb24")  # no copy
            self._last = max(round(time * _CLOCK), self._last + 1)
            frame.pts, frame.time_base = self._last, Fraction(1, _CLOCK)
            self._container.mux(stream.encode(frame))
            if self._sound is not None:
                self._sound.write(time)
        except (OSError, ValueError, self._av.error.FFmpegError) as error:
            raise self._failed(error) from error
        self.frames += 1

    def __exit__(self, *exc: object) -> None:
        error = exc[1] if isinstance(exc[1], BaseException) else None
        wanted = error is None or isinstance(error, KeyboardInterrupt)
        failure = self._finish() if wanted else None
        if wanted and failure is None:
            self._stack.close()
            return
        if self._container is not None:
            with suppress(Exception):  # it failed already
                self._container.close()
        why = failure or error
        self._stack.__exit__(None if why is None else type(why), why, None)
        if failure is not None:
            raise failure

    def _finish(self) -> BaseException | None:
        """Write the last frames and the index. Returns the error if that fails."""
        if self.frames == 0:
            return DataError(f"no frame to write to {self.path}")
        try:
            self._container.mux(self._stream.encode())
            if self._sound is not None:  # up to the end of the last frame
                self._sound.write(self._last / _CLOCK + 1 / float(self._fps or 1))
            self._container.close()
        except (OSError, ValueError, self._av.error.FFmpegError) as error:
            return self._failed(error)
        return None

    def _open(self, height: int, width: int) -> None:
        options = {"movflags": "+faststart"}
        self._container = self._av.open(str(self._file), "w", format="mp4", options=options)
        encoder = "libx264" if "libx264" in self._av.codecs_available else "h264"
        stream = self._container.add_stream(encoder, rate=self._fps)
        stream.width, stream.height = _side(width), _side(height)
        stream.pix_fmt = "yuv420p"
        stream.options = dict(_QUALITY) if encoder == "libx264" else {}
        stream.codec_context.time_base = Fraction(1, _CLOCK)
        stream.time_base = Fraction(1, _CLOCK)
        self._stream = stream
        if self._open_sound is not None:
            self._sound = self._open_sound()
            self._stack.callback(self._sound.close)
            self._sound.attach(self._container)

    def _failed(self, error: BaseException) -> WriteError:
        reason = getattr(error, "strerror", None) or error
        return WriteError(f"could not write {self.path}: {reason}")


def _side(pixels: int) -> int:
    """Width or height of the video for that of the first frame, in pixels: even, 16 or more."""
    return max(pixels + pixels % 2, _MIN_SIDE)


def _fit(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Bring an image to exactly this size.

    If only the rounding to even sides differs, the border is repeated. Otherwise the image is
    scaled to fit and centered on black.
    """
    have_h, have_w = image.shape[:2]
    exact = (have_w, have_h) == (width, height)
    if (width, height) == (_side(have_w), _side(have_h)):
        margins = ((0, height - have_h), (0, width - have_w), (0, 0))
        return np.ascontiguousarray(image) if exact else np.pad(image, margins, mode="edge")
    scale = min(width / have_w, height / have_h)
    new = max(1, min(width, round(have_w * scale))), max(1, min(height, round(have_h * scale)))
    small = affine.resize(image, *new)
    left, top = (width - new[0]) // 2, (height - new[1]) // 2
    right, bottom = width - new[0] - left, height - new[1] - top
    framed = cv2.copyMakeBorder(small, top, bottom, left, right, cv2.BORDER_CONSTANT)
    return np.asarray(framed, np.uint8)
