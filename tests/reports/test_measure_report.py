"""The report and the spreadsheet of measures: the values of the table, and nothing that runs."""

from __future__ import annotations

import csv
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from report_pages import Page, read_page
from report_samples import EVIL, SIZE, face

from facepoints.cli.main import main
from facepoints.commands.measure import measure_inputs
from facepoints.commands.measure_extras import MeasureExtras
from facepoints.errors import SettingsError, WriteError
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.mean_face import MEAN_FACE
from facepoints.measurement import MEASURES
from facepoints.reports import spreadsheet
from facepoints.reports.dictionary import column_notes
from facepoints.reports.kept_faces import FaceKeeper
from facepoints.reports.measured_face import TAGS, draw_measures
from facepoints.reports.measured_people import people_of
from facepoints.results.jsonl import write_jsonl
from facepoints.results.records import FrameResult, result_record


def images() -> Iterator[FrameResult]:
    gray = np.full((*SIZE, 3), 128, np.uint8)
    yield FrameResult(EVIL, [face(), face(60)], SIZE, image=gray)
    yield FrameResult("b.jpg", [face()], SIZE, image=gray)
    yield FrameResult("c.jpg", error="c.jpg is empty (0 bytes)")


def measured(folder: Path, results: Iterator[FrameResult]) -> tuple[Page, list[list[str]]]:
    extras = MeasureExtras(folder / "r.html", folder / "r.xlsx", {"model": "<b>mine</b>"})
    measure_inputs(extras.keeper.watch(results), folder / "r.csv", also=extras.write)
    page = read_page(folder / "r.html")
    page.check()
    with (folder / "r.csv").open(newline="") as file:
        return page, list(csv.reader(file))


def sheet(path: Path, name: str = "measures") -> list[list[object]]:
    book = openpyxl.load_workbook(path)
    return [[cell.value for cell in row] for row in book[name].iter_rows()]


def test_the_spreadsheet_holds_the_cells_of_the_table(tmp_path: Path) -> None:
    _, table = measured(tmp_path, images())
    rows = sheet(tmp_path / "r.xlsx")
    assert rows[0] == table[0]
    assert len(rows) == len(table) == 4
    for cells, expected in zip(rows[1:], table[1:], strict=True):
        for value, text in zip(cells, expected, strict=True):
            if text == "":
                assert value is None
            elif isinstance(value, int | float):
                assert value == float(text)
            else:
                assert value == text
    yaw = table[0].index("yaw")
    assert all(isinstance(row[yaw], int | float) for row in rows[1:])


def test_a_name_is_never_a_formula(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    spreadsheet.write_spreadsheet(
        path, [["file", "frame"], ["=1+1", "=2"]], [["file"]], {"x": "=3"}
    )
    book = openpyxl.load_workbook(path)
    assert {c.data_type for row in book["measures"].iter_rows(min_row=2) for c in row} == {"s"}
    assert all(c.data_type in "sn" for row in book["about"].iter_rows() for c in row)
    assert "Not a diagnosis".lower() in str(sheet(path, "about")).lower()


def test_every_column_has_words_and_the_sheet_lists_them(tmp_path: Path) -> None:
    _, table = measured(tmp_path, images())
    without = [note.name for note in column_notes(table[0]) if not note.meaning]
    assert without == [], "describe these columns in reports/dictionary.py"
    listed = sheet(tmp_path / "r.xlsx", "columns")
    assert [row[0] for row in listed[1:]] == table[0]
    units = {row[0]: row[1] for row in listed}
    assert units["yaw"] == "°"
    assert units["mouth_width_px_r"] == "px"
    assert units["mouth_width_ratio"] is None


def test_too_many_rows_for_a_sheet_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreadsheet, "_MOST_ROWS", 2)
    with pytest.raises(WriteError, match=r"holds 1 rows, there are 2; use a \.csv file"):
        spreadsheet.write_spreadsheet(tmp_path / "a.xlsx", [["a"], ["1"], ["2"]], [["a"]], {})
    assert list(tmp_path.iterdir()) == []


