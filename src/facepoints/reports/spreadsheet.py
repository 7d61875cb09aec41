"""The table of measures as a spreadsheet: its cells, its columns in words, and the events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facepoints._util.files import atomic_file
from facepoints._util.text_files import escape_controls
from facepoints._version import __version__
from facepoints.errors import WriteError
from facepoints.reports.dictionary import SOURCES, column_notes, describe
from facepoints.reports.page import missing_extra

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

__all__ = ["NOT_A_DIAGNOSIS", "write_spreadsheet"]

NOT_A_DIAGNOSIS = (
    "This is not a diagnosis, and facepoints is not a medical device. Measures are taken in an "
    "image, not on a body."
)

_MOST_ROWS = 1_048_576  # of a sheet, with its heading
_TEXTS = ("file", "event")


def write_spreadsheet(
    path: Path,
    table: Sequence[Sequence[str]],
    events: Sequence[Sequence[str]],
    about: Mapping[str, str],
) -> None:
    """Write a workbook with the sheets measures, events, columns and about, whole or not at all.

    Args:
        path: .xlsx file to write.
        table: cells of the csv file, with its heading. Numbers become numbers, texts stay texts,
            also those that a spreadsheet could take for a formula.
        events: the same of the events; no row but the heading: no such sheet.
        about: model and settings, by name.

    Raises:
        MissingExtraError: openpyxl is not installed.
        WriteError: the file cannot be written, or a sheet cannot hold so many rows.
    """
    if (missing := missing_extra("a spreadsheet", "openpyxl")) is not None:
        raise missing
    if len(table) > _MOST_ROWS:
        raise WriteError(
            f"could not write {path}: a sheet holds {_MOST_ROWS - 1:,} rows, there are "
            f"{len(table) - 1:,}; use a .csv file"
        )
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    _add_table(book, "measures", table)
    if len(events) > 1:
        _add_table(book, "events", events)
    _add_columns(book, [*table[0], *(events[0] if len(events) > 1 else ())])
    _add_about(book, about)
    with atomic_file(path) as temporary:
        book.save(temporary)


def _add_table(book: Workbook, name: str, table: Sequence[Sequence[str]]) -> None:
    heading, *rows = table
    sheet: Any = book.create_sheet(name)
    sheet.freeze_panes = "B2" if heading[:1] == ["file"] else "A2"
    for number, column in enumerate(heading, start=1):
        width = 28 if column in _TEXTS or column.endswith("_reason") else max(9, len(column) + 2)
        sheet.column_dimensions[_letters(number)].width = width
    _add_heading(sheet, heading)
    is_text = [column in _TEXTS or column.endswith("_reason") for column in heading]
    for row in rows:
        sheet.append(
            [_cell(sheet, value, as_text) for value, as_text in zip(row, is_text, strict=True)]
        )


def _cell(sheet: WriteOnlyWorksheet, value: str, as_text: bool) -> Any:
    """A number, a text that is never a formula, or None for a blank cell."""
    if value == "":
        return None
    if not as_text:
        try:
            return int(value)
        except ValueError:
            try:
                return float(value)
            except ValueError:
                pass
    return _text(sheet, value)


def _text(sheet: Any, value: str, bold: bool = False) -> Any:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    cell: Any = WriteOnlyCell(sheet, value=escape_controls(value)[:32_767])
    cell.data_type = "s"
    if bold:
        cell.font = Font(bold=True)
    return cell


def _add_heading(sheet: Any, names: Iterable[str]) -> None:
    sheet.append([_text(sheet, name, bold=True) for name in names])


def _letters(number: int) -> str:
    from openpyxl.utils import get_column_letter

    return get_column_letter(number)


def _add_columns(book: Workbook, names: Sequence[str]) -> None:
    """The data dictionary."""
    sheet: Any = book.create_sheet("columns")
    for letter, width in zip("ABCDE", (32, 9, 90, 60, 60), strict=True):
        sheet.column_dimensions[letter].width = width
    _add_heading(sheet, ["column", "unit", "meaning", "source", "landmarks"])
    for note in column_notes(dict.fromkeys(names)):
        description = describe(note.name)
        source = "" if description is None else description.source
        points = "" if description is None else ", ".join(description.points)
        cells = [note.name, note.unit, note.meaning, source, points]
        sheet.append([_text(sheet, cell) if cell else None for cell in cells])


def _add_about(book: Workbook, about: Mapping[str, str]) -> None:
    sheet: Any = book.create_sheet("about")
    sheet.column_dimensions["A"].width = 24
    sheet.column_dimensions["B"].width = 110
    rows = {"written by": f"facepoints {__version__}", **about}
    for name, value in rows.items():
        sheet.append([_text(sheet, name, bold=True), _text(sheet, value)])
    sheet.append([])
    sheet.append([_text(sheet, "note", bold=True), _text(sheet, NOT_A_DIAGNOSIS)])
    for letter, source in SOURCES.items():
        sheet.append([_text(sheet, f"source {letter}", bold=True), _text(sheet, source)])
