"""What expressions move: lengths of a face, seen from the front, and what changes them.

The head pose is taken out (`face_axes`), then the corners of both eyes, which no expression
moves, give the axes and the scale: 1 is the mean distance between the outer corners, about 9 cm.
Left and right are the subject's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.mean_head import MEAN_HEAD
from facepoints.measurement.head_fit import HeadFit

__all__ = [
    "EFFECTS",
    "EYE_DISTANCE",
    "FEATURES",
    "FEATURE_POINTS",
    "MIRROR_SIGNS",
    "MOVEMENTS",
    "NAME_MIRROR",
    "OPENINGS",
    "SIDES",
    "depth_effects",
    "face_axes",
    "feature_rows",
    "opening_of",
    "perspective_effects",
    "turn_effects",
]

Array = NDArray[np.float64]

SIDES = ("Left", "Right")
_SIDED = (
    *("brow_inner", "brow_outer", "brow_gap", "wing"),
    *("corner_up", "corner_out", "lips"),
)
_CENTRAL = ("upper_lip", "gap", "lower_lip", "chin", "base", "tip")
_ASIDE = ("base_aside", "tip_aside", "lips_aside")
FEATURES: tuple[str, ...] = (
    *(f"{name}{side}" for name in _SIDED for side in SIDES),
    *_CENTRAL,
    *_ASIDE,
)
"""Lengths that are linear in the points:

- brow_inner, brow_outer: height of the two inner, or outer, points of a brow above the eye
- brow_gap: distance of the brow's inner end from the middle of the face
- wing: height of the outer point of a nostril, counted from the eyes, so it is negative
- corner_up, corner_out: height of the corner of the mouth, counted from the eyes, so it is
  negative, and its distance to the side
- lips: thickness of both lips, halfway to the corner
- upper_lip: height of the edge of the upper lip, counted from the eyes
- gap: height of the gap between the lips
- lower_lip, chin, base, tip: how far the lower lip, the chin, the base and the tip of the nose are
  below the eyes
- base_aside, tip_aside: how far base and tip of the nose are to the left. No expression moves the
  nose; it shows how far off the head pose is.
- lips_aside: how far the middle of the lips is to the left. In a turned head, a mouth that lies
  deeper than expected seems moved to one side: this tells it from a corner that is pulled there.
