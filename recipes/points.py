"""Train the network that facepoints comes with: 68 points of a face, and whether it is one.

    python recipes/points.py --data DATA --out build/points           # resumable: same command

DATA holds `lfpw/train` (photos with .pts files, 300-W's annotation), `youtube-faces` (frames
with 68 points each) and `held-out.txt`, which names the people who are the test set: they
are left out of everything here. Leaves the run in OUT and, with --install, in the package.

What it does differently from `facepoints train` with its defaults:

- Faces are cut upright by the mean shape of all (`framing`), and wider than the network
  sees, so that turning and shifting them brings in what really surrounds them.
- Labels are the mean of those that come along and of a second opinion (`second_opinion`), which
  also labels faces in the photos that nobody had.
- Most of what it sees are morphs of two people (`morphs`): a network learns a few hundred photos
  by heart and then nothing more. Photos are also made to close their eyes and open their mouths
  (`acting`), which few do on their own.
- Three of four faces of every step lie as they do in a crop that goes by eyes and mouth, what the
  face finder that comes along gives; the others as in a rough box (`--augment closer`).
- The Laplace likelihood counts an error by its size, not its square, and learns a wide spread
  where points cannot be told: under hair, in labels of a detector that went astray.
- Two second parts (OUT-second, OUT-third) begin from the first one's weights (OUT-first) with
  other morphs, and two further ones (OUT-fourth, OUT-fifth) from the mean of these (OUT-mean).
  These see the labels as they came along, too, and no face mirrored: annotators lean to one side,
  which a network that sees every face both ways cannot learn. From the mean of those (OUT-settled)
  one more goes on (OUT-sixth), with faces that act and patchworks, and from that two last ones
  (OUT-seventh, OUT-eighth) with other morphs. The mean of their weights is shipped.
- Photos and frames were marked by different rules, and all annotators lean to one side: at the end
  the habits of both are measured and added (`marked_by`).
- Radii are measured where the finder of the package sees the faces of the people held out.
- An eighth as many pictures without a face as faces: other parts of the photos, faces far
  out of the frame or lying on their side, faces with their middle replaced, textures.

The second opinion comes from MediaPipe, which is installed into an environment of its own under
build/ (`benchmarks/support/peers.py`).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import tyro
from as_used import as_found, averaged, calibrate_as_used, install, nme
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
"""What the folders of the parts end in."""
RANGES_ON = 512
"""Faces that the ranges of 8-bit values are measured on."""


@dataclass(frozen=True)
class Recipe:
    """Train the shipped weights."""

    data: Path = Path("../shared/data")
    """Folder with lfpw/train, youtube-faces and held-out.txt."""
    out: Path = Path("build/points")
    """Folder for the run."""
    epochs: int = 17
    """Times every row is seen in the first part."""
    second: int = 16
    """The same in the second and the third part."""
    settle: int = 6
    """The same in the fourth and the fifth."""
    last: int = 14
    """The same in the sixth, the seventh and the eighth."""
    seed: int = 0
    """Of everything random."""
    install: bool = False
    """Put the run into the package (src/facepoints/weights)."""


def sibling(out: Path, name: str) -> Path:
    """The folder of a part of the recipe."""
    return out.with_name(f"{out.name}-{name}")


def learn(
    given: Material, sets: list[Samples], out: Path, settings: TrainSettings, console: Console
) -> None:
    """Train one part, or what of it is left to do."""
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


def trained(recipe: Recipe, given: Material, console: Console) -> None:
    """All parts one after the other, and the mean of the last two in the recipe's folder."""
    first, second, third, mean, fourth, fifth, settled, sixth, seventh, eighth = (
        sibling(recipe.out, name) for name in PARTS
    )
    seed, sets = recipe.seed, given.morphs
    begin = TrainSettings(
        init="random", input_size=VIEW, missing="mask", augment="closer", epochs=recipe.epochs,
        learning_rate=3e-3, weight_decay=0.05, ema=0.999, keep="last", validation=0, seed=seed,
    )  # fmt: skip
    learn(given, sets[:1], first, begin, console)
    go_on = replace(begin, init=str(first), learning_rate=2e-3, epochs=recipe.second)
    learn(given, sets[:2], second, replace(go_on, seed=seed + 1), console)
    learn(given, sets[2:3], third, replace(go_on, seed=seed + 2), console)
    averaged([second, third], mean)
    settle = replace(
        begin, init=str(mean), learning_rate=1e-3, epochs=recipe.settle, augment="settle"
    )
    for number, out in ((1, fourth), (2, fifth)):
        rows = [*given.own, sets[number]]
        learn(given, rows, out, replace(settle, seed=seed + 2 + number), console)
    averaged([fourth, fifth], settled)
    rows = [*given.own, *given.acted]
    last = replace(
        settle, init=str(settled), learning_rate=1.5e-3, epochs=recipe.last, seed=seed + 5
    )
    learn(given, [*rows, *sets[1:3]], sixth, last, console)
    last = replace(last, init=str(sixth), learning_rate=1e-3)
    for number, out in ((3, seventh), (2, eighth)):
        some = [*rows, sets[number], sets[4]]
        learn(given, some, out, replace(last, seed=seed + 3 + number), console)
    averaged([seventh, eighth], recipe.out)


def main(recipe: Recipe) -> None:
    console = Console()
    given = material(recipe.data, sibling(recipe.out, "morphs"), recipe.seed)
    trained(recipe, given, console)
    add_annotator_bias(recipe.out, [given.photos, given.frames])
    run = Run.load(recipe.out)
    seen = [as_found(photos, faces, run) for photos, faces in given.held]
    run = calibrate_as_used(recipe.out, concatenate(seen))
    for faces in seen:
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
