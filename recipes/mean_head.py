"""Reconstruct the mean head in three dimensions from landmarks in photos.

    python recipes/mean_head.py --data DATA

DATA contains `lfpw/train` (photos with .pts files, 300-W's annotation) and `held-out.txt`, the
names of the people in the test set, who are not used. Prints the numbers of
`facepoints/landmarks/mean_head.py`, and, if DATA contains `youtube-faces`, their difference from
a reconstruction from those frames.

The heads were not measured. Their depth follows from the relative motion of the points as heads
turn (structure from motion), with all people treated as one head plus noise:

1. Tomasi & Kanade 1992 (doi:10.1007/BF00129684): all points, faces below each other, are close
   to a matrix of rank 3; factors of it are the head and the cameras up to an affine map, which
   is known when the cameras' axes must be at right angles and of one length.
2. Then alternately: fit the head to every face, with points weighted by their scatter around the
   head, and compute the head that fits all faces best. Faces are used together with their mirror
   images, so the head is symmetric.
3. The head looks straight ahead, by definition, at the median pitch of the photos.

Step 1 and the fits use the points of brows, eyes, nose and mouth only. The jaw points lie on the
visible outline, which is a different line on the head as it turns; they are reconstructed with the
cameras of the others. Starting from a drawn head instead of step 1 gives the same result.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from numpy.typing import NDArray

from facepoints.datasets import readers
from facepoints.datasets.combine import read_people
from facepoints.errors import DataError, FacepointsError
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.measurement.pose import HeadFit, angles, fit_heads

Array = NDArray[np.floating]

ROUNDS = 20
FACE = IBUG_68.names.index("right_brow_1")
"""The first point that is not of the jaw; all after it are of the face."""
EYES = list(IBUG_68.eye_columns)
MIRROR = IBUG_68.mirror


@dataclass(frozen=True)
class Recipe:
    """Reconstruct the mean head."""

    data: Path = Path("../shared/data")
    """Folder with lfpw/train and held-out.txt, and perhaps youtube-faces."""


def faces(path: Path, held_out: set[str]) -> Array:
    """Points (N, 68, 2) of whole faces, upright or not, of unit size about the origin."""
    photos = readers.read(path)
    if photos.landmarks.names != IBUG_68.names:
        raise DataError(f"{path} should hold the 68 points of 300-W")
    keep = ~np.isin(photos.group, sorted(held_out)) & photos.labelled.all(axis=1)
    points = photos.points[keep].astype(np.float64)
    points -= points[:, FACE:].mean(axis=1, keepdims=True)
    return points / np.sqrt((points[:, FACE:] ** 2).sum(axis=2).mean(axis=1))[:, None, None]


def factorize(points: Array) -> Array:
    """The head (K, 3) of faces (N, K, 2), up to a turn and a mirror image (step 1).

    Raises:
        DataError: the faces are not those of one turning head.
    """
    centered = points - points.mean(axis=1, keepdims=True)
    rows = centered.transpose(0, 2, 1).reshape(-1, points.shape[1])
    u, size, v = np.linalg.svd(rows, full_matrices=False)
    cameras, head = u[:, :3] * np.sqrt(size[:3]), np.sqrt(size[:3])[:, None] * v[:3]
    across, down = cameras[0::2], cameras[1::2]
    pairs = np.concatenate([_pair(across, across) - _pair(down, down), _pair(across, down)])
    q = np.linalg.eigh(pairs.T @ pairs)[1][:, 0]
    metric = np.array([[q[0], q[1], q[2]], [q[1], q[3], q[4]], [q[2], q[4], q[5]]])
    length, axes = np.linalg.eigh(metric * np.sign(np.trace(metric)))
    if length[0] <= 0:
        raise DataError("no cameras with axes at right angles explain these points")
    return np.linalg.solve(axes * np.sqrt(length), head).T


def _pair(a: Array, b: Array) -> Array:
    """Coefficients (N, 6) of the symmetric matrix Q in a' Q b."""
    (x, y, z), (u, v, w) = a.T, b.T
    return np.stack([x * u, x * v + y * u, x * w + z * u, y * v, y * w + z * v, z * w], axis=1)


