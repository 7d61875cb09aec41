"""Losses over the labeled points of a batch.

A loss gives one value per point, (B, K); `masked_loss` averages them over the labeled points.
Everything is in pixels of the network input. Every value is a mean over x and y, so losses of
different networks and numbers of points can be compared.

`laplace` and `gaussian` are negative log likelihoods, which also train the predicted scale
(sigma). Each is halved, to be per coordinate. Their optimum defines what the scale means:

laplace    p = 2 / (pi s^2) exp(-2 r / s), r the distance to the true point
           loss = r / s + ln s + ln(pi / 2) / 2; best s = mean distance
gaussian   p = 1 / (2 pi s^2) exp(-r^2 / (2 s^2))
           loss = r^2 / (4 s^2) + ln s + ln(2 pi) / 2; best s = root mean square per coordinate

The other losses do not train the scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from facepoints.models.networks.keypoint_model import RawOutput
from facepoints.training.distributed import DistributedContext

__all__ = ["LOSSES", "Loss", "MaskedLoss", "masked_loss", "masked_mean"]

SMOOTH_L1_BETA = 1.0
"""Pixels within which smooth L1 is a parabola (Girshick 2015, Fast R-CNN)."""

WING_W = 10.0
WING_EPS = 2.0
"""Pixels; w and eps of the wing loss as its paper chooses them (Feng et al. 2018, table 1)."""

MAX_COORDINATE = 1e6
"""Pixels. The target of an unlabeled entry may be anything, so it is clamped to finite
numbers: 0 times infinity in a gradient would be NaN."""

_TINY = 1e-12


class Loss(NamedTuple):
    """A loss by its parts.

    Attributes:
        per_point: (RawOutput, target (B, K, 2) in pixels) -> (B, K). Finite whatever the target
            holds at unlabeled entries, NaN included.
        root: whether the root is taken of the masked mean.
    """

    per_point: Callable[[RawOutput, Tensor], Tensor]
    root: bool


class MaskedLoss(NamedTuple):
    """The loss of one step.

    Attributes:
        objective: scalar to differentiate in this process. Its gradient is that of the loss; for
            losses with a root, its value is not the loss.
        value: float64 scalar without gradient, the loss over the batches of all processes.
    """

    objective: Tensor
    value: Tensor


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of `values` (B, K) where `mask` (B, K) is true; 0 with a gradient of 0 for an empty
    mask. Values outside the mask have no influence, whatever they are."""
    # not `torch.where` with a number, which would wait for a GPU
    return values.masked_fill(~mask, 0).sum() / mask.sum().clamp(min=1)


def masked_loss(
    loss: Loss, output: RawOutput, target: Tensor, mask: Tensor, ctx: DistributedContext
) -> MaskedLoss:
    """The loss over the labeled points.

    DistributedDataParallel averages gradients over the processes. Each process therefore weights
    its mean by its share of all labels: the step is that of one process with the whole batch.

    Args:
        loss: one of `LOSSES`.
        output: of B images and K points.
        target: (B, K, 2) true points in pixels of the network input.
        mask: (B, K) bool, where `target` is labeled.
        ctx: the processes that train together.
    """
    mean = masked_mean(loss.per_point(output, target), mask)
    count = mask.sum().double()
    total = ctx.total(count).clamp(min=1)
    objective = mean * (count * ctx.size / total).to(mean.dtype)
    value = ctx.total(objective.double()) / ctx.size
    if not loss.root:
        return MaskedLoss(objective, value)
    # The slope of the root is taken of the mean over all processes. It is infinite at 0, so the
    # mean is held above 0.
    root = value.clamp(min=_TINY).sqrt()
    return MaskedLoss(objective / (2 * root).to(objective.dtype), root)


def _error(output: RawOutput, target: Tensor) -> Tensor:
    """Predicted minus true, (B, K, 2), finite whatever the target holds."""
    finite = target.to(output.points.dtype).nan_to_num(0.0, MAX_COORDINATE, -MAX_COORDINATE)
    return output.points - finite.clamp(-MAX_COORDINATE, MAX_COORDINATE)


def _mean_of_coordinates(values: Tensor, output: RawOutput) -> Tensor:
    """Mean over x and y. The scale takes part with weight 0, because DistributedDataParallel
    waits for a gradient of every parameter."""
    return values.mean(dim=-1) + 0 * output.scale


def squared(output: RawOutput, target: Tensor) -> Tensor:
    """Squared error in square pixels, mean of x and y. The root of its mean is the RMSE of
    Kaggle's Facial Keypoints Detection."""
    return _mean_of_coordinates(_error(output, target).square(), output)


def smooth_l1(output: RawOutput, target: Tensor) -> Tensor:
    """Parabola within 1 pixel, absolute error beyond, mean of x and y: Huber's loss as in
    Girshick 2015, Fast R-CNN (https://arxiv.org/abs/1504.08083)."""
    error = _error(output, target)
    values = torch.nn.functional.smooth_l1_loss(
        error, torch.zeros_like(error), reduction="none", beta=SMOOTH_L1_BETA
    )
    return _mean_of_coordinates(values, output)


def wing(output: RawOutput, target: Tensor) -> Tensor:
    """Wing loss, mean of x and y: w ln(1 + |d| / eps) within w = 10 pixels, |d| - C beyond,
    where C makes both meet; eps = 2 pixels. Feng et al. 2018, Wing Loss for Robust Facial
    Landmark Localisation with Convolutional Neural Networks
    (https://arxiv.org/abs/1711.06753)."""
    error = _error(output, target).abs()
    offset = WING_W - WING_W * math.log1p(WING_W / WING_EPS)
    near = WING_W * torch.log1p(error / WING_EPS)
    return _mean_of_coordinates(torch.where(error < WING_W, near, error - offset), output)


def laplace(output: RawOutput, target: Tensor) -> Tensor:
    """Half the negative log likelihood of an isotropic Laplace density around the predicted
    point, with the mean distance as its scale; formula in the module's docstring. Errors count
    linearly, not squared, so wrong labels have less influence. The density is that of LUVLi
    (Kumar et al. 2020, https://arxiv.org/abs/2004.02980) with one scale for x and y."""
    square = _error(output, target).square().sum(dim=-1)
    distance = square.clamp(min=_TINY).sqrt()  # slope 0, not NaN, where both coincide
    scale = output.scale
    return distance / scale + scale.log() + math.log(math.pi / 2) / 2


def gaussian(output: RawOutput, target: Tensor) -> Tensor:
    """Half the negative log likelihood of an isotropic Gaussian around the predicted point, with
    the standard deviation of each coordinate as its scale; formula in the module's docstring.
    Nix & Weigend 1994, Estimating the mean and variance of the target probability
    distribution."""
    square = _error(output, target).square().sum(dim=-1)
    scale = output.scale
    return square / (4 * scale.square()) + scale.log() + math.log(2 * math.pi) / 2


LOSSES: dict[str, Loss] = {
    "mse": Loss(squared, root=False),
    "rmse": Loss(squared, root=True),
    "smooth_l1": Loss(smooth_l1, root=False),
    "wing": Loss(wing, root=False),
    "laplace": Loss(laplace, root=False),
    "gaussian": Loss(gaussian, root=False),
}
"""Losses by name."""
