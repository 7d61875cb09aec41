"""Conventions of hand marks: measures as the annotators of one data set would have them.

People who mark faces by hand do not mean the same place by the same name. The built-in network was
trained on marks of several data sets, and its points lie between theirs. Against one of these sets,
some measures are therefore longer or shorter on the mean. Who compares values with such marks, or
with norms that were made from them, names the data set: its bias is taken off each value, and the
radius covers how faces of one data set scatter, not how data sets differ.

`convention_factors` has the numbers and the command that measures them. Left and right share them,
so mirror images keep mirrored values. A measure that a data set does not mark stays as it is.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from facepoints.errors import SettingsError
from facepoints.measurement.convention_factors import BIAS, FACTORS, SCATTER
from facepoints.measurement.definitions import DEFINITIONS
from facepoints.measurement.radius_factors import RADIUS_FACTORS, SYSTEMATIC
from facepoints.measurement.uncertainty import Measurement

__all__ = ["CONVENTIONS", "Convention", "calibrated", "check_convention"]

Convention = Literal["lfpw", "helen", "afw", "scut", "street"]
"""A data set whose marks are followed."""

CONVENTIONS: dict[Convention, str] = {
    "lfpw": "LFPW, with the marks of 300-W (doi:10.1016/j.imavis.2016.01.002)",
    "helen": "HELEN, with the marks of 300-W (doi:10.1016/j.imavis.2016.01.002)",
    "afw": "AFW, with the marks of 300-W (doi:10.1016/j.imavis.2016.01.002)",
    "scut": "SCUT-FBP5500, portraits with 86 marks (doi:10.1109/ICPR.2018.8546038)",
    "street": "photos of people in the street, with 21 marks",
}
"""The conventions by name, in words."""


def check_convention(name: str | None) -> None:
    """Check the name of a convention; None is allowed.

    Raises:
        SettingsError: there is none of this name.
    """
    if name is not None and name not in get_args(Convention):
        raise SettingsError(f"no convention {name!r}: expected one of {', '.join(CONVENTIONS)}")


def calibrated(name: str, raw: Measurement, convention: Convention | None = None) -> Measurement:
    """A measure with its 90 % radius.

    Args:
        name: of the measure, in `DEFINITIONS`.
        raw: value, and radius for independent errors of the points.
        convention: data set whose marks are followed; None: all that the network was trained on.
    """
    relative = DEFINITIONS[name].relative
    value, factor, part = raw.value, RADIUS_FACTORS[name], SYSTEMATIC[name]
    if convention is not None and name in BIAS[convention]:
        bias = BIAS[convention][name]
        value = value / (1 + bias) if relative else value - bias
        if DEFINITIONS[name].unit == "ratio":  # a closed eye or mouth has no opening below 0
            value = max(value, 0.0)
        factor, part = FACTORS[convention][name], SCATTER[convention][name]
    radius = np.hypot(raw.radius * factor, part * abs(value) if relative else part)
    return Measurement(value, float(radius))
