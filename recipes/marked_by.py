"""Annotator bias: the last step of the landmark model's recipe.

The photos were labeled by hand, the video frames by a detector. The systematic differences are
measured on the training faces: a logistic regression on the network's features predicts the
annotator of a face, and a ridge regression for each annotator predicts the error of all points
from all predicted points. See `facepoints.models.networks.annotator_bias`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from facepoints.datasets.samples import Samples
from facepoints.models.networks import KeypointModel, build_model
from facepoints.models.networks.heatnet import HeatNet
from facepoints.models.run import Run, read_header, save_run, save_weights
from facepoints.training.augment import AUGMENTS, augment

__all__ = ["add_annotator_bias"]

OBSERVATIONS = 6000
"""Augmented faces of each annotator; the same face may occur several times."""
RIDGE = 1e-3
"""Ridge penalty per face, for coordinates in half sides."""
_AUGMENT = replace(AUGMENTS["refined-crop"], occlusion=0.1)
_ITERATIONS = 80  # of the logistic regression


def add_annotator_bias(folder: Path, annotators: Sequence[Samples], ridge: float = RIDGE) -> None:
    """Add an `AnnotatorBias` to the network of a run, in place. The run then no longer averages
    with mirror images.

    Args:
        folder: of a run with one network, without annotator bias.
        annotators: training faces of each annotator, in crops at least as large as the network
            input.
        ridge: penalty of the ridge regression.
    """
    run, header = Run.load(folder), read_header(folder)
    before = run.members[0].model
    model = build_model(
        "heatnet", before.points, before.size, 0.0, 1.0, before.has_face_score, len(annotators)
    )
    model.load_state_dict(before.state_dict(), strict=False)
    model.eval()
    bias = _heatnet(model).annotator_bias
    assert bias is not None
    generator = torch.Generator().manual_seed(0)
    observations = [_observe(before, faces, generator) for faces in annotators]
    with torch.no_grad():
        for number, (points, _, errors) in enumerate(observations):
            bias.weight[number], bias.bias[number] = _ridge_regression(points, errors, ridge)
    _classify(bias.annotator_logits, [features for _, features, _ in observations])
    save_weights(folder / header["members"][0]["file"], model)
    header["members"][0]["annotators"] = len(annotators)
    # The bias holds for images as they are. In the mean with the output for the mirror image, which
    # is mirrored back, biases to one side would cancel.
    header["mirror"] = False
    save_run(folder, header)


def _heatnet(model: KeypointModel) -> HeatNet:
    assert isinstance(model.backbone, HeatNet)
    return model.backbone


@torch.inference_mode()
def _observe(
    model: KeypointModel, faces: Samples, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Predictions on augmented faces.

    Returns:
        Points (N, 2K) without the mirror bias, features (N, C), and errors (N, 2K) of the points
        with the mirror bias; points and errors in half sides.
    """
    rows = torch.randint(len(faces), (OBSERVATIONS,), generator=generator)
    backbone, half = _heatnet(model.eval()), model.sides / 2
    pooled: list[Tensor] = []
    hook = backbone.sixteenth.register_forward_hook(
        lambda _m, _i, out: pooled.append(out.mean((2, 3)))
    )
    points, errors, features = [], [], []
    for part in rows.split(100):
        images, truth, labelled = augment(
            torch.from_numpy(np.array(faces.images[part.numpy()]))[:, None].float(),
            torch.from_numpy(faces.points[part.numpy()]),
            torch.from_numpy(faces.labelled[part.numpy()]),
            _AUGMENT, None, generator, model.size,
        )  # fmt: skip
        complete = labelled.all(1)
        predicted = model(images).points
        points.append((((predicted - model.mirror_bias + 0.5) / half) - 1)[complete].flatten(1))
        errors.append(((truth - predicted) / half)[complete].flatten(1))
        features.append(pooled.pop()[complete])
    hook.remove()
    return torch.cat(points).double(), torch.cat(features), torch.cat(errors).double()


def _ridge_regression(points: Tensor, errors: Tensor, ridge: float) -> tuple[Tensor, Tensor]:
    """Weights (2K, 2K) and intercept (2K,) that predict errors (N, 2K) from points (N, 2K)."""
    mean, mean_error = points.mean(0), errors.mean(0)
    centered = points - mean
    square = centered.T @ centered + ridge * len(points) * torch.eye(points.shape[1]).double()
    weights = torch.linalg.solve(square, centered.T @ (errors - mean_error))
    return weights.float(), (mean_error - mean @ weights).float()


def _classify(layer: torch.nn.Linear, features: Sequence[Tensor]) -> None:
    """Fit a layer by logistic regression of the annotator, from features (N, C) of each."""
    rows = torch.cat(list(features)).clone()
    annotator = torch.repeat_interleave(
        torch.arange(len(features)), torch.tensor([len(part) for part in features])
    )
    mean, std = rows.mean(0), rows.std(0) + 1e-3
    rows = (rows - mean) / std
    weight = torch.zeros(len(features), rows.shape[1], requires_grad=True)
    bias = torch.zeros(len(features), requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=_ITERATIONS)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(rows @ weight.T + bias, annotator)
        loss = loss + 1e-3 * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        layer.weight.copy_(weight / std)
        layer.bias.copy_(bias - (weight / std) @ mean)
