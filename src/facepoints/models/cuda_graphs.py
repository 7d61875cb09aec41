"""Records computations on a GPU as CUDA graphs, which start all their kernels at once.

https://pytorch.org/blog/accelerating-pytorch-with-cuda-graphs/
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import nullcontext
from typing import TypeVar

import torch

from facepoints.errors import DataWarning

__all__ = ["record_graph", "warn_without_graph"]

T = TypeVar("T")

_WARM_UP = 3
"""Calls before a graph is recorded, in which the libraries choose their kernels."""


def record_graph(
    compute: Callable[[], T],
    device: torch.device,
    *,
    undo: Callable[[], None] | None = None,
    other_threads: bool = False,
) -> tuple[torch.cuda.CUDAGraph, T]:
    """A graph, and what `compute` returned while it was recorded: a replay writes new values into
    these tensors.

    Args:
        compute: takes tensors that stay where they are, and does not wait for the GPU. It is
            computed some times before it is recorded.
        device: that it computes on.
        undo: puts back what these calls change; also called after an error.
        other_threads: other threads may use the GPU meanwhile.

    Raises:
        RuntimeError: out of memory, or something that a graph cannot hold.
    """
    # Streams belong to the current device. A graph of another one's stream would be empty.
    with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        current, side = torch.cuda.current_stream(), torch.cuda.Stream()
        side.wait_stream(current)
        try:
            with torch.cuda.stream(side):
                for _ in range(_WARM_UP):
                    compute()
            current.wait_stream(side)
        finally:
            if undo is not None:
                undo()
        graph = torch.cuda.CUDAGraph()
        mode = "thread_local" if other_threads else "global"
        with torch.cuda.graph(graph, capture_error_mode=mode):
            output = compute()
    return graph, output


def warn_without_graph(what: str, error: RuntimeError) -> None:
    """Issue a `DataWarning` that something is computed without a graph."""
    reason = " ".join(str(error).split())[:200]
    text = f"{what} computed without a CUDA graph, which is slower: {reason}"
    warnings.warn(text, DataWarning, stacklevel=3)
