"""The folder in which facepoints keeps what it can make again."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder() -> Path | None:
    """The folder in FACEPOINTS_CACHE, else ``facepoints`` in the user's cache folder.

    None for a user without a home, as in a container that runs under an unknown user id.
    """
    if own := os.environ.get("FACEPOINTS_CACHE"):
        return Path(own)
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "facepoints"
    try:
        return Path.home() / ".cache" / "facepoints"
    except RuntimeError:
        return None
