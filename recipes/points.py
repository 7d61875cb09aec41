"""Train the built-in landmark model: 68 points of a face, and a face score.

    python recipes/points.py --data DATA --out build/points           # resumable: same command

DATA contains `lfpw/train` (photos with .pts files, 300-W's annotation), `youtube-faces` (frames
with 68 points each) and `held-out.txt`, the names of the people in the test set, who are not used
here. The run is written to OUT and, with --install, to the package (src/facepoints/weights).

Differences from `facepoints train` with its defaults:

- Crops are aligned to the mean shape (`procrustes`) and larger than the network input, so that
  rotation and shift move real surroundings into view.
- Labels are the mean of the data set's labels and of second labels (`second_opinion`), which also
  cover faces in the photos that nobody labeled.
- Most training images are morphs of two people (`morphs`), because a network memorizes a few
  hundred photos. In some photos eyes are closed and mouths opened (`acting`), which few photos
  show.
- Three of four faces of every step are framed as by a refinement pass, the others as by a detector
  (the preset `closer` in `facepoints/training/augment/presets.py`).
- The Laplace likelihood counts errors linearly and learns a large scale where points are uncertain:
  under hair, or where the labels are wrong.
- Two trainings (OUT-second, OUT-third) start from the weights of OUT-first with other morphs, and
  two more (OUT-fourth, OUT-fifth) from the mean of these (OUT-mean). The latter also train on the
  data set's own labels, and without mirroring: annotators have a bias to one side, which a network
  that trains on mirrored faces cannot learn. From the mean of those (OUT-settled) one training
  continues (OUT-sixth), with acted faces and patchworks, and from that two last ones (OUT-seventh,
  OUT-eighth) with other morphs. The mean of their weights is shipped.
- Photos and frames were labeled by different rules. At the end the bias of both is measured and
  added (`marked_by`).
- Radii are calibrated on held-out people, in crops around the detections of the built-in detector.
- For eight faces there is one image without a face: other parts of the photos, faces far out of
  the frame or rotated by 90 degrees, faces with a replaced center, textures.

The second labels come from MediaPipe, which is installed into its own environment in build/
(`benchmarks/support/peers.py`).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import tyro
from as_used import as_detected, averaged, calibrate_as_used, install, nme
from marked_by import add_annotator_bias
from points_data import Material, material
from rich.console import Console
from without_face import VIEW

import facepoints
from facepoints.datasets.combine import concatenate
from facepoints.datasets.crops import center_crop
from facepoints.datasets.samples import Samples
from facepoints.datasets.splits import spread_rows
from facepoints.errors import FacepointsError
from facepoints.models.run import Run
from facepoints.training.settings import TrainSettings
from facepoints.training.train import train

PARTS = (
    "first", "second", "third", "mean", "fourth", "fifth", "settled", "sixth", "seventh", "eighth"
)  # fmt: skip
"""Suffixes of the folders of the parts. "mean" and "settled" hold means of weights."""
RANGES_ON = 512
"""Number of faces that the ranges of 8-bit values are measured on."""


@dataclass(frozen=True)
class Recipe:
    """Train the shipped weights."""

    data: Path = Path("../shared/data")
    """Folder with lfpw/train, youtube-faces and held-out.txt."""
    out: Path = Path("build/points")
    """Folder for the run."""
    epochs: int = 17
    """Epochs of the first part."""
    second: int = 16
    """Epochs of the second and the third part."""
    settle: int = 6
    """Epochs of the fourth and the fifth part."""
    last: int = 14
    """Epochs of the sixth, the seventh and the eighth part."""
    seed: int = 0
    """Random seed. The same seed gives the same training."""
    install: bool = False
    """Write the run to the package (src/facepoints/weights)."""


def sibling(out: Path, name: str) -> Path:
    """The folder of a part of the recipe."""
    return out.with_name(f"{out.name}-{name}")


def learn(
    given: Material, sets: list[Samples], out: Path, settings: TrainSettings, console: Console
) -> None:
    """Train one part, or resume its training."""
    train(
        concatenate([*given.plain, *sets]),
        out,
        settings,
        resume=True,
        data_names=["lfpw/train", "youtube-faces"],
        held=given.validation,
        negatives=given.negatives,
        console=console,
    )


def train_parts(recipe: Recipe, given: Material, console: Console) -> None:
    """Train all parts in order, and write the mean of the last two to the recipe's folder."""
    first, second, third, first_mean, fourth, fifth, second_mean, sixth, seventh, eighth = (
        sibling(recipe.out, name) for name in PARTS
    )
    seed, sets = recipe.seed, given.morphs
    first_part = TrainSettings(
        init="random", input_size=VIEW, missing="mask", augment="closer", epochs=recipe.epochs,
        learning_rate=3e-3, weight_decay=0.05, ema=0.999, keep="last", validation=0, seed=seed,
    )  # fmt: skip
    learn(given, sets[:1], first, first_part, console)
    second_part = replace(first_part, init=str(first), learning_rate=2e-3, epochs=recipe.second)
    learn(given, sets[:2], second, replace(second_part, seed=seed + 1), console)
    learn(given, sets[2:3], third, replace(second_part, seed=seed + 2), console)
    averaged([second, third], first_mean)
    fourth_part = replace(
        first_part,
        init=str(first_mean),
        learning_rate=1e-3,
        epochs=recipe.settle,
        augment="settle",
    )
    for number, out in ((1, fourth), (2, fifth)):
        rows = [*given.own, sets[number]]
        learn(given, rows, out, replace(fourth_part, seed=seed + 2 + number), console)
    averaged([fourth, fifth], second_mean)
    rows = [*given.own, *given.acted]
    sixth_part = replace(
        fourth_part,
        init=str(second_mean),
        learning_rate=1.5e-3,
        epochs=recipe.last,
        seed=seed + 5,
    )
    learn(given, [*rows, *sets[1:3]], sixth, sixth_part, console)
    seventh_part = replace(sixth_part, init=str(sixth), learning_rate=1e-3)
    for number, out in ((3, seventh), (2, eighth)):
        samples = [*rows, sets[number], sets[4]]
        learn(given, samples, out, replace(seventh_part, seed=seed + 3 + number), console)
    averaged([seventh, eighth], recipe.out)


def main(recipe: Recipe) -> None:
    console = Console()
    given = material(recipe.data, sibling(recipe.out, "morphs"), recipe.seed)
    train_parts(recipe, given, console)
    add_annotator_bias(recipe.out, [given.photos, given.frames])
    run = Run.load(recipe.out)
    detected = [as_detected(photos, faces, run) for photos, faces in given.held]
    run = calibrate_as_used(recipe.out, concatenate(detected))
    for faces in detected:
        console.print(f"{faces.names[0]}, ...: {len(faces)} faces, NME {nme(run, faces):.3f}%")
    if recipe.install:
        faces = concatenate([given.photos, given.frames])
        crops = center_crop(faces.take(spread_rows(len(faces), RANGES_ON)), VIEW)
        install(run, recipe.out, Path(facepoints.__file__).parent / "weights", crops)


if __name__ == "__main__":
    try:
        main(tyro.cli(Recipe))
    except FacepointsError as error:
        sys.exit(f"error: {error}")