"""
OPENINGS: tuple[str, ...] = ("openingLeft", "openingRight")
"""Height over length of the gap between the lids of each eye."""

_Y, _X = 1, 0
_Term = tuple[int, int, float]
"""Number of a point on the left side or in the middle, axis, and factor."""

_LEFT: dict[str, tuple[_Term, ...]] = {
    "brow_inner": ((42, _Y, 0.5), (45, _Y, 0.5), (22, _Y, -0.5), (23, _Y, -0.5)),
    "brow_outer": ((42, _Y, 0.5), (45, _Y, 0.5), (25, _Y, -0.5), (26, _Y, -0.5)),
    "brow_gap": ((22, _X, 1.0),),
    "wing": ((35, _Y, -1.0),),
    "corner_up": ((54, _Y, -0.5), (64, _Y, -0.5)),
    "corner_out": ((54, _X, 0.5), (64, _X, 0.5)),
    "lips": ((63, _Y, 1.0), (52, _Y, -1.0), (56, _Y, 1.0), (65, _Y, -1.0)),
}
_MIDDLE: dict[str, tuple[_Term, ...]] = {
    "upper_lip": tuple((k, _Y, -1 / 3) for k in (50, 51, 52)),
    "gap": (*((k, _Y, 1 / 3) for k in (65, 66, 67)), *((k, _Y, -1 / 3) for k in (61, 62, 63))),
    "lower_lip": tuple((k, _Y, 1 / 3) for k in (65, 66, 67)),
    "chin": tuple((k, _Y, 1 / 3) for k in (7, 8, 9)),
    "base": ((33, _Y, 1.0),),
    "tip": ((30, _Y, 1.0),),
    "base_aside": ((33, _X, 1.0),),
    "tip_aside": ((30, _X, 1.0),),
    "lips_aside": tuple((k, _X, 1 / 4) for k in (51, 57, 62, 66)),
}
_LIDS = {  # outer corner, inner corner, then pairs of an upper and a lower point
    "Left": (45, 42, 44, 46, 43, 47),
    "Right": (36, 39, 37, 41, 38, 40),
}

_ALONE = ("jawOpen", "mouthPucker")
_OF_SIDES = (
    *("browInnerUp", "browOuterUp", "browDown"),
    *("mouthSmile", "mouthFrown", "mouthStretch", "mouthPress", "noseSneer"),
)
MOVEMENTS: tuple[str, ...] = (*(f"{name}{side}" for name in _OF_SIDES for side in SIDES), *_ALONE)
"""Movements that the lengths of `FEATURES` show. The lids have their own rule."""

_EFFECT: dict[str, dict[str, float]] = {
    # of the full movement of one side on the lengths of that side and of the middle
    "browInnerUp": {"brow_inner": 0.10, "brow_outer": 0.010, "brow_gap": 0.007},
    "browOuterUp": {"brow_inner": 0.022, "brow_outer": 0.085},
    "browDown": {"brow_inner": -0.065, "brow_outer": -0.020, "brow_gap": -0.035},
    "mouthSmile": {"corner_up": 0.085, "corner_out": 0.070, "upper_lip": 0.008, "gap": 0.006},
    "mouthFrown": {"corner_up": -0.070},
    "mouthStretch": {"corner_up": -0.010, "corner_out": 0.080},
    "mouthPress": {"lips": -0.070, "upper_lip": -0.014},
    "noseSneer": {"wing": 0.050, "upper_lip": 0.015, "gap": 0.008, "brow_inner": -0.010},
    # of a movement of the middle on both sides and on the middle
    "jawOpen": {
        "gap": 0.30,
        "lower_lip": 0.30,
        "chin": 0.21,
        "corner_up": -0.100,
        "corner_out": -0.030,
    },
    "mouthPucker": {"corner_out": -0.10, "lips": 0.035, "upper_lip": 0.015},
}
"""Full movements, in units of the distance between the outer eye corners (about 9 cm). Those of the
jaw agree with 1100 frames of 224 people of YouTube Faces, each compared with the person's median:
per 0.30 of gap, the lower lip moved by 0.30, the chin by 0.21 and the corners by -0.11."""


def _rows() -> Array:
    """(F, 68, 2): the features of points (68, 2) are the sums over their products with these."""
    rows = np.zeros((len(FEATURES), 68, 2))
    for name, terms in {**_LEFT, **_MIDDLE}.items():
        for point, axis, factor in terms:
            if name in _MIDDLE:
                rows[FEATURES.index(name), point, axis] += factor
                continue
            rows[FEATURES.index(f"{name}Left"), point, axis] += factor
            sign = -1.0 if axis == _X else 1.0
            mirrored = IBUG_68.mirror[point]
            rows[FEATURES.index(f"{name}Right"), mirrored, axis] += sign * factor
    return rows


def _effects() -> Array:
    """(F, M): change of each feature by each full movement."""
    effects = np.zeros((len(FEATURES), len(MOVEMENTS)))
    for column, movement in enumerate(MOVEMENTS):
        side = next((s for s in SIDES if movement.endswith(s)), "")
        for name, change in _EFFECT[movement.removesuffix(side)].items():
            sided = [f"{name}{s}" for s in SIDES if s == side or not side]
            for feature in [name] if name in _CENTRAL else sided:
                effects[FEATURES.index(feature), column] = change
    return effects


def _other_side(names: tuple[str, ...]) -> NDArray[np.intp]:
    swap = {"Left": "Right", "Right": "Left"}
    partners = []
    for name in names:
        side = next((s for s in SIDES if name.endswith(s)), "")
        partners.append(names.index(name.removesuffix(side) + swap.get(side, "")))
    return np.array(partners)


_ROWS = _rows()
EFFECTS: Array = _effects()
"""(len(FEATURES), len(MOVEMENTS)): change of each length by each full movement."""
NAME_MIRROR = _other_side(FEATURES + OPENINGS)
"""Index of the mirror partner of each of `FEATURES`, then `OPENINGS`."""
MIRROR_SIGNS: Array = np.array([-1.0 if n in _ASIDE else 1.0 for n in FEATURES + OPENINGS])
"""Sign that each of them has in the mirror image: distances to the subject's left change theirs."""
FEATURE_POINTS: dict[str, tuple[int, ...]] = {
    **{
        name: tuple(np.flatnonzero(np.abs(row).any(axis=1)).tolist())
        for name, row in zip(FEATURES, _ROWS, strict=True)
    },
    **{f"opening{side}": _LIDS[side] for side in SIDES},
}
"""Numbers of the points that each length is computed from."""

