"""Settings of the augmentation, and presets by name."""

from __future__ import annotations

from dataclasses import dataclass, replace

from facepoints.errors import SettingsError

__all__ = ["AUGMENTS", "STRENGTHS", "Augment"]

_LIMITS = {
    "rotation": 180.0,
    "scale": 1.0,
    "shift": 0.5,
    "mirror": 1.0,
    "perspective": 0.3,  # beyond, the horizon may enter the image
    "elastic": 0.04,  # beyond, the image could fold over itself
    "brightness": 255.0,
    "contrast": 1.0,
    "gamma": 2.0,
    "shade": 2.0,
    "blur": 16.0,
    "noise": 255.0,
    "occlusion": 1.0,
    "borrowed": 1.0,
}


@dataclass(frozen=True)
class Augment:
    """Strength of every random change to training faces; 0 switches a change off.

    Raises:
        SettingsError: a setting is negative, not finite or beyond its limit.
    """

    rotation: float = 0.0
    """Degrees about the center, uniform in ±rotation."""
    scale: float = 0.0
    """The size is multiplied by (1 + scale)^u, u uniform in ±1."""
    shift: float = 0.0
    """Fraction of the width and of the height, uniform in ±shift."""
    mirror: float = 0.0
    """Probability that a face is mirrored: its image and its left and right points."""
    perspective: float = 0.0
    """Fraction by which the size changes from the center to an edge, uniform in ±perspective."""
    elastic: float = 0.0
    """Maximum displacement by a smooth random field, as a fraction of the shorter side."""
    brightness: float = 0.0
    """Gray levels (of 255) added, uniform in ±brightness."""
    contrast: float = 0.0
    """Fraction by which differences from the mean gray change, uniform in ±contrast."""
    gamma: float = 0.0
    """Natural logarithm of the exponent on gray/255, uniform in ±gamma."""
    shade: float = 0.0
    """Light from a random side: natural logarithm of the brightness of one edge over that of the
    center, uniform up to shade. The opposite edge is darker by the same factor."""
    blur: float = 0.0
    """Standard deviation of a Gaussian blur in pixels, uniform up to blur."""
    noise: float = 0.0
    """Standard deviation of Gaussian noise per pixel in gray levels, uniform up to noise."""
    occlusion: float = 0.0
    """Probability that a random rectangle or ellipse of the image is covered."""
    borrowed: float = 0.0
    """Probability that a cover shows a part of another image of the batch instead of one gray
    level: other faces, hair, hands (after CutMix, https://arxiv.org/abs/1905.04899)."""

    def __post_init__(self) -> None:
        for name, limit in _LIMITS.items():
            value = getattr(self, name)
            if not 0 <= value <= limit:
                raise SettingsError(
                    f"augmentation '{name}' must be from 0 (off) to {limit:g}, is {value}"
                )

    @property
    def geometric(self) -> bool:
        """True if any change that moves points is on (mirroring included)."""
        return any((self.rotation, self.scale, self.shift, self.mirror, self.perspective)) or (
            self.elastic > 0
        )

    @property
    def photometric(self) -> bool:
        """True if any change of gray values is on."""
        tones = (self.brightness, self.contrast, self.gamma, self.shade)
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
    # Little geometry: crops frame all faces alike, and annotators mark a turned face differently
    # from an upright face that was turned. Much light: it never moves a point.
    "default": Augment(
        rotation=8,
        scale=0.08,
        shift=0.03,
        mirror=0.5,
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
        shade=0.6,
        blur=1.5,
        noise=15,
        occlusion=0.5,
        borrowed=0.5,
    ),
}
"""Settings by name."""

# Crops that are nearly right, as after a detector that sees eyes and mouth: less movement than
# "default", but light from all sides, and other faces, hair and hands in front of the face.
_MILD = replace(
    AUGMENTS["default"],
    mirror=0,
    perspective=0.05,
    elastic=0.01,
    brightness=30,
    gamma=0.4,
    shade=0.6,
    occlusion=0.4,
    borrowed=0.6,
)
AUGMENTS["detector-crop"] = replace(_MILD, rotation=25, scale=0.2, shift=0.09)
AUGMENTS["refined-crop"] = replace(_MILD, rotation=10, scale=0.1, shift=0.04)

# Small, blurred, dark and noisy faces, so that the scale is learned where points are hard to see.
_HARD = replace(AUGMENTS["detector-crop"], blur=4, noise=25, brightness=60, contrast=0.5, gamma=0.8)

_SETTLE = (_HARD, *2 * (AUGMENTS["detector-crop"],), *5 * (AUGMENTS["refined-crop"],))

STRENGTHS: dict[str, tuple[Augment, ...]] = {
    **{name: (AUGMENTS[name],) for name in ("none", "light", "default", "strong")},
    # Of recipes/points.py: five of eight crops as after a refinement pass, one hard to see.
    "closer": tuple(replace(settings, mirror=0.5) for settings in _SETTLE),
    # The same, never mirrored, so that the network learns the annotators' mirror bias.
    "settle": _SETTLE,
}
"""Presets by name. The settings of a preset share the faces of every step evenly."""
