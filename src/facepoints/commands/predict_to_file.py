"""Predicts a source that is read in parts to one file, or to standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from facepoints._util.progress import Stopped, StopRequest
from facepoints._util.temporary import temporary_folder
from facepoints.commands.join_parts import join_parts
from facepoints.commands.local_output import local_output
from facepoints.commands.part_job import unshared
from facepoints.commands.predict_parts import PartReport, PartsReport, part_records
from facepoints.errors import DataError, SettingsError, WriteError
from facepoints.inference.predictor import Predictor
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.formats import FORMATS, check_format, format_of, suffixes_text
from facepoints.results.parts import MANIFEST, read_manifest
from facepoints.results.records import json_line
from facepoints.sources import stores
from facepoints.tracking.config import TrackerConfig

__all__ = ["format_to_join", "join", "parts_folder", "print_parts"]


def parts_folder(out: str) -> str:
    """The folder that holds the parts of a file until all are there: OUT.parts."""
    return f"{out if stores.is_url(out) else os.path.normpath(out)}.parts"


def format_to_join(out: str, format: str | None, landmarks: LandmarkSet) -> str:
    """The format of a file that parts are joined into.

    Raises:
        SettingsError: no format has this name or suffix, or it needs the images.
        DataError, MissingExtraError: see `results.formats.check_format`.
    """
    name = format_of(Path(os.path.basename(out)) if stores.is_url(out) else Path(out), format)
    if FORMATS[name].extras is not None:
        able = suffixes_text(one for one in FORMATS.values() if not one.by_name)
        raise SettingsError(
            f"the format {name} needs the images, which parts do not hold; choose {able}"
        )
    check_format(name, landmarks)
    return name


def join(folder: str, out: str, format: str) -> None:
    """Join all parts into a file, and remove their folder.

    Args:
        folder: of the parts, which are all there.
        out: path or address of the file, or a folder of .pts files.
        format: key of `results.formats.FORMATS`.

    Raises:
        DataError: a part cannot be read.
        WriteError: `out` cannot be written.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise DataError(f"{folder} was removed by another program; run the command again")
    with local_output(out) as path:
        join_parts(folder, manifest, path, format, lambda parts: None)
    if stores.is_url(folder):
        names = [manifest.name(number) for number in range(manifest.parts)]
        for name in (*names, MANIFEST):
            stores.remove(stores.join(folder, name))
        return
    try:  # all at once: a process that is killed here leaves no folder with some of the parts
        with temporary_folder(Path(folder).parent) as gone:
            os.replace(folder, gone / "parts")
    except OSError as error:
        raise WriteError(f"could not remove {folder}: {error.strerror or error}") from error


def print_parts(
    predictor: Predictor,
    inputs: Sequence[str],
    *,
    landmarks: LandmarkSet | None,
    column: str | None,
    config: TrackerConfig | None,
) -> PartsReport:
    """Write a line of JSON for each picture to standard output, in the order of the source.

    Arguments and errors are those of `part_job.prepare`.

    Raises:
        Stopped: interrupted by Ctrl-C or SIGTERM.
    """
    if sys.stdout is None:
        raise WriteError("standard output is closed; name a file to write with `out`")
    job, parts = unshared(predictor, inputs, landmarks=landmarks, column=column, config=config)
    total = PartsReport()
    with StopRequest() as stop:

        def flush(part: PartReport) -> None:
            sys.stdout.flush()
            if stop.asked:
                raise Stopped(f"stopped after {total.images + part.images} images")

        for part in parts:
            report = PartReport()
            for record in part_records(predictor, part, job, report, flush):
                sys.stdout.write(json_line(record))
            total.add(report)
    return total
