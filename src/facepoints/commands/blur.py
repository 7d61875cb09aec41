"""Writes copies of images and videos in which faces cannot be recognized."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from facepoints._util import files
from facepoints._util.progress import ImageProgress, Stopped, StopRequest
from facepoints.commands.blur_report import BlurReport, Doubt
from facepoints.commands.blur_search import SURE_SCORE, BlurSearch
from facepoints.commands.blur_settings import BlurSettings
from facepoints.commands.blur_video import blur_video
from facepoints.commands.image_files import predict_in_batches
from facepoints.errors import DataError, SettingsError
from facepoints.imaging.image_io import STDIN
from facepoints.imaging.image_writer import encode_image
from facepoints.imaging.input_paths import relative_to_common
from facepoints.imaging.metadata import copy_metadata
from facepoints.results.records import FrameResult
from facepoints.video.source import VideoInput

__all__ = ["blur_files", "output_paths"]

_IMAGES, _VIDEOS = (".jpg", ".jpeg", ".png"), (".mp4", ".m4v")
_OTHERS = (
    *(".gif", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".heic"),
    *(".mov", ".avi", ".mkv", ".webm"),
)
"""Suffixes of files that can be written, and of files that cannot."""


def output_paths(out: Path, images: Sequence[str], videos: Sequence[str]) -> list[Path]:
    """The file to write for each image and then for each video.

    Args:
        out: a folder, in which the files have the names and subfolders of the inputs; JPEG stays
            JPEG, other images become PNG, and videos MP4. For a single input, it may be a file.
        images, videos: names of the inputs.

    Raises:
        SettingsError: `out` is a file for several inputs, or of a kind that cannot be written.
    """
    names, suffix = [*images, *videos], out.suffix.lower()
    if files.names_a_file(out) or (suffix in (*_IMAGES, *_VIDEOS, *_OTHERS) and not out.is_dir()):
        able = _VIDEOS if videos else _IMAGES
        if len(names) > 1:
            raise SettingsError(f"{len(names)} files are written to a folder, {out} names a file")
        if suffix not in able:
            kind = "a video" if videos else "an image"
            raise SettingsError(f"{kind} is written to a folder or to {' or '.join(able)}, not "
                                f"to {out}")  # fmt: skip
        return [out]
    places = relative_to_common(names)
    suffixes = [p.suffix if p.suffix.lower() in _IMAGES[:2] else ".png" for p in places]
    suffixes[len(images) :] = [".mp4"] * len(videos)
    unique = files.unique_names(places, lambda number, name: [name + suffixes[number]])
    return [out / (name + suffix) for name, suffix in zip(unique, suffixes, strict=True)]


def blur_files(
    search: BlurSearch,
    images: Sequence[str],
    videos: Sequence[VideoInput],
    paths: Sequence[Path],
    settings: BlurSettings | None = None,
    *,
    console: Console | None = None,
) -> BlurReport:
    """Write a copy of each image and recorded video with its faces covered.

    Each file is written whole or not at all. An input that cannot be read has no copy. Nothing of
    the metadata is copied but the color profile, and EXIF data if that is asked for.

    Args:
        search: finds the faces.
        images: image files; "-" is standard input.
        videos: recorded videos.
        paths: the files to write, of `output_paths`.
        settings: how faces are covered; None: the defaults.
        console: shows progress and unreadable files; None: shows nothing.

    Raises:
        MissingExtraError: PyAV is not installed, and there are videos.
        WriteError: an output cannot be written.
        Stopped: interrupted by Ctrl-C; files that were finished are kept.
    """
    settings = settings or BlurSettings()
    console = console or Console(quiet=True, file=sys.stderr)
    report = BlurReport()
    path_of = dict(zip([*images, *(video.name for video in videos)], paths, strict=True))
    with StopRequest() as stop:
        with ImageProgress(console, len(images)) as bar:
            for batch in predict_in_batches(search.model, images) if images else ():
                for result in batch:
                    _blur_image(search, result, path_of[result.file], settings, report, console)
                    bar.at(report.images, report.faces)
                if stop.asked:
                    raise Stopped(f"stopped after {report.images} of {len(images)} images")
        for video in videos:
            try:
                blur_video(search, video, path_of[video.name], settings, report, console, stop)
            except DataError as error:
                if len(paths) == 1:
                    raise
                report.count(0, f"{video.name}: {error}", console)
                report.doubts.append(Doubt(video.name, f"unreadable: {error}", False))
    return report


def _blur_image(
    search: BlurSearch,
    result: FrameResult,
    path: Path,
    settings: BlurSettings,
    report: BlurReport,
    console: Console,
) -> None:
    covered = search.covered(result.faces)
    report.count(len(covered), result.error, console)
    if result.image is None:
        report.doubts.append(Doubt(result.file, f"unreadable: {result.error}", False))
        return
    if not result.faces:
        report.doubts.append(Doubt(result.file, "no face found", False))
    for face in result.faces:
        place = Doubt(result.file, "", True, face.box, face.score)
        report.doubts += _doubts_of(place, face.score >= search.min_score)
    regions = [region for face in covered if (region := settings.region(face)) is not None]
    hidden = settings.cover(result.image, regions)
    data = encode_image(hidden, path.suffix)
    if result.file != STDIN:
        with suppress(OSError):  # the image was read before: without its metadata, it is whole
            data = copy_metadata(Path(result.file).read_bytes(), data, exif=settings.keep_exif)
    files.make_folder(path.parent)
    files.write_bytes(path, data)


def _doubts_of(place: Doubt, covered: bool) -> list[Doubt]:
    """The doubt about a face; empty if it is sure."""
    if not covered:
        return [replace(place, covered=False, reason="possible face, not covered")]
    if place.score is not None and place.score < SURE_SCORE:
        return [replace(place, reason="low score")]
    return []
