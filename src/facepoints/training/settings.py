"""Settings of a training, for Python, the command line and ``run.json``. Needs no PyTorch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from numbers import Integral, Real
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import numpy as np

from facepoints._util.option_help import DEVICE, SEED, flag, option
from facepoints.errors import RunError, SettingsError
from facepoints.models.ensemble import Merge
from facepoints.models.run_header import read_header

__all__ = ["LEARNING_RATES", "TrainSettings", "stored_settings"]

# Names of entries in registries that need PyTorch, such as `models.networks.NETWORKS`. A test
# compares them.
Network = Literal["heatnet", "net2", "deepcnn", "naimishnet", "lenet5", "vggface"]
Missing = Literal["per-scheme", "mask", "specialist", "fill", "median", "drop"]
LossName = Literal["laplace", "gaussian", "wing", "smooth_l1", "mse", "rmse"]
Strength = Literal["none", "light", "default", "strong"]
RecipeStrength = Literal["closer", "settle"]
"""Augmentation presets of `recipes/points.py`, which the command line does not offer."""
Schedule = Literal["one-cycle", "constant"]
Keep = Literal["best", "last"]
Precision = Literal["auto", "float32"]

LEARNING_RATES: dict[str, float] = {
    "heatnet": 3e-3,
    "net2": 1e-3,
    "deepcnn": 1e-3,
    "naimishnet": 1e-3,
    "lenet5": 1e-3,
    "vggface": 1e-4,
}
"""Default of the highest learning rate of each network. It is 1e-3, as usual for Adam; less for
vggface, which has no batch norm; more for heatnet, which is small and has batch norm."""

FINE_TUNING_RATE_FACTOR = 1 / 3
"""Factor on the default learning rate for a network that starts from trained weights. A higher
rate would destroy what the weights have learned."""

_WHOLE: dict[str, tuple[int, int]] = {
    "epochs": (1, 1_000_000),
    "batch": (2, 1_000_000),
    "ensemble": (1, 100),
    "input_size": (1, 4096),
    "seed": (0, 2**31),
}
"""Ranges of the whole numbers."""

_RANGES: dict[str, tuple[float, float]] = {
    "minutes": (0, 1_000_000),
    "learning_rate": (0, 10),
    "weight_decay": (0, 10),
    "ema": (0, 0.99999),
    "validation": (0, 0.9),
}
"""Ranges of the other numbers."""

_OPTIONAL = {"init", "minutes", "learning_rate", "input_size"}
"""Settings that may be None."""


@dataclass(frozen=True)
class TrainSettings:
    """Settings of a training.

    Attributes: see the help text of each, which ``facepoints train --help`` prints.

    Raises:
        SettingsError: an unknown name or a number out of its range.
    """

    network: Annotated[Network, option("Network to train.")] = "heatnet"
    init: Annotated[
        str | None,
        option(
            "Initial weights: builtin (those of the package), random, or a run folder. Output "
            "layers of points that the initial model knows or can compute are copied.",
            "builtin|random|RUN",
            default_text="default: builtin for heatnet on faces, else random",
        ),
    ] = None
    missing: Annotated[
        Missing,
        option(
            "Strategy for missing labels. per-scheme and mask train on all rows and skip the "
            "missing labels. specialist adds a second network for the points that nearly all "
            "rows have. fill copies a label from the row before, median takes the median of all "
            "rows. drop leaves incomplete rows out."
        ),
    ] = "per-scheme"
    merge: Annotated[
        Merge,
        option(
            "How specialist merges its two networks, where both predict a point. replace takes "
            "the point of the second network. average takes the mean of both."
        ),
    ] = "replace"
    loss: Annotated[
        LossName,
        option("Training loss. laplace and gaussian also learn the error of every point."),
    ] = "laplace"
    epochs: Annotated[int, option("Number of passes over the training rows.", "N")] = 60
    minutes: Annotated[
        float | None,
        option(
            "Train for this many minutes instead of a number of epochs.",
            "MINUTES",
            default_text="default: train for --epochs",
        ),
    ] = None
    batch: Annotated[int, option("Rows per step, summed over all processes.", "ROWS")] = 32
    learning_rate: Annotated[
        float | None,
        option(
            "Highest learning rate.",
            "RATE",
            default_text="default: 3e-3 for heatnet, 1e-4 for vggface, else 1e-3; a third of it "
            "when starting from trained weights",
        ),
    ] = None
    schedule: Annotated[
        Schedule,
        option(
            "Schedule of the learning rate. one-cycle: it rises, then falls. constant: it does "
            "not change."
        ),
    ] = "one-cycle"
    weight_decay: Annotated[float, option("Weight decay of AdamW. 0 is plain Adam.", "DECAY")] = (
        0.01
    )
    ema: Annotated[
        float,
        option(
            "Decay per step of the moving average of the weights. 0 switches the average off.",
            "DECAY",
        ),
    ] = 0.998
    augment: Annotated[
        str,
        option(
            "Strength of the random changes to training faces: geometry, light, blur, noise, "
            "occlusion.",
            "{none,light,default,strong}",
        ),
    ] = "default"
    input_size: Annotated[
        int | None,
        option(
            "Side of the network input, in pixels. If the crops are larger, augmentation can move "
            "real surroundings into view.",
            "PIXELS",
            default_text="default: the size of the crops",
        ),
    ] = None
    keep: Annotated[
        Keep,
        option(
            "Weights to keep. best: those of the epoch with the smallest error on the validation "
            "rows. last: those of the last epoch."
        ),
    ] = "best"
    validation: Annotated[
        float,
        option(
            "Share of the rows to hold out, from 0 to 0.9. All rows of a person (of an image, if "
            "people are unknown) stay together. With 0, all rows train the network, and the "
            "radius is not calibrated.",
            "SHARE",
        ),
    ] = 0.15
    ensemble: Annotated[
        int,
        option(
            "Number of networks to train. Their predictions are averaged. Time grows in "
            "proportion.",
            "NETWORKS",
        ),
    ] = 1
    half: Annotated[
        bool,
        flag(
            "Store the weights as float16. This halves their size and moves points by about "
            "0.01 px."
        ),
    ] = False
    precision: Annotated[
        Precision,
        option(
            "auto: compute in bfloat16 where the processor or GPU supports it, and coordinates in "
            "float32. float32: compute everything in float32."
        ),
    ] = "auto"
    seed: Annotated[int, SEED] = 0
    device: Annotated[str, DEVICE] = "auto"

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            if value is None and name in _OPTIONAL:
                continue
            if name == "augment":
                _check_choice(name, value, get_args(Strength), get_args(RecipeStrength))
            elif get_origin(hints[name]) is Literal:
                _check_choice(name, value, get_args(hints[name]))
            else:
                # numbers of numpy become Python's, which JSON can hold
                object.__setattr__(self, name, _checked(name, value))

    @property
    def max_learning_rate(self) -> float:
        """Highest learning rate of the schedule: `learning_rate`, or the network's default."""
        if self.learning_rate is not None:
            return self.learning_rate
        return LEARNING_RATES[self.network] * (
            1 if self.init in (None, "random") else FINE_TUNING_RATE_FACTOR
        )


