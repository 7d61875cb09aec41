"""Faces of a video to a file of faces, to standard output, or drawn into another video."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from threading import Thread
from types import TracebackType

from rich.console import Console

from facepoints._util import files
from facepoints._util.console import count_noun
from facepoints._util.progress import ImageProgress, StopRequest
from facepoints.commands.predict_images import checked_points
from facepoints.drawing.video_frames import draw_video_faces
from facepoints.errors import MissingExtraError, SettingsError, WriteError
from facepoints.inference.face import Face
from facepoints.inference.predictor import Predictor
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.formats import FORMATS, format_of
from facepoints.results.records import Record, json_line, record
from facepoints.tracking.tracker import TrackerConfig, track_video
from facepoints.video.frame import Frame, VideoSource
from facepoints.video.writer import VideoWriter

__all__ = ["VideoReport", "drawn_path", "predict_video", "summary"]

_WAITING = 4  # frames that wait to be written
_VIDEOS = {".mp4", ".m4v"}


@dataclass
class VideoReport:
    """What was done.

    Attributes:
        frames: that were looked at.
        faces: found in all of them.
        tracks: identities that they have.
        lost: frames that could not be decoded, as far as can be told.
        seconds: time that it took.
        length: of the video, in seconds.
        stopped: whether it was ended by Ctrl-C.
        note: why the source ended before its time, if it did.
        undrawn: why no video was written although one was wanted.
    """

    frames: int = 0
    faces: int = 0
    tracks: int = 0
    lost: int = 0
    seconds: float = 0.0
    length: float = 0.0
    stopped: bool = False
    note: str = ""
    undrawn: MissingExtraError | None = None


def drawn_path(drawn: Path, name: str) -> Path:
    """The video that is meant by a file or, if it has no suffix, a folder.

    Args:
        name: of what is read.

    Raises:
        SettingsError: a file of another kind.
    """
    if drawn.suffix.lower() in _VIDEOS and not drawn.is_dir():
        return drawn
    if drawn.is_dir() or not drawn.suffix:
        return drawn / f"{Path(name).stem or 'video'}.mp4"
    raise SettingsError(f"a video is drawn to a file in .mp4 or a folder, not to {drawn}")


def predict_video(
    predictor: Predictor,
    source: VideoSource,
    *,
    out: Path | None = None,
    drawn: Path | None = None,
    landmarks: LandmarkSet | None = None,
    radius: bool = False,
    config: TrackerConfig | None = None,
    console: Console | None = None,
) -> VideoReport:
    """Follow the faces of a video.

    Reading, looking and writing go on at the same time, each in a thread. After Ctrl-C, what
    was looked at so far is written as if the video ended there.

    Args:
        source: frames (`video.open_video`).
        out: what to write; its name says the format (`face_files.format_of`). None: a line
            of JSON per frame goes to standard output, unless `drawn` is given.
        drawn: video with the faces drawn, .mp4. Without PyAV there is none, and `out` comes
            all the same.
        landmarks: points to answer with; None: the model's.
        radius: draw the radius of every point as well.
        config: how faces are tracked.
        console: for progress; nothing is shown if None.

    Raises:
        DataError: nothing could be decoded, or `landmarks` cannot be had.
        MissingExtraError: PyAV is not installed, and nothing but a drawing is wanted.
        SettingsError: no format for `out`, or one that holds no video.
        WriteError: an output cannot be written, or would replace what is read.
    """
    begun = time.monotonic()
    console = console or Console(quiet=True, file=sys.stderr)
    report = VideoReport()
    tracked = track_video(predictor, source, config)
    track_ids: set[int | None] = set()
    want = checked_points(predictor, landmarks)
    _check_outputs(source, out, drawn)
    with ExitStack() as stack:
        writing = None
        if drawn is not None:
            try:
                writer = stack.enter_context(VideoWriter(drawn, source.fps))
                writing = stack.enter_context(_Drawing(writer, radius))
            except MissingExtraError as missing:
                if out is None:
                    raise
                report.undrawn = missing
        lines = None if out is None else stack.enter_context(_Lines(out))
        stop = stack.enter_context(StopRequest())
        bar = stack.enter_context(ImageProgress(console, source.total or 1))
        for frame, found in tracked:
            faces = [face.as_landmarks(want) for face in found]
            _count(report, frame, faces)
            track_ids |= {face.track_id for face in faces}
            if writing is not None:
                writing.add(frame, faces)
            if lines is not None:
                lines.add(_record(frame, faces))
            elif drawn is None:
                sys.stdout.write(json_line(_record(frame, faces)))
                sys.stdout.flush()
            bar.at(report.frames, report.faces)
            if stop.asked:
                report.stopped = True
                break
        if lines is not None and out is not None:
            FORMATS[format_of(out)](lines.records, want, out)
    report.tracks, report.lost, report.note = len(track_ids), source.lost, source.note
    report.seconds = time.monotonic() - begun
    return report


def summary(report: VideoReport) -> str:
    """The closing line: what was done, and in what time."""
    text = "stopped after " if report.stopped else ""
    text += f"{count_noun(report.frames, 'frame')}: {count_noun(report.faces, 'face')}"
    text += f", {count_noun(report.tracks, 'track')}"
    text += f", {count_noun(report.lost, 'frame')} lost" if report.lost else ""
    text += f", {report.note}" if report.note and not report.stopped else ""
    rate = report.frames / max(report.seconds, 1e-9)
    return f"{text}; {report.seconds:.1f} s, {rate:.0f} frames per second"


def _check_outputs(source: VideoSource, out: Path | None, drawn: Path | None) -> None:
    if out is not None and format_of(out) == "pts":
        raise SettingsError(
            f"a .pts file holds one face; a video goes to .jsonl, .csv or .json, not to {out}"
        )
    for path in (out, drawn):
        if path is not None:
            files.check_output(path, [Path(source.name)])
            if path.exists() and not path.is_file():
                raise WriteError(f"could not write {path}: it is no plain file")


class _Drawing:
    """Draws and encodes frames in a thread of its own. Errors come with the next frame, or
    at the end."""

    def __init__(self, writer: VideoWriter, radius: bool) -> None:
        self._writer, self._radius = writer, radius
        self._waiting: Queue[tuple[Frame, list[Face]] | None] = Queue(_WAITING)
        self._error: BaseException | None = None
        self._thread = Thread(target=self._work, name="facepoints-writer", daemon=True)

    def add(self, frame: Frame, faces: list[Face]) -> None:
        """Draw a frame and append it."""
        if self._error is not None:
            raise self._error
        self._waiting.put((frame, faces))

    def _work(self) -> None:
        while (item := self._waiting.get()) is not None:
            if self._error is not None:
                continue  # let the others go on, to be told
            frame, faces = item
            try:
                picture = draw_video_faces(frame.image, faces, radius=self._radius)
                self._writer.add(picture, frame.time)
            except BaseException as error:
                self._error = error

    def __enter__(self) -> _Drawing:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._waiting.put(None)
        self._thread.join()
        if self._error is not None and error is None:
            raise self._error


class _Lines:
    """Records of all frames, in a file without a name beside the output."""

    def __init__(self, out: Path) -> None:
        self._out = out

    def add(self, found: Record) -> None:
        """Keep the next frame's record. Raises WriteError."""
        try:
            self._file.write(json_line(found).encode())
        except OSError as error:
            raise self._failed(error) from error

    def records(self) -> Iterator[Record]:
        """All records, from the first on."""
        try:
            self._file.seek(0)
        except OSError as error:  # what is still to be written may not fit
            raise self._failed(error) from error
        for line in self._file:
            yield json.loads(line)

    def __enter__(self) -> _Lines:
        files.make_folder(self._out.parent)
        try:
            self._file = tempfile.TemporaryFile(dir=self._out.parent)
        except OSError as error:
            raise self._failed(error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._file.close()

    def _failed(self, error: OSError) -> WriteError:
        return WriteError(f"could not write {self._out}: {error.strerror or error}")


def _count(report: VideoReport, frame: Frame, faces: list[Face]) -> None:
    report.frames += 1
    report.faces += len(faces)
    report.length = frame.time


def _record(frame: Frame, faces: list[Face]) -> Record:
    size = frame.image.shape[0], frame.image.shape[1]
    found = record(frame.file, size, faces, frame.index)
    first = {"file": found.pop("file"), "frame": found.pop("frame")}
    return first | {"time": round(frame.time, 6)} | found
