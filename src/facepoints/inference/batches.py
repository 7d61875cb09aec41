"""Predicts several batches of images at a time, each in a thread of its own.

The networks are small. Threads that compute a layer together wait for each other at its end, and
threads with batches of their own do not: on two processors that is a third faster.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from facepoints._util.at_once import map_at_once
from facepoints.detection import (
    BoxFileDetector,
    BuiltinDetector,
    FullImageDetector,
    OpenCVCascadeDetector,
    YuNetDetector,
)
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.runtime.repeatable import repeatable

__all__ = ["batch_size", "batches_at_once", "predict_at_once", "split_large"]

Batch = TypeVar("Batch")
Result = TypeVar("Result")

_BATCH = 8  # images whose crops go through the model together; more gain nothing on a CPU
_BATCH_ON_GPU = 64
_MOST_AT_ONCE = 8  # Python itself runs in one thread at a time; more batches wait for it
_MOST_PIXELS = 80_000_000  # of all batches at a time, unless a single image has more

_FOR_THREADS = (
    BoxFileDetector,
    BuiltinDetector,
    FullImageDetector,
    OpenCVCascadeDetector,
    YuNetDetector,
)
"""Detectors that several threads may call. Others may not be made for that."""


def batches_at_once(model: object, detector: object) -> int:
    """Number of batches that a model and a detector should predict at a time: one for each
    processor thread that both may use. 1 if one of them is not a class of facepoints itself."""
    if type(model) is not LandmarkModel or type(detector) not in _FOR_THREADS:
        return 1
    return min(model.threads, getattr(detector, "threads", model.threads), _MOST_AT_ONCE)


def batch_size(model: object, images: int | None = None, at_once: int = 1) -> int:
    """Number of images at most whose crops go through a model together.

    Args:
        model: the landmark model.
        images: number of images, of which each thread gets its share; None: many.
        at_once: number of batches that are predicted at a time.
    """
    most = _BATCH_ON_GPU if getattr(model, "on_gpu", False) else _BATCH
    return most if images is None else max(1, min(most, -(-images // at_once)))


def split_large(
    images: Iterable[tuple[int, NDArray[np.uint8]]], at_once: int
) -> Iterator[list[tuple[int, NDArray[np.uint8]]]]:
    """Groups of numbered images of a batch. A group ends when its images take much memory.

    Args:
        images: are taken when they are needed, so that they can be read from files.
        at_once: number of batches that are predicted at a time.
    """
    group: list[tuple[int, NDArray[np.uint8]]] = []
    pixels = 0
    for number, image in images:
        group.append((number, image))
        pixels += image.shape[0] * image.shape[1]
        if pixels * at_once >= _MOST_PIXELS:
            yield group
            group, pixels = [], 0
    if group:
        yield group


def predict_at_once(
    predict: Callable[[Batch], Result],
    batches: Iterable[Batch],
    at_once: int,
    pixels: Callable[[Batch], int] | None = None,
) -> Generator[Result]:
    """The results of batches in their order. On the CPU, no digit depends on `at_once`.

    Args:
        predict: predicts a batch; is called in threads, unless `at_once` is 1.
        batches: are taken when they are needed.
        at_once: number of batches that are predicted at a time. One more may wait.
        pixels: of a batch; no further batch is begun while too many are in memory. None: it is
            not known.

    Raises:
        Any error of `predict` or `batches`.
    """

    def work(batch: Batch) -> Result:
        with repeatable(own_thread=at_once > 1):
            return predict(batch)

    return map_at_once(work, batches, at_once, size=pixels, most=_MOST_PIXELS)
