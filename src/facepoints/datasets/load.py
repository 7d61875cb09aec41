"""Reads one data set or several as one table of labeled faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets import readers
from facepoints.datasets.combine import concatenate, groups_across
from facepoints.datasets.fixes import Fix
from facepoints.datasets.mending import LABEL_ACTIONS, MendLabels, fixes_of_sets, mend_rows
from facepoints.datasets.people import rows_of_people, warn_of_nobody
from facepoints.datasets.readers.notes import shortened, warn_of
from facepoints.datasets.renames import check_renames, read_renames, renamed
from facepoints.datasets.samples import Samples
from facepoints.errors import DataError
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.point_names import close_names

__all__ = ["LoadedRows", "dataset_paths", "load_dataset", "load_rows", "warn_of_names"]


class LoadedRows(NamedTuple):
    """Labeled faces, and where each of the N rows was read from.

    Attributes:
        samples: the faces.
        sets: (N,) number of the path that each row comes from.
        rows: (N,) row in its data set, as `Fix.row` counts.
    """

    samples: Samples
    sets: NDArray[np.int64]
    rows: NDArray[np.int64]


def load_dataset(
    paths: str | Path | Sequence[str | Path],
    *,
    split: str = "training",
    crop_size: int = 96,
    exclude_people: str | Path | None = None,
    include_people: str | Path | None = None,
    rename: str | Path | Mapping[str, str] | None = None,
    fixes: str | Path | Sequence[Fix] | None = None,
) -> Samples:
    """Read labeled faces as rows of one table.

    What readers leave out or change, and names of points that look like misspelled known names,
    are issued as a `DataWarning`.

    Examples:
        >>> faces = load_dataset("training.csv")  # doctest: +SKIP

    Args:
        paths: one file or folder, or several, each in any format of `readers.READERS`.
        split: "training" or "test", for data sets that hold both.
        crop_size: side in pixels of the crops that are cut from photos. Kaggle tables keep
            the size of their images.
        exclude_people: text file with people (or photos) to leave out, see `people.read_people`;
            None: nobody is left out.
        include_people: text file with the people to keep; None: all are kept.
        rename: new names of points by the names in the label files: a text file
            (`renames.read_renames`) or a mapping; None: names are kept.
        fixes: changes of the labels: a file that ``facepoints audit`` wrote, or fixes
            (`fixes.Fix`), with points named as in the label files; None: labels are as they are.

    Raises:
        DataError: a data set cannot be read, no path was given, no face is left, or a fix is not
            for these labels.
        SettingsError: `crop_size` is not from 16 to 4096 pixels.
    """
    return load_rows(
        paths,
        split=split,
        crop_size=crop_size,
        exclude_people=exclude_people,
        include_people=include_people,
        rename=rename,
        fixes=fixes,
    ).samples


def load_rows(
    paths: str | Path | Sequence[str | Path],
    *,
    split: str = "training",
    crop_size: int = 96,
    exclude_people: str | Path | None = None,
    include_people: str | Path | None = None,
    rename: str | Path | Mapping[str, str] | None = None,
    fixes: str | Path | Sequence[Fix] | None = None,
) -> LoadedRows:
    """`load_dataset`, with the place that each row was read from. Arguments and errors as there."""
    paths = dataset_paths(paths)
    names = read_renames(rename)
    mends = fixes_of_sets(fixes, paths)
    sets = [
        _load(path, split, crop_size, listed) for path, listed in zip(paths, mends, strict=True)
    ]
    check_renames(names, [one.landmarks for one in sets])
    sets = [renamed(one, names) for one in sets]
    for path, one in zip(paths, sets, strict=True):
        warn_of_names(path, one.landmarks)
    data = concatenate(sets)
    if len(sets) > 1:
        data = replace(data, group=groups_across(sets, data))
    numbers = np.repeat(np.arange(len(sets)), [len(one) for one in sets])
    places = np.concatenate([np.arange(len(one)) for one in sets])
    keep = np.ones(len(data), dtype=bool)
    for file, wanted in ((exclude_people, False), (include_people, True)):
        if file is not None:
            named = rows_of_people(Path(file), data.group)
            keep &= named == wanted
            if not (wanted or named.any()):
                warn_of_nobody(Path(file), data.group)
    if any(mends):
        data, left = mend_rows(data, mends, numbers)
        keep &= left
    if not keep.all():
        data, numbers, places = data.take(np.flatnonzero(keep)), numbers[keep], places[keep]
    if len(data) == 0:
        raise DataError(f"no face of {', '.join(map(str, paths))} is left")
    return LoadedRows(data, numbers, places)


def _load(path: Path, split: str, crop_size: int, fixes: Sequence[Fix]) -> Samples:
    """Read one data set, with mended labels. Fixes of whole rows are only checked."""
    mend = MendLabels(fixes, path.name)
    if any(fix.action in LABEL_ACTIONS for fix in fixes):
        return readers.load(path, split=split, size=crop_size, mend=mend)
    faces = readers.load(path, split=split, size=crop_size)
    return mend(faces, np.arange(len(faces)))


def dataset_paths(paths: str | Path | Sequence[str | Path]) -> list[Path]:
    """One path or several as a list.

    Raises:
        DataError: there is none.
    """
    several = [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    if not several:
        raise DataError("expected at least one file or folder of labeled faces, got none")
    return several


def warn_of_names(path: Path, landmarks: LandmarkSet) -> None:
    """Issue a `DataWarning` if names of points look like misspelled known names: such points have
    no weights in the built-in model, and may have no mirror partner."""
    close = close_names(landmarks)
    if close:
        shown = [f"'{shortened(name)}' (did you mean {other}?)" for name, other in close.items()]
        more = ", ..." if len(shown) > 5 else ""
        line = (
            f"names of points that facepoints does not know: {len(close)}: "
            f"{', '.join(shown[:5])}{more}; to train from what the built-in model knows about "
            f"them, give them its names with --rename FILE"
        )
        warn_of(path, [line], stacklevel=3)
