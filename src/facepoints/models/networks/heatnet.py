"""heatnet: heatmap regression by soft-argmax, with a scale for each point.

A small residual encoder (He et al. 2016, https://arxiv.org/abs/1512.03385) and a light
decoder that adds finer features on the way up (Lin et al. 2017,
https://arxiv.org/abs/1612.03144) predict one heatmap per point. The softmax of a heatmap is
a distribution over the image; its mean is the point (integral regression, Sun et al.
2018, https://arxiv.org/abs/1711.08229; DSNT, Nibali et al. 2018,
https://arxiv.org/abs/1801.07372), so nothing is rounded to the grid. The scale is predicted from
the heatmap's standard deviation and the features under the point.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from facepoints.errors import SettingsError
from facepoints.models.networks.annotator_bias import AnnotatorBias
from facepoints.models.networks.backbone_options import POINTS_ONLY, BackboneOptions
from facepoints.models.networks.layers import BackboneOutput, convolution, full_precision

__all__ = ["WIDTHS", "HeatNet", "heatnet"]

WIDTHS = (16, 32, 64, 128)
"""Channels at strides 2, 4, 8 and 16."""

SMALLEST_SIDE = 32
"""Smallest side of an image, in pixels. With less, the deepest feature map would have fewer than
2x2 cells."""


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
            # The window is as wide as the stride, so that every cell counts, not one in four.
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, after, stride, stride, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.body(x) + self.shortcut(self._pad(x)))

    def _pad(self, x: Tensor) -> Tensor:
        """Repeat the last row and column where the stride would leave them out."""
        height, width = x.shape[-2:]
        bottom, right = -height % self.stride, -width % self.stride
        return functional.pad(x, (0, right, 0, bottom), "replicate") if bottom or right else x


class _Visibility(nn.Module):
    """Log odds (B, K) that points are visible, from the features under each heatmap (B, K, C) and
    the pooled features of the image (B, D)."""

    def __init__(self, points: int, under: int, pooled: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(points, under))
        self.turned = nn.Linear(pooled, points)
        nn.init.zeros_(self.turned.weight)

    def forward(self, under: Tensor, pooled: Tensor) -> Tensor:
        return (under * self.weight).sum(-1) + self.turned(pooled)


class HeatNet(nn.Module):
    """The network that the module's docstring describes.

    ``forward``: normalized images (B, 1, H, W) to `BackboneOutput`.

    Args:
        points: K.
        has_face_score: also predict whether there is a face.
        annotators: number of annotators whose `AnnotatorBias` corrects the points; 0: no
            correction.
        has_visibility: also predict whether each point is visible.
        has_scale_gain: multiply all scales of a face by a factor that is predicted from its
            features; see `recipes/radius_gain.py`.
        widths: channels at strides 2, 4, 8 and 16.
    """

    def __init__(
        self,
        points: int,
        has_face_score: bool = False,
        annotators: int = 0,
        has_visibility: bool = False,
        has_scale_gain: bool = False,
        widths: tuple[int, int, int, int] = WIDTHS,
    ) -> None:
        super().__init__()
        stem, quarter, eighth, sixteenth = widths
        self.points, self.widths = points, widths
        self.stem = convolution(1, stem, 5, 2)
        self.quarter = nn.Sequential(_Residual(stem, quarter, 2), _Residual(quarter, quarter))
        self.eighth = nn.Sequential(_Residual(quarter, eighth, 2), _Residual(eighth, eighth))
        self.sixteenth = nn.Sequential(
            _Residual(eighth, sixteenth, 2),
            _Residual(sixteenth, sixteenth),
            _Residual(sixteenth, sixteenth),
        )
        self.from_sixteenth = convolution(sixteenth, eighth, 1)
        self.at_eighth = convolution(eighth, quarter, 3)
        self.at_quarter = convolution(quarter, 64, 3)
        self.heat = nn.Conv2d(64, points, 1)
        self.log_scale = nn.Conv2d(64, points, 1)
        # The initial scale is the standard deviation of the heatmap.
        for parameter in self.log_scale.parameters():
            nn.init.zeros_(parameter)
        # Absent unless trained: DistributedDataParallel waits for every parameter's gradient.
        self.face_score = nn.Linear(sixteenth, 1) if has_face_score else None
        self.annotator_bias = AnnotatorBias(points, sixteenth, annotators) if annotators else None
        self.visibility = _Visibility(points, 64, sixteenth) if has_visibility else None
        self.log_scale_gain = nn.Linear(sixteenth, 1) if has_scale_gain else None

    def forward(self, x: Tensor) -> BackboneOutput:
        quarter = self.quarter(self.stem(x))
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        up = functional.interpolate(self.from_sixteenth(sixteenth), size=eighth.shape[-2:])
        up = functional.interpolate(self.at_eighth(up + eighth), size=quarter.shape[-2:])
        features = self.at_quarter(up + quarter)
        with full_precision(features.device.type):
            raw, averages = self._decode(features.float())
            pooled = sixteenth.mean((2, 3)).float()
            annotator = None
            if self.annotator_bias is not None:
                annotator = self.annotator_bias.annotator_logits(pooled)
                corrected = self.annotator_bias(raw[..., :2], annotator.softmax(-1))
                raw = torch.cat([corrected, raw[..., 2:]], dim=-1)
            if self.log_scale_gain is not None:
                gain = self.log_scale_gain(pooled)
                raw = torch.cat([raw[..., :2], (raw[..., 2] + gain)[..., None]], dim=-1)
            visible = None if self.visibility is None else self.visibility(averages, pooled)
        score = None if self.face_score is None else self.face_score(pooled).squeeze(1)
        return BackboneOutput(raw, score, visible, annotator)

    def _decode(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log scale of each heatmap, raw (B, K, 3), and the features averaged under each
        heatmap (B, K, C), from features (B, C, h, w).

        The cells tile the image: cell i of n covers [-1 + 2i/n, -1 + 2(i+1)/n] and counts with its
        center. The scale is the heatmap's own deviation times a factor that is predicted from the
        features averaged under the heatmap.
        """
        height, width = features.shape[-2:]
        weights = functional.softmax(self.heat(features).flatten(2), dim=-1)
        kind = {"device": features.device, "dtype": features.dtype}
        xs = (torch.arange(width, **kind) + 0.5) * (2 / width) - 1
        ys = (torch.arange(height, **kind) + 0.5) * (2 / height) - 1
        grid = torch.stack([xs.repeat(height), ys.repeat_interleave(width)])
        # One matrix product for all averages under the heatmaps.
        moments = torch.cat([grid, grid.square()]).expand(features.shape[0], -1, -1)
        values = torch.cat([features.flatten(2), moments], 1)
        averages = weights @ values.transpose(1, 2)
        mean, square = averages[..., -4:-2], averages[..., -2:]
        variance = (square - mean.square()).sum(-1).clamp_min(1e-6)
        weight, bias = self.log_scale.weight.flatten(1), self.log_scale.bias
        assert bias is not None
        under = averages[..., :-4]
        log_factor = (under * weight).sum(-1) + bias
        raw = torch.cat([mean, (0.5 * variance.log() + log_factor).unsqueeze(-1)], dim=-1)
        return raw, under


def heatnet(
    points: int, size: tuple[int, int], options: BackboneOptions = POINTS_ONLY
) -> nn.Module:
    """A `HeatNet` for images of `size` (H, W), at least 32 pixels a side.

    Raises:
        SettingsError: a side is under 32 pixels.
    """
    if min(size) < SMALLEST_SIDE:
        raise SettingsError(
            f"heatnet needs images of at least {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels, "
            f"got {size[1]}x{size[0]}; choose a larger size or another network"
        )
    stem, quarter, eighth, sixteenth = options.widths or WIDTHS
    return HeatNet(
        points, options.has_face_score, options.annotators, options.has_visibility,
        options.has_scale_gain, (stem, quarter, eighth, sixteenth),
    )  # fmt: skip
