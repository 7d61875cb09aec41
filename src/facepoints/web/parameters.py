"""Parameters of requests: read from the address or the form, checked, as frozen dataclasses."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

from facepoints.drawing.blur import BLUR_STYLES, BlurStyle
from facepoints.inference.alignment import SIZES, Template
from facepoints.landmarks.known_sets import KNOWN_SETS
from facepoints.web.api_errors import ApiError

__all__ = [
    "ALIGN",
    "BLUR",
    "PREDICT",
    "AlignParameters",
    "BlurParameters",
    "DetectParameters",
    "Parameter",
    "PredictParameters",
    "parse_parameters",
]

_SWITCH = {"true": True, "false": False}
_MAX_SIDE = 1024  # pixels of an aligned face


@dataclass(frozen=True)
class Parameter:
    """A parameter of a request.

    Attributes:
        name: in the address or the form.
        default: its value if it is absent.
        meaning: what it does, in words.
        choices: the values it may have; empty: any of its type.
        low, high: the range of a number.
    """

    name: str
    default: bool | float | int | str | None
    meaning: str
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0
    kind: Literal["boolean", "number", "integer", "string"] = "boolean"

    @property
    def expected(self) -> str:
        """The values that it may have, in words."""
        if self.choices:
            return " or ".join(self.choices)
        if self.kind == "boolean":
            return "true or false"
        noun = "a whole number" if self.kind == "integer" else "a number"
        return f"{noun} from {self.low:g} to {self.high:g}"

    def parse(self, text: str) -> Any:
        """The value of a text. Raises ValueError if it has none."""
        if self.choices:
            if text not in self.choices:
                raise ValueError(text)
            return text
        if self.kind == "boolean":
            if text.lower() not in _SWITCH:
                raise ValueError(text)
            return _SWITCH[text.lower()]
        if not text.isascii() or "_" in text or text != text.strip():
            raise ValueError(text)
        number = int(text) if self.kind == "integer" else float(text)
        if not math.isfinite(number) or not self.low <= number <= self.high:
            raise ValueError(text)
        return number


@dataclass(frozen=True)
class DetectParameters:
    """Which faces are found."""

    any_angle: bool = False
    min_score: float = 0.5


@dataclass(frozen=True)
class PredictParameters(DetectParameters):
    """Parameters of /v1/predict."""

    format: Literal["json", "csv", "coco"] = "json"
    radius: bool = True
    measure: bool = False
    landmarks: str | None = None


@dataclass(frozen=True)
class AlignParameters(DetectParameters):
    """Parameters of /v1/align."""

    format: Literal["json", "zip", "png"] = "json"
    template: Template = "eyes"
    size: int | None = None


@dataclass(frozen=True)
class BlurParameters(DetectParameters):
    """Parameters of /v1/blur."""

    format: Literal["png", "jpeg"] = "png"
    style: BlurStyle = "blur"
    strength: float = 1.0
    margin: float = 0.1


DETECT = (
    Parameter(
        "any_angle",
        False,
        "Also find faces that are tilted by more than 45 degrees or upside down. The face "
        "detector then runs four times per image.",
    ),
    Parameter(
        "min_score", 0.5, "Drop faces with a score below this.", low=0, high=1, kind="number"
    ),
)

PREDICT = (
    Parameter(
        "format",
        "json",
        "Form of the answer: json, csv (a row per face) or coco (COCO keypoints).",
        ("json", "csv", "coco"),
        kind="string",
    ),
    Parameter("radius", True, "Give the 90 % error radius of every point."),
    Parameter(
        "measure",
        False,
        "Also measure every face: head pose, openings of eyes and mouth, asymmetry, distances "
        "and ratios, each with its 90 % error radius; in JSON also the head transform, whether "
        "eyes are closed, and the gaze. This is not a diagnosis.",
    ),
    Parameter(
        "landmarks",
        None,
        "Give the points of this landmark set, computed from those of the model. Default: those "
        "of the model.",
        tuple(KNOWN_SETS),
        kind="string",
    ),
    *DETECT,
)

ALIGN = (
    Parameter(
        "format",
        "json",
        "Form of the answer: json (every face as PNG in base64), zip (a PNG file per face) or png "
        "(the face with the highest score; one image only).",
        ("json", "zip", "png"),
        kind="string",
    ),
    Parameter(
        "template",
        "eyes",
        "Places for the points of a face. eyes: the eyes are level and always in the same places. "
        "arcface-112: five points are where face-recognition networks expect them.",
        get_args(Template),
        kind="string",
    ),
    Parameter(
        "size",
        None,
        f"Side of the aligned images in pixels. Default: {SIZES['eyes']} for eyes, "
        f"{SIZES['arcface-112']} for arcface-112.",
        low=8,
        high=_MAX_SIDE,
        kind="integer",
    ),
    *DETECT,
)

BLUR = (
    Parameter(
        "format",
        "png",
        "Kind of the image: png or jpeg. Several images become a zip archive of them.",
        ("png", "jpeg"),
        kind="string",
    ),
    Parameter(
        "style",
        "blur",
        "What becomes of a face: blur, pixelate, mask (its outline in black) or box (the "
        "rectangle around it in black).",
        BLUR_STYLES,
        kind="string",
    ),
    Parameter(
        "strength", 1.0, "Factor on the blur and on the pixels.", low=1, high=10, kind="number"
    ),
    Parameter(
        "margin", 0.1, "Margin around a face, in sizes of the face.", low=0, high=5, kind="number"
    ),
    *DETECT,
)

_Parameters = TypeVar("_Parameters", bound=DetectParameters)


def parse_parameters(
    into: type[_Parameters],
    known: Iterable[Parameter],
    given: Iterable[tuple[str, str]],
) -> _Parameters:
    """The parameters of a request.

    Args:
        into: the dataclass of them.
        known: the parameters that may be given.
        given: names and texts, from the address and the form.

    Raises:
        ApiError: a parameter is unknown, is given twice, or has a wrong value.
    """
    by_name: Mapping[str, Parameter] = {one.name: one for one in known}
    values: dict[str, Any] = {}
    for name, text in given:
        if name not in by_name:
            raise ApiError(
                "bad_parameter",
                f"there is no parameter {name[:40]!r}",
                f"parameters of this address: {', '.join(by_name)}",
            )
        if name in values:
            raise ApiError(
                "bad_parameter", f"the parameter '{name}' is given twice", "each parameter once"
            )
        try:
            values[name] = by_name[name].parse(text)
        except ValueError:
            raise ApiError(
                "bad_parameter",
                f"the parameter '{name}' is {text[:40]!r}",
                f"'{name}' is {by_name[name].expected}",
            ) from None
    return into(**values)
