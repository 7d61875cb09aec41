"""Who marked which points how: the last step of the points network's recipe.

Photos were marked by hand, frames by a detector. What both would have done differently is
measured on the training faces: a logistic regression on the network's features says whose a face
is, and a ridge regression for each from all predicted points to what is left of the error. See
`facepoints.models.networks.annotator_bias`.
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
from facepoints.models.networks import KeypointModel, build
from facepoints.models.networks.heatnet import HeatNet
from facepoints.models.run import Run, read_header, save_run, save_weights
from facepoints.training.augment import AUGMENTS, augment

__all__ = ["add_habits"]

SIGHTS = 6000
"""Faces of each annotator that are looked at, the same ones changed at random again."""
RIDGE = 1e-3
"""Strength of the ridge by the number of faces, for coordinates in half sides."""
_CHANGED = replace(AUGMENTS["refined-crop"], occlusion=0.1)
_ROUNDS = 80  # of the logistic regression


def add_habits(folder: Path, annotators: Sequence[Samples], ridge: float = RIDGE) -> None:
    """Give the one network of a run the habits of annotators, in place. It then looks at every
    picture one way round.

    Args:
        folder: of the run; one without habits.
        annotators: the training faces of each, in crops at least as wide as the network sees.
    """
    run, header = Run.load(folder), read_header(folder)
    before = run.members[0].model
    model = build(
        "heatnet", before.points, before.size, 0.0, 1.0, before.has_face_score, len(annotators)
    )
    model.load_state_dict(before.state_dict(), strict=False)
    model.eval()
    habits = _heatnet(model).annotator_bias
    assert habits is not None
    generator = torch.Generator().manual_seed(0)
    sights = [_sights(before, faces, generator) for faces in annotators]
    with torch.no_grad():
        for number, (points, _, errors) in enumerate(sights):
            weights, lean = _regression(points, errors, ridge)
            habits.weight[number], habits.bias[number] = weights, lean
    _tell_apart(habits.annotator_logits, [features for _, features, _ in sights])
    save_weights(folder / header["members"][0]["file"], model)
    header["members"][0]["annotators"] = len(annotators)
    # Habits are of pictures as they are. In the mean with the answer to a mirrored picture, which
    # is mirrored back, what annotators put to one side would cancel.
    header["mirror"] = False
    save_run(folder, header)


def _heatnet(model: KeypointModel) -> HeatNet:
    assert isinstance(model.backbone, HeatNet)
    return model.backbone


@torch.inference_mode()
def _sights(
    model: KeypointModel, faces: Samples, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Points (N, 2K) as the network says them before its offset, features (N, C), and how far
    the labels lie off the points with it (N, 2K), in half sides."""
    rows = torch.randint(len(faces), (SIGHTS,), generator=generator)
    backbone, half = _heatnet(model.eval()), model.sides / 2
    seen: list[Tensor] = []
    hook = backbone.sixteenth.register_forward_hook(
        lambda _m, _i, out: seen.append(out.mean((2, 3)))
    )
    points, errors, features = [], [], []
    for part in rows.split(100):
        images, truth, labelled = augment(
            torch.from_numpy(np.array(faces.images[part.numpy()]))[:, None].float(),
            torch.from_numpy(faces.points[part.numpy()]),
            torch.from_numpy(faces.labelled[part.numpy()]),
            _CHANGED, None, generator, model.size,
        )  # fmt: skip
        whole = labelled.all(1)
        found = model(images).points
        points.append((((found - model.mirror_bias + 0.5) / half) - 1)[whole].flatten(1))
        errors.append(((truth - found) / half)[whole].flatten(1))
        features.append(seen.pop()[whole])
    hook.remove()
    return torch.cat(points).double(), torch.cat(features), torch.cat(errors).double()


def _regression(points: Tensor, errors: Tensor, ridge: float) -> tuple[Tensor, Tensor]:
    """Map (2K, 2K) and lean (2K,) from points (N, 2K) to errors (N, 2K)."""
    middle, lean = points.mean(0), errors.mean(0)
    centred = points - middle
    square = centred.T @ centred + ridge * len(points) * torch.eye(points.shape[1]).double()
    weights = torch.linalg.solve(square, centred.T @ (errors - lean))
    return weights.float(), (lean - middle @ weights).float()


def _tell_apart(layer: torch.nn.Linear, features: Sequence[Tensor]) -> None:
    """Logistic regression of whose a face is, from features (N, C) of each."""
    rows = torch.cat(list(features)).clone()
    whose = torch.repeat_interleave(
        torch.arange(len(features)), torch.tensor([len(part) for part in features])
    )
    mean, std = rows.mean(0), rows.std(0) + 1e-3
    rows = (rows - mean) / std
    weight = torch.zeros(len(features), rows.shape[1], requires_grad=True)
    bias = torch.zeros(len(features), requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=_ROUNDS)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(rows @ weight.T + bias, whose)
        loss = loss + 1e-3 * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        layer.weight.copy_(weight / std)
        layer.bias.copy_(bias - (weight / std) @ mean)
