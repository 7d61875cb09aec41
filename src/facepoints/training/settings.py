"""How to train, as the command line and ``run.json`` say it. Needs no PyTorch."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args, get_type_hints

from facepoints.errors import SettingsError

__all__ = ["LEARNING_RATES", "TrainSettings"]

Network = Literal["heatnet", "net2", "deepcnn", "naimishnet", "lenet5", "vggface"]
Missing = Literal["sources", "mask", "specialist", "fill", "median", "drop"]
LossName = Literal["laplace", "gaussian", "wing", "smooth_l1", "mse", "rmse"]
Strength = Literal[
    "none", "light", "default", "strong", "looks", "closer", "settle", "settle-strong"
]
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
"""Part of that rate for a network that begins from a run's weights, so that it does not
forget at once what it has learned."""

_RANGES: dict[str, tuple[float, float]] = {
    "epochs": (1, math.inf),
    "minutes": (0, math.inf),
    "batch": (2, math.inf),
    "rate": (0, 10),
    "weight_decay": (0, 10),
    "ema": (0, 0.99999),
    "validation": (0, 0.9),
    "ensemble": (1, 100),
    "view": (1, math.inf),
    "seed": (0, 2**31),
}


@dataclass(frozen=True)
class TrainSettings:
    """How to train.

    Raises:
        SettingsError: an unknown name or a number out of its range.
    """

    network: Network = "heatnet"
    """Network to train."""
    init: str | None = None
    """Weights to begin from: facepoints (those that come with the package), none (random) or
    the folder of a run; None: facepoints for a heatnet on faces, else none."""
    missing: Missing = "sources"
    """Answer to missing labels."""
    merge: Merge = "replace"
    """How `specialist` joins its two networks."""
    loss: LossName = "laplace"
    """Loss to train on; laplace and gaussian also learn each point's spread."""
    epochs: int = 60
    """Times that every training row is seen."""
    minutes: float | None = None
    """Train this long instead of a number of epochs."""
    batch: int = 32
    """Rows a step, over all processes together."""
    rate: float | None = None
    """Highest learning rate; None: what suits the network."""
    schedule: Schedule = "one-cycle"
    """Whether the learning rate rises and falls once or stays."""
    weight_decay: float = 0.01
    """Of AdamW; 0 makes it Adam."""
    ema: float = 0.998
    """Share of the averaged weights that a step keeps; 0: no averaging."""
    augment: Strength = "default"
    """How strongly training faces are changed at random; looks: half of them as a first look
    finds them in a rough box, half as a second look in the crop that the first asks for;
    closer: less of everything, three of four as in a second look, for a second part of
    training; settle: the same, never mirrored, for a last part;
    settle-strong: that with much light and bending."""
    view: int | None = None
    """Side in pixels of what the network sees, the middle of every picture, so that what
    surrounds it turns and shifts into view; None: the whole picture."""
    keep: Keep = "best"
    """Weights of the epoch that did best on validation, or the last ones."""
    validation: float = 0.15
    """Share of the rows held out, by person or picture; 0 trains on everything."""
    ensemble: int = 1
    """Networks per part, whose predictions are averaged."""
    half: bool = False
    """Store weights as float16: half the size, points move by about 0.01 px."""
    precision: Precision = "auto"
    """auto: networks compute in bfloat16 where the processor or GPU has it, places in float32;
    float32: everything."""
    seed: int = 0
    """Of everything random."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for field in fields(self):
            value: Any = getattr(self, field.name)
            known = get_args(hints[field.name])
            if known and all(isinstance(k, str) for k in known) and value not in known:
                raise SettingsError(f"no {field.name} '{value}'; choose one of: {', '.join(known)}")
            low, high = _RANGES.get(field.name, (None, None))
            if value is None or low is None or high is None:
                continue
            if not low <= value <= high:
                raise SettingsError(f"{field.name} must be from {low:g} to {high:g}, is {value}")

    @property
    def highest_rate(self) -> float:
        """The learning rate at its highest."""
        if self.rate is not None:
            return self.rate
        return LEARNING_RATES[self.network] * (1 if self.init in (None, "none") else TUNING)
