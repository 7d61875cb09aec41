"""Draw docs/images/blur.jpg: one photo with its face covered in four ways.

    python docs/draw_blur_image.py

The photo is `skimage.data.astronaut()` (NASA, public domain).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from skimage import data

import facepoints
from facepoints.drawing import BLUR_STYLES

OUT = Path(__file__).parent / "images" / "blur.jpg"


def main() -> None:
    """Write the picture."""
    photo = data.astronaut()
    faces = facepoints.load()(photo)
    parts = [photo, *(facepoints.blur_faces(photo, faces, style=style) for style in BLUR_STYLES)]
    row = np.hstack([part[10:270, 110:350] for part in parts])
    cv2.imwrite(str(OUT), row[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
