"""Faces of picture files to a file of faces, to standard output, or drawn on the pictures."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from facepoints._util import files
from facepoints._util.console import count_noun
from facepoints._util.progress import ImageProgress, Stopped, StopRequest
from facepoints.drawing import draw
from facepoints.errors import DataError, WriteError
from facepoints.imaging.image_io import read_image
from facepoints.imaging.input_paths import make_image_folder, relative_to_common
from facepoints.inference.face import Face
from facepoints.inference.predictor import Predictor
from facepoints.landmarks.conversion import check_convertible
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.formats import FORMATS, format_of
from facepoints.results.records import Record, error_record, json_line, record
from facepoints.results.resume import ResumableRecords

__all__ = ["PredictReport", "checked_points", "predict_images", "summary"]

_READERS = 2  # threads that decode pictures while others are looked at
_PICTURES = 8  # at most, whose crops go through the model together
_PIXELS = 40_000_000  # at most, of all pictures that are held for that
_SAID = 5  # unreadable files that are named on the console; all are in the output


@dataclass
class PredictReport:
    """What was done.

    Attributes:
        pictures: files that were read or could not be.
        faces: found in all of them.
        without: pictures in which no face was found.
        unreadable: files that could not be read.
        before: pictures that an interrupted run had done already, counted in the others.
        seconds: time that it took.
        error: why the first unreadable file could not be read; empty if all could.
    """

    images: int = 0
    faces: int = 0
    without: int = 0
    unreadable: int = 0
    before: int = 0
    seconds: float = 0.0
    error: str = ""

    def count(self, found: Record) -> None:
        """Add a picture."""
        self.images += 1
        if "error" in found:
            self.unreadable += 1
            self.error = self.error or found["error"]
        else:
            self.faces += len(found["faces"])
            self.without += not found["faces"]


class _Read(NamedTuple):
    """A picture that was read: its image, or why there is none."""

    file: str
    image: NDArray[np.uint8] | None
    error: str


@dataclass(frozen=True)
class _Drawing:
    """Where pictures with their faces go.

    Attributes:
        paths: for each picture file.
        radius: whether circles show the radius of every point.
    """

    paths: dict[str, Path] = field(default_factory=dict)
    radius: bool = False


def predict_images(
    predictor: Predictor,
    pictures: Sequence[str],
    *,
    out: Path | None = None,
    drawn: Path | None = None,
    landmarks: LandmarkSet | None = None,
    radius: bool = False,
    console: Console | None = None,
) -> PredictReport:
    """Find the faces of picture files.

    A file that cannot be read has a record that says why, and the others follow. With
    `out`, records are collected in OUT.part and become `out` at the end; the same call
    after an interruption goes on from there (see `unfinished`).

    Args:
        pictures: files, "-" for standard input (`media.find_pictures`).
        out: what to write; its name says the format (`face_files.format_of`). None: a line
            of JSON per picture goes to standard output, unless `drawn` is given.
        drawn: folder for the pictures with their faces, named as they are.
        landmarks: points to answer with; None: the model's.
        radius: draw the radius of every point as well.
        console: for progress and unreadable files; nothing is said if None.

    Raises:
        DataError: `landmarks` cannot be had from the model's points.
        SettingsError: no format for `out`, or more faces than it can hold.
        WriteError: an output cannot be written, or would replace a picture that is read.
        Stopped: interrupted by Ctrl-C or SIGTERM; what was done is kept.
    """
    begun = time.monotonic()
    console = console or Console(quiet=True, file=sys.stderr)
    want = checked_points(predictor, landmarks)
    if out is None and drawn is None and sys.stdout is None:
        raise WriteError("standard output is closed; name a file for what is found")
    if out is not None and drawn is not None:
        files.check_separate(out, drawn)
    drawing = _Drawing(_drawn_paths(pictures, drawn), radius) if drawn else _Drawing()
    report = PredictReport()
    with ExitStack() as stack:
        kept = None
        if out is not None:
            depends_on = {
                **predictor.describe(),
                "points": list(want.names),
                "drawn": [os.path.realpath(drawn), radius, _names(drawing)] if drawn else None,
            }
            kept = stack.enter_context(_unfinished(out, pictures, depends_on))
            for found in kept.records():
                report.count(found)
            report.before = kept.done
        stop = stack.enter_context(StopRequest())
        bar = stack.enter_context(ImageProgress(console, len(pictures), report.before))
        for batch in _batches(pictures[report.before :]):
            for read, faces in _answered(predictor, batch, want):
                found = _record(read, faces)
                if read.image is not None and read.file in drawing.paths:
                    _draw(read.image, faces, drawing, read.file)
                if kept is not None:
                    kept.add(found)
                elif not drawing.paths:
                    sys.stdout.write(json_line(found))
                report.count(found)
                if len(pictures) > 1:  # else the error that follows says it
                    _say_error(found, report, console)
                bar.at(report.images, report.faces)
            if kept is None and not drawing.paths:
                sys.stdout.flush()
            if stop.asked:
                raise Stopped(_stopped(report, len(pictures), out))
        if kept is not None and out is not None:
            FORMATS[format_of(out)](kept.records, want, out)
            kept.remove()
    report.seconds = time.monotonic() - begun
    return report


def checked_points(predictor: Predictor, want: LandmarkSet | None) -> LandmarkSet:
    """The points to answer with. Raises DataError if they cannot be had."""
    if want is None:
        return predictor.landmarks
    check_convertible(predictor.landmarks, want)
    return want


def _drawn_paths(pictures: Sequence[str], folder: Path) -> dict[str, Path]:
    """Where each picture is drawn to: JPEG stays JPEG, all else becomes PNG.

    Drawings lie as the pictures do and are called so (`files.names_apart`): b.webp becomes b.png,
    but beside a picture b.png it becomes b.webp.png, and b.png then b.png.png.

    Raises:
        SettingsError: the folder is called as a picture is.
        WriteError: the folder cannot be written, or a picture would be replaced.
    """
    make_image_folder(folder)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise WriteError(f"could not write to {folder}: no permission")
    places = relative_to_common(pictures)
    jpeg = (".jpg", ".jpeg")
    kinds = [place.suffix if place.suffix.lower() in jpeg else ".png" for place in places]
    names = files.unique_names(places, lambda number, name: [name + kinds[number]])
    drawn = (folder / (name + kind) for name, kind in zip(names, kinds, strict=True))
    paths = dict(zip(pictures, drawn, strict=True))
    read = {os.path.realpath(picture) for picture in pictures}
    for path in paths.values():
        if os.path.realpath(path) in read:
            raise WriteError(
                f"drawing to {folder} would replace {path}, which is read; name another"
            )
    return paths


def _names(drawing: _Drawing) -> list[str]:
    """What shows whether the drawings of an interrupted run are called as they are now: where
    the first lies, and those that share their names with others."""
    drawn = [(Path(picture).stem, path) for picture, path in drawing.paths.items()]
    return [str(path) for n, (stem, path) in enumerate(drawn) if n == 0 or path.stem != stem]


def _unfinished(out: Path, pictures: Sequence[str], depends_on: dict[str, Any]) -> ResumableRecords:
    """The records so far, after a look at whether the output can be written at all."""
    format_of(out)
    files.check_output(out, [Path(picture) for picture in pictures])
    if out.is_dir() and any(not other.name.startswith(".") for other in out.iterdir()):
        raise WriteError(
            f"the folder {out} is not empty; give a new one, so that no files get mixed"
        )
    if out.exists() and not (out.is_dir() or out.is_file()):
        raise WriteError(f"could not write {out}: it is no plain file")
    return ResumableRecords(out, pictures, depends_on)


def _read(file: str) -> _Read:
    try:
        return _Read(file, read_image(file), "")
    except DataError as error:
        return _Read(file, None, str(error))


def _batches(pictures: Sequence[str]) -> Iterator[list[_Read]]:
    """Pictures in order, several at once, while the next are being read."""
    batch: list[_Read] = []
    waiting: deque[Future[_Read]] = deque()
    todo = iter(pictures)
    with ThreadPoolExecutor(_READERS) as pool:
        try:
            while True:
                for file in todo:
                    waiting.append(pool.submit(_read, file))
                    if len(waiting) > 2 * _READERS:
                        break
                if not waiting:
                    break
                batch.append(waiting.popleft().result())
                held = sum(r.image.size // 3 for r in batch if r.image is not None)
                if len(batch) >= _PICTURES or held >= _PIXELS:
                    yield batch
                    batch = []
        finally:
            pool.shutdown(cancel_futures=True)
    if batch:
        yield batch


def _answered(
    predictor: Predictor, batch: Sequence[_Read], want: LandmarkSet
) -> Iterator[tuple[_Read, list[Face]]]:
    shown = [(read.file, read.image) for read in batch if read.image is not None]
    found = iter(
        predictor.predict_batch([image for _, image in shown], [name for name, _ in shown])
    )
    for read in batch:
        faces = next(found) if read.image is not None else []
        yield read, [face.as_landmarks(want) for face in faces]


def _record(read: _Read, faces: Sequence[Face]) -> Record:
    if read.image is None:
        return error_record(read.file, read.error)
    size = read.image.shape[0], read.image.shape[1]
    return record(read.file, size, faces)


def _draw(image: NDArray[np.uint8], faces: Sequence[Face], drawing: _Drawing, file: str) -> None:
    image = draw(image, faces, radius=drawing.radius)
    path = drawing.paths[file]
    done, data = cv2.imencode(path.suffix.lower(), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    if not done:
        raise WriteError(f"could not encode {path}")
    files.make_folder(path.parent)
    files.write_bytes(path, data.tobytes())


def _say_error(found: Record, report: PredictReport, console: Console) -> None:
    if "error" not in found or report.unreadable > _SAID + 1:
        return
    more = report.unreadable > _SAID
    text = "... and more, all in the output" if more else found["error"]
    console.print(f"unreadable: {text}", markup=False, highlight=False, soft_wrap=True)


def _stopped(report: PredictReport, of: int, out: Path | None) -> str:
    on = "" if out is None else f"; the same command goes on from there ({out}.part)"
    return f"stopped after {report.images} of {of} pictures{on}"


def summary(report: PredictReport) -> str:
    """The closing line: what was done, and in what time."""
    text = f"{count_noun(report.images, 'picture')}: {count_noun(report.faces, 'face')}"
    if report.without:
        text += f", none in {report.without}"
    text += f", {report.unreadable} unreadable" if report.unreadable else ""
    text += f", {report.before} of the pictures done before" if report.before else ""
    return f"{text}; {report.seconds:.1f} s"
