"""Settings of the page to measure faces: definitions, factors and the mean head."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from facepoints.inference.landmark_weights import HIDDEN, LEAST_VISIBLE
from facepoints.inference.model_metadata import ModelMetadata
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.measurement import CONVENTIONS, MEASURES, Convention
from facepoints.measurement.convention_factors import BIAS, FACTORS, SCATTER
from facepoints.measurement.definitions import DEFINITIONS
from facepoints.measurement.descriptions import DESCRIPTIONS
from facepoints.measurement.head_position import MM_PER_UNIT
from facepoints.measurement.pose import MIN_POINTS, PROFILE_STD, PROFILE_YAW, head_points
from facepoints.measurement.pose_factors import LEVEL_PITCH, MODEL_RADIUS, MODEL_YAWS, SLOPES
from facepoints.measurement.radius_factors import RADIUS_FACTORS, SYSTEMATIC
from facepoints.measurement.symmetry import MAX_ANGLE, MAX_HIDDEN, symmetric_pairs
from facepoints.reports.dictionary import SOURCES

__all__ = ["measure_settings"]


def measure_settings(model: ModelMetadata) -> dict[str, Any]:
    """The part "measures" of the page's settings, JSON-ready.

    Returns:
        landmarks: names of the K points of the model.
        names: all measures, in the order of table columns.
        definitions: for each measure its meaning, source, unit, what its radius means, and its
            points by name; and for a measure that is a formula of points, the name of the formula,
            the columns of the points, and `relative` and `across` of `Definition`. columns is
            None where the model lacks one.
        sources: what the letters in the sources stand for.
        radius_factors: factor on the random part of each radius.
        systematic: its other part; a fraction of the value where the definition is relative.
        conventions: by name, a title, and for each measure that the data set marks its bias, and
            the factor and the other part of its radius (`convention_factors`).
        hidden: visibility below which a point is hidden.
        mean_head: points (K, 3), std (K,) and fixed (K,), as `pose.head_points` returns them, and
            millimeters per unit.
        pose: the numbers of `pose_factors`, the smallest number of points, the yaw that a hidden
            half of a face tells, and the least visibility that a point counts with.
        symmetry: columns of the points that have a mirror partner, the index of each one's
            partner among them, the largest angle of the head in degrees, and the largest share of
            hidden points.
    """
    landmarks = model.landmarks
    shape, std, fixed = head_points(landmarks)
    return {
        "landmarks": list(landmarks.names),
        "names": list(MEASURES),
        "definitions": {name: _definition(name, landmarks) for name in MEASURES},
        "sources": dict(SOURCES),
        "radius_factors": dict(RADIUS_FACTORS),
        "systematic": dict(SYSTEMATIC),
        "conventions": {name: _convention(name) for name in CONVENTIONS},
        "hidden": HIDDEN,
        "mean_head": {
            "points": shape.tolist(),
            "std": std.tolist(),
            "fixed": fixed.tolist(),
            "mm_per_unit": MM_PER_UNIT,
        },
        "pose": {
            "slopes": dict(SLOPES),
            "level_pitch": LEVEL_PITCH,
            "model_yaws": list(MODEL_YAWS),
            "model_radius": {name: list(radii) for name, radii in MODEL_RADIUS.items()},
            "min_points": MIN_POINTS,
            "profile_yaw": PROFILE_YAW,
            "profile_std": PROFILE_STD,
            "least_visible": LEAST_VISIBLE,
        },
        "symmetry": _symmetry(landmarks),
    }


def _convention(name: Convention) -> dict[str, Any]:
    return {
        "title": CONVENTIONS[name].partition(",")[0],
        "bias": dict(BIAS[name]),
        "factors": dict(FACTORS[name]),
        "scatter": dict(SCATTER[name]),
    }


def _definition(name: str, landmarks: LandmarkSet) -> dict[str, Any]:
    described = {
        **asdict(DESCRIPTIONS[name]),
        "points": list(DESCRIPTIONS[name].points),
    }
    if name not in DEFINITIONS:
        return described
    definition = DEFINITIONS[name]
    known = set(landmarks.names).issuperset(definition.points)
    return {
        **described,
        "relative": definition.relative,
        "across": definition.across,
        "formula": definition.function.__name__.lstrip("_"),
        "columns": landmarks.columns(definition.points) if known else None,
    }


def _symmetry(landmarks: LandmarkSet) -> dict[str, Any]:
    columns, partners = [], []
    if landmarks.mirrorable:
        columns, partners = (array.tolist() for array in symmetric_pairs(landmarks))
    return {
        "columns": columns,
        "partners": partners,
        "max_angle": MAX_ANGLE,
        "max_hidden": MAX_HIDDEN,
    }
