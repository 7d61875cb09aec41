"""The files of the page, in memory: its own, the runtime, the models and the settings."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from facepoints import weights
from facepoints.errors import ModelError
from facepoints.inference.landmark_model import find_model_file
from facepoints.web.fetch_runtime import FILES, FOLDER
from facepoints.web.headers import PAGE_HEADERS
from facepoints.web.page_settings import DETECTOR_URL, POINTS_URL, settings_json

__all__ = [
    "PAGE",
    "PageFile",
    "content_type",
    "label_files",
    "missing_runtime",
    "page_files",
    "page_routes",
]

PAGE = Path(__file__).parent / "page"
"""Folder of the page."""

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
    ".wasm": "application/wasm",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".onnx": "application/octet-stream",
}
_COMPRESSED = (".html", ".css", ".js", ".mjs", ".json", ".svg", ".txt", ".webmanifest")


@dataclass(frozen=True)
class PageFile:
    """A file of the page.

    Attributes:
        content_type: its media type.
        plain: its bytes; None: only `compressed` is held.
        compressed: its bytes, compressed with gzip; None: it is sent as it is.
        etag: changes with its bytes.
    """

    content_type: str
    plain: bytes | None
    compressed: bytes | None
    etag: str

    def content(self) -> bytes:
        """Its bytes, not compressed."""
        if self.plain is not None:
            return self.plain
        assert self.compressed is not None
        return gzip.decompress(self.compressed)


def content_type(name: str) -> str:
    """The media type of a file by its suffix."""
    return _TYPES.get(Path(name).suffix.lower(), "application/octet-stream")


def missing_runtime() -> bool:
    """True if files of the runtime are missing, without which the page cannot compute."""
    return not all((FOLDER / f"{name}.gz").is_file() for name in FILES)


def page_files(model: str | Path = weights.BUILTIN) -> dict[str, PageFile]:
    """All files of the page by their address below it, such as "js/app/main.js".

    Args:
        model: landmark model that the page runs; see `facepoints.load`.

    Raises:
        ModelError: the model file is missing, damaged or not of facepoints.
    """
    files = {address: file for address, file in _own_files() if not _is_of_labels(address)}
    files["settings.json"] = _file("settings.json", settings_json(model).encode())
    for address, path in (
        (POINTS_URL, find_model_file(model)),
        (DETECTOR_URL, weights.DETECTOR),
    ):
        try:
            files[address] = _file(address, path.read_bytes())
        except OSError as error:
            raise ModelError(f"could not read {path}: {error.strerror or error}") from error
    return files


def label_files() -> dict[str, PageFile]:
    """The files of the label page by their address: its own, and what it shares with the page."""
    return {
        address: file
        for address, file in _own_files()
        if address != "index.html" and not address.startswith(_NOT_FOR_LABELS)
    }


_OF_LABELS = ("label.", "js/label/")
_NOT_FOR_LABELS = ("runtime", "example/")


def _is_of_labels(address: str) -> bool:
    """True if only the label page needs a file."""
    return address.startswith(_OF_LABELS)


def _own_files() -> Iterator[tuple[str, PageFile]]:
    for path in sorted(PAGE.rglob("*")):
        address = path.relative_to(PAGE).as_posix()
        if not path.is_file() or any(part.startswith(".") for part in address.split("/")):
            continue
        data = path.read_bytes()
        if path.suffix == ".gz":  # the runtime
            address = address.removesuffix(".gz")
            yield address, PageFile(content_type(address), None, data, _etag(data))
        else:
            yield address, _file(address, data)


def _file(address: str, data: bytes) -> PageFile:
    small = None
    if address.endswith(_COMPRESSED):
        small = gzip.compress(data, compresslevel=6, mtime=0)
    return PageFile(content_type(address), data, small, _etag(data))


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:20]


def page_routes(files: dict[str, PageFile]) -> list[Route]:
    """A route for each file of the page, and one for the page itself at "/", if there is one."""
    routes = [_route(f"/{address}", file) for address, file in files.items()]
    return [*routes, *(_route("/", files[name]) for name in ("index.html",) if name in files)]


def _route(address: str, file: PageFile) -> Route:
    async def send(request: Request) -> Response:
        return _response(request, file)

    return Route(address, send, methods=["GET"])


def _response(request: Request, file: PageFile) -> Response:
    """A file, compressed if the browser takes that; or only that it has not changed."""
    zipped = file.compressed is not None and _takes_gzip(request)
    etag = f'"{file.etag}-gz"' if zipped else f'"{file.etag}"'
    headers = {**PAGE_HEADERS, "ETag": etag, "Vary": "Accept-Encoding"}
    known = request.headers.get("if-none-match", "")
    if known.strip() == "*" or etag in [tag.strip().removeprefix("W/") for tag in known.split(",")]:
        return Response(status_code=304, headers=headers)
    if zipped:
        headers["Content-Encoding"] = "gzip"
    body = file.compressed if zipped else file.content()
    return Response(body, headers=headers | {"Content-Type": file.content_type})


def _takes_gzip(request: Request) -> bool:
    """True if the client accepts gzip (RFC 9110, 12.5.3)."""
    for part in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, quality = part.partition(";")
        if name.strip() in ("gzip", "*"):
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
