"""Network of the eye state: is an eye closed, and is there an eye to see?

A residual network (He et al. 2016, https://arxiv.org/abs/1512.03385) on crops of one eye. It first
takes off the mean gray value of the crop and divides by its contrast, so that light and skin count
little.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from facepoints.models.networks.layers import ResidualBlock, convolution

__all__ = ["EyeNet", "EyeStateGraph"]

_WIDTHS = (16, 32, 48)  # channels at strides 2, 4 and 8
_LEAST_CONTRAST = 6.0  # gray levels: a crop with less is not stretched to full contrast


class EyeNet(nn.Module):
    """The network that the module's docstring describes; 62 thousand parameters.

    ``forward``: crops (B, 1, 32, 32) in [0, 255] to (B, 2): log odds that the eye is closed, and
    that there is an eye to see.
    """

    def __init__(self) -> None:
        super().__init__()
        w2, w4, w8 = _WIDTHS
        self.body = nn.Sequential(
            convolution(1, w2, 5, 2),
            ResidualBlock(w2),
            convolution(w2, w4, 3, 2),
            ResidualBlock(w4),
            convolution(w4, w8, 3, 2),
            convolution(w8, w8),
        )
        self.output = nn.Linear(w8 * 4, 2)

    def forward(self, crops: Tensor) -> Tensor:
        centered = crops - crops.mean(dim=(2, 3), keepdim=True)
        contrast = centered.square().mean(dim=(2, 3), keepdim=True).sqrt()
        x = self.body(centered / (contrast + _LEAST_CONTRAST))
        # means of the four quarters: lids lie above or below the middle
        return self.output(functional.avg_pool2d(x, 2).flatten(1))


class EyeStateGraph(nn.Module):
    """The network as the model file contains it.

    ``forward``: crops (B, 32, 32) uint8 to the probabilities (B,) that the eye is closed, and that
    there is an eye to see.

    Args:
        net: trained.
    """

    def __init__(self, net: EyeNet) -> None:
        super().__init__()
        self.net = copy.deepcopy(net).eval()

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        odds = self.net(crops[:, None].float())
        closed, seen = torch.sigmoid(odds).unbind(dim=1)
        return closed, seen
