"""finder: every face in a picture of any size, in one pass, without anchors.

A small residual network (He et al. 2016, https://arxiv.org/abs/1512.03385) whose features at
strides 8, 16 and 32 are joined from the coarse to the fine (Lin et al. 2017,
https://arxiv.org/abs/1612.03144). Every cell of the three maps says whether the middle of a
face lies near it and, if so, where exactly, how large and how turned (FCOS, Tian et al. 2019,
https://arxiv.org/abs/1904.01355). Each map has faces of about an octave and a half.

What belongs to a face is its frame: the box that the mean face takes when a similarity lays
it on this one. Its size does not depend on an open mouth, nor its middle on the turn of the
head, and it is the very frame in which the points are then read.
"""

from __future__ import annotations

import copy
import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from facepoints.detection.builtin import STRIDES, cell_centers

__all__ = ["POINTS", "REFERENCE", "DetectorGraph", "DetectorMaps", "FaceNet", "cells"]

REFERENCE = (20.0, 56.0, 150.0)
"""Longer side of the frame, in pixels, that each map's cells expect."""
POINTS = 5
"""The subject's right eye, left eye, nose tip, right and left corner of the mouth; the eyes'
centres."""

MIDDLE, RANGE = 127.5, 64.0  # gray values that become 0 and what is taken for 1
_STEM = 16  # channels at strides 2 and 4; processors take sixteen at a time
_WIDTHS = (32, 48, 64)  # at strides 8, 16, 32
_CHANNELS = 1 + 5 + 2 * POINTS


class DetectorMaps(NamedTuple):
    """What the network says in N cells of B pictures, before it is in pixels.

    Attributes:
        logit: (B, N) of the chance that a face's middle is near.
        shift: (B, N, 2) from the cell to the middle, as parts of the map's reference.
        size: (B, N) logarithm of the longer side as a part of the reference.
        turn: (B, N, 2) cosine and sine of the turn clockwise, about of length 1.
        points: (B, N, POINTS, 2) from the cell, as parts of the reference.
    """

    logit: Tensor
    shift: Tensor
    size: Tensor
    turn: Tensor
    points: Tensor


def cells(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Cells of all maps of a picture, in the order of the model file (`cell_centers`).

    Returns:
        Middle (N, 2) in pixels and reference (N,); float32.
    """
    counts = [(height // stride) * (width // stride) for stride in STRIDES]
    reference = torch.tensor(REFERENCE).repeat_interleave(torch.tensor(counts))
    return torch.from_numpy(cell_centers(height, width).T - 0.5).float(), reference


def _convolution(before: int, after: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )


class _Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _convolution(width, width),
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.body(x))


def _head(width: int) -> nn.Sequential:
    """What a map says of each cell: a look at the cells around, every channel for itself and
    then all together (depthwise separable, Howard et al. 2017,
    https://arxiv.org/abs/1704.04861), and the numbers of `Maps`."""
    return nn.Sequential(
        nn.Conv2d(width, width, 3, 1, 1, groups=width, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        _convolution(width, width, 1),
        nn.Conv2d(width, _CHANNELS, 1),
    )


class FaceNet(nn.Module):
    """``forward``: pictures (B, 1, H, W) in [0, 255], H and W multiples of 32, to `Maps`."""

    def __init__(self) -> None:
        super().__init__()
        w8, w16, w32 = _WIDTHS
        self.stem = nn.Sequential(
            _convolution(1, _STEM, 5, 2),
            _convolution(_STEM, _STEM, 3, 2),
            _convolution(_STEM, w8, 3, 2),
        )
        self.stage8 = _convolution(w8, w8)
        self.stage16 = nn.Sequential(_convolution(w8, w16, 3, 2), _Residual(w16), _Residual(w16))
        self.stage32 = nn.Sequential(_convolution(w16, w32, 3, 2), _Residual(w32), _Residual(w32))
        self.down32 = nn.Conv2d(w32, w16, 1)
        self.down16 = nn.Conv2d(w16, w8, 1)
        self.heads = nn.ModuleList(_head(width) for width in _WIDTHS)
        self.reset()

    def reset(self) -> None:
        """Fresh weights: He et al. for the body; heads that begin with "no face" nearly
        everywhere, so that the many empty cells do not drown the rest."""
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
                last.bias[0] = -4.6  # a chance of one in a hundred
                last.bias[4] = 1.0  # upright

    def forward(self, images: Tensor) -> DetectorMaps:
        flat = torch.cat([said.flatten(2) for said in self.decode(images)], dim=2).transpose(1, 2)
        return DetectorMaps(
            flat[..., 0],
            flat[..., 1:3],
            flat[..., 3],
            flat[..., 4:6],
            flat[..., 6:].unflatten(2, (POINTS, 2)),
        )

    def decode(self, images: Tensor) -> list[Tensor]:
        """What each map says, fine to coarse: (B, 16, H / stride, W / stride), the channels in
        the order of `Maps`."""
        x = (images - MIDDLE) / RANGE
        f8 = self.stage8(self.stem(x))
        f16 = self.stage16(f8)
        f32 = self.stage32(f16)
        f16 = f16 + functional.interpolate(self.down32(f32), scale_factor=2.0, mode="nearest")
        f8 = f8 + functional.interpolate(self.down16(f16), scale_factor=2.0, mode="nearest")
        return [head(f) for head, f in zip(self.heads, (f8, f16, f32), strict=True)]


class DetectorGraph(nn.Module):
    """A network as the model file has it: what costs time for every cell is left to whoever
    reads the few cells that see a face.

    ``forward``: pictures (B, H, W) uint8, H and W multiples of 32, to (B, 16, N): of every cell
    of `cells` the log odds of a face, 0 where a place is called one; x and y from the cell to
    its middle in pixels; the natural logarithm of its frame's longer side in pixels; cosine and
    sine of its turn clockwise, of any length; x and y from the cell to each of its `POINTS`
    points in pixels.

    Args:
        net: trained.
        clear: logit from which a place is called a face.
    """

    def __init__(self, net: FaceNet, clear: float = 0.0) -> None:
        super().__init__()
        self.net = copy.deepcopy(net).eval()
        with torch.no_grad():
            for head, reference in zip(self.net.heads, REFERENCE, strict=True):
                last = head[-1]  # pyright: ignore[reportIndexIssue]
                scale = torch.full((_CHANNELS,), reference)
                scale[[0, 3, 4, 5]] = 1.0
                last.weight *= scale[:, None, None, None]
                last.bias *= scale
                last.bias[0] -= clear
                last.bias[3] += math.log(reference)

    def forward(self, pictures: Tensor) -> Tensor:
        said = self.net.decode(pictures[:, None].float())
        return torch.cat([part.flatten(2) for part in said], dim=2)
