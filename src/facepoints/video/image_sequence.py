"""A folder of numbered images read as a video."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence

from facepoints.errors import DataError
from facepoints.imaging.image_io import read_image
from facepoints.video.frame import DEFAULT_FPS, Frame

__all__ = ["ImageSequence"]


class ImageSequence:
    """Pictures as the frames of a video, in the order of the numbers in their names; see
    `VideoSource`. Those that cannot be read are skipped and counted.

    Args:
        pictures: files.
        name: of them together.
        rate: frames per second.
    """

    def __init__(self, pictures: Sequence[str], name: str, fps: float = DEFAULT_FPS) -> None:
        self.name, self.fps, self.live = name, fps, False
        self.lost, self.note = 0, ""
        self._pictures = sorted(pictures, key=_by_number)
        self.total = len(self._pictures)

    def __iter__(self) -> Iterator[Frame]:
        """Frames in order.

        Raises:
            DataError: not one picture could be read.
        """
        reason = f"no picture in {self.name}"
        for index, path in enumerate(self._pictures):
            try:
                image = read_image(path)
            except DataError as error:
                self.lost += 1
                reason = str(error)
                continue
            yield Frame(image, index, index / self.fps, path)
        if self.lost == self.total:
            raise DataError(reason)


def _by_number(path: str) -> tuple[str, list[tuple[int, str]]]:
    """Key that sorts frame2 before frame10."""
    folder, file = os.path.split(path)
    parts = re.split(r"(\d+)", file)
    return folder, [(int(p), "") if p.isdigit() else (-1, p) for p in parts]
