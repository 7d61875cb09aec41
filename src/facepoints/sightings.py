"""Faces of whatever a command is given: pictures, a video, or what `facepoints predict` wrote."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from facepoints.errors import DataError, SettingsError
from facepoints.face import Face
from facepoints.landmark_sets import KNOWN_SETS
from facepoints.landmarks import LandmarkSet
from facepoints.media import find_pictures, read_picture
from facepoints.predict import Predictor
from facepoints.video import RATE, VideoSource, video_in

__all__ = ["Report", "Sighting", "Sightings", "sightings"]

_TOGETHER = 8  # pictures whose faces go through the model together
_LINES = (".jsonl", ".ndjson")
_TABLES = (".csv", ".json", ".pts")  # that `facepoints predict` also writes
_SAID = 5  # unreadable files that are named on the console


@dataclass(frozen=True, eq=False)
class Sighting:
    """A picture or a frame of a video, and the faces that are seen in it.

    Attributes:
        file: as the user named it, or a file of the folder that was named.
        faces: in it.
        size: (height, width) in pixels.
        frame: number in its video; 0 for a picture.
        time: seconds from the first frame; None for a picture.
        series: the same for all frames of one video.
        image: (H, W, 3) RGB; None if only the faces are known.
        error: why it could not be read; empty if it could.
    """

    file: str
    faces: list[Face] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    frame: int = 0
    time: float | None = None
    series: str = ""
    image: NDArray[np.uint8] | None = None
    error: str = ""


@dataclass
class Report:
    """What came of sightings.

    Attributes:
        pictures: pictures and frames that were looked at, or could not be.
        unreadable: files that could not be read.
        error: why the first of them could not.
        stopped: whether it was ended by Ctrl-C.
    """

    pictures: int = 0
    unreadable: int = 0
    error: str = ""
    stopped: bool = False

    def count(self, sighting: Sighting, console: Console | None) -> None:
        """Note a sighting; the first files that cannot be read are named on the console."""
        self.pictures += 1
        if not sighting.error:
            return
        self.unreadable += 1
        self.error = self.error or sighting.error
        if console is not None and self.unreadable <= _SAID:
            text = f"unreadable: {sighting.error}"
            console.print(text, markup=False, highlight=False, soft_wrap=True)


@dataclass(frozen=True, eq=False)
class Sightings:
    """Faces of inputs, one sighting after another; to be iterated once.

    Attributes:
        pictures: files that are looked at one by one, in order; none of a video.
        live: whether it goes on until it is stopped, as a camera does.
    """

    pictures: Sequence[str]
    live: bool
    _all: Iterator[Sighting] = field(repr=False)

    def __iter__(self) -> Iterator[Sighting]:
        return self._all


def sightings(
    inputs: Sequence[str],
    load: Callable[[], Predictor],
    *,
    video: bool = False,
    rate: float | None = None,
    results: Path | None = None,
    lines: bool = True,
) -> Sightings:
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
    if rate is not None and not 0 < rate < 10_000:
        raise SettingsError(f"a frame rate is positive and below 10000, {rate} is not")
    written = [name for name in inputs if name.lower().endswith(_LINES) and os.path.isfile(name)]
    if written and not lines:
        raise SettingsError(f"{written[0]} holds points without pictures; give the pictures")
    others = [name for name in inputs if name not in written]
    tables = [name for name in others if name.lower().endswith(_TABLES) and os.path.isfile(name)]
    if tables and lines:
        raise SettingsError(
            f"{tables[0]} is no picture; of what facepoints predict wrote, .jsonl can be measured"
        )
    source = video_in(others, video, rate) if others else None
    pictures = (
        find_pictures(others, results) if source is None and not (written and not others) else []
    )
    predictor = load() if others else None
    live = source is not None and source.live
    return Sightings(pictures, live, _chained(written, rate, source, pictures, predictor))


def _chained(
    written: Sequence[str],
    rate: float | None,
    source: VideoSource | None,
    pictures: Sequence[str],
    predictor: Predictor | None,
) -> Iterator[Sighting]:
    for name in written:
        yield from _of_lines(name, rate or RATE)
    if predictor is None:
        return
    if source is not None:
        for frame, faces in predictor.track(source):
            yield Sighting(
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


def _of_pictures(pictures: Sequence[str], predictor: Predictor) -> Iterator[Sighting]:
    images: dict[str, NDArray[np.uint8]] = {}
    errors: dict[str, str] = {}
    for name in pictures:
        try:
            images[name] = read_picture(name)
        except DataError as error:
            errors[name] = str(error)
    found = iter(predictor.in_pictures(list(images.values()), list(images)))
    for name in pictures:
        if name in errors:
            yield Sighting(name, error=errors[name])
        else:
            image = images[name]
            yield Sighting(name, next(found), image.shape[:2], image=image)


def _of_lines(name: str, rate: float) -> Iterator[Sighting]:
    """Raises DataError naming the line that is none of `facepoints predict`."""
    try:
        with open(name, encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _of_line(line, f"{name}, line {number}", rate, name)
    except OSError as error:
        raise DataError(f"could not read {name}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{name} should hold JSON lines and is no text: {error}") from error


def _of_line(line: str, place: str, rate: float, series: str) -> Sighting:
    try:
        record = json.loads(line)
        if "error" in record:
            return Sighting(str(record["file"]), error=str(record["error"]))
        faces = [_face(data, place) for data in record["faces"]]
        frame = int(record["frame"])
        tracked = any(face.track is not None for face in faces)
        time = record.get("time", frame / rate if frame or tracked else None)
        if time is not None and not math.isfinite(time):
            raise ValueError(f"a time of {time}")
        return Sighting(
            str(record["file"]),
            faces,
            (int(record["height"]), int(record["width"])),
            frame,
            None if time is None else float(time),
            series,
        )
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise DataError(
            f"{place}: expected a line that facepoints predict wrote, this is none ({error!r:.80})"
        ) from error


def _face(data: dict[str, Any], place: str) -> Face:
    with np.errstate(over="ignore"):  # told below
        points = np.array(data["points"], dtype=np.float32)
        radius = np.array(data["radius"], dtype=np.float32)
    if points.ndim != 2 or points.shape[1] != 2 or radius.shape != points.shape[:1]:
        raise ValueError(f"{points.shape} points with {radius.shape} radii")
    if not (np.isfinite(points).all() and np.isfinite(radius).all()):
        raise ValueError("points that are no numbers")
    x, y, width, height = (float(side) for side in data["box"])
    if not np.isfinite([x, y, width, height, float(data["score"])]).all():
        raise ValueError("a box or score that is no number")
    track = None if data["track"] is None else int(data["track"])
    names = _set_of(len(points), place)
    return Face((x, y, width, height), float(data["score"]), points, radius, names, track)


def _set_of(count: int, place: str) -> LandmarkSet:
    """The file has no names of points, but no two known sets have as many."""
    for known in KNOWN_SETS.values():
        if len(known) == count:
            return known
    counts = " or ".join(str(len(known)) for known in KNOWN_SETS.values())
    raise DataError(f"{place}: {count} points, of which the names are not known; expected {counts}")
