"""Reads numbered images as a video."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Sequence

from facepoints.errors import DataError, DataWarning
from facepoints.imaging.image_io import decode_image
from facepoints.video.frame import DEFAULT_FPS, Frame

__all__ = ["ImageSequence"]


class ImageSequence:
    """Images as the frames of a video, ordered by the numbers in their names.

    It is a `VideoSource`. Unreadable images are skipped and counted in `lost`.

    Args:
        paths: image files.
        name: of the sequence.
        fps: frames per second.
    """

    def __init__(self, paths: Sequence[str], name: str, fps: float = DEFAULT_FPS) -> None:
        self.name, self.fps, self.live = name, fps, False
        self.lost, self.note = 0, ""
        self._paths = sorted(paths, key=_by_number)
        self.total = len(self._paths)

    def __iter__(self) -> Iterator[Frame]:
        """The frames in order.

        Raises:
            DataError: no image could be read.
        """
        reason, noted = f"no image in {self.name}", False
        for index, path in enumerate(self._paths):
            try:
                image, note = decode_image(path)
            except DataError as error:
                self.lost += 1
                reason = str(error)
                continue
            if note and not noted:  # all frames are of one kind, so it is said once
                warnings.warn(f"{path} {note}", DataWarning, stacklevel=2)
                noted = True
            yield Frame(image, index, index / self.fps, path)
        if self.lost == self.total:
            raise DataError(reason)


def _by_number(path: str) -> tuple[str, list[tuple[int, str]]]:
    """Sort key that puts frame2 before frame10."""
    folder, file = os.path.split(path)
    parts = re.split(r"(\d+)", file)
    return folder, [(int(p), "") if p.isdigit() else (-1, p) for p in parts]
