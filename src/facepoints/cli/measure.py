"""The command measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from facepoints._util.console import quiet_libraries
from facepoints._util.option_help import flag, option
from facepoints._util.text_files import formulas_kept
from facepoints.cli.closing import end, results_in, say_passed_over
from facepoints.cli.options import (
    Inputs,
    PredictorOptions,
    TrackingOptions,
    VideoOptions,
    group,
)
from facepoints.cli.output import ERR
from facepoints.cli.outputs import KeepFormulas, Overwrite, outputs
from facepoints.errors import SettingsError

if TYPE_CHECKING:
    from facepoints.api import FaceModel
    from facepoints.commands.inputs import InputStream
    from facepoints.commands.measured_faces import FaceSettings

__all__ = ["ConventionName", "measure"]

ConventionName = Literal["lfpw", "helen", "afw", "scut", "street"]
"""Those of `measurement.conventions`, which is not imported for the help."""

_DEFAULT = PredictorOptions()
_TRACKING = TrackingOptions()
_VIDEO = VideoOptions()


def measure(
    inputs: Annotated[
        Inputs,
        option(
            "Image files, folders, patterns in quotes such as 'photos/*.jpg', or - for standard "
            "input; or video files or folders of them; or one camera number or stream address; or "
            "what facepoints predict wrote: a file (.jsonl, .csv, .parquet, ...) or a folder.",
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
    iris_scale: Annotated[
        bool,
        flag(
            "Take the size of a pixel from the irises of each face, which are 11.7 mm wide in "
            "adults, 0.4 mm more or less. Distances are then in millimeters, and blank where no "
            "iris can be measured."
        ),
    ] = False,
    symmetric: Annotated[
        bool,
        flag(
            "Measure each image and its mirror image, and average both. A mirrored image then has "
            "exactly the mirrored values. It takes twice the time; for images, not for videos."
        ),
    ] = False,
    convention: Annotated[
        ConventionName | None,
        option(
            "Give distances, ratios, openings and slants as the annotators of this data set would "
            "have them, to compare values with theirs: lfpw, helen, afw, scut, or street (photos "
            "of people in the street). They mark eyes and mouths differently.",
            metavar="NAME",
            default_text="default: between all of them",
        ),
    ] = None,
    norms: Annotated[
        Path | None,
        option(
            "CSV table of norms of your own, with the columns measure, mean and sd, and if you "
            "like age_min, age_max and sex. Adds a z-score of each measure in it.",
            metavar="FILE",
            default_text="default: no z-scores",
        ),
    ] = None,
    age: Annotated[
        float | None,
        option(
            "Age of the people in years, to choose the norms.",
            metavar="YEARS",
            default_text="default: norms for every age",
        ),
    ] = None,
    sex: Annotated[
        str | None,
        option(
            "Sex of the people as the table of norms says it, to choose the norms.",
            metavar="SEX",
            default_text="default: norms for both",
        ),
    ] = None,
    expressions: Annotated[
        bool,
        flag(
            "Also measure expressions: how far brows, lids, jaw, mouth and nose have moved from "
            "rest, each 0 to 1, and whether the face smiles. The names are those of ARKit. People "
            "in videos are compared with their own calm frames, faces in images with the mean "
            "person, which is less certain."
        ),
    ] = False,
    neutral: Annotated[
        Path | None,
        option(
            "Image of the person at rest, whom expressions are compared with, or .jsonl that "
            "facepoints predict wrote of it. With it, expressions are measured.",
            metavar="FILE",
            default_text="default: calm frames of a video, the mean person for images",
        ),
    ] = None,
    livelink: Annotated[
        Path | None,
        option(
            "Also write the expressions of the person who is seen most in a video to this .csv "
            "file, as the Live Link Face app does, for Unreal Engine, Blender and Maya.",
            metavar="FILE",
            default_text="default: not written",
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

    Not a diagnosis, not a medical device. Every value has a 90 % error radius. The measures are:
    yaw (turn to the subject's left), pitch (up) and roll (clockwise on the screen), in degrees;
    asymmetry, how much the left half of the face differs from the right half;
    eye_opening and mouth_opening, height over length of the gap;
    inner_canthal and outer_canthal, between the inner and the outer eye corners;
    palpebral_fissure, the length of each eye, left and right;
    palpebral_slant, how far its outer corner lies above the inner ones, in degrees;
    philtrum, from the nose to the upper lip; mouth_width; face_height, from nose root to chin.
    Distances come in pixels or millimeters, and as fractions (ratio) of outer_canthal. Further
    columns tell the position of the head, the gaze, and whether the eyes are closed. In videos,
    blinks, closed eyes and yawns are detected, too. --expressions adds brows raised or lowered,
    eyes closed or wide, jaw open, smile, frown, and more, 0 to 1. A value that cannot be had is
    blank, and measures_reason says why.
    """
    from facepoints.commands.expression_columns import neutral_from
    from facepoints.commands.inputs import iter_inputs
    from facepoints.commands.measure import measure_inputs
    from facepoints.commands.measure_extras import MeasureExtras, model_facts
    from facepoints.commands.measured_faces import FaceSettings

    settings = FaceSettings(
        mm_per_pixel, iris_scale, focal_length, symmetric, convention=convention
    )
    settings = _with_norms(settings, norms, age, sex)
    extras = MeasureExtras(report, spreadsheet, _measured(inputs, settings, norms))

    def load() -> FaceModel:
        model = options.load(symmetric=symmetric)
        extras.about.update(model_facts(model, options.model))
        return model

    with (
        quiet_libraries(),
        formulas_kept(keep_formulas),
        outputs(
            out,
            events,
            livelink,
            report,
            spreadsheet,
            inputs=[*inputs, *options.files(), *(f for f in (norms, neutral) if f is not None)],
            overwrite=overwrite,
        ),
    ):
        results = iter_inputs(
            inputs, load, video=video.video, fps=video.fps, predictions=not symmetric, console=ERR
        )
        _check_for_inputs(results, iris_scale)
        if symmetric and results.videos:
            raise SettingsError(
                f"--symmetric is for images, and {results.videos[0]} is a video; leave it out"
            )
        say_passed_over(results)
        if neutral is not None:
            settings = replace(settings, neutral=neutral_from(neutral, load))
        if expressions or neutral is not None or livelink is not None:
            settings = replace(settings, expressions=True)
        counts = measure_inputs(
            results if report is None else results.through(extras.keeper.watch),
            out,
            events=events,
            livelink=livelink,
            settings=settings,
            also=extras.write if report or spreadsheet else None,
            console=ERR,
        )
    pages = (report, spreadsheet) if extras.missing is None else ()
    end(counts, results, counts.summary() + results_in(out, events, livelink, *pages))
    if extras.missing is not None:
        raise extras.missing


