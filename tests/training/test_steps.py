"""A step that is recorded as a CUDA graph is the step that is taken kernel by kernel.

There is no GPU here. The tests replace CUDA's recording: what is recorded is not computed, and a
replay computes the same with the tensors that were recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch

from facepoints.datasets import synthetic
from facepoints.errors import DataWarning
from facepoints.training.distributed import DistributedContext
from facepoints.training.member_trainer import MemberTrainer
from facepoints.training.settings import TrainSettings
from facepoints.training.steps import EagerStep, GraphStep

pytestmark = pytest.mark.usefixtures("one_thread")

ALONE = DistributedContext(0, 1, torch.device("cpu"))
SETTINGS = TrainSettings(
    network="heatnet", init="random", batch=6, augment="light", precision="float32", device="cpu"
)


class FakeStream:
    """A stream that computes at once."""

    def wait_stream(self, other: object) -> None: ...


def fake_cuda(patch: pytest.MonkeyPatch, step: GraphStep) -> list[str]:
    """Replace CUDA's graphs for a step. The list gets what happens to them."""
    events: list[str] = []

    class FakeGraph:
        def replay(self) -> None:
            events.append("replay")
            EagerStep.__call__(step, step._inputs)

    @contextmanager
    def record(graph: FakeGraph, capture_error_mode: str) -> Iterator[None]:
        before = {name: tensor.clone() for name, tensor in step._state().items()}
        yield
        events.append("record")
        with torch.no_grad():
            for name, tensor in step._state().items():
                tensor.copy_(before[name])

    patch.setattr(torch.cuda, "CUDAGraph", FakeGraph)
    patch.setattr(torch.cuda, "graph", record)
    patch.setattr(torch.cuda, "Stream", FakeStream)
    patch.setattr(torch.cuda, "current_stream", FakeStream)
    patch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    return events


def trainer(graph: bool) -> MemberTrainer:
    faces = synthetic.kaggle_like(12, seed=1, size=32)
    return MemberTrainer(0, faces, faces.take(slice(0, 0)), SETTINGS, ALONE, uses_graph=graph)


def train(trainer: MemberTrainer, take: Callable[[Any], None], steps: int) -> None:
    state = trainer.state
    for number in range(steps):
        batch = trainer.batches.draw(0, number % trainer.steps, number, state.model.mirror_bias)
        state.set_learning_rate(1e-3 * (number + 1))
        state.model.train()
        take(batch)
        state.update_ema()


def test_steps_of_a_graph_are_those_without(monkeypatch: pytest.MonkeyPatch) -> None:
    eager, graph = trainer(True), trainer(True)
    train(eager, EagerStep(eager.state, eager.state.model, SETTINGS, ALONE), 3)
    step = GraphStep(graph.state, graph.state.model, SETTINGS, ALONE)
    events = fake_cuda(monkeypatch, step)
    train(graph, step, 3)
    assert events == ["record", *["replay"] * 4]  # the first compares
    assert float(graph.state.loss_sum) == float(eager.state.loss_sum)
    ours, theirs = graph.state.average.state_dict(), eager.state.average.state_dict()
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, rtol=0, atol=0, msg=name)


def test_a_learning_rate_on_the_device_is_that_of_the_schedule() -> None:
    plain, graph = trainer(False), trainer(True)
    for each in (plain, graph):
        train(each, EagerStep(each.state, each.state.model, SETTINGS, ALONE), 1)
    ours, theirs = graph.state.model.state_dict(), plain.state.model.state_dict()
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, msg=name)


def test_recording_a_graph_leaves_the_state_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = trainer(True)
    step = GraphStep(begun.state, begun.state.model, SETTINGS, ALONE)
    fake_cuda(monkeypatch, step)
    train(begun, step, 3)  # with moments of the optimizer
    again = GraphStep(begun.state, begun.state.model, SETTINGS, ALONE)
    before = {name: tensor.clone() for name, tensor in again._state().items()}
    assert any(name.startswith("optimizer.") for name in before)
    batch = begun.batches.draw(0, 0, 9, begun.state.model.mirror_bias)
    fake_cuda(monkeypatch, again)
    again._record(batch)
    for name, tensor in again._state().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0, msg=name)


def test_a_step_that_cannot_be_recorded_is_taken_eagerly(monkeypatch: pytest.MonkeyPatch) -> None:
    eager, graph = trainer(True), trainer(True)
    train(eager, EagerStep(eager.state, eager.state.model, SETTINGS, ALONE), 2)
    step = GraphStep(graph.state, graph.state.model, SETTINGS, ALONE)
    fake_cuda(monkeypatch, step)

    @contextmanager
    def full(graph: object, capture_error_mode: str) -> Iterator[None]:
        raise torch.OutOfMemoryError("CUDA out of memory")
        yield

    monkeypatch.setattr(torch.cuda, "graph", full)
    with pytest.warns(DataWarning, match="computed without a CUDA graph.*out of memory"):
        train(graph, step, 2)  # it warns once
    assert float(graph.state.loss_sum) == float(eager.state.loss_sum)


def test_only_one_process_on_a_gpu_uses_a_graph() -> None:
    faces = synthetic.kaggle_like(12, seed=1, size=32)
    made = MemberTrainer(0, faces, faces.take(slice(0, 0)), SETTINGS, ALONE)
    assert not made.uses_graph


def test_a_graph_that_computes_nothing_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    eager, graph = trainer(True), trainer(True)
    train(eager, EagerStep(eager.state, eager.state.model, SETTINGS, ALONE), 2)
    step = GraphStep(graph.state, graph.state.model, SETTINGS, ALONE)
    fake_cuda(monkeypatch, step)
    monkeypatch.setattr(torch.cuda.CUDAGraph, "replay", lambda graph: None)
    with pytest.warns(DataWarning, match="without a CUDA graph.*its loss is 0"):
        train(graph, step, 2)
    assert float(graph.state.loss_sum) == float(eager.state.loss_sum)
