"""The label page in Chromium, with the real service: from the first click to the file.

One browser serves all tests of this module. Most tests share one project; those that stop the
service or name points have a project of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from label_server import LabelServer, serve_labels
from page_server import chromium, use_colors
from skimage.data import astronaut
from waiting import wait_until

import facepoints
from facepoints.api import FaceModel
from facepoints.commands.label import LabelSettings
from facepoints.datasets import synthetic
from facepoints.datasets.fixes import Change, suggest_fixes, write_fixes
from facepoints.datasets.mending import set_names
from facepoints.datasets.picture_labels import FaceLabels, PictureLabels, coco_labels
from facepoints.imaging.image_writer import write_image
from facepoints.labeling.point_set import PointSet

pytestmark = pytest.mark.slow

APP = "(await (await import('./js/label/main.js')).started)"
NOSE, CHIN, BROW = 30, 8, 19


@dataclass
class Tab:
    """An open label page.

    Attributes:
        faults: errors of the page, which fail the test module.
    """

    page: Any
    server: LabelServer
    faults: list[str] = field(default_factory=list)

    def js(self, expression: str) -> Any:
        """The value of an expression in which `app` is the page's `LabelApp`."""
        return self.page.evaluate(f"async () => {{ const app = {APP}; return {expression}; }}")

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector)

    def until(self, test: Callable[[], Any]) -> Any:
        """Wait until something holds, and return it."""
        return wait_until(test, pause=0.02)

    def open_face(self, number: int = 0) -> str:
        """Open an unfinished face of the list, all points as predicted; returns its id."""
        self.page.select_option("#list-filter", "open")
        self.until(lambda: self.page.query_selector_all("#items .item"))
        # by its key: the list may be sorted anew at any time
        wanted = self.page.get_attribute(f"#items li:nth-child({number + 1})", "data-key")
        self.page.click(f"#items li[data-key='{wanted}'] .item")
        self.until(lambda: self.js("app.edit?.face.id") == wanted)
        self.page.focus("#stage")
        self.js("app.session.choosePoint(null)")
        return str(wanted)

    def points(self) -> np.ndarray:
        return np.array(self.js("app.edit.reading.points.map((p) => p ?? [NaN, NaN])"), float)

    def states(self) -> list[str]:
        return self.js("app.edit.reading.state")

    def at(self, point: int) -> tuple[float, float]:
        """Where a point is on the screen."""
        return self.screen(f"app.edit.reading.points[{point}]")

    def screen(self, place: str) -> tuple[float, float]:
        x, y = self.js(f"app.stage.toStage({place})")
        box = self.page.query_selector("#stage").bounding_box()
        return box["x"] + x, box["y"] + y

    def drag(self, point: int, by: tuple[float, float]) -> None:
        """Drag a point by pixels of the screen."""
        x, y = self.at(point)
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + by[0] / 2, y + by[1] / 2)
        self.page.mouse.move(x + by[0], y + by[1])
        self.page.mouse.up()

    def saved(self) -> None:
        """Wait until every move is saved."""
        self.until(lambda: self.js("app.session.outbox.isEmpty") and self.text("#saved") == "Saved")

    def served(self, face: str) -> Any:
        """A face as the service has it."""
        return self.js(f"await app.project.api.get('faces/{face}')")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return facepoints.load()


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo of one face, one of two rendered faces side by side, and one without a face."""
    folder = tmp_path_factory.mktemp("labels") / "photos"
    folder.mkdir()
    write_image(folder / "astronaut.png", astronaut()[:256, 100:356])
    faces = synthetic.render(2, seed=5, size=200).images
    pair = np.repeat(np.concatenate(list(faces), axis=1)[..., None], 3, axis=2)
    write_image(folder / "pair.png", pair)
    write_image(folder / "sky.png", np.full((120, 160, 3), 140, np.uint8))
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@contextmanager
def opened(browser: Any, server: LabelServer, fragment: str = "", **settings: Any) -> Iterator[Tab]:
    """The page in a context of its own. Errors in the page fail the test."""
    context = browser.new_context(**({"viewport": {"width": 1280, "height": 800}} | settings))
    with closing_tab(context, server, fragment) as tab:
        yield tab
    context.close()


@contextmanager
def closing_tab(context: Any, server: LabelServer, fragment: str = "") -> Iterator[Tab]:
    page = context.new_page()
    tab = Tab(page, server)
    page.on("pageerror", lambda error: tab.faults.append(str(error)))
    page.on("request", lambda request: _note_request(tab, request.url))
    page.goto(server.address + fragment)
    page.wait_for_selector("body[data-ready]")
    yield tab
    assert tab.faults == []
    page.close()


def _note_request(tab: Tab, url: str) -> None:
    own = tab.server.address.rsplit("/", 1)[0]
    if not url.startswith((own, "blob:", "data:")):
        tab.faults.append(f"outside: {url}")


@pytest.fixture(scope="module")
def server(photos: Path, model: FaceModel) -> Iterator[LabelServer]:
    with serve_labels(photos, photos.parent / "labels.json", model) as running:
        yield running


@pytest.fixture(scope="module")
def shared(browser: Any, server: LabelServer) -> Iterator[Tab]:
    with opened(browser, server) as tab:
        tab.until(lambda: tab.js("app.project.info.counts.searched") == 3)
        tab.until(lambda: tab.js("app.project.shape !== null"))
        yield tab


@pytest.fixture
def tab(shared: Tab) -> Iterator[Tab]:
    """The shared page. What a test did is undone, and saved, at its end."""
    shared.open_face()
    yield shared
    for _ in range(shared.js("app.session.history.done.length")):
        shared.js("await app.undo()")
    shared.saved()
    shared.js("app.session.history.clear()")


def test_a_drag_moves_the_neighbors_and_what_was_confirmed_stays(tab: Tab) -> None:
    before = tab.points()
    tab.js(f"app.choosePoint({CHIN})")
    tab.press("Enter")
    tab.drag(NOSE, (30, 12))
    after, states = tab.points(), tab.states()
    zoom = tab.js("app.stage.zoom")
    np.testing.assert_allclose(
        after[NOSE] - before[NOSE], np.array([30, 12]) / zoom, atol=1.5 / zoom
    )
    assert states[NOSE] == states[CHIN] == "confirmed"
    np.testing.assert_array_equal(after[CHIN], before[CHIN])
    neighbor = NOSE - 1
    assert states[neighbor] == "along"
    moved = (after - before)[neighbor]
    assert 0.1 * 30 / zoom < moved[0] < 1.2 * 30 / zoom
    radii = tab.js("app.radii")
    predicted = tab.js("app.edit.face.prediction.radius")
    assert radii[NOSE] == radii[CHIN] == 0
    assert radii[neighbor] < predicted[neighbor]  # type: ignore[operator]
    tab.saved()
    face = tab.served(tab.js("app.edit.face.id"))
    np.testing.assert_allclose(np.array(face["points"]), after, atol=0.001)
    assert (face["state"], face["by"], face["version"] > 0) == (states, "anna", True)


def test_while_a_point_is_dragged_all_points_follow_in_every_frame(tab: Tab) -> None:
    before = tab.points()
    x, y = tab.at(NOSE)
    tab.page.mouse.move(x, y)
    assert "nose" in tab.text("#tooltip")
    tab.page.mouse.down()
    tab.page.mouse.move(x + 20, y)
    tab.js("app.stage.draw()")
    shown = np.array(tab.js("app.stage.scene.face.points"))
    assert shown[NOSE, 0] > before[NOSE, 0] + 1
    assert shown[NOSE - 1, 0] > before[NOSE - 1, 0]
    assert tab.page.is_visible("#loupe")
    drawn = f"""await (async () => {{
        const noses = [];
        for (let k = 0; k < 60; k += 1) {{
            app.preview = {{ point: {NOSE}, at: [100 + k / 10, 100] }};
            app.stage.draw();
            noses.push(app.stage.scene.face.points[{NOSE}][0]);
        }}
        return noses;
    }})()"""
    np.testing.assert_allclose(tab.js(drawn), 100 + np.arange(60) / 10)  # none is left out
    np.testing.assert_array_equal(tab.points(), before)  # nothing is changed yet
    tab.page.mouse.move(x, y)
    tab.page.mouse.up()
    tab.until(lambda: not tab.page.is_visible("#loupe"))


def test_a_line_is_drawn_along_the_jaw_and_a_brow(tab: Tab) -> None:
    before = tab.points()
    mouse, keyboard = tab.page.mouse, tab.page.keyboard

    def draw(points: range, by: tuple[float, float]) -> None:
        for k, point in enumerate(points):
            x, y = tab.at(point)
            mouse.move(x + by[0], y + by[1])
            if k == 0:
                mouse.down()
        assert not tab.page.is_visible("#tooltip")  # it would cover the line
        mouse.up()

    keyboard.down("Shift")
    draw(range(17), (0, 14))
    keyboard.up("Shift")
    after, states, zoom = tab.points(), tab.states(), tab.js("app.stage.zoom")
    np.testing.assert_allclose(after[[0, 16]], before[[0, 16]] + (0, 14 / zoom), atol=1.5 / zoom)
    assert (states[0], states[16], states[1:16]) == ("confirmed", "confirmed", ["along"] * 15)
    # the chin, where the line is level
    assert after[CHIN, 1] == pytest.approx(before[CHIN, 1] + 14 / zoom, abs=6 / zoom)
    assert after[57, 1] > before[57, 1]  # the mouth follows
    tab.saved()
    face = tab.served(tab.js("app.edit.face.id"))
    assert [line is not None for line in face["lines"]] == [0 < k < 16 for k in range(68)]
    keyboard.down("Shift")
    draw(range(17), (0, 5))
    keyboard.up("Shift")
    np.testing.assert_array_equal(tab.points()[[0, 16]], after[[0, 16]])  # confirmed, so they stay
    tab.press("Control+z")
    tab.until(lambda: np.array_equal(tab.points(), after))
    tab.drag(CHIN, (10, 0))  # the neighbors follow along the line
    slid = tab.points()[CHIN - 1] - after[CHIN - 1]
    assert 1 / zoom < slid[0] < 11 / zoom
    angle = face["lines"][CHIN - 1][2]
    assert abs(slid @ (-np.sin(angle), np.cos(angle))) < 0.5 / zoom
    tab.press("Control+z")
    tab.until(lambda: np.array_equal(tab.points(), after))
    tab.press("Control+z")  # the line is one step
    tab.until(lambda: np.array_equal(tab.points(), before))
    tab.page.click("#draw-line")
    assert "Draw along a row" in tab.text("#stage-message")
    mouse.click(*tab.at(NOSE))  # a click still chooses
    assert tab.js("app.session.point") == NOSE
    draw(range(21, 16, -1), (0, -6))
    assert tab.states()[17:22] == ["confirmed", *["along"] * 3, "confirmed"]
    drawn = tab.points()
    corner = tab.page.query_selector("#stage").bounding_box()
    mouse.move(corner["x"] + 5, corner["y"] + 5)
    mouse.down()
    mouse.move(corner["x"] + 60, corner["y"] + 5)
    mouse.up()
    assert "No row of points is near" in tab.text("#stage-message")
    np.testing.assert_array_equal(tab.points(), drawn)
    tab.js("app.change('finish', null, (edit) => edit.finish())")
    draw(range(21, 16, -1), (0, -6))
    assert "All points along this line are confirmed" in tab.text("#stage-message")
    np.testing.assert_array_equal(tab.points(), drawn)
    tab.press("Control+z")
    tab.until(lambda: tab.states()[18] == "along")
    tab.press("d")
    assert tab.page.get_attribute("#draw-line", "aria-pressed") == "false"


def test_undo_and_redo_have_no_end(tab: Tab) -> None:
    readings = [tab.points()]
    for k, point in enumerate((NOSE, BROW, CHIN)):
        tab.drag(point, (8 + k, -6))
        readings.append(tab.points())
    tab.press("h")
    assert tab.js(f"app.edit.reading.hidden[{CHIN}]")
    tab.press("Control+z")
    for wanted in reversed(readings[:-1]):
        tab.press("Control+z")
        tab.until(lambda wanted=wanted: np.array_equal(tab.points(), wanted))
    assert tab.page.is_disabled("#undo")
    for wanted in readings[1:]:
        tab.press("Control+Shift+z")
        tab.until(lambda wanted=wanted: np.array_equal(tab.points(), wanted))
    tab.page.click("#undo")
    tab.until(lambda: np.array_equal(tab.points(), readings[2]))
    tab.drag(BROW, (5, 5))
    tab.saved()
    assert len(tab.js("app.session.history.undone")) == 0


def test_the_keyboard_alone_labels_a_face(tab: Tab) -> None:
    face = tab.js("app.edit.face.id")
    tab.press("Tab")
    first = tab.js("app.session.point")
    assert first == tab.js("app.doubtful[0]")
    before = tab.points()[first]
    tab.press("ArrowRight", "ArrowRight", "Shift+ArrowDown")
    np.testing.assert_allclose(tab.points()[first] - before, [0.2, 1.0], atol=1e-6)
    assert tab.js("app.session.history.done.length") == 1  # nudges of a point are one step back
    tab.press("Tab", "Enter")
    assert tab.states().count("confirmed") == 2
    second = tab.js("app.session.point")
    assert second not in (first, None)
    assert str(second) in tab.text("#status")  # said to screen readers
    tab.press("Escape", "Tab")
    assert tab.page.evaluate("() => document.activeElement.id") != "stage"
    tab.page.focus("#stage")
    tab.press("Shift+Enter")
    tab.until(lambda: tab.js("app.edit.face.id") != face)  # the next one
    tab.saved()
    assert tab.served(face)["finished"]
    assert set(tab.served(face)["state"]) == {"confirmed"}


def test_hidden_and_absent_points_are_marked(tab: Tab) -> None:
    face = tab.js("app.edit.face.id")
    was = tab.js(f"app.edit.reading.hidden[{CHIN}]")
    tab.js(f"app.choosePoint({CHIN})")
    tab.press("h")
    tab.js(f"app.choosePoint({BROW})")
    tab.press("x")
    assert "absent" in tab.text("#point-text")
    assert tab.page.get_attribute("#absent", "aria-pressed") == "true"
    tab.saved()
    served = tab.served(face)
    assert served["hidden"][CHIN] is not was
    assert (served["state"][BROW], served["points"][BROW]) == ("absent", None)
    tab.press("x")
    assert tab.states()[BROW] == "predicted"
    tab.press("Enter", "u")


def test_a_face_is_made_by_two_clicks_deleted_and_brought_back(tab: Tab) -> None:
    tab.page.select_option("#list-filter", "empty")
    tab.page.click("#items .item")
    tab.until(lambda: tab.js("app.session.picture?.file.endsWith('sky.png')"))
    assert tab.js("app.edit") is None
    tab.press("n")
    for eye in ("[60, 50]", "[100, 52]"):
        tab.page.mouse.click(*tab.screen(eye))
    face = tab.until(lambda: tab.js("app.edit?.face.id"))
    eyes = tab.points()[[36, 45]]
    assert np.hypot(*(eyes.mean(axis=0) - [80, 51])) < 15
    assert np.hypot(*(eyes[1] - eyes[0])) == pytest.approx(55, abs=25)
    tab.press("Delete")
    tab.until(lambda: tab.js("app.edit") is None)
    tab.saved()
    assert tab.served(face)["deleted"]
    tab.press("Control+z")
    tab.until(lambda: tab.js("app.edit?.face.id") == face)
    tab.saved()
    assert not tab.served(face)["deleted"]
    # by keyboard: a cross hair, arrow keys and Enter
    tab.press("n", "Enter", "ArrowLeft", "Enter", "Enter", *["ArrowRight"] * 6, "Enter")
    tab.until(lambda: tab.js("app.session.faces.length") == 2)


def test_the_view_turns_zooms_and_brightens_without_moving_points(tab: Tab) -> None:
    before = tab.points()
    gray = "Array.from(app.stage.picture.getImageData(300, 300, 40, 40).data)"
    dark = np.mean(tab.js(gray))
    for _ in range(2):
        tab.press(".")
    assert tab.text("#turn") == "30°"
    x, y = tab.at(NOSE)
    tab.page.mouse.move(x, y)
    assert "nose" in tab.text("#tooltip")  # points are where they are drawn
    tab.js(f"app.choosePoint({NOSE})")
    tab.press("Shift+ArrowRight")  # one pixel to the right on the screen
    moved = tab.points()[NOSE] - before[NOSE]
    np.testing.assert_allclose(moved, [np.cos(np.pi / 6), -np.sin(np.pi / 6)], atol=1e-6)
    tab.press("t")
    assert tab.text("#turn") == "0°"
    tab.page.fill("#brightness", "1.5")
    tab.js("app.stage.draw()")
    assert np.mean(tab.js(gray)) > dark * 1.1
    tab.page.click("#light-reset")
    zoom = tab.js("app.stage.zoom")
    tab.press("+")
    assert tab.js("app.stage.zoom") == pytest.approx(1.25 * zoom)


def test_another_annotators_reading_is_shown_and_can_be_taken(tab: Tab, browser: Any) -> None:
    face = tab.js("app.edit.face.id")
    tab.js(f"app.choosePoint({CHIN})")
    tab.press("Enter")  # a reading of one's own
    tab.saved()
    with opened(browser, tab.server) as other:
        other.page.fill("#annotator", "ben")
        other.page.keyboard.press("Enter")
        other.until(lambda: other.js("app.project.info.annotator") == "ben")
        other.page.select_option("#list-filter", "open")
        other.page.click(f"#items li[data-key='{face}'] .item")
        other.until(lambda: other.js("app.edit?.face.id") == face)
        other.page.focus("#stage")
        other.js("app.session.choosePoint(null)")
        other.drag(NOSE, (25, 5))
        other.press("Shift+Enter")
        other.saved()
        theirs = other.served(face)["points"][NOSE]
    tab.until(lambda: "ben: finished" in tab.text("#readings"))
    with tab.page.expect_download() as started:
        tab.page.click("[data-format='coco']")
    assert started.value.suggested_filename.endswith(".json")
    tab.until(lambda: tab.page.is_visible("#disagreement"))
    with tab.page.expect_download() as started:
        tab.page.click("#disagreement")
    assert started.value.suggested_filename.endswith(".csv")
    own = tab.points()[NOSE]
    assert np.hypot(*(own - theirs)) > 1
    tab.page.click("#readings button:has-text('Show')")
    tab.until(lambda: tab.js("app.stage.other !== null"))
    tab.page.click("#readings button:has-text('Take')")
    tab.until(lambda: np.allclose(tab.points()[NOSE], theirs, atol=0.01))


def test_the_last_picture_that_was_asked_for_stays_open(tab: Tab) -> None:
    face = tab.js("app.edit.face.id")
    still_open = """await (async () => {
        const { session } = app;
        const [here, face] = [session.picture.id, session.edit.face.id];
        const there = [...app.project.pictures.keys()].find((id) => id !== here);
        const opening = session.open(there);  // the answer comes after the next line
        session.open(here, face);
        await opening;
        if (session.picture.id !== here) return "the other one was opened";
        const asked = session.open(there);
        await Promise.all([asked, session.reopen()]);  // as another annotator
        if (session.picture.id !== there) return "the one before was opened again";
        await session.open(here, face);
        const before = session.edit;
        const again = session.reopen();
        session.open(here, face);  // a click on its line of the list
        await again;
        if (session.edit === before) return "it was not read again";
        return session.picture.id === here && session.edit.face.id === face;
    })()"""
    assert tab.js(still_open) is True
    assert tab.js("app.edit.face.id") == face
    assert not tab.page.is_visible("#busy")


def test_two_tabs_that_change_one_face_ask_which_version_is_kept(tab: Tab) -> None:
    face = tab.js("app.edit.face.id")
    with closing_tab(tab.page.context, tab.server) as other:
        other.until(lambda: other.js("document.activeElement.id") == "stage")  # keys act at once
        other.page.select_option("#list-filter", "open")
        other.page.click(f"#items li[data-key='{face}'] .item")
        other.until(lambda: other.js("app.edit?.face.id") == face)
        other.page.focus("#stage")
        other.js("app.session.choosePoint(null)")
        # both change the same version: one does not hear of the other
        other.page.route("**/v1/labels/changes*", lambda route: route.abort())
        for choice, kept in (("#conflict-theirs", False), ("#conflict-mine", True)):
            known = tab.js(f"app.session.outbox.versions.get('{face}')")
            other.js(f"app.session.outbox.versions.set('{face}', {known})")
            tab.drag(NOSE, (16, 0))
            tab.saved()
            mine = tab.points()[NOSE]
            other.drag(NOSE, (-16, 8))
            theirs = other.points()[NOSE]
            other.until(lambda: other.page.is_visible("#conflict"))
            assert "Not saved" in other.text("#saved")
            np.testing.assert_allclose(other.js(f"app.stage.other[{NOSE}]"), mine, atol=0.01)
            other.page.click(choice)
            other.saved()
            wanted = theirs if kept else mine
            np.testing.assert_allclose(other.points()[NOSE], wanted, atol=0.01)
            np.testing.assert_allclose(tab.served(face)["points"][NOSE], wanted, atol=0.01)
        version = tab.served(face)["version"]
        tab.until(lambda: tab.js("app.edit.face.version") == version)  # it hears of it


def test_axe_finds_nothing_serious(tab: Tab) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    tab.press("Tab")
    for details in ("#points-details", "#set-details"):
        tab.page.evaluate(f"() => {{ document.querySelector('{details}').open = true; }}")
    show = "(on) => { document.getElementById('conflict').hidden = !on; }"
    tab.page.evaluate("() => { document.getElementById('conflict-title').textContent = 'x'; }")
    tab.page.evaluate(show, True)
    found = []
    for scheme in ("light", "dark"):
        use_colors(tab.page, scheme)
        only = {} if scheme == "light" else {"runOnly": ["color-contrast"]}
        found.append((scheme, axe.run(tab.page, options={"resultTypes": ["violations"], **only})))
    tab.page.evaluate(show, False)
    tab.page.click("#help")
    found.append(("help", axe.run(tab.page, context="#help-dialog")))
    tab.page.click("#help-close")
    tab.page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    faults = [
        (where, rule["id"], [node["target"] for node in rule["nodes"]])
        for where, results in found
        for rule in results.response["violations"]
        if rule["impact"] in ("serious", "critical")
    ]
    assert faults == []


@pytest.mark.parametrize(("width", "height"), [(1024, 768), (768, 1024)])
def test_a_tablet_shows_everything_without_scrolling_sideways(
    tab: Tab, width: int, height: int
) -> None:
    tab.page.set_viewport_size({"width": width, "height": height})
    try:
        assert tab.page.evaluate("() => document.scrollingElement.scrollWidth") <= width
        for selector in ("#stage", "#finish", "#confirm", "#list-filter", "#undo", "#saved"):
            box = tab.page.query_selector(selector).bounding_box()
            assert box["x"] >= 0, selector
            assert box["x"] + box["width"] <= width, selector
        assert tab.page.query_selector("#stage").bounding_box()["height"] > 300
    finally:
        tab.page.set_viewport_size({"width": 1280, "height": 800})


def test_the_worklist_of_an_audit_is_mended(
    browser: Any, photos: Path, model: FaceModel, tmp_path: Path
) -> None:
    old, fixes = tmp_path / "old.json", tmp_path / "fixes.json"
    landmarks = facepoints.KNOWN_SETS["ibug-68"]
    (face,) = model(photos / "astronaut.png")
    right = face.points[:68].round(3)
    swapped = right.copy()
    swapped[[36, 45]] = right[[45, 36]]
    none = np.zeros(68, bool)
    file = str(photos / "astronaut.png")
    labels = [PictureLabels(file, (256, 256), [FaceLabels(swapped, ~none, none)])]
    old.write_text(json.dumps(coco_labels(labels, landmarks)))
    names = [landmarks.names[k] for k in (36, 45)]
    change = Change("reorder", dict(zip(names, reversed(names), strict=True)))
    sets = (set_names([old]), np.zeros(1, np.int64))
    cause, evidence = "left and right swapped", "the eyes are crossed"
    suggested = suggest_fixes(
        facepoints.load_dataset(old), [0], [change], cause=cause, evidence=evidence, sets=sets
    )
    write_fixes(fixes, suggested)
    settings = LabelSettings(annotator="anna", labels=(old,), worklist=fixes)
    with (
        serve_labels(None, tmp_path / "new.json", model, settings) as server,
        opened(browser, server) as tab,
    ):
        assert tab.page.input_value("#list-filter") == "worklist"
        tab.until(lambda: "the eyes are crossed" in tab.text("#notes"))
        np.testing.assert_allclose(tab.points()[36], right[45], atol=0.01)
        np.testing.assert_allclose(tab.js("app.stage.other[36]"), right[36], atol=0.01)
        tab.page.focus("#stage")
        tab.press("Tab")
        assert tab.js("app.session.point") in (36, 45)
        tab.page.click("#notes button")
        tab.press("Shift+Enter")
        tab.saved()
        assert "finished" in tab.text("#items .state")
    made = json.loads((tmp_path / "new.json").read_text())["annotations"][0]["keypoints"]
    np.testing.assert_allclose(np.reshape(made, (-1, 3))[:, :2], right, atol=0.01)


def test_from_the_first_click_to_the_file_though_the_service_goes_away(
    browser: Any, photos: Path, model: FaceModel, tmp_path: Path
) -> None:
    out = tmp_path / "labels.json"
    with serve_labels(photos, out, model) as server, opened(browser, server) as tab:
        tab.until(lambda: tab.js("app.project.shape !== null"))
        tab.until(lambda: "astronaut" in tab.text("#items"))
        tab.page.click("#items .item:has-text('astronaut')")
        tab.until(lambda: "astronaut" in (tab.js("app.session.picture?.file") or ""))
        tab.drag(NOSE, (12, 0))
        tab.saved()
        server.stop()
        tab.drag(CHIN, (0, 9))
        tab.js(f"app.choosePoint({BROW})")
        tab.press("x")
        tab.until(lambda: "the service is gone" in tab.text("#saved"))
        assert "2 moves" in tab.text("#saved")
        tab.press("Shift+Enter")
        wanted = tab.js("app.session.history.done.at(-1).after.points")
        stored = tab.page.evaluate("() => Object.values(localStorage).join()")
        assert stored.count('"base"') == 3
        server.start()
        tab.saved()
        assert tab.page.evaluate("() => Object.keys(localStorage).length") == 0
    samples = facepoints.load_dataset([out])
    assert samples.landmarks.names == facepoints.KNOWN_SETS["ibug-68"].names
    assert len(samples) == 1
    points = np.array(json.loads(out.read_text())["annotations"][0]["keypoints"]).reshape(-1, 3)
    assert points[BROW, 2] == 0
    given = np.array([p for k, p in enumerate(wanted) if k != BROW])
    np.testing.assert_allclose(np.delete(points, BROW, axis=0)[:, :2], given, atol=0.01)


def test_moves_that_a_closed_page_could_not_send_are_sent_by_the_next(
    browser: Any, photos: Path, model: FaceModel, tmp_path: Path
) -> None:
    with serve_labels(photos, tmp_path / "labels.json", model) as server:
        context = browser.new_context()
        with closing_tab(context, server) as tab:
            face = tab.open_face()
            server.stop()
            tab.drag(NOSE, (14, 0))
            wanted = tab.points()[NOSE]
        server.start()
        with closing_tab(context, server) as tab:
            tab.saved()
            np.testing.assert_allclose(tab.served(face)["points"][NOSE], wanted, atol=0.001)
        context.close()


def test_a_point_set_from_nothing(
    browser: Any, photos: Path, model: FaceModel, tmp_path: Path
) -> None:
    settings = LabelSettings(PointSet(), True, "anna")
    out = tmp_path / "own.json"
    with (
        serve_labels(photos, out, model, settings, token="secret") as server,
        opened(browser, server, "#token=secret") as tab,
    ):
        assert "#token" not in tab.page.url
        tab.until(lambda: "astronaut" in tab.text("#items"))
        tab.page.click("#items .item:has-text('astronaut')")
        tab.until(lambda: tab.js("app.edit !== null"))
        tab.page.click("#set-click")
        places = {"left_dimple": (120, 150), "right_dimple": (90, 150), "chin_tip": (105, 172)}
        for number, (name, place) in enumerate(places.items()):
            tab.page.mouse.click(*tab.screen(str(list(place))))
            tab.page.wait_for_selector(f"[data-key='name-{number}']:focus")
            tab.page.keyboard.type(name)
            tab.press("Enter")
            tab.until(lambda n=number, m=name: tab.js(f"app.names[{n}]") == m)
        assert tab.js("app.project.info.points.mirror") == [[0, 1]]
        tab.page.click("#set-join")
        for point in (0, 2, 1):
            tab.page.mouse.click(*tab.at(point))
        tab.until(lambda: len(tab.js("app.project.info.points.edges")) == 2)
        # faster than the service answers
        tab.js("[0, 1, 2].forEach((k) => app.setPanel.toggleEdge(k, (k + 1) % 3))")
        tab.until(lambda: tab.js("app.project.info.points.edges") == [[0, 1]])
        assert tab.text("#set-error") == ""
        tab.press("Escape")
        for slot, point in (("#eye-a", "1"), ("#eye-b", "0")):
            tab.page.select_option(slot, point)
        tab.until(lambda: tab.js("app.project.info.points.eyes"))
        tab.page.focus("#stage")
        tab.press("Shift+Enter")
        tab.saved()
        # the next face: unplaced points are put by clicking in their order
        tab.until(lambda: "astronaut" not in tab.js("app.session.picture.file"))
        for place in ("[130, 140]", "[80, 140]", "[105, 170]"):
            if "unplaced" in tab.states():
                tab.page.mouse.click(*tab.screen(place))
        assert "unplaced" not in tab.states()
        tab.press("Shift+Enter")
        tab.saved()
    samples = facepoints.load_dataset([out])
    assert samples.landmarks.names == tuple(places)
    assert samples.landmarks.mirrorable
    assert len(samples) == 2
    first = json.loads(out.read_text())["annotations"]
    found = [np.array(each["keypoints"]).reshape(-1, 3)[:, :2] for each in first]
    best = min(np.abs(each - list(places.values())).max() for each in found)
    assert best < 1
