"""Limits of the service: what one request may hold, and how much may wait."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated

from facepoints._util.option_help import option
from facepoints.errors import SettingsError

__all__ = ["ServiceLimits"]


@dataclass(frozen=True)
class ServiceLimits:
    """Limits of the service. What goes beyond one is answered with an error of its own.

    Raises:
        SettingsError: a number is out of range.
    """

    max_mb: Annotated[
        float, option("Largest request that is accepted, in megabytes.", metavar="MB")
    ] = 32.0
    max_megapixels: Annotated[
        float, option("Largest image that is decoded, in millions of pixels.", metavar="MP")
    ] = 50.0
    max_files: Annotated[int, option("Most images that one request may hold.", metavar="N")] = 32
    max_waiting: Annotated[
        int,
        option(
            "Most requests that may wait or be computed at once. Further ones are answered with "
            "status 429 and the time after which to try again.",
            metavar="N",
        ),
    ] = 64
    timeout: Annotated[
        float,
        option(
            "Seconds that a request may take to arrive, and then to be answered.",
            metavar="SECONDS",
        ),
    ] = 60.0

    def __post_init__(self) -> None:
        ranges = {
            "max_mb": (0.001, 4096),
            "max_megapixels": (0.001, 268),
            "max_files": (1, 10_000),
            "max_waiting": (1, 100_000),
            "timeout": (0.05, 86_400),
        }
        for one in fields(self):
            value, (low, high) = getattr(self, one.name), ranges[one.name]
            if not low <= value <= high:  # false for NaN, too
                raise SettingsError(f"{one.name} must be from {low:g} to {high:g}, is {value}")

    @property
    def max_bytes(self) -> int:
        """Bytes of the largest request."""
        return round(self.max_mb * 1e6)

    @property
    def max_pixels(self) -> int:
        """Pixels of the largest image."""
        return round(self.max_megapixels * 1e6)

    @property
    def max_answer(self) -> int:
        """Bytes of the images in the largest answer."""
        return 8 * self.max_bytes

    @property
    def max_memory(self) -> int:
        """Bytes of all requests that arrive, wait and are computed at once."""
        return max(16 * self.max_bytes, 2**28)
