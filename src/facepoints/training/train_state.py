"""State of a network in training: weights, moving average, optimizer, best epoch.

A checkpoint holds what `TrainState.state` returns; `TrainState.restore` continues from it with
the same numbers.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from facepoints._util.files import write_bytes
from facepoints.errors import RunError
from facepoints.models.networks import KeypointModel

__all__ = ["TrainState", "read_checkpoint", "write_checkpoint"]


_DAMAGE = (KeyError, TypeError, AttributeError, ValueError, ArithmeticError, RuntimeError)


class TrainState:
    """A model, the moving average of its weights, and its optimizer.

    Args:
        model: on its device.
        weight_decay: of AdamW (Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101),
            on weights of two or more dimensions; 0 makes it Adam.
        ema: decay of the moving average per step, [0, 1); 0 switches it off. The decay is
            lower in the first steps, so that the average forgets the initial weights.
        in_graph: make an optimizer that a CUDA graph can hold: its learning rate is a tensor on
            the GPU.

    Attributes:
        average: model with the averaged weights; `model` itself without averaging.
        step: steps taken.
        loss_sum: sum of the losses since the last reset, float64.
        best: averaged weights of the epoch with the lowest validation RMSE, empty before any.
        best_rmse: that RMSE, pixels.
    """

    def __init__(
        self, model: KeypointModel, weight_decay: float, ema: float, *, in_graph: bool = False
    ) -> None:
        self.model = model
        self.ema = ema
        self.average = copy.deepcopy(model).eval() if ema else model
        decayed = [p for p in model.parameters() if p.ndim > 1]
        plain = [p for p in model.parameters() if p.ndim <= 1]
        groups = [
            {"params": decayed, "weight_decay": weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ]
        device = model.mean.device
        rate = torch.tensor(1e-3, device=device) if in_graph else 1e-3
        groups = [g for g in groups if g["params"]]
        self.optimizer = torch.optim.AdamW(groups, rate, fused=True, capturable=in_graph)
        self.step = 0
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=device)
        self.best: dict[str, Tensor] = {}
        self.best_rmse = float("inf")

    def set_learning_rate(self, rate: float) -> None:
        """Set the learning rate of the next step."""
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    @torch.no_grad()
    def update_ema(self) -> None:
        """Count a step and move the average towards the weights."""
        self.step += 1
        if not self.ema:
            return
        decay = min(self.ema, (1 + self.step) / (10 + self.step))
        averages, values = [], []
        for average, value in zip(_tensors(self.average), _tensors(self.model), strict=True):
            if average.is_floating_point():
                averages.append(average)
                values.append(value)
            else:
                average.copy_(value)
        torch._foreach_lerp_(averages, values, 1 - decay)  # pyright: ignore[reportPrivateImportUsage]

    def record_validation(self, rmse: float) -> bool:
        """Keep the averaged weights if this validation RMSE is the lowest so far.

        Returns:
            True if it is the lowest.
        """
        if not rmse < self.best_rmse:  # NaN is no improvement
            return False
        self.best_rmse = rmse
        self.best = {n: t.detach().clone() for n, t in self.average.state_dict().items()}
        return True

    def result(self, which: str) -> KeypointModel:
        """The averaged model in eval mode, with its "best" or its "last" weights."""
        model = copy.deepcopy(self.average).eval()
        if which == "best" and self.best:
            model.load_state_dict(self.best)
        return model

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that `restore` needs: tensors, and JSON-ready numbers."""
        tensors = {f"model.{n}": t for n, t in self.model.state_dict().items()}
        if self.ema:
            tensors |= {f"average.{n}": t for n, t in self.average.state_dict().items()}
        tensors |= {f"best.{n}": t for n, t in self.best.items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{n}": t for n, t in values.items()}
        tensors["loss_sum"] = self.loss_sum
        best = self.best_rmse if self.best else None
        return tensors, {"step": self.step, "best_rmse": best}

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        """Inverse of `state`. Raises RunError if the state is of another network."""
        try:
            self.model.load_state_dict(_with_prefix("model.", tensors))
            if self.ema:
                self.average.load_state_dict(_with_prefix("average.", tensors))
            optimizer = self.optimizer.state_dict()
            optimizer["state"] = {}
            for name, tensor in _with_prefix("optimizer.", tensors).items():
                index, key = name.split(".", 1)
                optimizer["state"].setdefault(int(index), {})[key] = tensor
            self.optimizer.load_state_dict(optimizer)
            for parameter, moments in self.optimizer.state.items():
                for key in ("exp_avg", "exp_avg_sq"):
                    # The fused step needs the memory layout of the weights.
                    moments[key] = torch.empty_like(parameter).copy_(moments[key])
            device = self.model.mean.device
            self.loss_sum = tensors["loss_sum"].to(device)
            self.best = {n: t.to(device) for n, t in _with_prefix("best.", tensors).items()}
            self.step = int(numbers["step"])
            best = numbers["best_rmse"]
            self.best_rmse = float("inf") if best is None else float(best)
            if not 0 <= self.step < 1 << 53 or not self.best_rmse >= 0:
                raise ValueError("its numbers are out of range")
        except _DAMAGE as error:
            reason = (str(error) or repr(error)).splitlines()[0]
            raise RunError(f"the checkpoint belongs to another training: {reason}") from error


def _tensors(model: KeypointModel) -> list[Tensor]:
    return [*model.parameters(), *model.buffers()]


def _with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {n[len(prefix) :]: t for n, t in tensors.items() if n.startswith(prefix)}


def write_checkpoint(path: Path, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
    """Write a checkpoint atomically, without pickle. Raises WriteError."""
    plain = {n: t.detach().cpu().contiguous() for n, t in tensors.items()}
    write_bytes(path, save(plain, metadata={"numbers": json.dumps(numbers)}))


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read tensors and numbers of a checkpoint. Raises RunError if it is damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            numbers = json.loads((file.metadata() or {})["numbers"])
            _check_numbers(numbers)
            return {name: file.get_tensor(name) for name in file.keys()}, numbers  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise RunError(
            f"{path} is damaged ({error}); remove the run folder and train again"
        ) from error


def _check_numbers(numbers: Any) -> None:
    """Raises ValueError for numbers that no checkpoint has."""
    if not isinstance(numbers, dict):
        raise ValueError("its numbers are missing")
    member, history = numbers.get("member"), numbers.get("history")
    if isinstance(member, bool) or not isinstance(member, int) or member < 0:
        raise ValueError(f"its network is number {member!r:.40}")
    if not isinstance(history, list) or not all(isinstance(row, dict) for row in history):
        raise ValueError("its history is not a list of epochs")
