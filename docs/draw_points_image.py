"""Draw the 70 points with their numbers, and list their names.

    python docs/draw_points_image.py

Writes docs/images/openpose-70.png and docs/tables/openpose-70.md from the landmark set
`OPENPOSE_70` and the mean face. The image shows no person. Needs matplotlib:
pip install 'facepoints[train]'.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from facepoints import OPENPOSE_70
from facepoints.landmarks.mean_face import MEAN_FACE

HERE = Path(__file__).parent
IMAGE = HERE / "images" / "openpose-70.png"
TABLE = HERE / "tables" / "openpose-70.md"

REGIONS: dict[str, range] = {
    "jaw": range(17),
    "right eyebrow": range(17, 22),
    "left eyebrow": range(22, 27),
    "nose": range(27, 36),
    "right eye": range(36, 42),
    "left eye": range(42, 48),
    "outer lips": range(48, 60),
    "inner lips": range(60, 68),
    "pupils": range(68, 70),
}
"""Numbers of the points by region. Right and left are the subject's."""

COLORS = {
    "jaw": "#4c6a92",
    "right eyebrow": "#8a5a00",
    "left eyebrow": "#8a5a00",
    "nose": "#2e7d32",
    "right eye": "#00707c",
    "left eye": "#00707c",
    "outer lips": "#b23a48",
    "inner lips": "#7b3fa0",
    "pupils": "#222222",
}

EYES = [MEAN_FACE[list(REGIONS[eye])].mean(axis=0) for eye in ("right eye", "left eye")]
POINTS = np.concatenate([MEAN_FACE, EYES])
"""(70, 2): the mean face, with the pupils in the middle of the eyes."""

AWAY = 0.021
"""Distance from a point to its number, as a part of the face's size."""

COLUMNS = 3
"""Pairs of number and name on a line of the table."""

LEFT, RIGHT, UP, DOWN = (-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0)


def label_directions() -> np.ndarray:
    """(70, 2) unit vectors from each point to where its number is printed; y goes down."""
    away = np.zeros((70, 2))
    for region, numbers in REGIONS.items():
        columns = list(numbers)
        middle = POINTS[columns].mean(axis=0)
        if region == "jaw":
            middle = np.array([0.0, -0.25])
        away[columns] = POINTS[columns] - middle
        if region.endswith("eyebrow"):
            away[columns] = UP
    away[27:31] = RIGHT
    away[31:36] = DOWN
    away[[61, 62, 63]] = UP
    away[[65, 66, 67]] = DOWN
    away[60], away[64] = (0.75, 1.0), (-0.75, 1.0)
    away[68], away[69] = RIGHT, LEFT
    away[48], away[54] = LEFT, RIGHT
    return away / np.linalg.norm(away, axis=1, keepdims=True)


def draw_region(axes: Axes, name: str, away: np.ndarray) -> None:
    """Draw the edges, points and numbers of a region."""
    numbers, color = REGIONS[name], COLORS[name]
    for a, b in OPENPOSE_70.edge_columns:
        if a in numbers and b in numbers:
            axes.plot(*POINTS[[a, b]].T, color=color, linewidth=1.6, zorder=1)
    axes.scatter(*POINTS[list(numbers)].T, s=22, color=color, zorder=2)
    for number in numbers:
        x, y = POINTS[number] + AWAY * away[number]
        axes.text(x, y, str(number), color=color, fontsize=9, ha="center", va="center", zorder=3)


def draw(path: Path) -> None:
    """Write the image."""
    figure, axes = plt.subplots(figsize=(9, 9.2), dpi=130)
    away = label_directions()
    for name in REGIONS:
        draw_region(axes, name, away)
    places = {
        "jaw": (0.0, 0.552),
        "right eyebrow": (-0.245, -0.545),
        "left eyebrow": (0.245, -0.545),
        "nose": (-0.075, -0.17),
        "right eye": (-0.215, -0.235),
        "left eye": (0.215, -0.235),
        "outer lips": (0.0, 0.325),
        "inner lips": (0.305, 0.205),
        "pupils": (0.0, -0.37),
    }
    for name, (x, y) in places.items():
        axes.text(x, y, name, color=COLORS[name], fontsize=12, weight="bold", ha="center")
    inner = POINTS[64]
    axes.annotate(
        "", inner, (0.245, 0.195), arrowprops={"arrowstyle": "-", "color": COLORS["inner lips"]}
    )
    for x, text in ((-0.5, "subject's right"), (0.5, "subject's left")):
        axes.text(x, -0.6, text, color="#444444", fontsize=12, ha="left" if x < 0 else "right")
    axes.set(xlim=(-0.56, 0.56), ylim=(0.58, -0.64), aspect="equal")
    axes.axis("off")
    figure.subplots_adjust(0, 0, 1, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, facecolor="white", metadata={"Software": None})
    plt.close(figure)


def table() -> str:
    """The names, a section for each region, in three columns."""
    parts = []
    for region, numbers in REGIONS.items():
        title = f"{region[0].upper()}{region[1:]} ({numbers[0]} to {numbers[-1]})"
        cells = [f"{number} | `{OPENPOSE_70.names[number]}`" for number in numbers]
        cells += [" | "] * (-len(cells) % COLUMNS)
        rows = [cells[start : start + COLUMNS] for start in range(0, len(cells), COLUMNS)]
        lines = [["number | name"] * COLUMNS, ["---: | ---"] * COLUMNS, *rows]
        text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
        parts.append(f"### {title}\n\n{text}")
    return "\n".join(parts)


def main() -> None:
    """Write the image and the table."""
    draw(IMAGE)
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    TABLE.write_text(table(), "utf-8")
    print(f"{IMAGE}, {TABLE}")


if __name__ == "__main__":
    main()
