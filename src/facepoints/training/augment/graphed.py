"""Augmentation on a GPU as a CUDA graph: one launch for some hundred small kernels."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from facepoints.models.cuda_graphs import record_graph, warn_without_graph
from facepoints.training.augment.apply import apply
from facepoints.training.augment.draws import Draws, draw
from facepoints.training.augment.face_batch import FaceBatch
from facepoints.training.augment.geometric import Maps
from facepoints.training.augment.presets import Augment

__all__ = ["GraphedAugment"]

_TOLERANCE = 0.01
"""Largest difference of the points in pixels, and of the images in gray levels on average, from the
augmentation without a graph. More means that the graph computes something else."""


class GraphedAugment:
    """`augment_faces` for batches of one shape. The first call records a graph and compares it with
    the augmentation without one. If they differ, or it cannot be recorded, a `DataWarning` says so,
    and no graph is used.

    Args:
        settings: strength of every change.
        mirror: (K,) columns of a mirrored face; None: no face is mirrored.
        size: (height, width) of the output.
    """

    def __init__(self, settings: Augment, mirror: Tensor | None, size: tuple[int, int]) -> None:
        self.settings, self.mirror, self.size = settings, mirror, size
        self._graph: torch.cuda.CUDAGraph | None = None
        self._usable = True
        self._inputs: list[Tensor] = []
        self._output: FaceBatch

    def __call__(self, faces: FaceBatch, generator: torch.Generator) -> FaceBatch:
        """See `augment_faces`. The output is overwritten by the next call."""
        device, mirrored = faces.images.device, self.mirror is not None
        draws = draw(
            len(faces.images), self.settings, mirrored, generator, faces.size, self.size, device
        )
        if self._usable and self._graph is None:
            try:
                self._record(faces, draws.to(device))
            except RuntimeError as error:  # out of memory, or what a graph cannot hold
                self._usable = False
                warn_without_graph("augmentation is", error)
        if not self._usable:
            return self._apply(faces, draws.to(device))
        self._replay(_tensors(faces, draws))
        return self._output

    def _apply(self, faces: FaceBatch, draws: Draws) -> FaceBatch:
        return apply(faces, self.settings, self.mirror, draws, self.size)

    def _replay(self, inputs: Iterable[Tensor]) -> None:
        assert self._graph is not None
        for fixed, new in zip(self._inputs, inputs, strict=True):
            # Through page-locked memory, so that nothing waits for the GPU
            pinned = new.pin_memory() if fixed.is_cuda and not new.is_cuda else new
            fixed.copy_(pinned, non_blocking=True)
        self._graph.replay()

    def _record(self, faces: FaceBatch, draws: Draws) -> None:
        given = _tensors(faces, draws)
        self._inputs = [tensor.clone() for tensor in given]
        rest = iter(self._inputs)
        images, points, labelled = next(rest), next(rest), next(rest)
        visibility = None if faces.visibility is None else next(rest)
        kept_faces = FaceBatch(images, points, labelled, visibility)
        uniform = next(rest)
        maps = None if draws.maps is None else Maps(*(next(rest) for _ in draws.maps))
        noise = None if draws.noise is None else next(rest)
        kept_draws = Draws(uniform, maps, noise)

        def compute() -> FaceBatch:
            return self._apply(kept_faces, kept_draws)

        expected = compute()
        self._graph, self._output = record_graph(compute, faces.images.device)
        self._replay(given)
        _check(self._output, expected)


def _tensors(faces: FaceBatch, draws: Draws) -> list[Tensor]:
    """All tensors that the augmentation depends on, in the order of `GraphedAugment._record`."""
    maps = () if draws.maps is None else draws.maps
    every = (*faces, draws.uniform, *maps, draws.noise)
    return [tensor for tensor in every if tensor is not None]


def _check(output: FaceBatch, expected: FaceBatch) -> None:
    """Raises RuntimeError if a graph's output differs from that without it."""
    points = float((output.points - expected.points).abs().max())
    images = float((output.images - expected.images).abs().mean())
    masks = torch.equal(output.labelled, expected.labelled)
    if expected.visibility is not None and output.visibility is not None:
        masks = masks and torch.equal(output.visibility, expected.visibility)
    if not (masks and points <= _TOLERANCE and images <= _TOLERANCE):
        raise RuntimeError(
            f"its points differ by {points:.3g} pixels, its images by {images:.3g} gray levels"
        )
