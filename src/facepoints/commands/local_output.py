"""A local path for a file that goes to a path or to the address of a store."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facepoints.sources import stores

__all__ = ["local_output"]


@contextmanager
def local_output(path: str) -> Iterator[Path]:
    """A local path to write a file to, whole or not at all.

    At the end of the context, the file is at `path`. If the context raises, nothing changes there.

    Args:
        path: of the file, or its address.

    Raises:
        WriteError: the file cannot be written to its address.
    """
    if not stores.is_url(path):
        yield Path(path)
        return
    with tempfile.TemporaryDirectory(prefix="facepoints-") as folder:
        local = Path(folder) / os.path.basename(path)
        yield local
        stores.write_whole(path, local)
