"""Readers with planted faults, to test the fuzz job."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from fuzz.seeds import Seed

from facepoints.errors import DataError

__all__ = ["SEEDS"]


def wrong_error(folder: Path) -> None:
    raise KeyError("this is not a FacepointsError")


def right_error(folder: Path) -> None:
    raise DataError("no")


def hang(folder: Path) -> None:
    time.sleep(60)


def crash(folder: Path) -> None:
    os._exit(11)


def hungry(folder: Path) -> None:
    bytearray(3 << 30)


FAULTS = {f.__name__: f for f in (wrong_error, right_error, hang, crash, hungry)}


def planted(name: str) -> Callable[[Path], Seed]:
    """A seed that reads its own file, and goes wrong for every other content."""

    def make(folder: Path) -> Seed:
        (folder / "a.txt").write_text("valid")

        def read(place: Path) -> None:
            if (place / "a.txt").read_bytes() != b"valid":
                FAULTS[name](place)

        return Seed("a.txt", read)

    return make


SEEDS = {name: planted(name) for name in FAULTS}
