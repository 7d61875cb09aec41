"""Writes a table of measures, a row per face and frame, and the events of people in videos."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TextIO

import numpy as np
from rich.console import Console

from facepoints._util.files import atomic_file
from facepoints._util.progress import StopRequest
from facepoints._util.text_files import open_text, write_row
from facepoints._util.words import count_noun
from facepoints.commands.event_files import (
    TrackEvent,
    check_events,
    write_event_table,
    write_events,
)
from facepoints.commands.gaze_columns import (
    GAZE_COLUMNS,
    NO_IMAGE,
    gaze_cells,
    gaze_dict,
    gaze_of,
    rounded,
    short,
)
from facepoints.commands.report import Report
from facepoints.errors import SettingsError
from facepoints.inference.eye_closure import EYES, EyeClosure
from facepoints.inference.eye_state import EyeStateModel
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.measurement import MEASURES, Gaze, Measurement, measure, unavailable
from facepoints.measurement.events import KINDS, Event, eye_events, has_level, yawns
from facepoints.measurement.head_position import check_focal_length, head_transform
from facepoints.measurement.pose_factors import SLOPES
from facepoints.results.records import FrameResult, json_line

__all__ = ["MeasureReport", "measure_inputs"]


@dataclass
class _MeasuredFace:
    """The measures, head transform and events of a face in a frame. `gaze` may be the reason why
    there is none.

    `events` has a key for each kind that can be detected in the face's track. The value is True
    if such an event happens in this frame. None: no kind can be detected.
    """

    number: int
    track_id: int | None
    score: float
    box: tuple[float, ...]
    measures: dict[str, Measurement]
    transform: list[list[float]] | None = None
    closure: EyeClosure = field(default_factory=EyeClosure)
    gaze: Gaze | str = ""
    events: dict[str, bool] | None = None


class _MeasuredFrame(NamedTuple):
    """A frame, stored without faces and pixels, and its measured faces."""

    frame: FrameResult
    faces: list[_MeasuredFace]


_Track = list[tuple[FrameResult, _MeasuredFace]]
"""The frames of one person in one video, in order."""


_TRANSFORM = tuple(f"transform_{row}{column}" for row in (1, 2, 3) for column in (1, 2, 3, 4))
"""Columns of the first three rows of the head transform; the fourth is 0, 0, 0, 1."""
_CLOSURE = tuple(f"{eye}_eye_{part}" for eye in EYES for part in ("closed", "reason"))
"""Columns of the probability that an eye is closed, and of why it is unknown."""
_NOUNS = {"blink": "blink", "eyes_closed": "eye closure", "yawn": "yawn"}


@dataclass
class MeasureReport(Report):
    """Counts of `measure_inputs`, in addition to those of `Report`.

    Attributes:
        unavailable: measures that cannot be computed from the points.
        events: the events of all people in videos.
    """

    unavailable: list[str] = field(default_factory=list)
    events: list[TrackEvent] = field(default_factory=list)
    unit: ClassVar[tuple[str, str]] = ("image or frame", "images or frames")

    def _remarks(self) -> list[str]:
        remarks = []
        if self.events:
            counts = {kind: sum(e.event.kind == kind for e in self.events) for kind in KINDS}
            remarks.append(", ".join(count_noun(n, _NOUNS[kind]) for kind, n in counts.items()))
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
    mm_per_pixel: float | None = None,
    focal_length: float | None = None,
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
        mm_per_pixel: millimeters per pixel; distances are then in millimeters. None: in pixels.
        focal_length: of the camera in pixels, for the distance of the head
            (`head_transform`). None: the longer side of each image.
        eye_state: predicts whether eyes are closed, for results that have images. None: the
            one in the package.
        also: writes other files (`measure_extras`). It is called once the table is written, with
            the text of the tables of measures and of events as CSV, and with the counts.
        console: shows unreadable files; None: shows nothing.

    Raises:
        SettingsError: no format for an output, or a scale or focal length that is not positive.
        DataError: an input cannot be used.
        WriteError: an output cannot be written.
    """
    write = _writer(out)
    if events is not None:
        check_events(events, len(getattr(results, "videos", ())))
    if events is not None and os.path.realpath(events) == os.path.realpath(out):
        raise SettingsError(f"measures and events would both be {out}; name another for one")
    if mm_per_pixel is not None and not 0 < mm_per_pixel < 1e6:
        raise SettingsError(f"millimeters per pixel are positive, {mm_per_pixel} is not")
    check_focal_length(focal_length)
    report = MeasureReport()
    with StopRequest() as stop:
        results = _with_eye_closures(results, eye_state)
        frames = _measure_frames(results, report, (mm_per_pixel, focal_length), console, stop)
        for track in _tracks(frames):
            report.events += _events(track)
        names = [_column(name, mm_per_pixel) for name in MEASURES]
        with atomic_file(out) as temporary, open_text(temporary) as file:
            write(frames, names, file)
        if events is not None:
            write_events(events, report.events)
        if also is not None:
            table, listed = io.StringIO(), io.StringIO()
            _write_csv(frames, names, table)
            write_event_table(listed, report.events)
            also(table.getvalue(), listed.getvalue(), report)
    return report