def _check_choice(
    name: str, value: Any, offered: Sequence[str], accepted: Sequence[str] = ()
) -> None:
    """Raises SettingsError for a value that is neither offered nor accepted."""
    if value not in (*offered, *accepted):
        raise SettingsError(f"no {name} '{value}'; choose one of: {', '.join(offered)}")


def _checked(name: str, value: Any) -> Any:
    """The value of a setting as a type of Python. Raises SettingsError for another value."""
    if name in _WHOLE:
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise SettingsError(f"{name} must be a whole number, is {value!r:.60}")
        return _in_range(name, int(value), *_WHOLE[name])
    if name in _RANGES:
        if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
            raise SettingsError(f"{name} must be a finite number, is {value!r:.60}")
        return _in_range(name, value if isinstance(value, int) else float(value), *_RANGES[name])
    if name == "half":
        if not isinstance(value, bool | np.bool_):
            raise SettingsError(f"{name} must be True or False, is {value!r:.60}")
        return bool(value)
    if name == "init" and isinstance(value, Path):
        return str(value)
    if not isinstance(value, str):
        raise SettingsError(f"{name} must be text, is {value!r:.60}")
    return str(value)


def _in_range(name: str, value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise SettingsError(f"{name} must be from {low} to {high}, is {value!s:.60}")
    return value


def stored_settings(out: Path) -> TrainSettings | None:
    """Settings of the run in `out`, to resume it with; None if there is no run.

    Raises:
        RunError: the run is damaged, or its settings are those of another version.
    """
    if not (out / "run.json").exists():
        return None
    try:
        return TrainSettings(**read_header(out)["settings"])
    except (KeyError, TypeError) as error:
        raise RunError(f"{out / 'run.json'} holds settings of another version: {error}") from error
