"""The report of an evaluation: how far off a model is, where, on which faces, and whether its
radii hold what they promise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepoints._util.words import count_noun
from facepoints.evaluation.evaluate import Evaluation
from facepoints.evaluation.matching import Matched
from facepoints.evaluation.summary import face_errors, normalizers, summary
from facepoints.landmarks import metrics
from facepoints.reports.chart import Chart, Line, Rule, line_chart
from facepoints.reports.face_map import FaceMap, face_map
from facepoints.reports.labeled_faces import best_and_worst, face_table
from facepoints.reports.page import write_page
from facepoints.reports.picture import Picture
from facepoints.reports.reliability import Reliability, reliability
from facepoints.reports.table import (
    Cell,
    Column,
    Table,
    count,
    number,
    percent,
    share,
    significant,
    text,
)

__all__ = ["EvaluationView", "evaluation_view", "write_evaluation_report"]

Sets = tuple[Sequence[str], NDArray[np.int64]]
"""Names of the data sets, and the number (N,) of the set that each face comes from."""


@dataclass(frozen=True)
class EvaluationView:
    """Contents of the page of an evaluation; ``templates/evaluation_body.html`` draws them."""

    cards: list[tuple[str, str]]
    sentences: list[str]
    notes: list[str]
    map: FaceMap | None
    points: Table
    ced: Chart | None
    groups: Table | None
    reliability: Reliability | None
    worst: list[Picture]
    best: list[Picture]
    faces: Table


def write_evaluation_report(
    path: Path,
    evaluation: Evaluation,
    *,
    model: str = "",
    data: Sequence[str] = (),
    sets: Sets | None = None,
    details: Mapping[str, str] | None = None,
) -> None:
    """Write the report of an evaluation as one HTML file.

    Args:
        path: file to write.
        evaluation: what was measured.
        model: name of the model.
        data: names of the data sets.
        sets: which face comes from which data set, to show each set; None: they are not shown.
        details: further lines about the model, by name.

    Raises:
        MissingExtraError: Jinja2 is not installed.
        WriteError: the file cannot be written.
    """
    height, width = evaluation.report["size"]
    faces = count_noun(evaluation.report["faces"], "face")
    stamp = [("model", model or "unnamed"), *(details or {}).items()]
    stamp.append(("data", ", ".join(data) or "in memory"))
    write_page(
        path,
        "evaluation.html",
        view=evaluation_view(evaluation, sets),
        lead=f"{model or 'A model'} on {faces} of {width} x {height} pixels"
        + (f" from {', '.join(data)}" if data else ""),
        stamp=stamp,
    )


def evaluation_view(evaluation: Evaluation, sets: Sets | None = None) -> EvaluationView:
    """Compute the contents of the page of an evaluation."""
    report, matched = evaluation.report, evaluation.matched
    worst, best = best_and_worst(matched)
    radii = reliability(matched, report["coverage"])
    return EvaluationView(
        cards=_cards(report),
        sentences=_sentences(report),
        notes=_notes(report),
        map=face_map(matched.truth, matched.predicted),
        points=_point_table(report),
        ced=_ced(matched, report),
        groups=_group_table(matched, report, sets),
        reliability=radii,
        worst=worst,
        best=best,
        faces=face_table(matched, sets),
    )


def _cards(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    cards = []
    for nme in list(report["nme"].values())[:1]:
        cards.append((percent(nme["mean"], 2), f"mean error, of the {_plain(nme['normalizer'])}"))
        limit = percent(nme["threshold"], 0)
        cards.append((percent(nme["failure_rate"]), f"of the faces are off by more than {limit}"))
    cards.append((f"{report['mean_distance']:.2f} px", "mean distance of a point from its label"))
    cards.append((f"{report['rmse']:.2f} px", "RMSE of a coordinate, as Kaggle counts"))
    within = report["radius"]["within"]
    cards.append(
        (
            f"{percent(within)}",
            f"of the points within their {percent(report['coverage'], 0)} radius",
        )
    )
    return cards


def _plain(normalizer: str) -> str:
    return normalizer.replace("_", " ")


def _sentences(report: Mapping[str, Any]) -> list[str]:
    """The headline figures in plain words."""
    points = "1 point" if report["labelled"] == 1 else f"{report['labelled']:,} points"
    faces = count_noun(report["faces"], "face")
    sentences = [
        f"{points} of {faces} were compared with their labels. A predicted point lies "
        f"{significant(report['mean_distance'])} pixels from its label on average."
    ]
    for name, nme in list(report["nme"].items())[:1]:
        failed, limit = round(nme["failure_rate"] * nme["faces"]), percent(nme["threshold"], 0)
        sentences.append(
            f"Relative to the face, that is {percent(nme['mean'], 2)} of the "
            f"{_plain(nme['normalizer'])} (NME). Half of the faces are below "
            f"{percent(nme['median'], 2)}; {failed} of {nme['faces']} are above {limit}, which "
            f"counts as a failure."
        )
        if nme["left_out"]:
            lacking = "the two eye points" if name == "eyes" else "a box"
            left = count_noun(nme["left_out"], "face")
            were = "was" if nme["left_out"] == 1 else "were"
            sentences.append(f"{left} without {lacking} {were} left out of that.")
    within, coverage = report["radius"]["within"], report["coverage"]
    verdict = "as promised"
    if within < coverage - 0.03:
        verdict = "less than promised: expect true points outside of their circles"
    elif within > coverage + 0.03:
        verdict = "more than promised: the circles are larger than they need to be"
    sentences.append(
        f"The radius should hold {percent(coverage, 0)} of the true points. Here it held "
        f"{percent(within)}, {verdict}."
    )
    worst = max(report["points"].items(), key=lambda item: item[1]["rmse"])
    if len(report["points"]) > 1:
        sentences.append(
            f"The least exact point is {worst[0]}, with an RMSE of "
            f"{significant(worst[1]['rmse'])} pixels."
        )
    return sentences


def _notes(report: Mapping[str, Any]) -> list[str]:
    notes = []
    if not report["calibrated"]:
        notes.append(
            "The radii of this model were not fitted on held-out faces, so they are a guess."
        )
    if report["converted"]:
        notes.append(
            "The labels were converted to the points of the model. Part of the error can come "
            "from the conversion."
        )
    if report["left_out"]:
        notes.append(f"The model does not predict {', '.join(report['left_out'])}.")
    return notes


def _point_table(report: Mapping[str, Any]) -> Table:
    columns = (
        Column("point", numeric=False),
        Column("RMSE", "root mean square error of a coordinate, in pixels"),
        Column(
            "within radius", f"share of labels within the {percent(report['coverage'], 0)} radius"
        ),
        Column("labels", "number of faces in which the point is labeled"),
    )
    rows = [
        (text(name), number(p["rmse"], unit=" px"), share(p["within_radius"]), count(p["labelled"]))
        for name, p in report["points"].items()
    ]
    return Table(columns, rows, "Every point")


def _curves(matched: Matched, report: Mapping[str, Any]) -> dict[str, NDArray[np.float64]]:
    """NME of all faces, and of those of each marking scheme if there are several."""
    length = normalizers(matched.truth)[next(iter(report["nme"]))][1]
    curves = {"all": face_errors(matched, np.ones(len(matched.truth), dtype=bool), length)}
    if len(report["schemes"]) > 1:
        for index, scheme in enumerate(matched.truth.schemes):
            curves[scheme] = face_errors(matched, matched.truth.scheme == index, length)
    return {name: errors for name, errors in curves.items() if len(errors)}


def _ced(matched: Matched, report: Mapping[str, Any]) -> Chart | None:
    """The cumulative error distribution: the share of faces with at most each error."""
    if not report["nme"]:
        return None
    curves = _curves(matched, report)
    normalizer = _plain(next(iter(report["nme"].values()))["normalizer"])
    limit = metrics.FAILURE
    high = max(1.25 * limit, *(1.1 * float(np.quantile(e, 0.9)) for e in curves.values()))
    lines = []
    for name, errors in curves.items():
        x, y = metrics.ced(errors)
        inside = x <= high
        x = np.concatenate([[0], x[inside], [high]])
        y = np.concatenate([[0], y[inside], [y[inside][-1] if inside.any() else 0]])
        words = f"{name} ({count_noun(len(errors), 'face')}), AUC {metrics.auc(errors):.3f}"
        lines.append(Line(words, x, y, steps=True))
    return line_chart(
        lines,
        title="How many faces stay below each error",
        x_label=f"mean error of a face / {normalizer}",
        y_label="share of faces with at most this error",
        x_range=(0, high),
        y_range=(0, 1),
        x_percent=True,
        y_percent=True,
        rules=[Rule(limit, f"failure: above {percent(limit, 0)}", of_x=True)],
    )


def _group_table(matched: Matched, report: Mapping[str, Any], sets: Sets | None) -> Table | None:
    """The errors by data set and by marking scheme; None if there is only one of each."""
    groups: list[tuple[str, str, Mapping[str, Any]]] = []
    labelled = matched.truth.labelled.any(axis=1)
    if sets is not None and len(sets[0]) > 1:
        for index, name in enumerate(sets[0]):
            rows = sets[1] == index
            if (rows & labelled).any():
                groups.append(("data set", name, summary(matched, rows)))
    if len(report["schemes"]) > 1:
        groups += [("marking scheme", name, each) for name, each in report["schemes"].items()]
    if not groups:
        return None
    normalizer = list(report["nme"])
    columns = [Column("by", numeric=False), Column("", numeric=False), Column("faces")]
    for name in normalizer:
        columns.append(Column(f"NME, {name}", _plain(report["nme"][name]["normalizer"])))
        columns.append(Column("failed", f"above {percent(metrics.FAILURE, 0)}"))
    columns += [Column("RMSE"), Column("within radius"), Column("mean radius")]
    rows = [
        _group_row(kind, name, each, normalizer)
        for kind, name, each in [("all", "all faces", report), *groups]
    ]
    return Table(columns, rows, "By data set and marking scheme")


def _group_row(
    kind: str, name: str, each: Mapping[str, Any], normalizers: Sequence[str]
) -> list[Cell]:
    row = [text(kind), text(name), count(each["faces"])]
    for normalizer in normalizers:
        nme = each["nme"].get(normalizer)
        row.append(share(nme["mean"] if nme else None, 2))
        row.append(share(nme["failure_rate"] if nme else None))
    row.append(number(each["rmse"], unit=" px"))
    row.append(share(each["radius"]["within"]))
    row.append(number(each["radius"]["mean"], unit=" px"))
    return row
