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
from facepoints.imaging.input_paths import find_images
from facepoints.video.frame import DEFAULT_FPS, VideoSource
from facepoints.video.image_sequence import ImageSequence
from facepoints.video.opencv_source import OpenCVSource
from facepoints.video.probe import is_camera, is_stream, is_video

__all__ = [
    "find_video",
    "open_video",
]


def open_video(source: str | Path | int, fps: float | None = None) -> VideoSource:
    """Get ready to read a video.

    Args:
        source: a video file, the number of a camera, the address of a stream (with ``://``),
            or a folder of numbered pictures.
        rate: frames per second of a folder of pictures; None: 30.

    Raises:
        DataError: no such file, no video in it, damaged, or nothing answers.
        SettingsError: a frame rate that is not positive.
    """
    _check_fps(fps)
    name = str(source)
    if isinstance(source, int) or is_camera(name):
        return OpenCVSource.of_camera(int(name))
    if is_stream(name):
        return OpenCVSource.of_stream(name)
    if os.path.isdir(name):
        return ImageSequence(find_images([name]), name, fps or DEFAULT_FPS)
    return OpenCVSource.of_file(name)


def find_video(
    inputs: Sequence[str], frames: bool = False, fps: float | None = None
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
    _check_fps(fps)
    videos = [i for i in inputs if is_camera(i) or is_stream(i) or is_video(i)]
    if videos and len(inputs) > 1:
        raise SettingsError(f"one video at a time: {videos[0]} came with {len(inputs) - 1} more")
    if videos:
        return open_video(videos[0])
    if frames and len(inputs) == 1 and not glob.has_magic(inputs[0]):
        return open_video(inputs[0], fps)
    if frames:
        return ImageSequence(find_images(inputs), inputs[0] if inputs else "", fps or DEFAULT_FPS)
    return None


def _check_fps(fps: float | None) -> None:
    if fps is not None and not 0 < fps < 10_000:
        raise SettingsError(f"a frame rate is positive and below 10000, {fps} is not")
