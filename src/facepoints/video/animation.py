"""Reads animated images (GIF, APNG, WebP, AVIF) and TIFF files of many pages as videos."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.imaging.colors import composite_on_white
from facepoints.imaging.decoding import MAX_PIXELS
from facepoints.imaging.image_frames import count_frames, whole_frames
from facepoints.imaging.image_header import HEAD_BYTES, kind_of, read_header
from facepoints.imaging.opencv_decoder import quiet_opencv
from facepoints.imaging.tiff import decode_tiff_pages
from facepoints.video.frame import DEFAULT_FPS, Frame
from facepoints.video.probe import check_video_file

__all__ = ["AnimationSource", "is_animation"]

_CHUNK_BYTES = 2**27  # of decoded frames that are held at a time
_USUAL_DURATION = 0.1  # seconds of a frame that states none, as in browsers


def is_animation(path: str | Path) -> bool:
    """True if a file is an animated image, or a TIFF file of several pages."""
    if not Path(path).is_file():
        return False
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
            kind = kind_of(head)
            return bool(kind) and count_frames(head + file.read(), kind) > 1
    except OSError:
        return False


class AnimationSource:
    """A `VideoSource` of an animated image. Transparent pixels are composited on white.

    Args:
        path: the file.
        fps: pages per second of a TIFF file, which holds no times.

    Raises:
        DataError: there is no such file, or OpenCV does not read such animations.
    """

    def __init__(self, path: str | Path, fps: float = DEFAULT_FPS) -> None:
        self.name, self.live = str(path), False
        self.lost, self.note = 0, ""
        check_video_file(self.name)
        self._data = Path(self.name).read_bytes()
        self._header = read_header(self._data)
        kind = self._header.kind if self._header else ""
        self.total = count_frames(self._data, kind)
        self._pages = kind == "TIFF"
        self.fps = fps if self._pages else 1 / _USUAL_DURATION
        if not self._pages and not hasattr(cv2, "imreadanimation"):
            raise DataError(
                f"{self.name} is an animation, which OpenCV {cv2.__version__} does not read; "
                f"upgrade it: pip install -U opencv-python-headless"
            )

    def __iter__(self) -> Iterator[Frame]:
        """The frames in order.

        Raises:
            DataError: no frame could be decoded.
        """
        index, time = 0, 0.0
        frames = self._page_images() if self._pages else self._animation()
        for image, duration in frames:
            yield Frame(image, index, time, self.name)
            index, time = index + 1, time + duration
        if index == 0:
            raise DataError(
                f"{self.name} has no frame that could be decoded: it is cut off or damaged"
            )
        self.lost = max(self.total - index, 0)
        if self.lost:
            self.note = f"{self.name} breaks off after frame {index} of {self.total}"

    def _page_images(self) -> Iterator[tuple[NDArray[np.uint8], float]]:
        for image in decode_tiff_pages(self._data, self.name, MAX_PIXELS):
            yield image, 1 / self.fps

    def _animation(self) -> Iterator[tuple[NDArray[np.uint8], float]]:
        assert self._header is not None
        whole = whole_frames(self._data, self._header.kind)
        if whole is self._data:
            yield from self._frames_of(os.path.abspath(self.name), self.total)
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "whole"
            path.write_bytes(whole)
            yield from self._frames_of(str(path), count_frames(whole, self._header.kind))

    def _frames_of(self, path: str, count: int) -> Iterator[tuple[NDArray[np.uint8], float]]:
        """Up to `count` frames of a file, and how long each is shown, in seconds."""
        assert self._header is not None
        size = max(1, self._header.width * self._header.height * 4)
        chunk = max(1, _CHUNK_BYTES // size)
        for start in range(0, count, chunk):
            asked = min(chunk, count - start)
            frames = _decode(path, start, asked)
            if not frames:  # a damaged frame spoils all; the frames before it come one by one
                singles = (_decode(path, number, 1) for number in range(start, count))
                for single in itertools.takewhile(len, singles):
                    yield from single
                return
            yield from frames
            if len(frames) < asked:
                return


def _decode(path: str, start: int, count: int) -> list[tuple[NDArray[np.uint8], float]]:
    """Some frames, and how long each is shown, in seconds; none if one is damaged."""
    with quiet_opencv():
        try:
            # from the file: OpenCV cannot decode WebP and AVIF animations in memory
            done, animation = cv2.imreadanimation(path, start, count)
        except cv2.error:
            return []
    images = animation.frames if done else []
    durations = [int(d) for d in animation.durations] if done else []
    durations += [0] * (len(images) - len(durations))
    return [(_rgb(i), _seconds(d)) for i, d in zip(images, durations, strict=False)]


def _seconds(milliseconds: int) -> float:
    return milliseconds / 1000 if milliseconds > 0 else _USUAL_DURATION


def _rgb(image: NDArray) -> NDArray[np.uint8]:
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    rgb = np.ascontiguousarray(image[..., 2::-1])
    return composite_on_white(rgb, image[..., 3]) if image.shape[2] == 4 else rgb
