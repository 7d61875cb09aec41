"""The report of an audit: what it says, and its script in a real browser, opened from disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from audit_samples import COUNT, OFF, SECOND, SHIFTED, SWAPPED, perfect_audit, planted, truth
from page_server import chromium
from report_pages import read_page

from facepoints.audit import AUDIT_CONFIG, AuditResult, Cause, Fault
from facepoints.datasets.fixes import Change, Fix, read_fixes
from facepoints.datasets.mending import apply_fixes
from facepoints.datasets.samples import Samples
from facepoints.landmarks.known_sets import KAGGLE_15
from facepoints.reports.audit import write_audit_report
from facepoints.reports.audit_list import describe_changes, list_faults
from facepoints.reports.audit_proof import Proof

SETS = ["a.csv"], np.zeros(COUNT, dtype=np.int64)


def found() -> tuple[Samples, AuditResult]:
    faces = planted()
    audit = perfect_audit(truth())
    return faces, audit(faces, None, AUDIT_CONFIG, progress=lambda done, of: None)


def write(path: Path, **more: Any) -> Path:
    faces, result = found()
    listed = list_faults(result, faces, SETS)
    write_audit_report(path, result, listed, faces, SETS, model="builtin", **more)
    return path


def fault(row: int, sure: float, *changes: Change) -> Fault:
    return Fault((row,), Cause.POINT_OFF, ("nose_tip",), sure, "Why.", changes)


def test_of_two_fixes_of_one_label_only_the_more_certain_is_chosen() -> None:
    faces, result = found()
    move = Change("move", {"nose_tip": (1, 2)})
    faults = [fault(2, 0.92, move), fault(2, 0.95, move), fault(2, 0.91, Change("drop"))]
    listed = list_faults(replace(result, faults=faults, findings=[]), faces, SETS)
    assert [(one.fault.confidence, one.mend) for one in listed] == [
        *((0.95, True), (0.92, False), (0.91, False))
    ]
    chosen = list_faults(result, faces, SETS, mend_above=0.95)
    assert [one.mend for one in chosen] == [False, True, False, False, False]


def test_rows_with_a_scheme_of_their_own_need_no_new_one() -> None:
    faces, result = found()
    scheme = np.zeros(COUNT, np.int16)
    scheme[list(SECOND)] = 1
    schemes = {"first": KAGGLE_15.names, "second": KAGGLE_15.names}
    apart = replace(faces, scheme=scheme, schemes=schemes)
    one = list_faults(result, apart, SETS)[0]
    assert (one.fault.cause, one.fixes, one.mend) == (Cause.SCHEME_CHANGE, (), False)
    assert "nothing to do" in one.words
    assert len(list_faults(result, faces, SETS)[0].fixes) == len(SECOND)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change("transform", [[1, 0, 0.5], [0, 1, -2]]), "shift all points by (0.5, -2.0) pixels"),
        (Change("transform", [[-1, 0, 95], [0, 1, 0]]), "mirror all points"),
        (Change("transform", [[0, -1, 95], [1, 0, 0]]), "turn by 90 degrees all points"),
        (Change("transform", [[2, 0, 0], [0, 2, 0]]), "scale by 2 all points"),
        (Change("reorder", {"a": "b", "b": "a"}), "exchange a and b"),
        (Change("reorder", {"a": "b", "b": "c", "c": "a"}), "put 3 points in their right order"),
        (Change("move", {"a": (1, 2), "b": (1, 2)}), "move a, b to where it is expected"),
        (Change("drop"), "leave the row out"),
    ],
)
def test_changes_are_described_in_words(change: Change, words: str) -> None:
    assert describe_changes([change]) == words


def test_the_proof_is_stated_with_both_errors(tmp_path: Path) -> None:
    proof = Proof(0.05, 0.04, "eyes", 120, 900, 880, 30)
    page = read_page(write(tmp_path / "a.html", proof=proof))
    page.check()
    assert "5.00 % of the distance of the eyes" in page.words
    assert "4.00 %, 20.0 % lower" in page.words


def test_labels_without_images_are_drawn_on_a_plain_ground(tmp_path: Path) -> None:
    faces, result = found()
    blank = np.broadcast_to(np.uint8(0), faces.images.shape)
    bare = replace(faces, images=blank)
    write_audit_report(tmp_path / "a.html", result, list_faults(result, bare, SETS), bare, SETS)
    page = read_page(tmp_path / "a.html")
    page.check()
    assert "image" not in page.tags
    assert page.tags.count("article") == 5
    assert "none: labels were compared with each other" in page.words


def test_an_audit_without_a_fault_says_so(tmp_path: Path) -> None:
    faces, result = found()
    unknown = np.full(COUNT, np.nan, np.float32)
    none = replace(result, faults=[], findings=[], residual=unknown)
    write_audit_report(tmp_path / "a.html", none, [], faces, SETS)
    page = read_page(tmp_path / "a.html")
    page.check()
    assert "No fault was found" in page.words


# In a browser.


class Opened(NamedTuple):
    """A browser and the report."""

    browser: Any
    path: Path


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    path = write(tmp_path_factory.mktemp("audit") / "audit.html")
    with chromium() as browser:
        yield Opened(browser, path)


@pytest.fixture
def page(opened: Opened) -> Iterator[Any]:
    """The report in a new window that remembers nothing; it must make no request and no error."""
    context = opened.browser.new_context(accept_downloads=True)
    page = context.new_page()
    said: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(opened.path.as_uri())
    yield page
    outside = [url for url in requests if not url.startswith(("data:", "blob:", "file:"))]
    context.close()
    assert (said, outside) == ([], [])


def saved(page: Any, tmp_path: Path) -> list[Fix]:
    """The fixes in the file that the page saves."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Save fixes.json").click()
    assert download.value.suggested_filename == "fixes.json"
    download.value.save_as(tmp_path / "fixes.json")
    return read_fixes(tmp_path / "fixes.json")


