"""The commands that train and judge models: train, evaluate, compare, adapt, submit, export."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field, fields, make_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import tyro

from facepoints import weights
from facepoints._util.console import count_noun
from facepoints.cli.options import (
    AnyModel,
    CropSize,
    Data,
    ExcludePeople,
    IncludePeople,
    Split,
    flag,
    group,
    load_samples,
    option,
)
from facepoints.cli.output import OUT, say
from facepoints.errors import SettingsError
from facepoints.training.settings import Missing, Network, TrainSettings

__all__ = ["adapt", "compare", "evaluate", "export", "settings_to_resume", "submit", "train"]

_DEFAULTS = TrainSettings()


def train(settings_before: TrainSettings) -> Callable[..., None]:
    """The command, with the settings that it starts from (see `settings_to_resume`)."""

    def train(
        data: Data,
        out: Annotated[Path, option("Folder for the run.", metavar="FOLDER")],
        settings: Annotated[TrainSettings, group("training")] = settings_before,
        resume: Annotated[
            bool,
            flag("Continue the interrupted training in --out, with the settings of that run."),
        ] = False,
        onnx: Annotated[
            bool,
            option(
                "Do not export model.onnx at the end of training.",
                default="default: exported",
            ),
        ] = True,
        crop_size: CropSize = 96,
        split: Split = "training",
        exclude_people: ExcludePeople = None,
    ) -> None:
        """Train networks on labelled faces.

        The run folder holds the weights, model.onnx, the settings, the metrics and charts.
        Ctrl-C stops and saves a checkpoint; --resume continues from it.
        """
        from facepoints.evaluation.table import table
        from facepoints.training.train import train

        faces = load_samples(data, split=split, crop_size=crop_size, exclude_people=exclude_people)
        report = train(
            faces,
            out,
            settings,
            resume=resume,
            data_names=[path.name for path in data],
            onnx=onnx,
            console=OUT,
        )
        pictures = f"{out / 'curves.png'}"
        if report:
            OUT.print(table(report))
            pictures += f", {out / 'validation'}"
        say(f"the run is in {out}; its charts and images: {pictures}")

    return train


def settings_to_resume(arguments: Sequence[str]) -> TrainSettings:
    """Defaults of `train`: the settings of the run that is resumed, if one is."""
    if arguments[:1] != ["train"] or "--resume" not in arguments:
        return _DEFAULTS
    words = [word for argument in arguments for word in argument.split("=", 1)]
    if "--out" not in words[:-1]:
        return _DEFAULTS
    from facepoints.training.run_folder import stored_settings

    return stored_settings(Path(words[words.index("--out") + 1])) or _DEFAULTS


def evaluate(
    data: Data,
    model: AnyModel = weights.BUILTIN,
    out: Annotated[
        Path | None,
        option(
            "Folder for evaluation.json, the error curve and the worst faces.",
            metavar="FOLDER",
            default="default: only print the table",
        ),
    ] = None,
    crop_size: CropSize = 96,
    split: Split = "training",
    exclude_people: ExcludePeople = None,
    include_people: IncludePeople = None,
) -> None:
    """Measure the error of a model on labelled faces."""
    from facepoints.evaluation.evaluate import evaluate
    from facepoints.evaluation.table import table
    from facepoints.models.loading import load_model

    faces = load_samples(
        data,
        split=split,
        crop_size=crop_size,
        exclude_people=exclude_people,
        include_people=include_people,
    )
    report = evaluate(load_model(model), faces, out=out, pictures=out is not None)
    OUT.print(table(report))
    if out is not None:
        say(f"report and charts are in {out}")


def submit(
    test: Annotated[
        Path,
        tyro.conf.Positional,
        option(
            "The competition's test.csv, plain or zipped, or its whole zip.",
            metavar="TEST",
            default="required",
        ),
    ],
    lookup: Annotated[
        Path,
        tyro.conf.Positional,
        option("The competition's IdLookupTable.csv.", metavar="LOOKUP", default="required"),
    ],
    out: Annotated[Path, option("Submission file to write.", metavar="FILE")],
    model: AnyModel = weights.BUILTIN,
    score: Annotated[
        Path | None,
        option(
            "Known answers (a CSV table with RowId,Location) to score the submission against.",
            metavar="FILE",
            default="default: no score",
        ),
    ] = None,
) -> None:
    """Write a submission for Kaggle's Facial Keypoints Detection."""
    from facepoints.commands.submit import submit
    from facepoints.models.loading import load_model

    report = submit(load_model(model), test, lookup, out, score=score)
    say(
        f"{report.out}: {report.rows} coordinates of {report.images} images "
        f"({', '.join(f'{n} by {s}' for s, n in report.schemes.items())}), "
        f"{report.clipped} moved to the border"
    )
    if report.score is not None:
        parts = ", ".join(f"{s} {v:.4f}" for s, v in report.score.schemes.items())
        say(f"RMSE {report.score.rmse:.4f} px ({parts})")


