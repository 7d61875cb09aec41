"""Faces of a batch, with their labels, on the training device."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

__all__ = ["FaceBatch"]


class FaceBatch(NamedTuple):
    """B faces of K points, all on one device.

    Attributes:
        images: (B, 1, H, W) float32 in [0, 255].
        points: (B, K, 2) float32, (x, y) in pixels; the center of the top-left pixel is (0, 0).
        labelled: (B, K) bool.
        visibility: (B, K) int8: 1 visible, 0 hidden, -1 unknown; or None.
    """

    images: Tensor
    points: Tensor
    labelled: Tensor
    visibility: Tensor | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the images, in pixels."""
        return self.images.shape[-2], self.images.shape[-1]
