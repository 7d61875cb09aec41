"""Predicts the faces of image files, and writes them to a file, standard output or drawings."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from facepoints._util import files, ownership
from facepoints._util.progress import ImageProgress, Stopped, StopRequest
from facepoints.commands.image_files import ImageDrawings, predict_in_batches
from facepoints.commands.report import Report
from facepoints.detection import BoxFileDetector
from facepoints.errors import WriteError
from facepoints.inference.predictor import Predictor
from facepoints.landmarks.conversion import check_convertible
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.formats import (
    FORMATS,
    add_extras,
    check_format,
    format_of,
    write_records,
)
from facepoints.results.parquet import MODEL
from facepoints.results.records import FrameResult, json_line, result_record
from facepoints.results.resume import DRAWING_NAMES, ResumableRecords

__all__ = ["PredictReport", "model_metadata", "output_landmarks", "predict_images"]


@dataclass
class PredictReport(Report):
    """Counts of `predict_images`, in addition to those of `Report`.

    Attributes:
        resumed: images that an interrupted run had done; the other counts include them.
        seconds: time taken.
    """

    resumed: int = 0
    seconds: float = 0.0

    def _counts(self) -> list[str]:
        return [f"{self.resumed} done before"] if self.resumed else []

    def _remarks(self) -> list[str]:
        return [f"{self.seconds:.1f} s"]


def predict_images(
    predictor: Predictor,
    images: Sequence[str],
    *,
    out: Path | None = None,
    drawn: Path | None = None,
    landmarks: LandmarkSet | None = None,
    radius: bool = False,
    visible_only: bool = False,
    given: Sequence[str] | None = None,
    overwrite: bool = False,
    format: str | None = None,
    console: Console | None = None,
) -> PredictReport:
    """Find the faces of image files.

    A file that cannot be read gives a record with its error, and the others follow. With
    `out`, records are collected in OUT.part, which becomes `out` at the end. After an
    interruption, the same call resumes from there (`results.resume`).

    Files in a table of boxes that are not among the images are a `DataWarning`.

    Args:
        predictor: finds the faces.
        images: files, "-" for standard input (`imaging.input_paths.find_images`).
        out: what to write; its name chooses the format (`results.formats.format_of`). None: a
            line of JSON per image goes to standard output, unless `drawn` is given.
        drawn: folder for the images with their faces drawn, named like the images.
        landmarks: points to convert to; None: those of the model.
        radius: also draw the radius of every point.
        visible_only: draw no hidden points.
        given: inputs as the user gave them, such as a folder; None: `images`.
        overwrite: discard the records of an unfinished run with other inputs or settings.
        format: name of the format of `out`; None: its name chooses it.
        console: shows progress and unreadable files; None: shows nothing.

    Raises:
        DataError: `landmarks` cannot be computed from the points of the model.
        SettingsError: no format for `out`, or more faces than it can hold.
        WriteError: an output cannot be written, or would replace an input; OUT.part is not of
            this run, or another process writes it.
        Stopped: interrupted by Ctrl-C or SIGTERM; what was done is kept.
    """
    started = time.monotonic()
    console = console or Console(quiet=True, file=sys.stderr)
    report = PredictReport()
    with ExitStack() as stack:
        outputs = _Outputs(predictor, images, out, drawn, landmarks, radius, visible_only, format)
        outputs.keep_records(given, overwrite)
        if outputs.kept is not None:
            stack.enter_context(outputs.kept)
            for record in outputs.kept.records():
                report.count(len(record.get("faces", ())), record.get("error", ""))
            report.resumed = outputs.kept.done
        stop = stack.enter_context(StopRequest())
        bar = stack.enter_context(ImageProgress(console, len(images), report.resumed))
        # a single file's error ends the command with it, so it is not shown twice
        errors = console if len(images) > 1 else None
        batches = predict_in_batches(predictor, images[report.resumed :])
        for batch in stack.enter_context(closing(batches)):  # a stop ends its threads
            for result in batch:
                outputs.add(result)
                report.count(len(result.faces), result.error, errors)
                bar.at(report.images, report.faces)
            outputs.flush()
            if stop.asked:
                kept = outputs.kept
                resume = "" if kept is None else f"; the same command resumes ({kept.path})"
                raise Stopped(f"stopped after {report.images} of {len(images)} images{resume}")
        outputs.finish()
    if isinstance(predictor.detector, BoxFileDetector) and not report.resumed:
        predictor.detector.warn_of_unused()
    report.seconds = time.monotonic() - started
    return report


def output_landmarks(predictor: Predictor, want: LandmarkSet | None) -> LandmarkSet:
    """The points to write: `want`, or those of the model if it is None.

    Raises:
        DataError: `want` cannot be computed from the points of the model.
    """
    if want is None:
        return predictor.landmarks
    check_convertible(predictor.landmarks, want)
    return want


def model_metadata(predictor: Predictor) -> dict[str, str]:
    """Return the metadata of a file about the model: the name of its file, and its checksum."""
    model = predictor.model
    name, checksum = getattr(model, "file", ""), getattr(model, "checksum", "")
    return {MODEL: json.dumps({"file": name, "checksum": checksum})}


class _Outputs:
    """The outputs of `predict_images`: a file, drawings, or standard output.

    Arguments and errors are those of `predict_images`.

    Attributes:
        kept: the records so far; None without an output file.
    """

    def __init__(
        self,
        predictor: Predictor,
        images: Sequence[str],
        out: Path | None,
        drawn: Path | None,
        landmarks: LandmarkSet | None,
        radius: bool,
        visible_only: bool,
        format: str | None,
    ) -> None:
        self._landmarks, self._out = output_landmarks(predictor, landmarks), out
        self._format = "" if out is None else format_of(out, format)
        if self._format:
            check_format(self._format, self._landmarks)
        if out is None and drawn is None and sys.stdout is None:
            raise WriteError("standard output is closed; name a file to write with `out`")
        if out is not None and drawn is not None:
            files.check_separate(out, drawn)
        self._drawings = None
        if drawn is not None:
            self._drawings = ImageDrawings(images, drawn, radius, visible_only)
        self.kept: ResumableRecords | None = None
        self._images, self._metadata = images, model_metadata(predictor)
        self._depends_on = {
            **predictor.describe(),
            "points": list(self._landmarks.names),
            "extras": self._format if self._format and FORMATS[self._format].extras else None,
            "drawn": None if self._drawings is None else self._drawings.describe(),
            DRAWING_NAMES: None if self._drawings is None else self._drawings.describe_names(),
        }

    def keep_records(self, given: Sequence[str] | None, overwrite: bool) -> None:
        """Keep the records in a file, and continue one of an interrupted run. Checks first that
        the output can be written. Does nothing without an output file."""
        out = self._out
        if out is None:
            return
        files.check_output(out, self._images)
        if out.is_dir() and ownership.replaceable(out) is None:
            files.check_empty(out)
        self.kept = ResumableRecords(
            out, self._images, self._depends_on, given=given, overwrite=overwrite
        )

    def add(self, result: FrameResult) -> None:
        """Write the next result to each output. Raises WriteError."""
        predicted = result.faces
        result = replace(result, faces=[f.as_landmarks(self._landmarks) for f in predicted])
        if self._drawings is not None:
            self._drawings.write(result)
        record = result_record(result, self._landmarks)
        add_extras(self._format, record, result.image, predicted)
        if self.kept is not None:
            self.kept.add(record)
        elif self._drawings is None:
            sys.stdout.write(json_line(record))

    def flush(self) -> None:
        """Flush standard output, so that a program that reads it gets the results so far."""
        if self.kept is None and self._drawings is None:
            sys.stdout.flush()

    def finish(self) -> None:
        """Write the output file from the records. Raises SettingsError or WriteError."""
        if self.kept is not None and self._out is not None:
            records, landmarks = self.kept.records, self._landmarks
            write_records(self._format, records, landmarks, self._out, self._metadata)
            self.kept.remove()
