"""Video files that play in a browser: H.264, yuv420p, MP4 with its index in front.

PyAV encodes; it is the extra ``facepoints[video]``.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints._util.files import atomic_file
from facepoints.errors import DataError, MissingExtraError, WriteError
from facepoints.imaging import affine

__all__ = ["VideoWriter"]

_CLOCK = 90_000  # ticks per second, the usual of MPEG; every common frame rate divides it
_LEAST = 16  # pixels: players refuse smaller pictures than a block of the coder
_QUALITY = {"crf": "20", "preset": "veryfast"}


class VideoWriter:
    """Writes a video frame by frame; a context manager.

    When the block ends, the file is there, whole; also when it ends by Ctrl-C. When an error
    ends it, or the disk fills, there is none: what `path` was, it still is.

    The first frame says the size, made even as the format wants; frames of another size are
    fitted into it with their proportions. Frames keep their times.

    Args:
        path: file to write.
        rate: usual frames per second, for players that ask.

    Raises:
        MissingExtraError: PyAV is not installed.
        WriteError: the file cannot be written.
    """

    def __init__(self, path: Path, fps: float) -> None:
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

    def __enter__(self) -> VideoWriter:
        self._file = self._stack.enter_context(atomic_file(self.path))
        return self

    def add(self, image: NDArray[np.uint8], time: float) -> None:
        """Append a frame.

        Args:
            image: (H, W, 3) RGB.
            time: seconds from the beginning, later than the frame before.

        Raises:
            WriteError: the disk is full, or the coder refuses the picture.
        """
        try:
            if self._container is None:
                self._open(*image.shape[:2])
            assert self._container is not None
            stream = self._stream
            picture = _fitted(image, stream.width, stream.height)
            frame = self._av.VideoFrame.from_ndarray(picture, format="rgb24")
            self._last = max(round(time * _CLOCK), self._last + 1)
            frame.pts, frame.time_base = self._last, Fraction(1, _CLOCK)
            self._container.mux(stream.encode(frame))
        except (OSError, ValueError, self._av.error.FFmpegError) as error:
            raise self._failed(error) from error
        self.frames += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        wanted = error is None or isinstance(error, KeyboardInterrupt)
        failure: BaseException | None = None
        if wanted and self.frames == 0:
            failure = DataError(f"no frame to write to {self.path}")
        try:
            if self._container is not None and wanted:
                self._container.mux(self._stream.encode())
                self._container.close()
        except (OSError, ValueError, self._av.error.FFmpegError) as problem:
            failure = self._failed(problem)
        if not wanted or failure is not None:
            if self._container is not None:
                with suppress(Exception):  # it failed already
                    self._container.close()
            why = failure or error
            self._stack.__exit__(None if why is None else type(why), why, None)
            if failure is not None:
                raise failure
            return
        self._stack.close()

    def _open(self, height: int, width: int) -> None:
        options = {"movflags": "+faststart"}
        self._container = self._av.open(str(self._file), "w", format="mp4", options=options)
        coder = "libx264" if "libx264" in self._av.codecs_available else "h264"
        stream = self._container.add_stream(coder, rate=self._fps)
        stream.width, stream.height = _side(width), _side(height)
        stream.pix_fmt = "yuv420p"
        stream.options = dict(_QUALITY) if coder == "libx264" else {}
        stream.codec_context.time_base = Fraction(1, _CLOCK)
        stream.time_base = Fraction(1, _CLOCK)
        self._stream = stream

    def _failed(self, error: BaseException) -> WriteError:
        reason = getattr(error, "strerror", None) or error
        return WriteError(f"could not write {self.path}: {reason}")


def _side(pixels: int) -> int:
    """Pixels of a video for so many of a picture."""
    return max(pixels + pixels % 2, _LEAST)


def _fitted(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """A picture of exactly this size: its border repeated by a pixel, or, if it is of
    another size, the whole in the middle of black."""
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
