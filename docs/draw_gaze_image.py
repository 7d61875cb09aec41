"""Draw docs/images/gaze.jpg: the gaze on a photo and on rendered faces whose eyes are turned.

    python docs/draw_gaze_image.py

The photo is `skimage.data.astronaut()` (NASA, public domain); the faces are of
`facepoints.datasets.synthetic`, with eyes that look 22 degrees aside.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

import facepoints
from facepoints.datasets import synthetic

OUT = Path(__file__).parent / "images" / "gaze.jpg"
SIDE = 256
ROW, AWAY = 3, 22.0
"""The rendered face, and the degrees by which its eyes look aside."""


def turned(yaw: float) -> NDArray[np.uint8]:
    """A rendered face (SIDE, SIDE, 3) whose eyes look aside by degrees."""
    gray = synthetic.render_gaze([(yaw, 0.0)] * (ROW + 1), seed=7, size=SIDE).images[ROW]
    return np.repeat(gray[..., None], 3, axis=2)


def arrows(image: NDArray[np.uint8], model: facepoints.FaceModel) -> NDArray[np.uint8]:
    """The image with an arrow from each eye along the gaze, or a ring for a gaze to the camera."""
    canvas = image.copy()
    face = model(image)[0]
    seen = facepoints.gaze(image, face)
    length = 1.6 * face.box[2]
    for side in ("right", "left"):
        start = face.region(f"{side}_eye").mean(axis=0)
        end = start + length * np.array(seen.vector[:2])
        a, b = (tuple(np.rint(p).astype(int).tolist()) for p in (start, end))
        if seen.looks_at_camera:
            cv2.circle(canvas, a, 12, (64, 232, 232), 2, cv2.LINE_AA)
        else:
            cv2.arrowedLine(canvas, a, b, (255, 184, 56), 2, cv2.LINE_AA, tipLength=0.2)
    text = f"{seen.yaw:+.0f} +- {seen.radius[0]:.0f} degrees"
    cv2.putText(canvas, text, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (20, 20, 20), 3, cv2.LINE_AA)
    cv2.putText(
        canvas, text, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA
    )
    return canvas


def main() -> None:
    """Write the picture."""
    model = facepoints.load()
    photo = np.ascontiguousarray(data.astronaut()[0:SIDE, 96 : 96 + SIDE])
    images = [photo, turned(AWAY), turned(-AWAY)]
    row = np.hstack([arrows(image, model) for image in images])
    cv2.imwrite(str(OUT), row[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
