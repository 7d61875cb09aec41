"""What MediaPipe Face Mesh says of the training photos: a second opinion on every label.

Its mistakes have little to do with those of the labels, so the mean of both is nearer to where the
points are than either: for the people validated on, the mean of what our network and Face Mesh
say is an eighth less wrong than the better one. It also sees faces beside the labelled one.

Face Mesh (Kartynnik et al. 2019, https://arxiv.org/abs/1907.06724; Apache 2.0) marks slightly
other places. Its 468 vertices are mapped to the 68 points by ridge regression (`correction`),
of every person by what was fitted on others.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
from support import correction, peers
from support.faces import match

from facepoints.imaging import affine
from facepoints.imaging.image_io import read_image, to_gray
from facepoints.inference.predictor import Predictor

__all__ = ["opinions", "others"]

PEER = "mediapipe-refined"
FOLDS = 8
SMALLEST = 40.0
"""Pixels: further faces that are smaller are left out, ..."""
AGREED = 0.09
"""... as are those of which both answers lie further apart, by the distance of the eyes, ..."""
SURE = 0.9
"""... or that the network is less sure of."""

Points = NDArray[np.float64]


def opinions(files: Sequence[Path], points: Points, people: NDArray[np.str_], seed: int) -> Points:
    """What Face Mesh says of labelled faces (N, 68, 2), in pixels; NaN of those it misses."""
    found, seen = _of_labelled(files, points)
    names = np.random.default_rng(seed).permutation(np.unique(people))
    fold = {name: number % FOLDS for number, name in enumerate(names)}
    part = np.array([fold[name] for name in people])
    said = np.full_like(points, np.nan)
    for number in range(FOLDS):
        known, asked = seen & (part != number), seen & (part == number)
        correct = correction.fit("linear", found[known], points[known], people[known])
        said[asked] = correct(found[asked])
    return said


def others(
    files: Sequence[Path],
    points: Points,
    people: NDArray[np.str_],
    model: Predictor,
    target: NDArray[np.float32],
    side: int,
) -> tuple[NDArray[np.uint8], Points]:
    """Faces beside the labelled ones, of which the mean of Face Mesh's and a network's answers is
    the label: crops (M, side, side) with their points (M, 68, 2) laid onto `target` (68, 2)."""
    found, seen = _of_labelled(files, points)
    correct = correction.fit("linear", found[seen], points[seen], people[seen])
    crops, labels = [], []
    for file, true, answers in zip(files, points, peers.answers(PEER, files), strict=True):
        labelled = match(true[None], [answers])
        rest = np.delete(answers, labelled[labelled >= 0], axis=0)  # -1: it was missed
        if not len(rest):
            continue
        picture = read_image(file)
        faces = [face for face in model(picture) if face.score >= SURE]
        for said in correct(np.asarray(rest, np.float64)):
            label = _agreed(said, [face.points for face in faces])
            if label is not None:
                matrix = affine.fit_similarity(label, target)
                crops.append(affine.warp(to_gray(picture), matrix, side, side))
                labels.append(affine.apply(matrix, label))
    return np.stack(crops), np.array(labels, np.float64)


def _of_labelled(files: Sequence[Path], points: Points) -> tuple[Points, NDArray[np.bool_]]:
    """Uncorrected points (N, 68, 2) of the labelled faces, and which were found (N,)."""
    answers = peers.answers(PEER, files)
    chosen = match(points, answers)
    found = np.zeros_like(points)
    for row, index in enumerate(chosen):
        if index >= 0:
            found[row] = answers[row][index]
    return found, chosen >= 0


def _agreed(said: Points, answers: Sequence[NDArray[np.float32]]) -> Points | None:
    """The mean of an answer and the nearest of others, if they agree."""
    eyes = float(np.linalg.norm(said[36] - said[45]))
    if not answers or np.ptp(said, axis=0).max() < SMALLEST or eyes <= 0:
        return None
    apart = [float(np.linalg.norm(other - said, axis=1).mean()) / eyes for other in answers]
    nearest = int(np.argmin(apart))
    return (said + answers[nearest]) / 2 if apart[nearest] <= AGREED else None
