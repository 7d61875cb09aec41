"""Refit how the annotators of the data sets differ: the last step of training the landmark model.

The network learns the annotator bias by gradient steps, together with everything else. For sets
that label few of the points, few steps count, and it does not reach its optimum. So the maps of
these sets are fitted again in closed form, on training faces: for each set, a ridge regression
(Hoerl & Kennard 1970, doi:10.1080/00401706.1970.10488634) predicts the error of each point from all
predicted points. See `facepoints.models.networks.annotator_bias`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from facepoints.datasets.samples import Samples
from facepoints.models.networks import KeypointModel
from facepoints.models.networks.heatnet import HeatNet
from facepoints.models.run import Run, read_header, save_weights
from facepoints.training.augment import AUGMENTS, augment

__all__ = ["refit_annotator_bias"]

OBSERVATIONS = 3000
"""Augmented faces of each set; the same face may occur several times."""
RIDGE = 1e-3
"""Ridge penalty per face, for coordinates in half sides."""
FEWEST = 200
"""Labels that a point must have in a set; points with fewer keep the network's map."""
_AUGMENT = replace(AUGMENTS["refined-crop"], occlusion=0.1)
_BATCH = 100


def refit_annotator_bias(folder: Path, sets: Mapping[str, Samples]) -> None:
    """Refit the annotator bias of a run with one network, in place.

    Args:
        folder: of the run.
        sets: training faces by the name of their marking scheme, in crops at least as large as
            the network input.
    """
    run, header = Run.load(folder), read_header(folder)
    model = run.members[0].model
    assert isinstance(model.backbone, HeatNet)
    bias = model.backbone.annotator_bias
    assert bias is not None
    generator = torch.Generator().manual_seed(0)
    order = list(run.schemes)
    for name, faces in sets.items():
        points, errors, labelled = _observe(model, faces, generator)
        number = order.index(name)
        with torch.no_grad():
            for column in range(points.shape[1] // 2):
                rows = labelled[:, column]
                if int(rows.sum()) < FEWEST:
                    continue
                pair = slice(2 * column, 2 * column + 2)
                weight, intercept = _ridge_regression(points[rows], errors[rows][:, pair])
                bias.weight[number][:, pair] = weight.float()
                bias.bias[number][pair] = intercept.float()
    save_weights(folder / header["members"][0]["file"], model)


@torch.inference_mode()
def _observe(
    model: KeypointModel, faces: Samples, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Predictions on augmented faces.

    Returns:
        Points (N, 2K) before the annotator bias, errors (N, 2K) of these with the mirror bias, both
        in half sides, and the mask of the labeled points (N, K).
    """
    rows = torch.randint(len(faces), (OBSERVATIONS,), generator=generator)
    backbone, half = model.eval().backbone, model.sides / 2
    assert isinstance(backbone, HeatNet)
    assert backbone.annotator_bias is not None
    before: list[Tensor] = []
    hook = backbone.annotator_bias.register_forward_pre_hook(
        lambda _module, given: before.append(given[0])
    )
    points, errors, masks = [], [], []
    for part in rows.split(_BATCH):
        images, truth, labelled = augment(
            torch.from_numpy(np.array(faces.images[part.numpy()]))[:, None].float(),
            torch.from_numpy(faces.points[part.numpy()]),
            torch.from_numpy(faces.labelled[part.numpy()]),
            _AUGMENT, None, generator, model.size,
        )  # fmt: skip
        model(images)
        raw = before.pop()
        wanted = (truth + 0.5 - model.mirror_bias) / half - 1
        points.append(raw.flatten(1))
        errors.append((wanted - raw).flatten(1))
        masks.append(labelled)
    hook.remove()
    return torch.cat(points).double(), torch.cat(errors).double(), torch.cat(masks)


def _ridge_regression(points: Tensor, errors: Tensor) -> tuple[Tensor, Tensor]:
    """Weights (2K, 2) and intercept (2,) that predict errors (N, 2) from points (N, 2K)."""
    mean, level = points.mean(0), errors.mean(0)
    away = points - mean
    normal = away.T @ away + RIDGE * len(points) * torch.eye(points.shape[1], dtype=points.dtype)
    weight = torch.linalg.solve(normal, away.T @ (errors - level))
    return weight, level - mean @ weight
