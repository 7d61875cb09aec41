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
from label_covariance import DIAGONAL, FULL, labeled_photos, mirrored, predictions
from numpy.typing import NDArray
from points_data import held_people

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "benchmarks"))

from label_moves import PART, Faces, moves_of_parts, tangents, upright, where_moves_go  # noqa: E402
from support.annotator import moves_needed, never_right  # noqa: E402
from support.tables import Cells, markdown  # noqa: E402

import facepoints  # noqa: E402
from facepoints._util.files import write_text  # noqa: E402
from facepoints.errors import FacepointsError  # noqa: E402
from facepoints.imaging import affine  # noqa: E402
from facepoints.inference.cropping import run_crops  # noqa: E402
from facepoints.labeling.drawn_lines import rows_of  # noqa: E402
from facepoints.labeling.shape_learning import builtin_errors  # noqa: E402
from facepoints.labeling.shape_model import ShapeModel  # noqa: E402
from facepoints.landmarks.known_sets import IBUG_68  # noqa: E402

Array = NDArray[np.float64]

TESTED = ("lfpw", "helen")
YAWS = (0.3, 1.0)
"""Widths of the yaw bands, in standard deviations of the faces' yaw."""
SHAPES = (0.1, 0.3)
"""Parts of the training faces that count as of a similar shape."""


@dataclass(frozen=True)
class Recipe:
    """Compare covariances and kinds of moves."""

    data: Path = Path("../shared/data")
    """Folder with the data sets and held-out.txt."""


def faces_of(data: Path, name: str) -> Faces:
    """Predict the faces of a set, without the test people."""
    photos, points, known = labeled_photos(data, name)
    predicted, radius = predictions(photos, points, known)
    held = held_people(photos, seed=0) & (name in TESTED)
    used = np.array(np.isfinite(radius).all(axis=1) & known[:, :68].all(axis=1))
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
        f"faces.\n\n{markdown(cells)}\n"
        "Where the moves go as shipped, per face, by whether the point lay off rather along its\n"
        f"outline or across it:\n\n{markdown(where_moves_go(model, test))}"
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
