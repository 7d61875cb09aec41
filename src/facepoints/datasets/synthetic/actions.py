"""Movements of a synthetic face one by one, each side apart, so that expressions have a true value.

The names are those of ARKit's blend shapes (https://developer.apple.com/documentation/arkit/
arfaceanchor/blendshapelocation). What each movement does follows the Facial Action Coding System
(Ekman, Friesen & Hager 2002), in head units. People move differently: `Movers` draws how far each
movement of a person goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import SettingsError
from facepoints.landmarks.mean_head import MEAN_HEAD

__all__ = ["ACTIONS", "Movers", "act", "draw_actions", "with_real_depth"]

Array = NDArray[np.float64]

_SIDED = (
    *("browInnerUp", "browOuterUp", "browDown", "eyeBlink", "eyeWide"),
    *("mouthSmile", "mouthFrown", "mouthStretch", "mouthPress", "noseSneer"),
)
ACTIONS: tuple[str, ...] = (
    *(f"{name}{side}" for name in _SIDED for side in ("Left", "Right")),
    *("jawOpen", "mouthPucker"),
)
"""The movements. Left and right are the subject's."""

_JAW, _LIPS = slice(0, 17), slice(48, 68)
_BROWS = {"Left": [22, 23, 24, 25, 26], "Right": [21, 20, 19, 18, 17]}  # inner to outer
_LIDS = {"Left": ((43, 44), (47, 46)), "Right": ((38, 37), (40, 41))}  # upper, lower
_WINGS = {"Left": [35, 34], "Right": [31, 32]}
_LOWER = [55, 56, 57, 58, 59, 65, 66, 67]
_DROP = (0.75, 0.95, 1.0, 0.95, 0.75, 0.95, 1.0, 0.95)  # of the lower lip's points with the jaw
_CORNERS = [48, 54, 60, 64]
_MIDDLE = 1.085  # height of the line between the lips

_NEVER_AT_ONCE = (
    {"browInnerUp", "browDown"},
    {"browOuterUp", "browDown"},
    {"eyeBlink", "eyeWide"},
    {"mouthSmile", "mouthFrown"},
    {"mouthSmile", "mouthStretch"},
    {"mouthSmile", "mouthPucker"},
    {"mouthStretch", "mouthPucker"},
    {"mouthPress", "jawOpen"},
    {"mouthPress", "mouthPucker"},
)

_RISE = {  # of the brow, inner to outer: (outward, up)
    "browInnerUp": ((0.01, 0.15), (0.01, 0.12), (0, 0.06), (0, 0.02), (0, 0)),
    "browOuterUp": ((0, 0.01), (0, 0.05), (0, 0.09), (0, 0.12), (0, 0.11)),
    "browDown": ((-0.06, -0.10), (-0.04, -0.09), (-0.02, -0.06), (0, -0.04), (0, -0.02)),
}


@dataclass(frozen=True)
class Movers:
    """The extent of a person's movements.

    Attributes:
        reach: (len(ACTIONS),) of each movement, around 1; both sides of a movement are alike.
    """

    reach: Array = field(default_factory=lambda: np.ones(len(ACTIONS)))

    @classmethod
    def draw(cls, rng: np.random.Generator, spread: float = 0.12) -> Movers:
        """A random person. `spread` is the standard deviation of the reach."""
        pairs = 1 + spread * np.clip(rng.normal(size=len(_SIDED) + 2), -2, 2)
        return cls(np.concatenate([np.repeat(pairs[:-2], 2), pairs[-2:]]))


def draw_actions(rng: np.random.Generator) -> dict[str, float]:
    """One to three random movements that a face can make at once, most of them on both sides."""
    values: dict[str, float] = {}
    kinds = [*_SIDED, "jawOpen", "mouthPucker"]
    for kind in rng.permutation(kinds)[: rng.integers(1, 4)]:
        if any({str(kind), other} in _NEVER_AT_ONCE for other in _kinds(values)):
            continue
        size = float(rng.uniform(0.15, 1.0))
        if kind in _SIDED:
            both, first = rng.random() < 0.6, int(rng.integers(2))
            for number, side in enumerate(("Left", "Right")):
                if both or number == first:
                    values[f"{kind}{side}"] = min(size * float(rng.uniform(0.8, 1.2)), 1.0)
        else:
            values[str(kind)] = size
    return values


def _kinds(values: Mapping[str, float]) -> set[str]:
    return {name.removesuffix("Left").removesuffix("Right") for name in values}


def with_real_depth(shape: Array, rng: np.random.Generator) -> Array:
    """A shape (68, 3) whose depths are those of the mean head of real people, and differ as theirs
    do. The depths of `shape.neutral_shape` are drawn by hand: they suit pictures, not measures of
    turned heads.
    """
    parts = np.repeat(rng.normal(scale=0.02, size=5), [17, 10, 9, 12, 20])  # jaw, brows, nose, ...
    own = np.abs(MEAN_HEAD[:, 0])  # both sides of a head are alike
    tilt = 0.03 * rng.normal() * own
    depth = MEAN_HEAD[:, 2] + parts + tilt + rng.normal(scale=0.006, size=68)
    moved = shape.copy()
    moved[:, 2] = depth * np.ptp(shape[36:48, 0]) / np.ptp(MEAN_HEAD[36:48, 0])
    return moved


