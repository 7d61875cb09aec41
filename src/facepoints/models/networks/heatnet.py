"""heatnet: heatmaps read by soft-argmax, each point with its spread.

A small residual encoder (He et al. 2016, https://arxiv.org/abs/1512.03385) and a light
decoder that adds finer features on the way up (Lin et al. 2017,
https://arxiv.org/abs/1612.03144) draw one heatmap a point. The softmax of a heatmap is
a distribution over the picture; its mean is the point (integral regression, Sun et al.
2018, https://arxiv.org/abs/1711.08229; DSNT, Nibali et al. 2018,
https://arxiv.org/abs/1801.07372), so nothing is rounded to the grid. Its standard
deviation, with the features under the point, tells the spread.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from facepoints.errors import SettingsError
from facepoints.models.networks.annotator_bias import AnnotatorBias
from facepoints.models.networks.layers import full_precision

__all__ = ["HeatNet", "heatnet"]

_WIDTHS = (16, 32, 64, 128)  # channels at strides 2, 4, 8 and 16

SMALLEST_SIDE = 32
"""Pixels: below, the deepest map would hold fewer than 2x2 cells."""


class _Residual(nn.Module):
    """Two 3x3 convolutions around a shortcut, batch norm after each."""

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, 1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
            nn.Conv2d(after, after, 3, 1, 1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.stride = stride
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or before != after:
            # All cells count, not one in four: a window as wide as the stride.
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, after, stride, stride, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.body(x) + self.shortcut(self._even(x)))

    def _even(self, x: Tensor) -> Tensor:
        """With a last row and column again where strides would leave them out."""
        height, width = x.shape[-2:]
        below, right = -height % self.stride, -width % self.stride
        return functional.pad(x, (0, right, 0, below), "replicate") if below or right else x


def _conv(before: int, after: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )


class HeatNet(nn.Module):
    """See the module's text. ``forward``: (B, 1, H, W) to raw (B, K, 3): x and y in
    [-1, 1] over the picture and the log of the spread in half sides; with `judges` also
    to (B,), the log odds that the picture shows a face. With `annotators` the points are
    corrected by their `Habits`."""

    def __init__(self, points: int, has_face_score: bool = False, annotators: int = 0) -> None:
        super().__init__()
        stem, quarter, eighth, sixteenth = _WIDTHS
        self.points = points
        self.stem = _conv(1, stem, 5, 2)
        self.quarter = nn.Sequential(_Residual(stem, quarter, 2), _Residual(quarter, quarter))
        self.eighth = nn.Sequential(_Residual(quarter, eighth, 2), _Residual(eighth, eighth))
        self.sixteenth = nn.Sequential(
            _Residual(eighth, sixteenth, 2),
            _Residual(sixteenth, sixteenth),
            _Residual(sixteenth, sixteenth),
        )
        self.from_sixteenth = _conv(sixteenth, eighth, 1)
        self.at_eighth = _conv(eighth, quarter, 3)
        self.at_quarter = _conv(quarter, 64, 3)
        self.heat = nn.Conv2d(64, points, 1)
        self.log_scale = nn.Conv2d(64, points, 1)
        # Begin with the heatmap's own deviation as the spread.
        for start in self.log_scale.parameters():
            nn.init.zeros_(start)
        # Only where it is trained: DistributedDataParallel waits for every gradient.
        self.face_score = nn.Linear(sixteenth, 1) if has_face_score else None
        self.annotator_bias = AnnotatorBias(points, sixteenth, annotators) if annotators else None

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        quarter = self.quarter(self.stem(x))
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        up = functional.interpolate(self.from_sixteenth(sixteenth), size=eighth.shape[-2:])
        up = functional.interpolate(self.at_eighth(up + eighth), size=quarter.shape[-2:])
        features = self.at_quarter(up + quarter)
        with full_precision(features.device.type):
            raw = self._read(features.float())
            seen = sixteenth.mean((2, 3)).float()
            if self.annotator_bias is not None:
                raw = torch.cat([self.annotator_bias(raw[..., :2], seen), raw[..., 2:]], dim=-1)
        if self.face_score is None:
            return raw
        return raw, self.face_score(seen).squeeze(1)

    def _read(self, features: Tensor) -> Tensor:
        """Features (B, C, h, w) to each heatmap's mean and spread, raw (B, K, 3).

        The cells tile the picture, so cell i of n covers [-1 + 2i/n, -1 + 2(i+1)/n] and
        counts with its middle. The spread is the heatmap's own deviation times a factor that
        the features tell, averaged under the heatmap.
        """
        height, width = features.shape[-2:]
        chance = functional.softmax(self.heat(features).flatten(2), dim=-1)
        kind = {"device": features.device, "dtype": features.dtype}
        xs = (torch.arange(width, **kind) + 0.5) * (2 / width) - 1
        ys = (torch.arange(height, **kind) + 0.5) * (2 / height) - 1
        grid = torch.stack([xs.repeat(height), ys.repeat_interleave(width)])
        # One product for all averages under the heatmaps.
        places = torch.cat([grid, grid.square()]).expand(features.shape[0], -1, -1)
        seen = torch.cat([features.flatten(2), places], 1)
        under = chance @ seen.transpose(1, 2)
        mean, square = under[..., -4:-2], under[..., -2:]
        variance = (square - mean.square()).sum(-1).clamp_min(1e-6)
        weight, bias = self.log_scale.weight.flatten(1), self.log_scale.bias
        assert bias is not None
        learned = (under[..., :-4] * weight).sum(-1) + bias
        return torch.cat([mean, (0.5 * variance.log() + learned).unsqueeze(-1)], dim=-1)


def heatnet(
    points: int, size: tuple[int, int], has_face_score: bool = False, annotators: int = 0
) -> nn.Module:
    """heatnet for `points` points and pictures of any size (H, W) from 32 pixels a side;
    with `judges` it also says whether there is a face, with `annotators` it corrects its points
    by their `Habits`.

    Raises:
        SettingsError: a side is under 32 pixels.
    """
    if min(size) < SMALLEST_SIDE:
        raise SettingsError(
            f"heatnet needs pictures of at least {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels, "
            f"{size[1]}x{size[0]} came; choose a larger size or another network"
        )
    return HeatNet(points, has_face_score, annotators)
