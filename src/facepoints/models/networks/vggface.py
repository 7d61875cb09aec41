"""VGG-Face: the sixteen layers of VGG, by far the largest of the networks here."""

from __future__ import annotations

from torch import nn

from facepoints.models.networks.layers import PointRegressor

__all__ = ["vggface"]

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


def vggface(points: int, size: tuple[int, int]) -> nn.Module:
    """VGG-Face for K `points` and images of `size` (H, W).

    Parkhi, Vedaldi & Zisserman 2015, Deep Face Recognition
    (https://doi.org/10.5244/C.29.41), whose body is configuration D of Simonyan & Zisserman
    2015 (https://arxiv.org/abs/1409.1556): thirteen 3x3 convolutions, padded, with ReLU, in
    five blocks that each end in a 2x2 max pool; dense 4096 and 4096 with ReLU and dropout
    0.5. Adapted: one gray channel, any input size, points in place of 2622 identities, no
    weights of the original. Without batch norm it needs a lower learning rate than the others.

    Raises:
        SettingsError: a side is under 32 pixels.
    """
    layers, before = [], 1
    for block in BLOCKS:
        for channels in block:
            layers += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU()]
            before = channels
        layers.append(nn.MaxPool2d(2))
    return PointRegressor(
        name="vggface",
        features=nn.Sequential(*layers),
        channels=before,
        dense=(4096, 4096),
        head=tuple(nn.Sequential(nn.ReLU(), nn.Dropout(0.5)) for _ in range(2)),
        points=points,
        size=size,
    )
