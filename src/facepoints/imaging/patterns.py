"""Patterns of paths, such as ``photos/**/*.jpg``."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator

__all__ = ["matching_paths"]


def matching_paths(pattern: str) -> list[str]:
    """The paths that match a pattern, each once, in order.

    ``**`` stands for any folders, without hidden ones and without links to folders, which may
    lead in circles. The rest is as in `glob`.
    """
    return sorted(set(_matches(pattern)))


def _matches(pattern: str) -> Iterator[str]:
    parts = pattern.split(os.sep)
    if "**" not in parts:
        yield from glob.iglob(pattern)
        return
    at = parts.index("**")
    base, rest = os.sep.join(parts[:at]), parts[at + 1 :]
    roots = glob.glob(base) if base else [os.sep * at]  # the current folder, or all of the disk
    for root in filter(os.path.isdir, (root or os.curdir for root in roots)):
        if not any(rest):  # it is searched as a folder
            yield root
            continue
        for folder, folders, _ in os.walk(root):
            folders[:] = [name for name in folders if not name.startswith(".")]
            below = os.path.normpath(folder) if root == os.curdir else folder
            place = "" if below == os.curdir else glob.escape(below)
            yield from _matches(os.path.join(place, *rest))