def align_axes(head: Array) -> Array:
    """Rotate a head into our axes (x to its left, y down, z ahead), and make it symmetric."""
    head = head - head.mean(axis=0)
    left = np.linalg.svd(head - head[MIRROR])[2][0]
    left *= np.sign((head[EYES[1]] - head[EYES[0]]) @ left)
    chin_ward = head[IBUG_68.names.index("lower_lip_center")] - head[EYES].mean(axis=0)
    down = chin_ward - chin_ward @ left * left
    down /= np.linalg.norm(down)
    forward = np.cross(left, down)
    tip = head[IBUG_68.names.index("nose_bridge_4")] - head.mean(axis=0)
    # depth may be the other way round, as far as parallel light can tell: the nose decides
    head = head @ np.column_stack([left, down, forward * np.sign(tip @ forward)])
    return symmetric(head)


def symmetric(head: Array) -> Array:
    """Half the head and half its mirror image, in our units: 1 between the outer corners of
    the eyes, the origin in their middle."""
    head = (head + head[MIRROR] * (-1, 1, 1)) / 2
    return (head - head[EYES].mean(axis=0)) / np.hypot(*(head[EYES[1]] - head[EYES[0]])[:2])


def fit_head(points: Array, head: Array, std: Array) -> HeadFit:
    """Fit a head to faces by the points that are not of the jaw."""
    inner = points[:, FACE:]
    return fit_heads(inner, np.zeros(inner.shape[:2]), head[FACE:], std[FACE:])


def reconstruct(points: Array) -> tuple[Array, Array]:
    """The mean head (68, 3) of faces, and the scatter (68,) of the points around it."""
    start = factorize(np.concatenate([points, points[:, MIRROR] * (-1, 1)])[:, FACE:])
    whole = np.zeros((68, 3))
    whole[FACE:] = start
    whole[:FACE] = start.mean(axis=0)  # not used before the first round has estimated them
    head, std = align_axes(whole), np.full(68, 0.05)
    both = np.concatenate([points, points[:, MIRROR] * (-1, 1)])
    for _ in range(ROUNDS):
        fit = fit_head(both, head, std)
        axes = fit.turn[:, :2]  # in units of the head, all faces count the same
        aligned = (both - fit.shift[:, None]) / fit.scale[:, None, None]
        normal = np.einsum("nai,naj->ij", axes, axes)
        head = np.linalg.solve(normal, np.einsum("nai,nka->ik", axes, aligned)).T
        off = aligned - np.einsum("nai,ki->nka", axes, head)
        head = symmetric(head)
        std = np.sqrt((off**2).mean(axis=(0, 2)))
    std = np.sqrt((std**2 + std[MIRROR] ** 2) / 2)
    return level_pitch(head, std, points)


def level_pitch(head: Array, std: Array, points: Array) -> tuple[Array, Array]:
    """Rotate the head so that the median pitch of the faces is 0 (step 3)."""
    fit = fit_head(points, head, std)
    pitch = np.deg2rad(np.median(angles(fit.turn)[:, 1]))
    cos, sin = np.cos(pitch), np.sin(pitch)
    about_x = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    return symmetric(head @ about_x.T), std


def main(recipe: Recipe) -> None:
    held_out = read_people(recipe.data / "held-out.txt")
    points = faces(recipe.data / "lfpw" / "train", held_out)
    head, std = reconstruct(points)
    print(f"# {len(points)} faces")
    for row, scatter in zip(head, std, strict=True):
        print(f"({', '.join(f'{v:.4f}' for v in row)}), {scatter:.4f}")
    fit = fit_head(points, head, std)
    low, high = np.percentile(angles(fit.turn), (5, 95), axis=0)
    print(f"# yaw, pitch, roll of 90 % of the faces from {low.round(1)} to {high.round(1)}")
    frames = recipe.data / "youtube-faces"
    if frames.is_dir():
        other = reconstruct(faces(frames, held_out))[0]
        difference = np.sqrt(((other - head)[FACE:] ** 2).mean(axis=0))
        print(f"# from {frames.name}: differs by {difference.round(4)} (x, y, z; rms)")


if __name__ == "__main__":
    try:
        main(tyro.cli(Recipe))
    except FacepointsError as error:
        sys.exit(f"error: {error}")
