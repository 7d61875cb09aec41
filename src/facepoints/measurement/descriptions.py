"""What every measure means, in words, with its unit and its source: for tables, pages and reports.

`definitions` has the measures that are a formula of a few points. The others, head pose and
asymmetry, are described here.
"""

from __future__ import annotations

from dataclasses import dataclass

from facepoints.measurement.definitions import DEFINITIONS, Unit

__all__ = ["DESCRIPTIONS", "Description"]


@dataclass(frozen=True)
class Description:
    """What a measure means.

    Attributes:
        meaning: description in words, with the sign of an angle.
        source: of the definition; letters as in `definitions`.
        unit: "px", a distance in the image; "ratio", a number without unit; or "degrees".
        points: names of the landmarks that it is computed from, as in `known_sets.IBUG_68`. Empty:
            all landmarks that are fixed on the head.
        radius: what the radius of the measure means.
        marks: which marks of people these landmarks follow.
    """

    meaning: str
    source: str
    unit: Unit
    points: tuple[str, ...] = ()
    radius: str = (
        "the value of points set by hand lies within it in 90 % of cases; it covers errors of the "
        "points and how people differ who set them"
    )
    marks: str = ""


_FIT = "the mean head fitted to the points; camera far away (DeMenthon & Davis 1995)"
_POSE_RADIUS = (
    "the true angle lies within it in 90 % of cases; it covers how heads differ from the mean head"
)


def _angle(meaning: str) -> Description:
    return Description(
        f"{meaning}; 0 for a face that looks straight at the camera",
        _FIT,
        "degrees",
        radius=_POSE_RADIUS,
    )


DESCRIPTIONS: dict[str, Description] = {
    "yaw": _angle(
        "turn of the head to the side, positive toward the subject's left, which is the "
        "image's right; 90 in profile"
    ),
    "pitch": _angle("nod of the head, positive up"),
    "roll": _angle(
        "lean of the head in the image, positive clockwise on the screen, toward the subject's left"
    ),
    "asymmetry": Description(
        "distance between the face, seen from the front, and its mirror image, both of unit size; "
        "0 is a symmetric face, 0.05 is much",
        "Procrustes distance (Klingenberg, Barluenga & Meyer 2002)",
        "ratio",
        radius=(
            "noise floor, not an interval: in 90 % of symmetric faces the errors of the points "
            "cause less than this"
        ),
    ),
    **{
        name: Description(d.meaning, d.source, d.unit, d.points, marks=d.marks)
        for name, d in DEFINITIONS.items()
    },
}
"""The descriptions by name, in the order of `MEASURES`."""
