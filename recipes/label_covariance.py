"""Measure how the errors of the built-in model's points go together, for `facepoints label`.

    python recipes/label_covariance.py --data DATA               # two minutes on one core
    python recipes/label_covariance.py --data DATA --install     # and write them to the package

DATA contains the sets of `points_data.SETS` and `held-out.txt`, the names of the people in the test
set, who are not used. Run it again, with --install, whenever the built-in model changes.

Faces are predicted by the built-in model as `facepoints label` does. Errors are turned upright with
the face and divided by the predicted radius of their point. Their second moments are the
covariance:

- The 68 points: LFPW, HELEN and AFW, whose photos have all of them. The model knows most of these
  people, so their errors are too small. Errors of the validation people are right, but 158 people
  are too few for 136 numbers: labeling one half of them took fewer moves with a covariance of the
  known people than with one of the other half, and mixtures lay between. So the moments are those
  of the known people, scaled to the size of the validation people's errors.
- The pupils: they are labeled in other sets, together with 10 other points. There, their errors are
  regressed on those of the 10; the regression extends the covariance to the pupils (the maximum
  likelihood estimate of a monotone pattern of missing data, Anderson 1957,
  doi:10.1080/01621459.1957.10501379).
- Faces and their mirror images count alike. A small part of the covariance is replaced by its
  diagonal.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from numpy.typing import NDArray
from points_data import COPIES, SETS, held_people, in_columns

import facepoints
from facepoints import weights
from facepoints._util.files import write_text
from facepoints.datasets import readers
from facepoints.datasets.people import read_people
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError, FacepointsError
from facepoints.labeling.shape_learning import BuiltinErrors, upright_errors
from facepoints.labeling.shape_model import ShapeModel, face_frame
from facepoints.landmarks.known_sets import OPENPOSE_70
from facepoints.landmarks.mean_face import MEAN_FACE

Array = NDArray[np.float64]

FULL = ("lfpw", "helen", "afw")
"""Sets with all 68 points, by hand."""
WITH_PUPILS = ("inthewild21", "scut")
BATCH = 16
"""Images per prediction."""
MAX_ERROR = 0.2
"""Maximum mean error of the labeled face's prediction, as a fraction of the face's side."""
DIAGONAL = 0.05
"""Part of the covariance that is replaced by its diagonal."""
RIDGE = 1.0
"""Penalty of the pupils' regression, in faces."""


@dataclass(frozen=True)
class Recipe:
    """Measure the covariance of the built-in model's errors."""

    data: Path = Path("../shared/data")
    """Folder with the data sets and held-out.txt."""
    install: bool = False
    """Write the covariance to the package (src/facepoints/weights/label_covariance.json)."""


@dataclass(frozen=True)
class Errors:
    """Errors of N faces.

    Attributes:
        errors: (N, 140) upright, in radii, 0 where not labeled.
        seen: (N, 140) which are labeled.
        radius: (N, 70) predicted radii over the size of the face.
        held: (N,) True for validation people.
    """

    errors: Array
    seen: NDArray[np.bool_]
    radius: Array
    held: NDArray[np.bool_]


def mean_face() -> Array:
    """(70, 2): the mean face, with each pupil at the center of its eye."""
    face = MEAN_FACE.astype(np.float64)
    return np.concatenate([face, [face[36:42].mean(axis=0), face[42:48].mean(axis=0)]])


def errors_of(data: Path, name: str) -> Errors:
    """Predict the faces of a set, without the test people."""
    photos, points, labelled = labeled_photos(data, name)
    predicted, radius = predictions(photos, points, labelled)
    found = np.asarray(np.isfinite(radius).all(axis=1), dtype=bool)
    sizes = [face_frame(p, mean_face(), np.ones(70, bool))[1] for p in predicted[found]]
    errors, seen = upright_errors(
        mean_face(), predicted[found], points[found], labelled[found], radius[found]
    )
    held = held_people(photos, seed=0)[found]
    print(f"# {name}: {found.sum()} of {len(found)} faces found, {held.sum()} for validation")
    return Errors(errors, seen, radius[found] / np.array(sizes)[:, None], held)


