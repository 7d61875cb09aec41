"""What a prediction returns: a face, its points and how far off each may be."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.landmarks.conversion import check_convertible, convert
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["Face"]


@dataclass(frozen=True, eq=False)
class Face:
    """One face in a picture. Pixels are those of the picture as a person sees it (EXIF
    rotation applied); the centre of the top-left pixel is (0, 0).

    Attributes:
        box: (x, y, width, height) around all points that the model gave, in pixels.
        score: how sure the model is that this is a face, [0, 1].
        points: (K, 2) float32, (x, y) in pixels. May lie outside the picture.
        radius: (K,) float32, in pixels: within it lies the true point 90 times in 100.
        landmarks: names the K points.
        track: number of the person in a video; None in single pictures.

    Raises:
        DataError: points or radius do not fit the landmark set.
    """

    box: tuple[float, float, float, float]
    score: float
    points: NDArray[np.float32]
    radius: NDArray[np.float32]
    landmarks: LandmarkSet
    track_id: int | None = None

    def __post_init__(self) -> None:
        k = len(self.landmarks)
        shapes = (("points", self.points, (k, 2)), ("radius", self.radius, (k,)))
        for name, array, want in shapes:
            if array.shape != want:
                raise DataError(f"face: {name} must have shape {want}, has {array.shape}")

    def __repr__(self) -> str:
        x, y, width, height = self.box
        track = "" if self.track_id is None else f", track={self.track_id}"
        return (
            f"Face(box=({x:.1f}, {y:.1f}, {width:.1f}, {height:.1f}), score={self.score:.3f}, "
            f"{len(self.landmarks)} points{track})"
        )

    def as_landmarks(self, want: LandmarkSet) -> Face:
        """The same face with the points `want`; its box stays.

        A point that is the mean of others (an eye centre) gets the root mean square of
        their radii: no smaller than if all were off the same way.

        Raises:
            DataError: a point of `want` cannot be computed from these points.
        """
        check_convertible(self.landmarks, want)
        every = np.ones((1, len(self.landmarks)), dtype=bool)
        points, _ = convert(self.points[None], every, self.landmarks, want)
        squares, _ = convert(self.radius[None] ** 2, every, self.landmarks, want)
        return replace(self, points=points[0], radius=np.sqrt(squares[0]), landmarks=want)
