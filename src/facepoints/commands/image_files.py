"""Predicts the faces of image files in batches, and draws them on the images."""

from __future__ import annotations

import math
import os
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from facepoints._util import files
from facepoints._util.memory import is_out_of_memory
from facepoints.drawing import draw
from facepoints.errors import DataError, DataWarning, WriteError
from facepoints.imaging.decoding import decode
from facepoints.imaging.image_io import decode_image
from facepoints.imaging.image_writer import write_image
from facepoints.imaging.input_paths import make_image_folder, relative_to_common
from facepoints.imaging.opencv_decoder import out_of_memory
from facepoints.inference.batches import batch_size, batches_at_once, predict_at_once
from facepoints.inference.predictor import Predictor
from facepoints.results.records import FrameResult
from facepoints.sources import Picture

__all__ = ["ImageDrawings", "drawing_names", "predict_in_batches", "predict_pictures"]

Item = TypeVar("Item")

_READERS = 2  # threads at least that decode images while others are predicted
_SPARE = 3  # images that wait beyond those that are being decoded, before any size is known
_AHEAD = 8  # images at most for each reader that are decoded while others are predicted
_BATCH_PIXELS = 12_000_000  # a batch with more, or images for each reader with more, get no further
_LISTED = 5  # files of which it is said what was left out


class _ImageFile(NamedTuple):
    """An image file: its pixels, or why it could not be read; and what was left out of it."""

    name: str
    image: NDArray[np.uint8] | None
    error: str
    note: str = ""


def predict_in_batches(predictor: Predictor, names: Sequence[str]) -> Generator[list[FrameResult]]:
    """Predict the faces of image files, and yield the results of a batch of files at a time.

    Several batches are predicted at a time (`inference.batches`). The order is that of the files.
    A file that cannot be read, or for which memory is short, gives a result with an error. A
    `DataWarning` says what was left out of a file; it is issued for the first few files.
    """
    at_once = max(1, min(batches_at_once(predictor.model, predictor.detector), len(names)))
    size = batch_size(predictor.model, len(names), at_once)
    return _results(predictor, names, _read, at_once, size)


def predict_pictures(
    predictor: Predictor, pictures: Iterable[Picture]
) -> Generator[list[FrameResult]]:
    """Predict the faces of pictures whose files are in memory; see `predict_in_batches`."""
    at_once = batches_at_once(predictor.model, predictor.detector)
    return _results(predictor, pictures, _decode, at_once, batch_size(predictor.model))


def _results(
    predictor: Predictor,
    items: Iterable[Item],
    read: Callable[[Item], _ImageFile],
    at_once: int,
    size: int,
) -> Generator[list[FrameResult]]:
    """The results of batches of at most `size` images, which `read` reads in threads."""
    batches = _noted(_batches(items, read, size, max(_READERS, at_once)))
    return predict_at_once(partial(_predict, predictor), batches, at_once, _pixels)


def _noted(batches: Iterable[list[_ImageFile]]) -> Iterator[list[_ImageFile]]:
    """The same batches; warns of what was left out of the first few files."""
    noted = 0
    for batch in batches:
        for file in batch:
            if file.note:
                noted += 1
                _warn(file, noted)
        yield batch


def _warn(file: _ImageFile, number: int) -> None:
    """Warn of what was left out of a file, which is the `number`-th such file."""
    if number <= _LISTED:
        warnings.warn(f"{file.name} {file.note}", DataWarning, stacklevel=3)
    elif number == _LISTED + 1:
        text = "there are more such files, which are not listed here"
        warnings.warn(text, DataWarning, stacklevel=3)


def _predict(predictor: Predictor, batch: Sequence[_ImageFile]) -> list[FrameResult]:
    """The results of a batch. If memory is short for all of it, the files come one by one."""
    read = [(file.name, file.image) for file in batch if file.image is not None]
    try:
        predicted = iter(predictor.predict_batch([i for _, i in read], [name for name, _ in read]))
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        if len(batch) > 1:
            return [result for file in batch for result in _predict(predictor, [file])]
        height, width = read[0][1].shape[:2]
        return [FrameResult(read[0][0], error=str(out_of_memory(read[0][0], width, height)))]
    return [
        FrameResult(file.name, error=file.error)
        if file.image is None
        else FrameResult(file.name, next(predicted), size=file.image.shape[:2], image=file.image)
        for file in batch
    ]


