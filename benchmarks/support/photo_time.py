"""What the time of a processor for a photo goes to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import onnxruntime

import facepoints
from facepoints.detection import builtin
from facepoints.inference import landmark_model

__all__ = ["SHARES", "processor_time"]

SHARES = ("decoding", "detector's network", "landmark network", "Python and the rest")
_NETWORKS = {builtin.INPUT: SHARES[1], landmark_model.INPUT: SHARES[2]}


def processor_time(files: Sequence[Path], model: str = "builtin") -> dict[str, float]:
    """Milliseconds of one processor for a photo, by what they go to. Waiting does not count, so
    other programs hardly matter.

    Args:
        files: photos; the first ones also warm up.
        model: name, file or run of the landmark model.
    """
    faces = facepoints.load(model, threads=1)
    faces(files[:8])
    with _one_thread(), _timed() as spent:
        began = time.thread_time()
        for first in range(0, len(files), 8):
            faces(files[first : first + 8])
        spent[SHARES[3]] += time.thread_time() - began - sum(spent.values())
    return {name: round(1000 * spent[name] / len(files), 2) for name in SHARES}


@contextmanager
def _one_thread() -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


@contextmanager
def _timed() -> Iterator[dict[str, float]]:
    """Seconds in the calls of libraries, which let other threads of Python run meanwhile."""
    spent: dict[str, float] = dict.fromkeys(SHARES, 0.0)

    def timed(call: Callable[..., Any], name_of: Callable[..., str]) -> Callable[..., Any]:
        def timing(*arguments: Any, **options: Any) -> Any:
            began = time.thread_time()
            try:
                return call(*arguments, **options)
            finally:
                spent[name_of(*arguments)] += time.thread_time() - began

        return timing

    run = timed(
        onnxruntime.InferenceSession.run,
        lambda session, outputs, rows, *_: _NETWORKS.get(next(iter(rows)), SHARES[3]),
    )
    with (
        patch.object(onnxruntime.InferenceSession, "run", run),
        patch.object(cv2, "imdecode", timed(cv2.imdecode, lambda *_: SHARES[0])),
    ):
        yield spent
