"""Everything that the page must know from Python, as one JSON document.

The page never repeats a number or a name of the Python code. It reads them here: `settings.json`,
which the server makes when it starts and `--export` writes. `SECTIONS` lists its parts; a new part
is a function and an entry.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from facepoints import weights
from facepoints._version import __version__
from facepoints.detection import LOW_SCORE_THRESHOLD, base, builtin, search, views
from facepoints.errors import ModelError
from facepoints.inference import duplicates, face_score, predictor
from facepoints.inference.cropping import FIRST_STEPS, REFINED_STEPS
from facepoints.inference.landmark_model import find_model_file
from facepoints.inference.landmark_weights import HIDDEN
from facepoints.inference.model_metadata import ModelMetadata
from facepoints.inference.refinement import CROP_CONFIG
from facepoints.landmarks.known_sets import KNOWN_SETS
from facepoints.landmarks.mean_face import MEAN_BOX
from facepoints.runtime.model_file import read_model_file
from facepoints.web.drawing_settings import drawing_settings
from facepoints.web.measure_settings import measure_settings
from facepoints.web.tracking_settings import tracking_settings

__all__ = ["DETECTOR_URL", "POINTS_URL", "SECTIONS", "page_settings", "settings_json"]

POINTS_URL = "models/points.onnx"
"""Address of the landmark model, relative to the page."""
DETECTOR_URL = "models/detector.onnx"
"""Address of the face detector, relative to the page."""

Section = Callable[[ModelMetadata], dict[str, Any]]


def _landmarks(model: ModelMetadata) -> dict[str, Any]:
    """Names of the K points; edges, mirror partners, eyes and regions as column numbers."""
    landmarks = model.landmarks
    known = (name for name, each in KNOWN_SETS.items() if each.names == landmarks.names)
    return {
        "set": next(known, list(landmarks.names)),  # as "landmarks" in a line of faces.jsonl
        "names": list(landmarks.names),
        "edges": [list(edge) for edge in landmarks.edge_columns],
        "mirror": landmarks.mirror.tolist() if landmarks.mirrorable else [],
        "eyes": list(landmarks.eye_columns),
        "regions": {name: landmarks.columns(names) for name, names in landmarks.regions.items()},
    }


def _model(model: ModelMetadata) -> dict[str, Any]:
    """Inputs and outputs of the landmark model; sizes in crop pixels."""
    known = model.to_dict()
    keys = (
        *("size", "refinement_passes", "canonical_points", "face_box"),
        *("has_face_score", "has_visibility", "calibration"),
    )
    return {key: known[key] for key in keys}


def _detector(model: ModelMetadata) -> dict[str, Any]:
    """Settings that run the built-in detector and read its output."""
    return {
        "side": builtin.SIDE,
        "min_score": LOW_SCORE_THRESHOLD,
        "strides": list(builtin.STRIDES),
        "mean_iou": builtin.MEAN_IOU,
        "mean_box": list(MEAN_BOX),
        "multiple": views.MULTIPLE,
        "tile": views.TILE,
        "tile_overlap": views.OVERLAP,
        "padding": views.PADDING,
        "resize_tolerance": views.RESIZE_TOLERANCE,
        "sure_score": search.SURE_SCORE,
        "hint_score": search.HINT_SCORE,
        "window": search.WINDOW,
        "same_iou": search.SAME_IOU,
        "same_overlap": search.SAME_OVERLAP,
        "merge_iou": base.MERGE_IOU,
        "merge_angle": base.MERGE_ANGLE,
        "search": asdict(search.SEARCH),
    }


def _predictor(model: ModelMetadata) -> dict[str, Any]:
    """Thresholds by which crops become faces."""
    return {
        "min_score": predictor.MIN_SCORE,
        "sure_detector": face_score.SURE_DETECTOR,
        "sure_of_small": face_score.SURE_OF_SMALL,
        "small_face": face_score.SMALL_FACE,
        "detector_weight": face_score.DETECTOR_WEIGHT,
        "hope": face_score.HOPE,
        "unsure": list(face_score.UNSURE),
        "hidden": HIDDEN,
        "same_overlap": duplicates.SAME_OVERLAP,
        "turned_overlap": duplicates.TURNED_OVERLAP,
        "turned": duplicates.TURNED,
    }


def _crop(model: ModelMetadata) -> dict[str, Any]:
    """When a crop is refined (`CropConfig`), the visibility below which a landmark is hidden, and
    the steps that crops are rounded to."""
    steps = {"first_steps": asdict(FIRST_STEPS), "refined_steps": asdict(REFINED_STEPS)}
    return {**asdict(CROP_CONFIG), "hidden": HIDDEN, **steps}


SECTIONS: dict[str, Section] = {
    "landmarks": _landmarks,
    "model": _model,
    "detector": _detector,
    "predictor": _predictor,
    "crop": _crop,
    "measures": measure_settings,
    "drawing": drawing_settings,
    "tracking": tracking_settings,
}
"""The parts of the settings, each a function of the landmark model's metadata."""


def page_settings(model: str | Path = weights.BUILTIN) -> dict[str, Any]:
    """The settings of the page, JSON-ready.

    Args:
        model: "builtin", an ONNX file, or a run folder that holds model.onnx.

    Returns:
        "version" of facepoints; "models", the address and checksum of both ONNX files; and a part
        for each of `SECTIONS`.

    Raises:
        ModelError: the file is missing, damaged, newer or not a landmark model of facepoints.
    """
    path = find_model_file(model)
    metadata, _ = read_model_file(path)
    detector, _ = read_model_file(weights.DETECTOR)
    if metadata is None or "kind" in metadata or detector is None:
        raise ModelError(f"{path} is not a landmark model of facepoints; name another file")
    described = ModelMetadata.from_dict(metadata, str(path))
    return {
        "version": __version__,
        "models": {
            "points": {"url": POINTS_URL, "checksum": metadata["checksum"]},
            "detector": {"url": DETECTOR_URL, "checksum": detector["checksum"]},
        },
        **{name: section(described) for name, section in SECTIONS.items()},
    }


def settings_json(model: str | Path = weights.BUILTIN) -> str:
    """The settings of the page as the text of `settings.json`.

    Raises:
        ModelError: see `page_settings`.
    """
    return json.dumps(page_settings(model), allow_nan=False)