def test_the_page_has_the_values_with_intervals_and_units(tmp_path: Path) -> None:
    page, table = measured(tmp_path, images())
    first = dict(zip(table[0], table[1], strict=True))
    rows = {row["measure"]: row for row in page.table_with("90 % interval")}
    assert [*rows][: len(MEASURES)] == list(MEASURES)
    width, radius = float(first["mouth_width_px"]), float(first["mouth_width_px_r"])
    assert rows["mouth_width_px"]["value"] == f"{width:.1f} px"
    assert rows["mouth_width_px"]["90 % interval"] == (
        f"{width - radius:.1f} to {width + radius:.1f} px"
    )
    assert rows["mouth_width_px"][""] == TAGS["mouth_width_px"]
    assert rows["yaw"]["value"].endswith("°")
    assert rows["asymmetry"]["90 % interval"].startswith("noise floor ")


def test_intervals_end_where_no_value_can_be(tmp_path: Path) -> None:
    unsure = replace(face(), radius=np.full_like(face().radius, 2 * SIZE[0]))
    page, _ = measured(tmp_path, iter([FrameResult("a.jpg", [unsure], SIZE)]))
    shown = page.table_with("90 % interval")
    interval = {row["measure"]: row["90 % interval"] for row in shown}
    assert re.fullmatch(r"0 to \d+ px", interval["mouth_width_px"])
    assert re.fullmatch(r"0(\.0+)? to \d+(\.\d+)?", interval["mouth_width_ratio"])
    assert interval["pitch"] == "-90 to 90°"
    assert interval["yaw"].startswith("-1")  # a head can look back


def test_names_with_markup_stay_text_and_the_page_says_what_it_is_not(tmp_path: Path) -> None:
    page, _ = measured(tmp_path, images())
    assert EVIL in page.text
    assert f"{EVIL}, face 2" in page.text
    assert "<b>mine</b>" in page.text
    assert "img" not in page.tags
    assert "Not a diagnosis, not a medical device." in page.words
    assert "1 unreadable" in page.words
    assert "c.jpg is empty (0 bytes)" in page.words
    definitions = {row["measure"]: row for row in page.table_with("definition")}
    assert [*definitions] == list(MEASURES)
    assert all(row["source"] and row["definition"] for row in definitions.values())
    assert page.table_with("column")[0]["column"] == "file"


def test_distances_are_drawn_between_their_points() -> None:
    keeper = FaceKeeper()
    list(keeper.watch(iter([FrameResult("a", [face()], SIZE)])))
    distances, openings = draw_measures(keeper.images[0])
    tags = [mark.tag for mark in distances.marks if mark.tag]
    assert tags == [*TAGS.values()]
    by_tag = {mark.tag: mark for mark in distances.marks if mark.tag}
    ends = np.array(
        [p.split() for p in by_tag[TAGS["mouth_width_px"]].path[1:].split("L")], dtype=float
    )
    corners = MEAN_FACE[[54, 48]]
    scale = np.ptp(MEAN_FACE[:, 0]) / 420
    assert np.hypot(*(ends[0] - ends[1])) * scale == pytest.approx(
        float(np.hypot(*(corners[0] - corners[1]))), abs=0.02
    )
    assert {mark.tag for mark in openings.marks if mark.tag} == {"L", "D", "F"}


def clip() -> Iterator[FrameResult]:
    """Two seconds of one person, who is surest in frame 30 and away in frames 40 to 43."""
    for k in range(60):
        one = face(track=3, radius=0.5 if k == 30 else 1.5)
        faces = [] if 40 <= k < 44 else [one]
        yield FrameResult("talk & laugh.mp4", faces, SIZE, k, k / 25, "v")


def test_measures_of_hidden_points_are_not_drawn() -> None:
    visible = np.ones(68, np.float32)
    visible[IBUG_68.names.index("chin")] = 0.1
    keeper = FaceKeeper()
    seen = replace(face(), visible=visible)
    list(keeper.watch(iter([FrameResult("a.jpg", [seen], SIZE)])))
    distances, _ = draw_measures(keeper.images[0])
    tags = {mark.tag for mark in distances.marks if mark.tag}
    assert tags == {*TAGS.values()} - {TAGS["face_height_px"]}


def test_a_person_of_a_video_is_shown_over_time(tmp_path: Path) -> None:
    page, table = measured(tmp_path, clip())
    assert len(table) == 57
    assert "Seen in 56 frames from 0.00 to 2.36 s." in page.words
    assert "no blinks in 2.4 s" in page.words
    rows = {row["measure"]: row for row in page.table_with("5 to 95 %")}
    assert rows["yaw"]["n"] == "56"
    median = float(table[1][table[0].index("mouth_width_px")])
    assert rows["mouth_width_px"]["median"] == f"{median:.1f} px"


