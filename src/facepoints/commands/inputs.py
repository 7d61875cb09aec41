"""Faces of whatever a command is given: pictures, a video, or what `facepoints predict` wrote."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints.api import FaceModel
from facepoints.errors import DataError, SettingsError
from facepoints.imaging.image_io import read_image
from facepoints.imaging.input_paths import find_images
from facepoints.results.jsonl import _of_lines
from facepoints.results.records import FrameResult
from facepoints.video.frame import DEFAULT_FPS, VideoSource
from facepoints.video.source import find_video

__all__ = ["InputStream", "iter_inputs"]

_TOGETHER = 8  # pictures whose faces go through the model together
_LINES = (".jsonl", ".ndjson")
_TABLES = (".csv", ".json", ".pts")  # that `facepoints predict` also writes


@dataclass(frozen=True, eq=False)
class InputStream:
    """Faces of inputs, one sighting after another; to be iterated once.

    Attributes:
        pictures: files that are looked at one by one, in order; none of a video.
        live: whether it goes on until it is stopped, as a camera does.
    """

    pictures: Sequence[str]
    live: bool
    _all: Iterator[FrameResult] = field(repr=False)

    def __iter__(self) -> Iterator[FrameResult]:
        return self._all


def iter_inputs(
    inputs: Sequence[str],
    load: Callable[[], FaceModel],
    *,
    video: bool = False,
    fps: float | None = None,
    results: Path | None = None,
    lines: bool = True,
) -> InputStream:
    """Faces of inputs, in their order, what `facepoints predict` wrote first.

    Inputs are looked at when this is called, pictures when the iteration gets to them.

    Args:
        inputs: pictures, folders and patterns, or one video, as `facepoints predict` takes
            them; and files of JSON lines that it wrote.
        load: makes the predictor; called only if there are pictures or a video.
        video: pictures are frames of one video.
        rate: frames per second of those, and of JSON lines; None: 30.
        results: folder that is not searched for pictures.
        lines: whether JSON lines will do, which have no pictures.

    Raises:
        DataError: an input is not there, or none of these.
        SettingsError: a video among other inputs, a rate that is none, or JSON lines where
            pictures are needed.
    """
    if fps is not None and not 0 < fps < 10_000:
        raise SettingsError(f"a frame rate is positive and below 10000, {fps} is not")
    written = [name for name in inputs if name.lower().endswith(_LINES) and os.path.isfile(name)]
    if written and not lines:
        raise SettingsError(f"{written[0]} holds points without pictures; give the pictures")
    others = [name for name in inputs if name not in written]
    tables = [name for name in others if name.lower().endswith(_TABLES) and os.path.isfile(name)]
    if tables and lines:
        raise SettingsError(
            f"{tables[0]} is no picture; of what facepoints predict wrote, .jsonl can be measured"
        )
    source = find_video(others, video, fps) if others else None
    pictures = (
        find_images(others, results) if source is None and not (written and not others) else []
    )
    predictor = load() if others else None
    live = source is not None and source.live
    return InputStream(pictures, live, _chained(written, fps, source, pictures, predictor))


def _chained(
    written: Sequence[str],
    rate: float | None,
    source: VideoSource | None,
    pictures: Sequence[str],
    predictor: FaceModel | None,
) -> Iterator[FrameResult]:
    for name in written:
        yield from _of_lines(name, rate or DEFAULT_FPS)
    if predictor is None:
        return
    if source is not None:
        for frame, faces in predictor.track(source):
            yield FrameResult(
                frame.file,
                faces,
                frame.image.shape[:2],
                frame.index,
                frame.time,
                source.name,
                frame.image,
            )
        return
    waiting = iter(pictures)
    while some := list(islice(waiting, _TOGETHER)):
        yield from _of_pictures(some, predictor)


def _of_pictures(pictures: Sequence[str], predictor: FaceModel) -> Iterator[FrameResult]:
    images: dict[str, NDArray[np.uint8]] = {}
    errors: dict[str, str] = {}
    for name in pictures:
        try:
            images[name] = read_image(name)
        except DataError as error:
            errors[name] = str(error)
    found = iter(predictor.predict_batch(list(images.values()), list(images)))
    for name in pictures:
        if name in errors:
            yield FrameResult(name, error=errors[name])
        else:
            image = images[name]
            yield FrameResult(name, next(found), image.shape[:2], image=image)
