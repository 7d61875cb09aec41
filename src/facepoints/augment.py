"""Random changes of whole batches of faces, on the training device.

All of a batch is changed at once and its geometry by one resampling, so that an image is
interpolated only once. What is random comes from one CPU generator, always in the same
order and amount, so a step can be repeated bit for bit and switching one change on or off
does not alter what the others draw.

    settings = AUGMENTS["default"]
    images, points, labelled = augment(images, points, labelled, settings, mirror, generator)

The sampling map from an output pixel d to the input is G(d + e(d)): G a 3x3 homography
(mirror, rotation, scale, shift, perspective), e a cubic B-spline field (elastic). Points
go the other way, through the inverse of G and a few fixed-point steps for e.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from facepoints.errors import SettingsError

__all__ = ["AUGMENTS", "Augment", "augment"]

_LIMITS = {
    "rotation": 180.0,
    "scale": 1.0,
    "shift": 0.5,
    "mirror": 1.0,
    "perspective": 0.3,  # beyond, the horizon may come into the picture
    "elastic": 0.04,  # beyond, the picture could fold over itself
    "brightness": 255.0,
    "contrast": 1.0,
    "gamma": 2.0,
    "blur": 16.0,
    "noise": 255.0,
    "occlusion": 1.0,
}


@dataclass(frozen=True)
class Augment:
    """How strongly training faces are changed at random; 0 switches a change off.

    Raises:
        SettingsError: a setting is negative, not finite or beyond its limit.
    """

    rotation: float = 0.0
    """Degrees about the centre, uniform in ±rotation."""
    scale: float = 0.0
    """Part: the size is multiplied by (1 + scale)^u, u uniform in ±1."""
    shift: float = 0.0
    """Part of the width and of the height, uniform in ±shift."""
    mirror: float = 0.0
    """Probability that left and right are swapped, in the picture and in the names."""
    perspective: float = 0.0
    """Part by which size changes from the centre to an edge, uniform in ±perspective."""
    elastic: float = 0.0
    """Part of the shorter side: largest displacement by a smooth random field."""
    brightness: float = 0.0
    """Gray levels (of 255) added, uniform in ±brightness."""
    contrast: float = 0.0
    """Part by which differences from the mean gray change, uniform in ±contrast."""
    gamma: float = 0.0
    """Natural logarithm of the exponent on gray/255, uniform in ±gamma."""
    blur: float = 0.0
    """Pixels: standard deviation of a Gaussian blur, uniform up to blur."""
    noise: float = 0.0
    """Gray levels: standard deviation of Gaussian noise per pixel, uniform up to noise."""
    occlusion: float = 0.0
    """Probability that a random rectangle or ellipse of the picture is covered."""

    def __post_init__(self) -> None:
        for name, limit in _LIMITS.items():
            value = getattr(self, name)
            if not 0 <= value <= limit:
                raise SettingsError(
                    f"augmentation '{name}' must be from 0 (off) to {limit:g}, is {value}"
                )

    @property
    def geometric(self) -> bool:
        """Whether anything that moves points is on (mirroring included)."""
        return any((self.rotation, self.scale, self.shift, self.mirror, self.perspective)) or (
            self.elastic > 0
        )

    @property
    def photometric(self) -> bool:
        """Whether anything that changes gray values in place is on."""
        tones = (self.brightness, self.contrast, self.gamma)
        return any((*tones, self.blur, self.noise, self.occlusion))


AUGMENTS: dict[str, Augment] = {
    "none": Augment(),
    "light": Augment(
        rotation=8,
        scale=0.08,
        shift=0.03,
        mirror=0.5,
        brightness=15,
        contrast=0.15,
        gamma=0.1,
    ),
    "default": Augment(
        rotation=15,
        scale=0.15,
        shift=0.06,
        mirror=0.5,
        perspective=0.08,
        elastic=0.012,
        brightness=25,
        contrast=0.25,
        gamma=0.25,
        blur=1.0,
        noise=8,
        occlusion=0.25,
    ),
    "strong": Augment(
        rotation=30,
        scale=0.25,
        shift=0.1,
        mirror=0.5,
        perspective=0.15,
        elastic=0.02,
        brightness=40,
        contrast=0.4,
        gamma=0.4,
        blur=1.5,
        noise=15,
        occlusion=0.5,
    ),
}
"""Settings by name."""


@torch.no_grad()
def augment(
    images: Tensor,
    points: Tensor,
    labelled: Tensor,
    settings: Augment,
    mirror: Tensor | None,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Randomly changed copies of a batch of faces; what comes in is left as it is.

    Args:
        images: (B, 1, H, W) float32 in [0, 255], on any device.
        points: (B, K, 2) float32, (x, y) in pixels, centre of the top-left pixel (0, 0).
        labelled: (B, K) bool.
        settings: what to change and how strongly.
        mirror: (K,) int64, column k of a mirrored face is column mirror[k] of the
            original (`LandmarkSet.mirror`). None: no face is mirrored.
        generator: CPU generator; it moves on by the same amount whatever the settings
            and the device.

    Returns:
        The triple, of the same shapes and on the same device. Points that left the
        picture (beyond the outer edge of a border pixel) are no longer labelled; points
        not labelled are 0 if the settings move points at all.
    """
    batch, device = len(images), images.device
    uniform = torch.rand(batch, _DRAWS, generator=generator)
    control = torch.rand(batch, 2 * _GRID**2, generator=generator)
    seed = int(torch.randint(2**62, (1,), generator=generator))
    with torch.autocast(device.type, enabled=False):
        images = images.float()
        if settings.geometric:
            images, points, labelled = _move(
                images, points, labelled, settings, mirror, uniform, control
            )
        if settings.photometric:
            if not settings.geometric:
                images = images.clone()
            images = _relight(images, settings, uniform.to(device, non_blocking=True), seed)
    return images, points, labelled


