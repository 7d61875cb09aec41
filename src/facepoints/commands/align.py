"""Upright pictures of all faces in pictures or a video, a file for each."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from facepoints._util import files
from facepoints._util.console import count_noun
from facepoints._util.progress import StopRequest
from facepoints.commands.inputs import InputStream
from facepoints.commands.report import Report
from facepoints.errors import WriteError
from facepoints.imaging.input_paths import make_image_folder, relative_to_common
from facepoints.inference.alignment import Template, align
from facepoints.inference.face import Face
from facepoints.results.records import FrameResult

__all__ = ["AlignReport", "align_inputs", "summary"]


@dataclass
class AlignReport(Report):
    """What was done; see `sightings.Report`, too.

    Attributes:
        faces: files that were written, one for each.
        without: pictures and frames in which no face was found.
    """

    faces: int = 0
    without: int = 0


def align_inputs(
    seen: InputStream,
    out: Path,
    *,
    template: Template = "eyes",
    size: int | None = None,
    console: Console | None = None,
) -> AlignReport:
    """Write each face upright, as PNG.

    The first face of a.jpg becomes a-face1.png, and that of more/a.jpg more/a-face1.png; beside
    an a.png, both keep their suffix: a.jpg-face1.png (`files.names_apart`). In a video, a.mp4,
    the person with track 3 in frame 12 becomes a-frame000012-track3.png. Colours are kept.
    Each file is written whole; after an interruption, those that are there are good, and after
    Ctrl-C all of the pictures so far.

    Args:
        seen: pictures with their faces (`sightings.sightings`).
        out: folder.
        template: where the points of a face come to lie.
        size: side in pixels; None: the template's.
        console: for unreadable files; nothing is said if None.

    Raises:
        SettingsError: no such template, a size out of range, or a file's name for the folder.
        DataError: an input that cannot be used, or points that the template needs.
        WriteError: an output cannot be written, or would replace a picture that is read.
    """
    make_image_folder(out)
    report = AlignReport()
    names = dict(zip(seen.pictures, _names(seen.pictures), strict=True))
    read = {os.path.realpath(picture) for picture in seen.pictures}
    with StopRequest() as stop:
        for sighting in seen:
            report.count(sighting, console)
            report.without += not (sighting.error or sighting.faces)
            name = names.get(sighting.file) or Path(sighting.file).stem
            for number, face in enumerate(sighting.faces, start=1):
                if sighting.image is not None:
                    picture = align(sighting.image, face, template, size)
                    path = out / f"{name}-{_which(sighting, face, number)}.png"
                    _write(path, picture, read)
                    report.faces += 1
            if stop.asked:
                report.stopped = True
                break
    return report


def summary(report: AlignReport) -> str:
    """The closing line: what was done."""
    text = "stopped after " if report.stopped else ""
    text += f"{count_noun(report.faces, 'face')} of "
    text += count_noun(report.images, "picture or frame", "pictures or frames")
    text += f", {report.without} without a face" if report.without else ""
    return text + (f", {report.unreadable} unreadable" if report.unreadable else "")


def _names(pictures: Sequence[str]) -> list[str]:
    return files.unique_names(relative_to_common(pictures), lambda _, name: [name])


def _which(sighting: FrameResult, face: Face, number: int) -> str:
    """The end of a face's file name."""
    if sighting.time is None:
        return f"face{number}"
    who = f"face{number}" if face.track_id is None else f"track{face.track_id}"
    return f"frame{sighting.frame:06}-{who}"


def _write(path: Path, rgb: NDArray[np.uint8], read: Collection[str]) -> None:
    if os.path.realpath(path) in read:
        raise WriteError(f"{path} is read and would be replaced; name another folder")
    done, data = cv2.imencode(".png", rgb[..., ::-1])
    if not done:
        raise WriteError(f"could not encode {path}")
    files.write_bytes(path, data.tobytes())
