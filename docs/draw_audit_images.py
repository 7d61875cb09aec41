"""Draws the pictures of docs/how-to/audit.md: docs/images/audit-*.jpg.

    python docs/draw_audit_images.py

It runs the page's own walk-through on rendered faces, and opens the report in Chromium (Debian's
package). Run it when the report, the audit or the weights change.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
sys.path[:0] = [str(ROOT / "tests")]

from page_server import chromium  # noqa: E402

from facepoints.cli.main import main as facepoints  # noqa: E402

QUALITY = 82


BLOCK = re.compile(r"^```(python|shell)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def walk_through() -> None:
    """Run the page up to its audit, in this folder."""
    page = (ROOT / "docs" / "how-to" / "audit.md").read_text(encoding="utf-8")
    for language, text in BLOCK.findall(page):
        if language == "python":
            exec(text, {"__name__": "__main__"})
            continue
        for line in text.splitlines():
            _, *words = shlex.split(line, comments=True)
            facepoints(words)
            if words[0] == "audit":
                return


def main() -> None:
    """Write all pictures."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        walk_through()
        with chromium() as browser:
            page = browser.new_context(viewport={"width": 1080, "height": 830}).new_page()
            page.goto((Path(folder) / "audit" / "audit.html").as_uri())
            page.screenshot(path=IMAGES / "audit-summary.jpg", type="jpeg", quality=QUALITY)
            page.set_viewport_size({"width": 1080, "height": 1250})
            page.evaluate("document.getElementById('faults').scrollIntoView()")
            page.screenshot(path=IMAGES / "audit-faults.jpg", type="jpeg", quality=QUALITY)
        os.chdir(ROOT)


if __name__ == "__main__":
    main()
