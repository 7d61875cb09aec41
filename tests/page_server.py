"""The page on a server for tests, and a Chromium to look at it.

The server sends the page's files with the headers of `facepoints serve`, and keeps a list of what
was asked for.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from waiting import PATIENCE

from facepoints.web.headers import PAGE_HEADERS
from facepoints.web.page_files import PAGE, missing_runtime, page_files

__all__ = ["PAGE", "PageServer", "chromium", "serve_page", "use_colors"]

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--autoplay-policy=no-user-gesture-required",
]


@dataclass
class PageServer:
    """A running server.

    Attributes:
        address: of the page.
        asked: (method, path) of each request, in order.
    """

    address: str
    asked: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def serve_page() -> Iterator[PageServer]:
    """Serve the page on a free port of this machine while the context lasts."""
    if missing_runtime():
        pytest.skip("needs onnxruntime-web: python -m facepoints.web.fetch_runtime")
    files = page_files()
    server: PageServer

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None: ...

        def do_GET(self) -> None:
            server.asked.append((self.command, self.path))
            file = files.get(self.path.split("?")[0].lstrip("/") or "index.html")
            body = b"" if file is None else file.content()
            self.send_response(404 if file is None else 200)
            if file is not None:
                self.send_header("Content-Type", file.content_type)
            self.send_header("Content-Length", str(len(body)))
            for name, value in PAGE_HEADERS.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            server.asked.append((self.command, self.path))
            self.send_error(405)

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server = PageServer(f"http://127.0.0.1:{http.server_address[1]}/")
    thread = Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def _patient(make: Callable[..., Any]) -> Callable[..., Any]:
    """The same, for contexts and pages in which a click or a navigation may take its time."""

    @wraps(make)
    def made(**settings: Any) -> Any:
        opened = make(**settings)
        opened.set_default_timeout(1000 * PATIENCE)
        return opened

    return made


def use_colors(page: Any, scheme: str) -> None:
    """Show a page in "light" or "dark", without motion, once no color changes any more."""
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.evaluate(
        "() => Promise.all(document.getAnimations()"
        ".filter((each) => each instanceof CSSTransition)"
        ".map((each) => each.finished.catch(() => {})))"
    )


@contextmanager
def chromium(*more: str) -> Iterator[Any]:
    """A Playwright browser with further arguments. The test is skipped without Chromium."""
    playwright = pytest.importorskip("playwright.sync_api")
    browser_file = shutil.which("chromium")
    if browser_file is None:
        pytest.skip("needs chromium (Debian's package)")
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=browser_file, args=[*ARGUMENTS, *more], timeout=1000 * PATIENCE
        )
        for name in ("new_context", "new_page"):
            setattr(browser, name, _patient(getattr(browser, name)))
        try:
            yield browser
        finally:
            browser.close()