def _with_eye_closures(
    results: Iterable[FrameResult], eye_state: EyeStateModel | None
) -> Iterator[FrameResult]:
    """The results, with the closure of the eyes where it is not known and there is an image."""
    for result in results:
        image = result.image
        if image is not None and any(face.eye_closure is None for face in result.faces):
            eye_state = eye_state or EyeStateModel.load()
            yield replace(result, faces=eye_state.with_closures(image, result.faces))
        else:
            yield result


def _measure_frames(
    results: Iterable[FrameResult],
    report: MeasureReport,
    scales: tuple[float | None, float | None],
    console: Console | None,
    stop: StopRequest,
) -> list[_MeasuredFrame]:
    """Measure the faces of all results, or of those before Ctrl-C, and count them in `report`."""
    frames: list[_MeasuredFrame] = []
    sets: dict[tuple[str, ...], LandmarkSet] = {}
    for result in results:
        frames.append(_measure_frame(result, *scales))
        report.count(len(result.faces), result.error, console)
        sets |= {face.landmarks.names: face.landmarks for face in result.faces}
        if stop.asked:
            report.stopped = True
            break
    missing = {name for landmarks in sets.values() for name in unavailable(landmarks)}
    report.unavailable = [name for name in MEASURES if name in missing]
    return frames


def _column(name: str, mm_per_pixel: float | None) -> str:
    return name if mm_per_pixel is None or not name.endswith("_px") else f"{name[:-3]}_mm"


def _measure_frame(
    result: FrameResult, mm_per_pixel: float | None, focal_length: float | None
) -> _MeasuredFrame:
    faces = []
    for number, face in enumerate(result.faces):
        measures = {}
        for name, measured in measure(face).items():
            column = _column(name, mm_per_pixel)
            scale = (mm_per_pixel or 1.0) if column != name else 1.0
            measures[column] = Measurement(measured.value * scale, measured.radius * scale)
        transform = None
        if "yaw" in measures and min(result.size) > 0:
            transform = head_transform(face, result.size, focal_length=focal_length).tolist()
        closure = face.eye_closure or EyeClosure(None, None, NO_IMAGE, NO_IMAGE)
        faces.append(
            _MeasuredFace(
                *(number, face.track_id, face.score, face.box, measures),
                *(transform, closure, gaze_of(result, face)),
            )
        )
    return _MeasuredFrame(replace(result, faces=[], image=None), faces)


def _tracks(frames: Sequence[_MeasuredFrame]) -> Iterator[_Track]:
    """Yield the tracks of all videos. A frame number that does not increase begins a new video."""
    tracks: dict[tuple[str, int], _Track] = {}
    for frame, faces in frames:
        for face in faces:
            if face.track_id is None or frame.time is None:
                continue
            key = frame.video, face.track_id
            if key in tracks and tracks[key][-1][0].frame >= frame.frame:  # another video begins
                yield tracks.pop(key)
            tracks.setdefault(key, []).append((frame, face))
    yield from tracks.values()


