"""Memory that the process holds."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_freed_memory_is_given_back() -> None:
    code = """
from pathlib import Path
from facepoints._util.memory import return_freed_memory
pages = lambda: int(Path("/proc/self/statm").read_text().split()[1])
kept = [bytearray(50_000) for _ in range(2000)]
last = bytearray(50_000)  # keeps the end of the heap
del kept
before = pages()
return_freed_memory()
print(before - pages())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) * 4096 > 20_000_000
