"""RMSE on the kaggle-like test set for every strategy for missing labels, and the default recipe.

    python benchmarks/kaggle_like.py                            # 3 hours on 2 cores; resumes
    python benchmarks/kaggle_like.py --equal                    # an hour and a half
    python benchmarks/kaggle_like.py --recipes drop per-scheme  # some of it

Every strategy trains net2 with the settings of its origin except for the learning rate (batch
32, Adam, 1e-3, 80 epochs, squared error, mild augmentation). With --equal, strategies that
use more rows than `drop` train for fewer epochs, so that all see equally many rows. The
default recipe is `facepoints train` without options: heatnet from the built-in weights. "from
random weights" is the same with `--init random`, and "built-in weights" is no training at all.
Weights are chosen on a held-out part of the training rows; the test set is used once, by the
submission that is scored. Runs are written to --runs and are not trained twice. Results:
benchmarks/results/kaggle_like.json and kaggle_like.md.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import torch
from support import tables
from support.cli import DATA, ROOT, make_parser

from facepoints import weights
from facepoints._util.files import read_json
from facepoints.commands.submit import submit
from facepoints.datasets.load import load_dataset
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.models.run import Run
from facepoints.training.missing_labels import make_plan
from facepoints.training.settings import Missing, TrainSettings
from facepoints.training.train import train

DEFAULT, SCRATCH, UNTRAINED = "default recipe", "from random weights", "built-in weights"
COMMITTED = ROOT / "runs" / "kaggle-like" / "test-score.json"


def recipe(missing: Missing, epochs: int) -> TrainSettings:
    """net2 with the settings of its origin, except for the learning rate."""
    return TrainSettings(
        network="net2",
        missing=missing,
        loss="mse",
        epochs=epochs,
        learning_rate=1e-3,
        schedule="constant",
        weight_decay=0.0,
        ema=0.0,
        augment="light",
    )


def measure(name: str, settings: TrainSettings, data: Path, out: Path) -> dict[str, Any]:
    """Train one recipe (or load its finished run), submit and score it."""
    folder = out / f"{name.replace(' ', '-')}-{settings.epochs}"
    trained = name != UNTRAINED
    if trained:
        train(load_dataset([data / "training.csv.zip"]), folder, settings, resume=True)
    report = submit(
        Run.load(folder) if trained else LandmarkModel.load(weights.BUILTIN),
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


def equal_epochs(missing: Missing, data: Path, epochs: int) -> int:
    """Epochs in which a strategy sees as many rows as `drop` does in `epochs`."""
    faces = load_dataset([data / "training.csv.zip"])
    rows = {
        name: sum(len(part.samples) for part in make_plan(faces, name).parts)
        for name in ("drop", missing)
    }
    return max(1, round(epochs * rows["drop"] / rows[missing]))


def stored(out: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """Rows measured so far, by name and epochs."""
    file = out / "kaggle_like.json"
    rows = read_json(file)["rows"] if file.exists() else []
    return {(row["name"], row["settings"]["epochs"]): row for row in rows}


def main() -> None:
    """Measure the chosen recipes; keep the rows of the others."""
    parser = make_parser(__doc__, data=True, model=False)
    parser.set_defaults(data=DATA / "kaggle-like")
    parser.add_argument("--runs", type=Path, default=ROOT / "build" / "kaggle-like")
    parser.add_argument("--epochs", type=int, default=80, help="epochs of net2")
    parser.add_argument("--equal", action="store_true", help="equally many rows for every strategy")
    names = [UNTRAINED, DEFAULT, SCRATCH, *get_args(Missing)]
    parser.add_argument("--recipes", nargs="*", default=names, choices=names)
    options = parser.parse_args()
    for name in options.recipes:
        if name in (DEFAULT, SCRATCH, UNTRAINED):
            settings = TrainSettings(init="random" if name == SCRATCH else "builtin")
        else:
            equal = options.equal
            epochs = equal_epochs(name, options.data, options.epochs) if equal else options.epochs
            settings = recipe(name, epochs)
        row = measure(name, settings, options.data, options.runs)
        rows = stored(options.out) | {(name, row["settings"]["epochs"]): row}
        content = {
            "rows": list(rows.values()),
            "versions": {"torch": torch.__version__, "threads": torch.get_num_threads()},
        }
        text = tables.markdown(table(content["rows"]))
        tables.write(options.out, "kaggle_like", content, text)
    cells = table(list(stored(options.out).values()))
    tables.show("RMSE (px) on the kaggle-like test set", cells)


def table(rows: list[dict[str, Any]]) -> tables.Cells:
    """A row per recipe, best first; the committed run is on top."""
    drop = next((row["rmse"] for row in rows if row["name"] == "drop"), None)
    cells = [["recipe", "all, px", "15-point rows", "4-point rows", "relative to `drop`"]]
    named = [("**committed run** (`runs/kaggle-like`)", read_json(COMMITTED)["score"])]
    named += [(_title(row), row) for row in sorted(rows, key=lambda row: row["rmse"])]
    for name, row in named:
        figures = [row["rmse"], *(row["schemes"][scheme] for scheme in ("15-point", "4-point"))]
        relative = f"{row['rmse'] / drop:.2f}" if drop else "-"
        cells.append([name, *(f"{figure:.3f}" for figure in figures), relative])
    return cells


def _title(row: dict[str, Any]) -> str:
    settings = row["settings"]
    title = f"{settings['network']}, `{settings['missing']}`, {settings['epochs']} epochs"
    return f"{title}, {row['name']}" if row["name"] in (SCRATCH, UNTRAINED) else title


if __name__ == "__main__":
    main()
