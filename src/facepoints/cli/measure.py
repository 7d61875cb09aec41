"""The command measure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from facepoints._util.console import quiet_libraries
from facepoints._util.option_help import option
from facepoints._util.text_files import formulas_kept
from facepoints.cli.closing import end, say_passed_over
from facepoints.cli.options import (
    Inputs,
    PredictorOptions,
    TrackingOptions,
    VideoOptions,
    group,
)
from facepoints.cli.output import ERR
from facepoints.cli.outputs import KeepFormulas, Overwrite, outputs

if TYPE_CHECKING:
    from facepoints.api import FaceModel

__all__ = ["measure"]

_DEFAULT = PredictorOptions()
_TRACKING = TrackingOptions()
_VIDEO = VideoOptions()


def measure(
    inputs: Annotated[
        Inputs,
        option(
            "Image files, folders, patterns in quotes such as 'photos/*.jpg', or - for standard "
            "input; or video files or folders of them; or one camera number or stream address; or "
            ".jsonl files that facepoints predict wrote.",
            metavar="INPUT [INPUT ...]",
            default_text="required",
        ),
    ],
    out: Annotated[Path, option("File to write: .csv (a row per face) or .jsonl.", metavar="FILE")],
    events: Annotated[
        Path | None,
        option(
            "Also write the blinks, periods of closed eyes and yawns in a video to this file: .csv "
            "(a row for each), .vtt (subtitles) or .eaf (tiers for ELAN).",
            metavar="FILE",
            default_text="default: not written",
        ),
    ] = None,
    mm_per_pixel: Annotated[
        float | None,
        option(
            "Size of one pixel on the face, in millimeters. With it, distances are in millimeters.",
            metavar="MM",
            default_text="default: distances in pixels",
        ),
    ] = None,
    focal_length: Annotated[
        float | None,
        option(
            "Focal length of the camera in pixels. The distance of a head from the camera is "
            "proportional to it.",
            metavar="PIXELS",
            default_text="default: the longer side of each image, a lens of 53 degrees",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        option(
            "Also write a report to look at, to this .html file: each face with the distances that "
            "were measured, people of videos over time, definitions and sources.",
            metavar="FILE",
            default_text="default: not written",
        ),
    ] = None,
    spreadsheet: Annotated[
        Path | None,
        option(
            "Also write the table, the events and the meaning of every column to this .xlsx file.",
            metavar="FILE",
            default_text="default: not written",
        ),
    ] = None,
    overwrite: Overwrite = False,
    keep_formulas: KeepFormulas = False,
    options: Annotated[PredictorOptions, group("prediction")] = _DEFAULT,
    video: Annotated[VideoOptions, group("video")] = _VIDEO,
) -> None:
    """Measure faces: head pose, eye and mouth opening, asymmetry, distances and ratios.

    This is not a diagnosis. Yaw is positive to the subject's left, pitch is positive up, and roll
    is positive clockwise on the screen. All three are in degrees. Every value has a 90 % error
    radius; except for the head pose, it covers landmark error only. The head transform gives the
    position in front of the camera, in millimeters for a head of mean size. In videos, blinks,
    closed eyes and yawns are detected, too.
    """
    from facepoints.commands.inputs import iter_inputs
    from facepoints.commands.measure import measure_inputs
    from facepoints.commands.measure_extras import MeasureExtras, model_facts

    extras = MeasureExtras(report, spreadsheet, _measured(inputs, mm_per_pixel, focal_length))

    def load() -> FaceModel:
        model = options.load()
        extras.about.update(model_facts(model, options.model))
        return model

    with (
        quiet_libraries(),
        formulas_kept(keep_formulas),
        outputs(
            out,
            events,
            report,
            spreadsheet,
            inputs=[*inputs, *options.files()],
            overwrite=overwrite,
        ),
    ):
        results = iter_inputs(inputs, load, video=video.video, fps=video.fps, console=ERR)
        say_passed_over(results)
        counts = measure_inputs(
            results if report is None else results.through(extras.keeper.watch),
            out,
            events=events,
            mm_per_pixel=mm_per_pixel,
            focal_length=focal_length,
            also=extras.write if report or spreadsheet else None,
            console=ERR,
        )
    end(counts, results, f"{counts.summary()}; results are in {out}")
    if extras.missing is not None:
        raise extras.missing


def _measured(
    inputs: Sequence[str], mm_per_pixel: float | None, focal_length: float | None
) -> dict[str, str]:
    """Inputs and settings of `measure`, for the stamp of its report."""
    shown = ", ".join(inputs[:8]) + (f" and {len(inputs) - 8} more" if len(inputs) > 8 else "")
    scale = "none, distances are in pixels" if mm_per_pixel is None else f"{mm_per_pixel:g} mm"
    focal = "the longer side of each image" if focal_length is None else f"{focal_length:g} pixels"
    return {"inputs": shown, "size of a pixel": scale, "focal length": focal}
