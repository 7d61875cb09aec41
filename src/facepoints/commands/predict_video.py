"""Tracks the faces of videos, and writes them to a file, standard output or other videos."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from facepoints._util import files
from facepoints._util.progress import ImageProgress, StopRequest
from facepoints.commands.predict_images import model_metadata, output_landmarks
from facepoints.commands.temporary_records import TemporaryRecords
from facepoints.commands.video_drawing import DrawingThread, open_writer
from facepoints.commands.video_report import VideoReport
from facepoints.errors import DataError, MissingExtraError, SettingsError, WriteError
from facepoints.inference.face import Face
from facepoints.inference.predictor import Predictor
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.formats import (
    FORMATS,
    add_extras,
    check_format,
    format_of,
    suffixes_text,
    write_records,
)
from facepoints.results.records import Record, error_record, json_line, record
from facepoints.tracking.config import TrackerConfig
from facepoints.tracking.tracker import track_video
from facepoints.video.frame import Frame, VideoSource
from facepoints.video.source import VideoInput

__all__ = ["predict_videos"]


def predict_videos(
    predictor: Predictor,
    videos: Sequence[VideoInput],
    *,
    out: Path | None = None,
    drawn: Sequence[Path] | None = None,
    landmarks: LandmarkSet | None = None,
    radius: bool = False,
    visible_only: bool = False,
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
        visible_only: draw no hidden points.
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
        check_format(name, want)
    _check_outputs([video.name for video in videos], out, name, drawn or ())
    with ExitStack() as stack:
        output = _Output(
            predictor, want, radius, visible_only, config, name, to_stdout=drawn is None
        )
        if out is not None:
            output.records = stack.enter_context(TemporaryRecords(out))
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
            write_records(name, output.records.records, want, out, model_metadata(predictor))
    report.seconds = time.monotonic() - started
    return report


@dataclass
class _Output:
    """What `predict_videos` does with each frame; see there.

    Attributes:
        format: name of the format of the output file; None: there is none.
        to_stdout: whether records go to standard output if there is no file.
        records: the records so far, for an output file; None: there is none.
    """

    predictor: Predictor
    landmarks: LandmarkSet
    radius: bool
    visible_only: bool
    config: TrackerConfig | None
    format: str | None
    to_stdout: bool
    records: TemporaryRecords | None = None

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
                found = _record(frame, faces, output.landmarks)
                add_extras(output.format, found, frame.image, predicted)
                output.write(found)
            bar.at(report.images - before, report.faces)
            if stop.asked:
                break
    report.end_video(source, "" if drawing is None else drawing.note)


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
        return stack.enter_context(DrawingThread(writer, output.radius, output.visible_only))
    except MissingExtraError as missing:
        if output.records is None:
            raise
        report.not_drawn = missing
        return None


def _record(frame: Frame, faces: list[Face], landmarks: LandmarkSet) -> Record:
    size = frame.image.shape[0], frame.image.shape[1]
    return record(frame.file, size, faces, frame.index, time=frame.time, landmarks=landmarks)
