"""The page over the results of the benchmarks."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_pages import read_page
from support import report

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"


def test_every_result_is_on_the_page_with_its_tables_and_pictures(tmp_path: Path) -> None:
    report.write_report(RESULTS, tmp_path / "report.html")
    page = read_page(tmp_path / "report.html")
    page.check()
    written = [line for file in RESULTS.glob("*.md") for line in file.read_text().splitlines()]
    rows = [line for line in written if line.startswith("|") and "---" not in line]
    assert sum(len(table) for table in page.tables) == len(rows)
    pictures = sum(line.startswith("![") for line in written)
    assert page.tags.count("img") == pictures
    assert {address[:22] for address in page.addresses if address.startswith("data:image")} == (
        {"data:image/png;base64,"} if pictures else set()
    )


def test_markup_in_a_result_stays_text_and_links_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "evil.md").write_text(
        "# <b>Head</b>\n\n| a | b |\n| --- | ---: |\n| <script>alert(1)</script> | 3 |\n\n"
        "[out](https://example.com) ![x](https://example.com/a.png)\n"
    )
    report.write_report(tmp_path, tmp_path / "report.html")
    page = read_page(tmp_path / "report.html")
    page.check()
    assert page.table_with("a") == [{"a": "<script>alert(1)</script>", "b": "3"}]
    assert "<b>Head</b>" in page.text


def test_a_folder_without_results_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run make bench"):
        report.write_report(tmp_path, tmp_path / "report.html")


def test_the_page_is_not_in_the_repository() -> None:
    assert (
        "build/" in (ROOT / ".gitignore").read_text()
        or "/build" in (ROOT / ".gitignore").read_text()
    )
    assert report.PAGE.is_relative_to(ROOT / "build")
