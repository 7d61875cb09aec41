"""A model as CUDA graphs predicts what it predicts without them.

There is no GPU here. The tests replace CUDA's recording: a replay computes the output anew from the
images that were recorded, into the memory that was recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor

from facepoints.errors import DataWarning
from facepoints.models.graphed_model import GraphedModel
from facepoints.models.networks import KeypointModel, RawOutput, build_model

pytestmark = pytest.mark.usefixtures("one_thread")


class FakeStream:
    """A stream that computes at once."""

    def wait_stream(self, other: object) -> None: ...


class FakeCuda:
    """CUDA's graphs. `shift` pixels are added to the points of a replay, as a wrong one would."""

    def __init__(self, patch: pytest.MonkeyPatch, model: KeypointModel) -> None:
        self.recorded: list[int] = []
        self.replays = 0
        self.shift = 0.0
        self.error: Exception | None = None
        fake = self

        class Graph:
            images: Tensor
            output: Any

            def replay(self) -> None:
                fake.replays += 1
                computed = fake.forward(self.images)
                for place, value in zip(self.output, computed, strict=True):
                    if place is not None:
                        place.copy_(value)
                self.output.points.add_(fake.shift)

        @contextmanager
        def record(graph: Graph, capture_error_mode: str) -> Iterator[None]:
            assert capture_error_mode == "thread_local"
            if fake.error is not None:
                raise fake.error

            def keep(images: Tensor) -> Any:
                parts = (None if t is None else t.clone() for t in fake.forward(images))
                graph.images, graph.output = images, RawOutput(*parts)  # pyright: ignore[reportArgumentType]
                fake.recorded.append(len(images))
                return graph.output

            patch.setattr(model, "forward", keep)
            try:
                yield
            finally:
                patch.setattr(model, "forward", fake.forward)

        self.forward = model.forward
        patch.setattr(torch.cuda, "CUDAGraph", Graph)
        patch.setattr(torch.cuda, "graph", record)
        patch.setattr(torch.cuda, "Stream", FakeStream)
        patch.setattr(torch.cuda, "current_stream", FakeStream)
        patch.setattr(torch.cuda, "stream", lambda stream: nullcontext())


@pytest.fixture
def model() -> KeypointModel:
    torch.manual_seed(0)
    return build_model("lenet5", 4, (32, 32), 127.0, 60.0).eval()


def images(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.randint(0, 256, (count, 1, 32, 32), dtype=torch.uint8, generator=generator)


@torch.inference_mode()
def test_batches_are_filled_up_and_the_output_is_the_models(
    model: KeypointModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda, graphed = FakeCuda(monkeypatch, model), GraphedModel(model)
    expected = {count: model(images(count)) for count in (0, 1, 3, 4, 5, 300)}
    outputs = {count: graphed(images(count)) for count in (3, 1, 4, 5, 0, 300)}
    assert cuda.recorded == [4, 1, 16]  # 300 images and none are computed without a graph
    for count, output in outputs.items():  # also the first, after later calls
        for ours, theirs in zip(output, expected[count], strict=True):
            if ours is not None:
                torch.testing.assert_close(ours, theirs)
    assert graphed.mean is model.mean
    assert graphed.has_visibility is model.has_visibility


@torch.inference_mode()
def test_a_graph_that_computes_something_else_is_not_used(
    model: KeypointModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda, graphed = FakeCuda(monkeypatch, model), GraphedModel(model)
    cuda.shift = 0.5
    with pytest.warns(DataWarning, match="differ from the model's by 0.5 pixels"):
        output = graphed(images(2))
    torch.testing.assert_close(output.points, model(images(2)).points)
    graphed(images(2))  # it warns once
    assert cuda.replays == 1


@torch.inference_mode()
def test_a_graph_that_cannot_be_recorded_is_not_used(
    model: KeypointModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda, graphed = FakeCuda(monkeypatch, model), GraphedModel(model)
    cuda.error = torch.OutOfMemoryError("CUDA out of memory")
    with pytest.warns(DataWarning, match="computed without a CUDA graph.*out of memory"):
        output = graphed(images(2))
    torch.testing.assert_close(output.points, model(images(2)).points)