def test_the_surest_frame_of_a_person_is_kept() -> None:
    keeper = FaceKeeper()
    list(keeper.watch(clip()))
    assert [(kept.frame, kept.track) for kept in keeper.people.values()] == [(30, 3)]


def test_events_are_counted_and_rates_are_of_the_time_watched() -> None:
    rows = [
        {"file": "a.mp4", "frame": str(k), "time": str(k / 10), "track": "0", "blink": "0",
         "eyes_closed": "0", "yawn": "", "eye_opening": "0.3", "eye_opening_r": "0.05"}
        for k in range(601)
    ]  # fmt: skip
    events = [
        {"file": "a.mp4", "track": "0", "event": kind, "first_frame": "10", "last_frame": "12",
         "start": str(start), "seconds": seconds, "extreme": "0.1"}
        for kind, start, seconds in (("blink", 1, "0.2"), ("blink", 5, "0.2"),
                                     ("eyes_closed", 20, "6.01"))
    ]  # fmt: skip
    (person,) = people_of(rows, events, FaceKeeper(), ["eye_opening"])
    text = " ".join(person.sentences)
    assert "2 blinks in 60.1 s, 2.0 a minute" in text
    assert "1 eye closures in 60.1 s, 10.0 % of the time" in text
    assert "yawn" not in text
    (chart,) = person.charts
    spans = [shape for shape in chart.shapes if shape.kind.startswith("span")]
    assert [s.kind for s in spans] == ["span blink", "span blink", "span eyes_closed"]
    assert person.events is not None
    assert [row[0].text for row in person.events.rows] == ["blink", "blink", "eyes closed"]


def jsonl(folder: Path) -> Path:
    path = folder / "faces.jsonl"
    results = [replace(result, image=None) for result in images()]
    write_jsonl(lambda: map(result_record, results), IBUG_68, path)
    return path


def test_the_command_writes_both_from_json_lines(tmp_path: Path) -> None:
    words = ["measure", str(jsonl(tmp_path)), "--out", str(tmp_path / "a.csv")]
    more = ["--report", str(tmp_path / "a.html"), "--spreadsheet", str(tmp_path / "a.xlsx")]
    main([*words, "--mm-per-pixel", "0.5", *more])
    page = read_page(tmp_path / "a.html")
    page.check()
    assert "mouth_width_mm" in {row["measure"] for row in page.table_with("90 % interval")}
    assert "0.5 mm" in page.words
    assert "mouth_width_mm" in sheet(tmp_path / "a.xlsx")[0]


def test_an_existing_report_of_others_is_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "a.html"
    other.write_text("of another program")
    words = ["measure", str(jsonl(tmp_path)), "--out", str(tmp_path / "a.csv")]
    with pytest.raises(SystemExit):
        main([*words, "--report", str(other)])
    assert "would be replaced" in capsys.readouterr().err
    assert other.read_text() == "of another program"
    main([*words, "--report", str(other), "--overwrite"])
    assert other.read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("package", ["jinja2", "openpyxl"])
def test_without_the_extra_the_table_is_written_and_the_error_says_how_to_get_it(
    package: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "facepoints.reports.page.find_spec", lambda name: None if name == package else find(name)
    )
    files = {"jinja2": tmp_path / "a.html", "openpyxl": tmp_path / "a.xlsx"}
    more = ["--report", str(files["jinja2"]), "--spreadsheet", str(files["openpyxl"])]
    with pytest.raises(SystemExit) as ended:
        main(["measure", str(jsonl(tmp_path)), "--out", str(tmp_path / "a.csv"), *more])
    assert ended.value.code == 2
    assert "pip install 'facepoints[report]'" in capsys.readouterr().err.replace("\n", " ")
    assert (tmp_path / "a.csv").exists()
    assert {p for p in files.values() if p.exists()} == set(files.values()) - {files[package]}


def test_names_of_other_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"in \.html"):
        MeasureExtras(report=tmp_path / "a.pdf")
    with pytest.raises(SettingsError, match=r"in \.xlsx"):
        MeasureExtras(spreadsheet=tmp_path / "a.xls")
