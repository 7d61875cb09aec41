"""ONNX export of a run: one graph from gray crops to points, radius and score.

    facepoints export --model runs/first                  # writes runs/first/model.onnx
    facepoints export --model runs/first --out points.onnx

`inference.landmark_model` reads the file. `inference.model_metadata` documents its metadata.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facepoints._util.files import write_bytes
from facepoints.errors import MissingExtraError
from facepoints.inference.landmark_model import INPUT, OUTPUTS, VISIBLE
from facepoints.inference.model_metadata import ModelMetadata
from facepoints.models.networks import KeypointModel, RawOutput
from facepoints.models.onnx_edit import with_metadata
from facepoints.models.run import Run

__all__ = [
    "REFINEMENT_PASSES",
    "RunGraph",
    "check_installed",
    "export",
    "graph_of",
    "run_metadata",
    "traced",
]

REFINEMENT_PASSES = 1
"""Default number of refinement passes. A pass crops the face again by its landmarks and costs as
much as the first pass; it is worth it unless the crops were made by hand."""

_OPSET = 18  # the exporter's own; onnxruntime supports it since 1.14 (2023)


class RunGraph(nn.Module):
    """A run as one PyTorch module, with the same output as `Run.predict` for crops of its size.

    ``forward``: crops (B, H, W) uint8 to points (B, K, 2) and radius (B, K) in crop pixels, score
    (B,) in [0, 1], and from a run with visibility that, (B, K) in [0, 1]; float32.
    """

    index: Tensor
    weights: Tensor
    factors: Tensor
    hidden: Tensor

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.models = nn.ModuleList(member.model for member in run.members)
        self.parts = [[run.members.index(member) for member in part] for part in run.parts]
        self.mirror = run.mirror
        self.has_visibility = run.has_visibility
        for number, member in enumerate(run.members):
            swap = torch.from_numpy(member.landmarks.mirror) if run.mirror else torch.zeros(0)
            self.register_buffer(f"swap{number}", swap)
        matrix = torch.from_numpy(run.merge_matrix())
        # Where possible, columns are passed through or selected, not multiplied.
        self.is_identity = torch.equal(matrix, torch.eye(matrix.shape[1]))
        self.is_selection = bool(((matrix == 1).sum(1) == 1).all())
        self.register_buffer("index", matrix.argmax(1))
        self.register_buffer("weights", matrix)
        self.register_buffer("factors", torch.from_numpy(run.radius_factors))
        self.register_buffer("hidden", torch.from_numpy(run.hidden_radius))

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        images = crops[:, None]
        points, scales, scores, visible = [], [], [], []
        for numbers in self.parts:
            outputs = [self._output(number, images) for number in numbers]
            points.append(_mean([output.points for output in outputs]))
            scales.append(_mean([output.scale for output in outputs]))
            scores += [output.score for output in outputs]
            if self.has_visibility:
                visible.append(_mean([o.visible for o in outputs if o.visible is not None]))
        merged = self._merge(torch.cat(points, dim=1))
        scale = self._merge(torch.cat(scales, dim=1)[..., None])[..., 0]
        radius, score = scale * self.factors, _mean(scores)
        if not self.has_visibility:
            return merged, radius, score
        seen = self._merge(torch.cat(visible, dim=1)[..., None])[..., 0]
        return merged, radius + (1 - seen) * self.hidden, score, seen

    def _output(self, number: int, images: Tensor) -> RawOutput:
        model = self.models[number]
        assert isinstance(model, KeypointModel)
        if not self.mirror:
            return model(images)
        return model.predict_mirrored(images, self.get_buffer(f"swap{number}"))

    def _merge(self, columns: Tensor) -> Tensor:
        """Columns (B, k1 + k2 + ..., d) of all parts to the run's (B, K, d)."""
        if self.is_identity:
            return columns
        return columns[:, self.index] if self.is_selection else self.weights @ columns


def _mean(tensors: list[Tensor]) -> Tensor:
    return tensors[0] if len(tensors) == 1 else torch.stack(tensors).mean(0)


def check_installed() -> None:
    """Raises MissingExtraError if a package that the export needs is not installed."""
    for package in ("onnx", "onnxscript"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "train", "writing model.onnx")


def export(run: Run, path: Path, refinement_passes: int = REFINEMENT_PASSES) -> None:
    """Write a run as an ONNX file, atomically.

    Args:
        run: on the CPU.
        path: file to write.
        refinement_passes: how often a predictor crops again by the landmarks, 0 or more.

    Raises:
        MissingExtraError: facepoints[train] is not installed.
        WriteError: `path` cannot be written.
    """
    check_installed()
    write_bytes(path, with_metadata(graph_of(run), run_metadata(run, refinement_passes)))


def run_metadata(run: Run, refinement_passes: int = REFINEMENT_PASSES) -> dict[str, Any]:
    """The metadata that `with_metadata` writes beside the graph of a run."""
    return ModelMetadata(
        landmarks=run.landmarks,
        schemes=run.schemes,
        size=run.size,
        refinement_passes=refinement_passes,
        canonical_points=run.crop_rule.canonical_points,
        face_box=run.crop_rule.face_box,
        has_face_score=run.has_face_score,
        has_visibility=run.has_visibility,
        calibration=run.calibration,
    ).to_dict()


def graph_of(run: Run) -> Any:
    """The run as an `onnx.ModelProto`, for any number of crops."""
    example = torch.zeros(2, *run.size, dtype=torch.uint8)
    shapes = {0: torch.export.Dim("batch")}
    outputs: list[str] = [*OUTPUTS, VISIBLE] if run.has_visibility else [*OUTPUTS]
    return traced(RunGraph(run), example, shapes, [INPUT], outputs)


def traced(
    module: nn.Module,
    example: Tensor,
    shapes: dict[int, Any],
    inputs: list[str],
    outputs: list[str],
) -> Any:
    """A module with one input as an `onnx.ModelProto`.

    Args:
        module: to export; it is not changed.
        example: an input.
        shapes: variable dimensions of the input, for `torch.export`.
        inputs, outputs: their names.
    """
    # Tracing without gradients takes three quarters of the time.
    module = copy.deepcopy(module).eval().requires_grad_(False)
    with _quiet():
        program = torch.onnx.export(
            module,
            (example,),
            input_names=inputs,
            output_names=outputs,
            dynamic_shapes=(shapes,),
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _remove_origin(model)
    return model


def _remove_origin(model: Any) -> None:
    """Remove the source file and line of every node, which contain paths of this machine."""
    del model.graph.metadata_props[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.ClearField("doc_string")
    for values in (model.graph.input, model.graph.output, model.graph.value_info):
        for value in values:
            del value.metadata_props[:]
    for weights in model.graph.initializer:
        del weights.metadata_props[:]


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence torch.onnx warnings about optional packages and deprecations."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
