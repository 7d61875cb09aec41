"""How to train, as the command line and ``run.json`` say it. Needs no PyTorch."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, get_args, get_type_hints

import tyro

from facepoints.errors import SettingsError

__all__ = ["LEARNING_RATES", "TrainSettings"]

Network = Literal["heatnet", "net2", "deepcnn", "naimishnet", "lenet5", "vggface"]
Missing = Literal["per-scheme", "mask", "specialist", "fill", "median", "drop"]
LossName = Literal["laplace", "gaussian", "wing", "smooth_l1", "mse", "rmse"]
Strength = Literal["none", "light", "default", "strong"]
RecipeStrength = Literal["closer", "settle"]
"""Augmentation presets of `recipes/points.py`; the command line does not offer them."""
Merge = Literal["replace", "average"]
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
"""Highest learning rate of each network unless one is set: the usual 1e-3 of Adam; less
for vggface, which has no batch norm; more for heatnet, which is small and has it."""

TUNING = 1 / 3
"""Factor on that rate for a network that starts from trained weights, so that it does not
forget at once what it has learned."""

_RANGES: dict[str, tuple[float, float]] = {
    "epochs": (1, math.inf),
    "minutes": (0, math.inf),
    "batch": (2, math.inf),
    "learning_rate": (0, 10),
    "weight_decay": (0, 10),
    "ema": (0, 0.99999),
    "validation": (0, 0.9),
    "ensemble": (1, 100),
    "input_size": (1, math.inf),
    "seed": (0, 2**31),
}

_CHOICES = {"augment": (*get_args(Strength), *get_args(RecipeStrength))}


def _shown(help: str, metavar: str | None = None, default: str | None = None) -> object:
    """A field's help on the command line, with its default in words where a value is no help."""
    hint = None if default is None else f"(default: {default})"
    return tyro.conf.arg(help=help, metavar=metavar, help_behavior_hint=hint)


@dataclass(frozen=True)
class TrainSettings:
    """Settings of a training.

    Attributes: see the help text of each, which ``facepoints train --help`` prints.

    Raises:
        SettingsError: an unknown name or a number out of its range.
    """

    network: Annotated[Network, _shown("Network to train.")] = "heatnet"
    init: Annotated[
        str | None,
        _shown(
            "Initial weights: builtin (those of the package), random, or a run folder. Output "
            "layers of points that the initial model knows or can compute are copied.",
            "builtin|random|RUN",
            "builtin for heatnet on faces, else random",
        ),
    ] = None
    missing: Annotated[
        Missing,
        _shown(
            "Strategy for missing labels. per-scheme and mask train on all rows and skip the "
            "missing labels; specialist adds a second network for the points that nearly all "
            "rows have; fill and median fill in; drop leaves incomplete rows out."
        ),
    ] = "per-scheme"
    merge: Annotated[
        Merge,
        _shown(
            "How specialist merges its two networks: replace takes the points of the "
            "second, average the mean."
        ),
    ] = "replace"
    loss: Annotated[
        LossName,
        _shown("Training loss. laplace and gaussian also learn the error of every point."),
    ] = "laplace"
    epochs: Annotated[int, _shown("Number of passes over the training rows.")] = 60
    minutes: Annotated[
        float | None,
        _shown(
            "Train for this many minutes instead of a number of epochs.",
            "MINUTES",
            "train for --epochs",
        ),
    ] = None
    batch: Annotated[int, _shown("Rows per step, over all processes together.", "ROWS")] = 32
    learning_rate: Annotated[
        float | None,
        _shown(
            "Highest learning rate.",
            "RATE",
            "3e-3 for heatnet, 1e-4 for vggface, else 1e-3; a third from trained weights",
        ),
    ] = None
    schedule: Annotated[
        Schedule,
        _shown("one-cycle: the learning rate rises and falls once. constant: it stays."),
    ] = "one-cycle"
    weight_decay: Annotated[float, _shown("Weight decay of AdamW; 0 makes it Adam.")] = 0.01
    ema: Annotated[
        float,
        _shown("Decay of the moving average of the weights per step; 0 switches it off."),
    ] = 0.998
    augment: Annotated[
        str,
        _shown(
            "Strength of the random changes to training faces: geometry, light, blur, noise, "
            "occlusion.",
            "{none,light,default,strong}",
        ),
    ] = "default"
    input_size: Annotated[
        int | None,
        _shown(
            "Side in pixels of the network input. With larger crops, augmentation moves real "
            "surroundings into view.",
            "PIXELS",
            "the size of the crops",
        ),
    ] = None
    keep: Annotated[
        Keep,
        _shown("Weights to keep: those of the best epoch on the validation rows, or the last."),
    ] = "best"
    validation: Annotated[
        float,
        _shown(
            "Share of the rows that is held out, by person where known, else by image; 0 trains "
            "on everything.",
            "SHARE",
        ),
    ] = 0.15
    ensemble: Annotated[
        int, _shown("Number of networks whose predictions are averaged.", "NETWORKS")
    ] = 1
    half: Annotated[
        bool,
        _shown("Store the weights as float16: half the size; points move by about 0.01 px."),
    ] = False
    precision: Annotated[
        Precision,
        _shown(
            "auto: bfloat16 where the processor or GPU supports it, coordinates in float32. "
            "float32: everything in float32."
        ),
    ] = "auto"
    seed: Annotated[int, _shown("Seed of everything random.")] = 0
    device: Annotated[
        str,
        _shown(
            "Device to train on: cpu, cuda, cuda:N, or auto (cuda if there is one, else cpu).",
            "DEVICE",
        ),
    ] = "auto"

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for field in fields(self):
            value: Any = getattr(self, field.name)
            known = _CHOICES.get(field.name) or get_args(hints[field.name])
            if known and all(isinstance(k, str) for k in known) and value not in known:
                raise SettingsError(f"no {field.name} '{value}'; choose one of: {', '.join(known)}")
            low, high = _RANGES.get(field.name, (None, None))
            if value is None or low is None or high is None:
                continue
            if not low <= value <= high:
                raise SettingsError(f"{field.name} must be from {low:g} to {high:g}, is {value}")

    @property
    def max_learning_rate(self) -> float:
        """The learning rate at its highest."""
        if self.learning_rate is not None:
            return self.learning_rate
        return LEARNING_RATES[self.network] * (1 if self.init in (None, "random") else TUNING)
