"""A frame of a video, and what yields frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["DEFAULT_FPS", "Frame", "VideoSource"]


DEFAULT_FPS = 30.0
"""Frames per second where nobody says it."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture of a video.

    Attributes:
        image: (H, W, 3) RGB uint8, turned as a person sees it.
        index: number of the frame, from 0. Frames of a video file that could not be decoded
            have none; pictures of a folder that could not be read have theirs all the same.
        time: seconds from the first frame; rises strictly.
        file: what the frame is from.
    """

    image: NDArray[np.uint8]
    index: int
    time: float
    file: str


class VideoSource(Protocol):
    """Something that gives frames. It is iterated once.

    Attributes:
        name: as the user gave it.
        rate: frames per second, as far as it is known beforehand.
        total: frames to come, as far as it is known; 0 if it is not.
        live: whether frames are lost when they are not taken in time.
        lost: frames that could not be decoded or read so far, as far as can be told.
        note: why it ended earlier than it should have; empty if it did not.
    """

    name: str
    fps: float
    total: int
    live: bool
    lost: int
    note: str

    def __iter__(self) -> Iterator[Frame]: ...
