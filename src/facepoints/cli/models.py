"""The commands that write models or submissions: adapt, export, submit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from facepoints import weights
from facepoints._util.option_help import flag, option
from facepoints._util.words import count_noun
from facepoints.cli.options import (
    AnyModel,
    Data,
    DataOptions,
    Device,
    ExcludePeople,
    FixesFile,
    Rename,
    Split,
    group,
)
from facepoints.cli.output import OUT, say, working
from facepoints.cli.outputs import Overwrite, model_files, outputs, people_files
from facepoints.commands.model_output import check_model_suffix
from facepoints.errors import SettingsError

__all__ = ["adapt", "export", "submit"]

_DATA = DataOptions()


def submit(
    test: Annotated[
        Path,
        tyro.conf.Positional,
        option(
            "The competition's test.csv, plain or zipped, or its whole zip.",
            metavar="TEST",
            default_text="required",
        ),
    ],
    lookup: Annotated[
        Path,
        tyro.conf.Positional,
        option("The competition's IdLookupTable.csv.", metavar="LOOKUP", default_text="required"),
    ],
    out: Annotated[Path, option("Submission file to write.", metavar="FILE")],
    model: AnyModel = weights.BUILTIN,
    score: Annotated[
        Path | None,
        option(
            "CSV table of the true values, with the columns RowId,Location. Print the RMSE "
            "against them.",
            metavar="FILE",
            default_text="default: no score",
        ),
    ] = None,
    device: Device = "cpu",
    overwrite: Overwrite = False,
) -> None:
    """Write a submission for Kaggle's Facial Keypoints Detection."""
    from facepoints.commands.submit import submit
    from facepoints.models.loading import load_model

    inputs = [test, lookup, *([] if score is None else [score]), *model_files(model)]
    with outputs(out, inputs=inputs, overwrite=overwrite), working("predicting the points"):
        report = submit(load_model(model, device), test, lookup, out, score=score)
    say(
        f"{report.out}: {count_noun(report.rows, 'coordinate')} of "
        f"{count_noun(report.images, 'image')} "
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
            "ONNX file to write. Use it as --model of other commands.",
            metavar="FILE",
        ),
    ],
    model: AnyModel = weights.BUILTIN,
    split: Split = "training",
    exclude_people: ExcludePeople = None,
    rename: Rename = None,
    fixes: FixesFile = None,
    device: Device = "cpu",
    overwrite: Overwrite = False,
) -> None:
    """Fit a model to your own labels with about 20 labeled faces, in seconds.

    Nothing is trained. Your points are computed from the model's points. The mean difference to
    your labels is then added as a constant offset.
    """
    from facepoints.commands.adapt import adapt

    check_model_suffix(out)
    inputs = [*data, *people_files(exclude_people), *model_files(model)]
    inputs += [file for file in (rename, fixes) if file is not None]
    running = working("fitting the model to the labels")
    with outputs(out, inputs=inputs, overwrite=overwrite), running:
        report = adapt(
            data,
            out,
            model=model,
            split=split,
            exclude_people=exclude_people,
            rename=rename,
            fixes=fixes,
            device=device,
        )
    left = f", {report.left_out} left out" if report.left_out else ""
    fitted_on = count_noun(report.faces, "face")
    say(f"{report.out}: {count_noun(len(report.points), 'point')}, fitted on {fitted_on}{left}")
    say(
        f"mean distance to labels that it was not fitted on: {report.after:.2%} of the face, "
        f"{report.before:.2%} before"
    )
    if report.unknown:
        say(f"left out, since the model cannot give them: {', '.join(report.unknown)}")


_Run = Annotated[
    str,
    option(
        "Model: a run folder, 'builtin' for the run behind the model in the package, or an ONNX "
        "file that facepoints wrote, which is checked and copied.",
        metavar="MODEL",
    ),
]

_OnnxPath = Annotated[
    Path | None,
    option(
        "ONNX file to write.",
        metavar="FILE",
        default_text="default: model.onnx or model-int8.onnx in the run folder; required for "
        "builtin",
    ),
]


def export(
    model: _Run = weights.BUILTIN,
    out: _OnnxPath = None,
    int8: Annotated[
        bool,
        flag("Quantize the model to 8 bits. Print its error and time before and after."),
    ] = False,
    data: Annotated[
        tuple[Path, ...],
        option(
            "Label files or folders of real faces. The quantized model is calibrated and measured "
            "on them.",
            metavar="DATA [DATA ...]",
            default_text="required with --int8",
        ),
    ] = (),
    overwrite: Overwrite = False,
    options: Annotated[DataOptions, group("")] = _DATA,
) -> None:
    """Write a run as one ONNX file, for prediction without PyTorch."""
    from facepoints.commands.export import export, export_path
    from facepoints.models.loading import run_folder
    from facepoints.models.run_header import read_finished_header

    path = export_path(model, out, int8=int8)
    check_model_suffix(path)
    if int8 and not data:
        raise SettingsError("--int8 needs labeled faces to measure on: --data DATA")
    # only what is beside run.json may be written again: model.onnx
    run_files = [file for file in model_files(model) if file != Path(model) / file.name]
    inputs = [*data, *options.files(), *run_files, Path(model) / "run.json"]
    with outputs(path, inputs=inputs, overwrite=overwrite or out is None):
        if int8:
            read_finished_header(run_folder(model))
            faces = options.load(data)
            from facepoints.models import quantize
            from facepoints.models.run import Run

            run = Run.load(run_folder(model))
            with working("quantizing the model"):
                report = quantize.quantize(run, faces, path)
            OUT.print(quantize.table(report))
        else:
            with working("exporting the model"):
                export(path, model=model)
    say(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
