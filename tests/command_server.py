"""Commands that run a server, each in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["command_server"]


@contextmanager
def command_server(
    *words: str, ready: str, **environment: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process of a command on a free port that is ready, with its host and port.

    Args:
        words: the command and its options.
        ready: what the line says before the address that says that the server is ready.
        environment: variables to set.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "facepoints", *words, "--port", "0", "--no-open"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        found = re.match(rf"{ready}: http://([^/]+)/", line)
        assert found, line + (process.stderr.read() if process.poll() is not None else "")
        yield process, found[1]
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
