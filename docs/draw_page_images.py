"""Draws the pictures of the page in docs/how-to/page.md: docs/images/page*.jpg.

    python docs/draw_page_images.py

It opens the page in Chromium (Debian's package) with the example photo, which is in the public
domain, and with rendered faces. Run it when the page or the weights change.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "examples")]

from page_server import chromium, serve_page  # noqa: E402
from photos import main as write_photos  # noqa: E402

QUALITY = 82
DESKTOP = {"viewport": {"width": 1280, "height": 760}}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 1.5,
    "has_touch": True,
    "is_mobile": True,
}


def opened(browser: Any, address: str, photos: list[Path], **settings: Any) -> Any:
    """The page with some photos, the last of which is analyzed."""
    page = browser.new_context(**settings).new_page()
    page.goto(address)
    page.wait_for_selector("body[data-ready]", timeout=60_000)
    if photos:
        page.set_input_files("#file-input", [str(photo) for photo in photos])
        page.wait_for_selector("#measures tr", timeout=60_000)
        while any(
            word in page.inner_text("#items") for word in ("waiting", "working")
        ):  # the policy forbids Playwright's own wait
            time.sleep(0.1)
    return page


def keep(page: Any, name: str) -> None:
    time.sleep(1)  # until nothing moves
    page.mouse.move(1, 1)
    page.screenshot(path=IMAGES / f"{name}.jpg", type="jpeg", quality=QUALITY)
    page.context.close()


def main() -> None:
    """Write all pictures."""
    with tempfile.TemporaryDirectory() as folder, serve_page() as server, chromium() as browser:
        write_photos(Path(folder))
        astronaut, rendered = Path(folder) / "astronaut.png", Path(folder) / "rendered.png"
        keep(opened(browser, server.address, [], **DESKTOP), "page-start")

        page = opened(browser, server.address, [astronaut, rendered], **DESKTOP)
        page.click('[data-layer="radii"]')
        page.click('#measures tr[data-name="mouth_width_px"] button')
        page.click("#zoom-face")
        keep(page, "page")

        page = opened(
            browser, server.address, [rendered, astronaut], **DESKTOP, color_scheme="dark"
        )
        page.click('[data-layer="boxes"]')
        keep(page, "page-dark")

        page = opened(browser, server.address, [astronaut], **PHONE)
        page.click('[data-layer="axes"]')
        page.click("#zoom-face")
        page.evaluate("() => document.getElementById('toolbar').scrollTo(0, 0)")
        keep(page, "page-phone")


if __name__ == "__main__":
    main()
