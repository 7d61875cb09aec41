"""z-scores: how many standard deviations a measure lies from the mean of a table of norms.

The table is the user's. None is built in: norms hold for the people, the age, the sex and the way
of measuring that they were made of, and published ones were measured with calipers.
"""

from __future__ import annotations

import csv
import math
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from facepoints.errors import DataError, DataWarning, SettingsError
from facepoints.measurement.uncertainty import Measurement

__all__ = ["COLUMNS", "OPTIONAL", "Norm", "read_norms", "z_scores"]

COLUMNS = ("measure", "mean", "sd")
"""Columns that a table of norms must have."""
OPTIONAL = ("age_min", "age_max", "sex", "source", "note")
"""Columns that it may have."""

_MAX_BYTES = 16_000_000
_SEXES = {"f": "female", "m": "male"}


@dataclass(frozen=True)
class Norm:
    """A row of the table.

    Attributes:
        measure: name of a column of the table of measures.
        mean, sd: mean and standard deviation, in the unit of that column.
        age_min, age_max: years, both included; infinite where the table says nothing.
        sex: as in the table, in small letters; empty for both.
        line: number of the line in the file.
    """

    measure: str
    mean: float
    sd: float
    age_min: float
    age_max: float
    sex: str
    line: int


def z_scores(
    measures: Mapping[str, Measurement], norms: Mapping[str, Norm]
) -> dict[str, Measurement]:
    """(value - mean) / sd of each measure that has a norm, with the radius / sd as its radius."""
    return {
        name: Measurement(
            (measures[name].value - norm.mean) / norm.sd, measures[name].radius / norm.sd
        )
        for name, norm in norms.items()
        if name in measures
    }


def read_norms(
    path: Path, names: Collection[str], *, age: float | None = None, sex: str | None = None
) -> dict[str, Norm]:
    """The norms of a CSV table that fit a person, by measure.

    Measures without a row that fits are left out, and a DataWarning names them.

    Args:
        path: a table with the columns measure, mean and sd; age_min, age_max and sex choose rows,
            where they are not empty. source and note are ignored.
        names: columns of the table of measures.
        age: of the person in years.
        sex: of the person, as the table says it; f and m stand for female and male.

    Raises:
        DataError: the file cannot be read or is not such a table, a measure is unknown, a number
            is wrong, or two rows of a measure fit.
        SettingsError: rows need an age or a sex that is not given, no row has this sex, or no
            row fits.
    """
    if age is not None and not 0 <= age <= 150:
        raise SettingsError(f"an age is 0 to 150 years, got {age:g}")
    rows = [_norm(path, line, cells, names) for line, cells in _rows(path)]
    if not rows:
        raise DataError(f"{path} holds no norms: expected a row per measure below the heading")
    if age is None and any(r.age_min > -math.inf or r.age_max < math.inf for r in rows):
        raise SettingsError(f"{path} has norms by age; say --age YEARS")
    known = ", ".join(sorted({r.sex for r in rows if r.sex}))
    if sex is None and known:
        raise SettingsError(f"{path} has norms by sex; say --sex with one of: {known}")
    if sex is not None and known and all(r.sex != _sex(sex) for r in rows):
        raise SettingsError(f"{path} has no norms of the sex '{sex}'; choose one of: {known}")
    fitting: dict[str, list[Norm]] = {}
    for row in rows:
        if _fits(row, age, sex):
            fitting.setdefault(row.measure, []).append(row)
    person = _person(age, sex)
    if not fitting:
        raise SettingsError(f"no row of {path} fits {person}")
    if lacking := sorted({row.measure for row in rows} - fitting.keys()):
        warnings.warn(
            f"no z-score of {', '.join(lacking)}: no row of {path} fits {person}",
            DataWarning,
            stacklevel=2,
        )
    return {name: _only(path, some) for name, some in fitting.items()}


