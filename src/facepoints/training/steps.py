"""One step of a training: forward, loss, backward, clipped gradients, optimizer.

`EagerStep` starts every kernel from Python. A small network has some hundred kernels a step, and
a GPU waits for Python most of the time. `GraphStep` records these kernels once as a CUDA graph
(https://pytorch.org/blog/accelerating-pytorch-with-cuda-graphs/) and starts all of them at once.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from facepoints.models.cuda_graphs import record_graph, warn_without_graph
from facepoints.models.networks import RawOutput
from facepoints.training.batches import Batch
from facepoints.training.distributed import DistributedContext
from facepoints.training.losses import LOSSES, masked_loss, masked_mean
from facepoints.training.settings import TrainSettings
from facepoints.training.train_state import TrainState

__all__ = [
    "ANNOTATOR_WEIGHT",
    "MAX_GRADIENT_NORM",
    "EagerStep",
    "GraphStep",
    "batch_loss",
    "precision_of",
]

FACE_SCORE_WEIGHT = 0.1
"""Weight of the face score's cross entropy beside the loss of the points."""

VISIBILITY_WEIGHT = 0.2
"""Weight of the visibility's cross entropy beside the loss of the points."""

ANNOTATOR_WEIGHT = 0.05
"""Weight of the annotator's cross entropy beside the loss of the points."""

MAX_GRADIENT_NORM = 5.0


class EagerStep:
    """Changes the weights of a state by one batch a call, and adds the loss to its `loss_sum`.

    Args:
        state: to train.
        model: that of `state`, or the same wrapped for several processes.
        settings: loss and precision.
        ctx: the processes that train together.
    """

    def __init__(
        self, state: TrainState, model: nn.Module, settings: TrainSettings, ctx: DistributedContext
    ) -> None:
        self.state, self.model, self.loss, self.ctx = state, model, settings.loss, ctx
        self._precision = precision_of(ctx.device, settings.precision)

    def __call__(self, batch: Batch) -> None:
        state = self.state
        objective, value = self.objective(batch)
        state.optimizer.zero_grad(set_to_none=True)
        objective.backward()
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), MAX_GRADIENT_NORM)
        state.optimizer.step()
        state.loss_sum += value

    def objective(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Scalar to differentiate, and the loss of the points that is reported."""
        with self._precision:
            output = self.model(batch.images)
        return batch_loss(self.loss, output, batch, self.ctx)


class GraphStep(EagerStep):
    """`EagerStep` as a CUDA graph, for one process on a GPU.

    All batches must have the shapes of the first. The state needs an optimizer that a graph can
    hold (`TrainState`'s `in_graph`). The first call records the graph; `state.restore` must not be
    called after it. If it cannot be recorded, as without memory for a second copy of the
    activations, a `DataWarning` says so, and the steps are taken eagerly.
    """

    _graph: torch.cuda.CUDAGraph | None = None
    _failed = False
    _inputs: Batch

    def __call__(self, batch: Batch) -> None:
        if self._graph is None and not self._failed:
            try:
                self._graph = self._record(batch)
            except RuntimeError as error:  # out of memory, or what a graph cannot hold
                self._failed = True
                warn_without_graph("the steps of the training are", error)
        if self._graph is None:
            super().__call__(batch)
            return
        for fixed, new in zip(self._inputs, batch, strict=True):
            if fixed is not None and new is not None:
                fixed.copy_(new)
        self._graph.replay()

    def _record(self, batch: Batch) -> torch.cuda.CUDAGraph:
        """Record the kernels of a step. The state stays as it was."""
        copies = (None if tensor is None else tensor.clone() for tensor in batch)
        self._inputs = Batch(*copies)  # pyright: ignore[reportArgumentType]
        before = {name: tensor.clone() for name, tensor in self._state().items()}

        def step() -> None:
            EagerStep.__call__(self, self._inputs)

        def undo() -> None:
            self._restore(before)
            self.state.optimizer.zero_grad(set_to_none=True)  # the graph makes gradients of its own

        step()
        expected = float(self.state.loss_sum) - float(before["loss_sum"])
        self._restore(before)
        graph, _ = record_graph(step, self.ctx.device, undo=undo)
        graph.replay()
        loss = float(self.state.loss_sum) - float(before["loss_sum"])
        self._restore(before)
        # Dropout and rounding may differ, the order of magnitude may not.
        if math.isfinite(expected) and not abs(loss - expected) <= 0.5 * abs(expected) + 0.05:
            raise RuntimeError(f"its loss is {loss:.4g}, that of the same step {expected:.4g}")
        return graph

    @torch.no_grad()
    def _restore(self, before: dict[str, Tensor]) -> None:
        """Put back what a step changes, in place: the graph holds these tensors."""
        for name, tensor in self._state().items():
            if name in before:
                tensor.copy_(before[name])
            else:
                tensor.zero_()  # the optimizer's moments begin at 0

    def _state(self) -> dict[str, Tensor]:
        """All tensors that a step changes."""
        state = self.state
        tensors = {"loss_sum": state.loss_sum, **state.model.state_dict()}
        for number, moments in enumerate(state.optimizer.state.values()):
            tensors |= {f"optimizer.{number}.{name}": value for name, value in moments.items()}
        return tensors


def precision_of(device: torch.device, wanted: str) -> torch.autocast:
    """Context for the forward pass: bfloat16 where the device computes with it, unless `wanted`
    is "float32". Elsewhere float32 is faster."""
    if wanted == "float32":
        enabled = False
    elif device.type == "cuda":
        enabled = torch.cuda.is_bf16_supported()
    else:
        # On a CPU with bfloat16 instructions a step is up to 1.4 times as fast (throughput.py).
        # The check is not part of PyTorch's public API.
        has = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
        enabled = device.type == "cpu" and has is not None and has()
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)


def batch_loss(
    name: str, output: RawOutput, batch: Batch, ctx: DistributedContext
) -> tuple[Tensor, Tensor]:
    """Scalar to differentiate, and the loss of the points over all processes.

    Images without a face count for the face score only.

    Args:
        name: of the loss of the points, in `losses.LOSSES`.
        output: of the B faces and M images without a face of a batch.
        batch: their labels.
        ctx: the processes that train together.
    """
    faces = len(batch.points)
    of_faces = output.first(faces)
    objective, value = masked_loss(LOSSES[name], of_faces, batch.points, batch.labelled, ctx)
    if len(output.score) > faces:
        is_face = torch.zeros_like(output.score)
        is_face[:faces] = 1
        score_loss = functional.binary_cross_entropy(output.score, is_face)
        objective = objective + FACE_SCORE_WEIGHT * score_loss
    if of_faces.visible is not None and batch.visibility is not None:
        known = batch.visibility >= 0
        target = (batch.visibility > 0).to(of_faces.visible.dtype)
        errors = functional.binary_cross_entropy(of_faces.visible, target, reduction="none")
        objective = objective + VISIBILITY_WEIGHT * masked_mean(errors, known)
    if of_faces.annotator is not None:
        annotator_loss = functional.cross_entropy(of_faces.annotator, batch.scheme)
        objective = objective + ANNOTATOR_WEIGHT * annotator_loss
    return objective, value
