"""The model that training, prediction and export share: images in, points in pixels out.

Normalization and the conversion from the network's units to pixels are part of the model, so they
cannot differ between training and prediction.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facepoints.errors import SettingsError
from facepoints.models.networks.layers import BackboneOutput

__all__ = ["KeypointModel", "RawOutput"]

MIN_SCALE = 0.05
"""Lower limit of the scale in pixels. Labels are not more precise, and without a limit the
likelihood would reward ever smaller scales."""

INITIAL_SCALE = 0.1
"""Initial scale of a network that predicts none, in half sides of the image: about the error of
the mean face, where such a network starts."""

MAX_LOGIT = 12.0
"""Limit of the face score's log odds. The float32 probability is then still below 1, so a wrong
score keeps a gradient."""

SHARPNESS = 4.0
"""Sharpness of the soft limits of the scale, per unit of its logarithm."""


class RawOutput(NamedTuple):
    """Output of a `KeypointModel` for B images.

    Attributes:
        points: (B, K, 2) x and y in pixels of the input; the center of the first pixel is 0.
        scale: (B, K) > 0, the expected error (sigma) of each point in pixels, as defined by the
            loss of the training (see `training.losses`).
        score: (B,) in [0, 1], the probability that the image shows a face; ones from a network
            without a face score.
        visible: (B, K) in [0, 1], the probability that each point is visible, not hidden; None
            from a network without visibility.
        annotator: (B, annotators), log odds that each annotator labeled the image; None from a
            network without annotator bias.
    """

    points: Tensor
    scale: Tensor
    score: Tensor
    visible: Tensor | None = None
    annotator: Tensor | None = None

    def first(self, count: int) -> RawOutput:
        """The output for the first images of the batch."""
        parts = [None if part is None else part[:count] for part in self]
        return RawOutput(*parts)  # pyright: ignore[reportArgumentType]


class KeypointModel(nn.Module):
    """A network with normalization before it and conversion to pixels after it.

    Args:
        backbone: maps normalized images (B, 1, H, W) to (B, K, 2) coordinates in [-1, 1] over the
            image, or to (B, K, 3) with the logarithm of the scale in half sides of the image; or
            to a `BackboneOutput` that holds such a tensor.
        points: K.
        size: (H, W) of the images, in pixels.
        mean: mean gray value of the training images, in [0, 255].
        std: standard deviation of their gray values, over 0.

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
                f"a model needs a mean gray value in [0, 255] and a std over 0, "
                f"got {mean} and {std}; are all images of one color?"
            )
        self.backbone = backbone
        self.points = points
        self.size = (int(size[0]), int(size[1]))
        self.register_buffer("mean", torch.tensor(float(mean)))
        self.register_buffer("std", torch.tensor(float(std)))
        # (K, 2) pixels: mean offset of the labels from mirror-symmetric predictions. A network that
        # trains on mirrored images cannot learn it (see `MemberTrainer.estimate_mirror_bias`).
        self.register_buffer("mirror_bias", torch.zeros(points, 2))
        sides = torch.tensor([self.size[1], self.size[0]], dtype=torch.float32)
        self.register_buffer("sides", sides, persistent=False)
        values, self.has_face_score, self.has_visibility = _outputs(backbone, points, self.size)
        # Only if used: DistributedDataParallel waits for the gradient of every parameter.
        log_scale = None
        if values == 2:
            log_scale = nn.Parameter(torch.full((points,), math.log(INITIAL_SCALE)))
        self.register_parameter("log_scale", log_scale)

    def forward(self, images: Tensor) -> RawOutput:
        """Points, scale, score and visibility, in float32.

        Args:
            images: (B, 1, H, W) gray, uint8 or float in [0, 255].
        """
        output = self.backbone((images.to(self.mean.dtype) - self.mean) / self.std)
        if not isinstance(output, BackboneOutput):
            output = BackboneOutput(output)
        raw = output.raw.float()
        points = (raw[..., :2] + 1) / 2 * self.sides - 0.5 + self.mirror_bias
        if self.log_scale is None:
            scale = self._pixels(raw[..., 2])
        else:
            scale = self._pixels(self.log_scale.float()).expand(raw.shape[:2])
        score = _probability(output.score)
        if score is None:
            score = torch.ones_like(raw[:, 0, 0])
        return RawOutput(points, scale, score, _probability(output.visible), output.annotator)

    def predict_mirrored(self, images: Tensor, mirror: Tensor) -> RawOutput:
        """Mean of the outputs for the images and for their mirror images.

        Args:
            images: as for `forward`.
            mirror: (K,) column of each point's mirror partner.
        """
        first, second = self(images), self(images.flip(-1))
        # The mirror bias is not mirrored: an annotator's bias to the left stays to the left.
        other = (second.points - self.mirror_bias)[:, mirror]
        other = torch.stack([self.size[1] - 1 - other[..., 0], other[..., 1]], dim=-1)
        visible = first.visible
        if visible is not None:
            visible = (visible + second.visible[:, mirror]) / 2
        return RawOutput(
            (first.points + other + self.mirror_bias) / 2,
            (first.scale + second.scale[:, mirror]) / 2,
            (first.score + second.score) / 2,
            visible,
        )

    def _pixels(self, log_scale: Tensor) -> Tensor:
        """Scale in pixels from its logarithm in half sides, between MIN_SCALE and the longer
        side. The limits are soft, so that a scale beyond them still has a gradient."""
        half = (self.size[0] + self.size[1]) / 4
        low, high = math.log(MIN_SCALE / half), math.log(max(self.size) / half)
        limited = low + F.softplus(log_scale - low, beta=SHARPNESS)
        return half * torch.exp(high - F.softplus(high - limited, beta=SHARPNESS))

    @torch.no_grad()
    def start_at(self, points: Tensor) -> None:
        """Initialize the output bias, so that training starts at these points (the mean face).

        Networks that regress heatmaps have no such bias and are not changed.

        Args:
            points: (K, 2) in pixels; a point that is not finite starts at the center.
        """
        output = getattr(self.backbone, "output", None)
        if not isinstance(output, nn.Linear):
            return
        raw = (torch.as_tensor(points).to(self.sides) + 0.5) * 2 / self.sides - 1
        output.bias.copy_(torch.where(raw.isfinite(), raw, 0).flatten())


def _probability(logit: Tensor | None) -> Tensor | None:
    return None if logit is None else logit.float().clamp(-MAX_LOGIT, MAX_LOGIT).sigmoid()


@torch.no_grad()
def _outputs(backbone: nn.Module, points: int, size: tuple[int, int]) -> tuple[int, bool, bool]:
    """Number of values that a backbone predicts for each point (2, or 3 with a scale), and whether
    it has a face score and visibility."""
    training = backbone.training
    device = next((p.device for p in backbone.parameters()), torch.device("cpu"))
    output = backbone.eval()(torch.zeros(1, 1, *size, device=device))
    backbone.train(training)
    if not isinstance(output, BackboneOutput):
        output = BackboneOutput(output)
    shape = tuple(output.raw.shape)
    if shape not in ((1, points, 2), (1, points, 3)):
        raise SettingsError(
            f"a network for {points} points must give (B, {points}, 2) or (B, {points}, 3), "
            f"this one gives (B, {', '.join(map(str, shape[1:]))}); build it for as many points"
        )
    return shape[2], output.score is not None, output.visible is not None
