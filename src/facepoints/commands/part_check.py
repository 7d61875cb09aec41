"""Reads a part from its first row to its last, and says what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from facepoints._util.words import count_noun
from facepoints.commands.report import SourceReport
from facepoints.errors import DataError
from facepoints.results.from_records import result_from_record
from facepoints.results.parquet import open_parquet, parquet_schema
from facepoints.results.parts import PART, Manifest, iter_records
from facepoints.sources import StoreError, stores

__all__ = ["checked_rows"]

_ROWS = 2048  # in memory at once


def checked_rows(
    folder: str, manifest: Manifest, number: int, counts: SourceReport
) -> Iterator[list[str]]:
    """Read a part, and yield the names of some rows at a time.

    A row is named by its file, and a frame of a video also by its number.

    Args:
        folder: path or address of the folder.
        manifest: of the folder.
        number: of the part.
        counts: the rows are counted here.

    Raises:
        DataError: the part is damaged, lacks rows or is of another run; the message goes after
            "part 3".
        StoreError: a store cannot be read now.
    """
    path = stores.join(folder, manifest.name(number))
    rows, expected = 0, manifest.pictures[number]
    with stores.local_copy(path) as local:
        read = _of_parquet if manifest.format == "parquet" else _of_jsonl
        try:
            for names in read(local, manifest, number, counts):
                rows += len(names)
                yield names
        except StoreError:
            raise
        except DataError as error:
            text = str(error).replace(str(local), path)
            raise DataError(text if text.startswith(("is ", "has ")) else f"({text})") from error
    if expected is not None and rows != expected:
        raise DataError(f"has {count_noun(rows, 'row')}, expected {expected}")


def _of_jsonl(
    path: Path, manifest: Manifest, number: int, counts: SourceReport
) -> Iterator[list[str]]:
    for row, record in enumerate(iter_records(path, manifest.format), start=1):
        result = result_from_record(record, f"{path}, line {row}", None, "")
        counts.count_row(result.file, len(result.faces), result.error)
        yield [_row_name(result.file, result.frame, result.error)]


def _of_parquet(
    path: Path, manifest: Manifest, number: int, counts: SourceReport
) -> Iterator[list[str]]:
    with open_parquet(path) as file:
        _check_origin(file, manifest, number)
        for batch in file.iter_batches(_ROWS):
            files, frames, errors = (batch[n].to_pylist() for n in ("file", "frame", "error"))
            faces = batch["faces"].value_lengths().to_pylist()
            names = []
            for name, frame, error, count in zip(files, frames, errors, faces, strict=True):
                counts.count_row(name, count or 0, error or "")
                names.append(_row_name(name, frame or 0, error or ""))
            yield names


def _check_origin(file: Any, manifest: Manifest, number: int) -> None:
    """Raises DataError for a part of another run, or one with other columns."""
    metadata = file.schema_arrow.metadata or {}
    origin = json.loads(metadata.get(PART.encode(), b"{}"))
    if origin.get("run") != manifest.run:
        raise DataError("is of another run")
    if origin.get("number") != number:
        raise DataError(f"is part {origin.get('number')} under another name")
    landmarks = manifest.landmark_set("the manifest")
    if not file.schema_arrow.equals(parquet_schema(landmarks)):
        raise DataError("has other columns")


def _row_name(file: str, frame: int, error: str) -> str:
    return f"{file} (error)" if error else f"{file} (frame {frame})" if frame else file
