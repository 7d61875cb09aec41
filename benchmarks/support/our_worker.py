"""Times facepoints in a process of its own, as `peer_worker.py` times the peers.

    python our_worker.py network FACES THREADS DEVICE [MODEL]     # crops to points
    python our_worker.py stage FACES THREADS PASSES IMAGE [MODEL]
    python our_worker.py photos LIST [MODEL]                      # images to points

``stage`` starts from images and the boxes of their faces: gray, crop, network, points in the
image. PASSES is the number of refinement passes, 0 or 1; with 1 the box is turned so far that the
pass is needed. Each line of standard input holds a number of calls; their seconds are written as
a JSON list. ``photos`` reads the index of an image instead, see `peer_worker.photos`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray
from worker_loop import peak_mb, serve, time_calls

from facepoints import weights
from facepoints.api import load
from facepoints.detection import Detection
from facepoints.imaging import affine
from facepoints.imaging.image_io import read_image
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.inference.predictor import Predictor


@dataclass(frozen=True)
class OneBox:
    """A detector that returns one given box."""

    box: tuple[float, float, float, float]
    angle: float

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Return the box."""
        return [Detection(self.box, angle=self.angle)]


def network(faces: int, threads: int, device: str, model: Path | None) -> Callable[[], object]:
    """The model alone, on crops in memory."""
    points = LandmarkModel.load(
        model or weights.BUILTIN, cast(Literal["cpu", "cuda"], device), threads
    )
    crops = np.random.default_rng(0).integers(0, 256, (faces, *points.size), dtype=np.uint8)
    return lambda: points(crops)


def stage(
    faces: int, threads: int, passes: int, file: str, model: Path | None
) -> Callable[[], object]:
    """From images with known boxes to points."""
    shipped = LandmarkModel.load(model or weights.BUILTIN, threads=threads)
    points = replace(shipped, metadata=replace(shipped.metadata, refinement_passes=passes))
    image = read_image(Path(file))
    detected = Predictor(points, min_score=0)(image)
    if not detected:
        raise SystemExit(f"no face found in {file}")
    box = affine.bounding_box(detected[0].points)
    predict = Predictor(points, OneBox(box, 20.0 * passes), min_score=0)
    if faces == 1:
        return lambda: predict(image)
    images = [image] * faces
    return lambda: predict(images)


def photos(files: Path, model: Path | None) -> None:
    """See `peer_worker.photos`."""
    predict = load(model or weights.BUILTIN)
    names = json.loads(files.read_text())

    def respond(line: str) -> float | list[float]:
        if line == "memory":
            return peak_mb()
        image = read_image(Path(names[int(line)]))
        start = time.perf_counter()
        faces = predict(image)
        return [time.perf_counter() - start, len(faces)]

    serve(respond)


def main(arguments: list[str]) -> None:
    """Serve what the arguments name."""
    match arguments:
        case ["photos", files, *model]:
            photos(Path(files), Path(model[0]) if model else None)
            return
        case ["network", faces, threads, device, *model]:
            call = network(int(faces), int(threads), device, Path(model[0]) if model else None)
        case ["stage", faces, threads, passes, file, *model]:
            path = Path(model[0]) if model else None
            call = stage(int(faces), int(threads), int(passes), file, path)
        case _:
            raise SystemExit(__doc__)
    for _ in range(3):
        call()
    serve(partial(time_calls, call))


if __name__ == "__main__":
    main(sys.argv[1:])
