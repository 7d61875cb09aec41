"""The page on a server for tests, and a Chromium to look at it.

The server sends the page's files with the content policy that a real one sends, and keeps a list
of what was asked for.
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from facepoints import weights
from facepoints.web.page_settings import DETECTOR_URL, POINTS_URL, settings_json

__all__ = ["PAGE", "POLICY", "PageServer", "chromium", "serve_page"]

PAGE = Path(weights.__file__).parents[1] / "web" / "page"
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; "
    "worker-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
    ".wasm": "application/wasm",
}
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


@lru_cache(maxsize=1)
def _settings() -> bytes:
    return settings_json().encode()


def _content(name: str) -> bytes | None:
    """The file at an address below the page, None if there is none."""
    if name == "settings.json":
        return _settings()
    models = {POINTS_URL: weights.BUILTIN, DETECTOR_URL: weights.DETECTOR}
    if name in models:
        return Path(find_model(models[name])).read_bytes()
    path = (PAGE / name).resolve()
    if not path.is_relative_to(PAGE):
        return None
    if path.is_file():
        return path.read_bytes()
    packed = path.with_name(f"{path.name}.gz")
    return gzip.decompress(packed.read_bytes()) if packed.is_file() else None


def find_model(name: str | Path) -> Path:
    from facepoints.inference.landmark_model import find_model_file

    return find_model_file(name)


@contextmanager
def serve_page(policy: str = POLICY) -> Iterator[PageServer]:
    """Serve the page on a free port of this machine while the context lasts."""
    server: PageServer

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None: ...

        def do_GET(self) -> None:
            name = self.path.split("?")[0].lstrip("/") or "index.html"
            server.asked.append((self.command, self.path))
            content = _content(name)
            self.send_response(200 if content is not None else 404)
            body = content or b""
            kind = TYPES.get(Path(name).suffix, "application/octet-stream")
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Security-Policy", policy)
            self.send_header("X-Content-Type-Options", "nosniff")
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


@contextmanager
def chromium(*more: str) -> Iterator[Any]:
    """A Playwright browser with further arguments. The test is skipped without Chromium."""
    playwright = pytest.importorskip("playwright.sync_api")
    browser_file = shutil.which("chromium")
    if browser_file is None:
        pytest.skip("needs chromium (Debian's package)")
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=browser_file, args=[*ARGUMENTS, *more])
        try:
            yield browser
        finally:
            browser.close()
