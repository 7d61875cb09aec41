"""Draw docs/images/expressions.jpg: coefficients of a photo, and of the photo with an open mouth
and with closed eyes.

    python docs/draw_expressions_image.py

The photo is `skimage.data.astronaut()` (NASA, public domain). `recipes/acting.py` edits it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

import facepoints
from facepoints.landmarks.known_sets import IBUG_68

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "recipes"))

from acting import acted  # noqa: E402

OUT = ROOT / "docs" / "images" / "expressions.jpg"
SIDE, SCALE = 170, 2
SHOWN = ("browInnerUp", "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "mouthSmileRight",
         "mouthPucker", "jawOpen")  # fmt: skip
FONT, WHITE, BAR, SPREAD = (
    cv2.FONT_HERSHEY_SIMPLEX,
    (240, 240, 240),
    (64, 200, 232),
    (120, 130, 140),
)


def bars(seen: facepoints.Expressions) -> NDArray[np.uint8]:
    """The coefficients as bars from 0 to 1, with their radii as thin lines."""
    image = np.full((len(SHOWN) * 22 + 12, SIDE * SCALE, 3), 30, np.uint8)
    for row, name in enumerate(SHOWN):
        y, left, width = row * 22 + 20, 150, 150
        cv2.putText(image, name, (8, y), FONT, 0.45, WHITE, 1, cv2.LINE_AA)
        cv2.rectangle(image, (left, y - 10), (left + width, y), (60, 60, 60), -1)
        measured = seen.values.get(name)
        if measured is None:
            cv2.putText(image, seen.reasons[name], (left, y), FONT, 0.4, WHITE, 1, cv2.LINE_AA)
            continue
        value, radius = measured.value, measured.radius
        cv2.rectangle(image, (left, y - 10), (left + round(value * width), y), BAR, -1)
        low, high = (
            left + round(float(np.clip(end, 0, 1)) * width)
            for end in (value - radius, value + radius)
        )
        cv2.line(image, (low, y - 5), (high, y - 5), SPREAD, 2)
        text = f"{value:.2f}"
        cv2.putText(image, text, (left + width + 5, y), FONT, 0.4, WHITE, 1, cv2.LINE_AA)
    return image


def main() -> None:
    """Write the picture."""
    model = facepoints.load(eye_closure=True)
    photo = np.ascontiguousarray(data.astronaut()[40 : 40 + SIDE, 130 : 130 + SIDE])
    (face,) = model(photo)
    rest = facepoints.Neutral.of(face)
    points = face.as_landmarks(IBUG_68).points
    images = [photo, acted(photo, points, gape=0.35), acted(photo, points, closed=1.0)]
    columns = []
    for image in images:
        large = cv2.resize(image, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC)
        columns.append(np.vstack([large, bars(facepoints.expressions(model(image)[0], rest))]))
    row = np.hstack(columns)
    cv2.imwrite(str(OUT), row[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 86])


if __name__ == "__main__":
    main()
