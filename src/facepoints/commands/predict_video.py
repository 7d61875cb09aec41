"""Tracks the faces of a video, and writes them to a file, standard output or another video."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import ClassVar

from rich.console import Console

from facepoints._util import files
from facepoints._util.console import count_noun
from facepoints._util.progress import ImageProgress, StopRequest
from facepoints.commands.predict_images import output_landmarks
from facepoints.commands.report import Report
from facepoints.drawing.video_frames import draw_video_faces
from facepoints.errors import MissingExtraError, SettingsError, WriteError
from facepoints.inference.face import Face
from facepoints.inference.predictor import Predictor
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.formats import FORMATS, format_of, suffixes_text
from facepoints.results.records import Record, json_line, record
from facepoints.tracking.config import TrackerConfig
from facepoints.tracking.tracker import track_video
from facepoints.video.frame import Frame, VideoSource
from facepoints.video.writer import VideoWriter

__all__ = ["VideoReport", "drawn_path", "predict_video"]

_QUEUED = 4  # frames that wait to be drawn and encoded
_VIDEO_SUFFIXES = {".mp4", ".m4v"}


@dataclass
class VideoReport(Report):
    """Counts of `predict_video`, in addition to those of `Report`.

    Attributes:
        track_ids: identities of all tracks.
        lost: number of frames that could not be decoded, 0 if that is not known.
        seconds: time taken.
        length: length of the video in seconds.
        note: why the source ended early; empty if it did not.
        not_drawn: why no video was drawn although one was wanted.
    """

    track_ids: set[int | None] = field(default_factory=set)
    lost: int = 0
    seconds: float = 0.0
    length: float = 0.0
    note: str = ""
    not_drawn: MissingExtraError | None = None
    unit: ClassVar[tuple[str, str]] = ("frame", "frames")

    @property
    def tracks(self) -> int:
        """Number of tracks. A person who returns unrecognized gets another track."""
        return len(self.track_ids)

    def count_frame(self, frame: Frame, faces: Sequence[Face]) -> None:
        """Add a frame."""
        self.count(len(faces))
        self.length = frame.time
        self.track_ids |= {face.track_id for face in faces}

    def _counts(self) -> list[str]:
        counts = [count_noun(self.tracks, "track")]
        if self.lost:
            counts.append(f"{count_noun(self.lost, 'frame')} lost")
        if self.note and not self.stopped:
            counts.append(self.note)
        return counts

    def _remarks(self) -> list[str]:
        fps = self.images / max(self.seconds, 1e-9)
        return [f"{self.seconds:.1f} s, {fps:.0f} frames per second"]


def drawn_path(drawn: Path, name: str) -> Path:
    """The video file to draw to.

    Args:
        drawn: an .mp4 file, or a folder, which gets a video with the name of the source.
        name: of the source.

    Raises:
        SettingsError: `drawn` is a file of another kind.
    """
    if drawn.suffix.lower() in _VIDEO_SUFFIXES and not drawn.is_dir():
        return drawn
    if drawn.is_dir() or not drawn.suffix:
        return drawn / f"{Path(name).stem or 'video'}.mp4"
    raise SettingsError(f"a video is drawn to an .mp4 file or a folder, not to {drawn}")


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
    """Track the faces of a video.

    Reading, predicting and writing each have a thread. After Ctrl-C, the frames processed so far
    are written, as if the video ended there.

    Args:
        predictor: finds the faces.
        source: frames (`video.source.open_video`).
        out: what to write; its name chooses the format (`results.formats.format_of`). None: a
            line of JSON per frame goes to standard output, unless `drawn` is given.
        drawn: .mp4 file for the video with the faces drawn. Without PyAV it is left out if
            there is also `out`.
        landmarks: points to convert to; None: those of the model.
        radius: also draw the radius of every point.
        config: how faces are tracked; None: the defaults.
        console: shows progress; None: shows nothing.

    Raises:
        DataError: nothing could be decoded, or `landmarks` cannot be computed.
        MissingExtraError: PyAV is not installed, and only a drawing is wanted.
        SettingsError: no format for `out`, or one that cannot hold a video.
        WriteError: an output cannot be written, or would replace the input.
    """
    started = time.monotonic()
    console = console or Console(quiet=True, file=sys.stderr)
    report = VideoReport()
    tracked = track_video(predictor, source, config)
    want = output_landmarks(predictor, landmarks)
    _check_outputs(source, out, drawn)
    with ExitStack() as stack:
        drawing = _open_drawing(stack, report, source, drawn, radius, required=out is None)
        records = None if out is None else stack.enter_context(_TemporaryRecords(out))
        stop = stack.enter_context(StopRequest())
        bar = stack.enter_context(ImageProgress(console, source.total or 1))
        for frame, predicted in tracked:
            faces = [face.as_landmarks(want) for face in predicted]
            report.count_frame(frame, faces)
            if drawing is not None:
                drawing.add(frame, faces)
            if records is not None:
                records.add(_record(frame, faces, want))
            elif drawn is None:
                sys.stdout.write(json_line(_record(frame, faces, want)))
                sys.stdout.flush()
            bar.at(report.images, report.faces)
            if stop.asked:
                report.stopped = True
                break
        if records is not None and out is not None:
            FORMATS[format_of(out)].write(records.records, want, out)
    report.lost, report.note = source.lost, source.note
    report.seconds = time.monotonic() - started
    return report


def _check_outputs(source: VideoSource, out: Path | None, drawn: Path | None) -> None:
    chosen = None if out is None else FORMATS[format_of(out)]
    if chosen is not None and not chosen.holds_video:
        able = suffixes_text(each for each in FORMATS.values() if each.holds_video)
        raise SettingsError(
            f"a {chosen.suffixes[0]} file holds {chosen.content}; a video goes to {able}, "
            f"not to {out}"
        )
    for path in (out, drawn):
        if path is not None:
            files.check_output(path, [Path(source.name)])
            if path.exists() and not path.is_file():
                raise WriteError(f"could not write {path}: it is not a regular file")


def _open_drawing(
    stack: ExitStack,
    report: VideoReport,
    source: VideoSource,
    drawn: Path | None,
    radius: bool,
    *,
    required: bool,
) -> _DrawingThread | None:
    """Start the thread that draws the video; None if none is wanted or PyAV is not installed.

    Raises:
        MissingExtraError: PyAV is not installed, and `required` is True. Otherwise the error
            becomes `report.not_drawn`.
    """
    if drawn is None:
        return None
    try:
        writer = stack.enter_context(VideoWriter(drawn, source.fps))
        return stack.enter_context(_DrawingThread(writer, radius))
    except MissingExtraError as missing:
        if required:
            raise
        report.not_drawn = missing
        return None


class _DrawingThread:
    """Draws and encodes frames in a thread of its own. Its errors are raised by the next `add`,
    or at the end."""

    def __init__(self, writer: VideoWriter, radius: bool) -> None:
        self._writer, self._radius = writer, radius
        self._queue: Queue[tuple[Frame, list[Face]] | None] = Queue(_QUEUED)
        self._error: BaseException | None = None
        self._thread = Thread(target=self._work, name="facepoints-writer", daemon=True)

    def add(self, frame: Frame, faces: list[Face]) -> None:
        """Draw a frame and append it."""
        if self._error is not None:
            raise self._error
        self._queue.put((frame, faces))

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            if self._error is not None:
                continue  # empty the queue, so that `add` does not wait for ever
            frame, faces = item
            try:
                drawn = draw_video_faces(frame.image, faces, radius=self._radius)
                self._writer.add(drawn, frame.time)
            except BaseException as error:
                self._error = error

    def __enter__(self) -> _DrawingThread:
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._queue.put(None)
        self._thread.join()
        if self._error is not None and error is None:
            raise self._error


class _TemporaryRecords:
    """Stores the records of all frames in a temporary file in the folder of the output."""

    def __init__(self, out: Path) -> None:
        self._out = out

    def add(self, record: Record) -> None:
        """Append the record of the next frame. Raises WriteError."""
        try:
            self._file.write(json_line(record).encode())
        except OSError as error:
            raise self._failed(error) from error

    def records(self) -> Iterator[Record]:
        """Read all records, from the first on."""
        try:
            self._file.seek(0)
        except OSError as error:  # what is still buffered may not fit on the disk
            raise self._failed(error) from error
        for line in self._file:
            yield json.loads(line)

    def __enter__(self) -> _TemporaryRecords:
        files.make_folder(self._out.parent)
        try:
            self._file = tempfile.TemporaryFile(dir=self._out.parent)
        except OSError as error:
            raise self._failed(error) from error
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(OSError):
            self._file.close()

    def _failed(self, error: OSError) -> WriteError:
        return WriteError(f"could not write {self._out}: {error.strerror or error}")


def _record(frame: Frame, faces: list[Face], landmarks: LandmarkSet) -> Record:
    size = frame.image.shape[0], frame.image.shape[1]
    return record(frame.file, size, faces, frame.index, time=frame.time, landmarks=landmarks)
