"""Frames of video files, cameras, streams and folders of numbered pictures, one after another.

A source is opened by `open_video` and gives its frames when it is iterated. OpenCV decodes:
it comes with the core install, turns frames as the file says, skips what is damaged and
scales frames of another size to that of the first.
"""

from __future__ import annotations

import glob
import os
import queue
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError, SettingsError
from facepoints.media import find_pictures, read_picture
from facepoints.picture_header import kind_of

__all__ = [
    "CapturedVideo",
    "Frame",
    "NumberedFrames",
    "VideoSource",
    "ahead",
    "is_video",
    "open_video",
    "video_in",
]

RATE = 30.0
"""Frames per second where nobody says it."""

_PATIENCE = 5.0  # seconds without a frame after which a camera or stream is given up
_RETRIES = 60  # frames that a file may lack in a row before it is taken to be at its end
_TIMEOUT = 10_000  # milliseconds for a stream to open or go on
_MARKS = {  # what video files begin with, besides those of `_BOXES`
    b"\x1aE\xdf\xa3": "Matroska or WebM",
    b"FLV\x01": "Flash",
    b"OggS": "Ogg",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "Windows Media",
    b"\x00\x00\x01\xba": "MPEG",
    b"\x00\x00\x01\xb3": "MPEG",
    b"DKIF": "IVF",
}
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")  # of MP4 and QuickTime


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
    rate: float
    total: int
    live: bool
    lost: int
    note: str

    def __iter__(self) -> Iterator[Frame]: ...


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


def is_camera(name: str) -> bool:
    """Whether a name is the number of a camera, and of no file."""
    return name.isascii() and name.isdigit() and len(name) < 4 and not os.path.exists(name)


def is_stream(name: str) -> bool:
    """Whether a name is the address of a stream."""
    return re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", name) is not None


def is_video(path: str | Path) -> bool:
    """Whether a file is a video (or sound in the same containers), by its content. A pipe is
    none: what is read of it is gone."""
    if not Path(path).is_file():
        return False
    try:
        with open(path, "rb") as file:
            head = file.read(512)
    except (OSError, ValueError):
        return False
    if kind_of(head):  # AVIF pictures begin as MP4 does
        return False
    if head[4:8] in _BOXES or any(head.startswith(mark) for mark in _MARKS):
        return True
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return True
    packets = [head[start : start + 1] for start in (0, 188, 376)]
    return packets == [b"G"] * 3  # MPEG transport stream


class CapturedVideo:
    """What OpenCV's VideoCapture reads; see `VideoSource`. Made by its class methods."""

    def __init__(self, name: str, capture: cv2.VideoCapture, live: bool, stamped: bool) -> None:
        self.name, self.live = name, live
        self.lost, self.note = 0, ""
        rate = float(capture.get(cv2.CAP_PROP_FPS))
        self.rate = rate if 0.1 < rate < 1000 else RATE
        count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.total = int(count) if 0 < count < 1e9 and not live else 0
        self.counted = False  # whether the file itself says how many frames it has
        self._capture, self._stamped = capture, stamped

    @classmethod
    def of_file(cls, path: str | Path) -> CapturedVideo:
        """A video file. Raises DataError if there is none, or no frames in it."""
        name = str(path)
        if not os.path.exists(name):
            raise DataError(f"no video at {name}")
        if os.path.isdir(name):
            raise DataError(f"{name} is a folder, a video was expected")
        if not os.access(name, os.R_OK):
            raise DataError(f"could not read {name}: no permission")
        if os.path.getsize(name) == 0:
            raise DataError(f"{name} is empty (0 bytes)")
        # an absolute path, or a name with a colon would be taken for an address
        capture = cv2.VideoCapture(os.path.abspath(name), cv2.CAP_FFMPEG)
        if not capture.isOpened():
            reason = "is no video of a known kind"
            if is_video(name):
                reason = "is cut off, damaged, or holds no pictures (only sound)"
            raise DataError(f"{name} could not be opened as a video: it {reason}")
        video = cls(name, capture, live=False, stamped=True)
        with open(name, "rb") as file:
            video.counted = file.read(8)[4:] in _BOXES
        return video

    @classmethod
    def of_camera(cls, number: int) -> CapturedVideo:
        """A camera. Raises DataError if it does not answer."""
        capture = cv2.VideoCapture(number)
        if not capture.isOpened():
            raise DataError(
                f"camera {number} does not answer: see that it is plugged in, not used by "
                f"another program and allowed for this one; the first camera is 0"
            )
        return cls(f"camera {number}", capture, live=True, stamped=False)

    @classmethod
    def of_stream(cls, address: str) -> CapturedVideo:
        """A stream. Raises DataError if it does not answer within ten seconds."""
        wait = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _TIMEOUT, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _TIMEOUT]
        capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, wait)
        if not capture.isOpened():
            raise DataError(f"nothing that OpenCV can read as a video answers at {address}")
        return cls(address, capture, live=True, stamped=True)

    def __iter__(self) -> Iterator[Frame]:
        """Frames in order.

        Raises:
            DataError: not one frame could be decoded.
        """
        last, begun, index = -1.0, None, 0
        stamps: list[float] = []
        try:
            while (image := self._next()) is not None:
                now = time.monotonic()
                if self._stamped:
                    now = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
                begun = now if begun is None else begun
                stamp = now - begun
                if not last < stamp < last + 86400:  # stamps that stand still or jump
                    begun -= max(last + 1 / self.rate - stamp, 0.0)
                    stamp = last + 1 / self.rate if index else 0.0
                last = stamp
                stamps.append(stamp)
                yield Frame(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), index, stamp, self.name)  # type: ignore[arg-type]
                index += 1
        finally:
            self._capture.release()
        self._close(index, stamps)

    def _next(self) -> NDArray | None:
        """The next frame, BGR, or None at the end."""
        failed, since = 0, time.monotonic()
        while True:
            try:
                done, image = self._capture.read()
            except cv2.error:
                done, image = False, None
            if done and image is not None and image.size:
                return image
            failed += 1
            if self.live:
                if time.monotonic() - since > _PATIENCE:
                    return None
                time.sleep(0.01)
            elif failed > _RETRIES or not self._capture.isOpened():
                return None

    def _close(self, frames: int, stamps: Sequence[float]) -> None:
        """Say what was lost, now that all is read."""
        if frames == 0:
            raise DataError(f"{self.name} has no frame that could be decoded")
        if self.live:
            self.note = f"{self.name} gave no more frames"
        elif self.counted:
            self.lost = max(self.total - frames, 0)
        elif frames > 2:
            steps = np.diff(stamps)
            usual = float(np.median(steps))
            # where frames come at a steady rate, a longer step is made of lost ones
            if usual > 0 and np.mean(np.abs(steps / usual - 1) < 0.1) > 0.5:
                self.lost = int(np.sum(np.maximum(np.rint(steps / usual) - 1, 0)))


