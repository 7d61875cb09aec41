"""Warnings of readers on the command line: one line each on standard error."""

from __future__ import annotations

import warnings

import pytest

from facepoints.cli.output import shown_warnings
from facepoints.errors import DataWarning


def test_a_data_warning_is_printed_as_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with shown_warnings():
        for _ in range(2):
            warnings.warn("a.json: 2 labels\nwere left out", DataWarning, stacklevel=1)
    assert capsys.readouterr().err == "warning: a.json: 2 labels were left out\n" * 2


def test_other_warnings_keep_their_form() -> None:
    with pytest.warns(UserWarning, match="something else"), shown_warnings():
        warnings.warn("something else", UserWarning, stacklevel=1)


def test_only_the_first_process_of_a_training_prints_warnings(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    with shown_warnings():
        warnings.warn("left out", DataWarning, stacklevel=1)
    assert capsys.readouterr().err == ""