# Columns of the uniform draws, one row per face.
_ROTATION, _SCALE, _SHIFT_X, _SHIFT_Y, _MIRROR, _TILT_X, _TILT_Y = range(7)
_BRIGHTNESS, _CONTRAST, _GAMMA, _BLUR, _NOISE = range(7, 12)
_COVERED, _CENTRE_X, _CENTRE_Y, _HALF_X, _HALF_Y, _SHAPE, _LEVEL, _GRAIN = range(12, 20)
_DRAWS = 20


def _signed(uniform: Tensor, column: int) -> Tensor:
    return uniform[:, column] * 2 - 1


# --- geometry -------------------------------------------------------------------------


def _move(
    images: Tensor,
    points: Tensor,
    labelled: Tensor,
    settings: Augment,
    mirror: Tensor | None,
    uniform: Tensor,
    control: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Picture, points and mask under one random map per face."""
    device = images.device
    height, width = images.shape[-2:]
    flipped = uniform[:, _MIRROR] < (0.0 if mirror is None else settings.mirror)
    forward = _homographies(uniform, settings, flipped, height, width)
    amount = settings.elastic * min(height, width)
    offsets = ((control * 2 - 1) * amount).view(-1, 2, _GRID, _GRID).to(device, non_blocking=True)
    back = torch.linalg.inv(forward).float().to(device, non_blocking=True)
    moved = _project(forward.float().to(device, non_blocking=True), points)
    if amount:
        moved = _undo_elastic(moved, offsets, height, width, amount)
    if mirror is not None and settings.mirror:
        column = mirror.to(device, non_blocking=True)
        flips = flipped.to(device, non_blocking=True)[:, None]
        moved = torch.where(flips[..., None], moved[:, column], moved)
        labelled = torch.where(flips, labelled[:, column], labelled)
    x, y = moved.unbind(-1)
    labelled = labelled & (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    moved = torch.where(labelled[..., None], moved, torch.zeros_like(moved))
    grid = _sampling_grid(
        back, offsets if amount else None, settings.perspective > 0, height, width
    )
    images = F.grid_sample(
        images, grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    return images, moved, labelled


def _homographies(
    uniform: Tensor, settings: Augment, flipped: Tensor, height: int, width: int
) -> Tensor:
    """(B, 3, 3) float64 on the CPU: input pixels to output pixels, without elastic."""
    draws = uniform.double()
    angle = _signed(draws, _ROTATION) * math.radians(settings.rotation)
    size = (1 + settings.scale) ** _signed(draws, _SCALE)
    turn = torch.zeros(len(draws), 3, 3, dtype=torch.float64)
    side = torch.where(flipped, -1.0, 1.0)  # mirrored first: about the centre, x -> -x
    turn[:, 0, 0], turn[:, 0, 1] = size * angle.cos() * side, -size * angle.sin()
    turn[:, 1, 0], turn[:, 1, 1] = size * angle.sin() * side, size * angle.cos()
    turn[:, 2, 2] = 1
    tilt = torch.eye(3, dtype=torch.float64).repeat(len(draws), 1, 1)
    tilt[:, 2, 0] = _signed(draws, _TILT_X) * settings.perspective * 2 / width
    tilt[:, 2, 1] = _signed(draws, _TILT_Y) * settings.perspective * 2 / height
    centre = torch.eye(3, dtype=torch.float64)
    centre[0, 2], centre[1, 2] = -(width - 1) / 2, -(height - 1) / 2
    place = torch.eye(3, dtype=torch.float64).repeat(len(draws), 1, 1)
    place[:, 0, 2] = (width - 1) / 2 + _signed(draws, _SHIFT_X) * settings.shift * width
    place[:, 1, 2] = (height - 1) / 2 + _signed(draws, _SHIFT_Y) * settings.shift * height
    return place @ tilt @ turn @ centre


def _project(matrix: Tensor, points: Tensor) -> Tensor:
    """Points (B, K, 2) through homographies (B, 3, 3).

    Without matmul, whose precision a program may have lowered on CUDA.
    """
    x, y = points[..., :1], points[..., 1:]
    columns = matrix.transpose(1, 2)[:, :, None]  # (B, 3, 1, 3)
    mapped = x * columns[:, 0] + y * columns[:, 1] + columns[:, 2]
    return mapped[..., :2] / mapped[..., 2:]


def _sampling_grid(
    back: Tensor, offsets: Tensor | None, perspective: bool, height: int, width: int
) -> Tensor:
    """(B, H, W, 2) for `grid_sample` without aligned corners: where output pixels look.

    `offsets` are the control points of e, `perspective` whether the denominator varies.
    """
    # grid_sample counts from -1 to 1 between outer edges: g = (2 x + 1) / W - 1
    to_grid = torch.tensor(
        [[2 / width, 0, 1 / width - 1], [0, 2 / height, 1 / height - 1], [0, 0, 1]],
        device=back.device,
    )
    # A sum of products, not a matmul: see _project
    matrix = (to_grid[None, :, :, None] * back[:, None]).sum(2)
    if not perspective:
        matrix = matrix[:, :2]
    xs = torch.arange(width, device=back.device, dtype=back.dtype)
    ys = torch.arange(height, device=back.device, dtype=back.dtype)
    along_x = matrix[:, :, 0, None] * xs + matrix[:, :, 2, None]  # (B, 3, W)
    along_y = matrix[:, :, 1] * ys[:, None, None]  # (H, B, 3)
    field = along_x + along_y[..., None]  # (H, B, 3, W)
    if offsets is not None:
        # The numerators and the denominator are linear in d + e(d). Rows come first, so
        # that each axis of the spline is one large product, not many small ones.
        shifted = (matrix[:, :, :2, None, None] * offsets[:, None]).sum(2)
        columns = (shifted.permute(2, 0, 1, 3) @ _spline(xs, width).T).reshape(_GRID, -1)
        field.view(height, -1).addmm_(_spline(ys, height), columns)
    if perspective:
        field[:, :, :2] /= field[:, :, 2:]
    return field[:, :, :2].permute(1, 0, 3, 2)


# --- elastic: a uniform cubic B-spline over a grid of control points --------------------
# B-splines are smooth, stay within the range of their control points, and are cheap: two
# small matrix products draw the field of a batch. Rueckert et al. 1999, "Nonrigid
# registration using free-form deformations", doi:10.1109/42.796284

_SPANS = 5  # across the picture
_GRID = _SPANS + 3  # control points, so that every pixel has four in reach


def _spline(place: Tensor, side: Tensor | int) -> Tensor:
    """Weights (..., grid) of the control points at pixels (...) of an axis of `side`."""
    knots = torch.arange(-1, _GRID - 1, device=place.device, dtype=place.dtype)
    distance = (((place + 0.5) * (_SPANS / side))[..., None] - knots).abs_()
    wide, narrow = (2 - distance).clamp_(min=0), (1 - distance).clamp_(min=0)
    return (wide * wide * wide).sub_(narrow * narrow * narrow, alpha=4).div_(6)


def _undo_elastic(
    points: Tensor, offsets: Tensor, height: int, width: int, amount: float
) -> Tensor:
    """Points d with d + e(d) = points, to 0.005 pixels, by d <- points - e(d)."""
    # Neighbouring control points differ by up to 2 amount, in x and in y: so much
    # smaller is the error after each step
    slope = 4 * amount * _SPANS / min(height, width)
    steps = math.ceil(math.log(0.005 / amount) / math.log(slope)) if amount > 0.005 else 1
    sides = torch.tensor([width, height], device=points.device)
    control = offsets.transpose(1, 2).flatten(2)  # (B, grid of y, 2 * grid of x)
    found = points
    for _ in range(steps):
        along_x, along_y = _spline(found, sides).unbind(2)  # (B, K, grid) each
        pulled = (along_y @ control).unflatten(2, (2, _GRID))
        found = points - (pulled * along_x[:, :, None]).sum(-1)
    return found


# --- light ----------------------------------------------------------------------------


def _relight(images: Tensor, settings: Augment, uniform: Tensor, seed: int) -> Tensor:
    """Gray values changed; `images` is overwritten. Order as in a camera: light, lens,
    what stands before the face, sensor."""
    images = _tones(images, settings, uniform)
    if settings.blur:
        images = _blur(images, settings, uniform)
    if settings.noise or settings.occlusion:
        images = _cover_and_grain(images, settings, uniform, seed)
    return images.clamp_(0, 255)


def _tones(images: Tensor, settings: Augment, uniform: Tensor) -> Tensor:
    if settings.gamma:
        power = (_signed(uniform, _GAMMA) * settings.gamma).exp().view(-1, 1, 1, 1)
        images = images.mul_(1 / 255).clamp_(min=0).pow_(power).mul_(255)
    if settings.contrast or settings.brightness:
        gain = (1 + _signed(uniform, _CONTRAST) * settings.contrast).view(-1, 1, 1, 1)
        added = (_signed(uniform, _BRIGHTNESS) * settings.brightness).view(-1, 1, 1, 1)
        added = added + images.mean((1, 2, 3), keepdim=True) * (1 - gain)
        images = images.mul_(gain).add_(added).clamp_(0, 255)
    return images


def _blur(images: Tensor, settings: Augment, uniform: Tensor) -> Tensor:
    """Gaussian blur of each image with its own sigma, borders repeated.

    By sums of shifted pictures: on the CPU a few times faster than convolutions with a
    kernel per image.
    """
    reach = math.ceil(2.5 * settings.blur)
    sigma = (uniform[:, _BLUR] * settings.blur).clamp(min=0.05)
    place = torch.arange(reach + 1, device=images.device)
    # Held off denormals, which are slow
    weights = torch.exp((-0.5 * (place / sigma[:, None]) ** 2).clamp(min=-30))
    weights /= 2 * weights.sum(1, keepdim=True) - weights[:, :1]
    weight = [w.view(-1, 1, 1, 1) for w in weights.unbind(1)]
    padded = F.pad(images, (reach,) * 4, mode="replicate")
    for axis in (2, 3):
        side = images.shape[axis]
        smooth = padded.narrow(axis, reach, side) * weight[0]
        for k in range(1, reach + 1):
            pair = padded.narrow(axis, reach - k, side) + padded.narrow(axis, reach + k, side)
            smooth.addcmul_(pair, weight[k])
        padded = smooth
    return padded


_LARGEST_COVER = 0.25  # half-sides of a cover, part of the picture's
_ROUND, _SQUARE = 2.0, 16.0  # exponents of |x|^p + |y|^p <= 1
_COARSEST_GRAIN = 64.0  # gray levels, standard deviation within a cover


def _cover_and_grain(images: Tensor, settings: Augment, uniform: Tensor, seed: int) -> Tensor:
    """Covers of an even gray with or without grain, and noise everywhere."""
    height, width = images.shape[-2:]
    draws = uniform[:, :, None]
    grain = (draws[:, _NOISE] * settings.noise)[..., None, None]
    if settings.occlusion:
        shape = torch.where(draws[:, _SHAPE] < 0.5, _ROUND, _SQUARE)
        half = 0.05 + draws[:, _HALF_X : _HALF_Y + 1] * (_LARGEST_COVER - 0.05)
        xs = torch.linspace(0, 1, width, device=images.device)
        ys = torch.linspace(0, 1, height, device=images.device)
        far_x = ((xs - draws[:, _CENTRE_X]) / half[:, 0]).abs() ** shape
        far_y = ((ys - draws[:, _CENTRE_Y]) / half[:, 1]).abs() ** shape
        reach = torch.where(draws[:, _COVERED] < settings.occlusion, 1.0, -1.0)
        covered = (far_x[:, None, :] + far_y[:, :, None] <= reach[..., None])[:, None]
        images = torch.where(covered, draws[:, _LEVEL, :, None, None] * 255, images)
        coarse = (draws[:, _GRAIN] - 0.5).clamp(min=0) * 2 * _COARSEST_GRAIN
        grain = torch.where(covered, coarse[..., None, None], grain)
    # Drawn where it is used: a batch of noise is too much to send to the device each step
    source = torch.Generator(images.device).manual_seed(seed)
    return images.addcmul_(torch.randn(images.shape, generator=source, device=images.device), grain)