def _events(track: _Track) -> Iterator[TrackEvent]:
    """Yield the events of one person in order of time, and set `events` of the track's faces."""
    events: list[tuple[Event, _Track]] = []
    for detect, kinds, names in (
        (yawns, ("yawn",), ("mouth_opening",)),
        (eye_events, ("blink", "eyes_closed"), ("eye_opening", "yaw", "pitch")),
    ):
        known = [(frame, face) for frame, face in track if face.measures.keys() >= set(names)]
        time = np.array([frame.time for frame, _ in known], dtype=np.float64)
        if not has_level(time):
            continue
        opening, *pose = np.array([[face.measures[n].value for n in names] for _, face in known]).T
        for _, face in known:
            face.events = (face.events or {}) | dict.fromkeys(kinds, False)
        more = []
        if pose:  # the limits of events are for angles of the fitted head
            more = [np.stack(pose, axis=1) / (SLOPES["yaw"], SLOPES["pitch"])]
            closed = [face.closure.mean for _, face in known]
            more.append(np.array([np.nan if value is None else value for value in closed]))
        for event in detect(time, opening, *more):
            if event.is_part_of_yawn([other for other, _ in events]):
                continue
            events.append((event, known))
            for _, face in known[event.first : event.last + 1]:
                face.events = (face.events or {}) | {event.kind: True}
    for event, known in sorted(events, key=lambda pair: pair[0].start):
        first, last = known[event.first], known[event.last]
        track_id = first[1].track_id or 0
        yield TrackEvent(first[0].file, track_id, first[0].frame, last[0].frame, event)


def _writer(out: Path) -> Callable[[Sequence[_MeasuredFrame], Sequence[str], TextIO], None]:
    writers = {".csv": _write_csv, ".jsonl": _write_jsonl, ".ndjson": _write_jsonl}
    if out.suffix.lower() not in writers:
        raise SettingsError(f"no format for {out}: expected a name in .csv or .jsonl")
    return writers[out.suffix.lower()]


def _write_csv(frames: Sequence[_MeasuredFrame], names: Sequence[str], file: TextIO) -> None:
    columns = ["file", "frame", "time", "face", "track", "score"]
    columns += [f"{name}{part}" for name in names for part in ("", "_r")]
    write_row(file, [*columns, *_TRANSFORM, *_CLOSURE, *GAZE_COLUMNS, *KINDS])
    for frame, faces in frames:
        time = "" if frame.time is None else round(frame.time, 6)
        for face in faces:
            track = "" if face.track_id is None else face.track_id
            cells = [frame.file, frame.frame, time, face.number, track]
            cells.append(f"{face.score:.4g}")
            for name in names:
                measured = face.measures.get(name)
                cells += ["", ""] if measured is None else rounded(measured)
            rows = (face.transform or [])[:3]
            numbers = [short(number) for row in rows for number in row]
            cells += numbers or [""] * len(_TRANSFORM)
            for eye in EYES:
                value, reason = face.closure.of(eye)
                cells += ["" if value is None else value, reason]
            cells += gaze_cells(face.gaze)
            events = face.events or {}
            write_row(file, [*cells, *(int(events[k]) if k in events else "" for k in KINDS)])


def _write_jsonl(frames: Sequence[_MeasuredFrame], names: Sequence[str], file: TextIO) -> None:
    for frame, faces in frames:
        if frame.error:
            file.write(json_line({"file": frame.file, "error": frame.error}))
            continue
        line: dict[str, Any] = {"file": frame.file, "frame": frame.frame}
        if frame.time is not None:
            line["time"] = round(frame.time, 6)
        line |= {"width": frame.size[1], "height": frame.size[0]}
        line["faces"] = [
            {
                "box": [round(side, 3) for side in face.box],
                "score": round(face.score, 6),
                "track": face.track_id,
                "measures": {
                    name: dict(zip(("value", "radius"), rounded(measured), strict=True))
                    for name, measured in face.measures.items()
                },
                "head_transform": face.transform
                and [[short(number) for number in row] for row in face.transform],
                "eye_closure": face.closure.to_dict(),
                "gaze": gaze_dict(face.gaze),
                "events": face.events,
            }
            for face in faces
        ]
        file.write(json_line(line))
