"""Held-out faces of every labelled set, the matching of predictions to them, and their errors.

All tables have the 70 columns of `sets.COLUMNS` and a mask of the labelled ones. A face is matched
and measured by its labelled points alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets import readers
from facepoints.datasets.people import read_people
from facepoints.datasets.samples import Photos
from facepoints.detection.base import overlaps
from facepoints.errors import DataError
from facepoints.landmarks import metrics

from .sets import COLUMNS, PUPILS, SETS, LabelledSet, Measure, columns_of

__all__ = ["OVERLAP", "FaceSet", "Split", "match", "measure", "percent", "read_sets"]

OVERLAP = 0.3
"""A predicted face matches a true one if the boxes of their points overlap by at least this
(intersection over union)."""

_OUTER_EYES = columns_of("right_eye_outer_corner", "left_eye_outer_corner")


@dataclass(frozen=True)
class FaceSet:
    """N labelled faces.

    Attributes:
        files: N images; faces of one photo share it.
        points: (N, 70, 2) float64, the true points in pixels, 0 where not labelled.
        labelled: (N, 70) bool.
        names: N names, to list faces: the photo, with "#2" for its second face.
        people: (N,) str.
    """

    files: tuple[Path, ...]
    points: NDArray[np.float64]
    labelled: NDArray[np.bool_]
    names: tuple[str, ...]
    people: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.files)

    def take(self, rows: NDArray[np.intp]) -> FaceSet:
        """These rows only."""
        return FaceSet(
            tuple(self.files[i] for i in rows),
            self.points[rows],
            self.labelled[rows],
            tuple(self.names[i] for i in rows),
            self.people[rows],
        )

    @property
    def photos(self) -> tuple[Path, ...]:
        """The M different images, in order."""
        return tuple(dict.fromkeys(self.files))

    @property
    def photo(self) -> NDArray[np.intp]:
        """Number of each face's image in `photos`, (N,)."""
        number = {file: i for i, file in enumerate(self.photos)}
        return np.array([number[file] for file in self.files], dtype=np.intp)

    def normalizer(self, by: str) -> NDArray[np.float64]:
        """Pixels (N,) that errors are divided by, see `sets.Measure`; 0 where unknown."""
        if by == "box":
            return metrics.box_side(self.points, self.labelled)
        a, b = PUPILS if by == "pupils" else _OUTER_EYES
        distance = np.linalg.norm(self.points[:, a] - self.points[:, b], axis=1)
        return np.where(self.labelled[:, [a, b]].all(axis=1), distance, 0.0)

    @property
    def box_side(self) -> NDArray[np.float64]:
        """sqrt(width * height) of the box of the labelled points in pixels, (N,)."""
        return self.normalizer("box")


@dataclass(frozen=True)
class Split:
    """One data set: faces to measure on, and other people's faces to fit corrections on."""

    held_out: FaceSet
    training: FaceSet


def read_sets(
    data: Path, names: Sequence[str] = tuple(SETS), training: int = 600, seed: int = 0
) -> dict[str, Split]:
    """Read data sets in the folder, by name. Those that are missing are left out with a word.

    Args:
        names: of `SETS`.
        training: number of faces of people who are not held out, at most.
        seed: chooses these faces.

    Raises:
        DataError: there is none, or a set has a wrong format.
    """
    held = read_people(data / "held-out.txt")
    sets = {}
    for name in names:
        folder = data / SETS[name].folder
        if not folder.is_dir():
            print(f"left out: {name}, because {folder} does not exist")
            continue
        faces = _faces(folder, SETS[name])
        out = np.isin(faces.people, sorted(held))
        others = np.random.default_rng(seed).permutation(np.flatnonzero(~out))[:training]
        sets[name] = Split(faces.take(np.flatnonzero(out)), faces.take(np.sort(others)))
    if not sets:
        raise DataError(f"none of {', '.join(names)} is in {data}; --data names the folder")
    return sets


