"""Net2: four unpadded convolutions with batch norm, the workhorse among the baselines."""

from __future__ import annotations

from torch import nn

from facepoints.models.networks.layers import PointRegressor

__all__ = ["net2"]

CHANNELS = (4, 64, 128, 256)
KERNELS = (5, 3, 3, 3)
DROPOUT = 0.2
DENSE = (1024, 256)


def net2(points: int, size: tuple[int, int]) -> nn.Module:
    """Net2 for K `points` and images of `size` (H, W).

    The plain baseline of Kaggle's Facial Keypoints Detection: the convolution, batch norm,
    ReLU, pool, dropout block of many entries, with batch norm after Ioffe & Szegedy 2015
    (https://arxiv.org/abs/1502.03167). Convolutions of 4 filters of 5x5 and 64, 128 and 256
    of 3x3, none padded; each with batch norm, ReLU, 2x2 max pool and dropout 0.2. Dense
    layers of 1024 and 256 with ReLU. A 96x96 image leaves exactly 4096 features.

    Raises:
        SettingsError: a side is under 48 pixels.
    """
    layers, before = [], 1
    for channels, kernel in zip(CHANNELS, KERNELS, strict=True):
        layers += [
            nn.Conv2d(before, channels, kernel, bias=False),  # batch norm has its own bias
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Dropout(DROPOUT),
        ]
        before = channels
    return PointRegressor(
        name="net2",
        features=nn.Sequential(*layers),
        channels=before,
        dense=DENSE,
        head=(nn.ReLU(), nn.ReLU()),
        points=points,
        size=size,
    )
