"""Reconstruct the mean head in three dimensions from landmarks in photos.

    python recipes/mean_head.py --data DATA --install

DATA contains `held-out.txt`, the names of the people in the test set, who are not used, and the
sets `lfpw/train`, `helen`, `afw` and `youtube-faces` with 68 points (annotation of 300-W) and
`cfp`, faces from the side with the 30 points of the visible half. Prints the numbers of
`facepoints/landmarks/mean_head.py`, and writes them there with `--install`.

The heads were not measured. Their depth follows from the relative motion of the points as heads
turn (structure from motion). Points that a set does not label do not count.

1. Tomasi & Kanade 1992 (doi:10.1007/BF00129684) on the faces with all points: these, faces below
   each other, are close to a matrix of rank 3; factors of it are the head and the cameras up to
   an affine map, which is known when the cameras' axes must be at right angles and of one length.
2. Then all faces, with people who differ: a face is the mean head plus a sum of a few symmetric
   modes with normal weights, turned, plus noise. Mean, modes, noise and the faces' weights are
   estimated in turn (EM for non-rigid structure from motion: Torresani, Hertzmann & Bregler 2008,
   doi:10.1109/TPAMI.2007.70752). With one rigid head for all people, a long face looks like a
   head that nods, and depth comes out too small. The weights have mean 0 among the faces from
   the side and among the others, because both show the same kind of people.
3. The head looks straight ahead, by definition, at the median pitch of the photos.

The poses are fitted to the points of brows, eyes, nose and mouth only. Jaw points lie on the
visible outline, which is a different line on the head as it turns. They are reconstructed with the
cameras of the others, from faces that look ahead (the outline of a head seen from the front) and
from faces from the side, which show where that line runs in depth.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tyro
from framing import yaw_of_half
from nonrigid import Heads, fit_modes
from numpy.typing import NDArray

from facepoints.datasets import readers
from facepoints.datasets.people import read_people
from facepoints.errors import DataError, FacepointsError
from facepoints.landmarks import mean_head
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.measurement.head_fit import angles, fit_heads

Array = NDArray[np.floating]

WHOLE = {"lfpw/train": 1, "helen": 1, "afw": 1, "youtube-faces": 6}
"""Sets with all points, and which of their faces are used: 1 for all, 6 for every sixth, because
frames of one person are alike."""
SIDE = "cfp"
LID_ORDER = np.arange(68)
LID_ORDER[[40, 41, 46, 47]] = 41, 40, 47, 46
"""Columns of the set from the side in iBUG's order: its labels of the lower lid run from the outer
to the inner corner (in 97 of 100 eyes)."""
MODES, ROUNDS = 6, 40
FACE = IBUG_68.names.index("right_brow_1")
"""The first point that is not of the jaw; all after it are of the face."""
EYES = list(IBUG_68.eye_columns)
MIRROR = IBUG_68.mirror
INSTALLED = Path(mean_head.__file__)


@dataclass(frozen=True)
class Recipe:
    """Reconstruct the mean head."""

    data: Path = Path("../shared/data")
    """Folder with the sets and held-out.txt."""
    install: bool = False
    """Write the numbers to the package (src/facepoints/landmarks/mean_head.py)."""


@dataclass(frozen=True)
class Faces:
    """Labels of faces, each of unit size about the origin.

    Attributes:
        points: (N, 68, 2).
        seen: (N, 68), where labeled.
        side: (N,), True for faces of the set of faces from the side.
        yaw: (N, 2) expected yaw, as in `fit_heads`.
    """

    points: Array
    seen: NDArray[np.bool_]
    side: NDArray[np.bool_]
    yaw: Array


def read_faces(data: Path) -> Faces:
    """The faces of all sets, without the people of the test set."""
    held_out = sorted(read_people(data / "held-out.txt"))
    points, seen, side = [], [], []
    for name in (*WHOLE, SIDE):
        photos = readers.read(data / name)
        if photos.landmarks.names != IBUG_68.names:
            raise DataError(f"{data / name} should hold the 68 points of 300-W")
        keep = ~np.isin(photos.group, held_out)
        keep &= photos.labelled[:, FACE:].sum(axis=1) >= 15
        rows = np.flatnonzero(keep)[:: WHOLE.get(name, 1)]
        order = LID_ORDER if name == SIDE else np.arange(68)
        points.append(photos.points[rows][:, order].astype(np.float64))
        seen.append(photos.labelled[rows][:, order])
        side.append(np.full(len(rows), name == SIDE))
    every, mask = np.concatenate(points), np.concatenate(seen)
    inner = mask & (np.arange(68) >= FACE)
    share = (inner / inner.sum(axis=1, keepdims=True))[..., None]
    every -= (every * share).sum(axis=1, keepdims=True)
    every /= np.sqrt((every**2 * share).sum(axis=(1, 2)))[:, None, None]
    expected = yaw_of_half(mask)
    return Faces(np.where(mask[..., None], every, 0), mask, np.concatenate(side), expected)


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
    return symmetric(head @ np.column_stack([left, down, forward * np.sign(tip @ forward)]))


def symmetric(head: Array) -> Array:
    """Half the head and half its mirror image, in our units: 1 between the outer corners of
    the eyes, the origin in their middle."""
    head = (head + head[MIRROR] * (-1, 1, 1)) / 2
    return (head - head[EYES].mean(axis=0)) / np.hypot(*(head[EYES[1]] - head[EYES[0]])[:2])


def first_heads(faces: Faces) -> Heads:
    """A head of step 1 with random small modes."""
    whole = faces.points[faces.seen.all(axis=1)]
    both = np.concatenate([whole, whole[:, MIRROR] * (-1, 1)])
    start = factorize(both[:, FACE:])
    head = np.zeros((68, 3))
    head[FACE:] = start
    head[:FACE] = start.mean(axis=0)  # not used before the first round has estimated them
    modes = np.random.default_rng(0).normal(size=(MODES, 68, 3)) * 0.02
    modes = (modes + modes[:, MIRROR] * (-1, 1, 1)) / 2
    return Heads(align_axes(head), modes, np.full(68, 0.05))


def rigid_scatter(faces: Faces, head: Array, std: Array) -> tuple[Array, Array]:
    """Scatter (68,) of a coordinate of the labels about the mean head alone, fitted to each face,
    and the faces' angles (N, 3)."""
    sigma = np.where(faces.seen, 0, np.inf)
    inner = faces.points[:, FACE:], sigma[:, FACE:]
    fit = fit_heads(*inner, head[FACE:], std[FACE:], yaw=faces.yaw)
    for _ in range(4):
        off = (faces.points - fit(head)) / fit.scale[:, None, None]
        # the median of a squared distance, of normal errors, is 2 log 2 variances
        square = np.ma.median(np.ma.array((off**2).sum(axis=2), mask=~faces.seen), axis=0)
        variance = np.asarray(square) / (2 * np.log(2))
        std = np.sqrt((variance + variance[MIRROR]) / 2)
        fit = fit_heads(*inner, head[FACE:], std[FACE:], yaw=faces.yaw)
    return std, angles(fit.turn)


