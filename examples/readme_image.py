"""Write the image of the README: a face with its points, and with their radii.

    python examples/readme_image.py docs/astronaut.png

Needs scikit-image, which contains the photo. The photo is enlarged first, so that lines are thin.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from skimage import data

import facepoints
from facepoints.imaging import affine
from facepoints.imaging.image_writer import write_image


def main(path: Path) -> None:
    """Write the image."""
    head = data.astronaut()[20:260, 115:340]  # Eileen Collins in 1999; NASA, public domain
    photo = affine.resize(np.ascontiguousarray(head), 3 * head.shape[1], 3 * head.shape[0])
    faces = facepoints.load()(photo)
    drawn = [facepoints.draw(photo, faces, radius=radius) for radius in (False, True)]
    write_image(path, np.concatenate(drawn, axis=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
