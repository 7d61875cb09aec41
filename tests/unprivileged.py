"""Runs the program without the superuser's right to read and write everything."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

__all__ = ["Ended", "needs_permissions", "run_unprivileged"]

_DROP_FROM_BOUNDING_SET = 24  # PR_CAPBSET_DROP of prctl(2)
_CAPABILITIES = 1, 2, 3  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER

needs_permissions = pytest.mark.skipif(
    os.name != "posix" or (os.geteuid() == 0 and not sys.platform.startswith("linux")),
    reason="permissions of files are not checked here",
)

_PROGRAM = """
import contextlib, io, json, sys
from facepoints.cli.main import main
ended = []
for words in json.load(sys.stdin):
    status, message = 0, io.StringIO()
    with contextlib.redirect_stderr(message), contextlib.redirect_stdout(io.StringIO()):
        try:
            main(words)
        except SystemExit as stop:
            status = stop.code
    ended.append((status, message.getvalue()))
json.dump(ended, sys.stdout)
"""


class Ended(NamedTuple):
    """The exit status of a command line, and what it wrote to standard error."""

    status: int
    message: str


def run_unprivileged(*commands: Sequence[str | Path]) -> list[Ended]:
    """Run command lines as the same user, for whom the permissions of files count.

    Tests in containers run as the superuser, who may read and write everything. Without three
    of the superuser's capabilities, the permissions of the owner apply.
    """
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        input=json.dumps([[str(word) for word in words] for words in commands]),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=_drop_capabilities if os.geteuid() == 0 else None,
    )
    assert done.returncode == 0, done.stderr
    return [Ended(*one) for one in json.loads(done.stdout)]


def _drop_capabilities() -> None:
    """What the child executes next starts without the capabilities: see capabilities(7)."""
    system = ctypes.CDLL(None, use_errno=True)
    for capability in _CAPABILITIES:
        if system.prctl(_DROP_FROM_BOUNDING_SET, capability, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "could not drop a capability")
