"""Second labels for the training photos, predicted by MediaPipe Face Mesh.

Its errors are nearly independent of those of the labels, so the mean of both is more accurate than
either: on the validation people, the mean of our network and Face Mesh has an eighth less error
than the better of the two. Face Mesh also detects unlabelled faces in the photos.

Face Mesh (Kartynnik et al. 2019, https://arxiv.org/abs/1907.06724; Apache 2.0) defines its points
slightly differently. Its 468 vertices are mapped to the 68 points by ridge regression
(`correction`), for every person with a fit on other people.
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
"""Pixels. Smaller unlabelled faces are left out."""
AGREED = 0.09
"""Maximum mean distance of the two predictions of an unlabelled face, over that of its eyes."""
MIN_SCORE = 0.9
"""Minimum score of an unlabelled face."""

Points = NDArray[np.float64]


def opinions(files: Sequence[Path], points: Points, people: NDArray[np.str_], seed: int) -> Points:
    """Predictions of Face Mesh for labelled faces.

    Args:
        files: N photos.
        points: (N, 68, 2) labels in pixels.
        people: (N,) names; nobody's correction is fitted on their own photos.
        seed: of the folds.

    Returns:
        (N, 68, 2) in pixels; NaN for faces that it misses.
    """
    predicted, detected = _of_labelled(files, points)
    names = np.random.default_rng(seed).permutation(np.unique(people))
    fold = {name: number % FOLDS for number, name in enumerate(names)}
    folds = np.array([fold[name] for name in people])
    corrected = np.full_like(points, np.nan)
    for number in range(FOLDS):
        fitted, rest = detected & (folds != number), detected & (folds == number)
        correct = correction.fit("linear", predicted[fitted], points[fitted], people[fitted])
        corrected[rest] = correct(predicted[rest])
    return corrected


def others(
    files: Sequence[Path],
    points: Points,
    people: NDArray[np.str_],
    model: Predictor,
    target: NDArray[np.float32],
    side: int,
) -> tuple[NDArray[np.uint8], Points]:
    """Unlabelled faces in the photos, labeled by the mean of two predictions.

    Args:
        files: N photos.
        points: (N, 68, 2) labels in pixels.
        people: (N,) names.
        model: the network.
        target: (68, 2) points that the crops are aligned to.
        side: of the crops, pixels.

    Returns:
        Crops (M, side, side) and points (M, 68, 2) in their pixels.
    """
    predicted, detected = _of_labelled(files, points)
    correct = correction.fit("linear", predicted[detected], points[detected], people[detected])
    crops, labels = [], []
    for file, true, meshes in zip(files, points, peers.predictions(PEER, files), strict=True):
        labelled = match(true[None], [meshes])
        rest = np.delete(meshes, labelled[labelled >= 0], axis=0)  # -1: it was missed
        if not len(rest):
            continue
        image = read_image(file)
        faces = [face for face in model(image) if face.score >= MIN_SCORE]
        for mesh in correct(np.asarray(rest, np.float64)):
            label = _agreed(mesh, [face.points for face in faces])
            if label is not None:
                matrix = affine.fit_similarity(label, target)
                crops.append(affine.warp(to_gray(image), matrix, side, side))
                labels.append(affine.apply(matrix, label))
    return np.stack(crops), np.array(labels, np.float64)


def _of_labelled(files: Sequence[Path], points: Points) -> tuple[Points, NDArray[np.bool_]]:
    """Uncorrected points (N, 68, 2) of the labelled faces, and which were detected (N,)."""
    meshes = peers.predictions(PEER, files)
    chosen = match(points, meshes)
    predicted = np.zeros_like(points)
    for row, index in enumerate(chosen):
        if index >= 0:
            predicted[row] = meshes[row][index]
    return predicted, chosen >= 0


def _agreed(mesh: Points, others: Sequence[NDArray[np.float32]]) -> Points | None:
    """Mean of a prediction and the nearest of others, if they agree."""
    eyes = float(np.linalg.norm(mesh[36] - mesh[45]))
    if not others or np.ptp(mesh, axis=0).max() < SMALLEST or eyes <= 0:
        return None
    apart = [float(np.linalg.norm(other - mesh, axis=1).mean()) / eyes for other in others]
    nearest = int(np.argmin(apart))
    return (mesh + others[nearest]) / 2 if apart[nearest] <= AGREED else None
