"""Train the built-in landmark model: 70 points of a face, their visibility, and a face score.

    python recipes/points.py --data DATA --out build/points           # resumable: same command
    python recipes/points.py --data DATA --student build/students/NAME.pt    # trained on a GPU

DATA contains the sets of `points_data.SETS` and `held-out.txt`, the names of the people in the
test set, who are not used here. The run is written to OUT and, with --install, to the package
(src/facepoints/weights).

Differences from `facepoints train` with its defaults:

- The sets label different points. All share 70 columns with a mask, and the network learns how the
  annotators of each set differ (`facepoints.models.networks.annotator_bias`).
- Faces are aligned to the mean shape by all their points. Where a set labels only some, the mean
  head is fitted to them (`framing`). Crops are larger than the network input, so that rotation and
  shift move real surroundings into view.
- Real profiles teach which points the head hides, and covers in the augmentation which points
  other things hide.
- Photos with 68 labels by hand are repeated, morphed with other people (`morphs`), and their eyes
  closed and mouths opened (`acting`), because a network memorizes a few hundred photos.
- One of eight faces of every step is blurred, dark and noisy, two are framed as by a detector, and
  five as by a refinement pass (`facepoints/training/augment/presets.py`).
- The Laplace likelihood counts errors linearly and learns a large scale where points are uncertain.
- The first part (OUT-first) mirrors faces at random. The second starts from its weights with other
  morphs and does not: annotators have a bias to one side, which a network that trains on mirrored
  faces cannot learn.
- At the end the annotator bias is trained again, on what the rest of the network says
  (`annotator_offsets`).
- Radii are calibrated on validation people of all sets, in crops around the detections of the
  built-in detector.
- For eight faces there is one image without a face: scenes, other parts of the photos, faces far
  out of the frame or rotated by 90 degrees, faces with a replaced center, textures.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
import tyro
from annotator_offsets import refit_annotator_bias
from as_used import as_predicted, install, nme
from points_data import SETS, Material, material
from points_on_gpu import BATCH, EMA, STUDENTS, WEIGHT_DECAY
from radius_gain import calibrate_by_features, coverage
from rich.console import Console
from without_face import VIEW

import facepoints
from facepoints import weights
from facepoints._util import files
from facepoints.datasets.combine import concatenate
from facepoints.datasets.crops import center_crop
from facepoints.datasets.samples import Samples
from facepoints.datasets.splits import spread_rows
from facepoints.errors import FacepointsError
from facepoints.models.networks import build_model
from facepoints.models.networks.backbone_options import BackboneOptions
from facepoints.models.run import Run, read_header, save_run, save_weights
from facepoints.training.settings import TrainSettings
from facepoints.training.train import train

RANGES_ON = 512
"""Number of faces that the ranges of 8-bit values are measured on."""


@dataclass(frozen=True)
class Recipe:
    """Train the shipped weights."""

    data: Path = Path("../shared/data")
    """Folder with the data sets and held-out.txt."""
    out: Path = Path("build/points")
    """Folder for the run."""
    init: str = "random"
    """Initial weights: random, builtin (the weights shipped before), or a run folder."""
    epochs: int = 60
    """Epochs of the first part."""
    settle: int = 15
    """Epochs of the second part."""
    learning_rate: float = 3e-3
    """Highest learning rate of the first part."""
    seed: int = 0
    """Random seed. The same seed gives the same training."""
    not_calibrated_on: tuple[str, ...] = ()
    """Sets whose validation people do not count for the radii: the initial weights know them."""
    student: Path | None = None
    """Weights of points_on_gpu.py, the file NAME.pt of a student, which replace both parts of the
    training."""
    install: bool = False
    """Write the run to the package (src/facepoints/weights)."""


def sibling(out: Path, name: str) -> Path:
    """The folder of a part of the recipe."""
    return out.with_name(f"{out.name}-{name}")


def rows_of(given: Material, number: int) -> Samples:
    """The rows of a part: every set as often as `SETS` says, and a set of morphs."""
    repeated = [rows for name, rows in given.rows.items() for _ in range(SETS[name][3])]
    return concatenate([*repeated, given.made[number]])


def learn(
    given: Material, number: int, out: Path, settings: TrainSettings, console: Console
) -> None:
    """Train one part, or resume its training."""
    train(
        rows_of(given, number),
        out,
        settings,
        resume=True,
        data_names=list(SETS),
        held=given.validation,
        negatives=given.negatives,
        annotator_bias=True,
        onnx=False,
        console=console,
    )


def train_parts(recipe: Recipe, given: Material, console: Console) -> None:
    """Train both parts in order."""
    first = sibling(recipe.out, "first")
    first_part = TrainSettings(
        init=recipe.init, input_size=VIEW, missing="mask", augment="closer", epochs=recipe.epochs,
        learning_rate=recipe.learning_rate, weight_decay=0.05, ema=0.999, keep="last", validation=0,
        seed=recipe.seed,
    )  # fmt: skip
    learn(given, 0, first, first_part, console)
    second_part = replace(
        first_part, init=str(first), learning_rate=1e-3, epochs=recipe.settle, augment="settle",
        seed=recipe.seed + 1,
    )  # fmt: skip
    learn(given, 1, recipe.out, second_part, console)


def check_student(file: Path) -> None:
    """Raises FacepointsError if there is no such file, or if it is not named like a student."""
    if file.stem not in STUDENTS or not file.is_file():
        raise FacepointsError(
            f"--student must be the file NAME.pt of a student ({', '.join(STUDENTS)}), got {file}"
        )


def run_of_student(file: Path, out: Path, given: Material) -> None:
    """Write weights of `points_on_gpu.py` as a run. What the run says of points and crops is that
    of the shipped run, whose training data are the same."""
    kind = STUDENTS[file.stem]
    state = torch.load(file, map_location="cpu", weights_only=True)
    widths = [
        len(state[f"backbone.{layer}.weight"])
        for layer in ("stem.0", "quarter.0.body.0", "eighth.0.body.0", "sixteenth.0.body.0")
    ]
    header = read_header(weights.POINTS_RUN)
    (member,) = header["members"]
    member.pop("has_scale_gain", None)
    member |= {"widths": widths, "rows": len(rows_of(given, 0)), "file": "weights/0.safetensors"}
    header.pop("start", None)
    settings = TrainSettings(
        init=kind.start or "random", missing="mask", augment="settle", batch=BATCH,
        learning_rate=kind.rate,
        weight_decay=WEIGHT_DECAY, ema=EMA, input_size=VIEW, keep="last", validation=0, seed=0,
        device="cuda",
    )  # fmt: skip
    header["settings"] = asdict(settings)
    header["data"] = {"names": list(SETS), "rows": member["rows"], "digest": ""}
    model = build_model(
        "heatnet", len(header["landmarks"]["names"]), (VIEW, VIEW), 0.0, 1.0,
        BackboneOptions(True, int(member["annotators"]), True, widths=widths),
    )  # fmt: skip
    model.load_state_dict(state)
    save_weights(out / member["file"], model)
    files.write_text(out / "metrics.jsonl", "")
    save_run(out, header)


def main(recipe: Recipe) -> None:
    console = Console()
    if recipe.student is not None:
        check_student(recipe.student)
    given = material(recipe.data, sibling(recipe.out, "morphs"), recipe.seed)
    if recipe.student is None:
        train_parts(recipe, given, console)
    else:
        run_of_student(recipe.student, recipe.out, given)
    sizes = {name: len(rows) for name, rows in given.rows.items()}
    share = np.concatenate([np.full(n, float(SETS[name][3])) for name, n in sizes.items()])
    refit_annotator_bias(recipe.out, concatenate(list(given.rows.values())), share, recipe.seed)
    run = Run.load(recipe.out)
    held = {}
    for name, (faces, _) in given.held.items():
        held[name], found = as_predicted(faces, run)
        console.print(f"{name}: {found.sum()} of {len(found)} validation faces were detected")
    fitted = [faces for name, faces in held.items() if name not in recipe.not_calibrated_on]
    run = calibrate_by_features(recipe.out, fitted, recipe.seed)
    for name, faces in held.items():
        normalizer = "eyes" if name in ("lfpw", "helen", "afw") else "box"
        console.print(
            f"{name}: error {nme(run, faces, normalizer):.3f} % of the {normalizer}, "
            f"{coverage(run, faces):.1f} % within the radius"
        )
    if recipe.install:
        faces = concatenate(list(given.rows.values()))
        crops = center_crop(faces.take(spread_rows(len(faces), RANGES_ON)), VIEW)
        install(run, recipe.out, Path(facepoints.__file__).parent / "weights", crops)


if __name__ == "__main__":
    try:
        main(tyro.cli(Recipe))
    except FacepointsError as error:
        sys.exit(f"error: {error}")
