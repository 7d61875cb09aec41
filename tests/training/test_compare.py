"""Comparisons: every strategy with every network, on the same held-out rows, once."""

from __future__ import annotations

import io
import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest
from rich.console import Console

from facepoints._util.progress import Stopped
from facepoints.datasets import synthetic
from facepoints.datasets.samples import Samples
from facepoints.errors import RunError, SettingsError
from facepoints.training.compare import compare, table
from facepoints.training.settings import TrainSettings
from facepoints.training.train_state import TrainState

TINY = TrainSettings(
    # This seed holds out rows of both marking schemes.
    epochs=2,
    batch=16,
    loss="mse",
    augment="none",
    validation=0.25,
    seed=1,
    device="cpu",
)


pytestmark = pytest.mark.usefixtures("one_thread", "no_charts")


@pytest.fixture(scope="module")
def faces() -> Samples:
    return synthetic.kaggle_like(60, seed=2, size=48)


def run(data: Samples, out: Path, strategies: list[Any], **more: Any) -> dict[str, Any]:
    settings = replace(TINY, **more)
    return compare(
        data, out, ["lenet5", "net2"], strategies, settings, console=Console(file=io.StringIO())
    )


def printed(report: dict[str, Any]) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(table(report))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def written(out: Path) -> dict[str, int]:
    return {str(p.relative_to(out)): p.stat().st_mtime_ns for p in out.glob("*/weights/*")}


@pytest.mark.slow
def test_two_strategies_and_two_networks_are_trained_once(faces: Samples, tmp_path: Path) -> None:
    report = run(faces, tmp_path, ["specialist", "per-scheme"])
    cells = {(cell["missing"], cell["network"]): cell for cell in report["cells"]}
    assert set(cells) == {(a, n) for a in ("specialist", "per-scheme") for n in ("lenet5", "net2")}
    rows = 60 - report["held_out"]
    for (strategy, _), cell in cells.items():
        assert cell["rmse"] > 0
        assert set(cell["schemes"]) == {"15-point", "4-point"}
        # An equal budget: as many rows are seen as two passes over all of them.
        assert cell["rows"] * cell["epochs"] == pytest.approx(2 * rows, rel=0.35), strategy
    assert json.loads((tmp_path / "compare.json").read_text()) == report
    assert cv2.imread(str(tmp_path / "compare.png")) is not None
    for cell in report["cells"]:
        assert f"{cell['rmse']:.3f}" in printed(report)
    before = written(tmp_path)
    assert len(before) == 6  # specialists are two each
    assert run(faces, tmp_path, ["specialist", "per-scheme"]) == report
    assert written(tmp_path) == before
    with pytest.raises(RunError, match="other settings"):
        run(faces, tmp_path, ["specialist", "per-scheme"], seed=2)


def test_a_cell_that_cannot_be_trained_is_skipped_with_its_error(
    faces: Samples, tmp_path: Path
) -> None:
    labelled = faces.labelled.copy()
    labelled[:, faces.landmarks.names.index("nose_tip")] &= faces.scheme == 1
    holes = faces.with_points(faces.points, labelled)
    report = run(holes, tmp_path, ["drop", "mask"], epochs=1)
    errors = {(c["missing"], c["network"]): c.get("error") for c in report["cells"]}
    assert errors[("mask", "lenet5")] is None
    assert errors[("mask", "net2")] is None
    assert "drop" in str(errors[("drop", "lenet5")])
    assert "\n" not in str(errors[("drop", "lenet5")])
    assert "drop" in printed(report)
    assert not (tmp_path / "drop-lenet5").exists()


def test_no_cell_that_can_be_trained_is_an_error(faces: Samples, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nothing could be compared.*drop"):
        run(faces.take(faces.scheme == 1), tmp_path, ["drop"])


@pytest.mark.slow
def test_an_interrupted_comparison_continues_with_the_same_call(
    faces: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(faces, tmp_path / "whole", ["mask"])
    taken, update_ema = [0], TrainState.update_ema

    def stopping(state: TrainState) -> None:
        update_ema(state)
        taken[0] += 1
        if taken[0] == 6:  # in the second cell
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(TrainState, "update_ema", stopping)
        with pytest.raises(Stopped, match="mask x net2; the same command continues"):
            run(faces, tmp_path / "cut", ["mask"])
    first = {n: t for n, t in written(tmp_path / "cut").items() if n.startswith("mask-lenet5")}
    report = run(faces, tmp_path / "cut", ["mask"])
    assert first.items() <= written(tmp_path / "cut").items()
    assert [c["rmse"] for c in report["cells"]] == [c["rmse"] for c in whole["cells"]]


def test_invalid_comparisons_write_nothing(faces: Samples, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="at least one network"):
        run(faces, tmp_path, [])
    with pytest.raises(SettingsError, match="`validation` above 0"):
        run(faces, tmp_path, ["mask"], validation=0.0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("networks", "missing", "changes", "message"),
    [
        (
            ["lenet5"],
            ["mask"],
            {"minutes": 1.0, "epochs": 3},
            "`epochs` has no effect with `minutes`",
        ),
        (["lenet5"], ["mask"], {"merge": "average"}, "`merge` has no effect without"),
        (["lenet5", "lenet5"], ["mask"], {}, "`networks` names lenet5 more than once"),
        (["lenet5"], ["mask", "mask"], {}, "`missing` names mask more than once"),
    ],
)
def test_settings_that_nothing_would_use_are_refused(
    networks: Any, missing: Any, changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    faces = synthetic.kaggle_like(4, seed=0)
    with pytest.raises(SettingsError, match=message):
        compare(faces, tmp_path / "out", networks, missing, TrainSettings(**changes))
    assert not (tmp_path / "out").exists()
