"""Applies fixes (`fixes`) to labeled faces. The faces that it gets are not changed."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from facepoints._util.words import count_noun
from facepoints.datasets.fixes import Fix, Sets, fingerprint, frame_of, read_fixes, same_label
from facepoints.datasets.readers.notes import shortened
from facepoints.datasets.readers.options import LabeledFaces
from facepoints.datasets.samples import Photos, Samples
from facepoints.errors import DataError, DataWarning
from facepoints.imaging import affine
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = [
    "LABEL_ACTIONS",
    "MendLabels",
    "apply_fixes",
    "fixes_of_sets",
    "mend_labels",
    "mend_read",
    "mend_rows",
    "set_names",
]

LABEL_ACTIONS = {"reorder", "transform", "move", "unlabel"}
"""Actions that change the label of a row, and so how its crop is cut. `mend_labels` applies them,
and `mend_rows` the others."""


def set_names(paths: Sequence[Path]) -> list[str]:
    """Names of data sets in fixes and reports: the ends of their paths, as long as they must be to
    tell them apart.

    Examples:
        >>> set_names([Path("a/labels.json"), Path("b/labels.json"), Path("b/c.csv")])
        ['a/labels.json', 'b/labels.json', 'c.csv']
    """
    parts = [_parts(path) for path in paths]
    names = []
    for number, own in enumerate(parts):
        others = parts[:number] + parts[number + 1 :]
        length = 1
        while length < len(own) and any(o[-length:] == own[-length:] for o in others):
            length += 1
        names.append("/".join(own[-length:]))
    return names


def _parts(path: Path) -> list[str]:
    return [part for part in path.absolute().parts if part not in ("/", "\\")] or [str(path)]


def fixes_of_sets(
    fixes: str | Path | Sequence[Fix] | None, paths: Sequence[Path]
) -> list[list[Fix]]:
    """The fixes of each data set, in the order of the file.

    A `DataWarning` says how many fixes are for other data sets.

    Args:
        fixes: a file, or fixes; None: none.
        paths: of the data sets.

    Raises:
        DataError: the file cannot be read; all fixes are for other data sets; or the name of a set
            fits several paths.
    """
    found: list[list[Fix]] = [[] for _ in paths]
    if fixes is None:
        return found
    where = str(fixes) if isinstance(fixes, str | Path) else "the fixes"
    listed = read_fixes(Path(fixes)) if isinstance(fixes, str | Path) else list(fixes)
    parts = [_parts(path) for path in paths]
    strangers = []
    places: dict[str, list[int]] = {}
    for fix in listed:
        if fix.set not in places:
            end = fix.set.split("/")
            places[fix.set] = [k for k, own in enumerate(parts) if own[-len(end) :] == end]
        if len(places[fix.set]) > 1:
            raise DataError(
                f"{where}: '{shortened(fix.set)}' fits several of the data; run 'facepoints audit' "
                f"on all of them together, so that the fixes tell them apart"
            )
        if places[fix.set]:
            found[places[fix.set][0]].append(fix)
        else:
            strangers.append(fix)
    if strangers:
        _refuse_strangers(where, strangers, listed, paths)
    return found


def _refuse_strangers(
    where: str, strangers: Sequence[Fix], listed: Sequence[Fix], paths: Sequence[Path]
) -> None:
    names = list(dict.fromkeys(shortened(fix.set) for fix in strangers))
    shown = f"{', '.join(names[:3])}{', ...' if len(names) > 3 else ''}"
    if len(strangers) == len(listed):
        raise DataError(
            f"{where} mends {shown}, which is not among the data: {', '.join(map(str, paths))}"
        )
    left = count_noun(len(strangers), "fix", "fixes")
    warnings.warn(
        f"{where}: {left} for {shown} left out, which is not read here", DataWarning, stacklevel=5
    )


@dataclass(frozen=True)
class MendLabels:
    """`mend_labels` for `readers.load`.

    Attributes:
        fixes: of one data set.
        where: its name, for messages.
    """

    fixes: Sequence[Fix]
    where: str

    @property
    def key(self) -> str:
        """Differs for other fixes."""
        text = json.dumps([fix.to_dict() for fix in self.fixes], sort_keys=True)
        return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]

    def __call__(self, data: LabeledFaces, rows: NDArray[np.int64]) -> LabeledFaces:
        return mend_labels(data, self.fixes, rows, self.where)


def mend_labels(
    data: LabeledFaces, fixes: Sequence[Fix], rows: NDArray[np.int64], where: str
) -> LabeledFaces:
    """The faces of one data set with mended labels. All fixes are checked, those of
    `LABEL_ACTIONS` are applied.

    Args:
        data: the whole data set.
        fixes: of this set.
        rows: row in `data` of each row that fixes count.
        where: name of the set, for messages.

    Raises:
        DataError: there is no such row, its name or label is another than that of the fix, or a
            point is unknown.
    """
    if not fixes:
        return data
    points, labelled = data.points.astype(np.float64), data.labelled.copy()
    visibility = None if data.visibility is None else data.visibility.copy()
    checked = set()
    for fix in fixes:
        row = _checked_row(data, fix, rows, where, known=fix.row in checked)
        checked.add(fix.row)
        if fix.action not in LABEL_ACTIONS:
            continue
        frame = frame_of(data, row) if isinstance(data, Samples) else np.eye(2, 3)
        seen = None if visibility is None else visibility[row]
        try:
            _mend(_Label(points[row], labelled[row], seen), fix, data.landmarks, frame)
        except DataError as error:
            raise DataError(f"{_place(fix, where)}: {error}") from None
    clean = np.where(labelled[..., None], points, 0).astype(np.float32)
    return replace(data, points=clean, labelled=labelled, visibility=visibility)


def _place(fix: Fix, where: str) -> str:
    return f"{where}: fix '{shortened(fix.cause)}' of row {fix.row} ('{shortened(fix.name)}')"


def _checked_row(
    data: Samples | Photos, fix: Fix, rows: NDArray[np.int64], where: str, *, known: bool
) -> int:
    """The row of a fix. Raises DataError if it is not the one that the fix was made for."""
    again = "the labels have changed since the audit; run 'facepoints audit' again"
    if fix.row >= len(rows):
        raise DataError(f"{_place(fix, where)}: there are only {len(rows)} rows; {again}")
    row = int(rows[fix.row])
    if known:
        return row
    if str(data.names[row]) != fix.name:
        raise DataError(
            f"{_place(fix, where)}: this row is '{shortened(str(data.names[row]))}' now; {again}"
        )
    frame = frame_of(data, row) if isinstance(data, Samples) else np.eye(2, 3)
    have = fingerprint(
        affine.apply(frame, data.points[row]), data.labelled[row], data.landmarks.names
    )
    if not same_label(have, fix.fingerprint):
        raise DataError(f"{_place(fix, where)}: the label of this row is another now; {again}")
    return row


class _Label(NamedTuple):
    """The label of one row, to change in place: (K, 2), (K,) and (K,)."""

    points: NDArray[np.float64]
    labelled: NDArray[np.bool_]
    visibility: NDArray[np.int8] | None


def _mend(label: _Label, fix: Fix, landmarks: LandmarkSet, frame: affine.Matrix) -> None:
    """Change a label in place. Raises DataError for an unknown point, or if `frame` or a map
    cannot be inverted."""
    points, labelled, visibility = label
    if fix.action == "reorder":
        to, source = landmarks.columns(fix.values), landmarks.columns(fix.values.values())
        for table in label:
            if table is not None:
                table[to] = table[source]
    elif fix.action == "transform":
        matrix = affine.compose(frame, np.array(fix.values), affine.invert(frame))
        affine.invert(matrix)
        points[:] = points @ matrix[:, :2].T + matrix[:, 2]
    elif fix.action == "move":
        moved = landmarks.columns(fix.values)
        back = affine.invert(frame)
        points[moved] = np.array(list(fix.values.values())) @ back[:, :2].T + back[:, 2]
        if visibility is not None:
            visibility[[k for k in moved if not labelled[k]]] = -1
        labelled[moved] = True
    else:
        dropped = landmarks.columns(fix.values)
        labelled[dropped] = False
        if visibility is not None:
            visibility[dropped] = -1


def mend_read(data: LabeledFaces, fixes: Sequence[Fix], where: str) -> LabeledFaces:
    """The faces of one data set, as `readers.read` gives them, with all its fixes applied. Faces
    without a label are left out if there are fixes: these do not count them.

    Args:
        data: the whole data set.
        fixes: of this set.
        where: name of the set, for messages.

    Raises:
        DataError: a fix does not fit; see `mend_labels`.
    """
    if not fixes:
        return data
    counted = np.ones(len(data), dtype=bool)
    if isinstance(data, Photos):
        counted &= np.any(data.labelled, axis=1)
    rows = np.flatnonzero(counted)
    labeled = _rows_of(mend_labels(data, fixes, rows, where), counted)
    return _rows_of(*mend_rows(labeled, [fixes], np.zeros(len(rows), dtype=np.int64)))


def _rows_of(data: LabeledFaces, keep: NDArray[np.bool_]) -> LabeledFaces:
    taken = data.take(keep) if isinstance(data, Photos) else data.take(np.flatnonzero(keep))
    return cast(LabeledFaces, taken)


def mend_rows(
    faces: LabeledFaces, fixes: Sequence[Sequence[Fix]], numbers: NDArray[np.int64]
) -> tuple[LabeledFaces, NDArray[np.bool_]]:
    """Apply the fixes that concern whole rows: schemes, groups, and rows to drop. Rows that lost
    all their labels are dropped too.

    Args:
        faces: all data sets, each whole.
        fixes: of each data set.
        numbers: (N,) number of the data set that each row comes from.

    Returns:
        All rows, and the mask (N,) of those to keep.
    """
    keep = np.ones(len(faces), dtype=bool)
    group, scheme = faces.group.astype(object), faces.scheme.copy()
    schemes = dict(faces.schemes)
    joined: dict[str, list[int]] = {}
    named: dict[str, list[int]] = {}
    for number, listed in enumerate(fixes):
        rows = np.flatnonzero(numbers == number)
        for fix in listed:
            row = int(rows[fix.row])
            if fix.action == "drop" or (fix.action == "unlabel" and not faces.labelled[row].any()):
                keep[row] = False
            elif fix.action == "group":
                joined.setdefault(fix.values, []).append(row)
            elif fix.action == "scheme":
                named.setdefault(fix.values, []).append(row)
    for name, some in named.items():
        labelled = np.any(faces.labelled[some], axis=0).tolist()
        marked = zip(faces.landmarks.names, labelled, strict=True)
        schemes.setdefault(name, tuple(point for point, has in marked if has))
        scheme[some] = list(schemes).index(name)
    merged = _merged(group, joined)
    mended = replace(faces, scheme=scheme, schemes=schemes, group=merged.astype(np.str_))
    return mended, keep


def _merged(group: NDArray[np.object_], joined: Mapping[str, Sequence[int]]) -> NDArray:
    """Groups (N,) after those of the rows under each name have become one."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while name in parent:
            name = parent[name]
        return name

    for name, rows in joined.items():
        for row in rows:
            ours, theirs = root(name), root(str(group[row]))
            if ours != theirs:
                parent[theirs] = ours
    return np.array([root(str(name)) for name in group], dtype=object) if joined else group


def apply_fixes(faces: Samples, fixes: Sequence[Fix], sets: Sets | None = None) -> Samples:
    """Mended faces, in the same crops.

    `load.load_dataset` applies fixes before it cuts crops, so that crops fit the mended labels.

    Args:
        faces: whole data sets, without any row left out.
        fixes: each names its set as in `sets`.
        sets: names of the data sets, and the number (N,) of the set that each row comes from;
            None: one set with the name "".

    Raises:
        DataError: a fix does not fit; see `mend_labels`.
    """
    names, numbers = sets or ([""], np.zeros(len(faces), dtype=np.int64))
    unknown = [fix for fix in fixes if fix.set not in names]
    if unknown:
        raise DataError(f"no data set '{shortened(unknown[0].set)}' to mend; there are: {names}")
    by_set = [[fix for fix in fixes if fix.set == name] for name in names]
    for number, name in enumerate(names):
        rows = np.flatnonzero(np.asarray(numbers) == number)
        faces = mend_labels(faces, by_set[number], rows, name or "faces")
    mended, keep = mend_rows(faces, by_set, np.asarray(numbers))
    return mended if keep.all() else mended.take(np.flatnonzero(keep))
