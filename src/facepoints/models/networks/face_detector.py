"""Network of the built-in face detector: all faces of an image in one pass, without anchors.

A small residual network (He et al. 2016, https://arxiv.org/abs/1512.03385) whose feature maps at
strides 8, 16 and 32 are joined from coarse to fine (Lin et al. 2017,
https://arxiv.org/abs/1612.03144). Every cell of the three maps predicts whether the center of a
face is near, and its exact position, size and rotation (FCOS, Tian et al. 2019,
https://arxiv.org/abs/1904.01355). Each map covers face sizes of about an octave and a half.

The box of a face is that of the mean face, mapped onto it by a similarity. Its size does not depend
on an open mouth, nor its center on the turn of the head, and it is the frame in which the landmark
model then crops the face.
"""

from __future__ import annotations

import copy
import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from facepoints.detection.builtin import STRIDES, cell_centers
from facepoints.models.networks.layers import ResidualBlock, convolution

__all__ = ["POINTS", "REFERENCE", "DetectorGraph", "DetectorMaps", "FaceNet", "cells"]

REFERENCE = (20.0, 56.0, 150.0)
"""Reference length of each map: longer side of a typical face box, in pixels."""
POINTS = 5
"""The subject's right eye center, left eye center, nose tip, right and left corner of the mouth."""

GRAY_MEAN, GRAY_STD = 127.5, 64.0  # normalization of gray values
_STEM = 16  # channels at strides 2 and 4; a multiple of 16 is fastest
_WIDTHS = (32, 48, 64)  # at strides 8, 16, 32
_CHANNELS = 1 + 5 + 2 * POINTS


class DetectorMaps(NamedTuple):
    """Predictions for N cells of B images, in units of each map's reference length.

    Attributes:
        logit: (B, N) log odds that the center of a face is near.
        shift: (B, N, 2) from the cell to the center of the face.
        size: (B, N) logarithm of the box's longer side.
        turn: (B, N, 2) cosine and sine of the clockwise rotation, of length about 1.
        points: (B, N, POINTS, 2) from the cell to the points.
    """

    logit: Tensor
    shift: Tensor
    size: Tensor
    turn: Tensor
    points: Tensor


def cells(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Cells of all maps of an image, in the order of the model file (`cell_centers`).

    Returns:
        Center (N, 2) in pixels and reference length (N,); float32.
    """
    counts = [(height // stride) * (width // stride) for stride in STRIDES]
    reference = torch.tensor(REFERENCE).repeat_interleave(torch.tensor(counts))
    return torch.from_numpy(cell_centers(height, width).T - 0.5).float(), reference


def _head(width: int) -> nn.Sequential:
    """Prediction head of one map: a depthwise separable convolution (Howard et al. 2017,
    https://arxiv.org/abs/1704.04861) and the channels of `DetectorMaps`."""
    return nn.Sequential(
        nn.Conv2d(width, width, 3, 1, 1, groups=width, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        convolution(width, width, 1),
        nn.Conv2d(width, _CHANNELS, 1),
    )


class FaceNet(nn.Module):
    """The network that the module's docstring describes.

    ``forward``: images (B, 1, H, W) in [0, 255], H and W multiples of 32, to `DetectorMaps`.
    """

    def __init__(self) -> None:
        super().__init__()
        w8, w16, w32 = _WIDTHS
        self.stem = nn.Sequential(
            convolution(1, _STEM, 5, 2),
            convolution(_STEM, _STEM, 3, 2),
            convolution(_STEM, w8, 3, 2),
        )
        self.stage8 = convolution(w8, w8)
        self.stage16 = nn.Sequential(
            convolution(w8, w16, 3, 2), ResidualBlock(w16), ResidualBlock(w16)
        )
        self.stage32 = nn.Sequential(
            convolution(w16, w32, 3, 2), ResidualBlock(w32), ResidualBlock(w32)
        )
        self.down32 = nn.Conv2d(w32, w16, 1)
        self.down16 = nn.Conv2d(w16, w8, 1)
        self.heads = nn.ModuleList(_head(width) for width in _WIDTHS)
        self.reset()

    def reset(self) -> None:
        """Set initial weights: He et al. for the body; heads that predict "no face" nearly
        everywhere, so that the many empty cells do not dominate the loss."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        for head in self.heads:
            assert isinstance(head, nn.Sequential)
            last = head[-1]
            assert isinstance(last, nn.Conv2d)
            assert last.bias is not None
            nn.init.normal_(last.weight, std=0.01)
            nn.init.zeros_(last.bias)
            with torch.no_grad():
                last.bias[0] = -4.6  # a probability of 1 %
                last.bias[4] = 1.0  # upright

    def forward(self, images: Tensor) -> DetectorMaps:
        flat = torch.cat([m.flatten(2) for m in self.maps(images)], dim=2).transpose(1, 2)
        return DetectorMaps(
            flat[..., 0],
            flat[..., 1:3],
            flat[..., 3],
            flat[..., 4:6],
            flat[..., 6:].unflatten(2, (POINTS, 2)),
        )

    def maps(self, images: Tensor) -> list[Tensor]:
        """Output maps (B, 16, H / stride, W / stride), fine to coarse, with channels in the order
        of `DetectorMaps`."""
        x = (images - GRAY_MEAN) / GRAY_STD
        f8 = self.stage8(self.stem(x))
        f16 = self.stage16(f8)
        f32 = self.stage32(f16)
        f16 = f16 + functional.interpolate(self.down32(f32), scale_factor=2.0, mode="nearest")
        f8 = f8 + functional.interpolate(self.down16(f16), scale_factor=2.0, mode="nearest")
        return [head(f) for head, f in zip(self.heads, (f8, f16, f32), strict=True)]


class DetectorGraph(nn.Module):
    """The network as the model file contains it.

    ``forward``: images (B, H, W) uint8, H and W multiples of 32, to (B, 16, N), for every cell of
    `cells`: log odds of a face, shifted so that 0 is the threshold; x and y from the cell to the
    center of the face in pixels; natural logarithm of the box's longer side in pixels; cosine and
    sine of the clockwise rotation, of any length; x and y from the cell to each of the `POINTS`
    points in pixels. Further decoding of the few cells with a face is left to the caller.

    Args:
        net: trained.
        threshold: log odds from which a cell counts as a face.
    """

    def __init__(self, net: FaceNet, threshold: float = 0.0) -> None:
        super().__init__()
        self.net = copy.deepcopy(net).eval()
        with torch.no_grad():
            for head, reference in zip(self.net.heads, REFERENCE, strict=True):
                last = head[-1]  # pyright: ignore[reportIndexIssue]
                scale = last.weight.new_full((_CHANNELS,), reference)
                scale[[0, 3, 4, 5]] = 1.0
                last.weight *= scale[:, None, None, None]
                last.bias *= scale
                last.bias[0] -= threshold
                last.bias[3] += math.log(reference)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.net.maps(images[:, None].float())
        return torch.cat([m.flatten(2) for m in maps], dim=2)
