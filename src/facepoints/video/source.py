"""Opens video files, cameras, streams and folders of numbered images.

`open_video` opens a source; iterating it yields its frames. OpenCV decodes: it comes with the
core install, rotates frames as the file says, skips damaged frames and scales frames of another
size to that of the first.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from facepoints.errors import SettingsError
from facepoints.imaging.input_paths import find_images
from facepoints.video.frame import DEFAULT_FPS, VideoSource, check_fps
from facepoints.video.image_sequence import ImageSequence
from facepoints.video.opencv_source import OpenCVSource
from facepoints.video.probe import is_camera, is_stream, is_video

__all__ = ["find_video", "open_video"]


def open_video(source: str | Path | int, fps: float | None = None) -> VideoSource:
    """Open a video.

    Args:
        source: a video file, the number of a camera, the address of a stream (with ``://``),
            or a folder of numbered images.
        fps: frames per second of a folder of images; None: 30.

    Raises:
        DataError: no such file or folder, not a video, damaged, or the camera or stream does
            not respond.
        SettingsError: a frame rate out of range.
    """
    check_fps(fps)
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
    """The video among the inputs of a command, or None if all are images.

    Args:
        inputs: as the user gave them.
        frames: read images as the frames of one video.
        fps: frames per second of these images; None: 30.

    Raises:
        DataError: see `open_video`.
        SettingsError: a video among other inputs, or a frame rate out of range.
    """
    check_fps(fps)
    videos = [i for i in inputs if is_camera(i) or is_stream(i) or is_video(i)]
    if videos and len(inputs) > 1:
        raise SettingsError(
            f"one video at a time: {videos[0]} came with {len(inputs) - 1} other inputs; "
            f"run the command once for each"
        )
    if videos:
        return open_video(videos[0])
    if frames and len(inputs) == 1 and not glob.has_magic(inputs[0]):
        return open_video(inputs[0], fps)
    if frames:
        return ImageSequence(find_images(inputs), inputs[0] if inputs else "", fps or DEFAULT_FPS)
    return None
