"""Settings of a training: numbers of numpy are taken, other types are refused."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from facepoints.errors import SettingsError
from facepoints.training.settings import TrainSettings


def test_numbers_of_numpy_become_numbers_of_python() -> None:
    settings = TrainSettings(
        epochs=np.int64(3),  # type: ignore[arg-type]
        batch=np.uint8(8),  # type: ignore[arg-type]
        minutes=np.float32(0.5),  # type: ignore[arg-type]
        half=np.bool_(True),  # type: ignore[arg-type]
    )
    assert (settings.epochs, settings.batch, settings.minutes, settings.half) == (3, 8, 0.5, True)
    assert json.loads(json.dumps(asdict(settings)))["epochs"] == 3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 1.5}, "epochs must be a whole number, is 1.5"),
        ({"epochs": True}, "epochs must be a whole number, is True"),
        ({"epochs": 0}, "epochs must be from 1 to 1000000, is 0"),
        ({"epochs": 10**400}, "epochs must be from 1 to 1000000, is 1000"),
        ({"batch": None}, "batch must be a whole number, is None"),
        ({"batch": "32"}, "batch must be a whole number, is '32'"),
        ({"minutes": float("inf")}, "minutes must be a finite number, is inf"),
        ({"learning_rate": float("nan")}, "learning_rate must be a finite number, is nan"),
        ({"validation": "a"}, "validation must be a finite number, is 'a'"),
        ({"input_size": 100_000}, "input_size must be from 1 to 4096, is 100000"),
        ({"half": 1}, "half must be True or False, is 1"),
        ({"device": None}, "device must be text, is None"),
        ({"network": None}, "no network 'None'"),
    ],
)
def test_a_value_that_does_not_fit_is_one_clear_error(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as error:
        TrainSettings(**wrong)
    assert str(error.value).startswith(message)
