"""Teachers and students: networks whose points other networks learn from.

A student learns from the labels and from the mean of its teachers' points (knowledge distillation,
Hinton et al. 2015, https://arxiv.org/abs/1503.02531). A mean of networks errs less on faces that
none of them was trained on. The teachers also give the points that a set does not label, in the
marking habit of the sets that label all.
"""

from __future__ import annotations

import torch
from torch import Tensor

from facepoints.models.cuda_graphs import record_graph, warn_without_graph
from facepoints.models.networks import KeypointModel, RawOutput
from facepoints.models.networks.heatnet import HeatNet
from facepoints.training.batches import Batch
from facepoints.training.steps import EagerStep, GraphStep, batch_loss, precision_of

__all__ = ["GraphStudent", "Guides", "Mean", "Student"]


class Habit:
    """The points of a model in the marking habit of the sets that label all 68.

    The annotator bias of a set is arbitrary for points that the set does not label. So it is
    applied as if one of the other sets had been recognized.
    """

    def __init__(self, model: KeypointModel, full: Tensor) -> None:
        assert isinstance(model.backbone, HeatNet)
        assert model.backbone.annotator_bias is not None
        self.model, self.full, self.bias = model, full, model.backbone.annotator_bias
        self.before: list[Tensor] = []
        self.bias.register_forward_pre_hook(lambda _module, given: self.before.append(given[0]))

    def __call__(self, images: Tensor) -> tuple[RawOutput, Tensor]:
        """Output of the model, and the points (B, K, 2) in pixels."""
        self.before.clear()
        with precision_of(images.device, "auto"):
            output = self.model(images)
        assert output.annotator is not None
        raw = self.before.pop()
        logits = output.annotator.float().masked_fill(~self.full, -torch.inf)
        probability = logits.softmax(-1)
        flat = raw.flatten(1)
        offsets = torch.einsum("bi,aij->baj", flat, self.bias.weight) + self.bias.bias
        fixed = raw + (probability[..., None] * offsets).sum(1).view_as(raw)
        return output, (fixed + 1) / 2 * self.model.sides - 0.5


class Mean:
    """The mean of the points of several models."""

    def __init__(self, models: list[KeypointModel]) -> None:
        self.models = models

    def __call__(self, images: Tensor) -> RawOutput:
        outputs = [model(images) for model in self.models]
        return outputs[0]._replace(points=torch.stack([o.points for o in outputs]).mean(0))


class Guides:
    """The mean of the teachers' points on a batch of B faces, and of their scales.

    On a GPU the teachers are one CUDA graph.

    Attributes:
        points: (B, K, 2) pixels, of the last call.
        scale: (B, K) pixels, of the last call.
    """

    points: Tensor
    scale: Tensor

    def __init__(self, teachers: list[KeypointModel], full: Tensor) -> None:
        self.mean = Mean(teachers)
        self._habits = [Habit(model.eval().requires_grad_(False), full) for model in teachers]
        self._graph: torch.cuda.CUDAGraph | None = None
        self._usable = full.is_cuda
        self._images: Tensor | None = None

    def __call__(self, batch: Batch) -> None:
        """Let the teachers look at the faces of a batch. All batches must have one shape."""
        images = batch.images[: len(batch.points)]
        if self._usable and self._graph is None:
            self._images = images.clone()
            try:
                graph, (self.points, self.scale) = record_graph(self._told, images.device)
                self._graph = graph
            except RuntimeError as error:  # out of memory, or what a graph cannot hold
                self._usable = False
                warn_without_graph("the teachers are", error)
        if self._graph is None:
            self._images = images
            points, scale = self._told()
            if hasattr(self, "points"):  # a graph of the students may hold these tensors
                self.points.copy_(points)
                self.scale.copy_(scale)
            else:
                self.points, self.scale = points, scale
            return
        assert self._images is not None
        self._images.copy_(images)
        self._graph.replay()

    @torch.no_grad()
    def _told(self) -> tuple[Tensor, Tensor]:
        assert self._images is not None
        told = [habit(self._images) for habit in self._habits]
        points = torch.stack([points for _, points in told]).mean(0)
        return points, torch.stack([output.scale for output, _ in told]).mean(0)


class Student(EagerStep):
    """A step of a student. `guides` must have looked at the batch before.

    Attributes:
        guides: its teachers.
        weight: of their points beside that of the labels.
        habit: of the student itself.
    """

    guides: Guides
    weight: float
    habit: Habit

    def listens_to(self, guides: Guides, weight: float, full: Tensor) -> None:
        """Set what the student learns from besides the labels, before the first step."""
        self.guides, self.weight, self.habit = guides, weight, Habit(self.state.model, full)

    def objective(self, batch: Batch) -> tuple[Tensor, Tensor]:
        output, own = self.habit(batch.images)
        apart = torch.linalg.vector_norm(own[: len(batch.points)] - self.guides.points, dim=-1)
        objective, value = batch_loss(self.loss, output, batch, self.ctx)
        told = (apart.clamp_min(1e-6) / self.guides.scale).mean()
        return objective + self.weight * told, value


class GraphStudent(Student, GraphStep):
    """`Student` as a CUDA graph."""
