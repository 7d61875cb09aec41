"""Tasks for the workers of a Ray cluster, in a module that they can import."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

from facepoints.errors import DataError

__all__ = ["Deadly", "Failing", "Gpu", "Refusing"]


@dataclass(frozen=True)
class Deadly:
    """Ends the process that does it, except for the item 0."""

    def __call__(self, item: int) -> int:
        if item:
            os.kill(os.getpid(), signal.SIGKILL)
        return item


@dataclass(frozen=True)
class Failing:
    """Raises an error for odd items."""

    def __call__(self, item: int) -> int:
        if item % 2:
            raise DataError(f"{item} is odd")
        return item


@dataclass(frozen=True)
class Gpu:
    """Returns the GPUs that the worker may use."""

    def __call__(self, item: int) -> str:
        return os.environ.get("CUDA_VISIBLE_DEVICES", "all")


@dataclass(frozen=True)
class Refusing:
    """Cannot be done on any node."""

    def __call__(self, item: int) -> int:
        return item

    def check(self) -> str:
        """Why not."""
        return "it is Monday"
