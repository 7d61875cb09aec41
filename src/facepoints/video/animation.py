"""Reads animated images (GIF, APNG, WebP, AVIF) and TIFF files of many pages as videos."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.imaging.decoding import composite_on_white, decode_pages, quiet_opencv
from facepoints.imaging.image_frames import count_frames
from facepoints.imaging.image_header import HEAD_BYTES, kind_of, read_header
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
        for image in decode_pages(self._data, self.name):
            yield image, 1 / self.fps

    def _animation(self) -> Iterator[tuple[NDArray[np.uint8], float]]:
        assert self._header is not None
        size = max(1, self._header.width * self._header.height * 4)
        chunk = max(1, _CHUNK_BYTES // size)
        for start in range(0, self.total, chunk):
            images, durations = self._decode(start, min(chunk, self.total - start))
            if not images:  # a damaged frame spoils all; the frames before it come one by one
                yield from self._one_by_one(start)
                return
            for image, duration in zip(images, durations, strict=True):
                yield _rgb(image), _seconds(duration)
            if len(images) < min(chunk, self.total - start):
                return

    def _one_by_one(self, start: int) -> Iterator[tuple[NDArray[np.uint8], float]]:
        for number in range(start, self.total):
            images, durations = self._decode(number, 1)
            if not images:
                return
            yield _rgb(images[0]), _seconds(durations[0])

    def _decode(self, start: int, count: int) -> tuple[Sequence[NDArray], Sequence[int]]:
        """Some frames, and how long each is shown, in milliseconds."""
        with quiet_opencv():
            try:
                # from the file: OpenCV cannot decode WebP and AVIF animations in memory
                done, animation = cv2.imreadanimation(os.path.abspath(self.name), start, count)
            except cv2.error:
                return [], []
        images = animation.frames if done else []
        durations = [int(d) for d in animation.durations] if done else []
        durations += [0] * (len(images) - len(durations))
        return images, durations[: len(images)]


def _seconds(milliseconds: int) -> float:
    return milliseconds / 1000 if milliseconds > 0 else _USUAL_DURATION


def _rgb(image: NDArray) -> NDArray[np.uint8]:
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    rgb = np.ascontiguousarray(image[..., 2::-1])
    return composite_on_white(rgb, image[..., 3]) if image.shape[2] == 4 else rgb
