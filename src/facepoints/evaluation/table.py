"""The report of an evaluation as a table for the terminal."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from rich.table import Table

from facepoints._util.words import count_noun

__all__ = ["table"]

_LISTED = 20  # points in the table; the report has all


def table(report: dict[str, Any]) -> Table:
    """A table of the report of `evaluate`: all faces, each marking scheme, each point."""
    height, width = report["size"]
    rows = Table(title=f"{count_noun(report['faces'], 'face')} of {width} x {height} pixels")
    rows.add_column("measure")
    rows.add_column("value", justify="right")
    rows.add_column("measured on")
    _add_summary(rows, "all", report)
    if len(report["schemes"]) > 1:
        for name, summary in report["schemes"].items():
            _add_summary(rows, name, summary)
    points = list(report["points"].items())
    if len(points) > _LISTED:
        points = sorted(points, key=lambda item: -item[1]["rmse"])[:_LISTED]
        rows.caption = f"the {_LISTED} worst of {len(report['points'])} points"
    for name, point in points:
        faces = count_noun(point["labelled"], "face")
        rows.add_row(f"RMSE {escape(name)}", f"{point['rmse']:.3f} px", faces)
    if report["left_out"]:
        missed = f"not predicted by the run: {escape(', '.join(report['left_out']))}"
        rows.caption = f"{rows.caption}; {missed}" if rows.caption else missed
    return rows


def _add_summary(rows: Table, name: str, summary: dict[str, Any]) -> None:
    name, points = escape(name), count_noun(summary["labelled"], "point")
    rows.add_row(f"RMSE, {name}", f"{summary['rmse']:.3f} px", points, style="bold")
    rows.add_row(f"mean distance, {name}", f"{summary['mean_distance']:.3f} px", points)
    radius = summary["radius"]
    mean = f"mean radius {radius['mean']:.2f} px"
    rows.add_row(f"within the radius, {name}", f"{radius['within']:.1%}", mean)
    for key, nme in summary["nme"].items():
        faces = count_noun(nme["faces"], "face") + (
            f", not {nme['left_out']}" if nme["left_out"] else ""
        )
        over = f"{nme['threshold']:.0%}"
        rows.add_row(f"NME by {key}, {name}", f"{nme['mean']:.2%}", faces)
        rows.add_row(f"  above {over}", f"{nme['failure_rate']:.1%}", escape(nme["normalizer"]))
        rows.add_row(f"  AUC to {over}", f"{nme['auc']:.3f}", "")
    rows.add_section()