def _read(name: str) -> _ImageFile:
    try:
        image, note = decode_image(name)
        return _ImageFile(name, image, "", note)
    except DataError as error:
        return _ImageFile(name, None, str(error))


def _decode(picture: Picture) -> _ImageFile:
    if picture.data is None:
        return _ImageFile(picture.name, None, picture.error)
    try:
        image, note = decode(picture.data, picture.name)
        return _ImageFile(picture.name, image, "", note)
    except DataError as error:
        return _ImageFile(picture.name, None, str(error))


def _batches(
    items: Iterable[Item], read: Callable[[Item], _ImageFile], size: int, readers: int
) -> Iterator[list[_ImageFile]]:
    """Yield batches of at most `size` image files in order, while threads read the next ones."""
    batch: list[_ImageFile] = []
    pending: deque[Future[_ImageFile]] = deque()
    remaining, ahead = iter(items), readers + _SPARE
    with ThreadPoolExecutor(readers) as pool:
        try:
            while True:
                for item in remaining:
                    pending.append(pool.submit(read, item))
                    if len(pending) >= ahead:
                        break
                if not pending:
                    break
                batch.append(pending.popleft().result())
                ahead = _ahead(batch[-1], readers)
                if len(batch) >= size or _pixels(batch) >= _BATCH_PIXELS:
                    yield batch
                    batch = []
        finally:
            pool.shutdown(cancel_futures=True)
    if batch:
        yield batch


def _ahead(last: _ImageFile, readers: int) -> int:
    """Number of files that are read ahead after a file: as many as of its size fit in memory."""
    if last.image is None:
        return readers + _SPARE
    return max(1, min(readers * _BATCH_PIXELS // _pixels([last]), readers * _AHEAD))


def _pixels(batch: Sequence[_ImageFile]) -> int:
    """Number of pixels of the images of a batch."""
    return sum(math.prod(file.image.shape[:2]) for file in batch if file.image is not None)


def drawing_names(images: Sequence[str]) -> list[str]:
    """The name of each image's drawing, relative to the folder of the drawings."""
    relative = relative_to_common(images)
    jpeg = (".jpg", ".jpeg")
    suffixes = [path.suffix if path.suffix.lower() in jpeg else ".png" for path in relative]
    names = files.unique_names(relative, lambda number, name: [name + suffixes[number]])
    return [name + suffix for name, suffix in zip(names, suffixes, strict=True)]


class ImageDrawings:
    """Writes copies of images with their faces drawn on them to a folder.

    JPEG stays JPEG, and all other formats become PNG. The copies have the names and subfolders of
    the images: b.webp becomes b.png. If there is an image b.png too, both keep their suffixes
    (`files.unique_names`): b.webp.png and b.png.png.

    Args:
        images: files that will be drawn.
        folder: where the drawings go; it is created.
        radius: also draw the radius of every point.
        visible_only: draw no hidden points.

    Raises:
        SettingsError: the folder has the name of an image file.
        WriteError: the folder cannot be written, or an input would be replaced.
    """

    def __init__(
        self, images: Sequence[str], folder: Path, radius: bool, visible_only: bool = False
    ) -> None:
        names = drawing_names(images)
        make_image_folder(folder)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise WriteError(f"could not write to {folder}: no permission")
        self._folder, self._radius, self._hidden = folder, radius, not visible_only
        self._paths = dict(zip(images, (folder / name for name in names), strict=True))
        inputs = {os.path.realpath(image) for image in images}
        for path in self._paths.values():
            if os.path.realpath(path) in inputs:
                raise WriteError(
                    f"drawing to {folder} would replace the input {path}; name another folder"
                )

    def describe(self) -> list:
        """The settings of the drawings, JSON-ready: an interrupted run is resumed with the same."""
        return [os.path.realpath(self._folder), self._radius, self._hidden]

    def describe_names(self) -> list[str]:
        """File names that tell whether the drawings of an interrupted run keep their names: the
        first one, and those that keep the suffix of their image."""
        named = [(Path(image).stem, path) for image, path in self._paths.items()]
        return [str(path) for n, (stem, path) in enumerate(named) if n == 0 or path.stem != stem]

    def write(self, result: FrameResult) -> None:
        """Draw an image with its faces. Does nothing for a file that could not be read.

        Raises:
            WriteError: the drawing cannot be written.
        """
        if result.image is None:
            return
        drawn = draw(
            result.image, result.faces, radius=self._radius, hidden=self._hidden, legend=True
        )
        path = self._paths[result.file]
        files.make_folder(path.parent)
        write_image(path, drawn)
