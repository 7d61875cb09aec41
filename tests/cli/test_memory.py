"""A lack of memory is one line and status 2, whatever the limit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from waiting import PATIENCE

from facepoints._util.memory import is_out_of_memory

LIMITED = """
import resource, sys
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
from facepoints.cli.main import main
main()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of a process")
@pytest.mark.parametrize("megabytes", [150, 300, 450, 599])
def test_a_limit_that_is_too_low_is_one_line(megabytes: int, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((50, 50, 3), 90, np.uint8))
    command = [sys.executable, "-c", LIMITED, str(megabytes * 10**6), "predict", "a.png"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=PATIENCE)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: not enough memory; facepoints needs about 1 GB")
    assert done.stderr.count("\n") == 1


def test_errors_of_libraries_that_mean_a_lack_of_memory() -> None:
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(ImportError("cv2.so: failed to map segment from shared object"))
    assert is_out_of_memory(RuntimeError("can't start new thread"))
    wrapped = ValueError("the model failed")
    wrapped.__cause__ = RuntimeError("Failed to allocate memory for requested buffer")
    assert is_out_of_memory(wrapped)
    assert not is_out_of_memory(ValueError("damaged"))
