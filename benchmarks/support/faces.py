"""Held-out faces, the matching of predictions to them, and the errors of predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets import readers
from facepoints.datasets.combine import read_people
from facepoints.datasets.samples import Photos
from facepoints.detection.base import overlaps
from facepoints.errors import DataError
from facepoints.landmarks import metrics
from facepoints.landmarks.known_sets import IBUG_68

__all__ = ["INNER", "OVERLAP", "FaceSet", "Split", "match", "measure", "read_sets"]

SETS = {"lfpw": ("lfpw/train", ("training",)), "youtube": ("youtube-faces", ("training", "test"))}
INNER = slice(17, 68)  # without the jaw line
OVERLAP = 0.3
"""A predicted face matches a true one if the boxes of their points overlap by at least this
(intersection over union)."""


@dataclass(frozen=True)
class FaceSet:
    """N labelled faces, each in an image of its own.

    Attributes:
        files: N images.
        points: (N, 68, 2) float64, the true points in pixels.
        names: N names, to list faces.
        people: (N,) str.
    """

    files: tuple[Path, ...]
    points: NDArray[np.float64]
    names: tuple[str, ...]
    people: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.files)

    def take(self, rows: NDArray[np.intp]) -> FaceSet:
        """These rows only."""
        return FaceSet(
            tuple(self.files[i] for i in rows),
            self.points[rows],
            tuple(self.names[i] for i in rows),
            self.people[rows],
        )

    @property
    def eye_distance(self) -> NDArray[np.float64]:
        """Distance of the outer corners of the eyes in pixels, (N,)."""
        return metrics.eye_distance(self.points, self._labelled, IBUG_68)

    @property
    def box_side(self) -> NDArray[np.float64]:
        """sqrt(width * height) of the box of the true points in pixels, (N,)."""
        return metrics.box_side(self.points, self._labelled)

    @property
    def _labelled(self) -> NDArray[np.bool_]:
        return np.ones(self.points.shape[:2], dtype=bool)


@dataclass(frozen=True)
class Split:
    """One data set: faces to measure on, and other people's faces to fit corrections on."""

    held_out: FaceSet
    training: FaceSet


def read_sets(data: Path, training: int = 600, seed: int = 0) -> dict[str, Split]:
    """Read every data set in the folder, by name.

    Args:
        training: number of faces of people who are not held out.
        seed: chooses these faces.

    Raises:
        DataError: there is none, or a set has a wrong format.
    """
    held = read_people(data / "held-out.txt")
    sets = {}
    for name, (folder, parts) in SETS.items():
        if not (data / folder).is_dir():
            print(f"left out: {name}, because {data / folder} does not exist")
            continue
        faces = _faces(data / folder, parts)
        out = np.isin(faces.people, sorted(held))
        others = np.random.default_rng(seed).permutation(np.flatnonzero(~out))[:training]
        sets[name] = Split(faces.take(np.flatnonzero(out)), faces.take(np.sort(others)))
    if not sets:
        raise DataError(f"none of {', '.join(SETS)} is in {data}; --data names the folder")
    return sets


def _faces(folder: Path, parts: Sequence[str]) -> FaceSet:
    read = []
    for part in parts:
        photos = readers.read(folder, split=part)
        if not isinstance(photos, Photos) or photos.landmarks != IBUG_68:
            raise DataError(f"{folder}: expected images with the 68 points of 300-W")
        inside = folder / part if (folder / part).is_dir() else folder
        read.append((photos, [inside / str(name) for name in photos.names]))
    return FaceSet(
        files=tuple(file for _, files in read for file in files),
        points=np.concatenate([photos.points for photos, _ in read]).astype(np.float64),
        names=tuple(str(file.relative_to(folder)) for _, files in read for file in files),
        people=np.concatenate([photos.group for photos, _ in read]),
    )


def match(
    truth: NDArray[np.float64], predictions: Sequence[NDArray[np.floating]]
) -> NDArray[np.intp]:
    """Choose the predicted face that belongs to each true face.

    Args:
        truth: (N, 68, 2).
        predictions: for each of the N images (faces, 68, 2) in pixels; (0, 68, 2) for none.

    Returns:
        Index (N,) of the prediction whose box overlaps the true one most; -1 where none
        overlaps by `OVERLAP`: that face is missed.
    """
    chosen = np.full(len(truth), -1)
    for row, (true, predicted) in enumerate(zip(truth, predictions, strict=True)):
        if len(predicted):
            overlap, _ = overlaps(_boxes(np.asarray(predicted, np.float64)), _boxes(true[None])[0])
            best = int(overlap.argmax())
            chosen[row] = best if overlap[best] > OVERLAP else -1
    return chosen


def _boxes(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bounding boxes (N, 4) of points (N, K, 2): x, y, width, height."""
    low, high = points.min(axis=1), points.max(axis=1)
    return np.concatenate([low, high - low], axis=1)


def measure(
    faces: FaceSet, points: NDArray[np.floating], detected: NDArray[np.bool_]
) -> dict[str, Any]:
    """Compute the figures of one side on one set, in percent.

    NME is the mean over the detected faces, normalized by the distance of the outer
    corners of the eyes or by the box of the true points, over all 68 points or the 51
    without the jaw. FR counts faces with an NME (68 points, eyes) above 8 or 10 percent,
    and every missed face.

    Args:
        points: (N, 68, 2); ignored where `detected` is false.
        detected: (N,), false for missed faces.
    """
    distance = np.linalg.norm(points - faces.points, axis=-1)[detected]
    inner = distance[:, INNER].mean(axis=1)
    eyes, box = faces.eye_distance[detected], faces.box_side[detected]
    by_eyes = distance.mean(axis=1) / eyes
    return {
        "faces": len(faces),
        "eyes_68": percent(by_eyes),
        "eyes_51": percent(inner / eyes),
        "box_68": percent(distance.mean(axis=1) / box),
        "box_51": percent(inner / box),
        **{
            f"fr_{limit}": round(
                float((by_eyes > limit / 100).sum() + (~detected).sum()) / len(faces) * 100, 2
            )
            for limit in (8, 10)
        },
        "missed": [name for name, hit in zip(faces.names, detected, strict=True) if not hit],
    }


def percent(parts: NDArray[np.floating]) -> float:
    """Mean of (M,) shares in percent; 0 for none."""
    return round(float(parts.mean()) * 100, 3) if len(parts) else 0.0
