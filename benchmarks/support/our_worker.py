"""Times facepoints in a process of its own, as `peer_worker.py serve` does the peers.

    python our_worker.py network FACES THREADS DEVICE [MODEL]     # crops to points
    python our_worker.py stage FACES THREADS LOOKS PICTURE [MODEL]
    python our_worker.py photos LIST [MODEL]                      # pictures to points

``stage`` starts from pictures and the boxes of their faces: gray, crop, network, points in
the picture; with LOOKS 2 the box is so far turned that a second look is needed.
For every line with a number on standard input it makes so many calls and writes their
seconds as a JSON list. ``photos`` takes the numbers of pictures of a JSON list of files
instead, see `peer_worker.photos`.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from facepoints import weights
from facepoints.api import load
from facepoints.detection import Detection
from facepoints.imaging import affine
from facepoints.imaging.image_io import read_image
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.inference.predictor import Predictor


@dataclass(frozen=True)
class Known:
    """A finder that knows the one face's box."""

    box: tuple[float, float, float, float]
    angle: float

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """The one place."""
        return [Detection(self.box, angle=self.angle)]


def network(faces: int, threads: int, device: str, model: Path | None) -> Callable[[], object]:
    """The model alone, on crops that lie ready."""
    points = LandmarkModel.load(
        model or weights.BUILTIN, cast(Literal["cpu", "cuda"], device), threads
    )
    crops = np.random.default_rng(0).integers(0, 256, (faces, *points.size), dtype=np.uint8)
    return lambda: points(crops)


def stage(
    faces: int, threads: int, passes: int, picture: str, model: Path | None
) -> Callable[[], object]:
    """From pictures with known boxes to points in them."""
    points = replace(
        LandmarkModel.load(model or weights.BUILTIN, threads=threads), refinement_passes=passes
    )
    image = read_image(Path(picture))
    found = Predictor(points, min_score=0)(image)
    if not found:
        raise SystemExit(f"no face found in {picture}")
    box = affine.bounding_box(found[0].points)
    look = Predictor(points, Known(box, 20.0 * passes), min_score=0)
    if faces == 1:
        return lambda: look(image)
    images = [image] * faces
    return lambda: look(images)


def photos(files: Path, model: Path | None) -> None:
    """See `peer_worker.photos`."""
    find = load(model or weights.BUILTIN)
    names = json.loads(files.read_text())
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        if line.strip() == "memory":
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)
            continue
        image = read_image(Path(names[int(line)]))
        start = time.perf_counter()
        faces = find(image)
        print(json.dumps([time.perf_counter() - start, len(faces)]), flush=True)


def main(arguments: list[str]) -> None:
    match arguments:
        case ["photos", files, *model]:
            photos(Path(files), Path(model[0]) if model else None)
            return
        case ["network", faces, threads, device, *model]:
            call = network(int(faces), int(threads), device, Path(model[0]) if model else None)
        case ["stage", faces, threads, passes, picture, *model]:
            path = Path(model[0]) if model else None
            call = stage(int(faces), int(threads), int(passes), picture, path)
        case _:
            raise SystemExit(__doc__)
    for _ in range(3):
        call()
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
        print(json.dumps(seconds), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
