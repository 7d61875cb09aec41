"""Compares missing-label strategies and networks on one data set, at an equal budget.

Every cell (strategy x network) is a run in a subfolder; all use the same training and held-out
rows. Finished cells are not trained again, so an interrupted comparison can be resumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from facepoints._util.console import print_line
from facepoints._util.files import write_json
from facepoints._util.progress import Stopped
from facepoints.datasets.applied_fixes import AppliedFixes
from facepoints.datasets.samples import Samples
from facepoints.datasets.splits import split_groups
from facepoints.drawing import bars
from facepoints.errors import DataError, SettingsError
from facepoints.reports.comparison import write_comparison_report
from facepoints.reports.page import REPORT, can_write_report
from facepoints.training.distributed import distributed_context
from facepoints.training.initialization import RANDOM_INIT
from facepoints.training.missing_labels import make_plan
from facepoints.training.settings import Missing, Network, TrainSettings
from facepoints.training.train import train

__all__ = ["FILES", "compare", "table"]

FILES = ("compare.json", "compare.png", REPORT)
"""The table, the chart and the page of a comparison, beside its runs."""


def compare(
    data: Samples,
    out: Path,
    networks: Sequence[Network],
    missing: Sequence[Missing],
    settings: TrainSettings,
    *,
    data_names: Sequence[str] = (),
    fixes: AppliedFixes | None = None,
    report: bool = True,
    console: Console | None = None,
) -> dict[str, Any]:
    """Train every network with every strategy and evaluate all on the same held-out rows.

    The budget is equal. With `settings.minutes`, every cell trains for that long. Otherwise
    every cell processes as many rows as `settings.epochs` passes over all training rows, so a
    strategy that drops rows makes more passes over the rest.

    Args:
        data: labeled rows; `settings.validation` of them are held out.
        out: folder for the runs, ``compare.json`` and ``compare.png``.
        networks: values of `settings.network`.
        missing: values of `settings.missing`.
        settings: of every cell; the default of `init` is random weights here.
        data_names: names of the data sets, for the record.
        fixes: what the labels of `data` were mended with, for the record; None: nothing.
        report: also write ``report.html``, here and in each run. Without Jinja2 a `DataWarning`
            says how to get it.
        console: for progress and messages; default: standard output.

    Returns:
        JSON-ready: "cells", a list with network, missing, epochs, training rows (summed over
        the networks of the cell) and RMSE in pixels (overall and by marking scheme), or the
        "error" why a cell could not be trained; "settings"; "held_out" rows.

    Raises:
        SettingsError: nothing to compare, nothing held out to compare on, or a setting that no
            cell would use.
        RunError: `out` holds cells of other data, fixes or settings.
        Stopped: Ctrl-C or SIGTERM; the same call continues.
    """
    console = console or Console()
    settings = replace(settings, init=settings.init or RANDOM_INIT)
    _check_used(networks, missing, settings)
    if not networks or not missing:
        raise SettingsError("compare needs at least one network and one missing-label strategy")
    if settings.validation == 0:
        raise SettingsError("compare needs held-out rows: set `validation` above 0")
    train_rows, held_rows = split_groups(data.group, settings.validation, settings.seed)
    if not data.labelled[held_rows].any():
        raise SettingsError("compare needs labels on the held-out rows: set another `seed`")
    cells: list[dict[str, Any]] = []
    found = {
        "settings": {"epochs": settings.epochs, "minutes": settings.minutes},
        "held_out": len(held_rows),
        "cells": cells,
    }
    rows, record = data.take(train_rows), _Record(data_names, fixes)
    with distributed_context(settings.device) as ctx:
        for strategy in missing:
            for network in networks:
                cell = replace(settings, network=network, missing=strategy)
                print_line(console, f"{strategy} x {network}", style="bold")
                cells.append(_cell(data, rows, out, cell, record, report, console))
                ctx.run_on_rank0(lambda: write_json(out / "compare.json", found))
        if not any("rmse" in cell for cell in cells):
            raise SettingsError(f"nothing could be compared; the first: {cells[0]['error']}")
        ctx.run_on_rank0(lambda: _show(found, out, data_names, report))
    return found


class _Record(NamedTuple):
    """Facts about the data, for the runs of all cells."""

    data_names: Sequence[str]
    fixes: AppliedFixes | None


def _check_used(
    networks: Sequence[Network], missing: Sequence[Missing], settings: TrainSettings
) -> None:
    """Refuse settings that no cell would use. Raises SettingsError."""
    defaults = TrainSettings()
    for name, names in (("networks", networks), ("missing", missing)):
        twice = sorted({each for each in names if list(names).count(each) > 1})
        if twice:
            raise SettingsError(f"`{name}` names {', '.join(twice)} more than once")
    if settings.minutes is not None and settings.epochs != defaults.epochs:
        raise SettingsError("`epochs` has no effect with `minutes`; give one of them")
    if settings.merge != defaults.merge and "specialist" not in missing:
        raise SettingsError("`merge` has no effect without the strategy specialist in `missing`")


def _cell(
    data: Samples,
    rows: Samples,
    out: Path,
    settings: TrainSettings,
    record: _Record,
    with_report: bool,
    console: Console,
) -> dict[str, Any]:
    cell: dict[str, Any] = {"network": settings.network, "missing": settings.missing}
    try:
        plan = make_plan(rows, settings.missing, settings.merge)
        used = sum(len(part.samples) for part in plan.parts)
        if settings.minutes is None:
            settings = replace(settings, epochs=max(1, round(settings.epochs * len(rows) / used)))
        folder = out / f"{settings.missing}-{settings.network}"
        report = train(
            data,
            folder,
            settings,
            resume=True,
            data_names=record.data_names,
            fixes=record.fixes,
            onnx=False,
            report=with_report,
            console=console,
        )
    except Stopped as error:
        name = f"{settings.missing} x {settings.network}"
        raise Stopped(f"stopped in {name}; the same command continues from there") from error
    except (SettingsError, DataError) as error:
        # A strategy or network that does not fit the data must not end the others.
        print_line(console, f"left out: {error}")
        return {**cell, "error": str(error)}
    return {
        **cell,
        "epochs": settings.epochs if settings.minutes is None else None,
        "rows": used,
        "rmse": report["rmse"],
        "schemes": {name: part["rmse"] for name, part in report["schemes"].items()},
    }


def _show(report: dict[str, Any], out: Path, data_names: Sequence[str], with_report: bool) -> None:
    """Draw the chart, and write the page."""
    values: dict[str, dict[str, float]] = {}
    for cell in report["cells"]:
        if "rmse" in cell:
            values.setdefault(cell["missing"], {})[cell["network"]] = cell["rmse"]
    if values:
        bars(values, out / "compare.png", "RMSE on held-out rows (px)")
    if with_report and can_write_report():
        write_comparison_report(out / REPORT, report, data_names)


def table(report: dict[str, Any]) -> Table:
    """The report of `compare` for the terminal, with the best cell in bold."""
    cells = report["cells"]
    networks = list(dict.fromkeys(cell["network"] for cell in cells))
    best = min((cell["rmse"] for cell in cells if "rmse" in cell), default=None)
    shown = Table(title=f"RMSE in pixels on {report['held_out']} held-out rows")
    shown.add_column("missing labels")
    for network in networks:
        shown.add_column(network, justify="right")
    for strategy in dict.fromkeys(cell["missing"] for cell in cells):
        row: list[Text | str] = []
        for cell in (c for c in cells if c["missing"] == strategy):
            if "rmse" not in cell:
                row.append("-")
                continue
            by_scheme = "/".join(f"{value:.2f}" for value in cell["schemes"].values())
            text = f"{cell['rmse']:.3f}" + (f" ({by_scheme})" if "/" in by_scheme else "")
            row.append(Text(text, "bold" if cell["rmse"] == best else ""))
        shown.add_row(strategy, *row)
    first = next((c for c in cells if len(c.get("schemes", {})) > 1), None)
    if first:
        shown.caption = f"in brackets: {' / '.join(first['schemes'])}"
    return shown
