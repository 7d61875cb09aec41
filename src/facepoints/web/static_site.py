"""Writes the page as static files, for any web server."""

from __future__ import annotations

from pathlib import Path

from facepoints import weights
from facepoints._util.files import atomic_folder
from facepoints.errors import DataError
from facepoints.web.headers import PAGE_HEADERS
from facepoints.web.page_files import content_type, missing_runtime, page_files

__all__ = ["HEADERS_FILE", "README_FILE", "RUNTIME_MISSING", "export_site"]

HEADERS_FILE, README_FILE = "_headers", "README.txt"

RUNTIME_MISSING = (
    "the page's runtime (onnxruntime-web) is not in this installation; fetch it once with: "
    "python -m facepoints.web.fetch_runtime"
)
"""Message for an installation from a checkout whose runtime was not fetched."""

_README = """\
The page of facepoints as static files. Put them on any web server; nothing runs on it.

The page finds faces in the browser. It uploads nothing and loads nothing from elsewhere.

It has to be served: opened from disk, browsers refuse its modules. To try it on this computer:

    python -m http.server --directory . 8000     then open http://localhost:8000/

Cameras work only over https or on localhost.

Types. The server must send .mjs and .js as text/javascript and .wasm as application/wasm.

Headers. The page works without them, but they keep other pages and injected code out. The file
_headers has them in the form of Cloudflare Pages and Netlify. For nginx:

{nginx}

Compress .wasm, .js, .mjs and .json (the runtime has 14 MB, and 4 MB compressed).
"""


def export_site(folder: Path, model: str | Path = weights.BUILTIN) -> int:
    """Write the page and all that it needs to a new or empty folder, whole or not at all.

    Args:
        folder: where to write.
        model: landmark model that the page runs; see `facepoints.load`.

    Returns:
        The number of bytes written.

    Raises:
        DataError: the runtime is not in this installation.
        ModelError: the model cannot be used.
        WriteError: the folder is not empty or cannot be written.
    """
    if missing_runtime():
        raise DataError(RUNTIME_MISSING)
    contents = {address: file.content() for address, file in page_files(model).items()}
    contents[HEADERS_FILE] = _headers().encode()
    contents[README_FILE] = _README.format(nginx=_nginx()).encode()
    with atomic_folder(folder) as temporary:
        for address, content in contents.items():
            path = temporary / address
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return sum(map(len, contents.values()))


def _headers() -> str:
    """The headers in the form that Cloudflare Pages and Netlify read."""
    lines = ["/*", *(f"  {name}: {value}" for name, value in PAGE_HEADERS.items())]
    for suffix in (".mjs", ".js", ".wasm"):
        lines += [f"/*{suffix}", f"  Content-Type: {content_type(f'any{suffix}')}"]
    return "\n".join(lines) + "\n"


def _nginx() -> str:
    return "\n".join(
        f'    add_header {name} "{value}" always;' for name, value in PAGE_HEADERS.items()
    )
