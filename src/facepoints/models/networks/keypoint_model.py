"""The model that training, prediction and export share: pictures in, points in pixels out.

Normalisation and the step from the network's units to pixels live inside, so that nobody
who holds the weights can apply them differently.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facepoints.errors import SettingsError

__all__ = ["KeypointModel", "RawOutput"]

MIN_SCALE = 0.05
"""Pixels. Nobody marks points more finely; a likelihood would else reward ever less."""

INITIAL_SCALE = 0.1
"""First spread of a network that predicts none, in half sides of the picture: about what
the mean face is off by, where such a network starts."""

MAX_LOGIT = 12.0
"""Log odds at which the judgement of a face ends: its float32 chance is then still below 1,
so that a wrong one can be learned away."""

SHARPNESS = 4.0
"""How sharply the spread bends at its two limits, in units of its logarithm."""


class RawOutput(NamedTuple):
    """What a model says of B pictures.

    Attributes:
        points: (B, K, 2) x and y in pixels of the input, centre of the first pixel = 0.
        spread: (B, K) > 0, in pixels: the scale of the error to expect of each point, as the
            loss that it was trained with defines it (see `losses`).
        score: (B,) in [0, 1]: the chance that the picture shows a face; ones from a network
            that does not judge it.
    """

    points: Tensor
    scale: Tensor
    score: Tensor


class KeypointModel(nn.Module):
    """A network with its normalisation before it and the way to pixels behind it.

    Args:
        backbone: maps (B, 1, H, W), about zero mean and unit variance, to (B, K, 2) with
            coordinates in [-1, 1] over the picture, or to (B, K, 3) whose last is the
            logarithm of the spread in half sides of the picture; or to a pair of that and
            (B,), the log odds that there is a face.
        points: K.
        size: (H, W) of the pictures, in pixels.
        mean: of the training pictures' values, in [0, 255].
        std: standard deviation of the same, over 0.

    Raises:
        SettingsError: mean or std out of range, or a backbone of another output shape.
    """

    mean: Tensor
    std: Tensor
    sides: Tensor
    mirror_bias: Tensor
    log_scale: nn.Parameter | None

    def __init__(
        self,
        backbone: nn.Module,
        points: int,
        size: tuple[int, int],
        mean: float,
        std: float,
    ) -> None:
        super().__init__()
        if not (math.isfinite(mean) and math.isfinite(std) and 0 <= mean <= 255 and std > 0):
            raise SettingsError(
                f"a model needs the pictures' mean in [0, 255] and a std over 0, "
                f"{mean} and {std} came; are all pictures of one colour?"
            )
        self.backbone = backbone
        self.points = points
        self.size = (int(size[0]), int(size[1]))
        self.register_buffer("mean", torch.tensor(float(mean)))
        self.register_buffer("std", torch.tensor(float(std)))
        # (K, 2) pixels by which labels lie off the points that a network trained on mirrored
        # pictures finds: annotators need not be mirror-symmetric (see `both_ways`).
        self.register_buffer("mirror_bias", torch.zeros(points, 2))
        sides = torch.tensor([self.size[1], self.size[0]], dtype=torch.float32)
        self.register_buffer("sides", sides, persistent=False)
        last, self.has_face_score = _outputs(backbone, points, self.size)
        own = last == 3
        # Only where it is used: DistributedDataParallel waits for every parameter's gradient.
        first = None if own else nn.Parameter(torch.full((points,), math.log(INITIAL_SCALE)))
        self.register_parameter("log_scale", first)

    def forward(self, images: Tensor) -> RawOutput:
        """Points, spread and score, in float32.

        Args:
            images: (B, 1, H, W) gray, uint8 or float in [0, 255].
        """
        told = self.backbone((images.to(self.mean.dtype) - self.mean) / self.std)
        if self.has_face_score:
            raw, odds = told[0].float(), told[1].float()
            score = odds.clamp(-MAX_LOGIT, MAX_LOGIT).sigmoid()
        else:
            raw = told.float()
            score = torch.ones_like(raw[:, 0, 0])
        points = (raw[..., :2] + 1) / 2 * self.sides - 0.5 + self.mirror_bias
        if self.log_scale is None:
            return RawOutput(points, self._pixels(raw[..., 2]), score)
        return RawOutput(points, self._pixels(self.log_scale.float()).expand(raw.shape[:2]), score)

    def predict_mirrored(self, images: Tensor, mirror: Tensor) -> RawOutput:
        """Points, spread and score as the mean of what the pictures and their mirror images
        give.

        Args:
            images: as for `forward`.
            mirror: (K,) column of each point's mirror partner.
        """
        points, spread, score = self(images)
        other, other_spread, other_score = self(images.flip(-1))
        # What the labels' offset is to the left stays to the left: it is not mirrored.
        other = (other - self.mirror_bias)[:, mirror]
        other = torch.stack([self.size[1] - 1 - other[..., 0], other[..., 1]], dim=-1)
        points = (points + other + self.mirror_bias) / 2
        return RawOutput(points, (spread + other_spread[:, mirror]) / 2, (score + other_score) / 2)

    def _pixels(self, log_spread: Tensor) -> Tensor:
        """Spread in pixels from its logarithm in half sides, between SMALLEST_SPREAD and the
        longer side. It bends into the limits rather than being cut off there, so that a
        spread beyond them still has a gradient back."""
        half = (self.size[0] + self.size[1]) / 4
        low, high = math.log(MIN_SCALE / half), math.log(max(self.size) / half)
        bent = low + F.softplus(log_spread - low, beta=SHARPNESS)
        return half * torch.exp(high - F.softplus(high - bent, beta=SHARPNESS))

    @torch.no_grad()
    def start_at(self, points: Tensor) -> None:
        """Make training start at these points (the mean face) rather than at the centre.

        Nothing changes for a network that reads points off heatmaps: it has no such bias.

        Args:
            points: (K, 2) in pixels; a point that is not finite starts at the centre.
        """
        output = getattr(self.backbone, "output", None)
        if not isinstance(output, nn.Linear):
            return
        raw = (torch.as_tensor(points).to(self.sides) + 0.5) * 2 / self.sides - 1
        output.bias.copy_(torch.where(raw.isfinite(), raw, 0).flatten())


@torch.no_grad()
def _outputs(backbone: nn.Module, points: int, size: tuple[int, int]) -> tuple[int, bool]:
    """How many numbers a backbone gives for each point (2, or 3 with its own spread), and
    whether it judges that there is a face."""
    training = backbone.training
    device = next((p.device for p in backbone.parameters()), torch.device("cpu"))
    told = backbone.eval()(torch.zeros(1, 1, *size, device=device))
    backbone.train(training)
    judges = isinstance(told, tuple)
    shape = tuple((told[0] if judges else told).shape)
    if shape not in ((1, points, 2), (1, points, 3)):
        raise SettingsError(
            f"a network for {points} points must give (B, {points}, 2) or (B, {points}, 3), "
            f"this one gives (B, {', '.join(map(str, shape[1:]))}); build it for as many points"
        )
    return shape[2], judges
