"""The page in Chromium as `facepoints serve` sends it, and as plain files in a folder of a site."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from page_server import chromium
from service_tools import running

import facepoints
from facepoints.web.page_files import missing_runtime
from facepoints.web.service import ServiceSettings
from facepoints.web.static_site import export_site

pytestmark = pytest.mark.skipif(missing_runtime(), reason="needs onnxruntime-web (make setup)")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


def find_the_example(browser: Any, address: str) -> None:
    """Open the page and its example: a face is found, and nothing else is asked for."""
    page = browser.new_page()
    asked: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(address)
    page.wait_for_selector("body[data-ready]")
    page.click('#start [data-action="example"]')
    page.wait_for_selector("#items .state:text-is('1 face')")
    page.close()
    assert faults == []
    assert [url for url in asked if not url.startswith((address, "blob:", "data:"))] == []


def test_the_service_sends_a_page_that_works(browser: Any) -> None:
    with running(facepoints.load(), ServiceSettings()) as client:
        find_the_example(browser, f"http://127.0.0.1:{client.port}/")
        assert 'route="/v1/' not in client.get("/metrics").body.decode()  # nothing was uploaded


def test_exported_files_work_in_a_folder_of_a_plain_web_server(
    browser: Any, tmp_path: Path
) -> None:
    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None: ...

    export_site(tmp_path / "some" / "folder")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(tmp_path)))
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        find_the_example(browser, f"http://127.0.0.1:{server.server_address[1]}/some/folder/")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
