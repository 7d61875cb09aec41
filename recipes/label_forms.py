"""Compare forms of the covariance and kinds of moves of `facepoints label` on validation people.

    python recipes/label_forms.py --data DATA     # five minutes on one core; installs nothing

DATA contains the sets and `held-out.txt`, the names of the people in the test set, who are not
used. The simulated annotator of `benchmarks/label.py` labels the validation people of LFPW and
HELEN until all 68 points are within 3 % of the eye distance. Compared are:

- covariances of training people (LFPW, HELEN and AFW): of the upright frame, as shipped; of errors
  along and across the outlines; of faces with a similar yaw, or a similar shape;
- the covariance of the errors of the tested faces themselves, which nobody can know: a bound;
- points that are read again from a crop that the true points place: a bound for reading the picture
  again after some moves;
- moves of a whole part, such as the mouth: shifted; or shifted, turned and scaled in one move;
- lines that are drawn along a row of points.

Writes benchmarks/results/label-forms.md.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tyro
from label_covariance import DIAGONAL, FULL, mirrored, predictions
from numpy.typing import NDArray
from points_data import COPIES, SETS, held_people, in_columns

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "benchmarks"))

from support.annotator import Labeled, moves_needed, never_right  # noqa: E402
from support.tables import Cells, markdown  # noqa: E402

import facepoints  # noqa: E402
from facepoints._util.files import write_text  # noqa: E402
from facepoints.datasets import readers  # noqa: E402
from facepoints.datasets.people import read_people  # noqa: E402
from facepoints.datasets.samples import Photos  # noqa: E402
from facepoints.errors import DataError, FacepointsError  # noqa: E402
from facepoints.imaging import affine  # noqa: E402
from facepoints.inference.cropping import run_crops  # noqa: E402
from facepoints.labeling.drawn_lines import rows_of  # noqa: E402
from facepoints.labeling.shape_learning import builtin_errors, upright_errors  # noqa: E402
from facepoints.labeling.shape_model import ShapeModel, face_frame  # noqa: E402
from facepoints.landmarks.known_sets import IBUG_68  # noqa: E402

Array = NDArray[np.float64]

TESTED = ("lfpw", "helen")
PART = 0.03
"""Of the eye distance: every point must be so near."""
PARTS = tuple(
    np.arange(*ends)
    for ends in ((0, 17), (17, 22), (22, 27), (27, 36), (36, 42), (42, 48), (48, 68))
)
"""Jaw, brows, nose, eyes, mouth."""
YAWS = (0.3, 1.0)
"""Widths of the yaw bands, in standard deviations of the faces' yaw."""
SHAPES = (0.1, 0.3)
"""Parts of the training faces that count as of a similar shape."""


@dataclass(frozen=True)
class Recipe:
    """Compare covariances and kinds of moves."""

    data: Path = Path("../shared/data")
    """Folder with the data sets and held-out.txt."""


@dataclass(frozen=True)
class Faces:
    """N faces with all 68 points: predicted and true points (N, 68, 2), radii (N, 68), points that
    are read again from a crop that the true points place (validation people only), and which of
    the faces are of validation people."""

    points: Array
    truth: Array
    radius: Array
    again: Array
    held: NDArray[np.bool_]

    def part(self, mask: NDArray[np.bool_]) -> Faces:
        """Some faces."""
        return Faces(*(value[mask] for value in vars(self).values()))

    @property
    def labeled(self) -> Labeled:
        """As the annotator takes them."""
        eyes = np.linalg.norm(self.truth[:, 36] - self.truth[:, 45], axis=1)
        known = np.ones(self.truth.shape[:2], dtype=bool)
        return Labeled((Path(),) * len(eyes), self.truth, known, eyes)


def faces_of(data: Path, name: str) -> Faces:
    """Predict the faces of a set, without the test people."""
    path, split, mapping, _ = SETS[name]
    photos = readers.read(data / path, split=split)
    if not isinstance(photos, Photos):
        raise DataError(f"{data / path} should hold photos with points")
    photos = photos.take(~np.isin(photos.group, [*read_people(data / "held-out.txt"), *COPIES]))
    points, known = in_columns(photos, mapping)
    predicted, radius = predictions(photos, points, known)
    held = held_people(photos, seed=0) & (name in TESTED)
    used = np.isfinite(radius).all(axis=1) & known[:, :68].all(axis=1)
    again = np.full((len(points), 68, 2), np.nan)
    network = facepoints.load().model
    rows = np.flatnonzero(held & used)
    for row, image in zip(rows, photos.take(held & used).read_images(), strict=True):
        matrix = affine.fit_similarity(points[row, :68], network.canonical_points[:68])
        again[row] = run_crops(network, [image], [matrix])[0].points[0, :68]
    print(f"# {name}: {used.sum()} of {len(used)} faces, {len(rows)} for validation", flush=True)
    return Faces(
        predicted[used, :68], points[used, :68], radius[used, :68], again[used], held[used]
    )


