"""Fills in a submission for Kaggle's Facial Keypoints Detection, and scores it offline.

The lookup table (IdLookupTable.csv) asks for single coordinates of single images. Rows
are joined by feature name, never by position, and every image gets the marking scheme
that its requested points belong to: asked for eyes, nose and lip only, it was marked by
the 4-point scheme. Format: https://www.kaggle.com/c/facial-keypoints-detection/data
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facepoints._util import files
from facepoints.datasets import readers
from facepoints.datasets.marking_schemes import (
    convertible_as_marked,
    pick_scheme,
    points_as_marked,
)
from facepoints.datasets.readers.csv_lines import open_table
from facepoints.datasets.samples import Samples
from facepoints.detection import FullImageDetector
from facepoints.errors import DataError, RunError
from facepoints.inference.crop_predictor import CropModel
from facepoints.landmarks.known_sets import KAGGLE_SCHEMES
from facepoints.landmarks.landmark_set import LandmarkSet, base_name
from facepoints.models.loading import select_crop_model

if TYPE_CHECKING:
    from facepoints.inference.landmark_model import LandmarkModel
    from facepoints.models.run import Run

__all__ = ["FRAME", "Score", "SubmitReport", "submit"]

FRAME = FullImageDetector(part=0.87, down=0.17)
"""Where the competition's pictures have the face: by the eye centres of its 7,049 label rows,
36.2 px of 96 apart and 37.6 px from the top, on the mean face of 68 points."""

_AXES = {"_x": 0, "_y": 1}


@dataclass(frozen=True)
class Score:
    """RMSE in pixels against known answers, as the competition counts it.

    Attributes:
        rmse: over all rows.
        sources: over the rows of each marking scheme.
        points: over the rows of each point.
    """

    rmse: float
    schemes: dict[str, float]
    points: dict[str, float]


@dataclass(frozen=True)
class SubmitReport:
    """What went into a submission.

    Attributes:
        out: the file written.
        rows: coordinates in it.
        images: images that they belong to.
        sources: how many images were answered in each marking scheme.
        clipped: coordinates that lay outside the image and were moved to its border.
        score: see `Score`; None if there were no answers to score against.
    """

    out: str
    rows: int
    images: int
    schemes: dict[str, int]
    clipped: int
    score: Score | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)


class _Asked(NamedTuple):
    """One row of the lookup table."""

    row_id: int
    image_id: int
    point: str
    axis: int


def submit(
    model: Run | LandmarkModel, test: Path, lookup: Path, out: Path, *, score: Path | None = None
) -> SubmitReport:
    """Write the coordinates that a lookup table asks for.

    A run for the points that are asked for sees every picture as it is. One for other points
    that they can be had from, as the model that comes with the package, looks at the face in
    the picture (`answers.answering`) and answers without having been trained for it.

    Values are clipped to the centres of the first and last pixel, [0, side - 1]: the
    competition gives points "in the space of pixel indices". (Of the 108,000 real labels
    ten lie beyond, by less than a pixel.)

    Args:
        model: a run or a model file; see `answers.opened`.
        test: table with ``ImageId,Image``, plain or zipped.
        lookup: table with ``RowId,ImageId,FeatureName``, plain or zipped.
        out: written whole or not at all: ``RowId,Location``, every row of `lookup` once,
            in its order.
        score: table with ``RowId,Location`` of true coordinates to score against.

    Raises:
        DataError: a table cannot be used, or they do not fit each other.
        RunError: the run does not predict a point that is asked for.
        WriteError: `out` cannot be written, or is one of the tables.
    """
    files.check_output(out, [test, lookup] if score is None else [test, lookup, score])
    asked = _read_lookup(lookup)
    answers = _read_answers(score, asked) if score is not None else None
    samples = readers.load(test, split="test")
    wanted: dict[int, set[str]] = defaultdict(set)
    for row in asked:
        wanted[row.image_id].add(row.point)
    run = select_crop_model(model, {row.point for row in asked}, FRAME)
    sources = _sources(run, {row.point for row in asked})
    scheme = {image: pick_scheme(points, sources) for image, points in wanted.items()}
    _check_features(run.landmarks, samples.landmarks, asked, scheme, lookup)
    rows = _rows_of_images(samples, asked, test, lookup)
    values = _predict(run, samples.take([rows[i] for i in scheme]), asked, scheme)
    height, width = samples.size
    limit = np.array([(width - 1, height - 1)[row.axis] for row in asked])
    kept = np.clip(values, 0, limit).round(6)
    lines = [f"{row.row_id},{value:.6f}\n" for row, value in zip(asked, kept, strict=True)]
    files.write_text(out, "RowId,Location\n" + "".join(lines))
    return SubmitReport(
        out=str(out),
        rows=len(asked),
        images=len(wanted),
        schemes=dict(Counter(scheme.values())),
        clipped=int(((values < 0) | (values > limit)).sum()),
        score=None if answers is None else _score(kept, answers, asked, scheme),
    )


def _sources(run: CropModel, asked: set[str]) -> dict[str, tuple[str, ...]]:
    """The marking schemes that images may belong to: those of the run's training data, or the
    competition's if the points that are asked for are none of those that these mark."""
    marked = {base_name(name) for names in run.schemes.values() for name in names}
    known = {name for names in KAGGLE_SCHEMES.values() for name in names}
    return KAGGLE_SCHEMES if asked <= known and not asked <= marked else run.schemes


