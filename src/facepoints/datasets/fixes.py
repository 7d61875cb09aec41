"""Fixes of labels: what to change in which row, kept in a file beside the labels.

A label file is never changed. ``facepoints audit`` writes its suggestions to ``fixes.json``, and
commands that read labels apply such a file with ``--fixes`` (`datasets.mending`). Without the
option, the labels are as they were.

A fix names its row by the data set, the row's number and its name. It also holds a fingerprint of
the label that it was made for, so that it is never applied to another label.

Coordinates are pixels of the picture that the label file belongs to, in the usual convention
(`imaging.affine`): of the whole photo, or of the image in a Kaggle table. So they do not depend on
how crops are cut. `suggest_fixes` takes them in pixels of the images of `Samples`.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepoints._util.files import write_json
from facepoints.datasets.fix_values import Action, checked_values, is_number
from facepoints.datasets.readers.label_files import read_label_json
from facepoints.datasets.samples import Samples
from facepoints.errors import DataError
from facepoints.imaging import affine

__all__ = [
    "Change",
    "Fingerprint",
    "Fix",
    "Sets",
    "fingerprint",
    "fixes_document",
    "frame_of",
    "read_fixes",
    "same_label",
    "suggest_fixes",
    "write_fixes",
]

Fingerprint = tuple[int, float, float]
"""Number of labeled points, and weighted sums of their x and of their y in pixels."""

_SAME = 0.05  # pixels: two sums that differ by less are equal; crops round coordinates by less
_VERSION = 1


Sets = tuple[Sequence[str], NDArray[np.int64]]
"""Names of the data sets, and the number (N,) of the set that each row comes from."""


@dataclass(frozen=True)
class Change:
    """What to change in the label of a row: a `Fix` without its row.

    Attributes:
        action: how `values` change the label.
        values: as of `Fix`, in pixels of the images of `Samples`.
        in_picture: True if `values` are in pixels of the picture, as those of a `Fix`.

    Raises:
        DataError: the action is unknown, or the values do not fit it.
    """

    action: Action
    values: Any = None
    in_picture: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", checked_values(self.action, self.values))


@dataclass(frozen=True)
class Fix:
    """A change of the label of one row.

    Attributes:
        set: name of the data set, as in `mending.set_names`.
        row: number of the row in this set as it is read, from 0.
        name: name of the row (`Samples.names`).
        fingerprint: of the label that the fix was made for.
        cause: what is wrong, such as "left and right swapped".
        action: how `values` change the label.
        values: by the action:

            - "reorder": a dict from points to the points whose places they take. Points that it
              does not name stay. A swap of left and right is such an order.
            - "transform": 2 x 3 numbers, the affine map in pixels from the label to the right
              places. It moves all labeled points, and changes no names.
            - "move": a dict from points to their (x, y) in pixels. An unlabeled point becomes
              labeled.
            - "unlabel": a list of points that lose their label.
            - "drop": None; the row is left out.
            - "scheme": name of the marking scheme of the row; a new name is a new scheme.
            - "group": a name. All rows with this name, and all rows of their groups, become one
              group, which no split separates.
        evidence: a sentence on why; may be empty.

    Raises:
        DataError: the action is unknown, or the values do not fit it.
    """

    set: str
    row: int
    name: str
    fingerprint: Fingerprint
    cause: str
    action: Action
    values: Any = None
    evidence: str = ""

    def __post_init__(self) -> None:
        if self.row < 0:
            raise DataError(f"the row of a fix is 0 or more, got {self.row}")
        object.__setattr__(self, "values", checked_values(self.action, self.values))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, which `from_dict` reads."""
        found = {name: getattr(self, name) for name in self.__dataclass_fields__}
        if not self.evidence:
            del found["evidence"]
        return found | {"fingerprint": list(self.fingerprint)}

    @classmethod
    def from_dict(cls, data: Any) -> Fix:
        """Inverse of `to_dict`. Raises DataError if a part is missing or wrong."""
        if not isinstance(data, Mapping):
            raise DataError(f"a fix is a JSON object, got {data!r:.60}")
        for key, kind in _KINDS.items():
            if key not in data and key == "evidence":
                continue
            value = data.get(key)
            if not isinstance(value, kind) or isinstance(value, bool):
                raise DataError(f"'{key}' should be {_NAMES[kind]}, is {value!r:.60}")
        sums = data.get("fingerprint")
        if not (isinstance(sums, list) and len(sums) == 3 and all(map(is_number, sums))):
            raise DataError(f"'fingerprint' should be three numbers, is {sums!r:.60}")
        return cls(
            **{key: data[key] for key in _KINDS if key in data},
            fingerprint=(int(sums[0]), float(sums[1]), float(sums[2])),
            values=data.get("values"),
        )


_KINDS = {"set": str, "row": int, "name": str, "cause": str, "action": str, "evidence": str}
_NAMES = {str: "a text", int: "a whole number"}


