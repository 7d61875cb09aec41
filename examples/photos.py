"""Write two images to try facepoints on: a photo in the public domain, and twelve rendered faces.

    python examples/photos.py FOLDER
    facepoints predict FOLDER --out faces.jsonl --draw drawn

Needs scikit-image, which contains the photo.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from skimage import data

from facepoints.datasets import synthetic
from facepoints.imaging.image_writer import write_image

ROWS, COLUMNS, SIDE = 3, 4, 240


def main(folder: Path) -> None:
    """Write astronaut.png and rendered.png."""
    folder.mkdir(parents=True, exist_ok=True)
    # Eileen Collins in 1999; NASA's photo, in the public domain
    write_image(folder / "astronaut.png", data.astronaut())
    faces = synthetic.render(ROWS * COLUMNS, seed=0, size=SIDE).images
    sheet = faces.reshape(ROWS, COLUMNS, SIDE, SIDE).transpose(0, 2, 1, 3)
    gray = sheet.reshape(ROWS * SIDE, COLUMNS * SIDE)
    write_image(folder / "rendered.png", np.repeat(gray[..., None], 3, axis=2))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
