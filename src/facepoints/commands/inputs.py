"""Gives commands the faces of their inputs: images, a video, or JSON lines of predictions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from facepoints.api import FaceModel
from facepoints.commands.image_files import predict_in_batches
from facepoints.errors import SettingsError
from facepoints.imaging.input_paths import find_images
from facepoints.results.formats import FORMATS
from facepoints.results.jsonl import iter_jsonl
from facepoints.results.records import FrameResult
from facepoints.video.frame import DEFAULT_FPS, VideoSource, check_fps
from facepoints.video.source import find_video

__all__ = ["InputStream", "iter_inputs"]

_JSON_LINES = FORMATS["jsonl"].suffixes
_OTHER_RESULTS = tuple(
    suffix for name, each in FORMATS.items() if name != "jsonl" for suffix in each.suffixes
)  # outputs of `facepoints predict` that cannot be inputs


@dataclass(frozen=True, eq=False)
class InputStream:
    """The results of all inputs, in order. It can be iterated once.

    Attributes:
        images: image files that are predicted one by one, in order; empty for a video.
        live: whether the input has no end, such as a camera.
    """

    images: Sequence[str]
    live: bool
    _results: Iterator[FrameResult] = field(repr=False)

    def __iter__(self) -> Iterator[FrameResult]:
        return self._results


def iter_inputs(
    inputs: Sequence[str],
    load: Callable[[], FaceModel],
    *,
    video: bool = False,
    fps: float | None = None,
    results: Path | None = None,
    lines: bool = True,
) -> InputStream:
    """The faces of inputs in their order, JSON lines first.

    Inputs are checked at once. Images and frames are read during the iteration.

    Args:
        inputs: images, folders and patterns, or one video, as `facepoints predict` takes them;
            and .jsonl files that it wrote.
        load: loads the model; called only if there are images or a video.
        video: treat the images as frames of one video.
        fps: frames per second of such a video, and of JSON lines without times; None: 30.
        results: output folder, which is not searched for images; None: no such folder.
        lines: whether .jsonl inputs are allowed. They hold faces without their images.

    Raises:
        DataError: an input does not exist or cannot be used.
        SettingsError: a video among other inputs, a frame rate out of range, or JSON lines where
            images are needed.
    """
    check_fps(fps)
    json_lines = _files_with(_JSON_LINES, inputs)
    if json_lines and not lines:
        raise SettingsError(f"{json_lines[0]} holds points without images; give the images")
    others = [name for name in inputs if name not in json_lines]
    unusable = _files_with(_OTHER_RESULTS, others) if lines else []
    if unusable:
        raise SettingsError(
            f"{unusable[0]} is not an image; of the outputs of facepoints predict, only .jsonl "
            f"can be measured"
        )
    source = find_video(others, video, fps) if others else None
    images = [] if source or (json_lines and not others) else find_images(others, results)
    model = load() if others else None
    live = source is not None and source.live
    return InputStream(images, live, _chain(json_lines, fps, source, images, model))


def _files_with(suffixes: tuple[str, ...], names: Sequence[str]) -> list[str]:
    return [name for name in names if name.lower().endswith(suffixes) and os.path.isfile(name)]


def _chain(
    json_lines: Sequence[str],
    fps: float | None,
    source: VideoSource | None,
    images: Sequence[str],
    model: FaceModel | None,
) -> Iterator[FrameResult]:
    for name in json_lines:
        yield from iter_jsonl(Path(name), fps or DEFAULT_FPS)
    if model is None:
        return
    if source is not None:
        for frame, faces in model.track(source):
            yield FrameResult(
                file=frame.file,
                faces=faces,
                size=frame.image.shape[:2],
                frame=frame.index,
                time=frame.time,
                video=source.name,
                image=frame.image,
            )
        return
    for batch in predict_in_batches(model, images):
        yield from batch
