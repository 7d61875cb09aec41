"""A short sample of the kill test; `make kill-test` runs the long one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("kill.py")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_interrupted_commands_write_the_same_bytes_when_run_again(tmp_path: Path) -> None:
    commands = ["predict, CSV", "predict, shard", "merge", "convert, COCO"]
    words = [sys.executable, str(SCRIPT), "--tries", "5", "--out", str(tmp_path / "kill")]
    done = subprocess.run(
        [*words, "--commands", *commands], capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads((tmp_path / "kill" / "result.json").read_text())
    assert list(counts) == commands
    assert [of_command.pop("failures") for of_command in counts.values()] == [[]] * len(commands)
    assert sum(sum(of_command.values()) for of_command in counts.values()) >= 5
    assert "| all |" in done.stdout
