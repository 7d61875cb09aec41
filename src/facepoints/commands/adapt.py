"""Fits a model to another marking scheme with a few labeled faces.

    facepoints adapt my-labels/ --out mine.onnx

Nothing is trained. The model predicts the landmarks of the labeled faces, the labeled points are
computed from them (`marking_schemes.scheme_matrix`), and the mean difference to the labels is
added to each point as a constant offset. The offset is in pixels of the upright crop, so it
rotates and scales with the face. Matrix and offset become part of the graph, after the networks,
so any program that reads the old file reads the new one. PyTorch is not needed, only the package
onnx.

A mean over few faces is uncertain. An uncertain mean is shrunk towards 0 (empirical Bayes,
Efron & Morris 1973, doi:10.1080/01621459.1973.10481350), so one face does no harm and a hundred
faces count in full. Labels far from all others are left out: there the model missed the face, or
the label is wrong. A scale along each axis, for the whole face or for each point, did not reduce
the error on other faces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facepoints import weights
from facepoints._util import files
from facepoints._util.robust import MEDIAN_TO_STD
from facepoints.commands.model_output import check_model_output
from facepoints.datasets import procrustes, readers
from facepoints.datasets.combine import concatenate
from facepoints.datasets.fixes import Fix
from facepoints.datasets.load import dataset_paths, warn_of_names
from facepoints.datasets.marking_schemes import (
    convertible_as_marked,
    in_scheme_columns,
    points_by_scheme,
    scheme_columns,
    scheme_matrix,
    widest_scheme,
)
from facepoints.datasets.mending import fixes_of_sets, mend_read
from facepoints.datasets.people import rows_of_people, warn_of_nobody
from facepoints.datasets.renames import check_renames, read_renames, renamed
from facepoints.datasets.samples import Photos, Samples
from facepoints.detection import Detection
from facepoints.errors import DataError
from facepoints.evaluation.calibration import radius_factors
from facepoints.imaging import affine
from facepoints.inference.cropping import FaceCrop
from facepoints.inference.landmark_model import LandmarkModel, find_model_file
from facepoints.inference.refinement import predict_refined
from facepoints.models.onnx_edit import Adaptation, apply_adaptation, check_onnx

__all__ = ["AdaptReport", "adapt", "mean_gaps"]

_FOLDS = 50  # at most, of the cross-validation; fewer faces are left out one by one
_FAR = 4.0  # robust standard deviations beyond which a label is left out


@dataclass(frozen=True)
class AdaptReport:
    """The data and the errors of an adaptation.

    Attributes:
        out: the file written.
        points: the points of the new model.
        faces: number of labeled faces that it was fitted on.
        left_out: number of faces with fewer than two labeled points that the model can give.
        unknown: labeled points that cannot be computed from the model's points.
        before, after: mean distance of predictions and labels without and with the offset, in
            sizes of the face (the longer side of the box of its 68 points). `after` is
            measured by cross-validation, on faces that the offset was not fitted on.
    """

    out: str
    points: tuple[str, ...]
    faces: int
    left_out: int
    unknown: tuple[str, ...]
    before: float
    after: float


def adapt(
    data: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    model: str | Path = weights.BUILTIN,
    split: str = "training",
    exclude_people: str | Path | None = None,
    rename: str | Path | Mapping[str, str] | None = None,
    fixes: str | Path | Sequence[Fix] | None = None,
    device: str = "cpu",
) -> AdaptReport:
    """Write a model that predicts points where the labels of some labeled faces place them.

    Args:
        data: one file or folder of labeled faces, or several, in any format of
            `readers.READERS`.
        out: ONNX file to write.
        model: "builtin", an ONNX file, or a run folder with one.
        split: "training" or "test", for data sets that hold both.
        exclude_people: text file with people to leave out; None: nobody is left out.
        rename: new names of points, as for `load_dataset`; None: names are kept.
        fixes: changes of the labels, as for `load_dataset`; None: labels are as they are.
        device: that the model runs on to fit it: "cpu", "cuda", "cuda:N", "tensorrt" or "auto".

    Raises:
        DataError: a data set cannot be read, or has no face with two labeled points that can
            be computed from the model's points.
        ModelError: the model is missing, damaged or newer.
        MissingExtraError: the package onnx is not installed.
        SettingsError: `out` does not end in .onnx.
        WriteError: `out` cannot be written, or is one of the inputs.
    """
    check_onnx()
    paths = dataset_paths(data)
    out, path = Path(out), find_model_file(model)
    check_model_output(out, [*paths, path])
    landmarker = LandmarkModel.load(model, device)
    mends = fixes_of_sets(fixes, paths)
    read = [
        mend_read(readers.read(one, split=split), listed, one.name)
        for one, listed in zip(paths, mends, strict=True)
    ]
    names = read_renames(rename)
    check_renames(names, [one.landmarks for one in read])
    excluded = [np.zeros(len(one), dtype=bool) for one in read]
    if exclude_people is not None:
        excluded = [rows_of_people(Path(exclude_people), one.group) for one in read]
        if not any(rows.any() for rows in excluded):
            warn_of_nobody(Path(exclude_people), np.concatenate([one.group for one in read]))
    sets = [
        _fitting(path, renamed(one, names), landmarker, left_out)
        for path, one, left_out in zip(paths, read, excluded, strict=True)
    ]
    faces = concatenate([one.faces for one in sets])
    marked = points_by_scheme(faces)
    columns = scheme_columns(faces.landmarks, marked) if len(marked) > 1 else faces.landmarks
    mix, _ = scheme_matrix(landmarker.landmarks, columns, widest_scheme(marked))
    faces = in_scheme_columns(faces, columns)
    gaps, radius = _gaps(landmarker, faces, mix)
    validated = gaps - _validation_offsets(gaps, faces)
    offset = mean_gaps(gaps, faces.labelled).astype(np.float32)
    # without labels the radius of the model is right: factor 1
    ratio = np.linalg.norm(validated, axis=-1) / np.maximum(radius, 1e-6)
    factors = np.array(radius_factors(ratio, faces.labelled, columns, prior=1.0), np.float32)
    change = Adaptation(columns, faces.schemes, mix, offset, factors, len(faces))
    files.write_bytes(out, apply_adaptation(path, change))
    size = max(landmarker.face_box[2:])
    return AdaptReport(
        out=str(out),
        points=columns.names,
        faces=len(faces),
        left_out=sum(one.left_out for one in sets),
        unknown=tuple(dict.fromkeys(name for one in sets for name in one.unknown)),
        before=_distance(gaps, faces.labelled) / size,
        after=_distance(validated, faces.labelled) / size,
    )


class _DataSet(NamedTuple):
    """Labeled faces of one data set, with only the points that the model can predict."""

    faces: Samples
    left_out: int
    unknown: tuple[str, ...]


def _fitting(
    path: Path, data: Samples | Photos, model: LandmarkModel, excluded: NDArray[np.bool_]
) -> _DataSet:
    """The faces with at least two labeled points that the model can predict, without the rows
    (N,) that are `excluded`.

    Photos are cut into upright crops that are larger than the model's. Raises DataError if there
    is no such face.
    """
    warn_of_names(path, data.landmarks)
    names = data.landmarks.names
    able = convertible_as_marked(model.landmarks, data.landmarks, "")
    known = data.landmarks.subset([n for n, a in zip(names, able, strict=True) if a] or names)
    index = data.landmarks.columns(known.names)
    labelled = data.labelled[:, index] & able.any()
    rows = np.flatnonzero((labelled.sum(axis=1) > 1) & ~excluded)
    if not len(rows):
        raise DataError(
            f"{path}: no face with two labeled points that this model can give; the labels are "
            f"{', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"
        )
    if isinstance(data, Samples):
        faces = data.select(known.names).take(rows)
    else:
        mask = np.isin(np.arange(len(data)), rows)[:, None]
        photos = replace(
            data,
            points=data.points[:, index],
            labelled=data.labelled[:, index] & mask,
            landmarks=known,
        )
        mix, _ = scheme_matrix(model.landmarks, known, "")
        side = max(model.size)
        canonical = mix.astype(np.float64) @ model.canonical_points
        shape = (canonical - (side - 1) / 2) / side
        faces = procrustes.align_crops(photos, shape, 2 * side, 1.5 * side)
    unknown = tuple(n for n, a in zip(names, able, strict=True) if not a)
    return _DataSet(faces, int((~excluded).sum()) - len(rows), unknown)


def _gaps(
    model: LandmarkModel, faces: Samples, mix: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Labels minus predictions (N, K, 2), and predicted radii (N, K), in crop pixels.

    The initial crops are cut by the labels, so errors of a face detector have no influence. The
    crops are always refined, because in use the model does not get labels.
    """
    target = mix.astype(np.float64) @ model.canonical_points
    crops = []
    for row, (points, mask) in enumerate(zip(faces.points, faces.labelled, strict=True)):
        matrix = affine.fit_similarity(points[mask], target[mask])
        crops.append(FaceCrop(row, Detection((0.0, 0.0, 1.0, 1.0)), matrix))
    crops, output = predict_refined(model, list(faces.images), crops, min_score=0.0, always=True)
    gaps = np.zeros(faces.points.shape)
    radius = np.zeros(faces.labelled.shape)
    for row, crop in enumerate(crops):
        predicted = affine.apply(crop.matrix, output.points[row])
        gaps[row] = affine.apply(crop.matrix, faces.points[row]) - mix @ predicted
        scale = np.hypot(*crop.matrix[:, 0])
        radius[row] = scale * np.sqrt(mix @ output.radius[row] ** 2)
    return gaps, radius


