"""Draws the pictures of docs/how-to/label.md: docs/images/label*.jpg.

    python docs/draw_label_images.py

It opens the label page in Chromium (Debian's package) with scikit-image's astronaut, a photo in the
public domain, and with rendered faces. Run it when the page or the weights change.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import facepoints
from facepoints.api import FaceModel
from facepoints.commands.label import LabelSettings
from facepoints.datasets import synthetic
from facepoints.imaging.image_writer import write_image
from facepoints.labeling.point_set import PointSet

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "examples")]

from label_server import serve_labels  # noqa: E402
from page_server import chromium  # noqa: E402
from photos import main as write_photos  # noqa: E402

QUALITY = 82
APP = "(await (await import('./js/label/main.js')).started)"
OWN = {"left_dimple": (58, 145), "right_dimple": (-10, 145), "chin_tip": (24, 178)}


@contextmanager
def opened(
    browser: Any, photos: Path, model: FaceModel, settings: LabelSettings, **view: Any
) -> Iterator[Any]:
    """The page, when every picture is searched."""
    out = photos.parent / ("own.json" if settings.editable else "labels.json")
    with serve_labels(photos, out, model, settings) as server:
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 760}} | view))
        page = context.new_page()
        page.goto(server.address)
        page.wait_for_selector("body[data-ready]", timeout=60_000)
        wait(page, "app.project.info.counts.searched === app.project.info.counts.pictures")
        wait(page, "app.project.queue.length > 0")
        yield page
        context.close()


def wait(page: Any, condition: str) -> None:
    """Until a condition holds; the policy forbids Playwright's own wait."""
    while not page.evaluate(f"async () => {{ const app = {APP}; return {condition}; }}"):
        time.sleep(0.1)


def screen(page: Any, place: str) -> tuple[float, float]:
    """Place on the screen of a place of the picture, an expression."""
    x, y = page.evaluate(f"async () => {{ const app = {APP}; return app.stage.toStage({place}); }}")
    box = page.query_selector("#stage").bounding_box()
    return box["x"] + x, box["y"] + y


def keep(page: Any, name: str) -> None:
    time.sleep(0.7)  # until nothing moves
    page.screenshot(path=IMAGES / f"{name}.jpg", type="jpeg", quality=QUALITY)


def draw_drag(page: Any) -> None:
    """A point that is dragged, with the loupe."""
    wait(page, "app.project.shape !== null")
    page.click("#items .item:has-text('astronaut')")
    wait(page, "app.session.picture.file.includes('astronaut') && app.edit !== null")
    for _ in range(3):
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
    x, y = screen(page, "app.edit.reading.points[48]")
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 9):
        page.mouse.move(x - 2 * step, y + step)
    keep(page, "label")
    page.mouse.up()


def draw_line(page: Any) -> None:
    """A line that is drawn along the jaw."""
    page.reload()
    page.wait_for_selector("body[data-ready]", timeout=60_000)
    page.click("#items .item:has-text('astronaut')")
    wait(page, "app.session.picture.file.includes('astronaut') && app.edit !== null")
    wait(page, "app.project.shape !== null")
    places = [screen(page, f"app.edit.reading.points[{point}]") for point in range(13)]
    page.keyboard.down("Shift")
    for number, (x, y) in enumerate(places):
        page.mouse.move(x - 5 + number, y + number, steps=6)
        if number == 0:
            page.mouse.down()
    keep(page, "label-line")
    page.mouse.up()
    page.keyboard.up("Shift")


def draw_own_set(page: Any) -> None:
    """A set of one's own points that grows by clicking."""
    page.click("#items .item:has-text('astronaut')")
    wait(page, "app.session.picture.file.includes('astronaut') && app.edit !== null")
    page.click("#set-click")
    left, top = page.evaluate(f"async () => {APP}.edit.face.box.slice(0, 2)")
    width = page.evaluate(f"async () => {APP}.edit.face.box[2]")
    for number, (name, (x, y)) in enumerate(OWN.items()):
        place = [left + width * (x + 25) / 100, top + width * (y - 85) / 100]
        page.mouse.click(*screen(page, str(place)))
        page.wait_for_selector(f"[data-key='name-{number}']:focus")
        page.keyboard.type(name)
        page.keyboard.press("Enter")
        wait(page, f"app.names[{number}] === '{name}'")
    page.click("#set-join")
    for point in (0, 2, 1):
        page.mouse.click(*screen(page, f"app.edit.reading.points[{point}]"))
    wait(page, "app.project.info.points.edges.length === 2")
    page.evaluate("() => document.getElementById('set-section').scrollIntoView()")
    keep(page, "label-own-points")


def main() -> None:
    """Write all pictures."""
    model = facepoints.load()
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        photos = Path(folder) / "photos"
        write_photos(photos)
        (photos / "rendered.png").unlink()
        for number, image in enumerate(synthetic.render(5, seed=4, size=240).images):
            gray = np.pad(image, 30, mode="edge")
            write_image(photos / f"face-{number}.png", np.repeat(gray[..., None], 3, axis=2))
        with opened(browser, photos, model, LabelSettings(annotator="anna")) as page:
            draw_drag(page)
            draw_line(page)
            page.emulate_media(color_scheme="dark")
            page.set_viewport_size({"width": 1024, "height": 768})
            page.click("#items .item:has-text('face-2')")
            wait(page, "app.session.picture.file.includes('face-2')")
            page.click("#points-details summary")
            for _ in range(2):
                page.keyboard.press("Tab")
            page.click("#turn-right")
            keep(page, "label-dark")
        own = LabelSettings(PointSet(), editable=True, annotator="anna")
        with opened(browser, photos, model, own) as page:
            draw_own_set(page)


if __name__ == "__main__":
    main()
