"""Which column of a table holds the pictures."""

from __future__ import annotations

from collections.abc import Sequence

from facepoints.errors import DataError

__all__ = ["PATH_NAMES", "pick_column"]

PATH_NAMES = (
    *("image", "img", "picture", "photo", "path", "file", "filename", "file_name", "filepath"),
    *("file_path", "image_path", "img_path", "image_file", "uri", "url", "image_url"),
)
"""Names that columns of pictures or of their paths have, in lower case."""


def pick_column(columns: Sequence[str], table: str, wanted: str | None) -> str:
    """The column that holds pictures or their paths.

    Args:
        columns: names of the columns that may.
        table: name of the table, for messages.
        wanted: the column that the user named; None: the only one, or the only one with a name of
            `PATH_NAMES`.

    Raises:
        DataError: there is no such column, or several may be meant.
    """
    listed = ", ".join(columns[:12]) + (", ..." if len(columns) > 12 else "")
    if wanted is not None:
        if wanted in columns:
            return wanted
        raise DataError(f"{table} has no column '{wanted}' of paths or images; it has: {listed}")
    if len(columns) == 1:
        return columns[0]
    named = [column for column in columns if column.lower() in PATH_NAMES]
    if len(named) == 1:
        return named[0]
    if not columns:
        raise DataError(f"{table} has no column of paths or of images")
    raise DataError(
        f"{table} has several columns that may hold the images or their paths: {listed}; name one "
        f"of them (--column)"
    )
