"""Apache Parquet: one row per image or frame with its faces, written and read.

The columns are typed, so that pandas, polars, DuckDB and Spark read them without a description:
file, frame, time, width, height, error, and faces, a list of structs with box, score, track,
points, radius, visible and eye_closure. Numbers of faces are float32; points are lists of fixed
length. The file's metadata holds the names of the points ("facepoints.landmarks", JSON) and the
version of the program ("facepoints.version"). Format: https://parquet.apache.org/docs/.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facepoints._util.files import atomic_file
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

__all__ = ["parquet_schema", "read_parquet", "write_parquet"]

_LANDMARKS, _VERSION = b"facepoints.landmarks", b"facepoints.version"
_ROWS = 2048  # of a row group, which is in memory at once
_FACE = ("box", "score", "track", "points", "radius", "visible", "eye_closure")
_EYES = ("right", "left", "right_reason", "left_reason")


def write_parquet(records: RecordSource, landmarks: LandmarkSet, out: Path) -> None:
    """Write a row per record. Images without a face, and files that could not be read, have rows
    too. Rows are written in groups of 2048, so that memory stays small.

    Raises:
        MissingExtraError: facepoints[parquet] is not installed.
        WriteError: `out` cannot be written.
    """
    pa, parquet = _pyarrow()
    schema = parquet_schema(landmarks)
    with (
        atomic_file(out) as temporary,
        temporary.open("wb") as file,
        parquet.ParquetWriter(file, schema, compression="zstd") as writer,
    ):
        rows = map(_row, records())
        while some := list(islice(rows, _ROWS)):
            writer.write_table(pa.Table.from_pylist(some, schema=schema))


def parquet_schema(landmarks: LandmarkSet) -> pa.Schema:
    """The columns of a file whose faces have these points.

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
    return pa.schema(columns, metadata={_LANDMARKS: names, _VERSION: __version__.encode()})


def _row(record: Record) -> Record:
    """The record with a null for every value that it lacks."""
    faces = [{name: face.get(name) for name in _FACE} for face in record.get("faces", ())]
    names = ("file", "frame", "time", "width", "height", "error")
    return {name: record.get(name) for name in names} | {"faces": faces}


def read_parquet(path: Path) -> list[FrameResult]:
    """All rows of a file that `write_parquet` wrote.

    Raises:
        DataError: the file cannot be read, or is not of facepoints.
        MissingExtraError: facepoints[parquet] is not installed.
    """
    pa, parquet = _pyarrow()
    try:
        with path.open("rb") as stream, parquet.ParquetFile(stream) as file:
            metadata = file.schema_arrow.metadata or {}
            if _LANDMARKS not in metadata:
                raise DataError(
                    f"{path} is a Parquet file but not one of facepoints: its metadata lacks "
                    f"'{_LANDMARKS.decode()}'; expected one that facepoints predict wrote"
                )
            points = json.loads(metadata[_LANDMARKS])
            landmarks = landmarks_to_json(landmarks_from_json(points, str(path)))
            return list(in_videos(_results(file, landmarks, path), path))
    except (OSError, pa.ArrowException, ValueError) as error:
        if isinstance(error, OSError) and error.errno:
            raise DataError(f"could not read {path}: {error.strerror}") from error
        reason = " ".join(str(error).split())  # of damage, pyarrow raises OSError too
        raise DataError(f"{path} should be a Parquet file and is not: {reason:.200}") from error


def _results(file: Any, landmarks: str | list[str], path: Path) -> Iterator[FrameResult]:
    rows = chain.from_iterable(batch.to_pylist() for batch in file.iter_batches(_ROWS))
    for number, row in enumerate(rows, start=1):
        record = _record(row, landmarks)
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
