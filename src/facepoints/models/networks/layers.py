"""What the networks share: how large a map is left, how weights start, the last layer, and where
full precision is needed."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from facepoints.errors import SettingsError

__all__ = ["PointRegressor", "full_precision", "init_weights", "map_size"]

OUTPUT_SCALE = 0.01
"""How far from its bias the last layer's first output lies, in half sides, for features of
unit size: training starts within a pixel or so of the points that the bias says, yet the
layers below learn from the first step, as they would not under weights of 0."""


def _after(side: int, layer: nn.Conv2d | nn.MaxPool2d, axis: int) -> int:
    def number(value: object) -> int:
        return int(value[axis]) if isinstance(value, tuple) else int(value)  # type: ignore[call-overload]

    kernel, stride, padding = (
        number(layer.kernel_size),
        number(layer.stride),
        number(layer.padding),
    )
    return (side + 2 * padding - kernel) // stride + 1


def map_size(layers: nn.Module, size: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the map that `layers` (convolutions and max pools in a row,
    without dilation) leave of a picture of `size` (H, W); 0 where nothing is left."""
    height, width = size
    for layer in layers.modules():
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            height, width = max(_after(height, layer, 0), 0), max(_after(width, layer, 1), 0)
    return height, width


def init_weights(network: nn.Module, slope: float = 0.0) -> None:
    """First weights of every convolution and dense layer: normal with the variance that
    keeps signals alive through rectifiers of negative `slope` (He et al. 2015,
    https://arxiv.org/abs/1502.01852), biases 0."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, a=slope, nonlinearity="leaky_relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def full_precision(device: str) -> AbstractContextManager[object]:
    """Float32 also where the rest is computed in bfloat16, whose 8 bits are too few for places."""
    if device in ("cpu", "cuda") and torch.is_autocast_enabled(device):
        return torch.autocast(device, enabled=False)
    return nullcontext()


class PointRegressor(nn.Module):
    """Convolutions, then dense layers, then two numbers for each point.

    Args:
        name: what to call the network in errors.
        features: convolutions and pools in a row, one channel in.
        channels: channels that `features` leaves.
        dense: widths of the dense layers between the features and the output.
        head: what follows each dense layer (activation, dropout), one per width.
        points: K.
        size: (H, W) of the pictures.
        slope: negative slope of the activations, for the first weights.

    Raises:
        SettingsError: `features` leave nothing of a picture of this size.
    """

    def __init__(
        self,
        name: str,
        features: nn.Sequential,
        channels: int,
        dense: tuple[int, ...],
        head: tuple[nn.Module, ...],
        points: int,
        size: tuple[int, int],
        slope: float = 0.0,
    ) -> None:
        super().__init__()
        _check_size(name, features, size)
        self.points = points
        self.features = features
        widths = (channels * math.prod(map_size(features, size)), *dense)
        self.dense = nn.Sequential()
        for before, after, rest in zip(widths[:-1], dense, head, strict=True):
            self.dense.append(nn.Linear(before, after))
            self.dense.append(rest)
        self.output = nn.Linear(widths[-1], 2 * points)
        init_weights(self, slope)
        nn.init.normal_(self.output.weight, std=OUTPUT_SCALE / math.sqrt(widths[-1]))

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (B, 1, H, W), about zero mean and unit variance, to points (B, K, 2)
        where -1 and 1 are the outer edges of the first and the last pixel."""
        told = self.dense(self.features(x).flatten(1))
        with full_precision(told.device.type):
            return self.output(told.float()).unflatten(1, (self.points, 2))


def _check_size(name: str, features: nn.Module, size: tuple[int, int]) -> None:
    if min(map_size(features, size)) >= 1:
        return
    smallest = next(n for n in range(1, 10_000) if min(map_size(features, (n, n))) >= 1)
    raise SettingsError(
        f"{name} needs pictures of at least {smallest}x{smallest} pixels, "
        f"{size[1]}x{size[0]} came; choose a larger size or another network"
    )
