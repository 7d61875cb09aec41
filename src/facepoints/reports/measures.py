"""The report of measures: each face with the distances that were measured, each person of a video
over time, every definition with its source, and every column of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from facepoints._util.text_files import original_cell
from facepoints._util.words import count_noun
from facepoints.reports.dictionary import (
    SOURCES,
    column_notes,
    describe,
    is_measure,
    spaced_unit,
    unit_of,
)
from facepoints.reports.kept_faces import FaceKeeper, KeptFace
from facepoints.reports.measured_face import TAGS, draw_measures
from facepoints.reports.measured_people import people_of
from facepoints.reports.page import write_page
from facepoints.reports.picture import Picture
from facepoints.reports.spreadsheet import NOT_A_DIAGNOSIS
from facepoints.reports.table import Cell, Column, Table, number, significant, text

__all__ = ["FaceView", "write_measure_report"]

Row = Mapping[str, str]

_LISTED = 300  # rows in the table of all faces
_FLOORS = ("asymmetry",)  # measures whose radius is a noise floor


@dataclass(frozen=True)
class FaceView:
    """A face of the page: its pictures and its measures."""

    id: str
    name: str
    pictures: Sequence[Picture]
    table: Table


def write_measure_report(
    path: Path,
    table: Sequence[Sequence[str]],
    events: Sequence[Sequence[str]],
    kept: FaceKeeper,
    *,
    counts: Sequence[tuple[str, str]],
    about: Mapping[str, str],
) -> None:
    """Write the report of measures as one HTML file.

    Args:
        path: file to write.
        table: cells of the csv file of measures, with its heading.
        events: cells of the csv file of events, with its heading.
        kept: the faces to show.
        counts: figures with words for the top of the page.
        about: model and settings, by name.

    Raises:
        MissingExtraError: Jinja2 is not installed.
        WriteError: the file cannot be written.
    """
    heading = list(table[0])
    rows = _rows(table)
    measures = [column for column in heading if is_measure(column)]
    photos = [row for row in rows if not _in_video(row)]
    people = people_of([row for row in rows if _in_video(row)], _rows(events), kept, measures)
    faces = [_face_view(k, one, photos, measures) for k, one in enumerate(kept.images, start=1)]
    names = [*heading, *(events[0] if len(events) > 1 else ())]
    write_page(
        path,
        "measures.html",
        lead=", ".join(f"{value} {words}" for value, words in counts),
        warning=NOT_A_DIAGNOSIS,
        cards=list(counts),
        faces=faces,
        faces_left=max(0, kept.passed - len(kept.images)),
        people=people,
        overview=_overview(photos, measures, kept.images) if len(photos) > 1 else None,
        definitions=_definitions(measures),
        sources=list(SOURCES.items()),
        dictionary=_dictionary(names),
        stamp=list(about.items()),
    )


def _rows(table: Sequence[Sequence[str]]) -> list[dict[str, str]]:
    heading, *rows = table
    found = [dict(zip(heading, row, strict=True)) for row in rows]
    for row in found:
        row["file"] = original_cell(row["file"])
    return found


def _in_video(row: Row) -> bool:
    return row["time"] != "" and row["track"] != ""


def _face_view(
    number_: int, kept: KeptFace, rows: Sequence[Row], measures: Sequence[str]
) -> FaceView:
    row = find_row(kept, rows)
    return FaceView(
        f"face-{number_}",
        kept.file if kept.number == 0 else f"{kept.file}, face {kept.number + 1}",
        draw_measures(kept),
        measure_table(row, measures),
    )


def find_row(kept: KeptFace, rows: Sequence[Row]) -> Row:
    """The row of the table that holds the measures of a kept face; empty if there is none."""
    wanted = str(kept.frame), str(kept.number), kept.file
    for row in rows:
        if (row["frame"], row["face"], row["file"]) == wanted:
            return row
    return {}


def measure_table(row: Row, measures: Sequence[str]) -> Table:
    """The measures of a face: value with unit, and the 90 % interval."""
    columns = (
        Column("", "number in the picture"),
        Column("measure", numeric=False),
        Column("value"),
        Column("90 % interval", "holds the true value in 90 % of cases, see below"),
    )
    body = []
    for name in measures:
        value, radius = row.get(name, ""), row.get(f"{name}_r", "")
        tag = TAGS.get(f"{name[:-3]}_px" if name.endswith("_mm") else name, "")
        cells = [Cell(tag, float(tag) if tag else 99.0), text(name)]
        if value == "":
            body.append([*cells, text("–"), text("not measured")])
        else:
            body.append([*cells, *_value_cells(name, float(value), float(radius or 0))])
    for name in row:  # angles beside the measures, such as those of the gaze
        if f"{name}_r" in row and not is_measure(name):
            value, radius = row[name], row[f"{name}_r"]
            cells = [Cell("", 99.0), text(name)]
            if value == "":
                body.append([*cells, text("–"), text(row.get("gaze_reason", ""))])
            else:
                body.append([*cells, *_value_cells(name, float(value), float(radius or 0))])
    for eye in ("right", "left"):
        body += _closure_row(row, f"{eye}_eye_closed", f"{eye}_eye_reason")
    return Table(columns, body)


def _closure_row(row: Row, name: str, reason: str) -> list[list[Cell]]:
    """The row of the probability that an eye is closed; none if the table has no such column."""
    if name not in row:
        return []
    cells = [Cell("", 99.0), text(name)]
    if row[name] == "":
        return [[*cells, text("–"), text(row.get(reason, ""))]]
    return [[*cells, number(float(row[name]), 2), text("a probability")]]


def _value_cells(name: str, value: float, radius: float) -> list[Cell]:
    unit = spaced_unit(name)
    digits = 3 if abs(value) < 100 else 4
    shown = number(value, digits, unit)
    if name in _FLOORS:
        return [shown, text(f"noise floor {significant(radius, 2)}")]
    low, high = _interval(name, value, radius)
    places = 0 if radius >= 20 else 1 if radius >= 0.5 else 2 if radius >= 0.05 else 3
    return [shown, Cell(f"{low:.{places}f} to {high:.{places}f}{unit}", radius)]


def _interval(name: str, value: float, radius: float) -> tuple[float, float]:
    """The 90 % interval, cut off where no value can be.

    Distances and ratios are not below 0, and a pitch is from -90 to 90 degrees.
    """
    low, high = value - radius, value + radius
    if spaced_unit(name) != "°":
        return max(low, 0.0), high
    if name.endswith("pitch"):
        return max(low, -90.0), min(high, 90.0)
    return low, high


def _overview(rows: Sequence[Row], measures: Sequence[str], kept: Sequence[KeptFace]) -> Table:
    """A row per face of the images with the value of every measure."""
    ids = {(k.file, str(k.frame), str(k.number)): f"face-{n}" for n, k in enumerate(kept, 1)}
    columns = [Column("face", numeric=False)]
    for name in measures:
        description = describe(name)
        columns.append(Column(name, description.meaning if description else ""))
    body = []
    for row in rows[:_LISTED]:
        name = row["file"] + (f", face {int(row['face']) + 1}" if row["face"] != "0" else "")
        cells = [text(name, link=ids.get((row["file"], row["frame"], row["face"]), ""))]
        for measure in measures:
            value = row[measure]
            cells.append(number(float(value), 3, spaced_unit(measure)) if value else text("–"))
        body.append(cells)
    caption = "Values of every face"
    if len(rows) > _LISTED:
        caption += f": the first {_LISTED} of {count_noun(len(rows), 'face')}"
    return Table(columns, body, caption)


def _definitions(measures: Sequence[str]) -> Table:
    columns = (
        Column("", "number in the pictures"),
        Column("measure", numeric=False),
        Column("unit", numeric=False),
        Column("definition", numeric=False),
        Column("the radius", numeric=False),
        Column("source", numeric=False),
        Column("landmarks", numeric=False),
        Column("marks that they follow", numeric=False),
    )
    body = []
    for name in measures:
        description = describe(name)
        if description is None:
            continue
        tag = TAGS.get(f"{name[:-3]}_px" if name.endswith("_mm") else name, "")
        body.append(
            [
                Cell(tag, float(tag) if tag else 99.0),
                text(name, strong=True),
                text(unit_of(name) or "none"),
                text(description.meaning),
                text(description.radius),
                text(description.source),
                text(", ".join(description.points) or "all that are fixed on the head"),
                text(description.marks or "iBUG-68"),
            ]
        )
    return Table(columns, body, words=True)


def _dictionary(names: Sequence[str]) -> Table:
    columns = (
        Column("column", numeric=False),
        Column("unit", numeric=False),
        Column("meaning", numeric=False),
    )
    notes = column_notes(dict.fromkeys(names))
    body = [[text(n.name, strong=True), text(n.unit), text(n.meaning)] for n in notes]
    return Table(columns, body, words=True)
