"""Writes a submission for Kaggle's Facial Keypoints Detection, and scores it offline.

Each row of the lookup table (IdLookupTable.csv) requests one coordinate of one image, by the name
of its feature. Each image is predicted in the marking scheme that has its requested points: an
image with requests for only eyes, nose and lip was marked by the 4-point scheme.
Format: https://www.kaggle.com/c/facial-keypoints-detection/data
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facepoints import weights
from facepoints._util import files
from facepoints.commands.submit_sources import choose_sources, warn_of_fallback
from facepoints.commands.submit_tables import (
    LookupRow,
    first_ids,
    read_lookup,
    read_solution,
    whole_number,
)
from facepoints.datasets import readers
from facepoints.datasets.marking_schemes import (
    convertible_as_marked,
    points_as_marked,
)
from facepoints.datasets.samples import Samples
from facepoints.detection import FullImageDetector
from facepoints.errors import DataError, RunError
from facepoints.inference.crop_predictor import CropModel
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.landmarks.landmark_set import LandmarkSet, base_name
from facepoints.models.loading import select_crop_model

if TYPE_CHECKING:
    from facepoints.models.run import Run

__all__ = ["FRAME", "Score", "SubmitReport", "submit"]

FRAME = FullImageDetector(part=0.87, down=0.17)
"""Place of the face in the competition's images. In the 7,049 labeled rows, the eye centers are
36.2 px of 96 apart and 37.6 px from the top; this places the mean face of 68 points there."""


@dataclass(frozen=True)
class Score:
    """RMSE in pixels against true coordinates, as the competition computes it.

    Attributes:
        rmse: over all rows.
        schemes: over the rows of each marking scheme.
        points: over the rows of each point.
    """

    rmse: float
    schemes: dict[str, float]
    points: dict[str, float]


@dataclass(frozen=True)
class SubmitReport:
    """Content of a submission.

    Attributes:
        out: the file written.
        rows: number of coordinates.
        images: number of their images.
        schemes: number of images predicted in each marking scheme.
        clipped: number of coordinates outside the image, which were moved to its border.
        score: see `Score`; None without true coordinates.
        builtin: number of coordinates that the built-in model predicted, because the model's
            training rows never showed their point in their marking scheme.
    """

    out: str
    rows: int
    images: int
    schemes: dict[str, int]
    clipped: int
    score: Score | None = None
    builtin: int = 0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)


def submit(
    model: Run | LandmarkModel, test: Path, lookup: Path, out: Path, *, score: Path | None = None
) -> SubmitReport:
    """Write the coordinates that a lookup table requests.

    A run that was trained on the requested points predicts on each image as it is. A model with
    other points, such as the built-in one, predicts on a crop of the face, and the requested
    points are computed from its points (`models.loading.select_crop_model`). Points that the
    run's training rows never showed, or not in the marking scheme of an image, come from the
    built-in model, with a `DataWarning` (`submit_sources`).

    Values are clipped to the centers of the first and last pixel, [0, side - 1], since the
    competition gives points "in the space of pixel indices". (Ten of its 108,000 labels lie
    outside, by less than a pixel.)

    Args:
        model: a run or a landmark model.
        test: table ``ImageId,Image``, plain or zipped.
        lookup: table ``RowId,ImageId,FeatureName``, plain or zipped.
        out: file for ``RowId,Location``, with every row of `lookup` in its order; written whole
            or not at all.
        score: table ``RowId,Location`` of true coordinates to score against; None: no score.

    Raises:
        DataError: a table cannot be used, or the tables do not fit each other.
        RunError: the model does not predict a requested point.
        WriteError: `out` cannot be written, or is one of the tables.
    """
    files.check_output(out, [test, lookup] if score is None else [test, lookup, score])
    requests = read_lookup(lookup)
    truth = read_solution(score, requests) if score is not None else None
    samples = readers.load(test, split="test")
    requested: dict[int, set[str]] = defaultdict(set)
    for row in requests:
        requested[row.image_id].add(row.point)
    points = {row.point for row in requests}
    sources = choose_sources(model.landmarks, model.schemes, requested)
    own = [row for row in requests if sources.is_own(row.image_id, row.point)]
    crop_model = select_crop_model(model, {row.point for row in own}, FRAME)
    scheme = sources.schemes
    own_scheme = {image: sources.own.get(name, name) for image, name in scheme.items()}
    if own:
        _check_points(crop_model.landmarks, samples.landmarks, own, own_scheme, lookup)
    rows = _rows_of_images(samples, requests, test, lookup)
    faces = samples.take([rows[i] for i in scheme])
    values = np.zeros(len(requests))
    is_own = np.array([sources.is_own(row.image_id, row.point) for row in requests])
    if own:
        values[is_own] = _predict(crop_model, faces, own, own_scheme)
    if not is_own.all():
        warn_of_fallback(sources, requested)
        builtin = select_crop_model(LandmarkModel.load(weights.BUILTIN), points, FRAME)
        others = [row for row, has in zip(requests, is_own, strict=True) if not has]
        values[~is_own] = _predict(builtin, faces, others, scheme)
    height, width = samples.size
    limit = np.array([(width - 1, height - 1)[row.axis] for row in requests])
    clipped = np.clip(values, 0, limit).round(6)
    lines = [f"{row.row_id},{value:.6f}\n" for row, value in zip(requests, clipped, strict=True)]
    files.write_text(out, "RowId,Location\n" + "".join(lines))
    return SubmitReport(
        out=str(out),
        rows=len(requests),
        images=len(requested),
        schemes=dict(Counter(scheme.values())),
        clipped=int(((values < 0) | (values > limit)).sum()),
        score=None if truth is None else _score(clipped, truth, requests, scheme),
        builtin=int((~is_own).sum()),
    )


def _predict(
    model: CropModel, samples: Samples, requests: Sequence[LookupRow], scheme: dict[int, str]
) -> NDArray[np.float64]:
    """Predict the coordinate (R,) of each request. `samples` are in the order of `scheme`."""
    points = model.predict(samples.images).points
    names = tuple(dict.fromkeys(row.point for row in requests))
    want = LandmarkSet(names, mirrorable=False)
    table = np.zeros((len(samples), len(want), 2), dtype=np.float64)
    of_image = np.array(list(scheme.values()), dtype=object)
    for name in dict.fromkeys(scheme.values()):
        chosen = of_image == name
        table[chosen], _ = points_as_marked(points[chosen], model.landmarks, want, name)
    if not np.isfinite(table).all():
        raise RunError(
            "the run predicts values that are not finite, since its training diverged; "
            "train again, with a lower learning rate"
        )
    row_of = {image: number for number, image in enumerate(scheme)}
    column_of = {name: number for number, name in enumerate(names)}
    index = np.array([(row_of[r.image_id], column_of[r.point], r.axis) for r in requests])
    return table[index[:, 0], index[:, 1], index[:, 2]]


def _score(
    values: NDArray, truth: NDArray, requests: Sequence[LookupRow], scheme: dict[int, str]
) -> Score:
    squares = (values - truth) ** 2

    def grouped(keys: Iterable[str]) -> dict[str, float]:
        groups: dict[str, list[float]] = defaultdict(list)
        for key, square in zip(keys, squares, strict=True):
            groups[key].append(square)
        return {key: math.sqrt(sum(group) / len(group)) for key, group in groups.items()}

    return Score(
        rmse=math.sqrt(squares.mean()),
        schemes=grouped(scheme[row.image_id] for row in requests),
        points=grouped(row.point for row in requests),
    )


def _check_points(
    have: LandmarkSet,
    known: LandmarkSet,
    requests: Sequence[LookupRow],
    scheme: dict[int, str],
    lookup: Path,
) -> None:
    """Check that the model predicts all requested points. Raises RunError or DataError."""
    want = LandmarkSet(tuple(dict.fromkeys(row.point for row in requests)), mirrorable=False)
    can_predict = {
        name: dict(zip(want.names, convertible_as_marked(have, want, name), strict=True))
        for name in set(scheme.values())
    }
    failed = next(
        (row for row in requests if not can_predict[scheme[row.image_id]][row.point]), None
    )
    if failed is None:
        return
    predicted = tuple(dict.fromkeys(map(base_name, have.names)))
    if failed.point in known.names:
        count = sum(row.point == failed.point for row in requests)
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
    samples: Samples, requests: Sequence[LookupRow], test: Path, lookup: Path
) -> dict[int, int]:
    """The row of the test data that holds each image, by image id."""
    rows: dict[int, int] = {}
    for row, name in enumerate(samples.names):
        image_id = whole_number(str(name))
        if str(name) == f"row-{row + 1}":
            raise DataError(f"{test}: no column ImageId; expected the competition's test.csv")
        if image_id is None:
            raise DataError(f"{test}: expected a number in the column ImageId, found '{name}'")
        if rows.setdefault(image_id, row) != row:
            raise DataError(f"{test}: ImageId {image_id} is there more than once")
    absent = list(dict.fromkeys(r.image_id for r in requests if r.image_id not in rows))
    if absent:
        raise DataError(
            f"{lookup} asks for {len(absent)} images that {test} does not hold: "
            f"ImageId {first_ids(absent)}"
        )
    return rows
