"""Tracks the faces of videos, and writes them to a file, standard output or other videos."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from rich.console import Console

from facepoints._util import files
from facepoints._util.console import print_line
from facepoints._util.progress import ImageProgress, StopRequest
from facepoints._util.words import count_noun
from facepoints.commands.predict_images import output_landmarks
from facepoints.commands.report import Report
from facepoints.commands.video_drawing import DrawingThread, open_writer
from facepoints.errors import DataError, MissingExtraError, SettingsError, WriteError
from facepoints.inference.face import Face
from facepoints.inference.predictor import Predictor
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.formats import FORMATS, check_points, format_of, suffixes_text
from facepoints.results.records import Record, error_record, json_line, record
from facepoints.tracking.config import TrackerConfig
from facepoints.tracking.tracker import track_video
from facepoints.video.frame import Frame, VideoSource
from facepoints.video.source import VideoInput

__all__ = ["VideoReport", "predict_video", "predict_videos"]

_LISTED = 5  # unreadable videos that are named on the console


@dataclass
class VideoReport(Report):
    """Counts of `predict_video`, in addition to those of `Report`.

    Attributes:
        videos: number of videos.
        failed: number of videos that could not be read.
        track_ids: identities of all tracks, each with the number of its video.
        lost: number of frames that could not be decoded, 0 if that is not known.
        seconds: time taken.
        length: length of the last video in seconds.
        note: why a source ended early, or sound was left out; empty if nothing was.
        not_drawn: why no video was drawn although one was wanted.
    """

    videos: int = 1
    failed: int = 0
    track_ids: set[tuple[int, int | None]] = field(default_factory=set)
    lost: int = 0
    seconds: float = 0.0
    length: float = 0.0
    note: str = ""
    not_drawn: MissingExtraError | None = None
    _ended: int = 0
    unit: ClassVar[tuple[str, str]] = ("frame", "frames")

    @property
    def tracks(self) -> int:
        """Number of tracks. A person who returns unrecognized gets another track."""
        return len(self.track_ids)

    def count_frame(self, frame: Frame, faces: Sequence[Face]) -> None:
        """Add a frame of the current video."""
        self.count(len(faces))
        self.length = frame.time
        self.track_ids |= {(self._ended, face.track_id) for face in faces}

    def end_video(self, source: VideoSource, drawing: DrawingThread | None) -> None:
        """Add the losses of a video that was read."""
        self._ended += 1
        self.lost += source.lost
        self._note(source.note)
        self._note(drawing.note if drawing is not None else "")

    def count_failed(self, name: str, error: DataError, console: Console) -> None:
        """Add a video that could not be read."""
        self._ended += 1
        self.failed += 1
        self.error = self.error or str(error)
        if self.failed <= _LISTED:
            text = str(error) if name in str(error) else f"{name}: {error}"
            print_line(console, f"unreadable: {text}")

    def _note(self, note: str) -> None:
        if note and note not in self.note:
            self.note = f"{self.note}; {note}" if self.note else note

    def _counts(self) -> list[str]:
        counts = [count_noun(self.tracks, "track")]
        if self.videos > 1:
            counts.append(f"{self.videos} videos")
        if self.failed:
            counts.append(f"{count_noun(self.failed, 'video')} unreadable")
        if self.lost:
            counts.append(f"{count_noun(self.lost, 'frame')} lost")
        if self.note and not self.stopped:
            counts.append(self.note)
        return counts

    def _remarks(self) -> list[str]:
        fps = self.images / max(self.seconds, 1e-9)
        return [f"{self.seconds:.1f} s, {fps:.0f} frames per second"]


def predict_video(
    predictor: Predictor,
    source: VideoSource,
    *,
    out: Path | None = None,
    drawn: Path | None = None,
    landmarks: LandmarkSet | None = None,
    radius: bool = False,
    config: TrackerConfig | None = None,
    format: str | None = None,
    console: Console | None = None,
) -> VideoReport:
    """Track the faces of a video. Arguments and errors are those of `predict_videos`, with the
    .mp4 file for the drawing in `drawn`."""
    return predict_videos(
        predictor,
        [VideoInput(source.name, lambda: source)],
        out=out,
        drawn=None if drawn is None else [drawn],
        landmarks=landmarks,
        radius=radius,
        config=config,
        format=format,
        console=console,
    )


def predict_videos(
    predictor: Predictor,
    videos: Sequence[VideoInput],
    *,
    out: Path | None = None,
    drawn: Sequence[Path] | None = None,
    landmarks: LandmarkSet | None = None,
    radius: bool = False,
    config: TrackerConfig | None = None,
    format: str | None = None,
    console: Console | None = None,
) -> VideoReport:
    """Track the faces of videos, one video after another.

    The results of all videos go to one output. Frames, times and tracks of each start at 0; the
    name of the video is in every record. Reading, predicting and writing each have a thread.
    After Ctrl-C, the frames processed so far are written, as if the videos ended there. If there
    are several videos, one that cannot be read gives a record with its error, and the others
    follow.

    Args:
        predictor: finds the faces.
        videos: are opened one by one (`video.source.find_inputs`).
        out: what to write; its name chooses the format (`results.formats.format_of`). None: a
            line of JSON per frame goes to standard output, unless `drawn` is given.
        drawn: .mp4 files for the videos with the faces drawn, one for each. Without PyAV they
            are left out if there is also `out`.
        landmarks: points to convert to; None: those of the model.
        radius: also draw the radius of every point.
        config: how faces are tracked; None: the defaults.
        format: name of the format of `out`; None: its name chooses it.
        console: shows progress and unreadable videos; None: shows nothing.

    Raises:
        DataError: nothing of the only video could be decoded, or `landmarks` cannot be computed.
        MissingExtraError: PyAV is not installed, and only a drawing is wanted.
        SettingsError: no format for `out`, or one that cannot hold a video.
        WriteError: an output cannot be written, or would replace an input.
    """
    started = time.monotonic()
    console = console or Console(quiet=True, file=sys.stderr)
    report = VideoReport(videos=len(videos))
    want = output_landmarks(predictor, landmarks)
    name = None if out is None else format_of(out, format)
    if name is not None:
        check_points(name, want)
    _check_outputs([video.name for video in videos], out, name, drawn or ())
    with ExitStack() as stack:
        output = _Output(predictor, want, radius, config, to_stdout=drawn is None)
        if out is not None:
            output.records = stack.enter_context(_TemporaryRecords(out))
        stop = stack.enter_context(StopRequest())
        for number, video in enumerate(videos):
            try:
                source = video.open()
                path = None if drawn is None else drawn[number]
                _predict_one(source, path, output, report, console, stop)
            except DataError as error:
                if len(videos) == 1:
                    raise
                report.count_failed(video.name, error, console)
                output.write(error_record(video.name, str(error)))
            if stop.asked:
                report.stopped = True
                break
        if output.records is not None and out is not None and name is not None:
            FORMATS[name].write(output.records.records, want, out)
    report.seconds = time.monotonic() - started
    return report


@dataclass
class _Output:
    """What `predict_videos` does with each frame; see there.

    Attributes:
        records: the records so far, for an output file; None: there is none.
        to_stdout: whether records go to standard output if there is no file.
    """

    predictor: Predictor
    landmarks: LandmarkSet
    radius: bool
    config: TrackerConfig | None
    to_stdout: bool
    records: _TemporaryRecords | None = None

    def write(self, record: Record) -> None:
        """Write a record to the file or to standard output. Raises WriteError."""
        if self.records is not None:
            self.records.add(record)
        elif self.to_stdout:
            sys.stdout.write(json_line(record))
            sys.stdout.flush()


def _predict_one(
    source: VideoSource,
    drawn: Path | None,
    output: _Output,
    report: VideoReport,
    console: Console,
    stop: StopRequest,
) -> None:
    """Track the faces of one video, up to a stop."""
    before = report.images
    tracked = track_video(output.predictor, source, output.config)
    with ExitStack() as stack:
        drawing = _open_drawing(stack, report, source, drawn, output)
        bar = stack.enter_context(ImageProgress(console, source.total, unit="frames"))
        for frame, predicted in tracked:
            faces = [face.as_landmarks(output.landmarks) for face in predicted]
            report.count_frame(frame, faces)
            if drawing is not None:
                drawing.add(frame, faces)
            if output.records is not None or output.to_stdout:
                output.write(_record(frame, faces, output.landmarks))
            bar.at(report.images - before, report.faces)
            if stop.asked:
                break
    report.end_video(source, drawing)


def _check_outputs(
    names: Sequence[str], out: Path | None, format: str | None, drawn: Sequence[Path]
) -> None:
    chosen = None if format is None else FORMATS[format]
    if chosen is not None and not chosen.holds_video:
        able = suffixes_text(each for each in FORMATS.values() if each.holds_video)
        raise SettingsError(
            f"a {chosen.suffixes[0]} file holds {chosen.content}; a video goes to {able}, "
            f"not to {out}"
        )
    for path in (out, *drawn):
        if path is not None:
            files.check_output(path, [Path(name) for name in names])
            if path.exists() and not path.is_file():
                raise WriteError(f"could not write {path}: it is not a regular file")


def _open_drawing(
    stack: ExitStack,
    report: VideoReport,
    source: VideoSource,
    drawn: Path | None,
    output: _Output,
) -> DrawingThread | None:
    """Start the thread that draws the video; None if none is wanted or PyAV is not installed.

    Raises:
        MissingExtraError: PyAV is not installed, and there is no output file. Otherwise the error
            becomes `report.not_drawn`.
    """
    if drawn is None:
        return None
    try:
        writer = stack.enter_context(open_writer(drawn, source))
        return stack.enter_context(DrawingThread(writer, output.radius))
    except MissingExtraError as missing:
        if output.records is None:
            raise
        report.not_drawn = missing
        return None


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
