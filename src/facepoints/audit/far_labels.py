"""Labels that lie elsewhere in the whole picture: far off, mirrored, on another face.

The crop around a label that is far off shows no face, or another one. So the whole picture is
searched, and each of its faces is tried: do the points fit it when they are shifted, resized,
mirrored or turned in the picture? If most rows of a set have the same mistake, it is one fault of
the whole set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepoints.audit.expectation import Expectation, Framed
from facepoints.audit.fault import Cause
from facepoints.audit.geometry import Complex, fit_similarities, median_points, to_complex
from facepoints.audit.naming import percent
from facepoints.audit.picture_fit import in_picture
from facepoints.audit.whole_pictures import SeenPicture
from facepoints.audit.whole_sets import base_points
from facepoints.datasets.fixes import Change
from facepoints.datasets.marking_schemes import scheme_matrix
from facepoints.datasets.samples import Samples
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = [
    "FarLabel",
    "PlacedFaces",
    "Places",
    "distance_as",
    "far_label",
    "how_undone",
    "mend_of",
    "times_of_eyes",
]

_FACE = 0.5  # score from which a reading is a face
_AWAY = 0.2  # least error of a label that is far off, in eye distances
_FITS = 0.08  # largest error of the mended label, in eye distances
_FITS_SHIFTED = 0.05  # the same where the shift is free, which any face of this size fits
_BETTER = 0.35  # share of the distance that is left, at most
_FREE = 0.01  # eye distances that a free shift or size must save
_RESIZED = 0.02  # natural logarithm of a factor of size, at least


@dataclass(frozen=True)
class PlacedFaces:
    """The faces of a whole picture, and where they have the points of a row.

    Attributes:
        points: (F, K) expected points in pixels of the picture; NaN where unknown.
        eyes: (F,) distance of the outer corners of the eyes in pixels.
        score: (F,).
        width, height: of the picture in pixels.
    """

    points: Complex
    eyes: NDArray[np.float64]
    score: NDArray[np.float64]
    width: float
    height: float


class Places:
    """Finds where the labels of rows would lie on any face of their pictures.

    Args:
        faces, framed, landmarks, expected: as for `whole_sets.whole_set_faults`.
    """

    def __init__(
        self, faces: Samples, framed: Framed, landmarks: LandmarkSet, expected: Expectation
    ) -> None:
        self.faces, self.landmarks = faces, landmarks
        own = np.arange(len(faces)), framed.face
        some = framed.valid[own]
        seen = framed.seen[own][some]
        self.shape: Complex = median_points(seen, np.ones(seen.shape, bool))
        self.labels: Complex = in_picture(faces)
        unknown = ~np.isfinite(base_points(faces, framed, landmarks))
        habit = median_points(expected.expected, expected.mask & unknown)
        self.habit = np.where((expected.mask & unknown).any(axis=0), habit, np.nan)

    def of(self, row: int, seen: SeenPicture) -> PlacedFaces:
        """The faces of a row's picture."""
        some = seen.score >= _FACE
        points = to_complex(seen.points[some])
        target = np.broadcast_to(self.shape, points.shape)
        a, b = fit_similarities(points, target, np.ones(points.shape))
        scheme = list(self.faces.schemes)[int(self.faces.scheme[row])] if self.faces.schemes else ""
        mix, able = scheme_matrix(self.landmarks, self.faces.landmarks, scheme)
        framed = (a * points + b) @ mix.T.astype(np.float64)
        framed = np.where(able, framed, self.habit)
        return PlacedFaces(
            points=(framed - b) / a,
            eyes=1 / np.abs(a[:, 0]),
            score=seen.score[some],
            width=seen.width,
            height=seen.height,
        )


@dataclass(frozen=True)
class FarLabel:
    """How the label of a row fits a face of its picture.

    Attributes:
        kind: what was done to the right label: "here" (nothing), "shifted", "resized",
            "mirrored", "mirrored and exchanged" (left and right, too), "transposed" (x and y
            exchanged), "turned left", "turned right", "upside down".
        face: the face that it fits.
        before, after: median distance of its points as labeled to those of the nearest face, and
            as mended to those of `face`, in eye distances.
        value: the shift or the factor of the mend; 0: none.
        on: the face that the label lies on; -1: none.
    """

    kind: str
    face: int
    before: float
    after: float
    value: complex
    on: int

    @property
    def cause(self) -> Cause:
        """The name of the mistake."""
        if self.kind == "shifted":
            return Cause.OTHER_FACE if self.on not in (-1, self.face) else Cause.OFFSET
        if self.kind == "resized":
            return Cause.WRONG_SCALE
        return Cause.TURNED_IMAGE if self.kind in _TURNS else Cause.MIRRORED_IMAGE


_TURNS = ("turned left", "turned right", "upside down")


def _transform_of(kind: str, value: complex, width: float, height: float) -> list[list[float]]:
    """The affine map (2 x 3) in pixels of the picture that mends a label."""
    if kind in ("here", "exchanged"):
        return [[1, 0, 0], [0, 1, 0]]
    if kind == "shifted":
        return [[1, 0, round(value.real, 2)], [0, 1, round(value.imag, 2)]]
    if kind == "resized":
        return [[round(value.real, 6), 0, 0], [0, round(value.real, 6), 0]]
    right, below = width - 1, height - 1
    maps: Mapping[str, list[list[float]]] = {
        "transposed": [[0, 1, 0], [1, 0, 0]],
        "turned left": [[0, -1, right], [1, 0, 0]],
        "turned right": [[0, 1, 0], [-1, 0, below]],
        "upside down": [[-1, 0, right], [0, -1, below]],
    }
    return maps.get(kind, [[-1, 0, right], [0, 1, 0]])


