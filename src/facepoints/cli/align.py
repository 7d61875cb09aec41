"""The command align."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from facepoints._util.console import quiet_libraries
from facepoints._util.option_help import option
from facepoints.cli.closing import end, results_in, say_passed_over
from facepoints.cli.options import ImagesAreVideo, Inputs, PredictorOptions, group
from facepoints.cli.output import ERR
from facepoints.cli.outputs import Overwrite, outputs

__all__ = ["align"]

_DEFAULT = PredictorOptions()


def align(
    inputs: Inputs,
    out: Annotated[
        Path,
        option(
            "Folder to write to, with the subfolders of the inputs. The faces of a.jpg become "
            "a-face1.png, a-face2.png and so on.",
            metavar="FOLDER",
        ),
    ],
    template: Annotated[
        Literal["eyes", "arcface-112"],
        option(
            "Places for the points of a face. eyes: the eyes are level and always in the same "
            "places. arcface-112: five points are where face-recognition networks expect them."
        ),
    ] = "eyes",
    size: Annotated[
        int | None,
        option(
            "Side of the written images, in pixels.",
            metavar="PIXELS",
            default_text="default: 256 for eyes, 112 for arcface-112",
        ),
    ] = None,
    matrices: Annotated[
        Path | None,
        option(
            "Write the matrix from each written image to its photo or frame to this .csv or .jsonl "
            "file, a row per face.",
            metavar="FILE",
            default_text="default: not written",
        ),
    ] = None,
    overwrite: Overwrite = False,
    options: Annotated[PredictorOptions, group("prediction")] = _DEFAULT,
    video: ImagesAreVideo = False,
) -> None:
    """Cut out every face upright, with the eyes in the same place, as PNG files."""
    from facepoints.commands.align import align_inputs, aligned_output
    from facepoints.commands.align_matrices import check_matrices_path
    from facepoints.commands.inputs import iter_inputs

    if matrices is not None:
        check_matrices_path(matrices)
    with quiet_libraries():
        results = iter_inputs(
            inputs, options.load, video=video, results=out, predictions=False, console=ERR
        )
        say_passed_over(results)
        written = aligned_output(results, inputs, out)
        read = [*results.images, *options.files()]
        with outputs(written, matrices, inputs=read, overwrite=overwrite):
            report = align_inputs(
                results, out, template=template, size=size, matrices=matrices, console=ERR
            )
    end(report, results, report.summary() + results_in(out, matrices))
