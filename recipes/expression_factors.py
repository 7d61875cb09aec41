"""Measure what expression coefficients need: people at rest, radii, and when a face smiles.

    python recipes/expression_factors.py --data DATA            # two minutes on one core
    python recipes/expression_factors.py --data DATA --install  # and write them to the package

DATA contains `scut`, `helen` and `held-out.txt`. Run it again, with --install, whenever the
built-in model changes. The portraits are those of SCUT-FBP5500 whose people are not held out; most
are at rest.

- The mean person at rest, and how people differ: the lengths (`expression_features`) of the faces
  that the built-in model finds in the portraits. Each is taken with its mirror image.
- Factors of the radii: portraits whose pixels are moved by known movements (`moved_photos`) are
  measured with the built-in model, against the portrait itself. The factor is the 90 % quantile of
  error over radius of what moves or seems to, both sides together.
- How much of their opening the points of closed eyes lose (`expressions._CLOSED`), in the same
  portraits: the median. It is printed only.
- When a face smiles: the middle of the thresholds of `mouthSmile` whose balanced accuracy is within
  1 % of the best. Without a neutral: on photos of HELEN of people who are not held out, judged by
  looking, before anything was measured (`smile-judgements.csv`; doubtful faces were left out).
  With one: on moved portraits that smile on both sides, of any size, or on none.
"""

from __future__ import annotations

import csv
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
from facepoints.datasets.people import read_people
from facepoints.datasets.samples import Photos
from facepoints.datasets.synthetic.actions import draw_actions
from facepoints.errors import DataError, FacepointsError
from facepoints.inference.face import Face
from facepoints.measurement import expression_factors
from facepoints.measurement.expression_factors import RADIUS_FACTORS
from facepoints.measurement.expression_features import MIRROR_SIGNS, NAME_MIRROR
from facepoints.measurement.expression_neutral import NAMES, Neutral, lengths_of, rest_lengths
from facepoints.measurement.expressions import EXPRESSIONS, Expressions, expressions
from facepoints.measurement.pose import head_pose

Array = NDArray[np.float64]

BATCH = 16
"""Images per prediction."""
SEED, EACH = 101, 3
"""Of the random movements, and the number of expressions of each portrait."""
RESTS = 0.02
"""Coefficient up to which a part of a face that rests is not counted: zero is easily right."""
SHUT = 0.95
"""Closure from which an eye is shut."""
NEAR = 0.1
"""Mean error of a found face's points, over its size, up to which it is the labeled one."""
WITHIN = 0.01
"""Balanced accuracy that a threshold may lose against the best."""
JUDGED = Path(__file__).with_name("smile-judgements.csv")
"""Files of HELEN, and 1 where the labeled face smiles, 0 where it does not."""
INSTALLED = Path(expression_factors.__file__)
"""File of the package that --install changes."""


@dataclass(frozen=True)
class Recipe:
    """Measure people at rest and the factors of the radii of expression coefficients."""

    data: Path = Path("../shared/data")
    """Folder with scut and held-out.txt."""
    portraits: int = 200
    """Portraits that make movements; each makes three or four expressions."""
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


Pair = tuple[dict[str, float], Expressions]


def moved(
    images: Sequence[NDArray[np.uint8]], faces: Sequence[Face]
) -> tuple[list[Pair], list[float]]:
    """Movements and coefficients of moved portraits, and the fraction of its opening that each
    closed eye loses. Every second portrait makes one more smile."""
    pairs: list[Pair] = []
    losses: list[float] = []
    model, rng = facepoints.load(eye_closure=True), np.random.default_rng(SEED)
    smiling = np.random.default_rng(SEED + 1)
    for number, (image, face) in enumerate(zip(images, faces, strict=True)):
        rest = rest_of(face)
        if rest is None:
            continue
        moves = [draw_actions(rng) for _ in range(EACH)]
        moves += [a_smile(smiling)] if number % 2 else []
        found = model([moved_photo(image, face, row) for row in moves])
        for row, seen in zip(moves, found, strict=True):
            if len(seen) == 1:
                pairs.append((row, expressions(seen[0], rest)))
                losses += losses_of(row, seen[0], rest)
    return pairs, losses


def losses_of(row: dict[str, float], face: Face, rest: Neutral) -> list[float]:
    """The fraction of its opening at rest that each closed eye of a face loses."""
    closed = [side for side in ("Left", "Right") if row.get(f"eyeBlink{side}", 0) >= SHUT]
    if not closed:
        return []
    lengths = lengths_of(face, head_pose(face), rest.shape, rest.std).values
    places = [NAMES.index(f"opening{side}") for side in closed]
    return [float(1 - lengths[place] / rest.lengths[place]) for place in places]


