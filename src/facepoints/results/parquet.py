"""Apache Parquet: one row per image or frame with its faces, written and read.

The columns are typed, so that pandas, polars, DuckDB and Spark read them without a description:
file, frame, time, width, height, error, and faces, a list of structs with box, score, track,
points, radius, visible and eye_closure. Numbers of faces are float32; points are lists of fixed
length. The file's metadata holds the names of the points ("facepoints.landmarks", JSON), the
version of the program ("facepoints.version") and, of predictions, the model ("facepoints.model",
JSON with the file's name and checksum). The same rows give the same bytes with the same pyarrow.
Format: https://parquet.apache.org/docs/.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facepoints._util.files import atomic_file
from facepoints._util.text_files import printable
from facepoints._version import __version__
from facepoints.errors import DataError, MissingExtraError
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.from_records import in_videos, result_from_record
from facepoints.results.records import (
    FrameResult,
    Record,
    RecordSource,
    landmarks_from_json,
    landmarks_to_json,
)

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "MODEL",
    "iter_parquet_records",
    "open_parquet",
    "open_parquet_writer",
    "parquet_schema",
    "read_parquet",
    "write_parquet",
]

MODEL = "facepoints.model"
"""Key of the metadata: the name and checksum of the model's file, as JSON."""

_LANDMARKS, _VERSION = b"facepoints.landmarks", b"facepoints.version"
_ROWS = 2048  # of a row group, which is in memory at once
_FACE = ("box", "score", "track", "points", "radius", "visible", "eye_closure")
_EYES = ("right", "left", "right_reason", "left_reason")


def write_parquet(
    records: RecordSource,
    landmarks: LandmarkSet,
    out: Path,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a row per record. Images without a face, and files that could not be read, have rows
    too. Rows are written in groups of 2048, so that memory stays small.

    Args:
        records: the rows.
        landmarks: points of every face.
        out: the file.
        metadata: further entries of the file's metadata.

    Raises:
        MissingExtraError: facepoints[parquet] is not installed.
        WriteError: `out` cannot be written.
    """
    pa, _ = _pyarrow()
    schema = parquet_schema(landmarks, metadata)
    with atomic_file(out) as temporary, open_parquet_writer(temporary, schema) as writer:
        rows = map(_row, records())
        while some := list(islice(rows, _ROWS)):
            writer.write_table(pa.Table.from_pylist(some, schema=schema))


@contextmanager
def open_parquet_writer(path: Path, schema: pa.Schema) -> Iterator[Any]:
    """A writer of tables. Pages have checksums, so that damage is noticed when they are read."""
    _, parquet = _pyarrow()
    with (
        path.open("wb") as file,
        parquet.ParquetWriter(file, schema, compression="zstd", write_page_checksum=True) as writer,
    ):
        yield writer


def parquet_schema(landmarks: LandmarkSet, metadata: Mapping[str, str] | None = None) -> pa.Schema:
    """The columns of a file whose faces have these points.

    Args:
        landmarks: the points.
        metadata: further entries of the file's metadata.

    Raises:
        MissingExtraError: facepoints[parquet] is not installed.
    """
    pa, _ = _pyarrow()
    count, number = len(landmarks), pa.float32()
    eyes = pa.struct([(name, number if "_" not in name else pa.string()) for name in _EYES])
    face = pa.struct(
        [
            ("box", pa.list_(number, 4)),
            ("score", number),
            ("track", pa.int64()),
            ("points", pa.list_(pa.list_(number, 2), count)),
            ("radius", pa.list_(number, count)),
            ("visible", pa.list_(number, count)),
            ("eye_closure", eyes),
        ]
    )
    columns = [
        ("file", pa.string()),
        ("frame", pa.int64()),
        ("time", pa.float64()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("error", pa.string()),
        ("faces", pa.list_(face)),
    ]
    names = json.dumps(landmarks_to_json(landmarks)).encode()
    own = {_LANDMARKS: names, _VERSION: __version__.encode()}
    return pa.schema(columns, metadata=own | dict(metadata or {}))


def _row(record: Record) -> Record:
    """The record with a null for every value that it lacks, and texts that UTF-8 can hold."""
    faces = [{name: face.get(name) for name in _FACE} for face in record.get("faces", ())]
    numbers = {name: record.get(name) for name in ("frame", "time", "width", "height")}
    texts = {n: printable(record[n]) if n in record else None for n in ("file", "error")}
    return texts | numbers | {"faces": faces}


def read_parquet(path: Path) -> list[FrameResult]:
    """All rows of a file that `write_parquet` wrote.

    Raises:
        DataError: the file cannot be read, or is not of facepoints.
        MissingExtraError: facepoints[parquet] is not installed.
    """
    return list(in_videos(_results(path), path))


def iter_parquet_records(path: Path) -> Iterator[Record]:
    """The records of a file, one after another. Errors are those of `read_parquet`."""
    with open_parquet(path) as file:
        points = json.loads(file.schema_arrow.metadata[_LANDMARKS])
        landmarks = landmarks_to_json(landmarks_from_json(points, str(path)))
        for batch in file.iter_batches(_ROWS):
            for row in batch.to_pylist():
                yield _record(row, landmarks)


@contextmanager
def open_parquet(path: Path) -> Iterator[Any]:
    """Open a file that `write_parquet` wrote, as a ParquetFile of pyarrow.

    Errors of pyarrow in this context become those of `read_parquet`.
    """
    pa, parquet = _pyarrow()
    try:
        with (
            path.open("rb") as stream,
            parquet.ParquetFile(stream, page_checksum_verification=True) as file,
        ):
            if _LANDMARKS not in (file.schema_arrow.metadata or {}):
                raise DataError(
                    f"{path} is a Parquet file but not one of facepoints: its metadata lacks "
                    f"'{_LANDMARKS.decode()}'; expected one that facepoints predict wrote"
                )
            yield file
    except (OSError, pa.ArrowException, ValueError) as error:
        if isinstance(error, OSError) and error.errno:
            raise DataError(f"could not read {path}: {error.strerror}") from error
        reason = " ".join(str(error).split())  # of damage, pyarrow raises OSError too
        raise DataError(f"{path} should be a Parquet file and is not: {reason:.200}") from error


def _results(path: Path) -> Iterator[FrameResult]:
    for number, record in enumerate(iter_parquet_records(path), start=1):
        yield result_from_record(record, f"{path}, row {number}", None, str(path))


def _record(row: dict[str, Any], landmarks: str | list[str]) -> Record:
    """The record of a row, without its nulls."""
    if row.get("error") is not None:
        return {"file": row.get("file"), "error": row["error"]}
    record = {name: value for name, value in row.items() if value is not None}
    faces = []
    for face in row.get("faces") or ():
        known = {name: value for name, value in face.items() if value is not None}
        eyes = known.get("eye_closure")
        if eyes is not None:
            known["eye_closure"] = {
                "right": _short(eyes["right"]),
                "left": _short(eyes["left"]),
                **{name: eyes[name] for name in _EYES[2:] if eyes[name] is not None},
            }
        known["box"] = [_short(value) for value in known.get("box", ())]
        known["score"] = _short(known.get("score"))
        faces.append({"track": None} | known)
    return record | {"landmarks": landmarks, "faces": faces}


def _short(value: float | None) -> float | None:
    """A float32 with the fewest digits that restore it, as in JSON lines."""
    return None if value is None else float(str(np.float32(value)))


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "parquet", "the format parquet") from None
    return pa, parquet
