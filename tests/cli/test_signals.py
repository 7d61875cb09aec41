"""Ctrl-C and SIGTERM at any moment: quiet, status 130. A closed pipe is quiet, too."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

PROGRAM = [sys.executable, "-m", "facepoints"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("wait", [0.15, 0.3, 0.5])
def test_a_signal_while_the_program_starts_is_quiet(number: signal.Signals, wait: float) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "predict", "-"],  # waits for standard input
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(wait)
    process.send_signal(number)
    out, message = process.communicate(timeout=60)
    # before Python's own handler is replaced, the signal ends the process as quietly
    assert process.returncode in (130, -number)
    assert out == ""
    assert message == "" or (message.startswith("stopped") and message.count("\n") == 1)


def test_a_signal_that_the_caller_ignores_stays_ignored() -> None:
    process = subprocess.Popen(
        ["sh", "-c", 'trap "" INT TERM; exec "$@"', "sh", *PROGRAM, "predict", "nowhere.jpg"],
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(0.1)  # until the shell ignores the signals
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.05)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 2
    assert message.startswith("error: no image or folder at nowhere.jpg")


def test_a_reader_that_has_enough_is_no_error() -> None:
    command = " ".join(PROGRAM)
    done = subprocess.run(
        ["bash", "-c", f"{command} train --help | head -1; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[0].startswith("usage: facepoints train")
