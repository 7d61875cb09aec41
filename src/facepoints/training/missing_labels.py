"""Answers to missing labels: which rows and columns a network trains on.

Each answer is a function from samples to a `Plan`: one or more parts, each a set of rows
and columns for one network, and how the networks' predictions become one table again.

========== ===========================================================================
drop       only rows with every point
fill       all rows; a hole takes the value of the row before (pandas' ffill)
median     all rows; a hole takes the column's median
specialist a network for all points on complete rows, and one for the points that
           nearly every row has on all those rows
mask       all rows; the loss counts labelled points only
sources    mask, and every marking scheme has columns of its own: ``nose_tip`` of the
           widest scheme and ``nose_tip@4-point`` are two columns
========== ===========================================================================

`fill` and `specialist` are the habits of public solutions of the Kaggle facial keypoints
competition (https://www.kaggle.com/c/facial-keypoints-detection, Daniel Nouri's tutorial
of 2014: http://danielnouri.org/notes/2014/12/17/).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.marking_schemes import in_scheme_columns, points_by_scheme, scheme_columns
from facepoints.datasets.samples import Samples
from facepoints.errors import DataError, SettingsError
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.models.ensemble import Merge

__all__ = [
    "CORE_SHARE",
    "MISSING",
    "Part",
    "Plan",
    "make_plan",
]

CORE_SHARE = 0.9
"""Share of the rows from which a point counts as labelled in nearly all of them."""


@dataclass(frozen=True)
class Part:
    """Rows and columns that one network trains on."""

    name: str
    samples: Samples


@dataclass(frozen=True)
class Plan:
    """What is trained, and how the parts' predictions make the run's columns.

    Attributes:
        parts: one network each; later parts win where `merge` is "replace".
        merge: see `Merge`.
        landmarks: all columns of the run.
    """

    parts: tuple[Part, ...]
    merge: Merge
    landmarks: LandmarkSet


def _one(name: str, samples: Samples) -> Plan:
    return Plan((Part(name, samples),), "replace", samples.landmarks)


def drop(samples: Samples) -> Plan:
    """Only rows in which every point is labelled.

    Raises:
        DataError: there are no rows, or a point is labelled in none of them.
        SettingsError: no row is complete.
    """
    return _one("all-points", _complete(samples, "drop"))


def fill(samples: Samples) -> Plan:
    """All rows; a hole takes the point of the nearest earlier row that has it.

    Holes before the first label of a column take that label. The same as pandas'
    ``ffill().bfill()`` per column. Afterwards every point counts as labelled.

    Raises:
        DataError: there are no rows, or a point is labelled in none of them.
    """
    _all_columns_labelled(samples, "fill")
    rows = np.arange(len(samples))[:, None]
    last = np.maximum.accumulate(np.where(samples.labelled, rows, -1), axis=0)
    first = samples.labelled.argmax(axis=0)
    taken = np.where(last < 0, first, last)
    points = np.take_along_axis(samples.points, taken[..., None], axis=0)
    return _one("all-points", samples.with_points(points, np.ones_like(samples.labelled)))


def median(samples: Samples) -> Plan:
    """All rows; a hole takes the median of its column, x and y each for itself.

    Raises:
        DataError: there are no rows, or a point is labelled in none of them.
    """
    _all_columns_labelled(samples, "median")
    points = samples.points.copy()
    for column in range(points.shape[1]):
        known = samples.labelled[:, column]
        points[~known, column] = np.median(points[known, column], axis=0)
    return _one("all-points", samples.with_points(points, np.ones_like(samples.labelled)))


def specialist(samples: Samples, merge: Merge = "replace") -> Plan:
    """A network for all points, and one for the points that nearly every row has.

    Part "all-points" has the complete rows, part "core" the points labelled in at least
    `CORE_SHARE` of the rows, on all rows that have them. One part is enough if every point
    is such a point.

    Args:
        merge: whether the core network's points replace those of the other or are
            averaged with them.

    Raises:
        DataError: there are no rows, or a point is labelled in none of them.
        SettingsError: no row is complete, no point is in nearly all rows, or an unknown
            `merge`.
    """
    if merge not in get_args(Merge):
        raise SettingsError(f"merge must be one of {', '.join(get_args(Merge))}, is '{merge}'")
    whole = Part("all-points", _complete(samples, "specialist"))
    share = samples.labelled.mean(axis=0)
    core = [n for n, s in zip(samples.landmarks.names, share, strict=True) if s >= CORE_SHARE]
    if not core:
        best = int(share.argmax())
        raise SettingsError(
            f"specialist needs points that at least {CORE_SHARE:.0%} of the rows have; the most "
            f"frequent, '{samples.landmarks.names[best]}', is in {share[best]:.0%}: "
            f"choose mask or sources"
        )
    if len(core) == len(samples.landmarks):
        return Plan((whole,), merge, samples.landmarks)
    chosen = samples.select(core)
    part = Part("core", chosen.take(_all(chosen.labelled, 1)))
    return Plan((whole, part), merge, samples.landmarks)


def mask(samples: Samples) -> Plan:
    """All rows with at least one label; holes stay holes, for a masked loss.

    Columns that nothing could train (labelled nowhere, nor their mirror partners) are
    left out, so that a run never predicts what it has not seen.

    Raises:
        DataError: no row has a label.
    """
    return _one("all-points", _trainable(samples))


def per_scheme(samples: Samples) -> Plan:
    """`mask`, with columns of its own for every marking scheme that has labelled rows.

    The scheme with the most points keeps the plain names; points of the others become
    ``name@scheme``. With one scheme this is `mask`.

    Raises:
        DataError: no row has a label.
    """
    marked = points_by_scheme(samples)
    if len(marked) < 2:
        return mask(samples)
    return mask(in_scheme_columns(samples, scheme_columns(samples.landmarks, marked)))


MISSING: dict[str, Callable[[Samples], Plan]] = {
    "drop": drop,
    "fill": fill,
    "median": median,
    "specialist": specialist,
    "mask": mask,
    "per-scheme": per_scheme,
}
"""The answers by name; `specialist` takes its `merge` too."""


def make_plan(samples: Samples, answer: str, merge: Merge = "replace") -> Plan:
    """The plan of an answer by its name in `MISSING`; `merge` is for `specialist`.

    Raises:
        SettingsError: unknown answer, or one that does not fit the samples.
        DataError: nothing to train on.
    """
    if answer not in MISSING:
        raise SettingsError(
            f"no missing-label answer '{answer}'; choose one of: {', '.join(MISSING)}"
        )
    return specialist(samples, merge) if answer == "specialist" else MISSING[answer](samples)


def _all_columns_labelled(samples: Samples, answer: str) -> None:
    if len(samples) == 0:
        raise DataError(f"missing-label answer '{answer}': the data set has no rows")
    never = [n for n, any_ in _named(samples, _any(samples.labelled, 0)) if not any_]
    if never:
        raise DataError(
            f"missing-label answer '{answer}': none of the {len(samples)} rows has a label for "
            f"{', '.join(never)}; leave the column out or choose mask or sources"
        )


def _any(labelled: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    return np.asarray(labelled.any(axis=axis))


def _all(labelled: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    return np.asarray(labelled.all(axis=axis))


def _named(samples: Samples, values: NDArray) -> zip[tuple[str, NDArray]]:
    return zip(samples.landmarks.names, values, strict=True)


def _complete(samples: Samples, answer: str) -> Samples:
    _all_columns_labelled(samples, answer)
    complete = _all(samples.labelled, 1)
    if not complete.any():
        holes = (~samples.labelled).sum(axis=0)
        worst = int(holes.argmax())
        raise SettingsError(
            f"missing-label answer '{answer}': none of the {len(samples)} rows has all "
            f"{len(samples.landmarks)} points ('{samples.landmarks.names[worst]}' is missing in "
            f"{holes[worst]}); choose mask, sources, fill or median"
        )
    return samples.take(complete)


def _trainable(samples: Samples) -> Samples:
    known = _any(samples.labelled, 0)
    if not known.any():
        raise DataError(f"none of the {len(samples)} rows has a labelled point to train on")
    if samples.landmarks.mirrorable:
        known |= known[samples.landmarks.mirror]
    if not known.all():
        samples = samples.select([n for n, k in _named(samples, known) if k])
    rows = _any(samples.labelled, 1)
    return samples if rows.all() else samples.take(rows)
