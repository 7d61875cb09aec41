"""The people of videos in a report of measures: their measures over time, events and rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepoints.reports.chart import Chart, Line, Span, line_chart
from facepoints.reports.dictionary import spaced_unit
from facepoints.reports.kept_faces import FaceKeeper, KeptFace
from facepoints.reports.measured_face import draw_measures
from facepoints.reports.picture import Picture
from facepoints.reports.table import Cell, Column, Table, number, percent, significant, text

__all__ = ["Person", "people_of"]

Row = Mapping[str, str]
Array = NDArray[np.float64]

_CHARTS = (
    # title, label of the y axis, columns
    ("Opening of the eyes", "height over length", ("eye_opening",)),
    (
        "Probability that each eye is closed",
        "probability",
        ("right_eye_closed", "left_eye_closed"),
    ),
    ("Opening of the mouth", "height over length", ("mouth_opening",)),
    ("Head pose", "degrees", ("yaw", "pitch", "roll")),
    ("Direction of the eyes", "degrees", ("gaze_yaw", "gaze_pitch")),
)
_KINDS = (("blink", "blinks"), ("eyes_closed", "eye closures"), ("yawn", "yawns"))
_GAP = 0.25  # seconds: a longer pause between frames is not watched, as in `measurement.events`


@dataclass(frozen=True)
class Person:
    """A person of a video: pictures of the surest frame, charts, events, rates and statistics."""

    name: str
    pictures: Sequence[Picture]
    charts: Sequence[Chart]
    sentences: Sequence[str]
    events: Table | None
    measures: Table


def people_of(
    rows: Sequence[Row], events: Sequence[Row], kept: FaceKeeper, measures: Sequence[str]
) -> list[Person]:
    """The people of all videos, in order.

    Args:
        rows: of the table, of faces in videos.
        events: rows of the table of events.
        kept: the surest frame of each person.
        measures: columns of measures.
    """
    tracks = _tracks(rows)
    several = len({file for file, _ in tracks}) > 1
    pictures = list(kept.people.values())
    people = []
    for (file, track), part in tracks.items():
        own = [e for e in events if (e["file"], e["track"]) == (file, track)]
        shown = next((k for k in pictures if (k.file, str(k.track)) == (file, track)), None)
        people.append(_person(file, track, part, own, shown, measures, several))
    return people


def _tracks(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    tracks: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        tracks.setdefault((row["file"], row["track"]), []).append(row)
    return tracks


def _person(
    file: str,
    track: str,
    rows: Sequence[Row],
    events: Sequence[Row],
    shown: KeptFace | None,
    measures: Sequence[str],
    several: bool,
) -> Person:
    time = _values(rows, "time")
    spans = [
        Span(start, start + float(e["seconds"]), f"{e['event']} at {start:.2f} s", e["event"])
        for e in events
        for start in (float(e["start"]),)
    ]
    charts = [
        chart
        for title, label, columns in _CHARTS
        if (chart := _chart(title, label, columns, rows, time, spans)) is not None
    ]
    return Person(
        f"{file}, person {track}" if several else f"Person {track}",
        () if shown is None else draw_measures(shown),
        charts,
        _sentences(rows, events, time),
        _event_table(events) if events else None,
        _statistics(rows, measures),
    )


def _values(rows: Sequence[Row], column: str) -> Array:
    """A column (n,); NaN where it is blank."""
    return np.array([float(row.get(column) or "nan") for row in rows], dtype=np.float64)


def _chart(
    title: str,
    label: str,
    columns: Sequence[str],
    rows: Sequence[Row],
    time: Array,
    spans: Sequence[Span],
) -> Chart | None:
    lines = []
    for name in columns:
        value = _values(rows, name)
        if not np.isfinite(value).any():
            continue
        x, (value, radius) = _with_gaps(time, [value, _values(rows, f"{name}_r")])
        band = len(columns) == 1 and np.isfinite(radius).any()  # bands of several hide each other
        words = name.replace("_", " ")
        lines.append(
            Line(
                words,
                x,
                value,
                value - radius if band else None,
                value + radius if band else None,
            )
        )
    if not lines:
        return None
    y_range = (0.0, 1.0) if "closed" in columns[0] else _near(lines)
    end = float(time[-1]) if time[-1] > time[0] else float(time[0]) + 1
    return line_chart(
        lines,
        title=title,
        x_label="time, s",
        y_label=label + (" (band: 90 % interval)" if lines[0].low is not None else ""),
        x_range=(float(time[0]), end),
        y_range=y_range,
        spans=spans if label != "degrees" else (),
    )


def _near(lines: Sequence[Line]) -> tuple[float, float] | None:
    """Limits of the y axis that leave wide intervals of single frames outside."""
    values = np.concatenate([line.y for line in lines])
    values = values[np.isfinite(values)]
    radii = [line.high - line.y for line in lines if line.high is not None]
    room = float(np.nanmedian(np.concatenate(radii))) if radii else 0.0
    low, high = float(values.min()), float(values.max())
    room = max(1.3 * room, 0.08 * (high - low), 1e-3)
    return (max(0.0, low - room) if low >= 0 else low - room), high + room


def _with_gaps(time: Array, columns: Sequence[Array]) -> tuple[Array, list[Array]]:
    """Times and columns with a NaN inserted in every longer pause, so that lines are cut there."""
    step = np.diff(time)
    pause = max(_GAP, 4 * float(np.median(step))) if len(step) else _GAP
    where = np.flatnonzero(step > pause) + 1
    return np.insert(time, where, time[where]), [np.insert(c, where, np.nan) for c in columns]


def _watched(rows: Sequence[Row], kind: str, time: Array) -> float:
    """Seconds in which events of a kind could be detected."""
    known = np.array([row.get(kind, "") != "" for row in rows])
    times = time[known]
    if len(times) < 2:
        return 0.0
    step = np.diff(times)
    usual = float(np.median(step))
    return float(step[step <= max(_GAP, 2 * usual)].sum()) + usual


def _sentences(rows: Sequence[Row], events: Sequence[Row], time: Array) -> list[str]:
    seen = f"Seen in {len(rows)} frames from {time[0]:.2f} to {time[-1]:.2f} s."
    found = []
    for kind, plural in _KINDS:
        seconds = _watched(rows, kind, time)
        if not seconds:
            continue
        own = [e for e in events if e["event"] == kind]
        rate = 60 * len(own) / seconds
        words = f"{len(own)} {plural} in {seconds:.1f} s, {significant(rate, 2)} a minute"
        if not own:
            words = f"no {plural} in {seconds:.1f} s"
        elif kind == "eyes_closed":
            total = sum(float(e["seconds"]) for e in own)
            words = (
                f"{len(own)} {plural} in {seconds:.1f} s, {percent(total / seconds)} of the time"
            )
        found.append(words)
    if not found:
        return [seen, "Too short for blinks, eye closures and yawns."]
    return [seen, f"Detected: {'; '.join(found)}."]


def _event_table(events: Sequence[Row]) -> Table:
    columns = (
        Column("event", numeric=False),
        Column("start"),
        Column("duration"),
        Column("extreme", "smallest opening of the eyes, or largest of the mouth"),
        Column("frames", numeric=False),
    )
    body = [
        [
            text(event["event"].replace("_", " ")),
            number(float(event["start"]), 4, " s"),
            number(float(event["seconds"]), 3, " s"),
            number(float(event["extreme"]), 3) if event.get("extreme") else text("–"),
            Cell(f"{event['first_frame']} to {event['last_frame']}", float(event["first_frame"])),
        ]
        for event in events
    ]
    return Table(columns, body, "Events")


def _statistics(rows: Sequence[Row], measures: Sequence[str]) -> Table:
    """Over the frames of a person: median, range and the median radius of each measure."""
    columns = (
        Column("measure", numeric=False),
        Column("median"),
        Column("5 to 95 %", "of the frames lie in this range"),
        Column("90 % radius", "median over the frames, of a single frame's value"),
        Column("n", "frames with this measure"),
    )
    body = []
    for name in measures:
        value = _values(rows, name)
        value = value[np.isfinite(value)]
        if not len(value):
            continue
        unit = spaced_unit(name)
        low, middle, high = (float(np.quantile(value, q)) for q in (0.05, 0.5, 0.95))
        radius = float(np.nanmedian(_values(rows, f"{name}_r")))
        body.append(
            [
                text(name),
                number(middle, 3, unit),
                Cell(f"{significant(low)} to {significant(high)}{unit}", high - low),
                number(radius, 2, unit),
                Cell(str(len(value)), float(len(value))),
            ]
        )
    return Table(columns, body, "Measures over all frames")
