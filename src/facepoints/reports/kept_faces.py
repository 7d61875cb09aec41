"""Keeps the faces that a report of measures shows, while images and frames pass by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from facepoints._util.text_files import harmless_cell, original_cell
from facepoints.imaging import affine
from facepoints.inference.face import Face
from facepoints.reports.picture import crop_around
from facepoints.results.records import FrameResult

__all__ = ["MOST_FACES", "FaceKeeper", "KeptFace"]

MOST_FACES = 60
"""Most faces of images, and most people of videos, that a report shows as pictures."""

_CLEARLY = 0.95  # a frame replaces another of the same person if its points are this much surer


@dataclass(frozen=True)
class KeptFace:
    """A face with the part of the image around it.

    Attributes:
        file: name of its image or video.
        frame: number of the frame.
        number: of the face in its image or frame, from 0.
        face: its points are in pixels of `crop`, or of the image if there is no crop.
        crop: (H, W, 3) RGB uint8; None if only the points are known.
        track: number of the person in a video; None for an image.
        doubt: mean radius of the points as a share of the face's size.
    """

    file: str
    frame: int
    number: int
    face: Face
    crop: NDArray[np.uint8] | None
    track: int | None
    doubt: float


@dataclass
class FaceKeeper:
    """Keeps the first faces of images, and the surest frame of each person in a video.

    Attributes:
        images: faces of images, in order.
        people: faces of videos by video and track number.
        passed: number of faces of images that passed by.
    """

    images: list[KeptFace] = field(default_factory=list)
    people: dict[tuple[str, int], KeptFace] = field(default_factory=dict)
    passed: int = 0

    def watch(self, results: Iterable[FrameResult]) -> Iterator[FrameResult]:
        """Yield the results unchanged, and keep some of their faces."""
        for result in results:
            for number, face in enumerate(result.faces):
                if result.time is not None and face.track_id is not None:
                    self._see_person(result, number, face, face.track_id)
                else:
                    self.passed += 1
                    if len(self.images) < MOST_FACES:
                        self.images.append(_kept(result, number, face))
            yield result

    def _see_person(self, result: FrameResult, number: int, face: Face, track: int) -> None:
        key = (result.video or result.file, track)
        known = self.people.get(key)
        if known is None and len(self.people) >= MOST_FACES:
            return
        if known is None or _doubt(face) < _CLEARLY * known.doubt:
            self.people[key] = _kept(result, number, face)


def _doubt(face: Face) -> float:
    sides = np.maximum(np.ptp(face.points, axis=0), 1e-3)
    return float(face.radius.mean()) / float(np.sqrt(sides.prod()))


def _kept(result: FrameResult, number: int, face: Face) -> KeptFace:
    doubt, crop = _doubt(face), None
    if result.image is not None:
        crop, matrix = crop_around(result.image, face.points.astype(np.float64))
        scale = float(np.hypot(*matrix[:, 0]))
        face = replace(
            face,
            points=affine.apply(matrix, face.points),
            radius=(face.radius * scale).astype(np.float32),
        )
    name = original_cell(harmless_cell(result.file))  # as in the rows of the table
    return KeptFace(name, result.frame, number, face, crop, face.track_id, doubt)
