"""The ONNX file of a run: one graph from the crops' gray values to points, radius and score.

    facepoints export runs/first                          # writes runs/first/model.onnx
    facepoints export runs/first --out points.onnx

`onnx_model` reads it and says what is in it.
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

import numpy as np
import torch
from torch import Tensor, nn

from facepoints._util.files import write_bytes
from facepoints.errors import MissingExtraError
from facepoints.inference.landmark_model import INPUT, OUTPUTS
from facepoints.inference.model_metadata import ModelMetadata
from facepoints.models.ensemble import merge_columns
from facepoints.models.networks import KeypointModel
from facepoints.models.onnx_edit import seal
from facepoints.models.run import Run

__all__ = [
    "REFINEMENT_PASSES",
    "RunGraph",
    "check_installed",
    "export",
    "graph_of",
    "run_metadata",
    "seal",
    "traced",
]

REFINEMENT_PASSES = 1
"""A second look, at the face turned and scaled by the first answer, costs as much again and
is worth it wherever the crops are not cut by hand."""

_OPSET = 18  # the exporter's own; onnxruntime runs it since 1.14 (2023)


class RunGraph(nn.Module):
    """A run as one module that answers as `Run.predict` does for crops of the run's size.

    ``forward``: (B, H, W) uint8 to points (B, K, 2) and radius (B, K) in crop pixels, and
    score (B,) in [0, 1]; float32.
    """

    index: Tensor
    weights: Tensor
    factors: Tensor

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.models = nn.ModuleList(member.model for member in run.members)
        parts = list(dict.fromkeys(member.part for member in run.members))
        self.parts = [[n for n, m in enumerate(run.members) if m.part == part] for part in parts]
        self.mirror = run.mirror
        for number, member in enumerate(run.members):
            swap = torch.from_numpy(member.landmarks.mirror) if run.mirror else torch.zeros(0)
            self.register_buffer(f"swap{number}", swap)
        matrix = _merge_matrix(run, self.parts)
        self.picks = bool(((matrix == 1).sum(1) == 1).all())
        self.same = torch.equal(matrix, torch.eye(matrix.shape[1]))
        self.register_buffer("index", matrix.argmax(1))
        self.register_buffer("weights", matrix)
        self.register_buffer("factors", torch.from_numpy(run.radius_factors))

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        images = crops[:, None]
        points, spreads, scores = [], [], []
        for numbers in self.parts:
            each = [self._answer(number, images) for number in numbers]
            points.append(_mean([p for p, _, _ in each]))
            spreads.append(_mean([s for _, s, _ in each]))
            scores += [score for _, _, score in each]
        merged = self._merged(torch.cat(points, dim=1))
        spread = self._merged(torch.cat(spreads, dim=1)[..., None])[..., 0]
        return merged, spread * self.factors, _mean(scores)

    def _answer(self, number: int, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        model = self.models[number]
        assert isinstance(model, KeypointModel)
        if not self.mirror:
            return model(images)
        return model.predict_mirrored(images, self.get_buffer(f"swap{number}"))

    def _merged(self, columns: Tensor) -> Tensor:
        """Columns (B, sum of k, d) of all parts as the run's (B, K, d)."""
        if self.same:
            return columns
        return columns[:, self.index] if self.picks else self.weights @ columns


def _mean(answers: list[Tensor]) -> Tensor:
    return answers[0] if len(answers) == 1 else torch.stack(answers).mean(0)


def _merge_matrix(run: Run, parts: list[list[int]]) -> Tensor:
    """(K, sum of k): how the parts' columns make the run's. Merging is linear, so the
    merged unit vectors are its matrix."""
    sets = [run.members[numbers[0]].landmarks for numbers in parts]
    total = sum(map(len, sets))
    units = np.eye(total, dtype=np.float32)
    tables, start = [], 0
    for landmarks in sets:
        tables.append((landmarks, units[:, start : start + len(landmarks)]))
        start += len(landmarks)
    merged = merge_columns(tables, run.landmarks, run.merge)
    return torch.from_numpy(np.ascontiguousarray(merged.T))


def check_installed() -> None:
    """Raises MissingExtraError if the packages that export a run are not there."""
    for package in ("onnx", "onnxscript"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "train", "writing model.onnx")


def export(run: Run, path: Path, refinement_passes: int = REFINEMENT_PASSES) -> None:
    """Write a run as an ONNX file, whole or not at all.

    Args:
        run: on the CPU.
        path: file to write.
        refinement_passes: how often a predictor crops again by the landmarks, 0 or more.

    Raises:
        MissingExtraError: facepoints[train] is not installed.
        WriteError: `path` cannot be written.
    """
    check_installed()
    write_bytes(path, seal(graph_of(run), run_metadata(run, refinement_passes)))


def run_metadata(run: Run, refinement_passes: int = REFINEMENT_PASSES) -> dict[str, Any]:
    """The metadata that `seal` writes beside the graph of a run."""
    return ModelMetadata(
        landmarks=run.landmarks,
        schemes=run.schemes,
        size=run.size,
        refinement_passes=refinement_passes,
        canonical_points=run.crop_rule.canonical_points,
        face_box=run.crop_rule.face_box,
        has_face_score=any(member.model.has_face_score for member in run.members),
        calibration=run.calibration,
    ).to_dict()


def graph_of(run: Run) -> Any:
    """The run as an `onnx.ModelProto` for any number of crops."""
    example = torch.zeros(2, *run.size, dtype=torch.uint8)
    shapes = {0: torch.export.Dim("batch")}
    return traced(RunGraph(run), example, shapes, [INPUT], list(OUTPUTS))


def traced(
    module: nn.Module,
    example: Tensor,
    shapes: dict[int, Any],
    inputs: list[str],
    outputs: list[str],
) -> Any:
    """A module of one input as an `onnx.ModelProto`.

    Args:
        example: an input.
        shapes: the input's dimensions that vary, as `torch.export` names them.
        inputs, outputs: names.
    """
    # Without gradients to think of, it is traced in three quarters of the time.
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
    _forget_origin(model)
    return model


def _forget_origin(model: Any) -> None:
    """Take out which line of which file on whose disk every node came from."""
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
    """The exporter speaks to its own developers: of packages it misses and of its future."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
