"""Draw every measure on a face, and list the definitions.

    python docs/draw_measures.py

Writes docs/images/measures.png, on `skimage.data.astronaut()` (NASA, public domain), and the tables
docs/tables/measures.md, of the definitions, and docs/tables/measure-columns.md, of all columns that
`facepoints measure` writes. With --tables, only the tables. Needs matplotlib: pip install
'facepoints[train]'.
"""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from numpy.typing import NDArray
from skimage import data

import facepoints
from facepoints.commands.measure_tables import Layout, write_csv
from facepoints.commands.measured_faces import FaceSettings
from facepoints.inference.face import Face
from facepoints.measurement import head_pose
from facepoints.measurement.descriptions import DESCRIPTIONS
from facepoints.measurement.norms import Norm
from facepoints.measurement.symmetry import symmetric_pairs
from facepoints.reports.dictionary import column_notes

HERE = Path(__file__).parent
IMAGE = HERE / "images" / "measures.png"
TABLE = HERE / "tables" / "measures.md"
COLUMNS = HERE / "tables" / "measure-columns.md"

OFFSETS = {
    "outer_canthal": -19.0,
    "inner_canthal": -10.0,
    "palpebral_fissure_left": 9.0,
    "palpebral_fissure_right": 9.0,
    "philtrum": 24.0,
    "mouth_width": 13.0,
    "face_height": -48.0,
}
"""Pixels that the line of a distance is drawn beside its points, down or to the image's right."""
LABEL = {"facecolor": "white", "alpha": 0.6, "pad": 0.5, "edgecolor": "none"}
COLORS = plt.get_cmap("tab10").colors  # pyright: ignore[reportAttributeAccessIssue]


def place(face: Face, names: tuple[str, ...]) -> NDArray[np.float64]:
    """Points (n, 2) by name."""
    return face.points[face.landmarks.columns(names)].astype(np.float64)


def show(axes: Axes, image: NDArray[np.uint8], face: Face, title: str) -> None:
    """The face with its points, below a title."""
    low, high = face.points.min(axis=0), face.points.max(axis=0)
    edge = 0.13 * (high - low).max()
    axes.imshow(image, cmap="gray", alpha=0.75)
    axes.plot(*face.points.T, "o", color="white", markersize=2, markeredgecolor="black",
              markeredgewidth=0.3)  # fmt: skip
    axes.set_xlim(low[0] - edge, high[0] + edge)
    axes.set_ylim(high[1] + edge, low[1] - edge)
    axes.set_title(title, fontsize=9)
    axes.axis("off")


def distances(axes: Axes, face: Face) -> None:
    """Each distance beside its points, with thin lines to them, and its name."""
    for number, (name, offset) in enumerate(OFFSETS.items()):
        ends = place(face, DESCRIPTIONS[f"{name}_px"].points)
        along = ends[1] - ends[0]
        upright = abs(along[1]) > abs(along[0])
        line = ends + ((offset, 0) if upright else (0, offset))
        color = COLORS[number]
        for a, b in zip(ends, line, strict=True):
            axes.plot(*zip(a, b, strict=True), color=color, linewidth=0.6, linestyle=":")
        axes.plot(*line.T, color=color, linewidth=1.8)
        axes.plot(*ends.T, "o", color=color, markersize=4)
        x, y = line.mean(axis=0)
        words = name.replace("palpebral_", "").replace("_", " ")
        axes.text(x, y - 2, words, color=color, fontsize=7, ha="center", va="bottom",
                  rotation=90 if upright else 0, fontweight="bold",
                  bbox=LABEL)  # fmt: skip


