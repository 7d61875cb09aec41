"""How far predicted points are from the labelled ones, counted only where there are labels.

A loss gives one value per point, (B, K); `masked_mean` takes the mean over the labelled
ones. Everything is in pixels of the network's input, and every value is a mean over the
two coordinates, so losses of different networks and point counts compare.

`laplace` and `gaussian` are negative log likelihoods that train the spread as well, each
halved so as to be per coordinate. Their optimum says what the spread means:

laplace    p = 2 / (pi s^2) exp(-2 r / s), r the distance to the true point
           loss = r / s + ln s + ln(pi / 2) / 2; best s = mean distance
gaussian   p = 1 / (2 pi s^2) exp(-r^2 / (2 s^2))
           loss = r^2 / (4 s^2) + ln s + ln(2 pi) / 2; best s = root mean square per coordinate

The other losses leave the spread alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from facepoints.models.networks.keypoint_model import RawOutput

__all__ = ["LOSSES", "Loss", "masked_loss", "masked_mean"]

SMOOTH_L1_BETA = 1.0
"""Pixels within which smooth L1 is a parabola (Girshick 2015, Fast R-CNN)."""

WING_W = 10.0
WING_EPS = 2.0
"""Pixels; w and eps of the wing loss as its paper chooses them (Feng et al. 2018, table 1)."""

FARTHEST = 1e6
"""Pixels. Where an entry is not labelled the target may be anything, so it is held to
finite numbers: 0 times infinity in a gradient would be NaN."""

_TINY = 1e-12


class Loss(NamedTuple):
    """A loss by its parts.

    Attributes:
        per_point: (Points, target (B, K, 2) in pixels) -> (B, K). Finite whatever the target
            holds where nothing is labelled, NaN too.
        root: the root is taken of the masked mean.
    """

    per_point: Callable[[RawOutput, Tensor], Tensor]
    root: bool


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of `values` (B, K) where `mask` (B, K) is true; 0, with a gradient of 0, where
    nothing is. What `values` holds elsewhere has no influence."""
    return torch.where(mask, values, 0).sum() / mask.sum().clamp(min=1)


def masked_loss(loss: Loss, predicted: RawOutput, target: Tensor, mask: Tensor) -> Tensor:
    """The scalar to train on.

    Args:
        loss: one of `LOSSES`.
        predicted: of B pictures and K points.
        target: (B, K, 2) true points in pixels of the network's input.
        mask: (B, K) bool, where `target` is labelled.
    """
    mean = masked_mean(loss.per_point(predicted, target), mask)
    if not loss.root:
        return mean
    # The root's slope at 0 is infinite, so a batch that fits exactly or has no label keeps
    # its mean. Inside, too: a slope that `where` drops must still be a number.
    return torch.where(mean > _TINY, mean.clamp(min=_TINY).sqrt(), mean)


def _gap(predicted: RawOutput, target: Tensor) -> Tensor:
    """Predicted minus true, (B, K, 2), finite whatever the target holds."""
    known = target.to(predicted.points.dtype).nan_to_num(0.0, FARTHEST, -FARTHEST)
    return predicted.points - known.clamp(-FARTHEST, FARTHEST)


def _of_coordinates(values: Tensor, predicted: RawOutput) -> Tensor:
    """Mean over x and y. The spread takes part with weight 0: DistributedDataParallel waits
    for a gradient of every parameter, those of the spread too."""
    return values.mean(dim=-1) + 0 * predicted.scale


def squared(predicted: RawOutput, target: Tensor) -> Tensor:
    """Squared error in square pixels, mean of x and y. The root of its mean is the RMSE that
    Kaggle's Facial Keypoints Detection counts."""
    return _of_coordinates(_gap(predicted, target).square(), predicted)


def smooth_l1(predicted: RawOutput, target: Tensor) -> Tensor:
    """Parabola within 1 pixel, absolute error beyond, mean of x and y. Huber's loss as in
    Girshick 2015, Fast R-CNN (https://arxiv.org/abs/1504.08083)."""
    gap = _gap(predicted, target)
    values = torch.nn.functional.smooth_l1_loss(
        gap, torch.zeros_like(gap), reduction="none", beta=SMOOTH_L1_BETA
    )
    return _of_coordinates(values, predicted)


def wing(predicted: RawOutput, target: Tensor) -> Tensor:
    """Wing loss, mean of x and y: w ln(1 + |d| / eps) within w = 10 pixels, |d| - C beyond,
    with C so that both meet; eps = 2 pixels. Feng et al. 2018, Wing Loss for Robust Facial
    Landmark Localisation with Convolutional Neural Networks
    (https://arxiv.org/abs/1711.06753)."""
    gap = _gap(predicted, target).abs()
    meet = WING_W - WING_W * math.log1p(WING_W / WING_EPS)
    near = WING_W * torch.log1p(gap / WING_EPS)
    return _of_coordinates(torch.where(gap < WING_W, near, gap - meet), predicted)


def laplace(predicted: RawOutput, target: Tensor) -> Tensor:
    """Half the negative log likelihood of a round Laplace density about the predicted point
    whose spread is the mean distance; formula in the module's docstring. Errors count by
    their size and not its square, so wrong labels pull less. The density is that of LUVLi
    (Kumar et al. 2020, https://arxiv.org/abs/2004.02980) with one scale for x and y."""
    square = _gap(predicted, target).square().sum(dim=-1)
    distance = square.clamp(min=_TINY).sqrt()  # slope 0, not NaN, where both coincide
    spread = predicted.scale
    return distance / spread + spread.log() + math.log(math.pi / 2) / 2


def gaussian(predicted: RawOutput, target: Tensor) -> Tensor:
    """Half the negative log likelihood of a round Gaussian about the predicted point whose
    spread is the standard deviation of each coordinate; formula in the module's docstring.
    Nix & Weigend 1994, Estimating the mean and variance of the target probability
    distribution."""
    square = _gap(predicted, target).square().sum(dim=-1)
    spread = predicted.scale
    return square / (4 * spread.square()) + spread.log() + math.log(2 * math.pi) / 2


LOSSES: dict[str, Loss] = {
    "mse": Loss(squared, root=False),
    "rmse": Loss(squared, root=True),
    "smooth_l1": Loss(smooth_l1, root=False),
    "wing": Loss(wing, root=False),
    "laplace": Loss(laplace, root=False),
    "gaussian": Loss(gaussian, root=False),
}
"""Name to loss."""
