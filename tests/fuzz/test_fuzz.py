"""The fuzz job finds what it is for: wrong errors, hangs, crashes and hunger for memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz import run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("wrong_error", "KeyError"),
        ("right_error", ""),
        ("hang", "hang"),
        ("crash", "crash"),
        ("hungry", "MemoryError"),
    ],
)
def test_a_planted_fault_is_found(
    name: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "HANG", 0.3 if name == "hang" else 10.0)
    monkeypatch.setattr(run, "_KEPT", 1)
    outcome = run.fuzz(name, 1, tmp_path, table="fuzz.planted")
    found = "hang" * bool(outcome.hangs) + "crash" * bool(outcome.crashes)
    found += "".join(key.split()[0] for key in outcome.failures)
    assert found == fault
    assert outcome.tries > 0
    assert any(tmp_path.rglob("*")) == bool(fault)


@pytest.mark.slow
def test_the_job_reports_a_clean_reader_as_clean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(["--minutes", "0.02", "--only", "list of people", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("| **all** | ")
