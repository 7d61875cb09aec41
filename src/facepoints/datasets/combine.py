"""Reads several data sets as one, with people to exclude or to include."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets import readers
from facepoints.datasets.crops import resize_samples
from facepoints.datasets.fixes import Fix
from facepoints.datasets.mending import LABEL_ACTIONS, MendLabels, fixes_of_sets, mend_rows
from facepoints.datasets.readers.label_files import read_text
from facepoints.datasets.readers.notes import shortened, warn_of
from facepoints.datasets.renames import check_renames, read_renames, renamed
from facepoints.datasets.samples import Samples
from facepoints.datasets.splits import CLUSTER, duplicate_groups
from facepoints.errors import DataError
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.point_names import close_names

__all__ = [
    "concatenate",
    "dataset_paths",
    "groups_across",
    "load_dataset",
    "load_with_rows",
    "load_with_sets",
    "read_people",
    "rows_of_people",
    "warn_of_names",
    "warn_of_nobody",
]


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
        exclude_people: text file with people (or photos) to leave out, see `read_people`;
            None: nobody is left out.
        include_people: text file with the people to keep; None: all are kept.
        rename: new names of points by the names in the label files: a text file
            (`renames.read_renames`) or a mapping; None: names are kept.
        fixes: changes of the labels: a file that ``facepoints audit`` wrote, or fixes
            (`fixes.Fix`), with points named as in the label files; None: labels are as they are.

    Raises:
        DataError: a data set cannot be read, no path was given, no face is left, or a fix is not
            for these labels.
        SettingsError: `crop_size` is not positive.
    """
    return load_with_sets(
        paths,
        split=split,
        crop_size=crop_size,
        exclude_people=exclude_people,
        include_people=include_people,
        rename=rename,
        fixes=fixes,
    )[0]


def load_with_sets(
    paths: str | Path | Sequence[str | Path],
    *,
    split: str = "training",
    crop_size: int = 96,
    exclude_people: str | Path | None = None,
    include_people: str | Path | None = None,
    rename: str | Path | Mapping[str, str] | None = None,
    fixes: str | Path | Sequence[Fix] | None = None,
) -> tuple[Samples, NDArray[np.int64]]:
    """`load_dataset`, and the number (N,) of the path that each row comes from."""
    return load_with_rows(
        paths,
        split=split,
        crop_size=crop_size,
        exclude_people=exclude_people,
        include_people=include_people,
        rename=rename,
        fixes=fixes,
    )[:2]


def load_with_rows(
    paths: str | Path | Sequence[str | Path],
    *,
    split: str = "training",
    crop_size: int = 96,
    exclude_people: str | Path | None = None,
    include_people: str | Path | None = None,
    rename: str | Path | Mapping[str, str] | None = None,
    fixes: str | Path | Sequence[Fix] | None = None,
) -> tuple[Samples, NDArray[np.int64], NDArray[np.int64]]:
    """`load_with_sets`, and the row (N,) in its data set, as `Fix.row` counts, of each row."""
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
    return data, numbers, places


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


def groups_across(sets: Sequence[Samples], data: Samples) -> NDArray[np.str_]:
    """Groups (N,) of all rows, with duplicates clustered anew across the sets.

    Each set numbers its own clusters. Kept as they are, one number would mean different images
    in two sets, and an image in both sets would be in two clusters.
    """
    clusters = np.concatenate([np.char.startswith(s.group, CLUSTER) for s in sets])
    rows = np.flatnonzero(clusters)
    group = data.group.astype(object)
    group[rows] = duplicate_groups(data.images[rows])
    return group.astype(np.str_)


def read_people(path: Path) -> set[str]:
    """The people in a text file: the last word of every line. A "#" starts a comment.

    Raises:
        DataError: the file is missing or not text.
    """
    kept = (line.split("#", 1)[0].split() for line in _lines_of_people(path))
    return {words[-1] for words in kept if words}


def rows_of_people(path: Path, group: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Mask (N,) of the rows of the people in a text file, by the group (N,) of each row.

    A line names a person by its last word, or as a whole: names of photos may have blanks.

    Raises:
        DataError: the file is missing or not text.
    """
    whole = {line.strip() for line in _lines_of_people(path)}
    return np.isin(group, sorted(read_people(path) | whole))


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


def concatenate(parts: Sequence[Samples]) -> Samples:
    """Join data sets to one table with all rows and all columns.

    Images are resized to the size of the first set. Columns that a set lacks are unlabeled in
    its rows.

    Raises:
        DataError: no set was given, or two schemes of one name mark different points.
    """
    if not parts:
        raise DataError("expected at least one data set, got none")
    if len(parts) == 1:
        return parts[0]
    landmarks = parts[0].landmarks
    schemes: dict[str, tuple[str, ...]] = {}
    for part in parts:
        landmarks = landmarks.union(part.landmarks)
        for name, marked in part.schemes.items():
            if schemes.setdefault(name, marked) != marked:
                raise DataError(
                    f"two data sets use the marking scheme name '{name}' for different points"
                )
    order = list(schemes)
    fitted = [_in_columns(resize_samples(part, *parts[0].size), landmarks) for part in parts]
    return Samples(
        images=np.concatenate([p.images for p in fitted]),
        points=np.concatenate([p.points for p in fitted]),
        labelled=np.concatenate([p.labelled for p in fitted]),
        landmarks=landmarks,
        group=np.concatenate([p.group for p in fitted]),
        names=np.concatenate([p.names for p in fitted]),
        scheme=np.concatenate(
            [np.array([order.index(s) for s in p.schemes], np.int16)[p.scheme] for p in fitted]
        ),
        schemes=schemes,
        visibility=_joined_visibility(fitted),
        frame=_joined_frames(fitted),
    )


def _joined_visibility(parts: Sequence[Samples]) -> NDArray[np.int8] | None:
    """Visibility of all rows; unknown (-1) in sets that have none."""
    if all(part.visibility is None for part in parts):
        return None
    return np.concatenate([
        np.full(part.labelled.shape, -1, np.int8) if part.visibility is None else part.visibility
        for part in parts
    ])  # fmt: skip


def _joined_frames(parts: Sequence[Samples]) -> NDArray[np.float64] | None:
    """Frames of all rows; the images themselves in sets whose images were not cut."""
    if all(part.frame is None for part in parts):
        return None
    whole = np.eye(2, 3)
    return np.concatenate([
        np.broadcast_to(whole, (len(part), 2, 3)) if part.frame is None else part.frame
        for part in parts
    ])  # fmt: skip


def _in_columns(samples: Samples, landmarks: LandmarkSet) -> Samples:
    """Move samples to the columns of a larger landmark set. New columns are unlabeled."""
    index = landmarks.columns(samples.landmarks.names)
    points = np.zeros((len(samples), len(landmarks), 2), dtype=np.float32)
    labelled = np.zeros((len(samples), len(landmarks)), dtype=bool)
    points[:, index], labelled[:, index] = samples.points, samples.labelled
    moved = samples.with_points(points, labelled, landmarks)
    if samples.visibility is None:
        return moved
    visibility = np.full(labelled.shape, -1, dtype=np.int8)
    visibility[:, index] = samples.visibility
    return replace(moved, visibility=visibility)
