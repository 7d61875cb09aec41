"""Measure what the expression coefficients need to know: people at rest, and factors of the radii.

    python recipes/expression_factors.py --data DATA            # three minutes on one core
    python recipes/expression_factors.py --data DATA --install  # and write them to the package

DATA contains `scut` and `held-out.txt`. Run it again, with --install, whenever the built-in model
changes. The portraits are those of SCUT-FBP5500 whose people are not held out; most are at rest.

- The mean person at rest, and how people differ: the lengths (`expression_features`) of the faces
  that the built-in model finds in the portraits. Each is taken with its mirror image.
- Factors of the radii: portraits whose pixels are moved by known movements (`moved_photos`) are
  measured with the built-in model, against the portrait itself. The factor is the 90 % quantile of
  error over radius of what moves or seems to, both sides together.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from moved_photos import moved_photo
from numpy.typing import NDArray

import facepoints
from facepoints.datasets import readers
from facepoints.datasets.combine import read_people
from facepoints.datasets.samples import Photos
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
SEED, EACH = 101, 3
"""Of the random movements, and the number of expressions of each portrait."""
RESTS = 0.02
"""Coefficient up to which a part of a face that rests is not counted: zero is easily right."""
INSTALLED = Path(expression_factors.__file__)
"""File of the package that --install changes."""


@dataclass(frozen=True)
class Recipe:
    """Measure people at rest and the factors of the radii of expression coefficients."""

    data: Path = Path("../shared/data")
    """Folder with scut and held-out.txt."""
    portraits: int = 120
    """Portraits that make movements; each makes three expressions."""
    install: bool = False
    """Write the numbers to the package (src/facepoints/measurement/expression_factors.py)."""


def portraits(data: Path) -> tuple[list[NDArray[np.uint8]], list[Face]]:
    """Portraits of people who are not held out, and the face in each."""
    photos = readers.read(data / "scut")
    if not isinstance(photos, Photos):
        raise DataError(f"{data / 'scut'} should hold photos with points")
    held_out = sorted(read_people(data / "held-out.txt"))
    photos = photos.take(~np.isin(photos.group, held_out))
    model, found = facepoints.load(), []
    images = list(photos.read_images())
    for start in range(0, len(images), BATCH):
        for image, faces in zip(images[start:], model(images[start : start + BATCH]), strict=False):
            if len(faces) == 1:
                found.append((image, faces[0]))
    return [image for image, _ in found], [face for _, face in found]


def at_rest(faces: Sequence[Face]) -> tuple[Array, Array]:
    """Median (L,) and covariance (L, L) of the lengths of faces at rest."""
    values = np.array([rest_lengths(face).values for face in faces])
    both = np.concatenate([values, values[:, NAME_MIRROR] * MIRROR_SIGNS])
    middle = np.median(both, axis=0)
    away = np.clip(both - middle, *np.quantile(both - middle, [0.01, 0.99], axis=0))
    return middle, away.T @ away / len(away)


def factors_of(images: Sequence[NDArray[np.uint8]], faces: Sequence[Face]) -> dict[str, float]:
    """The factor of each coefficient's radius."""
    ratios: dict[str, list[float]] = {name: [] for name in EXPRESSIONS}
    model, rng = facepoints.load(eye_closure=True), np.random.default_rng(SEED)
    for image, face in zip(images, faces, strict=True):
        rest = rest_of(face)
        if rest is None:
            continue
        moves = [draw_actions(rng) for _ in range(EACH)]
        found = model([moved_photo(image, face, row) for row in moves])
        for row, seen in zip(moves, found, strict=True):
            if len(seen) != 1:
                continue
            for name, measured in expressions(seen[0], rest).values.items():
                truth = truth_of(name, row)
                if truth > 0 or measured.value > RESTS:
                    raw = measured.radius / RADIUS_FACTORS[name]
                    ratios[name].append(abs(measured.value - truth) / max(raw, 1e-6))
    kinds: dict[str, list[float]] = {}
    for name, some in ratios.items():
        kinds.setdefault(name.removesuffix("Left").removesuffix("Right"), []).extend(some)
    factors = {kind: float(np.quantile(some, 0.9)) for kind, some in kinds.items()}
    return {name: factors[name.removesuffix("Left").removesuffix("Right")] for name in EXPRESSIONS}


def rest_of(face: Face) -> Neutral | None:
    """The neutral of a portrait; None: turned too far."""
    try:
        return Neutral.of(face)
    except DataError:
        return None


def truth_of(name: str, row: dict[str, float]) -> float:
    """The true coefficient of a portrait that moves."""
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
    images, faces = portraits(recipe.data)
    middle, covariance = at_rest(faces)
    print(f"# {len(faces)} portraits")
    for name, value, variance in zip(NAMES, middle, np.diag(covariance), strict=True):
        print(f"{name:18} {value:8.4f} +- {np.sqrt(variance):.4f}")
    some = slice(None, None, max(len(faces) // recipe.portraits, 1))
    factors = factors_of(images[some], faces[some])
    for name, factor in factors.items():
        print(f"{name:18} factor {factor:.2f}")
    if recipe.install:
        install(middle, covariance, factors)


if __name__ == "__main__":
    try:
        main(tyro.cli(Recipe, description=__doc__))
    except FacepointsError as error:
        sys.exit(f"error: {error}")
