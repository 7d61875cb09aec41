"""Calibration of the radius of every point, on held-out people and on hidden points.

    python benchmarks/radius.py                 # two minutes on 2 cores

Faces are detected and matched as in `accuracy.py`. Errors are distances to the labels.

- coverage: share of the points within their radius, which should be 90 %; of all points, and of
  each of the 68 (least and most).
- sorting: points are ordered by radius over the side of the face's box. Mean error of the tenth
  with the largest radii over that of the tenth with the smallest.
- hidden points: every face once more with a patch as large as a hand (0.4 x 0.6 of the face)
  over a part of it, a random texture in the gray values of the face. Both images are predicted with
  the box of the true points, so that only the points differ. Median ratio of the radii with and
  without the patch, below the patch and elsewhere; and the share of hidden points within their
  radius.

Results: benchmarks/results/radius.json and radius.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from support import tables
from support.cli import make_parser
from support.faces import FaceSet, match, read_sets
from support.ours import about, find_faces

from facepoints import weights
from facepoints.detection import Detection
from facepoints.imaging import affine
from facepoints.imaging.image_io import read_image
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.inference.predictor import Predictor
from facepoints.landmarks.known_sets import IBUG_68

FLOORS = {"all": (88, 92), "each": (84, 96), "sorting": 3.0}
PATCH = (0.4, 0.6)  # width and height, shares of the longer side of the face's box
COARSE = 0.1  # cell of the patch's texture, share of the same side


@dataclass(frozen=True)
class Measured:
    """M detected faces with their radii.

    Attributes:
        error: (M, 68) distance of prediction and label in pixels.
        radius: (M, 68) pixels.
        side: (M,) sqrt(width * height) of the true points' box.
    """

    error: NDArray[np.float64]
    radius: NDArray[np.float64]
    side: NDArray[np.float64]


def measure(faces: FaceSet, model: Path | None) -> Measured:
    """Errors and radii of all detected faces."""
    detected = find_faces(faces.files, model)
    chosen = match(faces.points, [np.array([f.points for f in row]) for row in detected])
    rows = np.flatnonzero(chosen >= 0)
    matched = [detected[row][chosen[row]] for row in rows]
    points = np.array([face.points for face in matched])
    return Measured(
        error=np.linalg.norm(points - faces.points[rows], axis=2),
        radius=np.array([face.radius for face in matched], dtype=np.float64),
        side=faces.box_side[rows],
    )


T = TypeVar("T", Measured, "Hidden")


def joined(parts: Sequence[T]) -> T:
    """Join the faces of several sets."""
    names = [field.name for field in fields(parts[0])]
    return type(parts[0])(*(np.concatenate([getattr(p, n) for p in parts]) for n in names))


def figures(m: Measured) -> dict[str, Any]:
    """Coverage in percent, and the ratio of errors when points are sorted by radius."""
    inside = m.error <= m.radius
    each = inside.mean(axis=0) * 100
    radius, error = (m.radius / m.side[:, None]).ravel(), (m.error / m.side[:, None]).ravel()
    order = np.argsort(radius)
    tenth = len(order) // 10
    least, most = error[order[:tenth]].mean(), error[order[-tenth:]].mean()
    low, high = int(each.argmin()), int(each.argmax())
    return {
        "faces": len(m.side),
        "coverage": round(float(inside.mean()) * 100, 2),
        "least_of_a_point": [round(float(each[low]), 2), IBUG_68.names[low]],
        "most_of_a_point": [round(float(each[high]), 2), IBUG_68.names[high]],
        "each_point": dict(zip(IBUG_68.names, np.round(each, 2).tolist(), strict=True)),
        "sorting": round(float(most / least), 2),
        "median_radius": round(float(np.median(radius)) * 100, 2),
    }


@dataclass(frozen=True)
class _OneBox:
    """A detector that returns one given box."""

    box: tuple[float, float, float, float]

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Return the box."""
        return [Detection(self.box)]


