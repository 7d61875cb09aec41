"""Strategies for missing labels: the rows and columns that networks train on.

A strategy turns samples into a `Plan`: one or more parts, each with the rows and columns of one
network, and how the predictions of the networks are merged.

========== ===========================================================================
per-scheme as mask, and every marking scheme has columns of its own: ``nose_tip`` of the
           widest scheme and ``nose_tip@4-point`` are two columns
mask       all rows; the loss counts labeled points only
specialist one network for all points, on complete rows, and one for the points that
           nearly every row has, on all rows that have them
fill       all rows; a missing point takes the value of the row before (pandas' ffill)
median     all rows; a missing point takes the column's median
drop       only rows with every point
========== ===========================================================================

`fill` and `specialist` are common in public solutions of the Kaggle facial keypoints
competition (https://www.kaggle.com/c/facial-keypoints-detection; Daniel Nouri's tutorial
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
    "MISSING",
    "Part",
    "Plan",
    "make_plan",
]

CORE_SHARE = 0.9
"""Minimum share of the rows that have a point, for the point to be in the core part."""


@dataclass(frozen=True)
class Part:
    """Rows and columns that one network trains on (or each network of an ensemble)."""

    name: str
    samples: Samples


@dataclass(frozen=True)
class Plan:
    """Parts to train, and how their predictions are merged.

    Attributes:
        parts: one network each; later parts win if `merge` is "replace".
        merge: see `ensemble.Merge`.
        landmarks: all columns of the run.
    """

    parts: tuple[Part, ...]
    merge: Merge
    landmarks: LandmarkSet


def _one(name: str, samples: Samples) -> Plan:
    return Plan((Part(name, samples),), "replace", samples.landmarks)


def drop(samples: Samples) -> Plan:
    """Only rows in which every point is labeled.

    Raises:
        DataError: there are no rows, or a point is labeled in none of them.
        SettingsError: no row is complete.
    """
    return _one("all-points", _complete(samples, "drop"))


def fill(samples: Samples) -> Plan:
    """All rows; a missing point is copied from the nearest earlier row that has it.

    Missing points before the first label of a column take that label, as with pandas'
    ``ffill().bfill()`` per column. Afterwards every point counts as labeled.

    Raises:
        DataError: there are no rows, or a point is labeled in none of them.
    """
    _check_every_column_labelled(samples, "fill")
    rows = np.arange(len(samples))[:, None]
    last = np.maximum.accumulate(np.where(samples.labelled, rows, -1), axis=0)
    first = samples.labelled.argmax(axis=0)
    row = np.where(last < 0, first, last)
    points = np.take_along_axis(samples.points, row[..., None], axis=0)
    return _one("all-points", samples.with_points(points, np.ones_like(samples.labelled)))


def median(samples: Samples) -> Plan:
    """All rows; a missing point takes the median of its column, separately for x and y.

    Raises:
        DataError: there are no rows, or a point is labeled in none of them.
    """
    _check_every_column_labelled(samples, "median")
    points = samples.points.copy()
    for column in range(points.shape[1]):
        known = samples.labelled[:, column]
        points[~known, column] = np.median(points[known, column], axis=0)
    return _one("all-points", samples.with_points(points, np.ones_like(samples.labelled)))


def specialist(samples: Samples, merge: Merge = "replace") -> Plan:
    """One network for all points, and one for the points that nearly every row has.

    Part "all-points" has the complete rows. Part "core" has the points that are labeled in at
    least `CORE_SHARE` of the rows, on all rows that have them. There is only one part if that
    holds for every point.

    Args:
        samples: labeled faces.
        merge: "replace": the points of the core network replace those of the other; "average":
            both are averaged.

    Raises:
        DataError: there are no rows, or a point is labeled in none of them.
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
            f"choose mask or per-scheme"
        )
    if len(core) == len(samples.landmarks):
        return Plan((whole,), merge, samples.landmarks)
    chosen = samples.select(core)
    part = Part("core", chosen.take(_all(chosen.labelled, 1)))
    return Plan((whole, part), merge, samples.landmarks)


def mask(samples: Samples) -> Plan:
    """All rows with at least one label; the loss skips missing labels.

    Columns without any label, their mirror partners included, are left out, so that a run never
    predicts points it was not trained on.

    Raises:
        DataError: no row has a label.
    """
    return _one("all-points", _trainable(samples))


def per_scheme(samples: Samples) -> Plan:
    """As `mask`, with separate columns for every marking scheme that has labeled rows.

    The scheme with the most points keeps the plain names; points of the others are named
    ``name@scheme``. With one scheme this is `mask`.

    Raises:
        DataError: no row has a label.
    """
    marked = points_by_scheme(samples)
    if len(marked) < 2:
        return mask(samples)
    return mask(in_scheme_columns(samples, scheme_columns(samples.landmarks, marked)))


MISSING: dict[str, Callable[[Samples], Plan]] = {
    "per-scheme": per_scheme,
    "mask": mask,
    "specialist": specialist,
    "fill": fill,
    "median": median,
    "drop": drop,
}
"""Strategies by name."""


def make_plan(samples: Samples, strategy: str, merge: Merge = "replace") -> Plan:
    """The plan of a strategy.

    Args:
        samples: labeled faces.
        strategy: name in `MISSING`.
        merge: for `specialist`.

    Raises:
        SettingsError: unknown strategy, or one that does not fit the samples.
        DataError: nothing to train on.
    """
    if strategy not in MISSING:
        raise SettingsError(
            f"no missing-label strategy '{strategy}'; choose one of: {', '.join(MISSING)}"
        )
    return specialist(samples, merge) if strategy == "specialist" else MISSING[strategy](samples)


def _check_every_column_labelled(samples: Samples, strategy: str) -> None:
    if len(samples) == 0:
        raise DataError(f"missing-label strategy '{strategy}': the data set has no rows")
    known = _any(samples.labelled, 0)
    never = [n for n, k in zip(samples.landmarks.names, known, strict=True) if not k]
    if never:
        raise DataError(
            f"missing-label strategy '{strategy}': none of the {len(samples)} rows has a label for "
            f"{', '.join(never)}; leave the column out or choose mask or per-scheme"
        )


def _any(labelled: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    return np.asarray(labelled.any(axis=axis))


def _all(labelled: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    return np.asarray(labelled.all(axis=axis))


def _complete(samples: Samples, strategy: str) -> Samples:
    """The rows with every point."""
    _check_every_column_labelled(samples, strategy)
    complete = _all(samples.labelled, 1)
    if not complete.any():
        missing = (~samples.labelled).sum(axis=0)
        worst = int(missing.argmax())
        raise SettingsError(
            f"missing-label strategy '{strategy}': none of the {len(samples)} rows has all "
            f"{len(samples.landmarks)} points ('{samples.landmarks.names[worst]}' is missing in "
            f"{missing[worst]}); choose mask, per-scheme, fill or median"
        )
    return samples.take(complete)


def _trainable(samples: Samples) -> Samples:
    """Columns that have a label, or a mirror partner that has one, and rows with a label."""
    known = _any(samples.labelled, 0)
    if not known.any():
        raise DataError(f"none of the {len(samples)} rows has a labeled point to train on")
    if samples.landmarks.mirrorable:
        known |= known[samples.landmarks.mirror]
    if not known.all():
        names = samples.landmarks.names
        samples = samples.select([n for n, k in zip(names, known, strict=True) if k])
    rows = _any(samples.labelled, 1)
    return samples if rows.all() else samples.take(rows)
