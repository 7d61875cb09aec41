"""Settings of the tracker: defaults, ranges and errors."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest

from facepoints.errors import SettingsError
from facepoints.tracking import config, smoother_config
from facepoints.tracking.config import TrackerConfig
from facepoints.tracking.smoother_config import KalmanConfig

PARTS: list[Any] = [
    TrackerConfig(),
    *(
        value
        for f in fields(TrackerConfig)
        if is_dataclass(value := getattr(TrackerConfig(), f.name))
    ),
]
NUMBERS = [(part, f.name) for part in PARTS for f in fields(part) if "range" in f.metadata]


def test_every_group_of_settings_is_part_of_the_tracker_config() -> None:
    names = {name for name in config.__all__ + smoother_config.__all__ if name.endswith("Config")}
    assert {type(part).__name__ for part in PARTS} == names


@pytest.mark.parametrize("part", PARTS, ids=lambda part: type(part).__name__)
def test_every_field_is_documented(part: Any) -> None:
    doc = type(part).__doc__ or ""
    assert re.findall(r"^        (\w+): ", doc, re.M) == [
        *(f.name for f in fields(part)),
        *(["SettingsError"] if isinstance(part, TrackerConfig) else []),
    ]
    texts = dict(re.findall(r"^        (\w+): (.+(?:\n {12}.+)*)", doc, re.M))
    numbers = [f.name for f in fields(part) if re.search(r"\b(int|float)\b", str(f.type))]
    assert [n for n in numbers if not re.search(r"\b(Larger|Smaller):\s", texts[n])] == []


@pytest.mark.parametrize(("part", "name"), NUMBERS)
def test_a_number_out_of_range_raises_settings_error(part: Any, name: str) -> None:
    (field,) = (f for f in fields(part) if f.name == name)
    low, high = field.metadata["range"]
    assert replace(part, **{name: low}) is not None
    for wrong in (low - 1, float("nan"), *([] if high == float("inf") else [high * 2 + 1])):
        reason = r"must be (a finite number|from|\S+ or more)"
        with pytest.raises(SettingsError, match=rf"{type(part).__name__}\.{name} {reason}"):
            replace(part, **{name: wrong})
    with pytest.raises(SettingsError, match="must be a finite number, got 'a'"):
        replace(part, **{name: "a"})


def test_steady_process_noise_needs_two_numbers_above_0() -> None:
    for wrong in ((1.0,), (1.0, 0.0), (1.0, float("inf"))):
        with pytest.raises(
            SettingsError, match=r"steady_process_noise must be two numbers above 0"
        ):
            KalmanConfig(steady_process_noise=wrong)  # type: ignore[arg-type]


def test_configs_are_values() -> None:
    assert TrackerConfig() == TrackerConfig()
    assert hash(TrackerConfig()) == hash(TrackerConfig())
    assert TrackerConfig(smooth=False) != TrackerConfig()
