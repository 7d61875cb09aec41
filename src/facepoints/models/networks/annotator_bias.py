"""habits: where each of several annotators would have put the points of a picture.

Who marks photos by hand and who checks what a detector marked in video frames put points of the
same name at slightly different places: further out on the jaw, lower on the brows, all of them
to one side. A network that learned from both marks the mean of their habits where it cannot tell
whose picture it sees. Here it says whose it may be, and a linear map of all points for each
annotator (a shape's points tell how far its others are off, as in the shape models of Cootes et
al. 1995, doi:10.1006/cviu.1995.1004) adds what that one would have done differently.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["AnnotatorBias"]


class AnnotatorBias(nn.Module):
    """See the module's text. A fresh one changes nothing.

    ``forward``: points (B, K, 2), in half sides of the picture, and features (B, C) to points
    (B, K, 2).

    Args:
        points: K.
        features: C.
        annotators: how many, at least 2.
    """

    def __init__(self, points: int, features: int, annotators: int) -> None:
        super().__init__()
        self.annotator_logits = nn.Linear(features, annotators)
        self.weight = nn.Parameter(torch.zeros(annotators, 2 * points, 2 * points))
        self.bias = nn.Parameter(torch.zeros(annotators, 2 * points))

    def forward(self, points: Tensor, features: Tensor) -> Tensor:
        chance = self.annotator_logits(features).softmax(-1)
        flat = points.flatten(1)
        added = (flat @ self.weight).transpose(0, 1) + self.bias  # (B, annotators, 2K)
        return points + (chance[..., None] * added).sum(1).view_as(points)
