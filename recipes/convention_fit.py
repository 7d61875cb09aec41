"""How measures differ from the marks of each data set: the last step of `measure_factors.py`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from measured_errors import Errors

from facepoints.measurement import convention_factors

__all__ = [
    "CONVENTION_OF",
    "Convention",
    "best_bias",
    "bias_growth",
    "bias_of",
    "install",
    "without",
]

CONVENTION_OF = {
    "lfpw": "lfpw",
    "helen": "helen",
    "afw": "afw",
    "scut": "scut",
    "inthewild21": "street",
}
"""Name of the convention of each set of `points_data.SETS`."""
INSTALLED = Path(convention_factors.__file__)
"""File of the package that `install` changes."""


class Convention(NamedTuple):
    """What turns measures into those of one data set, by measure: bias, factor of the radius and
    scatter, as in `convention_factors`."""

    bias: dict[str, float]
    factors: dict[str, float]
    scatter: dict[str, float]


def bias_of(errors: Errors, relative: bool) -> float:
    """Mean of the measures over that of the labels, minus 1; or the mean difference.

    Args:
        errors: of some faces.
        relative: as in `Definition`.
    """
    off = float(errors.error.mean())
    return off / float((errors.unit - errors.error).mean()) if relative else off


def bias_error(errors: Errors, relative: bool) -> float:
    """The standard error of a bias."""
    scale = float((errors.unit - errors.error).mean()) if relative else 1.0
    return float(errors.error.std()) / scale / np.sqrt(len(errors.error))


def bias_growth(pairs: Iterable[tuple[Errors, Errors, bool]]) -> float:
    """Ratio of the biases on people whom the network was not trained on to those on others.

    The network partly knows the data set from the look of a face, and follows its annotators on
    faces that it has seen. The growth is the slope of the biases of held-out people on those of
    training people, without the part of the latter's spread that is chance.

    Args:
        pairs: for each measure of each set, the errors of people held out and of training people,
            and whether the measure is relative.
    """
    shared, spread = 0.0, 0.0
    for held_out, training, relative in pairs:
        bias, weight = bias_of(training, relative), bias_error(held_out, relative) ** -2
        shared += bias * bias_of(held_out, relative) * weight
        spread += (bias**2 - bias_error(training, relative) ** 2) * weight
    return shared / spread


def best_bias(held_out: Errors, training: Errors, relative: bool, grown: float) -> float:
    """The bias on new people: the mean of that of people held out and of that of training people
    times `grown`, each weighted by its precision."""
    biases = bias_of(held_out, relative), grown * bias_of(training, relative)
    errors = bias_error(held_out, relative), grown * bias_error(training, relative)
    return float(np.average(biases, weights=np.array(errors) ** -2.0))


def without(errors: Errors, bias: float, relative: bool) -> Errors:
    """The errors of measures whose bias is taken off, as `conventions.calibrated` does."""
    share = bias / (1 + bias) if relative else bias
    unit = errors.unit / (1 + bias) if relative else errors.unit
    return errors._replace(error=errors.error - share * errors.unit, unit=unit)


def install(conventions: Mapping[str, Convention], path: Path = INSTALLED) -> None:
    """Write the numbers to the package."""
    text = path.read_text(encoding="utf-8")
    for title, part, digits in (("BIAS", 0, 4), ("FACTORS", 1, 2), ("SCATTER", 2, 4)):
        before, _, rest = text.partition(f"{title}: dict")
        body = ""
        for name, one in conventions.items():
            numbers: dict[str, float] = one[part]
            lines = "".join(f'        "{n}": {v:.{digits}f},\n' for n, v in numbers.items())
            body += f'    "{name}": {{\n{lines}    }},\n'
        head = f"{title}: dict[str, dict[str, float]] = {{\n{body}}}"
        text = f"{before}{head}{rest.partition(chr(10) + '}')[2]}"
    path.write_text(text, encoding="utf-8")
