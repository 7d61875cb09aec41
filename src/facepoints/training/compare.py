"""Missing-label answers x networks on one data set, at an equal budget.

Every cell is a run of its own under one folder, trained and held out on the same rows.
Cells that have finished are not trained again, so a comparison that was cut off goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from facepoints._util.files import write_json
from facepoints._util.progress import Stopped
from facepoints.datasets.samples import Samples
from facepoints.datasets.splits import split_groups
from facepoints.drawing import bars
from facepoints.errors import DataError, SettingsError
from facepoints.training.distributed import distributed_context
from facepoints.training.initialization import RANDOM_INIT
from facepoints.training.missing_labels import make_plan
from facepoints.training.settings import Missing, Network, TrainSettings
from facepoints.training.train import train

__all__ = ["compare", "table"]


def compare(
    data: Samples,
    out: Path,
    networks: Sequence[Network],
    missing: Sequence[Missing],
    settings: TrainSettings,
    *,
    data_names: Sequence[str] = (),
    console: Console | None = None,
) -> dict[str, Any]:
    """Train every network with every answer and measure all on the same held-out rows.

    The budget is equal: with `settings.minutes` every cell trains that long; else
    every cell sees as many rows as `settings.epochs` passes over all training rows, so an
    answer that drops rows passes over the rest more often.

    Args:
        data: labelled rows; a part is held out as `settings.validation` says.
        out: folder for the runs, ``compare.json`` and ``compare.png``.
        networks: names of `settings.network`; all begin from random weights unless
            `settings.init` says otherwise.
        answers: names of `settings.missing`.

    Returns:
        JSON-ready: "cells", a list with network, missing, epochs, training rows (counted
        for every network of the cell), RMSE in pixels (whole and by marking scheme) or the
        "error" that kept a cell from being trained; "settings"; "held_out" rows.

    Raises:
        SettingsError: nothing to compare, or nothing held out to compare on.
        RunError: `out` holds cells of other data or settings.
        Stopped: Ctrl-C or SIGTERM came; go on with the same call.
    """
    console = console or Console()
    settings = replace(settings, init=settings.init or RANDOM_INIT)
    if not networks or not missing:
        raise SettingsError("compare needs at least one network and one missing-label answer")
    if settings.validation == 0:
        raise SettingsError("compare needs held-out rows: set --validation above 0")
    train_rows, held_rows = split_groups(data.group, settings.validation, settings.seed)
    if not data.labelled[held_rows].any():
        raise SettingsError("compare needs labels on the held-out rows: set another --seed")
    cells: list[dict[str, Any]] = []
    report = {
        "settings": {"epochs": settings.epochs, "minutes": settings.minutes},
        "held_out": len(held_rows),
        "cells": cells,
    }
    rows = data.take(train_rows)
    with distributed_context(settings.device) as here:
        for answer in missing:
            for network in networks:
                cell = replace(settings, network=network, missing=answer)
                console.print(f"{answer} x {network}", style="bold")
                cells.append(_cell(data, rows, out, cell, data_names, console))
                here.run_on_rank0(lambda: write_json(out / "compare.json", report))
        if not any("rmse" in cell for cell in cells):
            raise SettingsError(f"nothing could be compared; the first: {cells[0]['error']}")
        here.run_on_rank0(lambda: _chart(report, out))
    return report


def _cell(
    data: Samples,
    rows: Samples,
    out: Path,
    settings: TrainSettings,
    data_names: Sequence[str],
    console: Console,
) -> dict[str, Any]:
    cell: dict[str, Any] = {"network": settings.network, "missing": settings.missing}
    try:
        seen = sum(
            len(part.samples) for part in make_plan(rows, settings.missing, settings.merge).parts
        )
        if settings.minutes is None:
            settings = replace(settings, epochs=max(1, round(settings.epochs * len(rows) / seen)))
        folder = out / f"{settings.missing}-{settings.network}"
        report = train(
            data, folder, settings, resume=True, data_names=data_names, onnx=False, console=console
        )
    except Stopped as error:
        name = f"{settings.missing} x {settings.network}"
        raise Stopped(f"stopped in {name}; the same command goes on from there") from error
    except (SettingsError, DataError) as error:
        # One answer or network that does not fit the data must not end the others.
        console.print(f"left out: {error}", markup=False, highlight=False, soft_wrap=True)
        return {**cell, "error": str(error)}
    return {
        **cell,
        "epochs": settings.epochs if settings.minutes is None else None,
        "rows": seen,
        "rmse": report["rmse"],
        "schemes": {name: part["rmse"] for name, part in report["schemes"].items()},
    }


def _chart(report: dict[str, Any], out: Path) -> None:
    values: dict[str, dict[str, float]] = {}
    for cell in report["cells"]:
        if "rmse" in cell:
            values.setdefault(cell["missing"], {})[cell["network"]] = cell["rmse"]
    if values:
        bars(values, out / "compare.png", "RMSE on held-out rows (px)")


def table(report: dict[str, Any]) -> Table:
    """The report of `compare` for the terminal, best cell in bold."""
    cells = report["cells"]
    networks = list(dict.fromkeys(cell["network"] for cell in cells))
    best = min((cell["rmse"] for cell in cells if "rmse" in cell), default=None)
    shown = Table(title=f"RMSE in pixels on {report['held_out']} held-out rows")
    shown.add_column("missing labels")
    for network in networks:
        shown.add_column(network, justify="right")
    for answer in dict.fromkeys(cell["missing"] for cell in cells):
        row = []
        for cell in (c for c in cells if c["missing"] == answer):
            if "rmse" not in cell:
                row.append("-")
                continue
            by_scheme = "/".join(f"{value:.2f}" for value in cell["schemes"].values())
            text = f"{cell['rmse']:.3f}" + (f" ({by_scheme})" if "/" in by_scheme else "")
            row.append(f"[bold]{text}[/bold]" if cell["rmse"] == best else text)
        shown.add_row(answer, *row)
    first = next((c for c in cells if len(c.get("schemes", {})) > 1), None)
    if first:
        shown.caption = f"in brackets: {' / '.join(first['sources'])}"
    return shown
