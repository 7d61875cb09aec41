"""Writes samples for annotation tools: a folder of images with CVAT's or Label Studio's labels.

Hidden points are kept by CVAT. Label Studio has no field for them. Neither keeps people and marking
schemes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from facepoints._util.files import atomic_folder, write_json, write_text
from facepoints.datasets.picture_labels import (
    FaceLabels,
    PictureLabels,
    cvat_labels,
    label_studio_tasks,
)
from facepoints.datasets.samples import Samples
from facepoints.imaging.image_writer import encode_image

__all__ = ["write_cvat", "write_label_studio"]


def write_cvat(samples: Samples, out: Path) -> Path:
    """Write ``annotations.xml`` of "CVAT for images 1.1" and a PNG per face.

    Args:
        samples: the faces.
        out: a new or empty folder.

    Returns:
        The folder.

    Raises:
        WriteError: `out` cannot be written, or is a folder with files in it.
    """

    def write(folder: Path, pictures: list[PictureLabels]) -> None:
        write_text(folder / "annotations.xml", cvat_labels(pictures, samples.landmarks))

    return _write(samples, out, write)


def write_label_studio(samples: Samples, out: Path) -> Path:
    """Write ``tasks.json`` of Label Studio and a PNG per face. Arguments as for `write_cvat`."""

    def write(folder: Path, pictures: list[PictureLabels]) -> None:
        write_json(folder / "tasks.json", label_studio_tasks(pictures, samples.landmarks))

    return _write(samples, out, write)


def _write(samples: Samples, out: Path, write: Callable[[Path, list[PictureLabels]], None]) -> Path:
    height, width = samples.size
    hidden = np.zeros_like(samples.labelled)
    if samples.visibility is not None:
        hidden = samples.visibility == 0
    pictures = []
    with atomic_folder(out) as folder:
        for row in range(len(samples)):
            name = f"{row + 1:06d}.png"
            (folder / name).write_bytes(encode_image(samples.images[row]))
            face = FaceLabels(samples.points[row], samples.labelled[row], hidden[row])
            pictures.append(PictureLabels(name, (width, height), [face]))
        write(folder, pictures)
    return out
