"""The report of a comparison of networks and strategies for missing labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facepoints.reports.bar_chart import Bar, bars
from facepoints.reports.page import write_page
from facepoints.reports.table import Cell, Column, Table, count, number, percent, significant, text

__all__ = ["write_comparison_report"]

_NEAR = 0.03  # of the best error: differences this small can be chance


def write_comparison_report(
    path: Path, report: Mapping[str, Any], data: Sequence[str] = ()
) -> None:
    """Write the report of a comparison as one HTML file.

    Args:
        path: file to write.
        report: contents of ``compare.json``.
        data: names of the data sets.

    Raises:
        MissingExtraError: Jinja2 is not installed.
        WriteError: the file cannot be written.
    """
    cells = report["cells"]
    settings = report["settings"]
    minutes = settings["minutes"]
    budget = (
        f"{settings['epochs']} passes over all training rows"
        if minutes is None
        else f"{minutes:g} minutes"
    )
    write_page(
        path,
        "comparison.html",
        lead=f"RMSE on {report['held_out']} held-out rows, each cell trained for {budget}",
        sentences=_sentences(cells),
        bars=bars(
            [Bar(c["missing"], c["network"], c.get("rmse"), c.get("error", "")) for c in cells]
        ),
        table=_table(cells),
        stamp=[("data", ", ".join(data) or "in memory"), ("budget of each cell", budget)],
    )


def _name(cell: Mapping[str, Any]) -> str:
    return f"{cell['missing']} with {cell['network']}"


def _sentences(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    done = sorted((c for c in cells if "rmse" in c), key=lambda c: c["rmse"])
    if not done:
        return ["No cell could be trained."]
    best = done[0]
    sentences = [f"The lowest error has {_name(best)}: {significant(best['rmse'])} pixels."]
    near = [c for c in done[1:] if c["rmse"] <= (1 + _NEAR) * best["rmse"]]
    if near:
        names = ", ".join(_name(c) for c in near)
        sentences.append(
            f"Within {percent(_NEAR, 0)} of it: {names}. Each cell was trained once; with another "
            f"seed, differences this small can turn."
        )
    elif len(done) > 1:
        gap = done[1]["rmse"] / best["rmse"] - 1
        sentences.append(
            f"The next, {_name(done[1])}, is {percent(gap)} worse. Each cell was trained once."
        )
    left = [c for c in cells if "error" in c]
    if left:
        names = ", ".join(_name(c) for c in left)
        sentences.append(f"Left out, with the reason in the table: {names}.")
    return sentences


def _table(cells: Sequence[Mapping[str, Any]]) -> Table:
    best = min((c["rmse"] for c in cells if "rmse" in c), default=None)
    schemes = list(dict.fromkeys(s for c in cells for s in c.get("schemes", {})))
    shown = schemes if len(schemes) > 1 else []
    columns = [
        Column("missing labels", numeric=False),
        Column("network", numeric=False),
        Column("RMSE", "root mean square error of a coordinate on the held-out rows"),
        *(Column(scheme, "RMSE on the rows of this marking scheme") for scheme in shown),
        Column("rows", "training rows, summed over the networks of the cell"),
        Column("epochs"),
    ]
    with_errors = any("error" in c for c in cells)
    columns += [Column("left out because", numeric=False)] if with_errors else []
    rows = []
    for cell in cells:
        rmse = cell.get("rmse")
        row: list[Cell] = [text(cell["missing"]), text(cell["network"])]
        row.append(number(rmse, 4, " px", strong=rmse is not None and rmse == best))
        row += [number(cell.get("schemes", {}).get(scheme), 4, " px") for scheme in shown]
        row.append(count(cell["rows"]) if "rows" in cell else text("–"))
        row.append(count(cell["epochs"]) if cell.get("epochs") else text("–"))
        row += [text(cell.get("error", ""))] if with_errors else []
        rows.append(row)
    return Table(columns, rows)
