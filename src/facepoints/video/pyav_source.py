"""Reads video files with PyAV, which the extra ``facepoints[video]`` installs.

Frames are shown as players show them: deinterlaced, with square pixels, upright, and at their own
times.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facepoints._util.words import count_noun
from facepoints.errors import DataError
from facepoints.video.frame import DEFAULT_FPS, Frame, count_gaps
from facepoints.video.probe import check_video_file, is_video

__all__ = ["PyAVSource"]

_MAX_ASPECT = 8.0  # of a pixel's width to its height or the reverse; beyond, it is taken as square
_MAX_STEP = 86_400  # seconds between two frames; a larger step is a wrong time stamp
_MAX_FAILURES = 5000  # packets in a row that cannot be decoded, after which a file has ended
_EARLY = 1.5  # frames that may be missing before the end of a file counts as broken off


class _Turn(NamedTuple):
    """Makes decoded frames upright: swaps rows and columns, then mirrors."""

    transpose: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.transpose:
            image = np.swapaxes(image, 0, 1)
        if self.mirror_x:
            image = image[:, ::-1]
        if self.mirror_y:
            image = image[::-1]
        return np.ascontiguousarray(image)


class PyAVSource:
    """A `VideoSource` of a video file.

    Frames of another size are scaled to that of the first. Frames that cannot be decoded are
    skipped and counted in `lost`. If the file breaks off, `note` says so.

    Args:
        path: the file.

    Attributes:
        start: seconds from the start of the file's clock to its first frame; 0.0 before that
            frame is read.
        has_sound: whether the file has a sound track.

    Raises:
        DataError: the file does not exist or is not a video.
    """

    def __init__(self, path: str | Path) -> None:
        import av
        from av.video.reformatter import VideoReformatter

        self._av: Any = av
        self.name, self.live = str(path), False
        self.lost, self.note, self.start = 0, "", 0.0
        check_video_file(self.name)
        self._container = self._open()
        self._stream = self._choose_stream()
        self._stream.thread_type = "AUTO"
        rate = self._stream.average_rate or self._stream.guessed_rate or 0
        self.fps = float(rate) if 0.1 < rate < 1000 else DEFAULT_FPS
        self._counted = int(self._stream.frames or 0)
        self._seconds = self._length()
        self.total = self._counted or round((self._seconds or 0) * self.fps)
        self.has_sound = bool(self._container.streams.audio)
        self._converter: Any = VideoReformatter()
        self._turn = _Turn()
        self._size = (0, 0)
        self._damaged = 0

    def _open(self) -> Any:
        # local files only: a playlist in a file must not open addresses
        options = {"protocol_whitelist": "file"}
        try:
            return self._av.open(
                os.path.abspath(self.name), metadata_errors="replace", container_options=options
            )
        except (self._av.error.FFmpegError, OSError, ValueError) as error:
            reason = "is not a video of a known format"
            if is_video(self.name):
                reason = "is cut off or damaged"
            raise DataError(f"{self.name} could not be opened as a video: it {reason}") from error

    def _choose_stream(self) -> Any:
        """The stream with the film, and not one with the cover of an album."""
        cover = self._av.stream.Disposition.attached_pic
        streams = [s for s in self._container.streams.video if not s.disposition & cover]
        best = self._container.streams.best("video")
        chosen = best if best in streams else next(iter(streams), None)
        if chosen is None or chosen.codec_context is None:
            reason = "has images in an unknown format"
            if chosen is None:
                sound = bool(self._container.streams.audio)
                reason = "has no images (only sound)" if sound else "is cut off or damaged"
            self._container.close()
            raise DataError(f"{self.name} could not be opened as a video: it {reason}")
        return chosen

    def _length(self) -> float | None:
        """Length of the video in seconds as the file states it; None if it does not."""
        if self._stream.duration:
            return float(self._stream.duration * self._stream.time_base)
        duration = self._container.duration
        return duration / 1_000_000 if duration else None

    def __iter__(self) -> Iterator[Frame]:
        """The frames in order.

        Raises:
            DataError: no frame could be decoded, or one does not fit in memory.
        """
        index, last = 0, -1.0
        stamps: list[float] = []
        try:
            for decoded in _deinterlaced(self._decoded(), self._av):
                seconds = None if decoded.pts is None else float(decoded.pts * decoded.time_base)
                if index == 0:
                    self._first(decoded, seconds)
                following = last + 1 / self.fps if index else 0.0
                stamp = following if seconds is None else seconds - self.start
                if not last < stamp < last + _MAX_STEP:  # it stands still or jumps
                    self.start += stamp - following
                    stamp = following
                last = stamp
                stamps.append(stamp)
                yield Frame(self._image(decoded), index, stamp, self.name)
                index += 1
        finally:
            self._container.close()
        self._report(index, stamps)

    def _first(self, decoded: Any, seconds: float | None) -> None:
        """Take the size, the turn and the start of the video from its first frame."""
        self.start = seconds or 0.0
        self._turn = _turn_of(decoded)
        aspect = float(self._stream.sample_aspect_ratio or 1)
        if not 1 / _MAX_ASPECT <= aspect <= _MAX_ASPECT:
            aspect = 1.0
        self._size = max(1, round(decoded.width * aspect)), decoded.height

    def _image(self, decoded: Any) -> NDArray[np.uint8]:
        width, height = self._size
        try:
            # a converter of each frame's own takes three times as long
            rgb = self._converter.reformat(decoded, format="rgb24", width=width, height=height)
            image = rgb.to_ndarray()
        except (MemoryError, self._av.error.MemoryError) as error:
            raise DataError(
                f"not enough memory for a frame ({width} x {height}) of {self.name}"
            ) from error
        return self._turn.apply(image)

    def _decoded(self) -> Iterator[Any]:
        """The frames as the decoder gives them. Counts `lost` and sets `note`."""
        packets = self._container.demux(self._stream)
        failures = 0
        while failures < _MAX_FAILURES:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (self._av.error.FFmpegError, OSError, ValueError) as error:
                self.note = f"{self.name} breaks off: {getattr(error, 'strerror', '') or error}"
                yield from self._rest()
                return
            self._damaged += bool(packet.is_corrupt)
            try:
                yield from packet.decode()
                failures = 0
            except (self._av.error.MemoryError, MemoryError) as error:
                raise DataError(f"not enough memory to decode {self.name}") from error
            except (self._av.error.FFmpegError, OSError, ValueError):
                failures += 1
                self.lost += 1

    def _rest(self) -> Iterator[Any]:
        """The frames that the decoder still holds."""
        with suppress(self._av.error.FFmpegError, OSError, ValueError):
            yield from self._stream.codec_context.decode(None)

    def _report(self, frames: int, stamps: Sequence[float]) -> None:
        """Set `lost` and `note` after the last frame. Raises DataError if there was no frame."""
        if frames == 0:
            raise DataError(f"{self.name} has no frame that could be decoded")
        end = stamps[-1] + 1 / self.fps
        ended = 0.0 if self._seconds is None else self._seconds - end
        early = ended * self.fps > _EARLY
        missing = self._counted - frames if self._counted else count_gaps(stamps)
        if self._counted and not self.lost and not early:  # an edit list shows only a part
            missing = 0
        self.lost = max(missing, self.lost)
        if self.note:
            return
        # without sound, the length is that of the images
        if early and (self.lost or self._damaged or not self.has_sound):
            self.note = (
                f"{self.name} breaks off {ended:.1f} s before its end: it is cut off or damaged"
            )
        elif self._damaged and not self.lost:
            self.note = f"{self.name} is damaged ({count_noun(self._damaged, 'packet')})"


def _turn_of(decoded: Any) -> _Turn:
    """The turn that the display matrix of a frame asks for, in quarter turns.

    The matrix (ISO/IEC 14496-12, 6.2.2) maps (x, y) to (a x + c y, b x + d y).
    """
    for data in decoded.side_data:
        if getattr(data.type, "name", "") == "DISPLAYMATRIX":
            a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].tolist()
            if a == b == c == d == 0:
                return _Turn()
            if abs(a) >= abs(b):
                return _Turn(False, a < 0, d < 0)
            return _Turn(True, c < 0, b < 0)
    return _Turn()


def _deinterlaced(frames: Iterable[Any], av: Any) -> Iterator[Any]:
    """The frames, with full frames in place of interlaced ones, at the same times.

    The filter bwdif needs the frame before and the frame after. It is used from the first
    interlaced frame on, and leaves frames alone that are not interlaced.
    """
    graph, kind = None, None
    for frame in frames:
        current = (frame.width, frame.height, frame.format.name)
        if graph is not None and current != kind:
            yield from _drained(graph, av)
            graph = None
        if graph is None and frame.interlaced_frame:
            graph, kind = _graph(frame, av), current
        if graph is None:
            yield frame
            continue
        graph.vpush(frame)
        yield from _pulled(graph, av)
    if graph is not None:
        yield from _drained(graph, av)


def _graph(frame: Any, av: Any) -> Any:
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format,
        time_base=frame.time_base,
    )
    deinterlace = graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
    sink = graph.add("buffersink")
    source.link_to(deinterlace)
    deinterlace.link_to(sink)
    graph.configure()
    return graph


def _pulled(graph: Any, av: Any) -> Iterator[Any]:
    while True:
        try:
            yield graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return


def _drained(graph: Any, av: Any) -> Iterator[Any]:
    graph.vpush(None)
    yield from _pulled(graph, av)