def openings(axes: Axes, face: Face) -> None:
    """Heights and lengths of the openings, and both slants."""
    for name, color in (("eye_opening_left", COLORS[0]), ("eye_opening_right", COLORS[0]),
                        ("mouth_opening", COLORS[3])):  # fmt: skip
        pairs = place(face, DESCRIPTIONS[name].points).reshape(-1, 2, 2)
        for number, pair in enumerate(pairs):
            axes.plot(*pair.T, color=color, linewidth=1.2, linestyle="-" if number else "--")
        if not name.endswith("left"):
            x, y = pairs.reshape(-1, 2).mean(axis=0)
            y += (place(face, ("chin",))[0, 1] - y) * (0.45 if name == "mouth_opening" else 0.13)
            axes.text(x, y, name.removesuffix("_right").replace("_", " "), color=color, fontsize=7,
                      ha="center", fontweight="bold", bbox=LABEL)  # fmt: skip
    level = place(face, DESCRIPTIONS["palpebral_slant_left"].points[2:])
    away = level[1] - level[0]
    axes.plot(*np.stack([level[0] - 1.2 * away, level[1] + 1.2 * away]).T, color="black",
              linewidth=0.8, linestyle="--")  # fmt: skip
    for side in ("left", "right"):
        ends = place(face, DESCRIPTIONS[f"palpebral_slant_{side}"].points[:2])
        axes.plot(*ends.T, color=COLORS[2], linewidth=1.8)
        axes.text(ends[1, 0], ends[1, 1] - 5, f"slant\n{side}", color=COLORS[2], fontsize=7,
                  ha="center", va="bottom", fontweight="bold")  # fmt: skip


def pose(axes: Axes, face: Face) -> None:
    """The axes of the head, and the pairs that asymmetry compares."""
    rows, partner = symmetric_pairs(face.landmarks)
    for a, b in enumerate(partner.tolist()):
        if a < b:
            axes.plot(*face.points[[rows[a], rows[b]]].T, color=COLORS[4], linewidth=0.6)
    found, start = head_pose(face), np.median(face.points, axis=0)
    length = 0.36 * np.ptp(face.points, axis=0).max()
    for axis, (name, color) in enumerate((("left", COLORS[3]), ("down", COLORS[2]),
                                          ("front", COLORS[0]))):  # fmt: skip
        end = start + found.turn[:2, axis] * length
        axes.annotate(
            "", tuple(end), tuple(start), arrowprops={"arrowstyle": "->", "color": color, "lw": 2}
        )
        axes.text(end[0] + 3, end[1] - 3, name, color=color, fontsize=8, fontweight="bold")


def definitions_table() -> str:
    """The definitions as a Markdown table."""
    lines = [
        "| measure | unit | definition | points | marks | source |",
        "|---|---|---|---|---|---|",
    ]
    for name, one in DESCRIPTIONS.items():
        unit = {"px": "px or mm", "ratio": "", "degrees": "°"}[one.unit]
        points = ", ".join(f"`{point}`" for point in one.points) or "all on the head"
        marks = one.marks or "iBUG-68"
        lines.append(f"| `{name}` | {unit} | {one.meaning} | {points} | {marks} | {one.source} |")
    return "\n".join(lines) + "\n"


def columns_table() -> str:
    """The columns of the table of measures, with all options, as a Markdown table."""
    norm = Norm("yaw", 0.0, 1.0, -np.inf, np.inf, "", 2)
    settings = FaceSettings(
        iris_scale=True, norms={"yaw": norm}, expressions=True, convention="helen"
    )
    heading = io.StringIO()
    write_csv([], Layout.of(settings), heading)
    lines = ["| column | unit | meaning |", "|---|---|---|"]
    for note in column_notes(next(csv.reader([heading.getvalue()]))):
        meaning = note.meaning.partition("; marks: ")[0]
        lines.append(f"| `{note.name}` | {note.unit} | {meaning} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Draw and list."""
    TABLE.write_text(definitions_table(), encoding="utf-8")
    COLUMNS.write_text(columns_table(), encoding="utf-8")
    if "--tables" in sys.argv:
        return
    image = data.astronaut()
    face = facepoints.load()(image)[0]
    figure, panels = plt.subplots(1, 3, figsize=(12, 4.6), dpi=110, layout="constrained")
    titles = ("distances (ratios: over outer canthal)",
              "openings: mean of solid over dashed; slants",
              "head: pitch turns it about left, yaw about down, roll\nabout front. "
              "Thin lines: pairs of the asymmetry")  # fmt: skip
    for axes, title, draw in zip(panels, titles, (distances, openings, pose), strict=True):
        show(axes, image, face, title)
        draw(axes, face)
    figure.savefig(IMAGE)


if __name__ == "__main__":
    main()
