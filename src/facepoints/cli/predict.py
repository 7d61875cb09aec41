"""The commands that find faces: predict, measure, align."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from facepoints._util.console import quiet_libraries
from facepoints._util.option_help import flag, option
from facepoints._util.progress import Stopped
from facepoints._util.text_files import formulas_kept
from facepoints.cli.options import (
    ImagesAreVideo,
    Inputs,
    PredictorOptions,
    TrackingOptions,
    VideoOptions,
    group,
)
from facepoints.cli.output import ERR, note
from facepoints.cli.outputs import KeepFormulas, Output, Overwrite, outputs
from facepoints.errors import DataError
from facepoints.landmarks.known_sets import KNOWN_SETS

if TYPE_CHECKING:
    from facepoints.api import FaceModel
    from facepoints.commands.inputs import InputStream
    from facepoints.commands.report import Report
    from facepoints.landmarks.landmark_set import LandmarkSet
    from facepoints.tracking.config import TrackerConfig
    from facepoints.video.source import VideoInput

__all__ = ["FormatName", "align", "measure", "predict"]

_DEFAULT = PredictorOptions()
_TRACKING = TrackingOptions()
_VIDEO = VideoOptions()


_ResultsPath = Annotated[
    Path | None,
    option(
        "Write the results to this .jsonl, .csv, .json (COCO keypoints), .xml (dlib's imglab) or "
        ".pts file, or to this folder of .pts files.",
        metavar="PATH",
        default_text="default: JSON lines on standard output",
    ),
]

FormatName = Literal["jsonl", "csv", "coco", "pts", "dlib", "openface"]
"""Keys of `results.formats.FORMATS`, whose import takes time."""

_FormatOption = Annotated[
    FormatName | None,
    option(
        "Format of --out. openface: a .csv table with the column names of OpenFace 2.",
        metavar=f"{{{','.join(get_args(FormatName))}}}",
        default_text="default: by the suffix of --out",
    ),
]

_DrawPath = Annotated[
    Path | None,
    option(
        "Write images with the points drawn to this folder, or a drawn video to this .mp4 file. "
        "Each drawing is named like its image. If two drawings would get the same name, both "
        "keep the suffix of their image as well (a.png.png, a.webp.png).",
        metavar="FOLDER|VIDEO",
        default_text="default: no drawings",
    ),
]

_LandmarksName = Annotated[
    str | None,
    option(
        "Convert the points to this landmark set.",
        metavar=f"{{{','.join(KNOWN_SETS)}}}",
        default_text="default: the points of the model",
    ),
]


def predict(
    inputs: Inputs,
    out: _ResultsPath = None,
    draw: _DrawPath = None,
    radius: Annotated[
        bool, flag("With --draw: also draw the 90 % error radius of every point.")
    ] = False,
    landmarks: _LandmarksName = None,
    format: _FormatOption = None,
    overwrite: Overwrite = False,
    keep_formulas: KeepFormulas = False,
    options: Annotated[PredictorOptions, group("prediction")] = _DEFAULT,
    tracking: Annotated[TrackingOptions, group("video")] = _TRACKING,
) -> None:
    """Find faces and their landmarks in images, or track them through a video.

    Without --out and --draw, the results go to standard output, one line of JSON per image. For
    an image that cannot be read, the line holds an error message. Run the same command again to
    resume an interrupted run. For a video, Ctrl-C stops and saves what has been processed.
    Several videos are processed one by one. All their rows go to --out, and the column "file"
    names the video; --draw is then a folder.
    """
    from facepoints.landmarks.known_sets import known_set
    from facepoints.tracking.config import TrackerConfig
    from facepoints.video.source import find_inputs

    want = None if landmarks is None else known_set(landmarks)
    config = TrackerConfig(smooth=tracking.smooth, detect_every=tracking.detect_every)
    with quiet_libraries(), formulas_kept(keep_formulas):
        found = find_inputs(inputs, tracking.video, tracking.fps, results=draw)
        if found.passed_over:
            note(found.passed_over)
        if not found.videos:
            _predict_images(
                options, found.images, inputs, out, draw, want, radius, overwrite, format
            )
            return
        _predict_videos(options, found.videos, out, draw, want, radius, config, overwrite, format)


def _predict_images(
    options: PredictorOptions,
    images: Sequence[str],
    inputs: Inputs,
    out: Path | None,
    draw: Path | None,
    landmarks: LandmarkSet | None,
    radius: bool,
    overwrite: bool,
    format: str | None,
) -> None:
    from facepoints.commands.image_files import drawing_names
    from facepoints.commands.predict_images import predict_images

    drawings = None if draw is None else Output(draw, frozenset(drawing_names(images)))
    inputs_read = [*images, *options.files()]
    with outputs(results_output(out, format), drawings, inputs=inputs_read, overwrite=overwrite):
        report = predict_images(
            options.load(),
            images,
            out=out,
            drawn=draw,
            landmarks=landmarks,
            radius=radius,
            given=inputs,
            overwrite=overwrite,
            format=format,
            console=ERR,
        )
    results = " and ".join(str(place) for place in (out, draw) if place is not None)
    note(report.summary() + (f"; results are in {results}" if results else ""))
    if report.unreadable == report.images:
        raise DataError(report.error)


def _predict_videos(
    options: PredictorOptions,
    videos: Sequence[VideoInput],
    out: Path | None,
    draw: Path | None,
    landmarks: LandmarkSet | None,
    radius: bool,
    config: TrackerConfig,
    overwrite: bool,
    format: str | None,
) -> None:
    from facepoints.commands.predict_video import predict_videos
    from facepoints.commands.video_drawing import drawn_paths

    names = [video.name for video in videos]
    drawn = None if draw is None else drawn_paths(draw, names)
    inputs = [*names, *options.files()]
    with outputs(results_output(out, format), *(drawn or ()), inputs=inputs, overwrite=overwrite):
        report = predict_videos(
            options.load(),
            videos,
            out=out,
            drawn=drawn,
            landmarks=landmarks,
            radius=radius,
            config=config,
            format=format,
            console=ERR,
        )
    place = drawn[0] if drawn is not None and len(drawn) == 1 else draw
    results = [str(path) for path in (out, None if report.not_drawn else place) if path is not None]
    message = report.summary() + (f"; results are in {' and '.join(results)}" if results else "")
    if report.stopped and not videos[0].live:
        raise Stopped(message)
    note(message)
    if report.failed == len(videos):
        raise DataError(report.error)
    if report.not_drawn is not None:
        raise report.not_drawn


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
        _say_passed_over(results)
        counts = measure_inputs(
            results if report is None else results.through(extras.keeper.watch),
            out,
            events=events,
            mm_per_pixel=mm_per_pixel,
            focal_length=focal_length,
            also=extras.write if report or spreadsheet else None,
            console=ERR,
        )
    _end(counts, results, f"{counts.summary()}; results are in {out}")
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
    overwrite: Overwrite = False,
    options: Annotated[PredictorOptions, group("prediction")] = _DEFAULT,
    video: ImagesAreVideo = False,
) -> None:
    """Cut out every face upright, with the eyes in the same place, as PNG files."""
    from facepoints.commands.align import align_inputs, aligned_output
    from facepoints.commands.inputs import iter_inputs

    with quiet_libraries():
        results = iter_inputs(
            inputs, options.load, video=video, results=out, lines=False, console=ERR
        )
        _say_passed_over(results)
        written = aligned_output(results, inputs, out)
        read = [*results.images, *options.files()]
        with outputs(written, inputs=read, overwrite=overwrite):
            report = align_inputs(results, out, template=template, size=size, console=ERR)
    _end(report, results, f"{report.summary()}; results are in {out}")


def results_output(out: Path | None, format: str | None = None) -> Output | None:
    """The output of `predict`: a file, or a folder of .pts files."""
    from facepoints.results.formats import format_of

    if out is None:
        return None
    file = not out.is_dir() and (format_of(out, format) != "pts" or out.suffix.lower() == ".pts")
    return Output(out, whole=not file)


def _say_passed_over(results: InputStream) -> None:
    if results.passed_over:
        note(results.passed_over)


def _end(report: Report, results: InputStream, message: str) -> None:
    """Print the summary. Raises Stopped if Ctrl-C ended an input other than a camera or stream."""
    if report.stopped and not results.live:
        raise Stopped(message)
    note(message)
    if report.unreadable and report.unreadable == report.images:
        raise DataError(report.error)
