"""The expression coefficients in words, with their sources.

Names are those of ARKit's blend shapes where they mean the same movement. ARKit has one coefficient
for both inner brows; here each side has one too. Left and right are the subject's.

Sources:

- ARKit: Apple, ARFaceAnchor.BlendShapeLocation,
  https://developer.apple.com/documentation/arkit/arfaceanchor/blendshapelocation
- FACS: Ekman, Friesen & Hager 2002, Facial Action Coding System (numbers of action units)
"""

from __future__ import annotations

from dataclasses import dataclass

from facepoints.measurement.expression_features import SIDES

__all__ = ["EXPRESSIONS", "ExpressionDefinition"]


@dataclass(frozen=True)
class ExpressionDefinition:
    """A coefficient: 0 at rest, 1 for a full movement.

    Attributes:
        meaning: description in words.
        full: what a full movement is.
        source: name in ARKit and action unit of FACS.
        lengths: names of the lengths that show it (`expression_features`); it is hidden if the
            points of one of them are.
    """

    meaning: str
    full: str
    source: str
    lengths: tuple[str, ...]


_MM = "on a head of mean size"
_SIDED: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "browInnerUp": (
        "the inner end of the {side} brow is raised",
        f"9 mm {_MM}",
        "ARKit browInnerUp, of one side; FACS AU 1",
        ("brow_inner{Side}",),
    ),
    "browOuterUp": (
        "the outer end of the {side} brow is raised",
        f"8 mm {_MM}",
        "ARKit browOuterUp{Side}; FACS AU 2",
        ("brow_outer{Side}",),
    ),
    "browDown": (
        "the {side} brow is lowered and drawn to the middle",
        f"6 mm down and 3 mm inward {_MM}",
        "ARKit browDown{Side}; FACS AU 4",
        ("brow_inner{Side}", "brow_gap{Side}"),
    ),
    "eyeBlink": (
        "the lids of the {side} eye are closed",
        "the eye is shut",
        "ARKit eyeBlink{Side}; FACS AU 45",
        ("opening{Side}",),
    ),
    "eyeWide": (
        "the lids of the {side} eye are opened wider than at rest",
        "its opening is 45 % higher",
        "ARKit eyeWide{Side}; FACS AU 5",
        ("opening{Side}",),
    ),
    "mouthSmile": (
        "the {side} corner of the mouth is raised and pulled to the side",
        f"8 mm up and 6 mm to the side {_MM}",
        "ARKit mouthSmile{Side}; FACS AU 12",
        ("corner_up{Side}", "corner_out{Side}"),
    ),
    "mouthFrown": (
        "the {side} corner of the mouth is pulled down",
        f"6 mm {_MM}",
        "ARKit mouthFrown{Side}; FACS AU 15",
        ("corner_up{Side}",),
    ),
    "mouthStretch": (
        "the {side} corner of the mouth is pulled to the side, not up",
        f"7 mm {_MM}",
        "ARKit mouthStretch{Side}; FACS AU 20",
        ("corner_up{Side}", "corner_out{Side}"),
    ),
    "mouthPress": (
        "the lips are pressed together on the {side} side, so that less of them is seen",
        f"both lips are 6 mm thinner {_MM}",
        "ARKit mouthPress{Side}; FACS AU 24",
        ("lips{Side}",),
    ),
    "noseSneer": (
        "the nose is wrinkled on the {side} side: its wing rises, and the upper lip with it",
        f"the wing rises by 4.5 mm {_MM}",
        "ARKit noseSneer{Side}; FACS AU 9",
        ("wing{Side}", "upper_lip"),
    ),
}
_CENTRAL: dict[str, ExpressionDefinition] = {
    "jawOpen": ExpressionDefinition(
        "the jaw is lowered, and the lips are apart",
        f"a gap of 27 mm {_MM}",
        "ARKit jawOpen; FACS AU 26 and 27",
        ("gap", "lower_lip"),
    ),
    "mouthPucker": ExpressionDefinition(
        "the lips are contracted to the middle, as to kiss",
        f"the mouth is 18 mm narrower {_MM}",
        "ARKit mouthPucker; FACS AU 18",
        ("corner_outLeft", "corner_outRight"),
    ),
}


def _definitions() -> dict[str, ExpressionDefinition]:
    made = {
        "browInnerUp": ExpressionDefinition(
            "the inner ends of both brows are raised: the mean of both sides",
            f"9 mm {_MM}",
            "ARKit browInnerUp; FACS AU 1",
            tuple(f"brow_inner{side}" for side in SIDES),
        )
    }
    for name, (meaning, full, source, lengths) in _SIDED.items():
        for side in SIDES:
            made[f"{name}{side}"] = ExpressionDefinition(
                meaning.format(side=side.lower()),
                full,
                source.format(Side=side),
                tuple(length.format(Side=side) for length in lengths),
            )
    return {**made, **_CENTRAL}


EXPRESSIONS: dict[str, ExpressionDefinition] = _definitions()
"""The coefficients by name, in the order of table columns."""
