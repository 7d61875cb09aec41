"""Extra boxes: faces that a side sees where no labelled face is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.imaging import affine

from .cli import ROOT
from .faces import FaceSet
from .frames import Frame, frame_of, same, unlabelled

__all__ = ["EXTRA", "extra_frames", "keep_crop"]

EXTRA = ROOT / "build" / "extra-boxes"
"""Crops of extra boxes are written here, to be looked at."""


def extra_frames(
    faces: FaceSet, predictions: Sequence[NDArray[np.float64]], chosen: NDArray[np.intp]
) -> tuple[list[tuple[Path, Frame]], int]:
    """Predicted faces that belong to no labelled face.

    Args:
        predictions: for each of `faces.photos` (n, 70, 2) points in pixels.
        chosen: (N,) the prediction of each labelled face, from `faces.match`.

    Returns:
        Image and frame of each one that is not listed as a real face, and the number of those
        that are listed.
    """
    photo, extra, real = faces.photo, [], 0
    for number, (file, predicted) in enumerate(zip(faces.photos, predictions, strict=True)):
        rows = np.flatnonzero(photo == number)
        rest = sorted(set(range(len(predicted))) - set(chosen[rows].tolist()))
        known = unlabelled(faces.names[rows[0]])
        for index in rest:
            frame = frame_of(predicted[index])
            if any(same(frame, other) for other in known):
                real += 1
            else:
                extra.append((file, frame))
    return extra, real


def keep_crop(side: str, file: Path, frame: Frame, note: str = "") -> None:
    """Write a crop of an extra box to `EXTRA`; its name holds the frame."""
    folder = EXTRA / side.replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    image = np.asarray(cv2.imread(str(file)), dtype=np.uint8)
    half = frame.side / 2
    box = (frame.x - half, frame.y - half, frame.side, frame.side)
    crop = affine.warp(image, affine.crop_matrix(box, 160, 0.6), 160, 160)
    place = f"{frame.x:.0f}_{frame.y:.0f}_{frame.side:.0f}"
    cv2.imwrite(str(folder / f"{file.stem}@{place}{note}.png"), crop)
