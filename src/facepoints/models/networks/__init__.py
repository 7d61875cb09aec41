"""Networks by name, and the model that wraps one.

A backbone maps normalized images (B, 1, H, W) to (B, K, 2) coordinates in [-1, 1], or to
(B, K, 3) with the logarithm of the scale as well. `build` wraps it in a `KeypointModel`, which
works in gray values and pixels.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from facepoints.errors import SettingsError
from facepoints.models.networks.deepcnn import deepcnn
from facepoints.models.networks.heatnet import heatnet
from facepoints.models.networks.keypoint_model import KeypointModel, RawOutput
from facepoints.models.networks.lenet5 import lenet5
from facepoints.models.networks.naimishnet import naimishnet
from facepoints.models.networks.net2 import net2
from facepoints.models.networks.vggface import vggface

__all__ = ["NETWORKS", "KeypointModel", "RawOutput", "build"]

NETWORKS: dict[str, Callable[[int, tuple[int, int]], nn.Module]] = {
    "lenet5": lenet5,
    "naimishnet": naimishnet,
    "vggface": vggface,
    "net2": net2,
    "deepcnn": deepcnn,
    "heatnet": heatnet,
}
"""Name to the function that builds a backbone for K points and a size (H, W)."""


def build(
    network: str,
    points: int,
    size: tuple[int, int],
    mean: float,
    std: float,
    has_face_score: bool = False,
    annotators: int = 0,
) -> KeypointModel:
    """A fresh model.

    Args:
        network: name in `NETWORKS`.
        points: K, at least 1.
        size: (H, W) of the images, in pixels.
        mean: mean gray value of the training images, in [0, 255].
        std: standard deviation of their gray values, over 0.
        has_face_score: also predict whether there is a face (heatnet only).
        annotators: number of annotators whose `AnnotatorBias` corrects the points; 0: no
            correction (heatnet only).

    Raises:
        SettingsError: unknown network, one without face score or annotator bias that was asked
            for it, no points, a size too small for the network, or a mean or std out of range.
    """
    if network not in NETWORKS:
        raise SettingsError(f"no network '{network}'; choose one of: {', '.join(NETWORKS)}")
    if points < 1:
        raise SettingsError(f"a network needs at least 1 point to predict, {points} came")
    if network == "heatnet":
        backbone = heatnet(points, size, has_face_score, annotators)
    elif has_face_score or annotators:
        raise SettingsError(
            f"'{network}' has no face score and no annotator bias; leave out the images without a "
            f"face, or choose heatnet"
        )
    else:
        backbone = NETWORKS[network](points, size)
    return KeypointModel(backbone, points, size, mean, std)
