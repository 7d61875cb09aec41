"""Initial weights from a finished run (transfer learning).

Layers that all points share are copied, because what they learned on faces helps other sets of
points too (Yosinski et al. 2014, https://arxiv.org/abs/1411.1792). The rows of the output
layer that belong to a point are copied from the same point, or are the mean over the points that it
can be computed from (`known_sets.CONVERSIONS`). The rows of other points stay random.
`MemberTrainer` then trains all layers, at a lower learning rate.
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
from facepoints.landmarks.conversion import convertible
from facepoints.landmarks.known_sets import OPENPOSE_70
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
"""Value of `TrainSettings.init` for random weights."""

_OUTPUT_LAYERS = {
    "backbone.heat.weight",
    "backbone.heat.bias",
    "backbone.log_scale.weight",
    "backbone.log_scale.bias",
    "backbone.output.weight",
    "backbone.output.bias",
    "log_scale",
    "mirror_bias",
}
"""Tensors of the output layers of all networks. Each point has the same number of rows in them."""

_COMPARED_ON = 256  # maximum number of faces


def resolve_init(init: str | None, network: str, landmarks: LandmarkSet) -> str:
    """`TrainSettings.init` with its default (None) resolved.

    The default is the built-in weights if the network is a heatnet and the built-in model can
    predict at least one of the landmarks. Otherwise it is random weights.
    """
    if init is not None:
        return init
    known = convertible(OPENPOSE_70, landmarks)
    installed = (weights.POINTS_RUN / "run.json").is_file()
    fits = network == "heatnet" and known.any() and installed
    return weights.BUILTIN if fits else RANDOM_INIT


def load_init_run(init: str) -> Run | None:
    """Load the run that `TrainSettings.init` names.

    Args:
        init: "builtin", "random" or a run folder.

    Returns:
        None for "random".

    Raises:
        RunError: it is missing, damaged, unfinished or newer.
    """
    if init == RANDOM_INIT:
        return None
    if init != weights.BUILTIN:
        return Run.load(Path(init))
    if not (weights.POINTS_RUN / "run.json").is_file():
        raise RunError(
            f"the built-in weights are missing ({weights.POINTS_RUN}); install the package again, "
            f"or start from random weights with `init=random`"
        )
    return Run.load(weights.POINTS_RUN)


def digest(run: Run) -> str:
    """Fingerprint of a run's weights. A training resumes only if its initial weights still have
    the same one."""
    fingerprint = hashlib.blake2b(digest_size=16)
    for member in run.members:
        for name, tensor in sorted(member.model.state_dict().items()):
            fingerprint.update(name.encode() + tensor.cpu().numpy().tobytes())
    return fingerprint.hexdigest()


def init_from_run(
    model: KeypointModel, network: str, rows: Samples, run: Run, number: int, part: str
) -> NDArray[np.bool_]:
    """Copy the weights of a run into a fresh model.

    The mean and std of the gray values come from the new images or from the run: the pair with
    the smaller error on these faces is used.

    Args:
        model: on the CPU, predicts the columns of `rows`; changed in place.
        network: its name.
        rows: faces to train on, of the size of the network input.
        run: to copy from.
        number: index of the new member. Members of an ensemble start from different members of
            the run's ensemble.
        part: name of the plan's part that the member belongs to. Members of the run for the same
            part are preferred.

    Returns:
        Mask (K,) of the columns that were initialized from the run; the others are unchanged.

    Raises:
        SettingsError: the run has another network, or another input size where that matters.
    """
    members = [m for m in run.members if m.part == part] or list(run.members)
    member = members[number % len(members)]
    if member.network != network:
        raise SettingsError(
            f"{network} cannot start from the weights of a {member.network} ({run.name}); choose "
            f"`network={member.network}`, another run or `init=random`"
        )
    mix, known = _mix(member, rows)
    initial = member.model.state_dict()
    for name, tensor in model.state_dict().items():
        if name not in initial or name in ("mean", "std") or _is_of_annotators(name):
            continue  # a tensor of the face score may be in one of the two models only
        if name in _OUTPUT_LAYERS:
            _copy_rows(tensor, initial[name], mix, known)
        elif tensor.shape == initial[name].shape:
            tensor.copy_(initial[name])
        else:
            raise SettingsError(
                f"{network} cannot start from {run.name}, which is for images of "
                f"{run.size[1]}x{run.size[0]} pixels; train on images of that size, or with "
                f"`init=random`"
            )
    _choose_gray_values(model, member.model, rows.take(spread_rows(len(rows), _COMPARED_ON)))
    return known.numpy()


def _is_of_annotators(name: str) -> bool:
    """True for tensors that depend on the annotators of the training data."""
    return ".annotator_bias." in name


def _mix(member: Member, rows: Samples) -> tuple[Tensor, Tensor]:
    """The weights (K, k) that compute K columns from a member's k points, and the mask (K,) of the
    columns that can be computed."""
    scheme = widest_scheme(points_by_scheme(rows))
    mix, known = scheme_matrix(member.landmarks, rows.landmarks, scheme)
    return torch.from_numpy(mix), torch.from_numpy(known)


def _copy_rows(target: Tensor, initial: Tensor, mix: Tensor, known: Tensor) -> None:
    """Set the rows of known points to weighted means of the run's rows. The mean of the weights of
    two heatmaps gives the mean of their logarithms, which peaks between them."""
    old, new = initial.float().reshape(mix.shape[1], -1), target.reshape(mix.shape[0], -1)
    target.copy_(torch.where(known[:, None], mix @ old, new).reshape(target.shape))


@torch.inference_mode()
def _choose_gray_values(model: KeypointModel, initial: KeypointModel, rows: Samples) -> None:
    """Set the mean and std of gray values to those of the run if they give a smaller error."""
    training = model.training
    model.eval()
    images = torch.from_numpy(np.array(rows.images))[:, None]
    own = {name: getattr(model, name).clone() for name in ("mean", "std")}
    errors = []
    for values in (own, initial.state_dict()):
        model.load_state_dict({n: values[n] for n in own}, strict=False)
        points = torch.cat([model(batch).points for batch in images.split(64)]).numpy()
        distance = np.linalg.norm(points - rows.points, axis=-1)[rows.labelled]
        errors.append(float(distance.mean()) if len(distance) else 0.0)
    if errors[0] <= errors[1]:
        model.load_state_dict(own, strict=False)
    model.train(training)
