"""Parquet files of pictures: a column of paths or addresses, or of the bytes of image files.

Bytes are a column of type binary, or the struct {bytes, path} of Hugging Face's data sets. Formats:
https://parquet.apache.org/docs/, https://huggingface.co/docs/datasets/image_load.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from facepoints.errors import DataError, FacepointsError, MissingExtraError
from facepoints.sources import stores
from facepoints.sources.columns import pick_column
from facepoints.sources.lists import changed, relative_to
from facepoints.sources.parts import Part, Picture

__all__ = ["Layout", "divide", "read_layout", "rows_of"]

_BUFFER = 1 << 20  # bytes of a column that are read at once
_BATCH = 8 << 20  # bytes of rows that are in memory at once, about; a row at least
_ROWS = 8192  # rows at most


class Layout(NamedTuple):
    """What the end of a Parquet file says.

    Attributes:
        schema: its columns (pyarrow).
        rows: of each row group.
        state: changes with the content.
    """

    schema: Any
    rows: list[int]
    state: str


def read_layout(name: str) -> Layout:
    """The columns and row groups of a Parquet file.

    Raises:
        DataError: it is no Parquet file, or is cut off.
        MissingExtraError: facepoints[parquet] is not installed.
    """
    with _parquet(name) as file:
        metadata = file.metadata
        groups = [metadata.row_group(at) for at in range(metadata.num_row_groups)]
        # no more of a group is asked for: of a damaged file, pyarrow ends the process there
        sizes = [(group.num_rows, group.total_byte_size) for group in groups]
        state = f"{metadata.serialized_size} {metadata.created_by} {sizes}"
        return Layout(file.schema_arrow, [group.num_rows for group in groups], state)


def divide(name: str, layout: Layout, part_size: int, column: str | None) -> tuple[list[Part], str]:
    """The parts of a Parquet file, and a text that changes with its content.

    Paths are cut after `part_size` rows. Bytes keep row groups whole, as many as hold `part_size`
    rows together, because a part of a row group cannot be read by itself.

    Raises:
        DataError: it has no rows, or the column is not known.
    """
    chosen = pick_column(_columns(layout.schema, column), name, column)
    if not sum(layout.rows):
        raise DataError(f"{name} has no rows; expected one for each image")
    kind = layout.schema.field(chosen).type
    whole = _is_bytes(kind)
    ranges = _groups(layout.rows, part_size) if whole else _cuts(sum(layout.rows), part_size)
    parts = [Part(0, "parquet", name, a, b, b - a, chosen) for a, b in ranges]
    return parts, f"{chosen} {kind} {layout.state}"


def _cuts(rows: int, part_size: int) -> Iterator[tuple[int, int]]:
    for start in range(0, rows, part_size):
        yield start, min(start + part_size, rows)


def _groups(sizes: list[int], part_size: int) -> Iterator[tuple[int, int]]:
    start = stop = 0
    for size in sizes:
        if stop > start and stop + size - start > part_size:
            yield start, stop
            start = stop
        stop += size
    if stop > start:
        yield start, stop


def _columns(schema: Any, wanted: str | None) -> list[str]:
    """The columns that may hold pictures: those of bytes, or, if there is none, those of text."""
    images = [field.name for field in schema if _is_bytes(field.type)]
    texts = [field.name for field in schema if _is_text(field.type)]
    if wanted is not None:
        return [*images, *texts]
    return images or texts


def _is_bytes(kind: Any) -> bool:
    from pyarrow import types

    if types.is_struct(kind):
        inner = {field.name: field.type for field in kind}
        return "bytes" in inner and _is_bytes(inner["bytes"])
    binary = types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)
    return binary or types.is_fixed_size_binary(kind)


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


@contextmanager
def _parquet(name: str) -> Iterator[Any]:
    """An open Parquet file. Its errors become a DataError."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "parquet", f"reading {name}") from None
    try:
        with (
            stores.open_file(name) as stream,
            parquet.ParquetFile(stream, buffer_size=_BUFFER, pre_buffer=False) as file,
        ):
            yield file
    except FacepointsError:
        raise
    except (OSError, pa.ArrowException, ValueError, KeyError) as error:
        reason = " ".join(str(error).split()).partition(". ")[0]
        raise DataError(
            f"{name} should be a Parquet file and is not, or is cut off: {reason:.200}"
        ) from error


def rows_of(part: Part) -> Iterator[Picture]:
    """The rows of a part: pictures with data or an error, or, without both, files by name.

    Raises:
        DataError, StoreError: the file cannot be read on, or has changed.
    """
    folder = relative_to(part.source)
    with _parquet(part.source) as file:
        first, groups = _groups_of(file.metadata, part.start, part.stop)
        number = first
        size = _rows_at_once(file.metadata, groups)
        for batch in file.iter_batches(size, groups, [part.column], use_threads=False):
            if number + len(batch) > part.start and number < part.stop:
                for at, value in enumerate(batch.column(0).to_pylist(), start=number):
                    if part.start <= at < part.stop:
                        yield _picture(value, f"{part.source}#{at}", folder)
            number += len(batch)
            if number >= part.stop:
                return
    raise changed(part)


def _rows_at_once(metadata: Any, groups: list[int]) -> int:
    rows = max(1, sum(metadata.row_group(at).num_rows for at in groups))
    size = sum(metadata.row_group(at).total_byte_size for at in groups) // rows
    return min(_ROWS, max(1, _BATCH // max(1, size)))


def _groups_of(metadata: Any, start: int, stop: int) -> tuple[int, list[int]]:
    """The row groups of a range of rows, and the number of the first row of these."""
    row, first, groups = 0, 0, []
    for number in range(metadata.num_row_groups):
        rows = metadata.row_group(number).num_rows
        if row < stop and row + rows > start:
            first = first if groups else row
            groups.append(number)
        row += rows
    return first, groups


def _picture(value: Any, name: str, folder: str) -> Picture:
    path = ""
    if isinstance(value, dict):
        value, path = value.get("bytes"), value.get("path") or ""
    if isinstance(value, bytes):
        return Picture(name, value) if value else Picture(name, None, f"{name} is empty (0 bytes)")
    path = value or path
    if not path:
        return Picture(name, None, f"{name} has no image and no path (null)")
    return Picture(stores.join(folder, path), None)