def _predict(
    run: CropModel, samples: Samples, asked: Sequence[_Asked], scheme: dict[int, str]
) -> NDArray[np.float64]:
    """The coordinate (R,) for each row asked for; `samples` in the order of `scheme`."""
    points = run.predict(samples.images).points
    names = tuple(dict.fromkeys(row.point for row in asked))
    want = LandmarkSet(names, mirrorable=False)
    table = np.zeros((len(samples), len(want), 2), dtype=np.float64)
    of_image = np.array(list(scheme.values()), dtype=object)
    for source in dict.fromkeys(scheme.values()):
        chosen = of_image == source
        table[chosen], _ = points_as_marked(points[chosen], run.landmarks, want, source)
    if not np.isfinite(table).all():
        raise RunError(
            "the run predicts values that are not numbers; its training went astray: "
            "train again, with a lower learning rate"
        )
    place = {image: number for number, image in enumerate(scheme)}
    column = {name: number for number, name in enumerate(names)}
    where = np.array([(place[row.image_id], column[row.point], row.axis) for row in asked])
    return table[where[:, 0], where[:, 1], where[:, 2]]


def _score(
    values: NDArray, answers: NDArray, asked: Sequence[_Asked], scheme: dict[int, str]
) -> Score:
    squares = (values - answers) ** 2

    def grouped(keys: Iterable[str]) -> dict[str, float]:
        groups: dict[str, list[float]] = defaultdict(list)
        for key, square in zip(keys, squares, strict=True):
            groups[key].append(square)
        return {key: math.sqrt(sum(group) / len(group)) for key, group in groups.items()}

    return Score(
        rmse=math.sqrt(squares.mean()),
        schemes=grouped(scheme[row.image_id] for row in asked),
        points=grouped(row.point for row in asked),
    )


def _check_features(
    have: LandmarkSet,
    known: LandmarkSet,
    asked: Sequence[_Asked],
    scheme: dict[int, str],
    lookup: Path,
) -> None:
    """Raises an error for the first coordinate that the run does not predict."""
    want = LandmarkSet(tuple(dict.fromkeys(row.point for row in asked)), mirrorable=False)
    able = {
        name: dict(zip(want.names, convertible_as_marked(have, want, name), strict=True))
        for name in set(scheme.values())
    }
    failed = next((row for row in asked if not able[scheme[row.image_id]][row.point]), None)
    if failed is None:
        return
    predicted = tuple(dict.fromkeys(map(base_name, have.names)))
    if failed.point in known.names:
        count = sum(row.point == failed.point for row in asked)
        raise RunError(
            f"the run does not predict '{failed.point}', which {lookup} asks for in {count} "
            f"rows; it predicts: {', '.join(predicted)}"
        )
    known_names = ", ".join(dict.fromkeys((*known.names, *predicted)))
    raise DataError(
        f"{lookup}: unknown feature name {failed.point + '_' + 'xy'[failed.axis]!r} "
        f"(RowId {failed.row_id}); expected _x or _y of: {known_names}"
    )


