"""Frames of video files, cameras, streams and folders of numbered pictures, one after another.

A source is opened by `open_video` and gives its frames when it is iterated. OpenCV decodes:
it comes with the core install, turns frames as the file says, skips what is damaged and
scales frames of another size to that of the first.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from facepoints.errors import SettingsError
from facepoints.imaging.input_paths import find_pictures
from facepoints.video.frame import RATE, VideoSource
from facepoints.video.image_sequence import NumberedFrames
from facepoints.video.opencv_source import CapturedVideo
from facepoints.video.probe import is_camera, is_stream, is_video

__all__ = [
    "open_video",
    "video_in",
]


def open_video(source: str | Path | int, rate: float | None = None) -> VideoSource:
    """Get ready to read a video.

    Args:
        source: a video file, the number of a camera, the address of a stream (with ``://``),
            or a folder of numbered pictures.
        rate: frames per second of a folder of pictures; None: 30.

    Raises:
        DataError: no such file, no video in it, damaged, or nothing answers.
        SettingsError: a frame rate that is not positive.
    """
    _check_rate(rate)
    name = str(source)
    if isinstance(source, int) or is_camera(name):
        return CapturedVideo.of_camera(int(name))
    if is_stream(name):
        return CapturedVideo.of_stream(name)
    if os.path.isdir(name):
        return NumberedFrames(find_pictures([name]), name, rate or RATE)
    return CapturedVideo.of_file(name)


def video_in(
    inputs: Sequence[str], frames: bool = False, rate: float | None = None
) -> VideoSource | None:
    """The video that the inputs of a command mean; None if they are pictures.

    Args:
        inputs: as the user gave them.
        frames: take pictures for the frames of one video.
        rate: frames per second of pictures.

    Raises:
        DataError: see `open_video`.
        SettingsError: a video among other inputs, or a frame rate that is not positive.
    """
    _check_rate(rate)
    videos = [i for i in inputs if is_camera(i) or is_stream(i) or is_video(i)]
    if videos and len(inputs) > 1:
        raise SettingsError(f"one video at a time: {videos[0]} came with {len(inputs) - 1} more")
    if videos:
        return open_video(videos[0])
    if frames and len(inputs) == 1 and not glob.has_magic(inputs[0]):
        return open_video(inputs[0], rate)
    if frames:
        return NumberedFrames(find_pictures(inputs), inputs[0] if inputs else "", rate or RATE)
    return None


def _check_rate(rate: float | None) -> None:
    if rate is not None and not 0 < rate < 10_000:
        raise SettingsError(f"a frame rate is positive and below 10000, {rate} is not")
