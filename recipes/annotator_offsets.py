"""Refit how the annotators of the data sets differ: the last step of training the landmark model.

The network learns the annotator bias by gradient steps, together with everything else. For sets
that label few of the points, few steps count. So the maps of all sets, and the layer that tells the
sets apart, are trained again on what the rest of the network says of augmented training faces. The
rest stays as it is, and is computed only once. See `facepoints.models.networks.annotator_bias`.

A closed form (one ridge regression for each set) was used before. It expects that each face is
recognized as one of its set, and fails for networks that cannot tell some sets apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from facepoints.datasets.samples import Samples
from facepoints.models.networks import KeypointModel
from facepoints.models.networks.annotator_bias import AnnotatorBias
from facepoints.models.networks.heatnet import HeatNet
from facepoints.models.run import Run, read_header, save_weights
from facepoints.training.augment import STRENGTHS, FaceBatch, augment_faces
from facepoints.training.steps import ANNOTATOR_WEIGHT

__all__ = ["refit_annotator_bias"]

OBSERVATIONS = 24_000
"""Augmented faces; the same face occurs several times."""
EPOCHS = 8
"""Passes over them."""
RATE = 2e-3
"""Highest learning rate; it falls to 0."""
BATCH = 500
OBSERVED = 200
"""Faces that the network looks at together."""
LEAST_SCALE = 0.005
"""Lower limit of the scale that the error of a point is divided by, in half sides of the crop."""


@dataclass(frozen=True)
class Observations:
    """What a network says of N faces of K points before the annotator bias, and the labels.

    Attributes:
        points: (N, K, 2) in half sides of the crop.
        pooled: (N, C) features that tell the sets apart.
        truth: (N, K, 2) labels, as `points`.
        weight: (N, K) one over the scale of each point; 0 where there is no visible label.
        scheme: (N,) number of the set.
    """

    points: Tensor
    pooled: Tensor
    truth: Tensor
    weight: Tensor
    scheme: Tensor


def refit_annotator_bias(
    folder: Path, faces: Samples, share: NDArray[np.float64], seed: int = 0
) -> None:
    """Refit the annotator bias of a run with one network, in place.

    Args:
        folder: of the run.
        faces: training faces of all sets, in crops at least as large as the network input. Their
            marking schemes are those of the run.
        share: (N,) how often each face is drawn, in relation to the others.
        seed: random seed.
    """
    run, header = Run.load(folder), read_header(folder)
    model = run.members[0].model.eval()
    assert isinstance(model.backbone, HeatNet)
    bias = model.backbone.annotator_bias
    assert bias is not None
    order = [list(run.schemes).index(name) for name in faces.schemes]
    numbers = torch.tensor(order)[torch.from_numpy(faces.scheme.astype(np.int64))]
    _fit(bias, _observe(model, bias, faces, numbers, share, seed), seed)
    save_weights(folder / header["members"][0]["file"], model)


@torch.no_grad()
def _observe(
    model: KeypointModel,
    bias: AnnotatorBias,
    faces: Samples,
    numbers: Tensor,
    share: NDArray[np.float64],
    seed: int,
) -> Observations:
    """What the network says of augmented faces."""
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    before: list[Tensor] = []
    pooled: list[Tensor] = []
    hooks = [
        bias.register_forward_pre_hook(lambda _, given: before.append(given[0])),
        bias.annotator_logits.register_forward_pre_hook(lambda _, given: pooled.append(given[0])),
    ]
    strengths, half = STRENGTHS["settle"], model.sides / 2
    truths, weights, schemes = [], [], []
    for number in range(OBSERVATIONS // OBSERVED):
        rows = rng.choice(len(faces), OBSERVED, p=share / share.sum())
        given = faces.take(rows)
        visibility = None if given.visibility is None else torch.from_numpy(given.visibility)
        images, points, labelled, visibility = augment_faces(
            FaceBatch(
                torch.from_numpy(np.array(given.images))[:, None].float(),
                torch.from_numpy(given.points),
                torch.from_numpy(given.labelled),
                visibility,
            ),
            strengths[number % len(strengths)], None, generator, model.size,
        )  # fmt: skip
        output = model(images)
        seen = labelled if visibility is None else labelled & (visibility != 0)
        scale = (output.scale / half.mean()).clamp_min(LEAST_SCALE)
        truths.append((points + 0.5 - model.mirror_bias) / half - 1)
        weights.append(seen / scale)
        schemes.append(numbers[torch.from_numpy(rows)])
    for hook in hooks:
        hook.remove()
    return Observations(*map(torch.cat, (before, pooled, truths, weights, schemes)))


def _fit(bias: AnnotatorBias, seen: Observations, seed: int) -> None:
    """Train the annotator bias, by the mean error in relation to each point's scale, and the cross
    entropy of the sets."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(bias.parameters(), RATE)
    steps, step = EPOCHS * (len(seen.scheme) // BATCH), 0
    for _ in range(EPOCHS):
        order = torch.randperm(len(seen.scheme), generator=generator)
        for rows in order[: len(order) // BATCH * BATCH].split(BATCH):
            logits = bias.annotator_logits(seen.pooled[rows])
            points = bias(seen.points[rows], logits.softmax(-1))
            weight = seen.weight[rows]
            off = torch.linalg.vector_norm(points - seen.truth[rows], dim=-1)
            loss = (off * weight).sum() / (weight > 0).sum()
            loss = loss + ANNOTATOR_WEIGHT * functional.cross_entropy(logits, seen.scheme[rows])
            optimizer.param_groups[0]["lr"] = RATE * (1 - step / steps)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
