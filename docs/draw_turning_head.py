"""Draw docs/images/turning-head.png: the points of a head that turns from profile to profile.

    python docs/draw_turning_head.py

Uses the built-in models, so run it again when the weights change. Also writes a table,
docs/tables/turning-head.md: for each view the score, the number of hidden points, and the mean
radius of both halves of the face. Where no face reaches the default score, the face with the
largest score is drawn.

The head is rendered (docs/images/turning-head-views.jpg, by docs/render_turning_head.py from parts
in the public domain) and shows no person.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import facepoints
from facepoints.drawing.palette import hidden_points
from facepoints.imaging import affine
from facepoints.imaging.image_io import read_image
from facepoints.imaging.image_writer import write_image

IMAGES = Path(__file__).parent / "images"
VIEWS = IMAGES / "turning-head-views.jpg"
PICTURE = IMAGES / "turning-head.png"
TABLE = IMAGES.parent / "tables" / "turning-head.md"

YAWS = (-90, -60, -30, 0, 30, 60, 90)
"""Yaw of the head in each view in degrees, row by row. Positive: toward the subject's
left, which is to the right in the picture."""

LARGEST = 400_000
"""Bytes of the picture, at most. It is made smaller until it fits."""


HEADER = """\
| yaw, degrees | score | hidden points | radius, right half, pixels | radius, left half, pixels |
| ---: | ---: | ---: | ---: | ---: |
"""


def find_face(
    default: facepoints.FaceModel, lenient: facepoints.FaceModel, view: NDArray[np.uint8]
) -> facepoints.Face:
    """The face of a view. `lenient` is asked if `default` finds none."""
    faces = default(view) or lenient(view)
    if not faces:
        raise SystemExit(f"no face found in one of the views of {VIEWS}")
    return max(faces, key=lambda face: face.score)


def row(yaw: int, face: facepoints.Face) -> str:
    """A line of the table. Points in the middle of the face belong to neither half."""
    right, left = (
        np.mean(face.radius[[side in name for name in face.landmarks.names]])
        for side in ("right_", "left_")
    )
    hidden = "unknown" if face.visible is None else int(hidden_points(face).sum())
    return f"| {yaw} | {face.score:.2f} | {hidden} | {right:.1f} | {left:.1f} |\n"


def write_small(picture: NDArray[np.uint8]) -> None:
    """Write the picture in the largest size that fits."""
    height, width = picture.shape[:2]
    for percent in range(100, 40, -5):
        smaller = affine.resize(picture, width * percent // 100, height * percent // 100)
        write_image(PICTURE, smaller)
        if PICTURE.stat().st_size <= LARGEST:
            return
    raise SystemExit(f"{PICTURE} is larger than {LARGEST} bytes at less than half its size")


def arrange(views: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Two rows of views. The background of the first view fills the shorter, lower row."""
    columns = (len(views) + 1) // 2
    upper = np.concatenate(views[:columns], axis=1)
    lower = np.concatenate(views[columns:], axis=1)
    missing = upper.shape[1] - lower.shape[1]
    background = np.repeat(read_image(VIEWS)[:, :1], missing, axis=1)
    parts = [background[:, : missing // 2], lower, background[:, missing // 2 :]]
    return np.concatenate([upper, np.concatenate(parts, axis=1)])


def main() -> None:
    """Write the picture and the table."""
    models = facepoints.load(), facepoints.load(min_score=0)
    views = [np.ascontiguousarray(v) for v in np.split(read_image(VIEWS), len(YAWS), axis=1)]
    faces = [find_face(*models, view) for view in views]
    drawn = [facepoints.draw(v, face, radius=True) for v, face in zip(views, faces, strict=True)]
    write_small(arrange(drawn))
    rows = [row(yaw, face) for yaw, face in zip(YAWS, faces, strict=True)]
    TABLE.write_text(HEADER + "".join(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
