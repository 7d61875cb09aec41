"""A predicted face: its landmarks, with an error radius for each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.inference.eye_closure import EyeClosure
from facepoints.landmarks.conversion import (
    check_convertible,
    conversion_parts,
    mean_of_parts,
)
from facepoints.landmarks.known_sets import KNOWN_SETS
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["Face"]


@dataclass(frozen=True, eq=False)
class Face:
    """One face in an image.

    Pixels are those of the image with its EXIF rotation applied. The center of the top-left
    pixel is (0, 0). Faces are equal if all their values are, with the digits that files keep;
    like lists, they are not hashable.

    Examples:
        >>> face["nose_tip"], face.region("left_eye")  # doctest: +SKIP

    Attributes:
        box: (x, y, width, height), the bounding box of all landmarks of the model, in pixels.
        score: probability that this is a face, [0, 1].
        points: (K, 2) float32, (x, y) in pixels. They may lie outside the image.
        radius: (K,) float32, in pixels: the distance around the point within which the true one
            lies in 90 % of cases.
        landmarks: names of the K points.
        track_id: number of the person in a video; None in a single image.
        visible: (K,) float32, [0, 1]: the probability that the point can be seen, and is not
            hidden by hair, a hand, glasses or the turned head. Points below 0.5 count as hidden.
            None from a model that does not predict it.
        eye_closure: probability that each eye is closed; None if it was not asked for
            (`facepoints.load(eye_closure=True)`).

    Raises:
        DataError: points, radius or visible do not fit the landmark set.
    """

    box: tuple[float, float, float, float]
    score: float
    points: NDArray[np.float32]
    radius: NDArray[np.float32]
    landmarks: LandmarkSet
    track_id: int | None = None
    visible: NDArray[np.float32] | None = None
    eye_closure: EyeClosure | None = None

    def __post_init__(self) -> None:
        k = len(self.landmarks)
        shapes = (
            ("points", self.points, (k, 2)),
            ("radius", self.radius, (k,)),
            ("visible", self.visible, (k,)),
        )
        for name, array, want in shapes:
            if array is not None and array.shape != want:
                raise DataError(f"face: {name} must have shape {want}, has {array.shape}")

    def __repr__(self) -> str:
        x, y, width, height = self.box
        track = "" if self.track_id is None else f", track_id={self.track_id}"
        return (
            f"Face(box=({x:.1f}, {y:.1f}, {width:.1f}, {height:.1f}), score={self.score:.3f}, "
            f"{len(self.landmarks)} points{track})"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Face):
            return NotImplemented
        return (
            self.track_id == other.track_id
            and self.landmarks.names == other.landmarks.names
            and np.array_equal(_as_float32(self), _as_float32(other))
            and np.array_equal(self.points, other.points)
            and np.array_equal(self.radius, other.radius)
            and _visible_list(self) == _visible_list(other)
            and self.eye_closure == other.eye_closure
        )

    __hash__ = None  # type: ignore[assignment]
    __iter__ = None  # else __getitem__ would make a face look like a sequence of points

    def __contains__(self, name: str) -> bool:
        """True if the face has a point of this name, or one that can be computed."""
        return bool(self._parts(name))

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        """The point (2,) of this name, (x, y) in pixels.

        A name of another known landmark set is computed if it can be: "nose_tip" and
        "left_eye_center" (of `KAGGLE_15`) are known for a face of 68 points, too.

        Raises:
            DataError: the face has no such point; the message suggests similar names.
        """
        parts = self._parts(name)
        if not parts:
            raise DataError(_unknown("point", name, self._names()))
        return mean_of_parts(self.points[None], [parts])[0, 0]

    def _parts(self, name: str) -> list[int]:
        """Columns that are averaged for the point of this name; empty if there is no such point."""
        return conversion_parts(self.landmarks, LandmarkSet((str(name),), mirrorable=False))[0]

    def _names(self) -> tuple[str, ...]:
        """Names of the points that the face has, then of those that can be computed."""
        others = [name for known in KNOWN_SETS.values() for name in known.names]
        computed = [name for name in others if self._parts(name)]
        return tuple(dict.fromkeys([*self.landmarks.names, *computed]))

    def region(self, name: str) -> NDArray[np.float32]:
        """The points (k, 2) of a region, in the order of the landmark set.

        Args:
            name: a key of `landmarks.regions`: jaw, right_eyebrow, left_eyebrow, nose,
                right_eye, left_eye, pupils, mouth. The region of an eye is its outline, without
                the pupil.

        Raises:
            DataError: the face has no point of such a region.
        """
        regions = self.landmarks.regions
        if name not in regions:
            raise DataError(_unknown("region", name, tuple(regions)))
        return self.points[self.landmarks.columns(regions[name])]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, as in the faces of a line of faces.jsonl: box, score, track, points,
        radius and, if they are known, visible and eye_closure. Visible has 2 decimals, eye_closure
        has 4. The other numbers have the fewest digits that restore them as float32."""
        visible = _visible_list(self)
        return {
            "box": _float32_list(np.array(self.box)),
            "score": _float32_list(np.array([self.score]))[0],
            "track": None if self.track_id is None else int(self.track_id),
            "points": _float32_list(self.points),
            "radius": _float32_list(self.radius),
            **({} if visible is None else {"visible": visible}),
            **({} if self.eye_closure is None else {"eye_closure": self.eye_closure.to_dict()}),
        }

    def as_landmarks(self, want: LandmarkSet) -> Face:
        """The same face with the points of another landmark set. Its box stays. A face that has
        this set already is returned itself, not a copy.

        A point that is the mean of others (an eye center) gets the root mean square of their
        radii, which holds even if their errors all go the same way. It is as visible as the
        least visible of them.

        Raises:
            DataError: a point of `want` cannot be computed from these points.
        """
        if want == self.landmarks:
            return self
        check_convertible(self.landmarks, want)
        parts = conversion_parts(self.landmarks, want)
        visible = self.visible
        if visible is not None:
            seen = visible.tolist()
            least = [min(seen[column] for column in columns) for columns in parts]
            visible = np.array(least, dtype=np.float32)
        return replace(
            self,
            points=mean_of_parts(self.points[None], parts)[0],
            radius=np.sqrt(mean_of_parts(self.radius[None] ** 2, parts)[0]),
            landmarks=want,
            visible=visible,
        )


def _as_float32(face: Face) -> NDArray[np.float32]:
    """Box and score (5,) with the digits that files keep."""
    return np.array([*face.box, face.score], dtype=np.float32)


def _visible_list(face: Face) -> list[float] | None:
    """The visibility of the points with the digits that files keep; None if it is unknown."""
    return None if face.visible is None else np.round(face.visible.astype(float), 2).tolist()


def _unknown(kind: str, name: str, known: tuple[str, ...]) -> str:
    """An error message that suggests similar names."""
    close = get_close_matches(str(name), known) or known[:8]
    more = ", ..." if len(close) < len(known) else ""
    return f"the face has no {kind} '{name}'; choose one of: {', '.join(close)}{more}"


def _float32_list(values: NDArray) -> list[Any]:
    """Values (nested as in the array) as float32, with the fewest digits that restore them."""
    return values.astype(np.float32).astype(str).astype(np.float64).tolist()