EYE_DISTANCE = float(np.ptp(MEAN_HEAD[[36, 39, 42, 45], 0].reshape(2, 2).mean(axis=1)))
"""Distance between the middles of both eyes, by which faces are scaled."""


def face_axes(points: Array, fit: HeadFit, depth: Array) -> Array:
    """Points (68, 2) of a face seen from the front, in axes and units of the eyes.

    Args:
        points: (68, 2) pixels.
        fit: of a head to this one face.
        depth: (68,) z on that head.
    """
    turn, scale = fit.turn[0], fit.scale[0]
    seen = (points - fit.shift[0]) / scale - depth[:, None] * turn[:2, 2]
    flat = np.linalg.solve(turn[:2, :2], seen.T).T
    right, left = flat[[36, 39]].mean(axis=0), flat[[42, 45]].mean(axis=0)
    across = left - right
    length = max(float(np.hypot(*across)), 1e-9)
    along = across / length
    down = np.array([-along[1], along[0]])
    moved = flat - (right + left) / 2
    return np.stack([moved @ along, moved @ down], axis=1) * (EYE_DISTANCE / length)


def feature_rows() -> Array:
    """(len(FEATURES), 68, 2): a length is the sum over the product of its row and the points."""
    return _ROWS


def opening_of(flat: Array, side: str) -> tuple[float, float]:
    """Height over length of the gap between the lids of an eye, and that length."""
    outer, inner, *lids = flat[list(_LIDS[side])]
    length = max(float(np.hypot(*(outer - inner))), 1e-9)
    heights = (np.hypot(*(lids[0] - lids[1])) + np.hypot(*(lids[2] - lids[3]))) / 2
    return float(heights) / length, length


def turn_effects(shape: Array) -> Array:
    """(len(FEATURES), 4): change of each length by a small turn to the side, up, a lean (radians),
    and growth of the scale.

    Args:
        shape: (68, 3) the head at rest, in axes of the eyes.
    """
    depth = shape[:, 2] - shape[[36, 39, 42, 45], 2].mean()
    x, y = shape[:, 0], shape[:, 1]
    none = np.zeros(68)
    moves = np.stack([[depth, none], [none, depth], [-y, x], [x, y]])  # (4, 2, 68)
    return np.einsum("fkc,nck->fn", _ROWS, moves)


_PARTS = (slice(0, 17), slice(17, 27), slice(27, 36), slice(36, 48), slice(48, 68))


def depth_effects(turn: Array) -> Array:
    """(len(FEATURES), 10): change of each length if a part of the face lies deeper by 1 than on the
    mean head: jaw, brows, nose, eyes, mouth; for a turn to the side, then up.

    Args:
        turn: (2,) tangents of both turns.
    """
    columns = []
    for axis, slope in enumerate(turn):
        for part in _PARTS:
            moved = np.zeros((68, 2))
            moved[part, axis] = slope
            if part == slice(36, 48):  # the axes move with the eyes
                moved[:, axis] -= slope
            columns.append((_ROWS * moved).sum(axis=(1, 2)))
    return np.stack(columns, axis=1)


def perspective_effects(shape: Array, turn: Array) -> Array:
    """(len(FEATURES), 2): change of each length if the camera is 1 / distance = 1 near, for a turn
    to the side, then up: the near side of a turned face looks larger.

    Args:
        shape: (68, 3) the head at rest, in axes of the eyes.
        turn: (2,) sines of both turns.
    """
    flat = shape[:, :2]
    moves = np.stack([flat * flat[:, :1] * turn[0], flat * flat[:, 1:] * turn[1]])
    return np.einsum("fkc,nkc->fn", _ROWS, moves)