def act(shape: Array, actions: Mapping[str, float], movers: Movers | None = None) -> Array:
    """The points (68, 3) of a neutral shape that makes some movements, 0 (none) to 1 (full).

    Args:
        shape: (68, 3) in head units, at rest (`shape.neutral_shape`).
        actions: values by name, as in `ACTIONS`.
        movers: how far the person's movements go; None: as far as the mean person's.

    Raises:
        SettingsError: no movement has such a name.
    """
    unknown = sorted(set(actions) - set(ACTIONS))
    if unknown:
        raise SettingsError(f"no movement '{unknown[0]}'; choose of: {', '.join(ACTIONS)}")
    reach = (movers or Movers()).reach
    value = {name: float(actions.get(name, 0)) * reach[n] for n, name in enumerate(ACTIONS)}
    p = shape.copy()
    for side, sign in (("Left", 1.0), ("Right", -1.0)):
        mine = {name: value[f"{name}{side}"] for name in _SIDED}
        _move_brow(p, _BROWS[side], sign, mine)
        _move_mouth_side(p, shape, sign, mine)
        _move_nose(p, side, sign, mine["noseSneer"])
    _open_jaw(p, value["jawOpen"])
    _pucker(p, value["mouthPucker"])
    for side in ("Left", "Right"):
        lift = 0.02 * value[f"mouthSmile{side}"]
        _move_lids(p, side, value[f"eyeBlink{side}"], value[f"eyeWide{side}"], lift)
    return p


def _move_brow(p: Array, five: list[int], sign: float, mine: Mapping[str, float]) -> None:
    for name, moves in _RISE.items():
        outward, up = np.array(moves, dtype=np.float64).T
        p[five, 0] += sign * outward * mine[name]
        p[five, 1] -= up * mine[name]
    p[five, 1] += 0.015 * mine["noseSneer"]


def _move_mouth_side(p: Array, shape: Array, sign: float, mine: Mapping[str, float]) -> None:
    """Move the points of one half of the lips; the middle hardly moves."""
    lips = shape[_LIPS]
    share = np.clip(sign * lips[:, 0] / abs(shape[54, 0]), 0, 1)
    near, corner = share**1.2, share**2
    upper = np.clip((_MIDDLE - lips[:, 1]) / 0.1, 0, 1) * np.clip(share * 3, 0, 1)
    smile, sneer = mine["mouthSmile"], mine["noseSneer"]
    p[_LIPS, 0] += sign * near * (0.085 * smile + 0.11 * mine["mouthStretch"])
    p[_LIPS, 1] += corner * (
        -0.11 * smile + 0.10 * mine["mouthFrown"] + 0.015 * mine["mouthStretch"]
    )
    p[_LIPS, 1] -= upper * (0.02 * smile + 0.05 * sneer)
    p[_LIPS, 2] -= corner * 0.06 * (smile + mine["mouthStretch"])
    half = np.clip(share * 4, 0, 1)  # the middle belongs to both sides
    half = np.where(np.abs(lips[:, 0]) < 0.02, 0.5, half)
    outer = np.zeros(20)
    outer[:12] = 1
    thin = 0.45 * mine["mouthPress"] * half * outer * (1 - corner)
    p[_LIPS, 1] += thin * (_MIDDLE - lips[:, 1])


def _move_nose(p: Array, side: str, sign: float, sneer: float) -> None:
    p[_WINGS[side], 1] -= np.array([0.075, 0.04]) * sneer
    p[_WINGS[side], 0] += sign * 0.015 * sneer


def _open_jaw(p: Array, opened: float) -> None:
    drop = 0.42 * opened
    p[_LOWER, 1] += drop * np.array(_DROP)
    p[_CORNERS, 1] += 0.3 * drop
    p[_LIPS, 0] *= 1 - 0.15 * opened
    p[_JAW, 1] += 0.8 * drop * np.clip((p[_JAW, 1] - 0.4) / 1.2, 0, 1) ** 1.5


def _pucker(p: Array, pucker: float) -> None:
    p[_LIPS, 0] *= 1 - 0.34 * pucker
    p[_LIPS, 2] += 0.10 * pucker
    outer = slice(48, 60)
    middle = p[60:68, 1].mean()
    p[outer, 1] += 0.25 * pucker * (p[outer, 1] - middle)


def _move_lids(p: Array, side: str, blink: float, wide: float, lift: float) -> None:
    up, down = (list(lids) for lids in _LIDS[side])
    p[up, 1] -= 0.05 * wide
    p[down, 1] += 0.012 * wide - lift
    meet = p[down, 1] - 0.1 * (p[down, 1] - p[up, 1])
    p[up, 1] += (meet - p[up, 1]) * min(blink, 1.0)
    p[down, 1] += (meet - p[down, 1]) * min(blink, 1.0)