def adapt(
    data: Data,
    out: Annotated[
        Path,
        option(
            "ONNX file to write. Other commands take it as --model.",
            metavar="FILE",
        ),
    ],
    model: AnyModel = weights.BUILTIN,
    split: Split = "training",
    exclude_people: ExcludePeople = None,
) -> None:
    """Fit a model to your own labels with a handful of labelled faces, in seconds.

    Nothing is trained. Your points are computed from the model's points; the mean difference to
    your labels is then added as a constant offset. Twenty faces are enough.
    """
    from facepoints.commands.adapt import adapt

    _check_data(data)
    report = adapt(data, out, model=model, split=split, exclude_people=exclude_people)
    left = f", {report.left_out} left out" if report.left_out else ""
    fitted_on = count_noun(report.faces, "face")
    say(f"{report.out}: {len(report.points)} points, fitted on {fitted_on}{left}")
    say(
        f"mean distance to labels that it was not fitted on: {report.after:.2%} of the face, "
        f"{report.before:.2%} before"
    )
    if report.unknown:
        say(f"left out, since the model cannot give them: {', '.join(report.unknown)}")


def _without(names: set[str]) -> type:
    """`TrainSettings` without some fields, for a command that sets these itself."""
    hints = get_type_hints(TrainSettings, include_extras=True)
    kept = [f for f in fields(TrainSettings) if f.name not in names]
    spec = [(f.name, hints[f.name], field(default=f.default)) for f in kept]
    return make_dataclass("TrainSettings", spec, frozen=True)


CompareSettings: Any = _without({"network", "missing"})
_COMPARE_DEFAULTS = CompareSettings()


def compare(
    data: Data,
    out: Annotated[Path, option("Folder for the runs, the table and the chart.", metavar="FOLDER")],
    networks: Annotated[tuple[Network, ...], option("Networks to compare.")] = ("net2", "heatnet"),
    missing: Annotated[tuple[Missing, ...], option("Strategies for missing labels to compare.")] = (
        "drop",
        "fill",
        "median",
        "specialist",
        "mask",
        "per-scheme",
    ),
    settings: Annotated[CompareSettings, group("training")] = _COMPARE_DEFAULTS,  # pyright: ignore[reportInvalidTypeForm]
    crop_size: CropSize = 96,
    split: Split = "training",
    exclude_people: ExcludePeople = None,
) -> None:
    """Compare networks and strategies for missing labels at an equal budget.

    Run the same command again to resume an interrupted comparison.
    """
    from facepoints.training.compare import compare, table

    faces = load_samples(data, split=split, crop_size=crop_size, exclude_people=exclude_people)
    report = compare(
        faces,
        out,
        networks,
        missing,
        TrainSettings(**vars(settings)),
        data_names=[path.name for path in data],
        console=OUT,
    )
    OUT.print(table(report))
    say(f"table and chart are in {out}")


def export(
    model: Annotated[
        str,
        option(
            "Model: a run folder, or 'builtin' for the run behind the model in the package.",
            metavar="RUN",
        ),
    ] = weights.BUILTIN,
    out: Annotated[
        Path | None,
        option(
            "ONNX file to write.",
            metavar="FILE",
            default="default: model.onnx or model-int8.onnx in the run folder",
        ),
    ] = None,
    int8: Annotated[
        bool,
        flag("Quantize to 8 bits, and print the error and the time before and after."),
    ] = False,
    data: Annotated[
        tuple[Path, ...],
        option(
            "Label files or folders of real faces, to calibrate and measure the quantized model.",
            metavar="DATA [DATA ...]",
            default="required with --int8",
        ),
    ] = (),
    crop_size: CropSize = 96,
    exclude_people: ExcludePeople = None,
) -> None:
    """Write a run as one ONNX file, for prediction without PyTorch."""
    from facepoints.commands.export import export, export_path

    path = export_path(model, out, int8=int8)
    if int8:
        if not data:
            raise SettingsError("--int8 needs labelled faces to measure on: --data DATA")
        from facepoints.models import quantize
        from facepoints.models.loading import run_folder
        from facepoints.models.run import Run

        run = Run.load(run_folder(model))
        faces = load_samples(data, crop_size=crop_size, exclude_people=exclude_people)
        OUT.print(quantize.table(quantize.quantize(run, faces, path)))
    else:
        export(path, model=model)
    say(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def _check_data(paths: Sequence[Path]) -> None:
    if not paths:
        raise SettingsError("expected at least one file or folder of labelled faces, none came")
