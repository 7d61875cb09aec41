"""Writes ONNX model files: adds metadata and a checksum, and adapts a model to other landmarks.

Needs the package onnx, not PyTorch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepoints._version import __version__
from facepoints.errors import MissingExtraError
from facepoints.inference.landmark_model import OUTPUTS, VISIBLE, LandmarkModel
from facepoints.inference.model_metadata import ModelMetadata
from facepoints.inference.radius_calibration import Calibration
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.runtime.model_file import FORMAT, PROPERTY, checksum

__all__ = ["Adaptation", "apply_adaptation", "check_onnx", "with_metadata"]


@dataclass(frozen=True)
class Adaptation:
    """A linear map from a model's k points to K new points.

    New points are ``mix @ points + offset``. New radii are the weighted root mean square of the old
    radii, times a factor. A new point is as visible as the least visible old point in its mix.

    Attributes:
        landmarks: the K new points.
        schemes: marking schemes of the data that it was fitted on, each with the names of its
            landmarks.
        mix: (K, k) weights; each row sums to 1.
        offset: (K, 2) in crop pixels.
        factors: (K,) over 0, by which the new radii are multiplied.
        rows: number of faces that it was fitted on.
    """

    landmarks: LandmarkSet
    schemes: dict[str, tuple[str, ...]]
    mix: NDArray[np.float32]
    offset: NDArray[np.float32]
    factors: NDArray[np.float32]
    rows: int


def check_onnx() -> None:
    """Raises MissingExtraError if the package onnx is not installed."""
    if find_spec("onnx") is None:
        raise MissingExtraError("onnx", "adapt", "writing a model file")


def with_metadata(model: Any, metadata: dict[str, Any]) -> bytes:
    """The contents of a model file: an ONNX model with metadata and a checksum.

    Args:
        model: an `onnx.ModelProto`; its properties are replaced.
        header: the metadata without format, version and checksum.
    """
    import onnx

    whole = {"format": FORMAT, "facepoints": __version__, **metadata, "checksum": "0" * 64}
    onnx.helper.set_model_props(model, {PROPERTY: json.dumps(whole, allow_nan=False)})
    data = model.SerializeToString(deterministic=True)
    zeros, digits = (f'"checksum": "{text}"'.encode() for text in ("0" * 64, checksum(data)))
    return data.replace(zeros, digits)


def apply_adaptation(path: Path, change: Adaptation) -> bytes:
    """Adapt a model file to other landmarks.

    The adaptation is appended to the graph, so every program that runs the file applies it.

    Args:
        path: model file to adapt.
        change: the adaptation.

    Returns:
        Contents of the new model file.

    Raises:
        MissingExtraError: the package onnx is not installed.
        ModelError: the model is missing, damaged or newer.
    """
    check_onnx()
    import onnx

    model = LandmarkModel.load(path)
    proto = onnx.load(path)
    names = [*OUTPUTS[:2], VISIBLE] if model.has_visibility else OUTPUTS[:2]
    before = {name: f"{name}_before_{_changes(model)}" for name in names}
    _rename(proto.graph, before)
    _append(proto.graph, before, change)
    if model.has_visibility:
        _append_visibility(proto.graph, before[VISIBLE], change)
    for output in proto.graph.output:
        if output.name in before:
            output.type.tensor_type.shape.dim[1].dim_value = len(change.landmarks)
    onnx.checker.check_model(proto)
    return with_metadata(proto, _metadata(model, change).to_dict())


def _changes(model: LandmarkModel) -> int:
    """Number of times that a model was adapted before. It makes the names in the graph unique."""
    return int((model.metadata.adapted or {}).get("changes", 0))


def _metadata(model: LandmarkModel, change: Adaptation) -> ModelMetadata:
    """The metadata of the adapted model."""
    before = model.metadata
    return replace(
        before,
        landmarks=change.landmarks,
        schemes=change.schemes,
        canonical_points=change.mix @ before.canonical_points + change.offset,
        # The factors apply to the radius of the model before the adaptation.
        calibration=Calibration(
            factors=tuple(np.round(change.factors.astype(float), 4).tolist()),
            rows=change.rows,
            calibrated=True,
            coverage=before.calibration.coverage,
        ),
        adapted={
            "changes": _changes(model) + 1,
            "of": model.checksum,
            "rows": change.rows,
            "offset": np.round(change.offset.astype(float), 4).tolist(),
        },
    )


def _rename(graph: Any, names: dict[str, str]) -> None:
    """Rename values inside a graph. The names of its outputs stay."""
    for node in graph.node:
        for values in (node.input, node.output):
            for index, name in enumerate(values):
                values[index] = names.get(name, name)
    kept = [value for value in graph.value_info if value.name not in names]
    del graph.value_info[:]
    graph.value_info.extend(kept)


def _append(graph: Any, before: dict[str, str], change: Adaptation) -> None:
    """Append the nodes of an adaptation. Their inputs are the renamed points and radii."""
    from onnx import helper, numpy_helper

    points, radius = (before[name] for name in OUTPUTS[:2])
    arrays = {
        f"{points}_mix": change.mix,
        f"{points}_offset": change.offset,
        f"{radius}_mix": np.ascontiguousarray(change.mix.T),
        f"{radius}_factors": change.factors,
    }
    graph.initializer.extend(
        numpy_helper.from_array(np.asarray(array, dtype=np.float32), name)
        for name, array in arrays.items()
    )
    steps = (
        # operator, inputs, output
        ("MatMul", [f"{points}_mix", points], f"{points}_mixed"),
        ("Add", [f"{points}_mixed", f"{points}_offset"], OUTPUTS[0]),
        ("Mul", [radius, radius], f"{radius}_squared"),
        ("MatMul", [f"{radius}_squared", f"{radius}_mix"], f"{radius}_mixed"),
        ("Sqrt", [f"{radius}_mixed"], f"{radius}_root"),
        ("Mul", [f"{radius}_root", f"{radius}_factors"], OUTPUTS[1]),
    )
    graph.node.extend(helper.make_node(kind, inputs, [output]) for kind, inputs, output in steps)


def _append_visibility(graph: Any, visible: str, change: Adaptation) -> None:
    """Append the nodes that give the visibility of the new points (operator set 18)."""
    from onnx import helper, numpy_helper

    arrays = {
        # 0 for the parts of a point, and more than any visibility for the other old points
        f"{visible}_others": np.where(change.mix != 0, 0, 2).astype(np.float32),
        f"{visible}_rows": np.array([1], np.int64),
        f"{visible}_parts": np.array([2], np.int64),
    }
    graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in arrays.items())
    others, rows, parts = arrays
    node = helper.make_node
    graph.node.extend(
        [
            node("Unsqueeze", [visible, rows], [f"{visible}_row"]),
            node("Add", [f"{visible}_row", others], [f"{visible}_of_parts"]),
            node("ReduceMin", [f"{visible}_of_parts", parts], [VISIBLE], keepdims=0),
        ]
    )
