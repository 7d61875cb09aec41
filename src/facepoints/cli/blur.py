"""The command that makes faces unrecognizable: blur."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from facepoints._util.console import quiet_libraries
from facepoints._util.option_help import flag, option
from facepoints._util.text_files import formulas_kept
from facepoints.cli.closing import results_in
from facepoints.cli.options import Inputs, PredictorOptions, VideoOptions, group
from facepoints.cli.output import ERR, note
from facepoints.cli.outputs import KeepFormulas, Output, Overwrite, outputs
from facepoints.commands.blur_settings import COVER_SCORE
from facepoints.drawing.blur import BlurStyle
from facepoints.errors import DataError, SettingsError

if TYPE_CHECKING:
    from facepoints.video.source import VideoInput

__all__ = ["blur"]

_DEFAULT = PredictorOptions(min_score=COVER_SCORE)
_VIDEO = VideoOptions()
_LISTED = 5  # images or videos that are named as doubtful


def blur(
    inputs: Annotated[
        Inputs,
        option(
            "Image files, video files, folders of both, patterns in quotes such as "
            "'photos/*.jpg', or - for an image on standard input.",
            metavar="INPUT [INPUT ...]",
            default_text="required",
        ),
    ],
    out: Annotated[
        Path,
        option(
            "Folder to write to, with the names and subfolders of the inputs. JPEG stays JPEG, "
            "other images become PNG, videos become MP4 with their sound. For one input, it may "
            "be a .jpg, .png or .mp4 file.",
            metavar="PATH",
        ),
    ],
    style: Annotated[
        BlurStyle,
        option(
            "blur: a Gaussian filter. pixelate: coarse squares. mask: the face in one color. box: "
            "a rectangle in one color."
        ),
    ] = "blur",
    careful: Annotated[
        bool,
        flag(
            "Miss fewer faces, at the price of time and of covered places that are no face: "
            "search at every angle, take more candidates, cover every face with a score of 0.05 "
            "or more, search every frame of a video, and cover faces for longer before and after "
            "they are seen."
        ),
    ] = False,
    review: Annotated[
        Path | None,
        option(
            "Write a .csv table of what a person should look at: images without a face, faces "
            "with a low score, possible faces that are not covered, and the frames of a video in "
            "which a face was not seen.",
            metavar="FILE",
            default_text="default: not written",
        ),
    ] = None,
    strength: Annotated[
        float,
        option(
            "Factor on the filter (standard deviation 1/6 of the face) and on the squares (1/5 of "
            "the face), from 1 to 10.",
            metavar="FACTOR",
        ),
    ] = 1.0,
    margin: Annotated[
        float,
        option(
            "Margin around the face and the error radii of its points, in face sizes.",
            metavar="SIZES",
        ),
    ] = 0.1,
    color: Annotated[
        tuple[int, int, int] | None,
        option(
            "Color of a mask or box: red, green and blue from 0 to 255.",
            metavar="R G B",
            default_text="default: 0 0 0",
        ),
    ] = None,
    keep_exif: Annotated[
        bool,
        flag(
            "Keep the EXIF data of JPEG and PNG images: camera, time, place, texts. Else all of "
            "it is left out. Thumbnails are always left out."
        ),
    ] = False,
    overwrite: Overwrite = False,
    keep_formulas: KeepFormulas = False,
    options: Annotated[PredictorOptions, group("prediction")] = _DEFAULT,
    video: Annotated[VideoOptions, group("video")] = _VIDEO,
) -> None:
    """Make the faces in images and recorded videos unrecognizable.

    Faces are covered from the chin to the hair line. In a video, a face stays covered in frames
    in which it is not seen. No search finds every face: look at the results, and at the places
    that --review names, before you publish them. Hair, clothes, voice and place may still tell
    who somebody is.
    """
    from facepoints.commands.blur import blur_files, output_paths
    from facepoints.commands.blur_report import write_doubts
    from facepoints.commands.blur_search import make_search
    from facepoints.commands.blur_settings import BlurSettings

    _check_for_style(style, strength, color)
    settings = BlurSettings(style, strength, margin, color or (0, 0, 0), keep_exif)
    if review is not None and review.suffix.lower() != ".csv":
        raise SettingsError(f"the places to review go to a .csv file, not to {review}")
    with quiet_libraries(), formulas_kept(keep_formulas):
        images, videos = _found(inputs, out, video)
        paths = output_paths(out, images, [one.name for one in videos])
        read = [*images, *(one.name for one in videos), *options.files()]
        with outputs(_written(out, paths), review, inputs=read, overwrite=overwrite):
            search = make_search(options.load(), careful)
            done = blur_files(search, images, videos, paths, settings, console=ERR)
            if review is not None:
                write_doubts(review, done.doubts)
    note(done.summary() + results_in(out, review))
    if done.doubts and review is None:
        names = list(dict.fromkeys(doubt.file for doubt in done.doubts))
        more = ", ..." if len(names) > _LISTED else ""
        note(f"look at: {', '.join(names[:_LISTED])}{more} (--review FILE.csv lists the places)")
    if done.unreadable and done.unreadable == done.images:
        raise DataError(done.error)


def _check_for_style(style: BlurStyle, strength: float, color: tuple[int, int, int] | None) -> None:
    """Refuse options that the style has no use for. Raises SettingsError."""
    if color is not None and style in ("blur", "pixelate"):
        raise SettingsError(
            f"--color is for the styles mask and box, and the style is {style}; leave it out, or "
            f"add --style mask"
        )
    if strength != 1 and style in ("mask", "box"):
        raise SettingsError(
            f"--strength is for the styles blur and pixelate, and the style is {style}; leave it "
            f"out: a {style} hides all of the face"
        )


def _found(
    inputs: Sequence[str], out: Path, options: VideoOptions
) -> tuple[list[str], list[VideoInput]]:
    """The images and the recorded videos among the inputs."""
    from facepoints.imaging.input_paths import find_files, listed_files
    from facepoints.video.probe import is_camera, is_stream, is_video
    from facepoints.video.source import VideoInput, find_inputs, open_video

    live = [name for name in inputs if is_camera(name) or is_stream(name)]
    if live:
        raise SettingsError(
            f"a camera or stream cannot be blurred: a face may be seen before it is found. Record "
            f"{live[0]}, and blur the recording"
        )
    if options.video:
        found = find_inputs(inputs, True, options.fps, out)
        return found.images, list(found.videos)
    files = find_files(inputs, out, lambda path: is_video(path))
    if files.others:
        note(f"passed over: {listed_files(files.others)}")

    def opened(name: str) -> VideoInput:
        return VideoInput(name, lambda: open_video(name))

    return files.images, [opened(name) for name in files.videos]


def _written(out: Path, paths: Sequence[Path]) -> Output | Path:
    if list(paths) == [out]:
        return out
    return Output(out, frozenset(path.relative_to(out).as_posix() for path in paths))