def choose(page: Any, number: int, value: str) -> None:
    page.locator(f'#fault-{number} input[value="{value}"]').check()


def shown(page: Any) -> list[int]:
    cards = page.locator("article:visible").all()
    return [int(card.get_attribute("data-number")) for card in cards]


@pytest.mark.slow
def test_the_page_saves_what_the_command_would_write(page: Any, tmp_path: Path) -> None:
    faces, result = found()
    listed = list_faults(result, faces, SETS)
    assert saved(page, tmp_path) == [fix for one in listed if one.mend for fix in one.fixes]


@pytest.mark.slow
def test_choices_are_saved_and_remembered(page: Any, tmp_path: Path) -> None:
    choose(page, 2, "drop")
    choose(page, 4, "mend")
    fixes = saved(page, tmp_path)
    assert [(fix.row, fix.action) for fix in fixes] == [
        *((SWAPPED, "drop"), (OFF, "move"), (SHIFTED, "transform"))
    ]
    mended = apply_fixes(planted(), fixes, SETS)
    kept = [row for row in range(COUNT) if row != SWAPPED]
    np.testing.assert_allclose(mended.points, truth().points[kept], atol=0.01)
    page.reload()
    assert saved(page, tmp_path) == fixes


@pytest.mark.slow
def test_faults_are_filtered_ordered_and_chosen_together(page: Any, tmp_path: Path) -> None:
    assert shown(page) == [1, 2, 3, 4, 5]
    page.locator("#by-cause").select_option("offset")
    assert shown(page) == [4]
    page.get_by_role("button", name="Mend all shown").click()
    page.locator("#by-cause").select_option("")
    page.locator("#by-choice").select_option("mend")
    assert shown(page) == [2, 3, 4]
    page.locator("#by-choice").select_option("")
    page.locator("#order").select_option("order")
    assert shown(page) == [2, 3, 4, 1, 5]
    page.locator("#order").select_option("confidence")
    assert shown(page) == [2, 1, 3, 4, 5]
    page.locator("#by-text").fill("NOSE_TIP far")
    assert shown(page) == [3]
    assert "1 of 5 faults shown" in page.locator("#state").inner_text()
    page.locator("#by-text").fill("")
    page.get_by_role("button", name="Keep all shown").click()
    assert saved(page, tmp_path) == []


@pytest.mark.slow
def test_both_readings_show_the_image_and_the_page_can_be_printed(page: Any) -> None:
    card = page.locator("#fault-2")
    assert card.locator("svg image").count() == 1
    assert card.locator("svg use").get_attribute("href") == "#image-2-1"
    boxes = [figure.bounding_box() for figure in card.locator("figure").all()]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] < boxes[1]["x"]
    page.emulate_media(media="print")
    assert not page.locator("#controls").is_visible()
    assert page.locator("article:visible").count() == 5


@pytest.mark.slow
def test_the_page_fits_a_phone(opened: Opened) -> None:
    context = opened.browser.new_context(viewport={"width": 360, "height": 800})
    page = context.new_page()
    page.goto(opened.path.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    context.close()
