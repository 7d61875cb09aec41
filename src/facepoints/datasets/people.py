"""Text files of people, to leave out of a data set or to keep."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.readers.label_files import read_text
from facepoints.datasets.readers.notes import shortened, warn_of
from facepoints.errors import DataError

__all__ = ["read_people", "rows_of_people", "warn_of_nobody"]


def read_people(path: Path) -> set[str]:
    """The people in a text file: the last word of every line. A "#" starts a comment.

    Raises:
        DataError: the file is missing or not text.
    """
    kept = (line.split("#", 1)[0].split() for line in _lines_of_people(path))
    return {words[-1] for words in kept if words}


def rows_of_people(path: Path, group: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Mask (N,) of the rows of the people in a text file, by the group (N,) of each row.

    A line names a person as a whole, because names of photos may have blanks; if nobody is called
    so, by its last word.

    Raises:
        DataError: the file is missing or not text.
    """
    known, named = set(group.tolist()) - {""}, set[str]()
    for line in _lines_of_people(path):
        name = line.split("#", 1)[0].strip()
        named |= {line.strip(), name} & known or set(name.split()[-1:])
    return np.isin(group, sorted(named))


def warn_of_nobody(path: Path, group: NDArray[np.str_]) -> None:
    """Issue a `DataWarning` that nobody is left out, because a text file names none of the
    people in the data."""
    shown = ", ".join(shortened(name) for name in np.unique(group)[:3].tolist())
    line = f"names nobody in the data, so nobody is left out; names there are such as {shown}"
    warn_of(path, [line], stacklevel=3)


def _lines_of_people(path: Path) -> list[str]:
    if not path.exists():
        raise DataError(f"no file at {path}; expected a text file with one person per line")
    return read_text(path).splitlines()