def fingerprint(
    points: NDArray[np.floating], labelled: NDArray[np.bool_], names: Sequence[str]
) -> Fingerprint:
    """The fingerprint of a label.

    Args:
        points: (K, 2) in pixels of the picture.
        labelled: (K,).
        names: of the K points. Their order does not matter.
    """
    known = np.flatnonzero(labelled)
    weights = np.array([_weights(names[k]) for k in known.tolist()]).reshape(-1, 2)
    x, y = (weights * points[known]).sum(axis=0).tolist()
    return len(known), round(x, 3), round(y, 3)


def _weights(name: str) -> tuple[float, float]:
    """Weights of a point's x and y, from 0.5 to 1.5."""
    bits = zlib.crc32(name.encode("utf-8", "backslashreplace"))
    return 0.5 + (bits & 0xFFFF) / 0x10000, 0.5 + (bits >> 16) / 0x10000


def frame_of(faces: Samples, row: int) -> affine.Matrix:
    """The map from pixels of the image of a row to pixels of the picture it is from."""
    return np.eye(2, 3) if faces.frame is None else faces.frame[row]


def suggest_fixes(
    faces: Samples,
    rows: Sequence[int],
    changes: Sequence[Change],
    *,
    cause: str,
    evidence: str = "",
    sets: Sets | None = None,
    names: Mapping[str, str] | None = None,
) -> list[Fix]:
    """The same changes of several rows, as fixes that can be written.

    Args:
        faces: whole data sets, without any row left out.
        rows: row numbers in `faces`.
        changes: one after the other, in pixels of the images of `faces`.
        cause, evidence: as of `Fix`.
        sets: names of the data sets, and the number (N,) of the set that each row comes from;
            None: one set with the name "".
        names: names of points in the label files, by their names in `faces`; None: the same.
    """
    set_names, numbers = sets or ([""], np.zeros(len(faces), dtype=np.int64))
    written = [(names or {}).get(name, name) for name in faces.landmarks.names]
    changes = [_renamed(change, names or {}) for change in changes]
    fixes = []
    for row in rows:
        frame, number = frame_of(faces, row), int(numbers[row])
        points = affine.apply(frame, faces.points[row])
        common = {
            "set": set_names[number],
            "row": int(np.count_nonzero(numbers[:row] == number)),
            "name": str(faces.names[row]),
            "fingerprint": fingerprint(points, faces.labelled[row], written),
            "cause": cause,
            "evidence": evidence,
        }
        for change in changes:
            fixes.append(Fix(**common, action=change.action, values=_in_picture(change, frame)))
    return fixes


def _renamed(change: Change, names: Mapping[str, str]) -> Change:
    """The same change with other names of points."""
    if change.action == "unlabel":
        return Change("unlabel", [names.get(name, name) for name in change.values])
    if change.action == "move":
        moved = {names.get(name, name): at for name, at in change.values.items()}
        return Change("move", moved, change.in_picture)
    if change.action == "reorder":
        pairs = change.values.items()
        return Change("reorder", {names.get(a, a): names.get(b, b) for a, b in pairs})
    return change


def _in_picture(change: Change, frame: affine.Matrix) -> Any:
    """The values of a change in pixels of the picture."""
    if change.in_picture:
        return change.values
    if change.action == "transform":
        matrix = np.array(change.values, dtype=np.float64)
        return affine.compose(affine.invert(frame), matrix, frame).round(6).tolist()
    if change.action == "move":
        places = {name: affine.apply(frame, np.array(at)) for name, at in change.values.items()}
        return {name: [round(float(v), 3) for v in at] for name, at in places.items()}
    return change.values


def same_label(one: Fingerprint, other: Fingerprint) -> bool:
    """True if two fingerprints are of the same label, but for rounding."""
    near = all(abs(a - b) <= _SAME for a, b in zip(one[1:], other[1:], strict=True))
    return one[0] == other[0] and near


def write_fixes(path: Path, fixes: Sequence[Fix]) -> None:
    """Write fixes as JSON, whole or not at all. Raises WriteError."""
    write_json(path, fixes_document(fixes))


def fixes_document(fixes: Sequence[Fix]) -> dict[str, Any]:
    """The JSON of a file of fixes."""
    return {
        "format": "facepoints fixes",
        "version": _VERSION,
        "fixes": [f.to_dict() for f in fixes],
    }


def read_fixes(path: Path) -> list[Fix]:
    """Read a file of fixes.

    Raises:
        DataError: it is missing, is no such file, or a fix in it is wrong; the message says which.
    """
    content = read_label_json(path)
    listed = content.get("fixes") if isinstance(content, dict) else None
    if not isinstance(listed, list) or content.get("format") != "facepoints fixes":
        raise DataError(
            f"{path} is no file of fixes; expected the fixes.json that 'facepoints audit' writes"
        )
    if content.get("version") != _VERSION:
        raise DataError(
            f"{path} has version {content.get('version')!r:.20} of the fixes, this facepoints "
            f"reads version {_VERSION}; write it again with 'facepoints audit'"
        )
    fixes = []
    for number, one in enumerate(listed, start=1):
        try:
            fixes.append(Fix.from_dict(one))
        except DataError as error:
            raise DataError(f"{path}, fix {number}: {error}") from None
    return fixes