def a_smile(rng: np.random.Generator) -> dict[str, float]:
    """Random movements with a smile on both sides."""
    while True:
        row = draw_actions(rng)
        if {"mouthSmileLeft", "mouthSmileRight"} <= set(row):
            return row


def factors_of(pairs: Sequence[Pair]) -> dict[str, float]:
    """The factor of each coefficient's radius."""
    ratios: dict[str, list[float]] = {name: [] for name in EXPRESSIONS}
    for row, seen in pairs:
        for name, measured in seen.values.items():
            truth = truth_of(name, row)
            if truth > 0 or measured.value > RESTS:
                raw = measured.radius / RADIUS_FACTORS[name]
                ratios[name].append(abs(measured.value - truth) / max(raw, 1e-6))
    kinds: dict[str, list[float]] = {}
    for name, some in ratios.items():
        kinds.setdefault(name.removesuffix("Left").removesuffix("Right"), []).extend(some)
    factors = {kind: float(np.quantile(some, 0.9)) for kind, some in kinds.items()}
    return {name: factors[name.removesuffix("Left").removesuffix("Right")] for name in EXPRESSIONS}


def judged_smiles(data: Path) -> list[tuple[float, bool]]:
    """Score and judgement of each judged face."""
    photos = readers.read(data / "helen")
    if not isinstance(photos, Photos) or photos.files is None:
        raise DataError(f"{data / 'helen'} should hold photos with points")
    places = {file.name: k for k, file in enumerate(photos.files)}
    held_out, model = read_people(data / "held-out.txt"), facepoints.load(eye_closure=True)
    scores = []
    with JUDGED.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            place = places[row["file"]]
            if photos.group[place] in held_out:
                raise DataError(f"{JUDGED}: {row['file']} is held out; take it out of the list")
            truth = photos.points[place]
            for face in model(photos.files[place]):
                away = np.linalg.norm(face.points[:68] - truth, axis=1).mean()
                score = smile_of(expressions(face)) if away < NEAR * np.ptp(truth) else None
                if score is not None:
                    scores.append((score, row["smile"] == "1"))
    return scores


def moved_smiles(pairs: Sequence[Pair]) -> list[tuple[float, bool]]:
    """Score of each moved portrait, and whether it smiles on both sides; not of one-sided ones."""
    scores = []
    for row, seen in pairs:
        sides = sum(f"mouthSmile{side}" in row for side in ("Left", "Right"))
        score = smile_of(seen)
        if sides != 1 and score is not None:
            scores.append((score, sides == 2))
    return scores


def smile_of(seen: Expressions) -> float | None:
    """Mean of both sides; None if a side cannot be had."""
    sides = [seen.values.get(f"mouthSmile{side}") for side in ("Left", "Right")]
    known = [side.value for side in sides if side is not None]
    return sum(known) / 2 if len(known) == 2 else None


def threshold_of(scores: Sequence[tuple[float, bool]]) -> tuple[float, float]:
    """The threshold from which a face smiles, and the best balanced accuracy."""
    score, smiles = np.array([s for s, _ in scores]), np.array([s for _, s in scores])
    tried = np.arange(0.01, 1.0, 0.005)
    said = score >= tried[:, None]
    right = (said[:, smiles].mean(axis=1) + (~said[:, ~smiles]).mean(axis=1)) / 2
    return float(tried[right >= right.max() - WITHIN].mean()), float(right.max())


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


def install(
    middle: Array, covariance: Array, factors: dict[str, float], smile: dict[str, float]
) -> None:
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
    smiles = "".join(f'    "{name}": {value:.2f},\n' for name, value in smile.items())
    for title, body, end in (
        ("POPULATION_LENGTHS: tuple[float, ...] = (\n", lengths, ")"),
        ("_COVARIANCE = (\n", rows, ")  # end"),
        ("RADIUS_FACTORS: dict[str, float] = {\n", lines, "}"),
        ("SMILE: dict[str, float] = {\n", smiles, "}"),
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
    pairs, losses = moved(images[some], faces[some])
    print(f"closed eyes lose {np.median(losses):.2f} of their opening ({len(losses)} eyes)")
    factors = factors_of(pairs)
    for name, factor in factors.items():
        print(f"{name:18} factor {factor:.2f}")
    smile = {}
    both = (moved_smiles(pairs), judged_smiles(recipe.data))
    for name, scores in zip(("given", "population"), both, strict=True):
        smile[name], right = threshold_of(scores)
        print(f"smiles, {name}: {smile[name]:.2f} of {len(scores)}, balanced accuracy {right:.3f}")
    if recipe.install:
        given = smile["given"]
        smile = {"given": given, "video": given, "population": smile["population"]}
        install(middle, covariance, factors, smile)


if __name__ == "__main__":
    try:
        main(tyro.cli(Recipe, description=__doc__))
    except FacepointsError as error:
        sys.exit(f"error: {error}")
