"""Parts that networks share: output, convolutions, feature map sizes, initial weights, regression
head, precision."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from facepoints.errors import SettingsError

__all__ = ["BackboneOutput", "PointRegressor", "ResidualBlock", "convolution", "full_precision"]


class BackboneOutput(NamedTuple):
    """Output of a network that predicts more than points, for B images.

    Attributes:
        raw: (B, K, 3), x and y in [-1, 1] over the image and the log of the scale in half sides.
        score: (B,), log odds that the image shows a face; None without a face score.
        visible: (B, K), log odds that each point is visible; None without visibility.
        annotator: (B, annotators), log odds of each annotator; None without annotators.
    """

    raw: Tensor
    score: Tensor | None = None
    visible: Tensor | None = None
    annotator: Tensor | None = None


OUTPUT_SCALE = 0.01
"""Initial distance of the last layer's output from its bias, in half sides, for features of unit
size. Training starts within about a pixel of the points in the bias, yet the layers below learn
from the first step; with weights of 0 they would not."""


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
    """Height and width of the feature map that `layers` make of an image of `size` (H, W); 0 if
    nothing is left. `layers` are convolutions and max pools in sequence, without dilation."""
    height, width = size
    for layer in layers.modules():
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            height, width = max(_after(height, layer, 0), 0), max(_after(width, layer, 1), 0)
    return height, width


def init_weights(network: nn.Module, slope: float = 0.0) -> None:
    """Set the initial weights of every convolution and dense layer: normal, with the variance that
    preserves signals through rectifiers of negative `slope` (He et al. 2015,
    https://arxiv.org/abs/1502.01852); biases 0."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, a=slope, nonlinearity="leaky_relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def full_precision(device: str) -> AbstractContextManager[object]:
    """Context that computes in float32 under autocast: the 8 bits of bfloat16 are too few for
    coordinates."""
    if device in ("cpu", "cuda") and torch.is_autocast_enabled(device):
        return torch.autocast(device, enabled=False)
    return nullcontext()


class PointRegressor(nn.Module):
    """Convolutions, then dense layers, then two numbers for each point.

    Args:
        name: of the network, for errors.
        features: convolutions and pools in sequence, for one input channel.
        channels: output channels of `features`.
        dense: widths of the dense layers between the features and the output.
        head: module after each dense layer (activation, dropout), one per width.
        points: K.
        size: (H, W) of the images.
        slope: negative slope of the activations, for the initial weights.

    Raises:
        SettingsError: images of this size are too small for `features`.
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
        """Normalized images (B, 1, H, W) to points (B, K, 2), where -1 and 1 are the outer edges
        of the first and the last pixel."""
        hidden = self.dense(self.features(x).flatten(1))
        with full_precision(hidden.device.type):
            return self.output(hidden.float()).unflatten(1, (self.points, 2))


def _check_size(name: str, features: nn.Module, size: tuple[int, int]) -> None:
    if min(map_size(features, size)) >= 1:
        return
    smallest = next(n for n in range(1, 10_000) if min(map_size(features, (n, n))) >= 1)
    raise SettingsError(
        f"{name} needs images of at least {smallest}x{smallest} pixels, "
        f"got {size[1]}x{size[0]}; choose a larger size or another network"
    )


def convolution(before: int, after: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution of `size` pixels from `before` to `after` channels, batch normalization, ReLU."""
    return nn.Sequential(
        nn.Conv2d(before, after, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            convolution(width, width),
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.body(x))
