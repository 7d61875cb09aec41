"""Reads data sets for an audit: whole, in large crops that show more than the labeled face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints.audit.config import AUDIT_CROP_MARGIN, AUDIT_CROP_SIZE
from facepoints.audit.whole_pictures import Pictures
from facepoints.commands.audit_pictures import whole_pictures
from facepoints.datasets import readers
from facepoints.datasets.combine import concatenate, groups_across
from facepoints.datasets.crops import resize_samples
from facepoints.datasets.fixes import Sets
from facepoints.datasets.load import warn_of_names
from facepoints.datasets.mending import set_names
from facepoints.datasets.renames import check_renames, read_renames, renamed
from facepoints.datasets.samples import Samples

__all__ = ["AuditData", "load_for_audit"]


@dataclass(frozen=True)
class AuditData:
    """Labeled faces to audit.

    Attributes:
        faces: all rows of all data sets.
        sets: names of the data sets, and the number (N,) of the set that each row comes from.
        split: (N,) 0 for rows to train on, 1 for rows to test on; None: there are no test sets.
        paths: of the data sets.
        names: names of points in the label files, by their names in `faces`; only those that
            differ.
        labels_only: True if no image was read.
        read_split, renames: arguments that they were read with.
        pictures: the whole pictures that the faces were cut from; None: no image was read.
    """

    faces: Samples
    sets: Sets
    split: NDArray[np.int64] | None
    paths: Sequence[Path]
    names: Mapping[str, str]
    labels_only: bool
    read_split: str
    renames: Mapping[str, str]
    pictures: Pictures | None = None


def load_for_audit(
    data: Sequence[Path],
    test: Sequence[Path] = (),
    *,
    split: str = "training",
    rename: str | Path | Mapping[str, str] | None = None,
    labels_only: bool = False,
) -> AuditData:
    """Read data sets for an audit.

    Args:
        data: label files or folders.
        test: those that hold faces to test on.
        split: "training" or "test", for data sets that hold both.
        rename: new names of points, as for `load.load_dataset`.
        labels_only: read no image. This is so in any case if a table has no pixels.

    Raises:
        DataError: a data set cannot be read.
    """
    paths = [*data, *test]
    labels_only = labels_only or not all(readers.has_images(path, split) for path in paths)
    size, margin = AUDIT_CROP_SIZE, AUDIT_CROP_MARGIN
    read = readers.load_labels if labels_only else readers.load
    sets = [read(path, split=split, size=size, margin=margin) for path in paths]
    pictures = None if labels_only else whole_pictures(paths, sets, split)
    names = read_renames(rename)
    check_renames(names, [one.landmarks for one in sets])
    old = {names[name]: name for one in sets for name in one.landmarks.names if name in names}
    sets = [renamed(one, names) for one in sets]
    for path, one in zip(paths, sets, strict=True):
        warn_of_names(path, one.landmarks)
    if len(sets) > 1:  # `concatenate` takes the size of the first, which may be small
        largest = max(max(one.size) for one in sets)
        sets[0] = resize_samples(sets[0], largest, largest)
    faces = concatenate(sets)
    if len(sets) > 1 and not labels_only:
        faces = replace(faces, group=groups_across(sets, faces))
    numbers = np.repeat(np.arange(len(sets)), [len(one) for one in sets])
    side = np.where(numbers < len(data), 0, 1) if test else None
    return AuditData(
        faces=faces,
        sets=(set_names(paths), numbers),
        split=side,
        paths=paths,
        names=old,
        labels_only=labels_only,
        read_split=split,
        renames=names,
        pictures=pictures,
    )
