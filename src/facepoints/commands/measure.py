"""Writes a table of measures, a row per face and frame, and the events of people in videos."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.console import Console

from facepoints._util.files import atomic_file
from facepoints._util.progress import StopRequest
from facepoints._util.text_files import open_text
from facepoints._util.words import count_noun
from facepoints.commands.event_files import (
    TrackEvent,
    check_events,
    count_videos,
    write_event_table,
    write_events,
)
from facepoints.commands.livelink_file import check_livelink, people_seen
from facepoints.commands.measure_tables import Layout, table_writer, write_csv
from facepoints.commands.measured_expressions import add_expressions, livelink_tracks
from facepoints.commands.measured_faces import FaceSettings, MeasuredFrame, measure_frame
from facepoints.commands.measured_tracks import track_events, tracks_of
from facepoints.commands.report import Report
from facepoints.errors import SettingsError
from facepoints.inference.eye_state import EyeStateModel
from facepoints.inference.mirrored import mean_closures
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.measurement import MEASURES, unavailable
from facepoints.measurement.events import KINDS
from facepoints.results.livelink import write_livelink
from facepoints.results.records import FrameResult

__all__ = ["MeasureReport", "measure_inputs"]


_DEFAULT = FaceSettings()
_NOUNS = {"blink": "blink", "eyes_closed": "eye closure", "yawn": "yawn"}
_NO_VIDEO = (
    "--events needs a video, and the inputs are photos; leave it out, or add --video if they are "
    "the frames of one video"
)


@dataclass
class MeasureReport(Report):
    """Counts of `measure_inputs`, in addition to those of `Report`.

    Attributes:
        unavailable: measures that cannot be computed from the points.
        events: the events of all people in videos.
        not_recorded: people in the video whom a recording for Live Link leaves out.
    """

    unavailable: list[str] = field(default_factory=list)
    events: list[TrackEvent] = field(default_factory=list)
    not_recorded: int = 0
    unit: ClassVar[tuple[str, str]] = ("image or frame", "images or frames")

    def _remarks(self) -> list[str]:
        remarks = []
        if self.events:
            counts = {kind: sum(e.event.kind == kind for e in self.events) for kind in KINDS}
            remarks.append(", ".join(count_noun(n, _NOUNS[kind]) for kind, n in counts.items()))
        if self.not_recorded:
            left_out = count_noun(self.not_recorded, "other person", "other people")
            remarks.append(f"{left_out} left out of the recording for Live Link")
        if self.unavailable:
            some, more = ", ".join(self.unavailable[:3]), len(self.unavailable) - 3
            listed = f"{some} and {more} more" if more > 0 else some
            remarks.append(f"these points do not give {listed}")
        return remarks


def measure_inputs(
    results: Iterable[FrameResult],
    out: Path,
    *,
    events: Path | None = None,
    livelink: Path | None = None,
    settings: FaceSettings = _DEFAULT,
    eye_state: EyeStateModel | None = None,
    also: Callable[[str, str, MeasureReport], None] | None = None,
    console: Console | None = None,
) -> MeasureReport:
    """Measure faces and write a table.

    After Ctrl-C, the faces measured so far are written, as if the inputs ended there.

    Args:
        results: images or frames with their faces (`inputs.iter_inputs`).
        out: .csv (a row per face) or .jsonl (a line per image).
        events: .csv, .vtt or .eaf file for blinks, closed eyes and yawns (`event_files`).
        livelink: .csv file for a recording of the expressions of the person who is seen most
            (`livelink_file`). The settings must measure expressions.
        settings: how faces are measured.
        eye_state: predicts whether eyes are closed, for results that have images. None: the
            one in the package.
        also: writes other files (`measure_extras`). It is called once the table is written, with
            the text of the tables of measures and of events as CSV, and with the counts.
        console: shows unreadable files; None: shows nothing.

    Raises:
        SettingsError: no format for an output, both outputs are one file, or events are asked of
            photos.
        DataError: an input cannot be used.
        WriteError: an output cannot be written.
    """
    write = table_writer(out)
    if events is not None:
        check_events(events, len(getattr(results, "videos", ())))
        if getattr(results, "images", ()) and not getattr(results, "predictions", ()):
            raise SettingsError(_NO_VIDEO)
    if events is not None and os.path.realpath(events) == os.path.realpath(out):
        raise SettingsError(f"measures and events would both be {out}; name another for one")
    if livelink is not None:
        check_livelink(livelink, len(getattr(results, "videos", ())))
    layout = Layout.of(settings)
    report = MeasureReport()
    with StopRequest() as stop:
        results = _with_eye_closures(results, eye_state, settings.symmetric)
        frames = _measure_frames(results, report, settings, console, stop)
        for track in tracks_of(frames):
            report.events += track_events(track)
        if events is not None:  # predictions may hold several videos, or photos
            _check_times(frames)
            check_events(events, count_videos(report.events))
        if settings.expressions:
            add_expressions(frames, settings.neutral)
        recorded = [] if livelink is None else people_seen(livelink, livelink_tracks(frames))
        with atomic_file(out) as temporary, open_text(temporary) as file:
            write(frames, layout, file)
        if events is not None:
            write_events(events, report.events)
        if livelink is not None:
            write_livelink(livelink, recorded[0])
            report.not_recorded = len(recorded) - 1
        if also is not None:
            table, listed = io.StringIO(), io.StringIO()
            write_csv(frames, layout, table)
            write_event_table(listed, report.events)
            also(table.getvalue(), listed.getvalue(), report)
    return report


def _check_times(frames: Iterable[MeasuredFrame]) -> None:
    """Refuse events of photos. Raises SettingsError."""
    read = [each.frame for each in frames if not each.frame.error]
    if read and all(frame.time is None for frame in read):
        raise SettingsError(_NO_VIDEO)


def _with_eye_closures(
    results: Iterable[FrameResult], eye_state: EyeStateModel | None, symmetric: bool
) -> Iterator[FrameResult]:
    """The results, with the closure of the eyes where it is not known and there is an image."""
    for result in results:
        image = result.image
        if image is not None and any(face.eye_closure is None for face in result.faces):
            eye_state = eye_state or EyeStateModel.load()
            closures = partial(mean_closures, eye_state) if symmetric else eye_state.with_closures
            yield replace(result, faces=closures(image, result.faces))
        else:
            yield result


def _measure_frames(
    results: Iterable[FrameResult],
    report: MeasureReport,
    settings: FaceSettings,
    console: Console | None,
    stop: StopRequest,
) -> list[MeasuredFrame]:
    """Measure the faces of all results, or of those before Ctrl-C, and count them in `report`."""
    frames: list[MeasuredFrame] = []
    sets: dict[tuple[str, ...], LandmarkSet] = {}
    for result in results:
        frames.append(measure_frame(result, settings))
        report.count(len(result.faces), result.error, console)
        sets |= {face.landmarks.names: face.landmarks for face in result.faces}
        if stop.asked:
            report.stopped = True
            break
    missing = {name for landmarks in sets.values() for name in unavailable(landmarks)}
    report.unavailable = [name for name in MEASURES if name in missing]
    return frames
