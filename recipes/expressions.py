"""Measure what the expression coefficients need to know: people at rest, and factors of the radii.

    python recipes/expressions.py --data DATA            # three minutes on one core
    python recipes/expressions.py --data DATA --install  # and write them to the package

DATA contains `scut` and `held-out.txt`. Run it again, with --install, whenever the built-in model
changes.

- The mean person at rest, and how people differ: the lengths (`expression_features`) of the faces
  that the built-in model finds in the portraits of SCUT-FBP5500 whose people are not held out. Most
  of them are at rest. Each is taken with its mirror image.
- Factors of the radii: rendered faces whose movements are known (`synthetic.render_actions`) are
  measured with the built-in model, against one rendered face of the person at rest. The factor is
  the 90 % quantile of error over radius of what moves or seems to, both sides together.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from numpy.typing import NDArray

import facepoints
from facepoints.datasets import readers, synthetic
from facepoints.datasets.combine import read_people
from facepoints.datasets.samples import Photos, Samples
from facepoints.datasets.synthetic.actions import draw_actions
from facepoints.errors import DataError, FacepointsError
from facepoints.inference.face import Face
from facepoints.measurement import expression_factors
from facepoints.measurement.expression_factors import RADIUS_FACTORS
from facepoints.measurement.expression_features import MIRROR_SIGNS, NAME_MIRROR
from facepoints.measurement.expression_neutral import NAMES, Neutral, rest_lengths
from facepoints.measurement.expressions import EXPRESSIONS, expressions

Array = NDArray[np.float64]

BATCH = 16
"""Images per prediction."""
SEED = 101
"""Of the rendered faces; the benchmark renders others."""
NEAR = 0.15
"""Mean error of a rendered face's points, over its size, up to which a face is that one."""
RESTS = 0.02
"""Coefficient up to which a part of a face that rests is not counted: zero is easily right."""
INSTALLED = Path(expression_factors.__file__)
"""File of the package that --install changes."""


@dataclass(frozen=True)
class Recipe:
    """Measure people at rest and the factors of the radii of expression coefficients."""

    data: Path = Path("../shared/data")
    """Folder with scut and held-out.txt."""
    people: int = 150
    """Rendered people; each makes three expressions."""
    install: bool = False
    """Write the numbers to the package (src/facepoints/measurement/expression_factors.py)."""


def people_at_rest(data: Path) -> tuple[Array, Array, int]:
    """Median (L,) and covariance (L, L) of the lengths of portraits, and their number."""
    photos = readers.read(data / "scut")
    if not isinstance(photos, Photos):
        raise DataError(f"{data / 'scut'} should hold photos with points")
    held_out = sorted(read_people(data / "held-out.txt"))
    photos = photos.take(~np.isin(photos.group, held_out))
    model, rows = facepoints.load(), []
    images = list(photos.read_images())
    for start in range(0, len(images), BATCH):
        for faces in model(images[start : start + BATCH]):
            if len(faces) == 1:
                rows.append(rest_lengths(faces[0]).values)
    values = np.array(rows)
    both = np.concatenate([values, values[:, NAME_MIRROR] * MIRROR_SIGNS])
    middle = np.median(both, axis=0)
    away = np.clip(both - middle, *np.quantile(both - middle, [0.01, 0.99], axis=0))
    return middle, away.T @ away / len(away), len(values)


def rendered(people: int, seed: int) -> tuple[list[dict[str, float]], Samples]:
    """Movements of rendered people, every fourth row at rest, and their images."""
    rng = np.random.default_rng(seed)
    rows = [{} if row % 4 == 0 else draw_actions(rng) for row in range(4 * people)]
    return rows, synthetic.render_actions(rows, seed=seed, size=240)


def found_faces(faces: Samples) -> list[Face | None]:
    """The face that the built-in model finds in each rendered image."""
    model, found = facepoints.load(eye_closure=True), []
    for image, truth in zip(faces.images, faces.points, strict=True):
        near = [
            face
            for face in model(image)
            if np.linalg.norm(face.points[:68] - truth, axis=1).mean() < NEAR * np.ptp(truth)
        ]
        found.append(near[0] if near else None)
    return found


def factors_of(rows: Sequence[dict[str, float]], faces: Sequence[Face | None]) -> dict[str, float]:
    """The factor of each coefficient's radius."""
    ratios: dict[str, list[float]] = {name: [] for name in EXPRESSIONS}
    rest = None
    for number, (row, face) in enumerate(zip(rows, faces, strict=True)):
        if number % 4 == 0:
            rest = rest_of(face)
            continue
        if face is None or rest is None:
            continue
        for name, measured in expressions(face, rest).values.items():
            truth = truth_of(name, row)
            if truth > 0 or measured.value > RESTS:
                raw = measured.radius / RADIUS_FACTORS[name]
                ratios[name].append(abs(measured.value - truth) / max(raw, 1e-6))
    kinds: dict[str, list[float]] = {}
    for name, some in ratios.items():
        kinds.setdefault(name.removesuffix("Left").removesuffix("Right"), []).extend(some)
    factors = {kind: float(np.quantile(some, 0.9)) for kind, some in kinds.items()}
    return {name: factors[name.removesuffix("Left").removesuffix("Right")] for name in EXPRESSIONS}


def rest_of(face: Face | None) -> Neutral | None:
    """The neutral of a rendered person; None: not found, or turned too far."""
    try:
        return None if face is None else Neutral.of(face)
    except DataError:
        return None


def truth_of(name: str, row: dict[str, float]) -> float:
    """The true coefficient of a rendered face."""
    if name == "browInnerUp":
        return sum(row.get(f"{name}{side}", 0.0) for side in ("Left", "Right")) / 2
    return row.get(name, 0.0)


def install(middle: Array, covariance: Array, factors: dict[str, float]) -> None:
    """Write the numbers to the package."""
    text = INSTALLED.read_text(encoding="utf-8")
    lengths = "".join(
        f"    {value:.4f},  # {name}\n" for name, value in zip(NAMES, middle, strict=True)
    )
    rows = ""
    for row in covariance * 1e6:
        cells = [f"{int(value)}" for value in np.round(row)]
        halves = [", ".join(cells[:12]), ", ".join(cells[12:])]
        rows += f"    ({halves[0]},\n     {halves[1]}),\n"
    lines = "".join(f'    "{name}": {value:.2f},\n' for name, value in factors.items())
    for title, body, end in (
        ("POPULATION_LENGTHS: tuple[float, ...] = (\n", lengths, ")"),
        ("_COVARIANCE = (\n", rows, ")  # end"),
        ("RADIUS_FACTORS: dict[str, float] = {\n", lines, "}"),
    ):
        before, _, rest = text.partition(title)
        text = f"{before}{title}{body}{end}{rest.partition(end)[2]}"
    INSTALLED.write_text(text, encoding="utf-8")


def main(recipe: Recipe) -> None:
    middle, covariance, count = people_at_rest(recipe.data)
    print(f"# {count} portraits")
    for name, value, variance in zip(NAMES, middle, np.diag(covariance), strict=True):
        print(f"{name:18} {value:8.4f} +- {np.sqrt(variance):.4f}")
    rows, faces = rendered(recipe.people, SEED)
    factors = factors_of(rows, found_faces(faces))
    for name, factor in factors.items():
        print(f"{name:18} factor {factor:.2f}")
    if recipe.install:
        install(middle, covariance, factors)


if __name__ == "__main__":
    try:
        main(tyro.cli(Recipe, description=__doc__))
    except FacepointsError as error:
        sys.exit(f"error: {error}")
