"""The random numbers of a batch's augmentation, and the maps that they make."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from facepoints.models.devices import to_device
from facepoints.training.augment.elastic import GRID
from facepoints.training.augment.geometric import Maps, random_maps
from facepoints.training.augment.presets import Augment
from facepoints.training.augment.random_columns import COLUMNS

__all__ = ["Draws", "draw"]


class Draws(NamedTuple):
    """The random numbers in the augmentation of B faces.

    Attributes:
        uniform: (B, COLUMNS) in [0, 1].
        maps: of the geometry; None if the settings change none.
        noise: (B, 1, H, W) standard normal, on the device of the images; None if the settings need
            none.
    """

    uniform: Tensor
    maps: Maps | None
    noise: Tensor | None

    def to(self, device: torch.device) -> Draws:
        """The draws on a device, see `models.devices.to_device`."""
        maps = self.maps
        if maps is not None:
            maps = Maps(*(to_device(tensor, device) for tensor in maps))
        return Draws(to_device(self.uniform, device), maps, self.noise)


def draw(
    batch: int,
    settings: Augment,
    mirrored: bool,
    generator: torch.Generator,
    input_size: tuple[int, int],
    size: tuple[int, int],
    device: torch.device,
) -> Draws:
    """Draw the random numbers of a batch: on the CPU, except for the noise.

    Args:
        batch: number of faces.
        settings: strength of every change.
        mirrored: whether faces may be mirrored.
        generator: CPU generator; it advances by the same amount for all settings and devices.
        input_size, size: (height, width) of the images before and after.
        device: of the images.
    """
    uniform = torch.rand(batch, COLUMNS, generator=generator)
    control = torch.rand(batch, 2 * GRID**2, generator=generator)
    seed = int(torch.randint(2**62, (1,), generator=generator))
    maps = noise = None
    if settings.geometric or size != input_size:
        maps = random_maps(uniform, control, settings, mirrored, input_size, size)
    if settings.noise or settings.occlusion:
        # Drawn on the device: a batch of noise is too large to copy there at each step
        own = torch.Generator(device).manual_seed(seed)
        noise = torch.randn((batch, 1, *size), generator=own, device=device)
    return Draws(uniform, maps, noise)
