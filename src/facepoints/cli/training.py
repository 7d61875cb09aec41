"""The commands that train and evaluate models: train, evaluate, compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field, fields, make_dataclass, replace
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

from facepoints import weights
from facepoints._util.files import check_output_folder
from facepoints._util.option_help import flag, option
from facepoints.cli.options import (
    AnyModel,
    Data,
    DataOptions,
    Device,
    EvaluationDataOptions,
    group,
)
from facepoints.cli.output import OUT, say, working
from facepoints.cli.outputs import Overwrite, folder_output, model_files, outputs
from facepoints.models.run_header import check_no_run, check_torch
from facepoints.training.settings import Missing, Network, TrainSettings, stored_settings

__all__ = ["compare", "evaluate", "settings_to_resume", "train"]

_DEFAULTS = TrainSettings()
_DATA = DataOptions()
_EVALUATION_DATA = EvaluationDataOptions()

_Resume = Annotated[
    bool, flag("Continue the interrupted training in --out, with the settings of that run.")
]

_Onnx = Annotated[
    bool,
    option("Do not export model.onnx at the end of training.", default_text="default: exported"),
]


_Report = Annotated[
    bool,
    option("Do not write report.html, the page to look at.", default_text="default: written"),
]


def train(settings_before: TrainSettings) -> Callable[..., None]:
    """Build the command `train` with `settings_before` as its defaults."""

    def train(
        data: Data,
        out: Annotated[Path, option("Folder for the run.", metavar="FOLDER")],
        resume: _Resume = False,
        onnx: _Onnx = True,
        report: _Report = True,
        options: Annotated[DataOptions, group("")] = _DATA,
        settings: Annotated[TrainSettings, group("training")] = settings_before,
    ) -> None:
        """Train networks on labeled faces.

        The run folder holds the weights, model.onnx, the settings, the metrics, charts and
        report.html: curves, errors on held-out faces, and what to try next.
        Ctrl-C stops and saves a checkpoint; --resume continues from it.
        """
        check_torch("training")
        if not resume:
            check_no_run(out)
        check_output_folder(folder_output(out).path)
        faces = options.load(data)
        from facepoints.evaluation.table import table
        from facepoints.training.train import train  # imports PyTorch, which takes seconds

        errors = train(
            faces,
            out,
            settings,
            resume=resume,
            data_names=[path.name for path in data],
            fixes=options.applied_fixes(data),
            onnx=onnx,
            report=report,
            console=OUT,
        )
        charts = f"{out / 'curves.png'}"
        if errors:
            OUT.print(table(errors))
            charts += f", {out / 'validation'}"
        say(f"the run is in {out}; its charts and images: {charts}")

    return train


def settings_to_resume(arguments: Sequence[str]) -> TrainSettings:
    """Defaults of the command `train`: with --resume, the settings of the interrupted run."""
    if arguments[:1] != ["train"] or "--resume" not in arguments:
        return _DEFAULTS
    words = [word for argument in arguments for word in argument.split("=", 1)]
    if "--out" not in words[:-1]:
        return _DEFAULTS
    return stored_settings(Path(words[words.index("--out") + 1])) or _DEFAULTS


def evaluate(
    data: Data,
    model: AnyModel = weights.BUILTIN,
    out: Annotated[
        Path | None,
        option(
            "Folder for evaluation.json, the error curve, the worst faces and report.html, a page "
            "to look at.",
            metavar="FOLDER",
            default_text="default: only print the table",
        ),
    ] = None,
    device: Device = "cpu",
    report: _Report = True,
    overwrite: Overwrite = False,
    options: Annotated[EvaluationDataOptions, group("")] = _EVALUATION_DATA,
) -> None:
    """Measure the error of a model on labeled faces.

    The table shows the RMSE, the NME, the failure rate and the share of points within their
    radius. The built-in model is measured as it predicts, with 8-bit layers.
    """
    from facepoints.commands.evaluate import evaluate
    from facepoints.drawing import check_charts
    from facepoints.evaluation.evaluate import FILES
    from facepoints.evaluation.table import table

    folder = None if out is None else folder_output(out, FILES)
    inputs = [*data, *options.files(), *model_files(model)]
    with outputs(folder, inputs=inputs, overwrite=overwrite):
        if out is not None:
            check_charts()
        loaded = _loaded(model, device)
        faces, sets = options.load_with_sets(data)
        with working("measuring the model"):
            errors = evaluate(
                faces, model=loaded, out=out, report=report, sets=sets, model_name=model
            )
    OUT.print(table(errors))
    if out is not None:
        say(f"report and charts are in {out}")


def _loaded(model: str, device: str) -> Any:
    from facepoints.models.loading import load_model

    with working("loading the model"):
        return load_model(model, device)


def _without(names: set[str], default_of_init: str) -> type:
    """`TrainSettings` without the fields `names`, for a command that sets these itself."""
    hints = get_type_hints(TrainSettings, include_extras=True)
    kind, init = get_args(hints["init"])
    hints["init"] = Annotated[
        kind, replace(init, help_behavior_hint=f"(default: {default_of_init})")
    ]
    kept = [f for f in fields(TrainSettings) if f.name not in names]
    spec = [(f.name, hints[f.name], field(default=f.default)) for f in kept]
    return make_dataclass("TrainSettings", spec, frozen=True)


CompareSettings: Any = _without({"network", "missing"}, default_of_init="random")
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
    report: _Report = True,
    overwrite: Overwrite = False,
    options: Annotated[DataOptions, group("")] = _DATA,
    settings: Annotated[CompareSettings, group("training")] = _COMPARE_DEFAULTS,  # pyright: ignore[reportInvalidTypeForm]
) -> None:
    """Compare networks and strategies for missing labels at an equal budget.

    Each pair of a network and a strategy trains on the same number of rows, or, with --minutes,
    for the same time. Run the same command again to resume an interrupted comparison.
    """
    check_torch("training")
    faces = options.load(data)
    from facepoints.training.compare import FILES, compare, table  # imports PyTorch

    with outputs(folder_output(out, FILES), inputs=[*data, *options.files()], overwrite=overwrite):
        cells = compare(
            faces,
            out,
            networks,
            missing,
            TrainSettings(**vars(settings)),
            data_names=[path.name for path in data],
            fixes=options.applied_fixes(data),
            report=report,
            console=OUT,
        )
    OUT.print(table(cells))
    say(f"table and chart are in {out}")
