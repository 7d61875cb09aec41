"""Training that begins from the weights of a finished run rather than from random ones.

What a network learned of faces serves other sets of points too (transfer learning, Yosinski
et al. 2014, https://arxiv.org/abs/1411.1792): the layers that all points share are copied, and
the last layer of each point begins as that of the same point, or of the mean of the points
that it is known to be (`landmark_sets.CONVERSIONS`). Points of which the run knows nothing
begin at random. `Fit` then trains on, all layers at a lower rate.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facepoints import weights
from facepoints.datasets.marking_schemes import points_by_scheme, scheme_matrix, widest_scheme
from facepoints.datasets.samples import Samples
from facepoints.datasets.splits import spread_rows
from facepoints.errors import RunError, SettingsError
from facepoints.landmarks.conversion import convert
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.models.networks import KeypointModel
from facepoints.models.run import Member, Run

__all__ = [
    "RANDOM_INIT",
    "digest",
    "init_from_run",
    "load_init_run",
    "resolve_init",
]

RANDOM_INIT = "random"
"""Word for random weights."""

_HEADS = {
    "backbone.heat.weight",
    "backbone.heat.bias",
    "backbone.log_scale.weight",
    "backbone.log_scale.bias",
    "backbone.output.weight",
    "backbone.output.bias",
    "log_scale",
    "mirror_bias",
}
"""Tensors that have rows for every point, the same number for each."""

_TRIED_ON = 256  # faces, at most


def resolve_init(init: str | None, network: str, landmarks: LandmarkSet) -> str:
    """What to begin from where nothing was chosen (None): the weights of the package for a
    heatnet on faces, that is, for points of which they know some; else random ones."""
    if init is not None:
        return init
    one = np.ones((1, len(IBUG_68)), dtype=bool)
    _, known = convert(np.zeros((1, len(IBUG_68), 2), np.float32), one, IBUG_68, landmarks)
    there = (weights.POINTS_RUN / "run.json").is_file()
    return weights.BUILTIN if network == "heatnet" and known.any() and there else RANDOM_INIT


def load_init_run(init: str) -> Run | None:
    """The run to begin from: that of the package, none, or that of a folder.

    Raises:
        RunError: it is missing, damaged, unfinished or newer.
    """
    if init == RANDOM_INIT:
        return None
    if init != weights.BUILTIN:
        return Run.load(Path(init))
    if not (weights.POINTS_RUN / "run.json").is_file():
        raise RunError(
            f"the weights of the package are missing ({weights.POINTS_RUN}); install it anew, or "
            f"begin from random ones with --init random"
        )
    return Run.load(weights.POINTS_RUN)


def digest(run: Run) -> str:
    """Fingerprint of a run's weights: training goes on from the ones that it began from."""
    found = hashlib.blake2b(digest_size=16)
    for member in run.members:
        for name, tensor in sorted(member.model.state_dict().items()):
            found.update(name.encode() + tensor.cpu().numpy().tobytes())
    return found.hexdigest()


def init_from_run(
    model: KeypointModel, network: str, rows: Samples, run: Run, number: int, part: str
) -> NDArray[np.bool_]:
    """Give a fresh model the weights of a run.

    The gray values that it expects are those of its own pictures or of the run's, whichever
    places the points of these faces better.

    Args:
        model: on the CPU, predicts the columns of `rows`; changed in place.
        network: its name.
        rows: faces to train on, as the network sees them.
        number: which of several networks it is: one of an ensemble begins from one of an
            ensemble.
        part: of the missing-label answer that it is for.

    Returns:
        Which columns (K,) began from the run; the others are as they were.

    Raises:
        SettingsError: the run's network is another, or for pictures of another size where
            that matters.
    """
    members = [m for m in run.members if m.part == part] or list(run.members)
    member = members[number % len(members)]
    if member.network != network:
        raise SettingsError(
            f"{network} cannot begin from the weights of a {member.network} ({run.name}); choose "
            f"--network {member.network}, another run or --init random"
        )
    mix, known = _mix(member, rows)
    before = member.model.state_dict()
    for name, tensor in model.state_dict().items():
        if name not in before or name in ("mean", "std"):
            continue  # only one of the two judges whether there is a face
        if name in _HEADS:
            _give_rows(tensor, before[name], mix, known)
        elif tensor.shape == before[name].shape:
            tensor.copy_(before[name])
        else:
            raise SettingsError(
                f"{network} cannot begin from {run.name}, which is for pictures of "
                f"{run.size[1]}x{run.size[0]} pixels; train on pictures of that size, or with "
                f"--init random"
            )
    _choose_gray_values(model, member.model, rows.take(spread_rows(len(rows), _TRIED_ON)))
    return known.numpy()


def _mix(member: Member, rows: Samples) -> tuple[Tensor, Tensor]:
    """How much (K, k) each of a network's k points counts in each of K columns, and which
    columns (K,) have any."""
    source = widest_scheme(points_by_scheme(rows))
    mix, known = scheme_matrix(member.landmarks, rows.landmarks, source)
    return torch.from_numpy(mix), torch.from_numpy(known)


def _give_rows(into: Tensor, before: Tensor, mix: Tensor, known: Tensor) -> None:
    """Rows of points as means of others' rows. The mean of weights that draw heatmaps draws
    the mean of their logarithms, which peaks between them."""
    old, new = before.float().reshape(mix.shape[1], -1), into.reshape(mix.shape[0], -1)
    into.copy_(torch.where(known[:, None], mix @ old, new).reshape(into.shape))


@torch.inference_mode()
def _choose_gray_values(model: KeypointModel, before: KeypointModel, rows: Samples) -> None:
    """Keep the mean and std of the new pictures, or take those of the old ones."""
    training = model.training
    model.eval()
    images = torch.from_numpy(np.array(rows.images))[:, None]
    gray = {name: getattr(model, name).clone() for name in ("mean", "std")}
    errors = []
    for source in (gray, before.state_dict()):
        model.load_state_dict({n: source[n] for n in gray}, strict=False)
        found = torch.cat([model(batch).points for batch in images.split(64)]).numpy()
        gap = np.linalg.norm(found - rows.points, axis=-1)[rows.labelled]
        errors.append(float(gap.mean()) if len(gap) else 0.0)
    if errors[0] <= errors[1]:
        model.load_state_dict(gray, strict=False)
    model.train(training)
