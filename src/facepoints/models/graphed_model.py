"""A model whose forward pass on a GPU is a CUDA graph, for batches of a few images.

Starting the kernels of a small network from Python takes longer than computing a few images: on an
H100, 198 images a second one at a time, and 2,600 as a graph (benchmarks/gpu.py).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from facepoints.models.cuda_graphs import record_graph, warn_without_graph
from facepoints.models.networks import KeypointModel, RawOutput

__all__ = ["GraphedModel"]

_SIZES = (1, 4, 16, 64, 256)
"""Images of the graphs. A batch is filled up to the next of them."""

_TOLERANCE = 0.1
"""Pixels by which a graph's points may differ from those without it. Other kernels round
differently, by far less; more means that the graph does not compute the model."""


class _Graph(NamedTuple):
    """A recorded forward pass: replaying it computes `output` from `images`."""

    graph: torch.cuda.CUDAGraph
    images: Tensor
    output: RawOutput


class GraphedModel:
    """A model in eval mode on a GPU, called like the model itself.

    Each graph is compared with the model when it is recorded. If they differ, or it cannot be
    recorded, a `DataWarning` says so, and the model is called without graphs. Only one thread may
    call it at a time.

    Args:
        model: all other attributes and methods are the model's.
    """

    def __init__(self, model: KeypointModel) -> None:
        self._model = model
        self._graphs: dict[int, _Graph] = {}
        self._usable = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def __call__(self, images: Tensor) -> RawOutput:
        """Output for images (B, 1, H, W) uint8, see `KeypointModel.forward`."""
        count = len(images)
        if not self._usable or not 0 < count <= _SIZES[-1]:
            return self._model(images)
        size = next(size for size in _SIZES if size >= count)
        if size not in self._graphs:
            try:
                self._graphs[size] = self._record(size, images)
            except RuntimeError as error:  # out of memory, or what a graph cannot hold
                self._usable = False
                warn_without_graph("predictions are", error)
                return self._model(images)
        return self._replay(self._graphs[size], images)

    def _replay(self, graph: _Graph, images: Tensor) -> RawOutput:
        graph.images[: len(images)].copy_(images)
        graph.graph.replay()
        # Cloned: the next call writes into the same memory.
        parts = [None if t is None else t[: len(images)].clone() for t in graph.output]
        return RawOutput(*parts)  # pyright: ignore[reportArgumentType]

    def _record(self, size: int, images: Tensor) -> _Graph:
        """Record the forward pass of `size` images, and compare it with the model."""
        fixed = images.new_zeros((size, *images.shape[1:]))
        fixed[: len(images)].copy_(images)
        expected = self._model(fixed).points
        # Other threads may use the GPU meanwhile.
        graph, output = record_graph(lambda: self._model(fixed), fixed.device, other_threads=True)
        recorded = _Graph(graph, fixed, output)
        difference = float((self._replay(recorded, fixed.clone()).points - expected).abs().max())
        if not difference <= _TOLERANCE:
            raise RuntimeError(f"its points differ from the model's by {difference:.3g} pixels")
        return recorded
