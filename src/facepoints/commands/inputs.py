"""Gives commands the faces of their inputs: images, videos, or predictions that were written."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from facepoints._util.progress import ImageProgress
from facepoints._util.words import count_noun
from facepoints.api import FaceModel
from facepoints.commands.image_files import predict_in_batches
from facepoints.errors import DataError, DataWarning, SettingsError
from facepoints.results.formats import FORMATS, read_faces
from facepoints.results.from_records import in_videos
from facepoints.results.jsonl import iter_jsonl
from facepoints.results.parts import holds_parts, iter_parts
from facepoints.results.records import FrameResult
from facepoints.sources.suffixes import is_stream, is_url
from facepoints.video.frame import DEFAULT_FPS, check_fps
from facepoints.video.source import FoundInputs, VideoInput, find_inputs

__all__ = ["InputStream", "iter_inputs"]

_JSON_LINES = FORMATS["jsonl"].suffixes
_RESULTS = tuple(suffix for each in FORMATS.values() for suffix in each.suffixes)


@dataclass(frozen=True, eq=False)
class InputStream:
    """The results of all inputs, in order. It can be iterated once.

    Attributes:
        images: image files that are predicted one by one, in order; empty for videos.
        live: whether the input has no end, such as a camera.
        videos: names of the videos that are tracked one by one, in order.
        predictions: files and folders of faces that were predicted before, in order.
        passed_over: a sentence on the files of folders that are left out; empty if none is.
    """

    images: Sequence[str]
    live: bool
    _results: Iterator[FrameResult] = field(repr=False)
    videos: Sequence[str] = ()
    predictions: Sequence[str] = ()
    passed_over: str = ""

    def __iter__(self) -> Iterator[FrameResult]:
        return self._results

    def through(
        self, step: Callable[[Iterator[FrameResult]], Iterator[FrameResult]]
    ) -> InputStream:
        """The same inputs, whose results pass through a step, such as one that keeps some."""
        return replace(self, _results=step(self._results))


def iter_inputs(
    inputs: Sequence[str],
    load: Callable[[], FaceModel],
    *,
    video: bool = False,
    fps: float | None = None,
    results: Path | None = None,
    predictions: bool = True,
    console: Console | None = None,
) -> InputStream:
    """The faces of inputs in their order, those that were predicted before first.

    Inputs are checked at once. Images and frames are read during the iteration.

    Args:
        inputs: images, folders and patterns, or videos, as `facepoints predict` takes them; and
            files and folders of parts that it wrote (`results.read_faces`).
        load: loads the model; called only if there are images or a video.
        video: treat the images as frames of one video.
        fps: frames per second of such a video, and of predictions without times; None: 30.
        results: output folder, which is not searched for images; None: no such folder.
        predictions: whether what `facepoints predict` wrote is allowed. It holds faces without
            their images.
        console: shows progress; None: shows nothing.

    Raises:
        DataError: an input does not exist or cannot be used.
        SettingsError: videos among images, a frame rate out of range, or predictions where
            images are needed.
    """
    check_fps(fps)
    written = [name for name in inputs if _holds_predictions(name)]
    if written and not predictions:
        raise SettingsError(f"{written[0]} holds points without images; give the images")
    others = [name for name in inputs if name not in written]
    found = find_inputs(others, video, fps, results) if others else FoundInputs([], [])
    model = load() if others else None
    live = any(each.live for each in found.videos)
    chained = _chain(written, fps, found, model)
    if console is not None and others:
        unit = "frames" if found.videos else "images"
        chained = _with_progress(chained, console, len(found.images), unit)
    names = [each.name for each in found.videos]
    return InputStream(found.images, live, chained, names, written, found.passed_over)


def _holds_predictions(name: str) -> bool:
    if os.path.isdir(name):
        return holds_parts(name) or _holds_only_points(name)
    return _is_address_of_parts(name) or (name.lower().endswith(_RESULTS) and os.path.isfile(name))


def _is_address_of_parts(name: str) -> bool:
    return is_url(name) and not is_stream(name) and holds_parts(name)


def _holds_only_points(folder: str) -> bool:
    """True for a folder of .pts files, as `facepoints predict` writes it, without images."""
    names = (name for _, _, inside in os.walk(folder) for name in inside if name[0] != ".")
    first = next(names, "")
    return first.lower().endswith(".pts") and all(n.lower().endswith(".pts") for n in names)


def _with_progress(
    results: Iterator[FrameResult], console: Console, total: int, unit: str
) -> Iterator[FrameResult]:
    """Yield the results, and show how many there were; `total` is 0 if it is not known."""
    faces = 0
    with ImageProgress(console, total, unit=unit) as bar:
        for number, result in enumerate(results, start=1):
            faces += len(result.faces)
            bar.at(number, faces)
            yield result


def _chain(
    written: Sequence[str],
    fps: float | None,
    found: FoundInputs,
    model: FaceModel | None,
) -> Iterator[FrameResult]:
    for name in written:
        yield from _predicted(name, fps or DEFAULT_FPS)
    if model is None:
        return
    for number, video in enumerate(found.videos):
        try:
            yield from _track(model, video, f"{video.name}#{number}")
        except DataError as error:
            if len(found.videos) == 1:
                raise
            yield FrameResult(video.name, error=str(error))
    for batch in predict_in_batches(model, found.images):
        yield from batch


def _predicted(name: str, fps: float) -> Iterator[FrameResult]:
    """What `facepoints predict` wrote. Frames of a video without times have those of a rate."""
    if name.lower().endswith(_JSON_LINES):
        yield from iter_jsonl(Path(name), fps)
        return
    if _is_address_of_parts(name) or (os.path.isdir(name) and holds_parts(name)):
        results = iter_parts(name)
    else:
        results = in_videos((replace(each, video=name) for each in read_faces(name)), Path(name))
    for result in results:
        in_video = result.frame > 0 or any(face.track_id is not None for face in result.faces)
        if result.time is None and in_video:
            result = replace(result, time=result.frame / fps)
        yield result


def _track(model: FaceModel, video: VideoInput, identity: str) -> Iterator[FrameResult]:
    source = video.open()
    for frame, faces in model.track(source):
        yield FrameResult(
            file=frame.file,
            faces=faces,
            size=frame.image.shape[:2],
            frame=frame.index,
            time=frame.time,
            video=identity,
            image=frame.image,
        )
    if source.note or source.lost:
        lost = f"{count_noun(source.lost, 'frame')} lost" if source.lost else ""
        text = "; ".join(filter(None, (lost, source.note)))
        warnings.warn(f"{source.name}: {text}", DataWarning, stacklevel=2)
