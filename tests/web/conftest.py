"""Fixtures of the tests of the web service."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest


@pytest.fixture
def together() -> Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]]:
    """Calls a function for several values at the same time: the results in order."""

    def call(function: Callable[[Any], Any], values: Iterable[Any]) -> list[Any]:
        listed = list(values)
        with ThreadPoolExecutor(len(listed)) as pool:
            return list(pool.map(function, listed))

    return call
