"""Systematic differences between annotators, predicted per image and added to the points.

Annotators place points of the same name slightly differently: further out on the jaw, lower on
the brows, all of them to one side. A network trained on several annotators predicts a mean of
their habits where it cannot tell who labeled the image. This module predicts the probability of
each annotator, and adds each annotator's offset by that probability. An offset is a linear map of
all points, because the points of a shape are correlated (as in the shape models of Cootes et al.
1995, doi:10.1006/cviu.1995.1004).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["AnnotatorBias"]


class AnnotatorBias(nn.Module):
    """Adds the offset of the probable annotator to points. All offsets are 0 before the training.

    ``forward``: points (B, K, 2), in half sides of the image, and the probability of each annotator
    (B, annotators) to corrected points (B, K, 2). `annotator_logits` maps features (B, C) to the
    log odds of each annotator.

    Args:
        points: K.
        features: C.
        annotators: number of annotators, at least 2.
    """

    def __init__(self, points: int, features: int, annotators: int) -> None:
        super().__init__()
        self.annotator_logits = nn.Linear(features, annotators)
        self.weight = nn.Parameter(torch.zeros(annotators, 2 * points, 2 * points))
        self.bias = nn.Parameter(torch.zeros(annotators, 2 * points))

    def forward(self, points: Tensor, probability: Tensor) -> Tensor:
        flat = points.flatten(1)
        offsets = (flat @ self.weight).transpose(0, 1) + self.bias  # (B, annotators, 2K)
        return points + (probability[..., None] * offsets).sum(1).view_as(points)