def labeled_photos(data: Path, name: str) -> tuple[Photos, Array, NDArray[np.bool_]]:
    """Read a set without the test people: N photos, their points (N, 70, 2) and the mask (N, 70) of
    the points that are labeled.

    Raises:
        DataError: the set does not hold photos with points.
    """
    path, split, mapping, _ = SETS[name]
    photos = readers.read(data / path, split=split)
    if not isinstance(photos, Photos):
        raise DataError(f"{data / path} should hold photos with points")
    photos = photos.take(~np.isin(photos.group, [*read_people(data / "held-out.txt"), *COPIES]))
    return photos, *in_columns(photos, mapping)


def predictions(photos: Photos, points: Array, labelled: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Predicted points (N, 70, 2) and radii (N, 70); NaN for faces that were not found."""
    model = facepoints.load()
    predicted, radius = np.full((len(photos), 70, 2), np.nan), np.full((len(photos), 70), np.nan)
    batch: list[NDArray[np.uint8]] = []
    for row, image in enumerate(photos.read_images()):
        batch.append(image)
        if len(batch) < BATCH and row + 1 < len(photos):
            continue
        first = row + 1 - len(batch)
        for number, faces in enumerate(model(batch), start=first):
            mask = labelled[number]
            truth = points[number, mask]
            off = [np.linalg.norm(face.points[mask] - truth, axis=1).mean() for face in faces]
            if off and min(off) < MAX_ERROR * np.ptp(truth, axis=0).max():
                face = faces[int(np.argmin(off))]
                predicted[number], radius[number] = face.points, face.radius
        batch = []
    return predicted, radius


def joined(parts: list[Errors]) -> Errors:
    """All faces of several sets."""
    return Errors(*(np.concatenate([getattr(p, n) for p in parts]) for n in vars(parts[0])))


def mirrored(moments: Array, mirror: NDArray[np.int64]) -> Array:
    """Second moments of faces and of their mirror images together."""
    flip = np.kron(np.eye(len(mirror))[mirror], np.diag([-1.0, 1.0]))
    return (moments + flip @ moments @ flip.T) / 2


def with_pupils(covariance: Array, faces: Errors) -> Array:
    """Extend the covariance (136, 136) of the 68 points to the pupils."""
    moments = mirrored(faces.errors.T @ faces.errors, OPENPOSE_70.mirror)
    together = [k for k in range(68) if faces.seen[:, 2 * k].mean() > 0.9]
    rows = np.array([2 * k + axis for k in together for axis in (0, 1)])
    pupils = np.arange(136, 140)
    ridge = RIDGE * np.diag(np.diagonal(moments)[rows]) / len(faces.errors)
    follows = np.linalg.solve(moments[np.ix_(rows, rows)] + ridge, moments[np.ix_(rows, pupils)]).T
    left = moments[np.ix_(pupils, pupils)] - follows @ moments[np.ix_(rows, pupils)]
    whole = np.zeros((140, 140))
    whole[:136, :136] = covariance
    whole[136:, :136] = follows @ covariance[rows]
    whole[:136, 136:] = whole[136:, :136].T
    inside = covariance[np.ix_(rows, rows)]
    whole[136:, 136:] = follows @ inside @ follows.T + (left + left.T) / 2 / len(faces.errors)
    return mirrored(whole, OPENPOSE_70.mirror)


def main(recipe: Recipe) -> None:
    full = joined([errors_of(recipe.data, name) for name in FULL])
    whole = full.seen[:, :136].all(axis=1)
    values, held = full.errors[whole, :136], full.held[whole]
    others = values[~held]
    scale = (values[held] ** 2).mean() / (others**2).mean()
    moments = mirrored(others.T @ others / len(others) * scale, OPENPOSE_70.mirror[:68])
    moments = (1 - DIAGONAL) * moments + DIAGONAL * np.diag(np.diagonal(moments))
    pupils = joined([errors_of(recipe.data, name) for name in WITH_PUPILS])
    covariance = with_pupils(moments, pupils)
    radius = np.exp(np.log(full.radius).mean(axis=0))
    radius = (radius + radius[OPENPOSE_70.mirror]) / 2
    model = ShapeModel(OPENPOSE_70.names, mean_face(), covariance)
    print(f"# validation errors are {np.sqrt(scale):.2f} times the others'")
    text = json.dumps(BuiltinErrors(model, radius).to_dict(), separators=(",", ":"))
    print(f"# {len(text) / 1024:.0f} KB")
    if recipe.install:
        write_text(weights.LABEL_COVARIANCE, text + "\n")


if __name__ == "__main__":
    try:
        main(tyro.cli(Recipe))
    except FacepointsError as error:
        sys.exit(f"error: {error}")
