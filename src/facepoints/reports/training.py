"""The report of a training: what came out, its curves, its settings, and what to try next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facepoints._util.words import count_noun
from facepoints.datasets.applied_fixes import AppliedFixes
from facepoints.evaluation.evaluate import Evaluation
from facepoints.reports.advice import advise
from facepoints.reports.chart import Chart, Line, line_chart
from facepoints.reports.evaluation import evaluation_view
from facepoints.reports.page import write_page
from facepoints.reports.table import Column, Table, count, significant, text

__all__ = ["training_charts", "write_training_report"]

_WIDE = 6.0  # an axis is logarithmic if its values span more than this factor
_PANELS = (
    ("validation_rmse", "Error on held-out faces", "RMSE of a coordinate, px", True),
    ("train_loss", "Training loss", "loss", True),
    ("learning_rate", "Learning rate", "learning rate", False),
)


def write_training_report(
    path: Path,
    header: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    labels: Mapping[str, int],
    evaluation: Evaluation | None,
) -> None:
    """Write the report of a training as one HTML file.

    Args:
        path: file to write.
        header: contents of ``run.json``.
        history: a row per epoch and member, as in ``metrics.jsonl``.
        labels: number of labels of each point in the training rows.
        evaluation: on the held-out rows; None: none were held out.

    Raises:
        MissingExtraError: Jinja2 is not installed.
        WriteError: the file cannot be written.
    """
    settings = header["settings"]
    rows = max((member["rows"] for member in header["members"]), default=0)
    report = None if evaluation is None else evaluation.report
    names = ", ".join(header["data"]["names"]) or "faces in memory"
    write_page(
        path,
        "training.html",
        lead=f"{settings['network']} on {count_noun(header['data']['rows'], 'face')} of {names}",
        summary=_summary(header, history),
        charts=training_charts(history),
        advice=advise(history, settings, labels, rows, report),
        view=None if evaluation is None else evaluation_view(evaluation),
        labels=_label_table(labels),
        settings=_settings_table(settings),
        stamp=_stamp(header),
    )


def _summary(header: Mapping[str, Any], history: Sequence[Mapping[str, Any]]) -> list[str]:
    members = header["members"]
    seconds: dict[int, float] = {}
    for row in history:
        seconds[row.get("member", 0)] = row.get("seconds", 0.0)
    minutes = sum(seconds.values()) / 60
    time = f"{significant(60 * minutes, 2)} seconds" if minutes < 1 else f"{minutes:.1f} minutes"
    start = (header.get("start") or {}).get("run") or "random weights"
    networks = count_noun(len(members), "network")
    return [
        f"{networks} trained for {time}, {count_noun(len(history), 'epoch')} in all, on up to "
        f"{max((m['rows'] for m in members), default=0):,} faces, starting from {start}."
    ]


def training_charts(history: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """Charts of the validation error, the training loss and the learning rate by epoch.

    An axis is logarithmic if its values span more than a factor of six. A chart without any value
    is left out.
    """
    members = list(dict.fromkeys(row.get("member", 0) for row in history))
    charts = []
    for key, title, label, may_be_log in _PANELS:
        lines = []
        for member in members:
            rows = [r for r in history if r.get("member", 0) == member and key in r]
            if not rows:
                continue
            x = np.array([row["epoch"] for row in rows], dtype=float)
            y = np.array([row[key] for row in rows], dtype=float)
            lines.append(Line(_line_name(key, member, y, len(members)), x, y, dots=len(y) <= 40))
        values = np.concatenate([line.y for line in lines]) if lines else np.zeros(0)
        values = values[np.isfinite(values)]
        if not len(values):
            continue
        wide = bool(values.min() > 0 and values.max() > _WIDE * values.min())
        log = may_be_log and wide
        last = max(float(line.x[-1]) for line in lines)
        charts.append(
            line_chart(
                lines,
                title=title + _best(key, values),
                x_label="epoch",
                y_label=label + (", logarithmic axis" if log else ""),
                x_range=(0, max(last, 1.0)),
                y_log=log,
            )
        )
    return charts


def _line_name(key: str, member: int, values: np.ndarray, members: int) -> str:
    name = f"network {member + 1}" if members > 1 else key.replace("_", " ")
    finite = values[np.isfinite(values)]
    if members > 1 and key == "validation_rmse" and len(finite):
        name += f", {significant(float(finite.min()))} px at its best"
    return name


def _best(key: str, values: np.ndarray) -> str:
    if key != "validation_rmse":
        return ""
    return f": {significant(float(values.min()))} px at its best"


def _label_table(labels: Mapping[str, int]) -> Table:
    columns = (
        Column("point", numeric=False),
        Column("labels", "number of training faces in which the point is labeled"),
    )
    return Table(columns, [(text(name), count(n)) for name, n in labels.items()])


def _settings_table(settings: Mapping[str, Any]) -> Table:
    columns = (Column("setting", numeric=False), Column("value", numeric=False))
    rows = [
        (text(f"--{name.replace('_', '-')}"), text("default" if value is None else str(value)))
        for name, value in settings.items()
    ]
    return Table(columns, rows)


def _stamp(header: Mapping[str, Any]) -> list[tuple[str, str]]:
    versions = header.get("versions", {})
    return [
        ("network", str(header["settings"]["network"])),
        ("points", str(len(header["landmarks"]["names"]))),
        ("data", f"{', '.join(header['data']['names'])} ({header['data']['digest']})".strip()),
        ("labels mended with", AppliedFixes.in_words(header["data"].get("fixes"))),
        ("versions", ", ".join(f"{name} {value}" for name, value in versions.items())),
    ]
