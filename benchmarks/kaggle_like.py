"""RMSE on the kaggle-like test set for every missing-label answer, and for the default recipe.

    python benchmarks/kaggle_like.py                        # all, 3 hours on 2 cores; goes on
    python benchmarks/kaggle_like.py --equal                # all, an hour and a half
    python benchmarks/kaggle_like.py --answers drop sources # some of it

Every answer is trained with net2 as the origin trains it but for its learning rate (batch
32, Adam, 1e-3, 80 epochs, squared error, mild augmentation). With --equal, answers that
use more rows than `drop` pass over them less often, so that all see as many rows. The
default recipe is `facepoints train` without options: heatnet from the weights that come with
facepoints; "from random weights" is the same with `--init none`, and "as it comes" those weights
with no training at all. Weights are chosen on a held-out
part of the training rows; the test set is looked at once, by the submission that is
scored. Runs lie in --out and are not trained twice; the table goes to
benchmarks/results/kaggle_like.json.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import torch
from rich.console import Console
from rich.table import Table

from facepoints._util.files import read_json, write_json
from facepoints.commands.submit import submit
from facepoints.datasets.combine import load_dataset
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.models.run import Run
from facepoints.training.missing_labels import make_plan
from facepoints.training.settings import Missing, TrainSettings
from facepoints.training.train import train

RESULT = Path(__file__).parent / "results" / "kaggle_like.json"
DEFAULT, SCRATCH, UNTRAINED = "default recipe", "from random weights", "as it comes"


def recipe(answer: Missing, epochs: int) -> TrainSettings:
    """net2 as the origin trains it, but for its learning rate."""
    return TrainSettings(
        network="net2",
        missing=answer,
        loss="mse",
        epochs=epochs,
        learning_rate=1e-3,
        schedule="constant",
        weight_decay=0.0,
        ema=0.0,
        augment="light",
    )


def measure(name: str, settings: TrainSettings, data: Path, out: Path) -> dict[str, Any]:
    """Train (or find trained), submit and score one recipe."""
    folder = out / f"{name.replace(' ', '-')}-{settings.epochs}"
    trained = name != UNTRAINED
    if trained:
        train(load_dataset([data / "training.csv.zip"]), folder, settings, resume=True)
    report = submit(
        Run.load(folder) if trained else LandmarkModel.load(),
        data / "test.csv.zip",
        data / "IdLookupTable.csv",
        out / f"{folder.name}.csv",
        score=data / "solution.csv",
    )
    assert report.score is not None
    held = folder / "validation" / "evaluation.json"
    return {
        "name": name,
        "rmse": report.score.rmse,
        "schemes": report.score.schemes,
        "validation_rmse": read_json(held)["rmse"] if trained else None,
        "settings": asdict(settings) | ({} if trained else {"epochs": 0}),
    }


def passes(answer: Missing, data: Path, epochs: int) -> int:
    """Epochs in which `answer` sees as many rows as `drop` does in `epochs`."""
    faces = load_dataset([data / "training.csv.zip"])
    rows = {
        name: sum(len(part.samples) for part in make_plan(faces, name).parts)
        for name in ("drop", answer)
    }
    return max(1, round(epochs * rows["drop"] / rows[answer]))


def stored() -> dict[tuple[str, int], dict[str, Any]]:
    """Rows measured so far, by name and epochs."""
    rows = read_json(RESULT)["rows"] if RESULT.exists() else []
    return {(row["name"], row["settings"]["epochs"]): row for row in rows}


def main() -> None:
    """Measure what is asked for, beside what was measured before."""
    root = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    faces = root.parent / "shared" / "data" / "kaggle-like"
    parser.add_argument("--data", type=Path, default=faces)
    parser.add_argument("--out", type=Path, default=root / "build" / "kaggle-like")
    parser.add_argument("--epochs", type=int, default=80, help="of net2")
    parser.add_argument("--equal", action="store_true", help="as many rows for every answer")
    names = [UNTRAINED, DEFAULT, SCRATCH, *get_args(Missing)]
    parser.add_argument("--missing", nargs="*", default=names)
    options = parser.parse_args()
    for name in options.answers:
        if name in (DEFAULT, SCRATCH, UNTRAINED):
            settings = TrainSettings(init="none" if name == SCRATCH else "facepoints")
        else:
            equal = options.equal
            epochs = passes(name, options.data, options.epochs) if equal else options.epochs
            settings = recipe(name, epochs)
        row = measure(name, settings, options.data, options.out)
        rows = stored() | {(name, row["settings"]["epochs"]): row}
        versions = {"torch": torch.__version__, "threads": torch.get_num_threads()}
        write_json(RESULT, {"rows": list(rows.values()), "versions": versions})
    Console().print(table(list(stored().values())))


def table(rows: list[dict[str, Any]]) -> Table:
    """The rows for the terminal."""
    shown = Table(title="RMSE (px) on the kaggle-like test set")
    for column in ("recipe", "test", "15-point", "4-point", "validation", "over drop's"):
        shown.add_column(column, justify="left" if column == "recipe" else "right")
    drop = next((row["rmse"] for row in rows if row["name"] == "drop"), None)
    for row in sorted(rows, key=lambda r: r["rmse"]):
        shown.add_row(
            f"{row['name']} ({row['settings']['network']}, {row['settings']['epochs']} epochs)",
            f"{row['rmse']:.3f}",
            *(f"{row['sources'][s]:.3f}" for s in ("15-point", "4-point")),
            "-" if row["validation_rmse"] is None else f"{row['validation_rmse']:.3f}",
            f"{row['rmse'] / drop:.2f}" if drop else "-",
        )
    return shown


if __name__ == "__main__":
    main()
