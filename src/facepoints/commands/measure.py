"""Measures of faces to a table: a row per face and frame, and what faces do in a video."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from rich.console import Console

from facepoints._util.console import count_noun
from facepoints._util.files import atomic_file
from facepoints._util.progress import StopRequest
from facepoints._util.text_files import open_text, printable
from facepoints.commands.report import Report
from facepoints.errors import SettingsError
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.measurement import MEASURES, Measurement, measure, unavailable
from facepoints.measurement.events import KINDS, Event, eye_events, judged, yawns
from facepoints.results.records import FrameResult, json_line

__all__ = ["MeasureReport", "measure_inputs", "summary"]


@dataclass
class _Row:
    """A face in a frame; `events` is None where nothing can be said of them."""

    face: int
    track: int | None
    score: float
    box: tuple[float, ...]
    measures: dict[str, Measurement]
    events: dict[str, bool] | None = None


@dataclass
class _Shot:
    seen: FrameResult
    rows: list[_Row]


@dataclass
class MeasureReport(Report):
    """What was done; see `sightings.Report`, too.

    Attributes:
        faces: measured.
        lacking: measures that the points do not give.
        events: what people did, by track of each video.
    """

    faces: int = 0
    lacking: list[str] = field(default_factory=list)
    events: list[tuple[str, int, int, int, Event]] = field(default_factory=list)
    """(file, track, first frame, last frame, event)"""


def measure_inputs(
    seen: Iterable[FrameResult],
    out: Path,
    *,
    events: Path | None = None,
    mm_per_pixel: float | None = None,
    console: Console | None = None,
) -> MeasureReport:
    """Measure faces.

    After Ctrl-C, what was looked at so far is written as if the inputs ended there.

    Args:
        seen: pictures with their faces (`sightings.sightings`).
        out: .csv: a row per face; or .jsonl: a line per picture.
        events: .csv to write blinks, closed eyes and yawns to, a row for each.
        mm_per_pixel: gives distances in millimetres instead of pixels.
        console: for unreadable files; nothing is said if None.

    Raises:
        SettingsError: no format for an output, or a scale that is not positive.
        DataError: an input that cannot be used.
        WriteError: an output cannot be written.
    """
    write = _writer(out)
    if events is not None and events.suffix.lower() != ".csv":
        raise SettingsError(f"events go to a name in .csv, not to {events}")
    if events is not None and os.path.realpath(events) == os.path.realpath(out):
        raise SettingsError(f"measures and events would both be {out}; name another for one")
    if mm_per_pixel is not None and not 0 < mm_per_pixel < 1e6:
        raise SettingsError(f"millimetres per pixel are positive, {mm_per_pixel} is not")
    report = MeasureReport()
    with StopRequest() as stop:
        shots = _measured(seen, report, mm_per_pixel, console, stop)
        for series in _series(shots):
            report.events += _events(series)
        names = [_column(name, mm_per_pixel) for name in MEASURES]
        with atomic_file(out) as temporary, open_text(temporary) as file:
            write(shots, names, file)
        if events is not None:
            with atomic_file(events) as temporary, open_text(temporary) as file:
                _write_events(report, file)
    return report


def summary(report: MeasureReport) -> str:
    """The closing line: what was done."""
    text = "stopped after " if report.stopped else ""
    text += f"{count_noun(report.faces, 'face')} in "
    text += count_noun(report.images, "picture or frame", "pictures or frames")
    text += f", {report.unreadable} unreadable" if report.unreadable else ""
    counts = {kind: sum(e.kind == kind for *_, e in report.events) for kind in KINDS}
    if any(counts.values()):
        told = {"blink": "blinks", "eyes_closed": "times eyes closed", "yawn": "yawns"}
        text += "; " + ", ".join(f"{n} {told[kind]}" for kind, n in counts.items())
    if report.lacking:
        some = ", ".join(report.lacking[:3])
        more = f" and {len(report.lacking) - 3} more" if len(report.lacking) > 3 else ""
        text += f"; these points do not give {some}{more}"
    return text


def _measured(
    seen: Iterable[FrameResult],
    report: MeasureReport,
    mm_per_pixel: float | None,
    console: Console | None,
    stop: StopRequest,
) -> list[_Shot]:
    """Measures of all sightings, or of those before Ctrl-C, counted."""
    shots: list[_Shot] = []
    sets: dict[tuple[str, ...], LandmarkSet] = {}
    for sighting in seen:
        shots.append(_shot(sighting, mm_per_pixel))
        report.count(sighting, console)
        report.faces += len(sighting.faces)
        sets |= {face.landmarks.names: face.landmarks for face in sighting.faces}
        if stop.asked:
            report.stopped = True
            break
    missing = {name for landmarks in sets.values() for name in unavailable(landmarks)}
    report.lacking = [name for name in MEASURES if name in missing]
    return shots


def _column(name: str, mm_per_pixel: float | None) -> str:
    return name if mm_per_pixel is None or not name.endswith("_px") else f"{name[:-3]}_mm"


def _shot(sighting: FrameResult, mm_per_pixel: float | None) -> _Shot:
    """The measures of a sighting, its picture let go."""
    rows = []
    for number, face in enumerate(sighting.faces):
        found = {}
        for name, measured in measure(face).items():
            column = _column(name, mm_per_pixel)
            scale = (mm_per_pixel or 1.0) if column != name else 1.0
            found[column] = Measurement(measured.value * scale, measured.radius * scale)
        rows.append(_Row(number, face.track_id, face.score, face.box, found))
    kept = FrameResult(
        sighting.file,
        [],
        sighting.size,
        sighting.frame,
        sighting.time,
        sighting.video,
        error=sighting.error,
    )
    return _Shot(kept, rows)


def _series(shots: Sequence[_Shot]) -> Iterator[list[tuple[FrameResult, _Row]]]:
    """One person in one video, frame by frame."""
    open_: dict[tuple[str, int], list[tuple[FrameResult, _Row]]] = {}
    for shot in shots:
        for row in shot.rows:
            if row.track is None or shot.seen.time is None:
                continue
            key = shot.seen.video, row.track
            before = open_.get(key)
            if before and before[-1][0].frame >= shot.seen.frame:  # another video begins
                yield open_.pop(key)
            open_.setdefault(key, []).append((shot.seen, row))
    yield from open_.values()


def _events(
    series: Sequence[tuple[FrameResult, _Row]],
) -> Iterator[tuple[str, int, int, int, Event]]:
    """Events of one person, in order; marks the frames."""
    found: list[tuple[Event, list[tuple[FrameResult, _Row]]]] = []
    for of, kinds, names in (
        (eye_events, ("blink", "eyes_closed"), ("eye_opening", "yaw", "pitch")),
        (yawns, ("yawn",), ("mouth_opening",)),
    ):
        known = [(seen, row) for seen, row in series if row.measures.keys() >= set(names)]
        time = np.array([seen.time for seen, _ in known], dtype=np.float64)
        if not judged(time):
            continue
        opening, *pose = np.array([[row.measures[n].value for n in names] for _, row in known]).T
        for _, row in known:
            row.events = (row.events or {}) | dict.fromkeys(kinds, False)
        for event in of(time, opening, *([np.stack(pose, axis=1)] if pose else [])):
            found.append((event, known))
            for _, row in known[event.first : event.last + 1]:
                row.events = (row.events or {}) | {event.kind: True}
    for event, known in sorted(found, key=lambda pair: pair[0].start):
        first, last = known[event.first], known[event.last]
        yield first[0].file, first[1].track or 0, first[0].frame, last[0].frame, event


def _writer(out: Path) -> Callable[[Sequence[_Shot], Sequence[str], TextIO], None]:
    writers = {".csv": _write_csv, ".jsonl": _write_jsonl, ".ndjson": _write_jsonl}
    if out.suffix.lower() not in writers:
        raise SettingsError(f"no format for {out}: expected a name in .csv or .jsonl")
    return writers[out.suffix.lower()]


def _write_csv(shots: Sequence[_Shot], names: Sequence[str], file: TextIO) -> None:
    table = csv.writer(file, lineterminator="\n")
    columns = ["file", "frame", "time", "face", "track", "score"]
    columns += [f"{name}{part}" for name in names for part in ("", "_r")]
    table.writerow([*columns, *KINDS])
    for shot in shots:
        for row in shot.rows:
            seen = shot.seen
            time = "" if seen.time is None else round(seen.time, 6)
            track = "" if row.track is None else row.track
            cells = [printable(seen.file), seen.frame, time, row.face, track, f"{row.score:.4g}"]
            for name in names:
                measure = row.measures.get(name)
                cells += ["", ""] if measure is None else _rounded(measure)
            said = row.events or {}
            table.writerow([*cells, *(int(said[k]) if k in said else "" for k in KINDS)])


def _write_jsonl(shots: Sequence[_Shot], names: Sequence[str], file: TextIO) -> None:
    for shot in shots:
        seen = shot.seen
        if seen.error:
            file.write(json_line({"file": seen.file, "error": seen.error}))
            continue
        line: dict[str, Any] = {"file": seen.file, "frame": seen.frame}
        if seen.time is not None:
            line["time"] = round(seen.time, 6)
        line |= {"width": seen.size[1], "height": seen.size[0]}
        line["faces"] = [
            {
                "box": [round(side, 3) for side in row.box],
                "score": round(row.score, 6),
                "track": row.track,
                "measures": {
                    name: dict(zip(("value", "radius"), _rounded(measure), strict=True))
                    for name, measure in row.measures.items()
                },
                "events": row.events,
            }
            for row in shot.rows
        ]
        file.write(json_line(line))


def _write_events(report: MeasureReport, file: TextIO) -> None:
    table = csv.writer(file, lineterminator="\n")
    header = "file track event first_frame last_frame start seconds extreme"
    table.writerow(header.split())
    for name, track, first, last, event in report.events:
        times = (round(event.start, 3), round(event.seconds, 3), round(event.extreme, 4))
        table.writerow([printable(name), track, event.kind, first, last, *times])


def _rounded(measure: Measurement) -> list[float]:
    return [float(f"{measure.value:.6g}"), float(f"{measure.radius:.3g}")]
