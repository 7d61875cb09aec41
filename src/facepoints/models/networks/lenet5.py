"""LeNet-5, the smallest baseline."""

from __future__ import annotations

from torch import nn

from facepoints.models.networks.layers import PointRegressor

__all__ = ["lenet5"]


def lenet5(points: int, size: tuple[int, int]) -> nn.Module:
    """LeNet-5 for K `points` and images of `size` (H, W).

    LeCun, Bottou, Bengio & Haffner 1998, Gradient-based learning applied to document
    recognition (https://doi.org/10.1109/5.726791): 6 and 16 unpadded filters of 5x5, each
    with a 2x2 pool, then 120 and 84. Adapted: ReLU for the scaled tanh, max pools for the
    trained subsampling, every second-layer filter sees all 6 maps, and the layer of 120 is
    dense, as it is in the paper too at its 32x32, since larger images leave more than 5x5.

    Raises:
        SettingsError: a side is under 16 pixels.
    """
    features = nn.Sequential(
        nn.Conv2d(1, 6, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )
    return PointRegressor(
        name="lenet5",
        features=features,
        channels=16,
        dense=(120, 84),
        head=(nn.ReLU(), nn.ReLU()),
        points=points,
        size=size,
    )
