"""What only a GPU can show: graphs compute what single kernels do, and nothing waits for it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from facepoints.datasets import synthetic
from facepoints.imaging.affine import resize_images
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.training.distributed import DistributedContext
from facepoints.training.member_trainer import MemberTrainer
from facepoints.training.settings import TrainSettings
from facepoints.training.steps import EagerStep, GraphStep

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


def mean_loss(network: str, graph: bool) -> float:
    settings = TrainSettings(
        network=network,  # pyright: ignore[reportArgumentType]
        init="random",
        batch=16,
        augment="default",
        precision="float32",
    )
    faces = synthetic.kaggle_like(48, seed=3, size=64)
    ctx = DistributedContext(0, 1, torch.device("cuda"))
    trainer = MemberTrainer(0, faces, faces.take(slice(0, 0)), settings, ctx, uses_graph=graph)
    state = trainer.state
    take = (GraphStep if graph else EagerStep)(state, state.model, settings, ctx)
    for number in range(12):
        batch = trainer.batches.draw(0, number % trainer.steps, number, state.model.mirror_bias)
        state.set_learning_rate(1e-4)
        state.model.train()
        take(batch)
        state.update_ema()
    return float(state.loss_sum) / 12


@pytest.mark.parametrize("network", ["heatnet", "lenet5"])
def test_a_training_of_graphs_loses_what_one_of_single_kernels_does(network: str) -> None:
    eager, graph = mean_loss(network, False), mean_loss(network, True)
    assert math.isfinite(eager)
    assert graph == pytest.approx(eager, rel=0.02)


def test_predictions_on_a_gpu_are_those_of_the_cpu() -> None:
    on_cpu, on_gpu = LandmarkModel.load(), LandmarkModel.load(device="cuda")
    crops = resize_images(synthetic.render(40, seed=3, size=112).images, *on_cpu.size)
    expected = on_cpu(crops)
    for count in (1, 7, 40, 1):
        far = np.linalg.norm(on_gpu(crops[:count]).points - expected.points[:count], axis=2)
        assert np.median(far) < 0.3
        assert far.max() < 3