def _check_for_inputs(results: InputStream, iris_scale: bool) -> None:
    """Refuse a scale that the inputs have no use for. Raises SettingsError."""
    if iris_scale and results.predictions and not (results.images or results.videos):
        raise SettingsError(
            f"--iris-scale measures irises in images, and {results.predictions[0]} holds points "
            f"without images; give the images, or the size of a pixel: --mm-per-pixel MM"
        )


def _with_norms(
    settings: FaceSettings, path: Path | None, age: float | None, sex: str | None
) -> FaceSettings:
    """The settings, with the norms of a table for people of this age and sex."""
    from facepoints.measurement import MEASURES
    from facepoints.measurement.norms import read_norms

    if path is None:
        for name, value in (("--age", age), ("--sex", sex)):
            if value is not None:
                raise SettingsError(f"{name} chooses norms; name the table too: --norms FILE")
        return settings
    columns = [settings.column(name) for name in MEASURES]
    return replace(settings, norms=read_norms(path, columns, age=age, sex=sex))


def _measured(inputs: Sequence[str], settings: FaceSettings, norms: Path | None) -> dict[str, str]:
    """Inputs and settings of `measure`, for the stamp of its report."""
    shown = ", ".join(inputs[:8]) + (f" and {len(inputs) - 8} more" if len(inputs) > 8 else "")
    scale = "none, distances are in pixels"
    if settings.mm_per_pixel is not None:
        scale = f"{settings.mm_per_pixel:g} mm"
    elif settings.iris_scale:
        scale = "from the irises of each face"
    focal = settings.focal_length
    facts = {
        "inputs": shown,
        "size of a pixel": scale,
        "focal length": "the longer side of each image" if focal is None else f"{focal:g} pixels",
    }
    if settings.symmetric:
        facts["symmetric"] = "averaged over each image and its mirror image"
    if settings.convention is not None:
        facts["convention"] = settings.convention
    return facts | ({} if norms is None else {"norms": str(norms)})
