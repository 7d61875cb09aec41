"""Networks by name, and the model that wraps one.

A backbone maps normalized images (B, 1, H, W) to (B, K, 2) coordinates in [-1, 1], or to
(B, K, 3) with the logarithm of the scale as well; or a `layers.BackboneOutput` with a face score,
visibility and annotators, too. `build_model` wraps it in a
`KeypointModel`, which works in gray values and pixels.

A new network needs:

- a module here with a function that builds the backbone, and an entry in `NETWORKS` (with
  `_points_only`, unless the network can predict a face score and an annotator bias);
- its name in `training.settings.Network`, and a rate in `training.settings.LEARNING_RATES`
  (importing the settings must not load PyTorch, so they repeat the names; a test compares them);
- the names of the tensors that have a row per point in `training.initialization._OUTPUT_LAYERS`,
  unless its last layer is called ``output``;
- its name in the row ``--network`` of ``docs/how-to/train.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from typing import Protocol

from torch import nn

from facepoints.errors import SettingsError
from facepoints.models.networks.backbone_options import POINTS_ONLY, BackboneOptions
from facepoints.models.networks.deepcnn import deepcnn
from facepoints.models.networks.heatnet import heatnet
from facepoints.models.networks.keypoint_model import KeypointModel, RawOutput
from facepoints.models.networks.lenet5 import lenet5
from facepoints.models.networks.naimishnet import naimishnet
from facepoints.models.networks.net2 import net2
from facepoints.models.networks.vggface import vggface

__all__ = [
    "NETWORKS",
    "VISIBILITY_NETWORKS",
    "BackboneBuilder",
    "BackboneOptions",
    "KeypointModel",
    "RawOutput",
    "build_model",
]


VISIBILITY_NETWORKS = frozenset({"heatnet"})
"""The networks that can predict whether a point is visible."""


class BackboneBuilder(Protocol):
    """Builds a backbone for K points and images of a size (H, W) in pixels.

    Raises:
        SettingsError: the network has no face score or no annotator bias but one is wanted, or
            the size is too small for it.
    """

    def __call__(
        self, points: int, size: tuple[int, int], options: BackboneOptions = POINTS_ONLY
    ) -> nn.Module: ...


def _points_only(
    network: str, build: Callable[[int, tuple[int, int]], nn.Module]
) -> BackboneBuilder:
    """The builder of a network that predicts points only: no face score, no annotator bias."""

    def build_backbone(
        points: int, size: tuple[int, int], options: BackboneOptions = POINTS_ONLY
    ) -> nn.Module:
        if any(astuple(options)):
            raise SettingsError(
                f"'{network}' predicts points only: no face score, no visibility, no annotator "
                f"bias, one width; leave out the images without a face, or choose heatnet"
            )
        return build(points, size)

    return build_backbone


NETWORKS: dict[str, BackboneBuilder] = {
    "lenet5": _points_only("lenet5", lenet5),
    "naimishnet": _points_only("naimishnet", naimishnet),
    "vggface": _points_only("vggface", vggface),
    "net2": _points_only("net2", net2),
    "deepcnn": _points_only("deepcnn", deepcnn),
    "heatnet": heatnet,
}
"""The function that builds each network's backbone, by the name of the network."""


def build_model(
    network: str,
    points: int,
    size: tuple[int, int],
    mean: float,
    std: float,
    options: BackboneOptions = POINTS_ONLY,
) -> KeypointModel:
    """A new model with random weights.

    Args:
        network: name in `NETWORKS`.
        points: K, at least 1.
        size: (H, W) of the images, in pixels.
        mean: mean gray value of the training images, in [0, 255].
        std: standard deviation of their gray values, over 0.
        options: what else it predicts.

    Raises:
        SettingsError: the network is unknown, predicts points only but more is wanted, or needs
            a larger size; there are no points; or `mean` or `std` is out of range.
    """
    if network not in NETWORKS:
        raise SettingsError(f"no network '{network}'; choose one of: {', '.join(NETWORKS)}")
    if points < 1:
        raise SettingsError(f"a network needs at least 1 point to predict, got {points}")
    backbone = NETWORKS[network](points, size, options)
    return KeypointModel(backbone, points, size, mean, std)
