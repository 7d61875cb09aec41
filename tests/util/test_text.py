"""Text on the terminal and in CSV cells: shown as it is, without any effect."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from facepoints._util.console import PlainConsole, print_line
from facepoints._util.text_files import escape_controls, harmless_cell, original_cell

HOSTILE = "a\x1b[2J\x9b31m\r\nerror: forged\x00\x7f\u2028\u202egpj.\u0085[red]x[/red] :smile:\\"


def test_control_characters_are_escaped() -> None:
    assert escape_controls(HOSTILE) == (
        r"a\x1b[2J\x9b31m\r\nerror: forged\x00\x7f\u2028\u202egpj.\x85[red]x[/red] :smile:" + "\\"
    )


@pytest.mark.parametrize(
    "name", ["photo 1.jpg", "Zoë.png", "顔　写真.jpg", "نیم‌فاصله.png", "👩‍💻.png"]
)
def test_names_in_any_script_stay_as_they_are(name: str) -> None:
    assert escape_controls(name) == name


def test_bytes_that_are_not_utf8_are_escaped() -> None:
    assert escape_controls("a\udcff.jpg") == r"a\udcff.jpg"


@pytest.mark.parametrize("console", [Console, PlainConsole])
def test_a_line_is_printed_as_it_is(console: type[Console]) -> None:
    stream = io.StringIO()
    shown = console(file=stream, force_terminal=True, width=20)
    print_line(shown, HOSTILE)
    assert stream.getvalue() == escape_controls(HOSTILE) + "\n"


def test_cells_of_a_table_are_printed_as_they_are() -> None:
    stream = io.StringIO()
    rows = Table("[bold]name[/bold]")
    rows.add_row(HOSTILE)
    PlainConsole(file=stream, width=200).print(rows)
    assert "[bold]name[/bold]" in stream.getvalue()
    assert escape_controls(HOSTILE) in stream.getvalue()


@pytest.mark.parametrize("text", ["=1+1", "+1", "-x.jpg", "@SUM(A1)", "\t=1", "\r=1", "'=1"])
def test_a_cell_that_looks_like_a_formula_gets_an_apostrophe(text: str) -> None:
    assert harmless_cell(text) == f"'{text}"
    assert original_cell(f"'{text}") == text


@pytest.mark.parametrize("text", ["a.jpg", "", "-", "'quoted'.jpg", "a=b"])
def test_other_cells_stay_as_they_are(text: str) -> None:
    assert harmless_cell(text) == text
    assert original_cell(text) == text


@given(st.text(st.sampled_from("'=+-@\t\rab"), max_size=6))
def test_the_original_of_a_harmless_cell_is_the_text(text: str) -> None:
    assert original_cell(harmless_cell(text)) == text