def upright(shape: Array, faces: Faces) -> tuple[Array, Array]:
    """Errors (N, 136) in radii and predicted shapes (N, 68, 2) in face sizes, both upright."""
    known = np.ones(faces.points.shape[:2], dtype=bool)
    errors, _ = upright_errors(shape, faces.points, faces.truth, known, faces.radius)
    shapes = []
    for points in faces.points:
        turn, size = face_frame(points, shape, known[0])
        shapes.append((points - points.mean(axis=0)) @ turn / size)
    return errors, np.array(shapes)


def tangents(shapes: Array) -> Array:
    """(N, 136, 136): rotations of each point's error into directions along and across its row."""
    turned = np.zeros((len(shapes), 136, 136))
    for row in rows_of(IBUG_68.edge_columns, shapes.mean(axis=0)):
        steps = np.gradient(shapes[:, row], axis=1)
        steps /= np.linalg.norm(steps, axis=2, keepdims=True)
        for k, (x, y) in zip(row, steps.transpose(1, 2, 0), strict=True):
            turned[:, 2 * k, 2 * k], turned[:, 2 * k, 2 * k + 1] = x, y
            turned[:, 2 * k + 1, 2 * k], turned[:, 2 * k + 1, 2 * k + 1] = -y, x
    return turned


def damped(moments: Array) -> Array:
    """Moments with a part replaced by their diagonal, as the shipped ones."""
    both = (moments + moments.T) / 2
    return (1 - DIAGONAL) * both + DIAGONAL * np.diag(np.diagonal(both))


def similar(kernel: Array, errors: Array, whole: Array) -> Array:
    """(N, 136, 136): half the moments of similar training faces, half those of all."""
    weights = kernel / kernel.sum(axis=1, keepdims=True)
    return np.array([(damped((errors.T * own) @ errors) + whole) / 2 for own in weights])


def covariances(shape: Array, train: Faces, test: Faces) -> dict[str, Array]:
    """Covariances (136, 136), or (N, 136, 136) if each tested face has its own."""
    errors, shapes = upright(shape, train)
    tested, wanted = upright(shape, test)
    errors = errors * np.sqrt((tested**2).mean() / (errors**2).mean())
    whole = damped(mirrored(errors.T @ errors / len(errors), IBUG_68.mirror))
    turns, back = tangents(shapes), tangents(wanted)
    local = np.einsum("nij,nj->ni", turns, errors)
    along = back.transpose(0, 2, 1) @ damped(local.T @ local / len(local)) @ back
    forms = {"training people": whole, "along and across outlines": along}
    yaws = [(each[:, 30, 0] - each[:, [0, 16], 0].mean(axis=1)) for each in (shapes, wanted)]
    for width in YAWS:
        gaps = (yaws[1][:, None] - yaws[0]) / (width * yaws[0].std())
        forms[f"similar yaw, {width:g}"] = similar(np.exp(-(gaps**2) / 2), errors, whole)
    flat = [each.reshape(len(each), -1) for each in (shapes, wanted)]
    squares = ((flat[1][:, None] - flat[0]) ** 2).sum(axis=2)
    for part in SHAPES:
        near = np.quantile(squares, part, axis=1)[:, None]
        forms[f"similar shape, {part:g}"] = similar(np.exp(-squares / near / 2), errors, whole)
    forms["these very faces (bound)"] = damped(tested.T @ tested / len(tested))
    return forms


def moves_with(model: ShapeModel, covariance: Array, faces: Faces) -> NDArray[np.int64]:
    """Moves (N,) with a covariance, or one for each face."""
    labeled, each = faces.labeled, np.broadcast_to(covariance, (len(faces.points), 136, 136))
    counts = []
    for row, own in enumerate(each):
        one = np.array([row])
        one_model = replace(model, covariance=own)
        given = faces.points[one], faces.radius[one], labeled.take(one), PART
        counts.append(moves_needed(one_model, *given)[0])
    return np.array(counts)


def moves_of_parts(model: ShapeModel, faces: Faces, numbers: int) -> NDArray[np.int64]:
    """Moves (N,) if a part can be moved as a whole, once, where that leaves less error.

    Args:
        numbers: 2: a part is shifted; 4: it is shifted, turned and scaled in one move.
    """
    errors, shapes = upright(model.mean_shape, faces)
    counts = []
    for row, eyes in enumerate(faces.labeled.eyes):
        scale = np.repeat(faces.radius[row], 2) / eyes
        size = face_frame(faces.points[row], model.mean_shape, np.ones(68, bool))[1]
        noise = (model.placed_noise * size / eyes) ** 2
        covariance = model.covariance * scale[:, None] * scale
        counts.append(_label(errors[row] * scale, covariance, shapes[row], noise, numbers))
    return np.array(counts)


