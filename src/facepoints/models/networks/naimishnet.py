"""NaimishNet, a LeNet for facial keypoints with dropout that grows layer by layer."""

from __future__ import annotations

from torch import nn

from facepoints.models.networks.layers import PointRegressor

__all__ = ["naimishnet"]

CHANNELS = (32, 64, 128, 256)
KERNELS = (4, 3, 2, 1)
DROPOUTS = (0.1, 0.2, 0.3, 0.4)


def naimishnet(points: int, size: tuple[int, int]) -> nn.Module:
    """NaimishNet for K `points` and images of `size` (H, W).

    Agarwal, Krohn-Grimberghe & Vyas 2017, Facial Key Points Detection using Deep
    Convolutional Neural Network - NaimishNet (https://arxiv.org/abs/1710.00977): unpadded
    convolutions of 32 filters of 4x4, 64 of 3x3, 128 of 2x2 and 256 of 1x1, each with ELU,
    2x2 max pool and dropout of 0.1, 0.2, 0.3, 0.4; dense 1000 with ELU and dropout 0.5;
    dense 1000, linear, with dropout 0.6. A 96x96 image leaves 6400 features. Adapted: one
    network for all points (the paper trains one for each), initial weights after He et al.

    Raises:
        SettingsError: a side is under 27 pixels.
    """
    layers, before = [], 1
    for channels, kernel, dropout in zip(CHANNELS, KERNELS, DROPOUTS, strict=True):
        layers += [
            nn.Conv2d(before, channels, kernel),
            nn.ELU(),
            nn.MaxPool2d(2),
            nn.Dropout(dropout),
        ]
        before = channels
    return PointRegressor(
        name="naimishnet",
        features=nn.Sequential(*layers),
        channels=before,
        dense=(1000, 1000),
        head=(nn.Sequential(nn.ELU(), nn.Dropout(0.5)), nn.Dropout(0.6)),
        points=points,
        size=size,
    )
