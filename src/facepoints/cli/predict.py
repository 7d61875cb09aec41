"""The command predict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from facepoints._util.console import quiet_libraries
from facepoints._util.option_help import flag, option
from facepoints._util.progress import Stopped
from facepoints._util.text_files import formulas_kept
from facepoints.cli.closing import results_in
from facepoints.cli.options import (
    Inputs,
    PredictorOptions,
    TrackingOptions,
    VideoOptions,
    group,
)
from facepoints.cli.output import ERR, note
from facepoints.cli.outputs import KeepFormulas, Output, Overwrite, outputs, results_output
from facepoints.cli.predict_parts import PartOptions, PartsCommand, used_threads, wants_parts
from facepoints.errors import DataError, SettingsError
from facepoints.landmarks.known_sets import KNOWN_SETS

if TYPE_CHECKING:
    from facepoints.landmarks.landmark_set import LandmarkSet
    from facepoints.tracking.config import TrackerConfig
    from facepoints.video.source import VideoInput

__all__ = ["FormatName", "predict"]

_DEFAULT = PredictorOptions()
_TRACKING = TrackingOptions()
_VIDEO = VideoOptions()
_PARTS = PartOptions()


_ResultsPath = Annotated[
    str | None,
    option(
        "Write the results to this .jsonl, .csv, .json (COCO keypoints), .parquet, .xml (dlib's "
        "imglab) or .pts file, or to this folder of .pts files. A name that ends in /, or an "
        "address such as s3://bucket/faces/, is a folder of parts.",
        metavar="PATH",
        default_text="default: JSON lines on standard output",
    ),
]

FormatName = Literal["jsonl", "csv", "coco", "pts", "parquet", "dlib", "openface"]
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
    visible_only: Annotated[
        bool,
        flag("With --draw: leave out hidden points, which are drawn as rings otherwise."),
    ] = False,
    landmarks: _LandmarksName = None,
    format: _FormatOption = None,
    overwrite: Overwrite = False,
    keep_formulas: KeepFormulas = False,
    options: Annotated[PredictorOptions, group("prediction")] = _DEFAULT,
    tracking: Annotated[TrackingOptions, group("video")] = _TRACKING,
    parts: Annotated[PartOptions, group("parts")] = _PARTS,
) -> None:
    """Find faces and their landmarks in images, or track them through a video.

    Without --out and --draw, the results go to standard output, one line of JSON per image. For
    an image that cannot be read, the line holds an error message. Run the same command again to
    resume an interrupted run. For a video, Ctrl-C stops and saves what has been processed.
    Several videos are processed one by one. All their rows go to --out, and the column "file"
    names the video; --draw is then a folder.

    Lists (.txt, .csv), archives (.tar), Parquet tables and addresses such as s3://bucket/photos/
    are inputs too. They are read in parts. If --out ends in /, each part is a file of that folder,
    which several processes may fill (--shard); facepoints merge checks and joins the parts.
    """
    from facepoints.landmarks.known_sets import known_set
    from facepoints.tracking.config import TrackerConfig
    from facepoints.video.source import find_inputs

    _check_needed(out, draw, radius, visible_only, format)
    want = None if landmarks is None else known_set(landmarks)
    file = None if out is None else Path(out)
    config = TrackerConfig(smooth=tracking.smooth, detect_every=tracking.detect_every)
    with quiet_libraries(), formulas_kept(keep_formulas), used_threads(parts.threads):
        if wants_parts(inputs, out, format, parts):
            _check_for_parts(draw, tracking)
            command = PartsCommand(inputs, options, parts, want, config, format, overwrite)
            command.run(out)
            return
        found = find_inputs(inputs, tracking.video, tracking.fps, results=draw)
        if found.passed_over:
            note(found.passed_over)
        _check_for_videos(tracking, bool(found.videos))
        if not found.videos:
            _predict_images(
                options,
                parts,
                found.images,
                inputs,
                file,
                draw,
                want,
                radius,
                visible_only,
                overwrite,
                format,
            )
            return
        _predict_videos(
            options,
            parts,
            found.videos,
            file,
            draw,
            want,
            radius,
            visible_only,
            config,
            overwrite,
            format,
        )


def _check_needed(
    out: str | None, draw: Path | None, radius: bool, visible_only: bool, format: str | None
) -> None:
    """Refuse options of an output that is not named. Raises SettingsError."""
    for name, given in (("--radius", radius), ("--visible-only", visible_only)):
        if given and draw is None:
            raise SettingsError(
                f"{name} is for drawings; name a folder for them too: --draw FOLDER"
            )
    if out is None and format not in (None, "jsonl"):
        raise SettingsError(f"--format {format} is for a file; name it too: --out FILE")


def _check_for_videos(tracking: TrackingOptions, videos: bool) -> None:
    """Refuse options that the inputs have no use for. Raises SettingsError."""
    given = {
        "--no-smooth": not tracking.smooth,
        "--detect-every": tracking.detect_every is not None,
    }
    for name, is_given in given.items():
        if is_given and not videos:
            raise SettingsError(
                f"{name} is for videos, and these are images; leave it out, or add --video if they "
                f"are the frames of one video"
            )
    if tracking.fps != _VIDEO.fps and not tracking.video:
        raise SettingsError(
            "--fps is for images that are the frames of one video; add --video, or leave it out: "
            "a video has its own times"
        )


def _check_for_parts(draw: Path | None, tracking: TrackingOptions) -> None:
    """Refuse what parts do not have. Raises SettingsError."""
    if draw is not None:
        raise SettingsError(
            "drawings are of image files and videos on this machine; leave --draw out for lists, "
            "archives, tables, addresses and folders of parts"
        )
    if tracking.video:
        raise SettingsError("--video makes one video of images, which is not divided into parts")


def _predict_images(
    options: PredictorOptions,
    parts: PartOptions,
    images: Sequence[str],
    inputs: Inputs,
    out: Path | None,
    draw: Path | None,
    landmarks: LandmarkSet | None,
    radius: bool,
    visible_only: bool,
    overwrite: bool,
    format: str | None,
) -> None:
    from facepoints.commands.image_files import drawing_names
    from facepoints.commands.predict_images import predict_images

    drawings = None if draw is None else Output(draw, frozenset(drawing_names(images)))
    inputs_read = [*images, *options.files()]
    with outputs(results_output(out, format), drawings, inputs=inputs_read, overwrite=overwrite):
        report = predict_images(
            options.load(threads=parts.threads),
            images,
            out=out,
            drawn=draw,
            landmarks=landmarks,
            radius=radius,
            visible_only=visible_only,
            given=inputs,
            overwrite=overwrite,
            format=format,
            console=ERR,
        )
    note(report.summary() + results_in(out, draw))
    if report.unreadable == report.images:
        raise DataError(report.error)


def _predict_videos(
    options: PredictorOptions,
    parts: PartOptions,
    videos: Sequence[VideoInput],
    out: Path | None,
    draw: Path | None,
    landmarks: LandmarkSet | None,
    radius: bool,
    visible_only: bool,
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
            options.load(threads=parts.threads),
            videos,
            out=out,
            drawn=drawn,
            landmarks=landmarks,
            radius=radius,
            visible_only=visible_only,
            config=config,
            format=format,
            console=ERR,
        )
    place = drawn[0] if drawn is not None and len(drawn) == 1 else draw
    message = report.summary() + results_in(out, None if report.not_drawn else place)
    if report.stopped and not videos[0].live:
        raise Stopped(message)
    note(message)
    if report.failed == len(videos):
        raise DataError(report.error)
    if report.not_drawn is not None:
        raise report.not_drawn