def _label(error: Array, covariance: Array, shape: Array, noise: float, numbers: int) -> int:
    """Moves of one face; all in eye distances."""
    left, moves, placed = error.copy(), 0, np.zeros(68, dtype=bool)
    parts = [_motions(shape, part)[:numbers] for part in PARTS]
    while True:
        away = np.where(placed, 0, np.hypot(left[::2], left[1::2]))
        if away.max() <= PART:
            return moves
        worst = int(away.argmax())
        own = np.zeros((2, 136))
        own[[0, 1], [2 * worst, 2 * worst + 1]] = 1
        best, chosen = _seen(left, covariance, own, noise), -1
        done = placed | (np.arange(68) == worst)
        least = (np.where(np.repeat(done, 2), 0, best[0]) ** 2).sum()
        for number, shown in enumerate(parts):
            if (away[PARTS[number]] > PART).sum() < 2 or not len(shown):
                continue
            after = _seen(left, covariance, shown, noise)
            rest = (np.where(np.repeat(placed, 2), 0, after[0]) ** 2).sum()
            if rest < least:
                best, least, chosen = after, rest, number
        left, covariance = best
        moves += 1
        if chosen < 0:
            placed = done
        else:
            parts[chosen] = parts[chosen][:0]


def _motions(shape: Array, part: NDArray[np.intp]) -> Array:
    """(4, 136): two shifts, the turn and the scale of a part, each of length 1."""
    away = shape[part] - shape[part].mean(axis=0)
    motions = np.zeros((4, 68, 2))
    motions[0, part, 0] = motions[1, part, 1] = 1
    motions[2, part], motions[3, part] = away, away[:, ::-1] * (-1, 1)
    flat = motions.reshape(4, 136)
    return flat / np.linalg.norm(flat, axis=1, keepdims=True)


def _seen(left: Array, covariance: Array, shown: Array, noise: float) -> tuple[Array, Array]:
    """Errors and covariance that are left after a move shows some sums of the errors."""
    follows = shown @ covariance
    gain = np.linalg.solve(follows @ shown.T + noise * np.eye(len(shown)), follows).T
    return left - gain @ (shown @ left), covariance - gain @ follows


def compare(model: ShapeModel, train: Faces, test: Faces) -> Cells:
    """A row for each form or kind of move."""
    given = test.points, test.radius, test.labeled, PART
    rows = rows_of(IBUG_68.edge_columns, model.mean_shape)
    again = replace(test, points=test.again)
    counts = {"as shipped": moves_needed(model, *given)}
    for name, covariance in covariances(model.mean_shape, train, test).items():
        counts[name] = moves_with(model, covariance, test)
    counts["read again, crop by the true points (bound)"] = moves_needed(
        model, again.points, test.radius, test.labeled, PART
    )
    counts["parts are shifted"] = moves_of_parts(model, test, 2)
    counts["parts are shifted, turned and scaled"] = moves_of_parts(model, test, 4)
    counts["lines are drawn"] = moves_needed(model, *given, rows)
    counts["anywhere along the lines"] = moves_needed(model, *given, sliding=rows)
    counts["the same, lines are drawn"] = moves_needed(model, *given, rows, sliding=rows)
    cells = [["way", "median moves", "mean", "5 moves or fewer"]]
    for name, moves in counts.items():
        few = f"{100 * (moves <= 5).mean():.0f} %"
        cells.append([name, f"{np.median(moves):g}", f"{moves.mean():.2f}", few])
        print(" | ".join(cells[-1]), flush=True)
    return cells


def text_of(model: ShapeModel, test: Faces, cells: Cells) -> str:
    """The page of results."""
    never = never_right(model, test.points, test.radius, test.labeled, PART)
    off = np.linalg.norm(test.points - test.truth, axis=2) / test.labeled.eyes[:, None]
    return (
        "# Forms of the covariance, and kinds of moves\n\n"
        "Written by `recipes/label_forms.py`: moves of a simulated annotator until all 68 points\n"
        f"are within 3 % of the eye distance, on {len(test.points)} validation faces of LFPW and\n"
        f"HELEN (never the test set). Mean error before: {100 * off.mean():.2f} % of the eye\n"
        f"distance. If all other points were in their places, {np.median(never):g} points of the\n"
        f"median face would still be wrong; at most 5 in {100 * (never <= 5).mean():.0f} % of the\n"
        f"faces.\n\n{markdown(cells)}"
    )


def main(recipe: Recipe) -> None:
    sets = [faces_of(recipe.data, name) for name in FULL]
    every = Faces(*(np.concatenate([vars(one)[n] for one in sets]) for n in vars(sets[0])))
    own = builtin_errors().model
    model = replace(
        own,
        names=IBUG_68.names,
        mean_shape=own.mean_shape[:68],
        covariance=own.covariance[:136, :136],
    )
    test = every.part(every.held)
    cells = compare(model, every.part(~every.held), test)
    write_text(ROOT / "benchmarks" / "results" / "label-forms.md", text_of(model, test, cells))


if __name__ == "__main__":
    try:
        main(tyro.cli(Recipe))
    except FacepointsError as error:
        sys.exit(f"error: {error}")