def _faces(folder: Path, labelled_set: LabelledSet) -> FaceSet:
    """All faces of a set, with its points in the 70 columns."""
    files: list[Path] = []
    parts = []
    for part in labelled_set.parts:
        photos = readers.read(folder, split=part)
        if not isinstance(photos, Photos):
            raise DataError(f"{folder}: expected images with labelled faces")
        own = labelled_set.names or {name: name for name in photos.landmarks.names}
        if lacking := set(own) - set(photos.landmarks.names) | set(own.values()) - set(COLUMNS):
            raise DataError(f"{folder}: expected other points; no {', '.join(sorted(lacking))}")
        chosen, columns = photos.landmarks.columns(tuple(own)), columns_of(*own.values())
        points = np.zeros((len(photos), len(COLUMNS), 2))
        labelled = np.zeros((len(photos), len(COLUMNS)), dtype=bool)
        points[:, columns] = photos.points[:, chosen]
        labelled[:, columns] = photos.labelled[:, chosen]
        inside = folder / part if (folder / part).is_dir() else folder
        files += [inside / str(name).partition("#")[0] for name in photos.names]
        names = [str((inside / str(name)).relative_to(folder)) for name in photos.names]
        parts.append((points, labelled, names, photos.group))
    points, labelled, names, groups = zip(*parts, strict=True)
    return FaceSet(
        files=tuple(files),
        points=np.concatenate(points),
        labelled=np.concatenate(labelled),
        names=tuple(name for some in names for name in some),
        people=np.concatenate(groups),
    )


def match(
    truth: NDArray[np.float64],
    predictions: Sequence[NDArray[np.floating]],
    labelled: NDArray[np.bool_] | None = None,
    photo: NDArray[np.intp] | None = None,
) -> NDArray[np.intp]:
    """Choose the predicted face that belongs to each true face.

    A predicted face belongs to one true face at most: pairs are taken in the order of their
    overlap.

    Args:
        truth: (N, K, 2).
        predictions: for each of M images (faces, K, 2) in pixels; (0, K, 2) for none.
        labelled: (N, K), the points that boxes are drawn around; None: all.
        photo: (N,), the image of each true face; None: one face in each image.

    Returns:
        Index (N,) of the prediction whose box overlaps the true one most; -1 where none
        overlaps by more than `OVERLAP`: that face is missed.
    """
    every = np.ones(truth.shape[:2], dtype=bool) if labelled is None else labelled
    images = np.arange(len(truth)) if photo is None else photo
    pairs = []
    for row, (true, here, image) in enumerate(zip(truth, every, images.tolist(), strict=True)):
        faces = np.asarray(predictions[image], dtype=np.float64)
        if len(faces):
            overlap, _ = overlaps(_boxes(faces[:, here]), _boxes(true[None, here])[0])
            pairs += [(-o, row, index) for index, o in enumerate(overlap) if o > OVERLAP]
    chosen = np.full(len(truth), -1)
    taken = set()
    for _, row, index in sorted(pairs):
        if chosen[row] < 0 and (images[row], index) not in taken:
            chosen[row] = index
            taken.add((images[row], index))
    return chosen


def _boxes(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bounding boxes (N, 4) of points (N, K, 2): x, y, width, height; at least a tiny area."""
    low, high = points.min(axis=1), points.max(axis=1)
    return np.concatenate([low, np.maximum(high - low, 1e-6)], axis=1)


def measure(
    faces: FaceSet,
    points: NDArray[np.floating],
    detected: NDArray[np.bool_],
    measures: Sequence[Measure],
) -> dict[str, Any]:
    """Compute the figures of one side on one set, in percent.

    Each measure is the mean over the detected faces of the mean distance of their labelled
    points over the normalizer. FR counts faces whose first measure is above 8 or 10 percent, and
    every missed face.

    Args:
        points: (N, 70, 2); ignored where `detected` is false.
        detected: (N,), false for missed faces.
    """
    figures: dict[str, Any] = {"faces": len(faces)}
    for number, one in enumerate(measures):
        columns = list(one.columns)
        errors = metrics.nme(
            points[detected][:, columns],
            faces.points[detected][:, columns],
            faces.labelled[detected][:, columns],
            faces.normalizer(one.by)[detected],
        )
        figures[one.key] = percent(errors)
        if not number:
            for limit in (8, 10):
                failed = int((errors > limit / 100).sum() + (~detected).sum())
                figures[f"fr_{limit}"] = round(100 * failed / len(faces), 2)
    figures["missed"] = [n for n, hit in zip(faces.names, detected, strict=True) if not hit]
    return figures


def percent(parts: NDArray[np.floating]) -> float:
    """Mean of (M,) shares in percent; 0 for none."""
    return round(float(parts.mean()) * 100, 3) if len(parts) else 0.0
