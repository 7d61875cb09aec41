"""Time of a frame of the label page in Chromium, while a point of a face with 68 points is dragged.

    python benchmarks/label_page.py       # half a minute; best on a machine that is idle

The real page and its service, in a window of 1280 x 800, with the photo of scikit-image's
astronaut, which is in the public domain. 12 points are confirmed before, as amid the work. Edges,
radii and the loupe are shown.

computed   milliseconds of the page's own work in a frame: the shape model and the drawing commands.
begin      milliseconds of the first frame of a drag, which computes how the others follow.
interval   milliseconds between two frames that the browser shows while the point moves in each,
           with drawing by the processor (no graphics card). Floor: 60 frames per second.

Results: benchmarks/results/label_page.json and label_page.md.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from skimage.data import astronaut
from support import browser_page, tables
from support.cli import ROOT, make_parser

import facepoints
from facepoints.imaging.image_writer import write_image

sys.path.append(str(ROOT / "tests"))
from label_server import serve_labels

FLOOR = 1000 / 60
FRAMES = 240
CONFIRMED = 12
POINT = 30  # the tip of the nose

MEASURE = """async ([frames, confirmed, point]) => {
    const app = await (await import('./js/label/main.js')).started;
    const { stage, edit } = app;
    for (let k = 0; k < confirmed; k += 1) edit.confirm((7 * k) % 68);
    edit.release(point);
    app.show();
    const from = edit.reading.points[point];
    const at = (k) => [from[0] + 4 * Math.sin(k / 9), from[1] + 3 * Math.sin(k / 7)];
    const [computed, intervals] = [[], []];
    let before = 0;
    for (let k = 0; k < frames; k += 1) {
        const now = await new Promise((done) => requestAnimationFrame(done));
        if (k > 1) intervals.push(now - before);
        before = now;
        const start = performance.now();
        app.preview = { point, at: at(k) };
        stage.loupe.follow(at(k), stage.toStage(at(k)));
        stage.draw();
        computed.push(performance.now() - start);
    }
    app.preview = null;
    return { begin: computed[0], computed: computed.slice(1), intervals };
}"""


def measure(frames: int) -> dict[str, Any]:
    """Milliseconds of frames."""
    with tempfile.TemporaryDirectory() as scratch:
        photos = Path(scratch) / "photos"
        photos.mkdir()
        write_image(photos / "astronaut.png", astronaut())
        model = facepoints.load()
        with (
            serve_labels(photos, Path(scratch) / "labels.json", model) as server,
            browser_page.browser() as running,
        ):
            page = running.new_page(viewport={"width": 1280, "height": 800})
            page.goto(server.address)
            page.wait_for_selector("body[data-ready]", timeout=60_000)
            page.wait_for_selector("#items .item", timeout=60_000)
            page.click("#items .item")
            page.wait_for_selector("#face-summary:has-text('68 points')", timeout=60_000)
            page.evaluate(MEASURE, [frames // 4, 0, POINT])  # once for practice
            return page.evaluate(MEASURE, [frames, CONFIRMED, POINT])


def table(figures: dict[str, Any]) -> tables.Cells:
    """A row for each quantity."""
    rows = [["ms", "median", "95 % below", "floor"]]
    for name in ("computed", "intervals"):
        middle, high = np.percentile(figures[name], [50, 95])
        rows.append([name, f"{middle:.1f}", f"{high:.1f}", f"{FLOOR:.1f} or less"])
    rows.append(["begin", f"{figures['begin']:.1f}", "-", "-"])
    rate = 1000 / np.median(figures["intervals"])
    rows.append(["frames per second", f"{rate:.0f}", "-", "60 or more"])
    return rows


def main() -> None:
    """Measure, print and write."""
    options = make_parser(__doc__, model=False)
    options.add_argument("--frames", type=int, default=FRAMES, help="frames of the drag")
    given = options.parse_args()
    figures = measure(given.frames)
    cells = table(figures)
    tables.show("A drag on the label page", cells)
    tables.write(given.out, "label_page", figures, tables.markdown(cells))


if __name__ == "__main__":
    main()
