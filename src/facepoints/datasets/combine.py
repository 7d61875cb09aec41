"""Several data sets as one, with or without certain people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets import readers
from facepoints.datasets.crops import resize_samples
from facepoints.datasets.samples import Samples
from facepoints.datasets.splits import CLUSTER, duplicate_groups
from facepoints.errors import DataError
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["concatenate", "load_dataset", "read_people"]


def load_dataset(
    paths: Sequence[Path],
    *,
    split: str = "training",
    crop_size: int = 96,
    exclude_people: Path | None = None,
    include_people: Path | None = None,
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
    sets = [readers.load(path, split=split, size=crop_size) for path in paths]
    data = concatenate(sets)
    if len(sets) > 1:
        data = replace(data, group=_groups_across(sets, data))
    for file, keep in ((exclude_people, False), (include_people, True)):
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


def concatenate(parts: Sequence[Samples]) -> Samples:
    """Several sets as one: rows after rows, the union of columns, images of the first's size.

    Columns that a set does not have are unlabelled in its rows. Marking schemes of one
    name must mark the same points.

    Raises:
        DataError: no set came, or two schemes of one name mark different points.
    """
    if not parts:
        raise DataError("nothing to put together: no data set came")
    if len(parts) == 1:
        return parts[0]
    landmarks = parts[0].landmarks
    sources: dict[str, tuple[str, ...]] = {}
    for part in parts:
        landmarks = landmarks.union(part.landmarks)
        for name, marked in part.schemes.items():
            if sources.setdefault(name, marked) != marked:
                raise DataError(
                    f"two data sets use the marking scheme name '{name}' for different points"
                )
    order = list(sources)
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
        schemes=sources,
    )


def _in_columns(samples: Samples, landmarks: LandmarkSet) -> Samples:
    """The samples' own columns at their places in a wider set; the rest unlabelled."""
    places = landmarks.columns(samples.landmarks.names)
    points = np.zeros((len(samples), len(landmarks), 2), dtype=np.float32)
    labelled = np.zeros((len(samples), len(landmarks)), dtype=bool)
    points[:, places], labelled[:, places] = samples.points, samples.labelled
    return samples.with_points(points, labelled, landmarks)