def add_patch(
    image: NDArray[np.uint8], points: NDArray[np.float64], random: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A gray image with a patch over a part of the face, and a mask (68,) of the hidden points."""
    longer = max(affine.bounding_box(points)[2:])
    width, height = PATCH[0] * longer, PATCH[1] * longer
    center = points[random.integers(len(points))] + random.normal(0, 0.05 * longer, 2)
    angle = random.uniform(0, 180)
    upright = affine.rotation_matrix(-angle, (float(center[0]), float(center[1])))

    def inside(places: NDArray[np.floating]) -> NDArray[np.bool_]:
        across = np.abs(affine.apply(upright, places) - center)
        return np.asarray((across[..., 0] <= width / 2) & (across[..., 1] <= height / 2))

    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    here = inside(np.stack([columns, rows], axis=-1))
    x, y, w, h = (round(v) for v in affine.bounding_box(points))
    face = image[max(y, 0) : y + h, max(x, 0) : x + w]
    cells = [max(2, round(n / (longer * COARSE))) for n in image.shape]
    coarse = random.normal(face.mean() * random.uniform(0.7, 1.2), 0.5 * face.std(), cells)
    texture = cv2.resize(coarse, image.shape[::-1], interpolation=cv2.INTER_CUBIC)
    grain = random.normal(0, 3, image.shape)
    patched = np.where(here, np.clip(texture + grain, 0, 255), image).astype(np.uint8)
    return patched, inside(points)


@dataclass(frozen=True)
class Hidden:
    """M faces predicted with a patch over a part of each, and without.

    Attributes:
        ratio: (M, 68) radius with the patch over radius without.
        covered: (M, 68) whether the patch lies over the true point.
        within: (M, 68) whether the true point is within the radius, with the patch.
    """

    ratio: NDArray[np.float64]
    covered: NDArray[np.bool_]
    within: NDArray[np.bool_]


def hide(faces: FaceSet, model: LandmarkModel) -> Hidden:
    """Predict every face with a patch and without."""
    random = np.random.default_rng(0)
    rows = []
    for file, points in zip(faces.files, faces.points, strict=True):
        rgb = as_rgb(read_image(file))
        gray = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
        patched, covers = add_patch(gray, points, random)
        predict = Predictor(model, _OneBox(affine.bounding_box(points)), min_score=0)
        clear, changed = (
            detected[0].as_landmarks(IBUG_68) for detected in predict([gray, patched])
        )
        off = np.linalg.norm(changed.points - points, axis=1)
        rows.append((changed.radius / clear.radius, covers, off <= changed.radius))
    return Hidden(*(np.array(column) for column in zip(*rows, strict=True)))


def figures_of_hidden(h: Hidden) -> dict[str, Any]:
    """Median ratio of the radii, and the share of hidden points within them."""
    return {
        "hidden_points": int(h.covered.sum()),
        "larger_where_hidden": round(float(np.median(h.ratio[h.covered])), 2),
        "larger_elsewhere": round(float(np.median(h.ratio[~h.covered])), 2),
        "hidden_within_radius": round(float(h.within[h.covered].mean()) * 100, 2),
    }


def as_rgb(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An image (H, W) or (H, W, 3) as (H, W, 3)."""
    return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image


def table(results: dict[str, Any]) -> tables.Cells:
    """A row per set."""
    heads = ["set", "faces", "points within radius", "least of a point", "most of a point"]
    heads += ["error, largest over smallest tenth", "radius times, hidden", "elsewhere"]
    heads += ["hidden within radius"]
    cells = [heads]
    for name, row in results.items():
        behind = row["hidden"]
        cells.append(
            [
                name,
                str(row["faces"]),
                f"{row['coverage']:.1f}%",
                *(f"{row[f'{w}_of_a_point'][0]:.1f}%" for w in ("least", "most")),
                f"{row['sorting']:.2f}",
                f"{behind['larger_where_hidden']:.2f}",
                f"{behind['larger_elsewhere']:.2f}",
                f"{behind['hidden_within_radius']:.1f}%",
            ]
        )
    return cells


def main() -> None:
    """Measure every set, and all together."""
    chosen = make_parser(__doc__, data=True).parse_args()
    model = LandmarkModel.load(chosen.model or weights.BUILTIN)
    sets = {name: split.held_out for name, split in read_sets(chosen.data).items()}
    measured = {name: measure(faces, chosen.model) for name, faces in sets.items()}
    behind = {name: hide(faces, model) for name, faces in sets.items()}
    measured = {"all": joined(list(measured.values()))} | measured
    behind = {"all": joined(list(behind.values()))} | behind
    results = {
        name: figures(part) | {"hidden": figures_of_hidden(behind[name])}
        for name, part in measured.items()
    }
    content = {"sets": results, "floors": FLOORS, "patch": PATCH, "ours": about(chosen.model)}
    cells = table(results)
    tables.show("the 90 % radius on held-out people", cells)
    tables.write(chosen.out, "radius", content, tables.markdown(cells))


if __name__ == "__main__":
    main()
