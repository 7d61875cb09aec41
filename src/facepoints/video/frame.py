"""A frame of a video, and the protocol of sources that yield frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import SettingsError

__all__ = ["DEFAULT_FPS", "Frame", "VideoSource", "check_fps", "count_gaps"]

DEFAULT_FPS = 30.0
"""Frames per second of images, and of sources that do not report their frame rate."""

_MAX_FPS = 10_000
_MAX_GAP = 10.0  # seconds between two frames; a longer step is a pause and no loss


def check_fps(fps: float | None) -> None:
    """Check a frame rate that a user gave. None (the default rate) is accepted.

    Raises:
        SettingsError: it is not above 0 and below 10000.
    """
    if fps is not None and not (isinstance(fps, Real) and 0 < fps < _MAX_FPS):
        raise SettingsError(
            f"a frame rate must be a number above 0 and below {_MAX_FPS}, is {fps!r:.40}"
        )


def count_gaps(times: Sequence[float]) -> int:
    """Number of frames that are missing between frames at these times.

    At a steady frame rate, a longer step means lost frames. It is 0 if the rate varies. Steps of
    more than 10 seconds are pauses.
    """
    if len(times) < 3:
        return 0
    steps = np.diff(times)
    typical = float(np.median(steps))
    if typical <= 0 or np.mean(np.abs(steps / typical - 1) < 0.1) <= 0.5:
        return 0
    steps = steps[steps < _MAX_GAP]
    return int(np.sum(np.maximum(np.rint(steps / typical) - 1, 0)))


@dataclass(frozen=True, eq=False)
class Frame:
    """An image of a video.

    Attributes:
        image: (H, W, 3) RGB uint8, upright.
        index: number of the frame, from 0. Frames of a video file that cannot be decoded are not
            counted; unreadable images of a folder are.
        time: seconds since the first frame, strictly increasing.
        file: the video or image file that the frame is from.
    """

    image: NDArray[np.uint8]
    index: int
    time: float
    file: str


class VideoSource(Protocol):
    """A video, camera or image sequence. Iterating it yields its frames, once.

    Frames are read ahead in another thread and kept for a while, so each needs an array of its own.
    If the iterator has a method `close`, it is called at the end, also at an early one.

    Attributes:
        name: file, folder, camera number or address, as the user gave it.
        fps: frames per second, or `DEFAULT_FPS` if that is not known in advance.
        total: number of frames to come, or 0 if that is not known.
        live: True for cameras and streams: frames that are not read in time are lost.
        lost: number of frames so far that could not be decoded or read, 0 if that is not
            known.
        note: why the source ended early; empty if it did not.
    """

    name: str
    fps: float
    total: int
    live: bool
    lost: int
    note: str

    def __iter__(self) -> Iterator[Frame]: ...
