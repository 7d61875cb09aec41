"""Opens video files, cameras, streams, animations and folders of numbered images.

`open_video` opens a source; iterating it yields its frames. PyAV decodes video files if it is
installed (the extra ``facepoints[video]``), and OpenCV does else. OpenCV decodes cameras and
streams.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from numbers import Integral
from pathlib import Path

from facepoints._util.words import count_noun
from facepoints.errors import DataError, SettingsError
from facepoints.imaging.image_header import HEAD_BYTES, kind_of
from facepoints.imaging.image_io import check_regular
from facepoints.imaging.input_paths import find_files, find_images, listed_files
from facepoints.video.animation import AnimationSource, is_animation
from facepoints.video.frame import DEFAULT_FPS, VideoSource, check_fps
from facepoints.video.image_sequence import ImageSequence
from facepoints.video.opencv_source import OpenCVSource
from facepoints.video.probe import is_camera, is_stream, is_video
from facepoints.video.pyav_source import PyAVSource

__all__ = ["FoundInputs", "VideoInput", "find_inputs", "open_video"]

_MAX_CAMERA = 99  # from 100 on, OpenCV takes the hundreds for a driver
_LISTED = 3  # videos that are named in a message


def open_video(source: str | Path | int, fps: float | None = None) -> VideoSource:
    """Open a video.

    Args:
        source: a video file, the number of a camera, the address of a stream (with ``://``), an
            animated image (GIF, APNG, WebP, AVIF), a TIFF file of many pages, or a folder of
            numbered images.
        fps: frames per second of a folder of images, and of pages; None: 30.

    Raises:
        DataError: no such file or folder, not a video, damaged, or the camera or stream does
            not respond.
        SettingsError: a frame rate or camera number out of range, or a value of another type.
    """
    check_fps(fps)
    if isinstance(source, Integral):
        return OpenCVSource.of_camera(_camera_number(source))
    if not isinstance(source, str | Path):
        raise SettingsError(
            f"a video is a file, a camera number, an address or a folder, got "
            f"{type(source).__name__}"
        )
    name = str(source)
    if is_camera(name):
        return OpenCVSource.of_camera(_camera_number(int(name)))
    if is_stream(name):
        return OpenCVSource.of_stream(name)
    if os.path.isdir(name):
        return ImageSequence(find_images([name]), name, fps or DEFAULT_FPS)
    if is_animation(name):
        return AnimationSource(name, fps or DEFAULT_FPS)
    return PyAVSource(name) if _has_pyav() else OpenCVSource.of_file(name)


def _camera_number(number: object) -> int:
    """The number of a camera. OpenCV may crash on others. Raises SettingsError."""
    if isinstance(number, bool) or not 0 <= int(number) <= _MAX_CAMERA:  # type: ignore[call-overload]
        raise SettingsError(
            f"the number of a camera is from 0 (the first) to {_MAX_CAMERA}, got {number!r:.40}"
        )
    return int(number)  # type: ignore[call-overload]


def _has_pyav() -> bool:
    try:
        return find_spec("av") is not None
    except ValueError:  # marked as missing in sys.modules
        return False


@dataclass(frozen=True)
class VideoInput:
    """A video among the inputs of a command, which is not open yet.

    Attributes:
        name: as the user gave it, or its path in the folder that the user gave.
        open: opens it; raises the errors of `open_video`.
        live: True for a camera or stream.
    """

    name: str
    open: Callable[[], VideoSource] = field(repr=False)
    live: bool = False


@dataclass(frozen=True)
class FoundInputs:
    """What the inputs of a command are: either images or videos.

    Attributes:
        images: image files; empty if there are videos.
        videos: in the order of the inputs.
        passed_over: a sentence on the files of folders that are left out; empty if none is.
    """

    images: list[str]
    videos: list[VideoInput]
    passed_over: str = ""


def find_inputs(
    inputs: Sequence[str],
    frames: bool = False,
    fps: float | None = None,
    results: Path | None = None,
) -> FoundInputs:
    """Find out what the inputs of a command are.

    In a folder with images, videos are passed over. A folder without images gives its videos.

    Args:
        inputs: as the user gave them.
        frames: read images as the frames of one video.
        fps: frames per second of these images; None: 30.
        results: folder that is not searched, because images are written to it.

    Raises:
        DataError: an input does not exist, or holds neither an image nor a video.
        SettingsError: images and videos are both named, a camera or stream comes with other
            inputs, or a frame rate is out of range.
    """
    check_fps(fps)
    live = [name for name in inputs if is_camera(name) or is_stream(name)]
    if live and len(inputs) > 1:
        raise SettingsError(
            f"one camera or stream at a time: {live[0]} came with {len(inputs) - 1} other inputs; "
            f"run the command once for each"
        )
    if live:
        return FoundInputs([], [VideoInput(live[0], lambda: open_video(live[0]), True)])
    if frames and len(inputs) == 1 and not glob.has_magic(inputs[0]):
        name = inputs[0]
        if is_animation(name) or (os.path.exists(name) and not _is_image_or_folder(name)):
            return FoundInputs([], [VideoInput(name, lambda: open_video(name, fps))])
    found = find_files(inputs, results, lambda path: is_video(path))
    if found.images and found.named:
        raise SettingsError(
            f"videos and images are processed separately: {found.named[0]} came with "
            f"{count_noun(len(found.images), 'image')}; run the command once for each kind"
        )
    videos = [] if found.images else found.videos
    passed_over = _passed_over(found.videos if found.images else [], found.others)
    if frames and found.images:
        name = inputs[0] if inputs else ""
        sequence = VideoInput(name, lambda: ImageSequence(found.images, name, fps or DEFAULT_FPS))
        return FoundInputs([], [sequence], passed_over)
    return FoundInputs(found.images, [_of_file(name) for name in videos], passed_over)


def _is_image_or_folder(name: str) -> bool:
    if os.path.isdir(name):
        return True
    try:
        check_regular(name)
        with open(name, "rb") as file:
            return bool(kind_of(file.read(HEAD_BYTES)))
    except (OSError, DataError):
        return False  # opening it as a video gives the error


def _of_file(name: str) -> VideoInput:
    return VideoInput(name, lambda: open_video(name))


def _passed_over(videos: Sequence[str], others: Sequence[str]) -> str:
    """A sentence on the files of folders that are left out; empty if there are none."""
    parts = []
    if videos:
        names = ", ".join(os.path.basename(video) for video in videos[:_LISTED])
        more = ", ..." if len(videos) > _LISTED else ""
        parts.append(
            f"{count_noun(len(videos), 'video')} ({names}{more}; name videos themselves, without "
            f"images, to process them)"
        )
    if others:
        parts.append(listed_files(others))
    return f"passed over: {' and '.join(parts)}" if parts else ""
