"""The report of how far annotators disagree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facepoints.labeling.disagreement import Disagreement
from facepoints.reports.page import write_page
from facepoints.reports.table import Cell, Column, Table, count, share, text

__all__ = ["write_disagreement_report"]

_MOST_FACES = 1000  # rows of the table of faces


def write_disagreement_report(path: Path, found: Disagreement, title: str) -> None:
    """Write the report as one HTML file.

    Args:
        path: file to write.
        found: faces that two annotators finished.
        title: name of the labels.

    Raises:
        MissingExtraError: Jinja2 is not installed.
        WriteError: the file cannot be written.
    """
    data = found.to_dict()
    faces = len({face["id"] for face in data["faces"]})
    write_page(
        path,
        "disagreement.html",
        lead=f"{faces} {'face' if faces == 1 else 'faces'} of {title} that two annotators finished",
        sentences=_sentences(data),
        pairs=_pairs(data),
        points=_points(data),
        faces=_faces(data),
        stamp=[("labels", title), ("annotators", ", ".join(found.annotators))],
    )


def _sentences(data: dict[str, Any]) -> list[str]:
    sentences = [
        "Distances are between the points of two annotators, in percent of the distance of the "
        "eye points of the set, or of the size of the face if it has none."
    ]
    known = [point for point in data["points"] if point["median"] is not None]
    if known:
        worst = max(known, key=lambda point: point["median"])
        best = min(known, key=lambda point: point["median"])
        sentences.append(
            f"They agree most on {best['name']} (median {100 * best['median']:.1f} %) and least on "
            f"{worst['name']} ({100 * worst['median']:.1f} %). A model cannot be more exact than "
            f"its labels: no error below these distances can be measured."
        )
    only = [face for face in data["faces"] if face["deleted_by"]]
    if only:
        sentences.append(f"{len(only)} times one annotator says that it is no face to be labeled.")
    return sentences


_DISTANCES = (
    Column("median", "half of the distances are smaller"),
    Column("90 %", "nine of ten distances are smaller"),
)


def _pairs(data: dict[str, Any]) -> Table:
    names = (Column("annotator", numeric=False), Column("and", numeric=False))
    rows = [
        [text(p["a"]), text(p["b"]), count(p["faces"]), share(p["median"]), share(p["p90"])]
        for p in data["pairs"]
    ]
    return Table([*names, Column("faces"), *_DISTANCES], rows)


def _points(data: dict[str, Any]) -> Table:
    rows = [
        [text(p["name"]), count(p["count"]), share(p["median"]), share(p["p90"])]
        for p in data["points"]
    ]
    return Table([Column("point", numeric=False), Column("faces"), *_DISTANCES], rows)


def _faces(data: dict[str, Any]) -> Table:
    columns = [Column(name, numeric=False) for name in ("picture", "annotator", "and")]
    columns += [Column("mean"), Column("farthest point", numeric=False), Column("its distance")]
    rows: list[list[Cell]] = []
    for face in data["faces"][:_MOST_FACES]:
        worst = face["worst"] or ""
        if face["deleted_by"]:
            worst = f"no face, says {face['deleted_by']}"
        row = [text(face["file"]), text(face["a"]), text(face["b"]), share(face["mean"])]
        rows.append([*row, text(worst), share(face["worst_distance"])])
    left = len(data["faces"]) - len(rows)
    caption = f"The {_MOST_FACES} with the largest distances; {left} more." if left else ""
    return Table(columns, rows, caption)
