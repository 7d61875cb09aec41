"""The page over HTTP and as static files: addresses, types, compression, caching, headers."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from service_tools import Client, running

import facepoints
from facepoints import weights
from facepoints.web import fetch_runtime, static_site
from facepoints.web.headers import CONTENT_POLICY, PAGE_HEADERS
from facepoints.web.page_files import PAGE, content_type, page_files
from facepoints.web.page_settings import page_settings
from facepoints.web.service import ServiceSettings
from facepoints.web.static_site import export_site

WITH_RUNTIME = pytest.mark.skipif(
    bool(fetch_runtime.missing()), reason="needs the page's runtime (make setup)"
)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with running(facepoints.load(), ServiceSettings()) as client:
        yield client


def test_the_page_is_at_the_root_with_a_strict_policy(client: Client) -> None:
    answer = client.get("/")
    assert answer.body == (PAGE / "index.html").read_bytes() == client.get("/index.html").body
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    for name, value in PAGE_HEADERS.items():
        assert answer.headers[name.lower()] == value
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "http" not in policy


def test_the_page_states_the_same_policy_for_servers_without_headers() -> None:
    text = (PAGE / "index.html").read_text("utf-8")
    stated = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    assert stated is not None
    assert stated[1] == CONTENT_POLICY


def test_models_and_settings_are_those_of_the_model(client: Client) -> None:
    settings = client.get("/settings.json").json()
    assert settings == json.loads(json.dumps(page_settings()))
    points = client.get(f"/{settings['models']['points']['url']}")
    assert points.body == weights.POINTS.read_bytes()
    assert points.headers["content-type"] == "application/octet-stream"
    detector = client.get(f"/{settings['models']['detector']['url']}")
    assert detector.body == weights.DETECTOR.read_bytes()


def test_every_own_file_is_served_with_its_type(client: Client) -> None:
    for path in PAGE.rglob("*.js"):
        answer = client.get(f"/{path.relative_to(PAGE).as_posix()}")
        if path.is_relative_to(PAGE / "js" / "label"):  # of facepoints label
            assert answer.status == 404
            continue
        assert answer.status == 200
        assert answer.body == path.read_bytes()
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert client.get("/style.css").headers["content-type"] == "text/css; charset=utf-8"


@WITH_RUNTIME
def test_the_runtime_is_sent_compressed_to_those_who_take_it(client: Client) -> None:
    for name, wanted in fetch_runtime.FILES.items():
        small = client.get(f"/runtime/{name}", {"Accept-Encoding": "br, gzip"})
        assert small.headers["content-encoding"] == "gzip"
        assert small.headers["content-type"] == content_type(name)
        assert hashlib.sha256(gzip.decompress(small.body)).hexdigest() == wanted
        plain = client.get(f"/runtime/{name}", {"Accept-Encoding": "gzip;q=0, br"})
        assert "content-encoding" not in plain.headers
        assert hashlib.sha256(plain.body).hexdigest() == wanted
        assert small.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
        assert small.headers["etag"] != plain.headers["etag"]
    assert content_type("a.wasm") == "application/wasm"


def test_what_a_browser_has_is_not_sent_again(client: Client) -> None:
    first = client.get("/style.css")
    again = client.get("/style.css", {"If-None-Match": f'"x", W/{first.headers["etag"]}'})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert client.get("/style.css", {"If-None-Match": '"x"'}).status == 200
    assert first.headers["cache-control"] == "no-cache"
    head = client.request("HEAD", "/style.css")
    assert (head.body, head.headers["content-length"]) == (b"", str(len(first.body)))


def test_the_page_runs_the_model_that_is_named() -> None:
    run = weights.POINTS_RUN / "model.onnx"
    if not run.is_file():
        run = weights.POINTS
    assert page_files(run)["models/points.onnx"].content() == run.read_bytes()


@WITH_RUNTIME
def test_static_files_are_the_same_page(client: Client, tmp_path: Path) -> None:
    size = export_site(tmp_path / "site")
    written = {p.relative_to(tmp_path / "site").as_posix(): p for p in _files(tmp_path / "site")}
    assert size == sum(path.stat().st_size for path in written.values())
    assert set(written) == {*page_files(), "_headers", "README.txt"}
    for address in ("index.html", "settings.json", "models/points.onnx", "js/app/main.js"):
        assert written[address].read_bytes() == client.get(f"/{address}").body
    wasm = written["runtime/ort-wasm-simd-threaded.wasm"].read_bytes()
    assert wasm[:4] == b"\0asm"
    headers = written["_headers"].read_text("utf-8")
    readme = written["README.txt"].read_text("utf-8")
    for name, value in PAGE_HEADERS.items():
        assert f"  {name}: {value}\n" in headers
        assert f'add_header {name} "{value}" always;' in readme
    for pattern, kind in (("*.mjs", "text/javascript"), ("*.wasm", "application/wasm")):
        assert f"/{pattern}\n  Content-Type: {kind}" in headers  # else "nosniff" stops the page


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@WITH_RUNTIME
def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(facepoints.WriteError, match="is not empty"):
        export_site(tmp_path)
    assert [path.name for path in _files(tmp_path)] == ["notes.txt"]


def test_nothing_is_written_without_the_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(static_site, "missing_runtime", lambda: True)
    with pytest.raises(facepoints.DataError, match=r"facepoints\.web\.fetch_runtime"):
        export_site(tmp_path / "site")
    assert not (tmp_path / "site").exists()
