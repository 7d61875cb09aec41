"""The 68 points of a synthetic face: a 3-D head of a random person, expression and pose.

The head unit is the distance between the eye centers. x points to the subject's left (right in the
image), y down, z towards the camera. The origin is between the eyes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

__all__ = ["CROWN", "Expression", "Projection", "express", "neutral_shape", "pose"]

Array = NDArray[np.float64]

JAW, BROWS, BRIDGE, BASE = slice(0, 17), slice(17, 27), slice(27, 31), slice(31, 36)
RIGHT_EYE, LEFT_EYE, OUTER_LIP, INNER_LIP = (
    slice(36, 42),
    slice(42, 48),
    slice(48, 60),
    slice(60, 68),
)
NOSE = slice(27, 36)

# The subject's left half, made by hand with the usual proportions of a drawn head: the mouth is one
# eye distance below the eyes, the nose a little over half, the chin one and two thirds.
_LEFT_JAW = [  # from the ear down
    (1.10, -0.03, -1.00),
    (1.09, 0.25, -0.95),
    (1.06, 0.53, -0.86),
    (1.00, 0.81, -0.74),
    (0.89, 1.07, -0.57),
    (0.72, 1.29, -0.37),
    (0.51, 1.47, -0.16),
    (0.27, 1.59, 0.01),
]
_CHIN = (0.0, 1.63, 0.06)
_LEFT_BROW = [  # inner to outer
    (0.20, -0.25, 0.14),
    (0.38, -0.32, 0.12),
    (0.57, -0.35, 0.06),
    (0.75, -0.32, -0.05),
    (0.90, -0.22, -0.20),
]
_BRIDGE = [(0, -0.02, 0.10), (0, 0.18, 0.23), (0, 0.38, 0.38), (0, 0.58, 0.53)]
_BASE = [(0, 0.76, 0.34), (0.11, 0.73, 0.29), (0.22, 0.68, 0.19)]  # center, inner, outer
_LEFT_EYE = [  # inner corner, upper inner, upper outer, outer corner, lower outer, lower inner
    (0.31, 0.02, -0.03),
    (0.43, -0.07, 0.03),
    (0.57, -0.07, 0.01),
    (0.69, 0.00, -0.10),
    (0.58, 0.055, -0.01),
    (0.44, 0.06, 0.01),
]
_UPPER_LIP = [(0, 0.985, 0.30), (0.13, 0.955, 0.29), (0.28, 0.985, 0.21)]  # from the center
_CORNER = (0.44, 1.05, 0.07)
_LOWER_LIP = [(0.29, 1.19, 0.17), (0.14, 1.25, 0.24), (0, 1.265, 0.25)]  # from the corner
_INNER = [(0.375, 1.055, 0.10), (0.13, 1.075, 0.25), (0, 1.085, 0.27)]  # corner, upper
_INNER_LOWER = [(0.13, 1.09, 0.24), (0, 1.10, 0.25)]


def _other(points: list[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    return [(-x, y, z) for x, y, z in points]


def _template() -> Array:
    upper = [*_other(_UPPER_LIP[:0:-1]), *_UPPER_LIP]
    lower = [*_LOWER_LIP, *_other(_LOWER_LIP[1::-1])]
    inner_upper = [*_other(_INNER), *_INNER[1::-1]]
    inner_lower = [*_INNER_LOWER, *_other(_INNER_LOWER[:1])]
    eye = _other(_LEFT_EYE)
    whole = [
        *_other(_LEFT_JAW),
        _CHIN,
        *_LEFT_JAW[::-1],
        *_other(_LEFT_BROW[::-1]),
        *_LEFT_BROW,
        *_BRIDGE,
        *_other(_BASE[:0:-1]),
        *_BASE,
        *(eye[i] for i in (3, 2, 1, 0, 5, 4)),
        *_LEFT_EYE,
        _other([_CORNER])[0],
        *upper,
        _CORNER,
        *lower,
        *inner_upper,
        *inner_lower,
    ]
    return np.array(whole, dtype=np.float64)


TEMPLATE = _template()

CROWN: Array = np.array(
    [
        (1.12, -0.30, -0.98),
        (1.09, -0.62, -0.90),
        (0.98, -0.94, -0.78),
        (0.72, -1.22, -0.62),
        (0.38, -1.38, -0.52),
        (0.00, -1.43, -0.48),
        (-0.38, -1.38, -0.52),
        (-0.72, -1.22, -0.62),
        (-0.98, -0.94, -0.78),
        (-1.09, -0.62, -0.90),
        (-1.12, -0.30, -0.98),
    ]
)
"""Outline of the skull above the ends of the jaw, from the left ear over the top; unlabeled."""


def neutral_shape(rng: np.random.Generator) -> Array:
    """The 68 points (68, 3) of a person in head units, at rest and facing the camera."""
    n = np.clip(rng.normal(size=20), -2, 2)
    p = TEMPLATE.copy()
    side = np.sign(p[:, 0])
    y = p[JAW, 1].copy()
    p[JAW, 0] *= 1 + 0.045 * n[0] + 0.06 * n[1] * np.exp(-(((y - 1.25) / 0.35) ** 2))
    p[JAW, 1] += 0.07 * n[2] * np.clip(y - 0.9, 0, None)
    for eye in (RIGHT_EYE, LEFT_EYE):
        middle = p[eye].mean(axis=0)
        away = p[eye] - middle
        lift = 0.10 * n[3] * away[:, 0] * np.sign(middle[0])
        p[eye] = middle + away * (1 + 0.07 * n[4], 1.05 + 0.16 * n[5], 1)
        p[eye, 1] -= lift
    for part in (RIGHT_EYE, LEFT_EYE, BROWS):
        p[part, 0] += side[part] * 0.02 * n[6]
    outward = np.abs(p[BROWS, 0]) - 0.55
    p[BROWS, 1] += 0.035 * n[7] - 0.10 * n[8] * outward
    p[BROWS, 0] += side[BROWS] * 0.03 * n[9]
    p[NOSE, 1] += 0.05 * n[10] * np.clip(p[NOSE, 1], 0, None)
    p[BASE, 0] *= 1 + 0.11 * n[11]
    p[NOSE, 2] *= 1 + 0.12 * n[12]
    lips = slice(48, 68)
    p[lips, 0] *= 1 + 0.09 * n[13]
    p[lips, 1] = 1.085 + (p[lips, 1] - 1.085) * (1 + 0.2 * n[14])
    p[lips, 1] += 0.035 * n[15] + 0.03 * n[10]
    below = np.clip(p[:, 1], 0, None)
    p[:, 1] += 0.035 * n[16] * below
    p[:, :2] += rng.normal(scale=0.006, size=(68, 2))  # faces are not exactly symmetric
    return p


@dataclass(frozen=True)
class Expression:
    """A facial expression: shares of full movements, 0 at rest."""

    open: float = 0.0
    smile: float = 0.0
    raise_brows: float = 0.0
    frown: float = 0.0
    close_eyes: float = 0.0

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Expression:
        """A random expression; most mouths are closed and most eyes open."""
        n, u = rng.normal(size=4), rng.random(3)
        return cls(
            open=float(np.clip(n[0] * 0.35, 0, 1)) if u[0] < 0.55 else 0.0,
            smile=float(np.clip(0.25 + 0.45 * n[1], -0.4, 1.1)),
            raise_brows=float(np.clip(0.5 * n[2], -0.6, 1.2)),
            frown=float(np.clip(0.5 * n[3], -0.4, 1)),
            close_eyes=float(0.95 if u[1] < 0.04 else 0.45 * u[2] ** 2),
        )


def express(shape: Array, e: Expression) -> Array:
    """The points (68, 3) of a neutral shape under an expression."""
    p = shape.copy()
    side = np.sign(p[:, 0])
    lips = slice(48, 68)
    corner = np.clip((np.abs(p[lips, 0]) / np.abs(p[54, 0])), 0, 1) ** 2
    smile = e.smile
    p[lips, 0] *= 1 + 0.17 * smile
    p[lips, 1] -= corner * 0.10 * smile - 0.02 * smile
    p[lips, 2] -= corner * 0.06 * smile
    part = max(smile - 0.55, 0) * 0.16  # a broad smile shows the upper teeth
    drop = 0.42 * e.open + part
    lower = [55, 56, 57, 58, 59, 65, 66, 67]
    p[lower, 1] += drop * np.array([0.75, 0.95, 1, 0.95, 0.75, 0.95, 1, 0.95])
    p[[48, 54, 60, 64], 1] += 0.3 * drop
    p[lips, 0] *= 1 - 0.18 * e.open
    p[61:64, 1] -= 0.3 * part
    p[JAW, 1] += 0.75 * drop * np.clip((p[JAW, 1] - 0.4) / 1.2, 0, 1) ** 1.5
    p[BASE, 0] *= 1 + 0.06 * smile
    p[BROWS, 1] -= 0.09 * e.raise_brows
    inner = np.clip(1 - (np.abs(p[BROWS, 0]) - 0.2) / 0.45, 0, 1)
    p[BROWS, 1] += 0.06 * e.frown * inner
    p[BROWS, 0] -= side[BROWS] * 0.03 * e.frown * inner
    for upper, low in (((37, 38), (41, 40)), ((43, 44), (47, 46))):
        up, down = list(upper), list(low)
        p[down, 1] -= 0.02 * max(smile, 0)
        p[up, 1] += (p[down, 1] - p[up, 1]) * e.close_eyes
        p[up, 1] -= 0.015 * max(e.raise_brows, 0)
    return p


@dataclass(frozen=True)
class Projection:
    """The map from head units to pixels: a rotation, a weak perspective, a scale and a shift.

    Attributes:
        turn: (3, 3) rotation.
        scale: pixels per head unit.
        shift: (2,) pixel of the head's pivot.
        yaw: rotation to the side in radians, positive towards the right of the image.
    """

    turn: Array
    scale: float
    shift: Array
    yaw: float

    def __call__(self, points: Array) -> Array:
        """Pixels (..., 2) of points (..., 3) in head units."""
        turned = (points - _PIVOT) @ self.turn.T
        near = _DISTANCE / (_DISTANCE - turned[..., 2:])
        return turned[..., :2] * near * self.scale + self.shift

    def nearer(self, points: Array) -> Array:
        """Points at the side of the head, moved forward on the side that faces away.

        Annotators mark the far jaw on the visible outline, which is nearer than the side of the
        skull. The hair there moves with it.
        """
        far = np.clip(points[:, 0] * np.sign(self.yaw), 0, 1) * min(abs(self.yaw) / 0.5, 1)
        return points * np.stack([np.ones_like(far), np.ones_like(far), 1 - 0.55 * far], axis=1)


_PIVOT = np.array([0.0, 0.45, -0.8])  # approximate pivot of a head
_DISTANCE = 9.0  # of the camera, in head units: about half a meter


def _turn(yaw: float, pitch: float, roll: float) -> Array:
    """Rotation by radians: yaw moves the nose to the right of the image, pitch lowers it."""
    a, b = np.cos([yaw, pitch, roll]), np.sin([yaw, pitch, roll])
    about_y = np.array([[a[0], 0, b[0]], [0, 1, 0], [-b[0], 0, a[0]]])
    about_x = np.array([[1, 0, 0], [0, a[1], b[1]], [0, -b[1], a[1]]])
    about_z = np.array([[a[2], -b[2], 0], [b[2], a[2], 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def pose(points: Array, rng: np.random.Generator, size: int) -> tuple[Array, Projection]:
    """Rotate a head at random and frame it like Kaggle's faces.

    The eyes are at about 37/96 and the mouth at about 75/96 of the image's height, with jitter.
    The face is then shrunk and moved by the least amount that puts all points inside.

    Args:
        points: (68, 3) in head units.
        rng: source of the random pose.
        size: side of the image in pixels.

    Returns:
        The points (68, 3) in head units with the far jaw moved forward, and the projection.
    """
    n = rng.normal(size=7)
    yaw = float(np.clip(0.17 * n[0], -0.5, 0.5))
    pitch, roll = np.clip(0.11 * n[1], -0.25, 0.25), np.clip(0.10 * n[2], -0.35, 0.35)
    turn = _turn(yaw, float(pitch), float(roll))
    unit = size / 96
    first = Projection(turn, 30.8 * unit * (1 + 0.05 * n[3]), np.zeros(2), yaw)
    p = points.copy()
    p[JAW] = first.nearer(p[JAW])
    flat = first(p)
    low, high = flat[17:].min(axis=0), flat[17:].max(axis=0)
    eyes = flat[36:48].mean(axis=0)
    middle = np.array([(low[0] + high[0] + eyes[0] * 2) / 4, eyes[1]])
    target = np.array([47.5 + 2 * n[4], 36.5 + 1.8 * n[5]]) + 0.5
    shift = target * unit - 0.5 - middle
    return p, _fit(replace(first, shift=shift), p, size)


def _fit(projection: Projection, points: Array, size: int) -> Projection:
    """Shrink and move a projection as little as possible, so that all points are in the image."""
    edge = 2 * size / 96 - 0.5  # in the smallest images just inside the last pixel
    flat = projection(points)
    low, high = flat.min(axis=0), flat.max(axis=0)
    room = size - 1 - 2 * edge
    shrink = min(1.0, room / float((high - low).max()))
    shift = projection.shift.copy()
    if shrink < 1:
        center = np.array([(size - 1) / 2] * 2)
        shift = center + (shift - center) * shrink
        low, high = (center + (v - center) * shrink for v in (low, high))
    shift += np.clip(edge - low, 0, None) - np.clip(high - (size - 1 - edge), 0, None)
    return replace(projection, scale=projection.scale * shrink, shift=shift)