class NumberedFrames:
    """Pictures as the frames of a video, in the order of the numbers in their names; see
    `VideoSource`. Those that cannot be read are skipped and counted.

    Args:
        pictures: files.
        name: of them together.
        rate: frames per second.
    """

    def __init__(self, pictures: Sequence[str], name: str, rate: float = RATE) -> None:
        self.name, self.rate, self.live = name, rate, False
        self.lost, self.note = 0, ""
        self._pictures = sorted(pictures, key=_by_number)
        self.total = len(self._pictures)

    def __iter__(self) -> Iterator[Frame]:
        """Frames in order.

        Raises:
            DataError: not one picture could be read.
        """
        reason = f"no picture in {self.name}"
        for index, path in enumerate(self._pictures):
            try:
                image = read_picture(path)
            except DataError as error:
                self.lost += 1
                reason = str(error)
                continue
            yield Frame(image, index, index / self.rate, path)
        if self.lost == self.total:
            raise DataError(reason)


def _by_number(path: str) -> tuple[str, list[tuple[int, str]]]:
    """Key that sorts frame2 before frame10."""
    folder, file = os.path.split(path)
    parts = re.split(r"(\d+)", file)
    return folder, [(int(p), "") if p.isdigit() else (-1, p) for p in parts]


Item = TypeVar("Item")


def ahead(items: Iterator[Item], count: int, newest: bool = False) -> Iterator[Item]:
    """The same items, made by a thread of their own while earlier ones are in use.

    Args:
        count: items that may wait.
        newest: when as many wait, drop the oldest instead of waiting: for cameras.

    Raises:
        Whatever making an item raised, after the items before it.
    """
    waiting: queue.Queue[tuple[bool, Item | BaseException | None]] = queue.Queue(count)
    stop = threading.Event()

    def put(what: tuple[bool, Item | BaseException | None], drop: bool) -> None:
        while not stop.is_set():
            try:
                waiting.put(what, timeout=0.0 if drop else 0.1)
                break
            except queue.Full:
                if drop:
                    with suppress(queue.Empty):
                        waiting.get_nowait()

    def work() -> None:
        try:
            for item in items:
                put((True, item), newest)
                if stop.is_set():
                    break
            put((False, None), False)
        except BaseException as error:
            put((False, error), False)

    thread = threading.Thread(target=work, name="facepoints-frames", daemon=True)
    thread.start()
    try:
        while True:
            more, item = waiting.get()
            if not more:
                if item is not None:
                    raise item  # type: ignore[misc]
                return
            yield item  # type: ignore[misc]
    finally:
        stop.set()
        thread.join(timeout=2 * _PATIENCE)
        close = getattr(items, "close", None)
        if close is not None and not thread.is_alive():
            close()
