"""Choose how sure the detector must be of a face, and list the faces that are missed.

    python recipes/face_score.py --data DATA --install     # 5 minutes on 2 cores

`SURE_DETECTOR` and `SURE_OF_SMALL` of `facepoints.inference.face_score` become the lowest values at
which at most `FALSE` of the pictures without a face give one. Each such picture counts three times:
as it is, mirrored, and upside down. Each network was trained on three quarters of them; these give
false faces as often as the others. The missed faces of the validation people are counted, and with
--all those of all people who are not in the test set, on which both were trained.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from numpy.typing import NDArray
from points_data import LabeledSet, read_sets, scenes

from facepoints.api import FaceModel, load
from facepoints.detection import Detection, iou, overlap_of_smaller
from facepoints.errors import FacepointsError
from facepoints.imaging import affine
from facepoints.imaging.image_io import read_image, to_gray
from facepoints.inference import cropping, face_score, refinement
from facepoints.inference.face_score import SMALL_FACE, UNSURE, combined_score

FALSE = {False: 0.0012, True: 0.0017}
"""Fraction of the pictures without a face that may give one: by whether the face is small. The
benchmarks ask for 0.005 of both together. A large false face does more harm."""
GRID = np.round(np.arange(0.70, 0.981, 0.005), 3)
"""Values to choose from."""
SHOW_FACES = ("neg-1437.jpg",)
"""Pictures of the folder that show a face after all: this one, heads of stone on a house."""
SHOWN = ("lfpw", "helen", "afw", "cfp", "inthewild21")
OVERLAP = 0.3
"""A labeled face is found if the boxes of its labeled points overlap by more (intersection over
union), as in benchmarks/accuracy.py."""
APART = 0.1
"""Another face shares less than this fraction of the smaller box with every labeled face."""
INSTALLED = Path(face_score.__file__)


@dataclass(frozen=True)
class Recipe:
    """Choose how sure the detector must be of a face."""

    data: Path = Path("../shared/data")
    """Folder of the data sets, with held-out.txt."""
    all: bool = False
    """Count the missed faces of the people that the networks were trained on, too: 10 minutes."""
    install: bool = False
    """Write the result to the package (src/facepoints/inference/face_score.py)."""
    seed: int = 0
    """Random seed of the recipes of the networks, which chooses the validation people."""


@dataclass(frozen=True)
class Candidate:
    """A place that may show a face.

    Attributes:
        detection: by the detector.
        model, mirrored: scores of the landmark model in the crop and in the mirrored crop.
        points: (70, 2) in pixels.
    """

    detection: Detection
    model: float
    mirrored: float
    points: NDArray[np.float32]

    def score(self, sure: float) -> float:
        """Score of the face if the model alone decides from this score of the detector on."""
        once = combined_score(self.model, self.detection.score, sure)
        if not UNSURE[0] < once < UNSURE[1]:
            return once
        return combined_score(self.model, self.detection.score, sure, self.mirrored)

    @property
    def small(self) -> bool:
        return max(self.detection.box[2:]) < SMALL_FACE


def candidates(find: FaceModel, gray: NDArray[np.uint8]) -> list[Candidate]:
    """All places of a gray image that the detector returns and the first crop does not rule out."""
    model = find.model
    detections = find.detector.detect(gray)
    crops = [cropping.initial_crop(model, 0, detection) for detection in detections]
    if not crops:
        return []
    crops, output = refinement.predict_refined(model, [gray], crops, find.min_score)
    mirror = affine.mirror_matrix(model.size[1])
    matrices = [affine.compose(crop.matrix, mirror) for crop in crops]
    mirrored, _ = cropping.run_crops(model, [gray] * len(crops), matrices)
    rows = zip(crops, output.score, mirrored.score, output.points, strict=True)
    return [
        Candidate(crop.detection, float(plain), float(other), points)
        for crop, plain, other, points in rows
    ]


def pictures(data: Path) -> Iterator[NDArray[np.uint8]]:
    """Gray pictures without a face, in three ways."""
    for file in sorted(scenes(data, held=True) + scenes(data, held=False)):
        if file.name not in SHOW_FACES:
            gray = to_gray(read_image(file))
            yield from (gray, np.ascontiguousarray(gray[:, ::-1]), np.ascontiguousarray(gray[::-1]))


def false_faces(rows: list[list[Candidate]], sure: float, small: bool, least: float) -> int:
    """Number of pictures that show a small face, or another one."""
    return sum(any(c.small == small and c.score(sure) >= least for c in row) for row in rows)


def choose(rows: list[list[Candidate]], small: bool, least: float) -> float:
    """The lowest value that lets at most `FALSE` of the pictures show a small face, or another."""
    for sure in GRID:
        if false_faces(rows, sure, small, least) <= FALSE[small] * len(rows):
            return float(sure)
    return float(GRID[-1])


Sure = dict[bool, float]
"""The chosen values: by whether a face is small."""


def missed(find: FaceModel, faces: LabeledSet, sure: Sure) -> tuple[list[str], int]:
    """Names of the labeled faces that are not found, and the number of faces apart from them."""
    photos = faces.photos
    files = [str(name).partition("#")[0] for name in photos.names]
    lost, extra = [], 0
    for file in dict.fromkeys(files):
        rows = [row for row, name in enumerate(files) if name == file]
        (image,) = photos.take(np.arange(len(photos)) == rows[0]).read_images()
        every = candidates(find, image)
        found = [c for c in every if c.score(sure[c.small]) >= find.min_score]
        apart = [affine.bounding_box(c.points) for c in found]
        for row in rows:
            shown = photos.labelled[row]
            box = affine.bounding_box(photos.points[row, shown])
            apart = [other for other in apart if overlap_of_smaller(other, box) < APART]
            if not any(iou(affine.bounding_box(c.points[shown]), box) > OVERLAP for c in found):
                lost.append(str(photos.names[row]))
        extra += len(apart)
    return lost, extra


def install(sure: Sure, path: Path = INSTALLED) -> None:
    """Write the numbers to the package."""
    text = path.read_text(encoding="utf-8")
    for name, value in (("SURE_DETECTOR", sure[False]), ("SURE_OF_SMALL", sure[True])):
        text = re.sub(rf"^{name} = .*$", f"{name} = {value:.3f}", text, flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")


def main(recipe: Recipe) -> None:
    find = load(threads=1)
    rows = [candidates(find, picture) for picture in pictures(recipe.data)]
    sure = {small: choose(rows, small, find.min_score) for small in (False, True)}
    for small, value in sure.items():
        seen = false_faces(rows, value, small, find.min_score)
        name = "SURE_OF_SMALL" if small else "SURE_DETECTOR"
        print(f"{name} = {value:.3f}: {seen} of {len(rows)} pictures without a face give one")
    if recipe.install:
        install(sure)
    for name, faces in read_sets(recipe.data, recipe.seed).items():
        if name not in SHOWN:
            continue
        for held in (True, False) if recipe.all else (True,):
            part = faces.part(held)
            lost, extra = missed(find, part, sure)
            who = "validation" if held else "training"
            share = 100 * len(lost) / max(1, len(part.photos))
            print(
                f"{name}, {who}: {len(lost)} of {len(part.photos)} faces missed ({share:.1f} %), "
                f"{extra} other faces: {', '.join(lost[:20])}",
                flush=True,
            )


if __name__ == "__main__":
    try:
        main(tyro.cli(Recipe))
    except FacepointsError as error:
        sys.exit(f"error: {error}")