def level_pitch(heads: Heads, pitch: float) -> Heads:
    """Rotate the head so that a pitch, in degrees, becomes 0 (step 3)."""
    cos, sin = np.cos(np.deg2rad(pitch)), np.sin(np.deg2rad(pitch))
    about_x = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    return replace(heads, mean=symmetric(heads.mean @ about_x.T), modes=heads.modes @ about_x.T)


def source_of(head: Array, std: Array) -> tuple[str, str]:
    """The numbers of the head, and of the scatter, as source code."""
    rows = [f"({', '.join(f'{v + 0.0:.4f}' for v in row)})," for row in head]
    numbers = [f"{v:.4f}," for v in std]
    return _lines(rows, 3), _lines(numbers, 10)


def _lines(cells: list[str], count: int) -> str:
    rows = [cells[i : i + count] for i in range(0, len(cells), count)]
    return "\n".join(f"        {' '.join(row)}" for row in rows)


def install(head: Array, std: Array, path: Path = INSTALLED) -> None:
    """Write the numbers to the package."""
    text = path.read_text(encoding="utf-8")
    for name, numbers in zip(("MEAN_HEAD", "HEAD_STD"), source_of(head, std), strict=True):
        before, mark, rest = text.partition(f"{name}: NDArray[np.float64] = np.array(\n    [\n")
        after = rest.partition("    ]\n")[2]
        text = f"{before}{mark}{numbers}\n    ]\n{after}"
    path.write_text(text, encoding="utf-8")


def main(recipe: Recipe) -> None:
    faces = read_faces(recipe.data)
    print(f"# {len(faces.side)} faces, {faces.side.sum()} of them from the side")
    inner = np.arange(68) >= FACE
    heads = fit_modes(first_heads(faces), faces, inner, ROUNDS)
    pitch = rigid_scatter(faces, heads.mean, heads.std)[1][~faces.side, 1]
    heads = level_pitch(heads, float(np.median(pitch)))
    std, turned = rigid_scatter(faces, heads.mean, heads.std)
    print("\n".join(source_of(heads.mean, std)))
    for name, rows in (("whole", ~faces.side), ("side", faces.side)):
        spread = np.percentile(np.abs(turned[rows, 0]), (5, 25, 50, 75, 95)).round(1)
        print(f"# {name} faces: |yaw| at 5, 25, 50, 75, 95 %: {spread}")
    if recipe.install:
        install(heads.mean, std)


if __name__ == "__main__":
    try:
        main(tyro.cli(Recipe))
    except FacepointsError as error:
        sys.exit(f"error: {error}")
