"""Ctrl-C and SIGTERM at any moment: quiet, status 130. A closed pipe is quiet, too."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from waiting import PATIENCE

from facepoints.cli.main import main

PROGRAM = [sys.executable, "-m", "facepoints"]

# Python itself has started, and Ctrl-C ends a process quietly, as it does before Python starts
STARTED = """
import runpy, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
print("started", flush=True)
runpy.run_module("facepoints", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("wait", [0.02, 0.15, 0.4])
def test_a_signal_while_the_program_starts_is_quiet(number: signal.Signals, wait: float) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", STARTED, "predict", "-"],  # waits for standard input
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    time.sleep(wait)  # any moment will do
    process.send_signal(number)
    out, message = process.communicate(timeout=PATIENCE)
    assert process.returncode in (130, -number)
    assert out == ""
    assert message == "" or (message.startswith("stopped") and message.count("\n") == 1)


def test_a_signal_that_the_caller_ignores_stays_ignored() -> None:
    process = subprocess.Popen(
        ["sh", "-c", 'trap "" INT TERM; echo; exec "$@"', "sh", *PROGRAM, "predict", "nowhere.jpg"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "\n"  # the shell ignores the signals
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.05)
    _, message = process.communicate(timeout=PATIENCE)
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


INTERRUPTED_IMPORT = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime.capi.onnxruntime_pybind11_state":
            os.kill(os.getpid(), signal.{name})
sys.meta_path.insert(0, Finder())
from facepoints.cli.main import main
try:
    main()
finally:
    print("whole:", hasattr(sys.modules.get("onnxruntime"), "InferenceSession"))
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_while_onnxruntime_is_imported_comes_after_the_import(
    name: str, tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((90, 90, 3), np.uint8))
    words = ["-c", INTERRUPTED_IMPORT.format(name=name), "predict", str(tmp_path / "a.png")]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stderr == "stopped\n"
    assert done.stdout == "whole: True\n"


def test_an_error_that_a_library_makes_of_ctrl_c_is_an_interruption(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def export(*_: object) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            try:
                raise AttributeError("module 'torch._dynamo' has no attribute 'exc'")
            except AttributeError as error:
                raise RuntimeError("failed to export the model") from error

    def start_library(*_: object) -> None:
        raise ImportError("KeyboardInterrupt: <EMPTY MESSAGE>") from KeyboardInterrupt()

    for command in (export, start_library):
        monkeypatch.setattr("facepoints.cli.run.parse", command)
        with pytest.raises(SystemExit) as ended:
            main(["predict", "a.png"])
        assert ended.value.code == 130
        assert capsys.readouterr().err == "stopped\n"


def test_an_error_of_a_broken_library_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ImportError("libgomp.so.1: cannot open shared object file")

    monkeypatch.setattr("facepoints.cli.run.parse", broken)
    with pytest.raises(ImportError, match="libgomp"):
        main(["predict", "a.png"])
