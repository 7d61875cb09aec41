"""Compare ways to guess points from finished faces, for `facepoints label`, on validation people.

    python recipes/label_guesses.py --data DATA      # two minutes on one core; installs nothing

DATA contains the sets and `held-out.txt`, the names of the people in the test set, who are not
used. What is compared, and where the choice stands:

- points that the model does not have: regressed from the model's points alone, or interpolated
  between them first (`labeling.interpolation`);
- points that the model gives itself: corrected by a constant, or by a regression
  (`labeling.regression.CONSTANT_BELOW`).

The sets of 21 new points are those of `benchmarks/label.py`. Faces are tested that belong to the
validation people of `points_data`. The finished faces are other people, drawn several times: of the
validation people, or, where these are too few, of the training people, of whom the model makes
smaller errors. Writes benchmarks/results/label-guesses.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from numpy.typing import NDArray
from points_data import COPIES, held_people
from set_point_names import INTHEWILD, SCUT

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "benchmarks"))

from label import SETS  # noqa: E402
from support.annotator import Labeled, see  # noqa: E402
from support.tables import Cells, markdown  # noqa: E402

from facepoints._util.files import write_text  # noqa: E402
from facepoints.datasets import readers  # noqa: E402
from facepoints.datasets.people import read_people  # noqa: E402
from facepoints.datasets.samples import Photos  # noqa: E402
from facepoints.errors import DataError, FacepointsError  # noqa: E402
from facepoints.labeling.interpolation import SMOOTHINGS  # noqa: E402
from facepoints.labeling.regression import PointRegressor  # noqa: E402
from facepoints.landmarks.conversion import conversion_matrix  # noqa: E402
from facepoints.landmarks.known_sets import OPENPOSE_70  # noqa: E402
from facepoints.landmarks.landmark_set import LandmarkSet  # noqa: E402

Array = NDArray[np.float64]
Guess = Callable[["Faces", "Faces"], Array]
"""Points (N, K, 2) of the second faces, from the labels of the first."""

NEW = {"inthewild21": (1, 5, 20), "scut": (1, 5, 20), "scut-hair": (1, 5, 20)}
"""Numbers of finished faces, by set of new points."""
OWN: dict[str, dict[str, str] | None] = {
    "helen": None,
    "lfpw": None,
    "scut": SCUT,
    "inthewild21": INTHEWILD,
}
"""Sets with points that the model gives itself: all 68, or those of these names."""
FEW, MANY = (20, 40), (60, 100, 200)
"""Numbers of finished faces of validation people, and of training people, for these points."""
POOL = 250
"""Faces of training people that are predicted."""
ALWAYS = 10**6
"""More finished faces than there are: the correction stays a constant."""
DRAWS = 20
"""Times that the finished faces are drawn."""


@dataclass(frozen=True)
class Recipe:
    """Compare ways to guess points from finished faces."""

    data: Path = ROOT.parent / "shared" / "data"
    """Folder with the data sets and held-out.txt."""
    out: Path = ROOT / "benchmarks" / "results"
    """Folder for label-guesses.md."""


@dataclass(frozen=True)
class Faces:
    """N labeled faces that the model has found.

    Attributes:
        landmarks: the K points.
        points: (N, K, 2) labels in pixels, all of them known.
        eyes: (N,) distance of the outer eye corners in pixels.
        seen: (N, 70, 2) points of the model.
        group: (N,) the person of each.
    """

    landmarks: LandmarkSet
    points: Array
    eyes: Array
    seen: Array
    group: NDArray[np.str_]

    def take(self, rows: NDArray) -> Faces:
        """These faces only."""
        return Faces(
            self.landmarks, self.points[rows], self.eyes[rows], self.seen[rows], self.group[rows]
        )

    @property
    def given(self) -> NDArray[np.bool_]:
        """(K,) points that the model has itself."""
        return conversion_matrix(OPENPOSE_70, self.landmarks)[1]

    @property
    def direct(self) -> Array:
        """(N, K, 2) where the model puts the points, NaN for those that it does not have."""
        matrix, given = conversion_matrix(OPENPOSE_70, self.landmarks)
        points = np.einsum("km,nmd->nkd", matrix, self.seen)
        points[:, ~given] = np.nan
        return points


def labels_of(data: Path, name: str) -> tuple[Photos, NDArray[np.bool_]]:
    """The photos of a set without the test people and copies, and which are of validation
    people."""
    folder = SETS[name][1]
    photos = readers.read(data / folder, split="training")
    if not isinstance(photos, Photos):
        raise DataError(f"{data / folder}: expected photos with labeled faces")
    photos = photos.take(~np.isin(photos.group, [*read_people(data / "held-out.txt"), *COPIES]))
    return photos, held_people(photos, seed=0)


def faces_of(data: Path, name: str, held: bool, ours: dict[str, str] | None = None) -> Faces:
    """The faces of the validation people, or `POOL` of the training people, that have all points of
    a set and that the model finds.

    Args:
        ours: take these points of the set, under the names that the model has for them.
    """
    _, folder, names, eyes = SETS[name]
    photos, validation = labels_of(data, name)
    chosen = photos.landmarks.subset(tuple(ours or names) or photos.landmarks.names)
    columns, (a, b) = photos.landmarks.columns(chosen.names), photos.landmarks.columns(eyes)
    whole = photos.labelled[:, [*columns, a, b]].all(axis=1)
    rows = np.flatnonzero(whole & (validation == held))
    if not held:
        rows = np.random.default_rng(0).permutation(rows)[:POOL]
    photos = photos.take(np.isin(np.arange(len(photos)), rows))
    points = photos.points.astype(np.float64)
    labeled = Labeled(
        tuple(data / folder / str(one).partition("#")[0] for one in photos.names),
        points[:, columns],
        photos.labelled[:, columns],
        np.linalg.norm(points[:, a] - points[:, b], axis=1),
    )
    seen = see(labeled, None)
    landmarks = LandmarkSet.of_names(tuple(ours.values()) if ours else chosen.names)
    faces = Faces(landmarks, labeled.points, labeled.eyes, seen.points, photos.group)
    who = "validation" if held else "training"
    print(f"# {name}: {seen.found.sum()} of {len(photos)} faces of {who} people found", flush=True)
    return faces.take(np.flatnonzero(seen.found))


def guesser(interpolate: bool = True, constant_below: int = ALWAYS) -> Guess:
    """A regression with these settings, as `facepoints label` would use it."""

    def guess(finished: Faces, tested: Faces) -> Array:
        known = np.ones(finished.points.shape[:2], dtype=bool)
        regressor = PointRegressor.fit(
            finished.seen,
            finished.points,
            known,
            finished.direct,
            smoothings=SMOOTHINGS if interpolate else (),
            constant_below=constant_below,
        )
        return regressor.predict(tested.seen, tested.direct)[0]

    return guess


def alone(finished: Faces, tested: Faces) -> Array:
    """The points as the model gives them."""
    return tested.direct


def errors(
    guesses: list[Guess], tested: Faces, pool: Faces, count: int, which: NDArray[np.bool_]
) -> Array:
    """Mean errors of each face, with finished faces that are drawn `DRAWS` times.

    Args:
        guesses: G ways.
        tested: N faces.
        pool: faces that the finished ones are drawn from. Faces of a drawn person are not tested.
        count: number of finished faces.
        which: (K,) points that count.

    Returns:
        (N, G) in percent of the eye distance, the mean over draws; NaN if the face was always
        finished.
    """
    total, times = np.zeros((len(tested.points), len(guesses))), np.zeros(len(tested.points))
    for draw in range(DRAWS):
        rows = np.random.default_rng((count, draw)).permutation(len(pool.points))[:count]
        finished = pool.take(rows)
        rest = np.flatnonzero(~np.isin(tested.group, finished.group))
        some = tested.take(rest)
        times[rest] += 1
        for number, guess in enumerate(guesses):
            away = np.linalg.norm(guess(finished, some) - some.points, axis=2)[:, which]
            total[rest, number] += 100 * away.mean(axis=1) / some.eyes
    return np.divide(total, times[:, None], where=times[:, None] > 0, out=total * np.nan)


def row_of(title: str, who: str, count: int, off: Array) -> list[str]:
    """A row of a table: the mean errors, and the last one minus the one before it."""
    off = off[np.isfinite(off).all(axis=1)]
    gap = off[:, -1] - off[:, -2]
    doubt = gap.std(ddof=1) / np.sqrt(len(gap))
    means = [f"{value:.2f}" for value in off.mean(axis=0)]
    return [title, f"{count} {who}", str(len(off)), *means, f"{gap.mean():+.2f} ± {doubt:.2f}"]


def new_points(data: Path) -> Cells:
    """With and without interpolation."""
    cells = [["faces of", "finished before", "tested", "without", "interpolated", "difference"]]
    for name, counts in NEW.items():
        faces = faces_of(data, name, held=True)
        new = ~faces.given
        for count in counts:
            off = errors([guesser(False), guesser()], faces, faces, count, new)
            title = f"{SETS[name][0]} ({new.sum()} points)"
            cells.append(row_of(title, "validation", count, off))
            print("#", *cells[-1], sep="  ", flush=True)
    return cells


def own_points(data: Path) -> Cells:
    """Without a correction, with a constant one, and with a regression."""
    ways = [alone, guesser(), guesser(constant_below=3)]
    cells = [["faces of", "finished before", "tested", "none", "constant", "regression"]]
    cells[0].append("difference")
    for name, names in OWN.items():
        held, others = (faces_of(data, name, part, names) for part in (True, False))
        tries = [("validation", held, count) for count in FEW]
        tries += [("training", others, count) for count in MANY]
        for who, pool, count in tries:
            off = errors(ways, held, pool, count, held.given)
            title = f"{SETS[name][0]} ({held.given.sum()} points)"
            cells.append(row_of(title, who, count, off))
            print("#", *cells[-1], sep="  ", flush=True)
    return cells


def page(new: Cells, own: Cells) -> str:
    """The results as Markdown."""
    return f"""# What guesses from finished faces are worth

Written by `recipes/label_guesses.py`. Mean errors in percent of the distance of the outer eye
corners, on validation people of `recipes/points_data.py` (never the test set). "Finished before":
faces of other people, validation or training, from which the guesses have learned; they are drawn
{DRAWS} times. "Difference": the last column minus the one before it, with its standard error over
the tested faces.

## Points that the model does not have

"Without": a ridge regression from the model's points. "Interpolated": between the model's points
first, and the regression learns the rest.

{markdown(new)}
## Points that the model gives itself

"Constant": the mean difference between labels and model is added. "Regression": the difference is
regressed from the model's points, from this number of finished faces on. The model has learned
from the training people, so it makes smaller errors on them than on the tested people, and of LFPW
it knows the validation people, too.

{markdown(own)}"""


def main(recipe: Recipe) -> None:
    text = page(new_points(recipe.data), own_points(recipe.data))
    write_text(recipe.out / "label-guesses.md", text)
    print(text)


if __name__ == "__main__":
    try:
        main(tyro.cli(Recipe))
    except FacepointsError as error:
        sys.exit(f"error: {error}")
