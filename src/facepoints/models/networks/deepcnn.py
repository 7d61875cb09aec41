"""The twelve-layer network of many of Kaggle's public keypoint notebooks."""

from __future__ import annotations

from torch import nn

from facepoints.models.networks.layers import PointRegressor

__all__ = ["deepcnn"]

PAIRS = (32, 64, 96, 128, 256, 512)
SLOPE = 0.1


def deepcnn(points: int, size: tuple[int, int]) -> nn.Module:
    """The deep CNN for K `points` and images of `size` (H, W).

    As in public notebooks of Kaggle's Facial Keypoints Detection
    (https://www.kaggle.com/c/facial-keypoints-detection/code): twelve padded 3x3
    convolutions without bias, in pairs of 32, 64, 96, 128, 256 and 512, each with leaky ReLU
    of slope 0.1 and then batch norm; a 2x2 max pool after each pair but the last; dense 512
    with ReLU and dropout 0.1. A 96x96 image leaves 4608 features.

    Raises:
        SettingsError: a side is under 32 pixels.
    """
    layers, before = [], 1
    for number, channels in enumerate(PAIRS):
        if number:
            layers.append(nn.MaxPool2d(2))
        for _ in range(2):
            layers += [
                nn.Conv2d(before, channels, 3, padding=1, bias=False),
                nn.LeakyReLU(SLOPE),
                nn.BatchNorm2d(channels),
            ]
            before = channels
    return PointRegressor(
        name="deepcnn",
        features=nn.Sequential(*layers),
        channels=before,
        dense=(512,),
        head=(nn.Sequential(nn.ReLU(), nn.Dropout(0.1)),),
        points=points,
        size=size,
        slope=SLOPE,
    )
