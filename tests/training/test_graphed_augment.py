"""Augmentation as a CUDA graph changes faces as it does without one.

There is no GPU here. The tests replace the recording of a graph: a replay computes the output anew
from the tensors that were recorded, into the memory that was recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from facepoints.errors import DataWarning
from facepoints.training.augment import STRENGTHS, FaceBatch, GraphedAugment, augment_faces, graphed

pytestmark = pytest.mark.usefixtures("one_thread")

MIRROR = torch.tensor([1, 0, 2])
SIZE = (24, 32)


class FakeGraphs:
    """Replaces `record_graph`. `shift` pixels are added to the points of a replay."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.recorded = 0
        self.shift = 0.0
        patch.setattr(graphed, "record_graph", self.record)

    def record(self, compute: Callable[[], Any], device: torch.device) -> tuple[Any, Any]:
        fake, output = self, copied(compute())
        self.recorded += 1

        class Graph:
            def replay(self) -> None:
                for place, value in zip(output, compute(), strict=True):
                    if place is not None:
                        place.copy_(value)
                output.points.add_(fake.shift)

        return Graph(), output


def copied(output: Any) -> Any:
    """A copy of an output in memory of its own."""
    return type(output)(*(None if tensor is None else tensor.clone() for tensor in output))


def faces(number: int, with_visibility: bool) -> FaceBatch:
    generator = torch.Generator().manual_seed(number)
    images = torch.rand(4, 1, 32, 40, generator=generator) * 255
    points = torch.rand(4, 3, 2, generator=generator) * 30
    labelled = torch.rand(4, 3, generator=generator) < 0.8
    visible = torch.randint(-1, 2, (4, 3), generator=generator, dtype=torch.int8)
    return FaceBatch(images, points, labelled, visible if with_visibility else None)


@pytest.mark.parametrize("preset", ["none", "light", "default", "strong", "closer"])
@pytest.mark.parametrize("with_visibility", [False, True])
@pytest.mark.parametrize("mirror", [None, MIRROR])
def test_a_graph_changes_every_batch_as_without_it(
    preset: str, with_visibility: bool, mirror: Tensor | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    graphs, settings = FakeGraphs(monkeypatch), STRENGTHS[preset][0]
    change = GraphedAugment(settings, mirror, SIZE)
    ours, theirs = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
    for number in range(3):
        batch = faces(number, with_visibility)
        output = change(batch, ours)
        expected = augment_faces(batch, settings, mirror, theirs, SIZE)
        for got, wanted in zip(output, expected, strict=True):
            if wanted is not None:
                torch.testing.assert_close(got, wanted, rtol=0, atol=0)
    assert graphs.recorded == 1
    assert torch.equal(ours.get_state(), theirs.get_state())


def test_a_graph_that_computes_something_else_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    graphs, settings = FakeGraphs(monkeypatch), STRENGTHS["default"][0]
    graphs.shift = 0.5
    change = GraphedAugment(settings, MIRROR, SIZE)
    ours, theirs = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
    with pytest.warns(DataWarning, match=r"without a CUDA graph.*differ by 0.5 pixels"):
        output = change(faces(0, False), ours)
    expected = augment_faces(faces(0, False), settings, MIRROR, theirs, SIZE)
    assert torch.equal(output.images, expected.images)
    assert torch.equal(output.points, expected.points)
    change(faces(1, False), ours)  # it warns once
