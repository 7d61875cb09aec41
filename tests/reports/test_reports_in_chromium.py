"""Reports in a real browser, opened from disk: nothing is requested, nothing fails, tables sort."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from page_server import chromium
from report_samples import COMPARED, LABELS, SETTINGS, SIZE, K, N, face, faces, history, model_with

from facepoints.evaluation.evaluate import measure_errors
from facepoints.reports.comparison import write_comparison_report
from facepoints.reports.evaluation import write_evaluation_report
from facepoints.reports.kept_faces import FaceKeeper
from facepoints.reports.measures import write_measure_report
from facepoints.reports.training import write_training_report
from facepoints.results.records import FrameResult

pytestmark = pytest.mark.slow
EVIL = "<img src=x onerror=alert(1)>\u202e.jpg"


class Browser(NamedTuple):
    """A browser, and the folder of the reports."""

    browser: Any
    folder: Path


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("reports")
    _write_reports(folder)
    with chromium() as browser:
        yield Browser(browser, folder)


def _write_reports(folder: Path) -> None:
    samples = faces()
    names = samples.names.astype(object)
    names[3] = EVIL
    samples = type(samples)(**{**vars(samples), "names": names.astype(np.str_)})
    error = np.random.default_rng(0).uniform(0.2, 5, (N, K))
    evaluation = measure_errors(model_with(samples, error), samples)
    write_evaluation_report(folder / "evaluation.html", evaluation, model=EVIL, data=[EVIL])
    header = {
        "settings": SETTINGS,
        "members": [{"rows": 850}],
        "data": {"names": [EVIL], "rows": 1000, "digest": "0f"},
        "landmarks": {"names": list(LABELS)},
        "start": None,
    }
    curve = history(np.linspace(4, 2, 40))
    write_training_report(folder / "training.html", header, curve, LABELS, evaluation)
    write_comparison_report(folder / "comparison.html", COMPARED, [EVIL])
    _write_measures(folder / "measures.html")


def _write_measures(path: Path) -> None:
    keeper = FaceKeeper()
    image = np.full((*SIZE, 3), 128, np.uint8)
    list(keeper.watch(iter([FrameResult(EVIL, [face()], SIZE, image=image)])))
    heading = ["file", "frame", "time", "face", "track", "score", "yaw", "yaw_r"]
    table = [heading, *([EVIL, str(k), "", "0", "", "0.9", str(5 - k), "3"] for k in range(3))]
    video = [["a.mp4", str(k), str(k / 25), "0", "1", "0.9", str(k % 9), "3"] for k in range(50)]
    about = {"model": EVIL}
    events = [["file", "track", "event"]]
    write_measure_report(
        path, [*table, *video], events, keeper, counts=[("1", "image")], about=about
    )


@pytest.mark.parametrize("width", [1200, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_opens_from_disk_without_a_request_or_an_error(
    reports: Browser, width: int, scheme: str
) -> None:
    context = reports.browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme
    )
    try:
        for name in ("evaluation", "training", "comparison", "measures"):
            page = context.new_page()
            said: list[str] = []
            requests: list[str] = []
            page.on("console", lambda message, said=said: said.append(message.text))
            page.on("pageerror", lambda error, said=said: said.append(str(error)))
            page.on("dialog", lambda dialog, said=said: said.append(dialog.message))
            page.on("request", lambda request, to=requests: to.append(request.url))
            address = (reports.folder / f"{name}.html").as_uri()
            page.goto(address)
            assert said == [], name
            assert [url for url in requests if not url.startswith("data:")] == [address]
            wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert wide <= 0, f"{name} is wider than {width} pixels"
            assert page.locator("img[src='x']").count() == 0
            page.close()
    finally:
        context.close()


def test_a_click_on_a_heading_sorts_the_rows_and_a_second_one_turns_them(reports: Browser) -> None:
    page = reports.browser.new_page()
    page.goto((reports.folder / "evaluation.html").as_uri())
    table = page.locator("table", has=page.locator("th", has_text="labels")).first

    def column() -> list[float]:
        return [float(t.split()[0]) for t in table.locator("td:nth-child(2)").all_inner_texts()]

    before = column()
    table.locator("th button").nth(1).focus()
    page.keyboard.press("Enter")
    assert column() == sorted(before)
    assert table.locator("th").nth(1).get_attribute("aria-sort") == "ascending"
    table.locator("th button").nth(1).click()
    assert column() == sorted(before, reverse=True)
    assert table.locator("th").nth(1).get_attribute("aria-sort") == "descending"
    page.close()


def test_tables_can_be_read_without_script_and_the_page_prints(reports: Browser) -> None:
    context = reports.browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((reports.folder / "measures.html").as_uri())
    assert page.locator("th button").count() == 0
    assert page.locator("th", has_text="90 % interval").first.is_visible()
    pdf = page.pdf(format="A4")
    assert pdf.startswith(b"%PDF")
    assert pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page>") >= 2
    context.close()
