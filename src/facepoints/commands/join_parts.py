"""Joins the parts of a folder into one file, in little memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from facepoints._util.files import atomic_file
from facepoints.results.csv_table import write_csv
from facepoints.results.formats import write_records
from facepoints.results.from_records import result_from_record
from facepoints.results.parquet import MODEL, open_parquet, open_parquet_writer, parquet_schema
from facepoints.results.parts import Manifest, iter_records
from facepoints.results.records import Record, result_record
from facepoints.sources import stores

__all__ = ["join_parts"]

_ROWS = 2048  # of a row group of the joined file, or more if one of a part is larger


def join_parts(
    folder: str, manifest: Manifest, out: Path, format: str, show: Callable[[int], None]
) -> None:
    """Write the rows of all parts, in order of their numbers, to one file.

    Tables and JSON lines are written row by row, so that memory does not grow with the parts.

    Args:
        folder: path or address of the folder, whose parts are whole.
        manifest: of the folder.
        out: the file.
        format: key of `results.formats.FORMATS`.
        show: called with the number of parts that were read.

    Raises:
        DataError: a part cannot be read.
        WriteError: `out` cannot be written.
    """
    landmarks = manifest.landmark_set(folder)
    metadata = {MODEL: json.dumps(manifest.model)}
    if format == manifest.format == "parquet":
        _join_tables(folder, manifest, out, parquet_schema(landmarks, metadata), show)
        return

    def records() -> Iterator[Record]:
        for number in range(manifest.parts):
            show(number)
            with stores.local_copy(stores.join(folder, manifest.name(number))) as path:
                for record in iter_records(path, manifest.format):
                    if manifest.format == "parquet":  # as predict writes it: with fewest digits
                        result = result_from_record(record, str(path), None, "")
                        record = result_record(result, landmarks)
                    yield record

    if format == "csv":  # all faces are of one model; other programs' tables need more passes
        visible, time = _has_visible(folder, manifest), "video" in manifest.kinds
        write_csv(records, landmarks, out, visible=visible, time=time)
        return
    write_records(format, records, landmarks, out, metadata)


def _has_visible(folder: str, manifest: Manifest) -> bool:
    """True if the model predicts visibility, by the first face."""
    for number in range(manifest.parts):
        with stores.local_copy(stores.join(folder, manifest.name(number))) as path:
            for record in iter_records(path, manifest.format):
                for face in record.get("faces", ()):
                    return "visible" in face
    return False


def _join_tables(
    folder: str, manifest: Manifest, out: Path, schema: Any, show: Callable[[int], None]
) -> None:
    """Copy the rows of Parquet parts without their faces becoming Python objects."""
    import pyarrow as pa

    with atomic_file(out) as temporary, open_parquet_writer(temporary, schema) as writer:
        waiting: list[Any] = []

        def write() -> None:
            if waiting:
                writer.write_table(pa.Table.from_batches(waiting, schema))
                waiting.clear()

        for number in range(manifest.parts):
            show(number)
            with ExitStack() as stack:
                path = stores.join(folder, manifest.name(number))
                file = stack.enter_context(
                    open_parquet(stack.enter_context(stores.local_copy(path)))
                )
                for batch in file.iter_batches(_ROWS):
                    waiting.append(batch)
                    if sum(map(len, waiting)) >= _ROWS:
                        write()
        write()
