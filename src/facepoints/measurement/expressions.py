"""Expression coefficients: how far brows, lids, jaw, lips and nose have moved from rest.

`expression_features` measures 25 lengths of the face, seen from the front. Their difference to the
same lengths of the person at rest is explained by the movements of `expression_definitions`, none
below 0 (weighted least squares with bounds). So what several movements share is told apart: an open
jaw lowers the corners of the mouth, but is no frown. Lids have their own rule.

At rest the lengths differ from person to person, mostly by more than expressions move them. So a
coefficient needs the person's own neutral (`Neutral`): a picture at rest, or the calmest frames of
a video. Without it, the mean person's is taken, and the radius says how little is then known.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.inference.eye_closure import EyeClosure
from facepoints.inference.face import Face
from facepoints.inference.face_list import check_one_face
from facepoints.landmarks.conversion import check_convertible
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.measurement.bounded_fit import bounded_least_squares
from facepoints.measurement.expression_definitions import EXPRESSIONS
from facepoints.measurement.expression_factors import RADIUS_FACTORS, SMILE
from facepoints.measurement.expression_features import (
    EFFECTS,
    FEATURES,
    MOVEMENTS,
    SIDES,
    depth_effects,
    perspective_effects,
    turn_effects,
)
from facepoints.measurement.expression_neutral import (
    MAX_TURN,
    NAMES,
    POPULATION_NEUTRAL,
    Lengths,
    Neutral,
    lengths_of,
    turn_of,
)
from facepoints.measurement.pose import INTERVAL_90, head_pose
from facepoints.measurement.uncertainty import Measurement

__all__ = ["EXPRESSIONS", "SMILE", "Expressions", "Neutral", "expressions"]

Array = NDArray[np.float64]

_PRIOR = (
    1.0  # standard deviation of a movement before a face is seen, as a fraction of the full one
)
_OPPOSITE = (
    ("mouthSmile", "mouthFrown"),
    ("mouthStretch", "mouthPucker"),
    ("mouthSmile", "mouthPucker"),
    ("browDown", "browInnerUp"),
    ("browDown", "browOuterUp"),
)
_EXCLUSIVE = 0.3  # how much their product counts, as a fraction of what is seen of each
_DEFINITE = 0.9  # what is known of no mix of movements is lowered by more than this fraction
_MOST = 1.25  # of a full movement: some people move farther than the mean person
_UNLIKE = 0.12  # standard deviation of people's full movements about the mean person's
_POSE = np.array([0.05, 0.05, 0.005, 0.01])
"""Standard deviations of the errors of a fitted pose: turns and lean in radians, scale."""
_MODEL = 0.006  # standard deviation of a length that the movements do not explain
_DEPTH = 0.015  # standard deviation of the depth of a point from that on the mean head
_NEAR = 0.08  # error of the inverse distance to the camera, in units of the head
_PART_DEPTH = 0.05  # the same of a whole part of the face
_SMILING_LIDS = 0.15  # fraction by which a full smile narrows an eye
_CLOSED = 0.50
"""Fraction of its opening at rest that the points of a closed eye lose: 0.4 to 0.6 in real blinks,
0.51 in moved portraits (`recipes/expression_factors.py` prints it)."""
_WIDE = 0.45  # fraction that a widely opened eye gains
_OPENING_MODEL = 0.05  # standard deviation of an opening that no movement of the lids explains


@dataclass(frozen=True)
class Expressions:
    """The expression of a face.

    Attributes:
        values: coefficients by name, in the order of `EXPRESSIONS`, those that can be had. Each is
            0 (at rest) to 1 (the full movement of the mean person), with its 90 % radius.
        reasons: why there is no value, by name: "hidden" or another reason.
        neutral: what it was measured against: "given", "video" or "population".
    """

    values: dict[str, Measurement] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    neutral: str = "population"

    @property
    def smiles(self) -> bool | None:
        """True if the mean of `mouthSmileLeft` and `mouthSmileRight` is `SMILE` or more; None if
        they cannot be had."""
        sides = [self.values.get(f"mouthSmile{side}") for side in SIDES]
        known = [side.value for side in sides if side is not None]
        return sum(known) / 2 >= SMILE[self.neutral] if len(known) == len(SIDES) else None

    def __getitem__(self, name: str) -> Measurement:
        """The coefficient of this name.

        Raises:
            DataError: there is none; the message says why.
        """
        if name in self.values:
            return self.values[name]
        known = ", ".join(EXPRESSIONS)
        raise DataError(f"no value of {name}: {self.reasons.get(name, f'expected one of {known}')}")


def expressions(face: Face, neutral: Neutral | None = None) -> Expressions:
    """The expression coefficients of a face.

    Args:
        face: with the 68 points of 300-W among its points. With `eye_closure`, the lids are
            measured by it, too.
        neutral: the person at rest (`Neutral.of`, `Neutral.of_video`). None: the mean person.

    Examples:
        >>> model = facepoints.load(eye_closure=True)  # doctest: +SKIP
        >>> facepoints.expressions(model("photo.jpg")[0])["jawOpen"]  # doctest: +SKIP
        Measurement(value=0.41, radius=0.18)

    Raises:
        DataError: not one face, or the points do not give the 68 of 300-W or a head pose.
    """
    check_one_face(face, "expressions")
    check_convertible(face.landmarks, IBUG_68)
    pose = head_pose(face)
    neutral = neutral or POPULATION_NEUTRAL
    lengths = lengths_of(face, pose, neutral.shape, neutral.std)
    turn = turn_of(pose, lengths)
    if turn > MAX_TURN:
        reason = f"turned by {turn:.0f} degrees"
        return Expressions({}, dict.fromkeys(EXPRESSIONS, reason), neutral.source)
    return _explained(lengths, neutral, face.eye_closure)


def _explained(lengths: Lengths, neutral: Neutral, closure: EyeClosure | None) -> Expressions:
    moved = _movements(lengths, neutral)
    smile = {side: moved[f"mouthSmile{side}"].value for side in SIDES}
    for side in SIDES:
        lids = _lids(lengths, neutral, side, smile[side], closure)
        moved |= {f"{name}{side}": value for name, value in lids.items()}
    inner = [moved[f"browInnerUp{side}"] for side in SIDES]
    moved["browInnerUp"] = Measurement(
        sum(one.value for one in inner) / 2, sum(one.radius for one in inner) / 2
    )
    hidden = {name for name, gone in zip(NAMES, lengths.hidden, strict=True) if gone}
    reasons = {
        name: "hidden"
        for name, definition in EXPRESSIONS.items()
        if hidden.intersection(definition.lengths)
    }
    # factors below 1 are for a person's own neutral: how people differ is measured
    least = 1.0 if neutral.source == "population" else 0.0
    values = {
        name: _limited(moved[name], max(RADIUS_FACTORS[name], least))
        for name in EXPRESSIONS
        if name not in reasons
    }
    return Expressions(values, reasons, neutral.source)


def _limited(raw: Measurement, factor: float) -> Measurement:
    """The coefficient in [0, 1] and its calibrated radius, at most 1."""
    return Measurement(min(max(raw.value, 0.0), 1.0), min(raw.radius * factor, 1.0))


def _movements(lengths: Lengths, neutral: Neutral) -> dict[str, Measurement]:
    """Measure the movements of `MOVEMENTS`, with their 90 % radii for independent errors."""
    count = len(FEATURES)
    change = (lengths.values - neutral.lengths)[:count]
    spread = (lengths.covariance + neutral.covariance)[:count, :count].copy()
    turned = lengths.slopes - neutral.slopes
    own = _MODEL**2 + _DEPTH**2 * (turned @ turned)
    spread[np.diag_indices(count)] += np.where(lengths.hidden[:count], 1e3, own)
    turns = turn_effects(neutral.shape) * _POSE
    spread += turns @ turns.T
    parts = depth_effects(turned) * _PART_DEPTH
    spread += parts @ parts.T
    near = perspective_effects(neutral.shape, turned) * _NEAR
    spread += near @ near.T
    weighted = np.linalg.solve(spread, EFFECTS).T
    shown = weighted @ EFFECTS
    information = shown + _prior_information(shown)
    information = (information + information.T) / 2
    values = bounded_least_squares(information, weighted @ change, _MOST)
    std = _bounded_std(information, values)
    radius = INTERVAL_90 * np.hypot(std, _UNLIKE * values)
    pairs = zip(values.tolist(), radius.tolist(), strict=True)
    return {name: Measurement(*pair) for name, pair in zip(MOVEMENTS, pairs, strict=True)}


def _bounded_std(information: Array, values: Array) -> Array:
    """Standard deviation (M,) of each movement, if those that rest do rest."""
    moving = (values > 0) & (values < _MOST)
    inner = np.linalg.inv(information[np.ix_(moving, moving)])
    across = information[:, moving]
    alone = np.diag(information) - np.einsum("ij,jk,ik->i", across, inner, across)
    variance = 1 / np.maximum(alone, 1e-9)
    variance[moving] = np.diag(inner)
    return np.sqrt(variance)


def _prior_information(seen: Array) -> Array:
    """(M, M): what is known of movements besides what a face shows (M, M).

    Opposite movements exclude each other: without that, a stretched mouth would be taken for a
    smile and a frown at once. Their product counts, so one of them alone is not made smaller.
    """
    strength = np.sqrt(np.diag(seen) @ _PAIRS_ONE.T * (np.diag(seen) @ _PAIRS_OTHER.T))
    product = (_PAIRS_ONE.T * strength) @ _PAIRS_OTHER
    exclusive = _EXCLUSIVE * (product + product.T)
    alone = np.eye(len(MOVEMENTS)) / _PRIOR**2
    root = np.linalg.inv(np.linalg.cholesky(seen + alone))
    least = float(np.linalg.eigvalsh(root @ exclusive @ root.T)[0])
    return alone + exclusive * min(_DEFINITE / max(-least, 1e-9), 1.0)


def _pairs() -> tuple[Array, Array]:
    """(P, M) each: 1 for the first, and for the second, of two opposite movements."""
    names = [
        (f"{one}{side}", other if other in MOVEMENTS else f"{other}{side}")
        for one, other in _OPPOSITE
        for side in SIDES
    ]
    first, second = (
        np.array([[float(m == pair[n]) for m in MOVEMENTS] for pair in names]) for n in (0, 1)
    )
    return first, second


_PAIRS_ONE, _PAIRS_OTHER = _pairs()


def _lids(
    lengths: Lengths, neutral: Neutral, side: str, smile: float, closure: EyeClosure | None
) -> dict[str, Measurement]:
    """`eyeBlink` and `eyeWide` of one side.

    A smile lifts the lower lid. The points of closed eyes are unreliable, so where the network of
    the eye's state sees the eye, the mean of both is taken.
    """
    place = NAMES.index(f"opening{side}")
    rest = max(neutral.lengths[place] * (1 - _SMILING_LIDS * min(smile, 1.0)), 1e-3)
    ratio = lengths.values[place] / rest
    relative = lengths.covariance[place, place] + neutral.covariance[place, place] * ratio**2
    std = np.hypot(np.sqrt(relative) / rest, _OPENING_MODEL)
    blink, wide = (1 - ratio) / _CLOSED, (ratio - 1) / _WIDE
    probability = None if closure is None else closure.of(side.lower())[0]
    blink_std = std / _CLOSED
    if probability is not None:
        shut = min(max(blink, 0.0), 1.0)
        blink, blink_std = (shut + probability) / 2, np.hypot(blink_std, shut - probability) / 2
        wide *= 1 - probability
    return {
        "eyeBlink": Measurement(float(blink), float(INTERVAL_90 * blink_std)),
        "eyeWide": Measurement(float(wide), float(INTERVAL_90 * std / _WIDE)),
    }
