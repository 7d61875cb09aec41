"""Checkpoints of recipes: a restored training goes on as if it had not been interrupted."""

from pathlib import Path

import checkpoints
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from facepoints.errors import RunError


class Training:
    def __init__(self, seed: int) -> None:
        torch.manual_seed(seed)
        self.net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
        self.average = AveragedModel(self.net, use_buffers=True)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=0.1)

    def learn(self, step: int) -> None:
        rows = torch.randn(8, 3, generator=torch.Generator().manual_seed(step))
        self.optimizer.zero_grad()
        self.net(rows).square().mean().backward()
        self.optimizer.step()
        self.average.update_parameters(self.net)

    def state(self) -> list[torch.Tensor]:
        return [*self.net.state_dict().values(), *self.average.state_dict().values()]


def test_a_restored_training_goes_on_as_the_interrupted_one(tmp_path: Path) -> None:
    whole, resumed = Training(0), Training(1)
    for step in range(3):
        whole.learn(step)
    path = tmp_path / "checkpoint.safetensors"
    checkpoints.save(path, whole.net, whole.average, whole.optimizer, 3)
    assert checkpoints.restore(path, resumed.net, resumed.average, resumed.optimizer) == 3
    for step in range(3, 6):
        whole.learn(step)
        resumed.learn(step)
    for one, other in zip(whole.state(), resumed.state(), strict=True):
        torch.testing.assert_close(other, one, rtol=0, atol=0)


def test_a_damaged_checkpoint_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(b"cut off")
    fresh = Training(0)
    with pytest.raises(RunError, match="is damaged"):
        checkpoints.restore(path, fresh.net, fresh.average, fresh.optimizer)
