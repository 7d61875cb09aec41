"""Writes an upright image file of every face in images or a video."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from facepoints._util import files
from facepoints._util.ownership import Output
from facepoints._util.progress import StopRequest
from facepoints.commands.align_matrices import CropMatrix, check_matrices_path, write_matrices
from facepoints.commands.inputs import InputStream
from facepoints.commands.report import Report
from facepoints.errors import WriteError
from facepoints.imaging import affine
from facepoints.imaging.image_writer import write_image
from facepoints.imaging.input_paths import make_image_folder, relative_to_common
from facepoints.inference.alignment import AlignedFace, Template, check_size, crops
from facepoints.inference.face import Face
from facepoints.results.records import FrameResult

__all__ = ["AlignReport", "align_inputs", "aligned_output"]


@dataclass
class AlignReport(Report):
    """Counts of `align_inputs`; see `Report`. A file is written for every face."""

    unit: ClassVar[tuple[str, str]] = ("image or frame", "images or frames")


def aligned_output(results: InputStream, inputs: Sequence[str], out: Path) -> Output:
    """The files that `align_inputs` may write to a folder.

    Args:
        results: the images or videos.
        inputs: as the user gave them, for the names of videos and of the frames in folders.
        out: the folder.
    """
    names = set(_names(results).values())
    for given in () if results.images else inputs:
        frames = os.listdir(given) if os.path.isdir(given) else [given]
        names |= {Path(frame).stem for frame in frames}
    return Output(out, frozenset(names), name_of=_image_of)


_ALIGNED = re.compile(r"(.+)-(face\d+|frame\d{6,}-(face|track)\d+)\.png", re.DOTALL)


def _image_of(file: str) -> str:
    """The beginning of the name of an aligned face's file; "" for another file."""
    match = _ALIGNED.fullmatch(file)
    return match[1] if match else ""


def _names(results: InputStream) -> dict[str, str]:
    """The beginning of the names of each image's files, by image; the same for several videos."""
    named = results.images if results.images or len(results.videos) < 2 else results.videos
    unique = files.unique_names(relative_to_common(named), lambda _, name: [name])
    return dict(zip(named, unique, strict=True))


def align_inputs(
    results: InputStream,
    out: Path,
    *,
    template: Template = "eyes",
    size: int | None = None,
    matrices: Path | None = None,
    console: Console | None = None,
) -> AlignReport:
    """Write each face upright, as PNG.

    The first face of a.jpg becomes a-face1.png, and that of more/a.jpg becomes
    more/a-face1.png. Beside an image a.png, both keep their suffix: a.jpg-face1.png
    (`files.unique_names`). In a video a.mp4, track 3 in frame 12 becomes
    a-frame000012-track3.png. Colors are kept. Each file is written whole or not at all, so the
    files are good after an interruption. Ctrl-C stops after the image at hand.

    Args:
        results: images with their faces (`inputs.iter_inputs`).
        out: folder to write to.
        template: where the points of a face are placed.
        size: side of the written images in pixels; None: that of the template.
        matrices: .csv or .jsonl file for the matrices from the written images to the inputs
            (`align_matrices.write_matrices`), written at the end; None: no file.
        console: shows unreadable files; None: shows nothing.

    Raises:
        SettingsError: no such template, a size out of range, `out` has the name of a file, or
            `matrices` another suffix.
        DataError: an input cannot be used, or lacks the points that the template needs.
        WriteError: an output cannot be written, or would replace an input.
    """
    if size is not None:
        check_size(size)
    if matrices is not None:
        check_matrices_path(matrices)
    make_image_folder(out)
    report = AlignReport()
    rows: list[CropMatrix] = []
    names = _names(results)
    inputs = {os.path.realpath(image) for image in results.images}
    with StopRequest() as stop:
        for result in results:
            name = names.get(result.file) or Path(result.file).stem
            cut = [] if result.image is None else crops(result.image, result.faces, template, size)
            for number, crop in enumerate(cut, start=1):
                file = f"{name}-{_suffix(result, crop.face, number)}.png"
                _write(out / file, crop.image, inputs)
                rows.append(_row(result, crop, number, file))
            report.count(len(result.faces), result.error, console)
            if stop.asked:
                report.stopped = True
                break
    if matrices is not None:
        write_matrices(rows, matrices)
    return report


def _row(result: FrameResult, crop: AlignedFace, number: int, file: str) -> CropMatrix:
    return CropMatrix(
        crop=file,
        file=result.file,
        frame=result.frame,
        time=result.time,
        face=number,
        track=crop.face.track_id,
        size=len(crop.image),
        matrix=affine.invert(crop.matrix),
    )


def _suffix(result: FrameResult, face: Face, number: int) -> str:
    """The end of a face's file name."""
    if result.time is None:
        return f"face{number}"
    identity = f"face{number}" if face.track_id is None else f"track{face.track_id}"
    return f"frame{result.frame:06}-{identity}"


def _write(path: Path, rgb: NDArray[np.uint8], inputs: Collection[str]) -> None:
    if os.path.realpath(path) in inputs:
        raise WriteError(f"writing would replace the input {path}; name another folder")
    write_image(path, rgb)