def _person(age: float | None, sex: str | None) -> str:
    """Age and sex as far as they are known, as in "age 7 and sex f"."""
    known = [] if age is None else [f"age {age:g}"]
    return " and ".join(known if sex is None else [*known, f"sex {sex}"])


def _fits(row: Norm, age: float | None, sex: str | None) -> bool:
    fits_age = age is None or row.age_min <= age <= row.age_max
    return fits_age and (sex is None or not row.sex or row.sex == _sex(sex))


def _sex(text: str) -> str:
    word = text.strip().lower()
    return _SEXES.get(word, word)


def _only(path: Path, rows: Sequence[Norm]) -> Norm:
    """The row that fits. Where one age ends as the next begins, the next one counts."""
    latest = max(row.age_min for row in rows)
    ended = [row for row in rows if row.age_max > latest or row.age_min == latest]
    if len(ended) > 1:
        lines = " and ".join(str(row.line) for row in ended[:2])
        raise DataError(f"{path}: lines {lines} are both norms of {rows[0].measure}; keep one")
    return ended[0]


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """The rows of the table with their line numbers, by heading."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(f"{path} is too large for a table of norms")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"could not read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not a table of norms: expected CSV in UTF-8") from error
    wanted = f"expected a CSV table with the columns {','.join(COLUMNS)}"
    try:
        reader = csv.reader(text.splitlines(), strict=True)
        heading = [cell.strip().lower() for cell in next(reader, [])]
        if missing := [name for name in COLUMNS if name not in heading]:
            raise DataError(f"{path} has no column {missing[0]}: {wanted}")
        unknown = [name for name in heading if name and name not in (*COLUMNS, *OPTIONAL)]
        if unknown:
            may = ", ".join(OPTIONAL)
            raise DataError(f"{path} has an unknown column '{unknown[0]}': {wanted}; also {may}")
        if len(set(heading)) < len(heading):
            raise DataError(f"{path} has two columns of the same name: {wanted}")
        rows = []
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(heading):
                raise DataError(
                    f"{path}, line {reader.line_num}: expected {len(heading)} cells, got "
                    f"{len(cells)}"
                )
            named = dict(zip(heading, (cell.strip() for cell in cells), strict=True))
            rows.append((reader.line_num, named))
    except csv.Error as error:
        raise DataError(f"{path} is not a table of norms: {error}; {wanted}") from error
    return rows


def _norm(path: Path, line: int, cells: Mapping[str, str], names: Collection[str]) -> Norm:
    name = cells["measure"]
    if name not in names:
        raise DataError(f"{path}, line {line}: {_unknown(name, names)}")

    def number(column: str, empty: float = math.nan) -> float:
        text = cells.get(column, "")
        try:
            value = float(text) if text else empty
        except ValueError:
            value = math.nan
        if math.isnan(value) or (text and math.isinf(value)):
            raise DataError(f"{path}, line {line}: {column} of {name} is a number, got '{text}'")
        return value

    row = Norm(
        name,
        number("mean"),
        number("sd"),
        number("age_min", -math.inf),
        number("age_max", math.inf),
        _sex(cells.get("sex", "")),
        line,
    )
    if row.sd <= 0:
        raise DataError(f"{path}, line {line}: sd of {name} is above 0, got {row.sd:g}")
    if row.age_min > row.age_max:
        raise DataError(f"{path}, line {line}: age_min of {name} is above age_max")
    return row


def _unknown(name: str, names: Collection[str]) -> str:
    """Say what is wrong with the name of a measure."""
    if name.endswith("_mm") and f"{name[:-3]}_px" in names:
        return f"{name} needs a scale; say --mm-per-pixel or --iris-scale"
    if name.endswith("_px") and f"{name[:-3]}_mm" in names:
        return f"distances are in millimeters here: use {name[:-3]}_mm, not {name}"
    close = get_close_matches(name, list(names), 3) or list(names)[:8]
    return f"no measure '{name}'; choose one of: {', '.join(close)}, ..."