def _moved(kind: str, points: Complex, place: PlacedFaces, value: complex = 0) -> Complex:
    """Points (K,) after the map of a kind."""
    (a, b, x), (c, d, y) = _transform_of(kind, value, place.width, place.height)
    return (a * points.real + b * points.imag + x) + 1j * (c * points.real + d * points.imag + y)


def _tries(
    points: Complex, mask: NDArray[np.bool_], place: PlacedFaces, mirror: NDArray[np.intp] | None
) -> Iterator[tuple[float, float, FarLabel]]:
    """Each mistake on each face: its distance with and without a price, and what it is."""
    for face in range(len(place.eyes)):
        target, eyes = place.points[face], float(place.eyes[face])

        def away(moved: Complex, known: NDArray[np.bool_], to: Complex, unit: float) -> float:
            both = known & np.isfinite(to)
            return float(np.median(np.abs(moved - to)[both])) / unit if both.any() else np.inf

        def one(
            kind: str, moved: Complex, known: NDArray[np.bool_], price: float, value: complex = 0
        ) -> tuple[float, float, FarLabel]:
            cost = away(moved, known, target, eyes)  # noqa: B023 - used in this round only
            return cost + price, cost, FarLabel(kind, face, 0.0, cost, value, -1)  # noqa: B023

        yield one("here", points, mask, 0)
        both = mask & np.isfinite(target)
        if both.sum() < 3:
            continue
        gap = (target - points)[both]
        shift = complex(np.median(gap.real), np.median(gap.imag))
        yield one("shifted", points + shift, mask, _FREE, shift)
        source = points[both]
        size = float((source.conj() * target[both]).real.sum() / (np.abs(source) ** 2).sum())
        if size > 0.01 and abs(np.log(size)) > _RESIZED:
            yield one("resized", size * points, mask, _FREE, size)
        for kind in ("transposed", *_TURNS, "mirrored"):
            yield one(kind, _moved(kind, points, place), mask, 0)
        if mirror is not None:
            yield one("exchanged", points[mirror], mask[mirror], 0)
            flipped = _moved("mirrored", points, place)[mirror]
            yield one("mirrored and exchanged", flipped, mask[mirror], 0)


def distance_as(
    kind: str,
    value: complex,
    points: Complex,
    mask: NDArray[np.bool_],
    place: PlacedFaces,
    mirror: NDArray[np.intp] | None,
) -> float:
    """Median distance of a label to the face that it fits best, once a mistake is undone, in eye
    distances.

    Args:
        kind, value: as of `FarLabel`.
        points, mask, mirror: as for `far_label`.
    """
    moved = _moved(kind, points, place, value)
    if "exchanged" in kind and mirror is not None:
        moved, mask = moved[mirror], mask[mirror]
    apart = np.abs(moved - place.points) / place.eyes[:, None]
    some = [one[mask & np.isfinite(one)] for one in apart]
    return min((float(np.median(one)) for one in some if len(one)), default=np.inf)


def far_label(
    points: Complex,
    mask: NDArray[np.bool_],
    place: PlacedFaces,
    mirror: NDArray[np.intp] | None,
) -> FarLabel | None:
    """The simplest mistake that puts a label on a face of its picture.

    Args:
        points, mask: (K,) the label in pixels of the picture, and which points it has.
        mirror: (K,) mirror partners; None: unknown.

    Returns:
        Of the kind "here" if the label fits a face as it is; None if nothing fits, or there is
        no face.
    """
    found = list(_tries(points, mask, place, mirror))
    if not found or not mask.any():
        return None
    here = min((one for one in found if one[2].kind == "here"), key=lambda one: one[1])
    before, nearest = here[1], here[2].face
    if before < _AWAY:
        return FarLabel("here", nearest, before, before, 0, nearest)
    best = min(found, key=lambda one: one[0])
    kind, after = best[2].kind, best[1]
    limit = _FITS_SHIFTED if kind in ("shifted", "resized") else _FITS
    if kind in ("here", "exchanged") or after > min(limit, _BETTER * before):
        return None
    middle = complex(points[mask].mean())
    apart = np.abs(np.nanmean(place.points, axis=1) - middle) / place.eyes
    on = int(apart.argmin()) if apart.min() < 0.7 else -1
    return FarLabel(kind, best[2].face, before, after, best[2].value, on)


def times_of_eyes(distance: float) -> str:
    """A distance in eye distances, in words."""
    return (
        f"{percent(distance)} of the eye distance"
        if distance < 2
        else (f"{distance:.1f} eye distances")
    )


def how_undone(kind: str, value: complex) -> str:
    """Say how a mistake is undone, as the start of a clause."""
    if kind == "shifted":
        return f"shifted by ({value.real:+.1f}, {value.imag:+.1f}) pixels"
    if kind == "resized":
        return f"resized by a factor of {value.real:.3f}"
    return {
        "mirrored": "mirrored in the picture",
        "mirrored and exchanged": "mirrored in the picture, with left and right exchanged,",
        "transposed": "with x and y exchanged",
        "upside down": "turned by 180 degrees in the picture",
    }.get(kind, "turned by 90 degrees in the picture")


def mend_of(faces: Samples, kind: str, value: complex, place: PlacedFaces) -> tuple[Change, ...]:
    """The change that undoes a mistake of a label."""
    matrix = _transform_of(kind, value, place.width, place.height)
    changes = [Change("transform", matrix, in_picture=True)]
    if kind == "mirrored and exchanged":
        names, mirror = faces.landmarks.names, faces.landmarks.mirror
        order = {names[k]: names[m] for k, m in enumerate(mirror) if k != m}
        changes.append(Change("reorder", order))
    return tuple(changes)