def mean_gaps(gaps: NDArray[np.float64], labelled: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The offset of every column: its mean gap, shrunk towards 0 if it is uncertain.

    Args:
        gaps: (N, K, 2) labels minus predictions.
        labelled: (N, K).

    Returns:
        (K, 2), 0 for columns without a label.
    """
    columns, axes = gaps.shape[1:]
    means, noise = np.zeros((columns, axes)), np.full((columns, axes), np.inf)
    for column in range(columns):
        for axis in range(axes):
            values = _without_outliers(gaps[labelled[:, column], column, axis])
            if len(values):
                means[column, axis] = values.mean()
                # One or two values have no reliable variance: their mean square is an upper bound.
                variance = values.var(ddof=1) if len(values) > 2 else np.square(values).mean()
                noise[column, axis] = max(variance, 1e-6) / len(values)
    some = np.isfinite(noise)
    if not some.any():
        return means
    real = max(float((means[some] ** 2 - noise[some]).mean()), 0.0)  # variance of true offsets
    return means * real / (real + noise)


def _without_outliers(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Drop values (n,) that are far from their median."""
    if len(values) <= 4:
        return values
    away = np.abs(values - np.median(values))
    return values[away <= _FAR * MEDIAN_TO_STD * np.median(away) + 1e-9]


def _validation_offsets(gaps: NDArray[np.float64], faces: Samples) -> NDArray[np.float64]:
    """For cross-validation: offsets (N, K, 2) for each face, fitted on other people's faces."""
    _, person = np.unique(faces.group, return_inverse=True)
    fold = (person if person.max() else np.arange(len(faces))) % _FOLDS
    offsets = np.zeros_like(gaps)
    for number in np.unique(fold):
        out = fold == number
        offsets[out] = mean_gaps(gaps[~out], faces.labelled[~out])
    return offsets


def _distance(gaps: NDArray[np.float64], labelled: NDArray[np.bool_]) -> float:
    return float(np.linalg.norm(gaps[labelled], axis=-1).mean())