def _rows_of_images(
    samples: Samples, asked: Sequence[_Asked], test: Path, lookup: Path
) -> dict[int, int]:
    """Row in the test data for each image id."""
    rows: dict[int, int] = {}
    for row, name in enumerate(samples.names):
        image_id = _integer(str(name))
        if str(name) == f"row-{row + 1}":
            raise DataError(f"{test}: no column ImageId; expected the competition's test.csv")
        if image_id is None:
            raise DataError(f"{test}: expected a number in the column ImageId, found '{name}'")
        if rows.setdefault(image_id, row) != row:
            raise DataError(f"{test}: ImageId {image_id} is there more than once")
    absent = list(dict.fromkeys(r.image_id for r in asked if r.image_id not in rows))
    if absent:
        raise DataError(
            f"{lookup} asks for {len(absent)} images that {test} does not hold: "
            f"ImageId {_first(absent)}"
        )
    return rows


def _read_lookup(path: Path) -> list[_Asked]:
    asked = []
    seen: set[int] = set()
    columns = ("RowId", "ImageId", "FeatureName")
    for line, (row_text, image_text, feature) in _table(path, "idlookuptable", columns):
        row_id, image_id = _integer(row_text), _integer(image_text)
        if row_id is None or image_id is None:
            what, text = ("RowId", row_text) if row_id is None else ("ImageId", image_text)
            raise DataError(f"{path}, line {line}: {what} should be a whole number, is {text!r}")
        if row_id in seen:
            raise DataError(f"{path}, line {line}: RowId {row_id} is there more than once")
        if feature[-2:] not in _AXES or not feature[:-2]:
            raise DataError(
                f"{path}, line {line}: unknown feature name {feature!r}, expected the name of a "
                f"point with _x or _y, such as nose_tip_x"
            )
        seen.add(row_id)
        asked.append(_Asked(row_id, image_id, feature[:-2], _AXES[feature[-2:]]))
    return asked


def _read_answers(path: Path, asked: Sequence[_Asked]) -> NDArray[np.float64]:
    """True coordinates (R,) in the order of `asked`."""
    found: dict[int, float] = {}
    for line, (row_text, text) in _table(path, "solution", ("RowId", "Location")):
        row_id = _integer(row_text)
        if row_id is None:
            raise DataError(f"{path}, line {line}: RowId should be a whole number, is {row_text!r}")
        if row_id in found:
            raise DataError(f"{path}, line {line}: RowId {row_id} is there more than once")
        try:
            found[row_id] = float(text)
        except ValueError:
            found[row_id] = math.nan
        if not math.isfinite(found[row_id]):
            raise DataError(f"{path}, line {line}: Location should be a number, is {text!r}")
    wanted = [row.row_id for row in asked]
    missing = [row_id for row_id in wanted if row_id not in found]
    unknown = list(found.keys() - set(wanted))
    if missing or unknown:
        what, rows = ("lacks", missing) if missing else ("has", sorted(unknown))
        why = "that the lookup table asks for" if missing else "that the lookup table does not"
        raise DataError(f"{path} {what} {len(rows)} rows {why}: RowId {_first(rows)}")
    return np.array([found[row_id] for row_id in wanted])


def _table(path: Path, part: str, columns: Sequence[str]) -> list[tuple[int, list[str]]]:
    """Line number and the fields of `columns` for every row of a CSV file, plain or zipped.

    Byte order mark, CRLF, quotes and further columns are fine.
    """
    with open_table(path, part) as (stream, _):
        data = stream.read()
    try:
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        rows = [(reader.line_num, row) for row in reader if any(map(str.strip, row))]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} should be a CSV table and is not: {error}") from error
    if not rows:
        raise DataError(f"{path} is empty; expected a header with {', '.join(columns)}")
    header = [name.strip() for name in rows[0][1]]
    missing = [name for name in columns if name not in header]
    if missing:
        raise DataError(
            f"{path}: no column {', '.join(missing)}; its columns are {', '.join(header[:8])}"
        )
    if len(rows) == 1:
        raise DataError(f"{path} has a header and no rows")
    places = [header.index(name) for name in columns]
    table = []
    for line, row in rows[1:]:
        # the competition's own table leaves out the comma before an empty last field
        if not max(places) < len(row) <= len(header):
            raise DataError(
                f"{path}, line {line}: expected {len(header)} fields as in the header, "
                f"found {len(row)}"
            )
        table.append((line, [row[place].strip() for place in places]))
    return table


def _integer(text: str) -> int | None:
    """A whole number, also written as 7.0; None if it is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if value.is_integer() else None


def _first(ids: Sequence[int]) -> str:
    return ", ".join(map(str, ids[:5])) + (", ..." if len(ids) > 5 else "")
