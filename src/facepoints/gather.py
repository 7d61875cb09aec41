"""Several data sets as one, with or without certain people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints import readers
from facepoints.errors import DataError
from facepoints.samples import CLUSTER, Samples, concatenate, duplicate_groups

__all__ = ["gather", "read_people"]


def gather(
    paths: Sequence[Path],
    *,
    part: str = "training",
    size: int = 96,
    without: Path | None = None,
    only: Path | None = None,
) -> Samples:
    """Labelled faces of all `paths`, as rows of one table.

    Args:
        paths: data sets in any format that `readers.load` knows.
        part: which part to take of one that holds a training and a test part.
        size: side in pixels of the crops that are cut from photos.
        without: file that names people (or photos) to leave out; see `read_people`.
        only: file that names the people to keep, leaving out all others.

    Raises:
        DataError: a set cannot be read, no path came, or nobody is left.
    """
    sets = [readers.load(path, part=part, size=size) for path in paths]
    data = concatenate(sets)
    if len(sets) > 1:
        data = replace(data, group=_groups_across(sets, data))
    for file, keep in ((without, False), (only, True)):
        if file is not None:
            named = np.isin(data.group, sorted(read_people(file)))
            data = data.take(np.flatnonzero(named == keep))
    if len(data) == 0:
        raise DataError(f"no face is left of {', '.join(map(str, paths))}")
    return data


def _groups_across(sets: Sequence[Samples], data: Samples) -> NDArray[np.str_]:
    """Groups (N,) of all rows, clusters of duplicates found anew across the sets.

    Each set numbers its own clusters, so the same number means different pictures, and
    one picture in two sets would be two.
    """
    clusters = np.concatenate([np.char.startswith(s.group, CLUSTER) for s in sets])
    rows = np.flatnonzero(clusters)
    group = data.group.astype(object)
    group[rows] = duplicate_groups(data.images[rows])
    return group.astype(np.str_)


def read_people(path: Path) -> set[str]:
    """Names in a text file: the last word of every line; "#" begins a comment.

    Raises:
        DataError: the file is not there or not text.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise DataError(f"no file at {path}; it should name one person a line") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"could not read {path} as text: {error}") from error
    kept = (line.split("#", 1)[0].split() for line in lines)
    return {words[-1] for words in kept if words}
