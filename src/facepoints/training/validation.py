"""Measurements of a model on labeled faces while it trains."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from facepoints.models.networks import KeypointModel
from facepoints.training.batches import DeviceFaces

__all__ = ["measure_mirror_bias", "validation_rmse"]

_BATCH, _BATCH_ON_GPU = 128, 1024  # images per forward pass


@torch.inference_mode()
def validation_rmse(model: KeypointModel, held: DeviceFaces) -> float | None:
    """RMSE in pixels over the labeled coordinates; None without labels."""
    model.eval()
    square, count = 0.0, 0
    most = _batch(held.images.device)
    for start in range(0, len(held.images), most):
        rows = slice(start, start + most)
        error = model(held.images[rows][:, None]).points - held.points[rows]
        square += float(error[held.labelled[rows]].double().square().sum())
        count += 2 * int(held.labelled[rows].sum())
    return math.sqrt(square / count) if count else None


@torch.inference_mode()
def measure_mirror_bias(model: KeypointModel, rows: DeviceFaces, mirror: Tensor) -> Tensor:
    """Mean (K, 2) of labels minus mirror-symmetric predictions, in pixels; 0 for points without
    a label.

    Args:
        mirror: (K,) column of each point's mirror partner.
    """
    model.eval()
    every = torch.arange(len(rows.images), device=mirror.device)
    total = torch.zeros_like(model.mirror_bias)
    count = torch.zeros_like(model.mirror_bias[:, :1])
    for index in every.split(_batch(mirror.device)):
        symmetric = (
            model.predict_mirrored(rows.images[index][:, None], mirror).points - model.mirror_bias
        )
        mask = rows.labelled[index][..., None]
        total += ((rows.points[index] - symmetric) * mask).sum(0)
        count += mask.sum(0)
    return total / count.clamp(min=1)


def _batch(device: torch.device) -> int:
    return _BATCH if device.type == "cpu" else _BATCH_ON_GPU
