"""How far the annotators of a project disagree, on the faces that two of them finished."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepoints._util.text_files import write_row
from facepoints.labeling.project import Project
from facepoints.labeling.reading import Reading
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["Disagreement", "FacePair", "PairSummary", "disagreement_csv", "disagreement_of"]


@dataclass(frozen=True)
class FacePair:
    """A face that two annotators finished.

    Attributes:
        face, picture, file: which face it is.
        a, b: the annotators, in the order of their names.
        distance: (K,) between their points over the size of the face (the distance of the outer
            eye corners, or the longer side of the box of the points), NaN where one of them did
            not place the point.
        deleted_by: the one who says that it is no face; empty: neither.
    """

    face: str
    picture: str
    file: str
    a: str
    b: str
    distance: NDArray[np.float64]
    deleted_by: str = ""


@dataclass(frozen=True)
class PairSummary:
    """Two annotators: number of faces, median and 90 % quantile of the distances."""

    a: str
    b: str
    faces: int
    median: float | None
    p90: float | None


@dataclass(frozen=True)
class Disagreement:
    """All faces that two annotators finished.

    Attributes:
        names: of the K points.
        annotators: who finished a face.
        faces: the faces, the largest mean distance first.
    """

    names: tuple[str, ...]
    annotators: tuple[str, ...]
    faces: tuple[FacePair, ...]

    def pairs(self) -> list[PairSummary]:
        """A summary of each two annotators."""
        summaries = []
        for a, b in itertools.combinations(self.annotators, 2):
            some = [face for face in self.faces if (face.a, face.b) == (a, b)]
            if some:
                median, p90 = _quantiles([face.distance for face in some])
                summaries.append(PairSummary(a, b, len(some), median, p90))
        return summaries

    def points(self) -> list[dict[str, Any]]:
        """Median, 90 % quantile and number of distances of each point."""
        rows = []
        for k, name in enumerate(self.names):
            values = [face.distance[k : k + 1] for face in self.faces]
            median, p90 = _quantiles(values)
            count = int(sum(np.isfinite(v).sum() for v in values))
            rows.append({"name": name, "median": median, "p90": p90, "count": count})
        return rows

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {
            "annotators": list(self.annotators),
            "pairs": [vars(pair) for pair in self.pairs()],
            "points": self.points(),
            "faces": [_face_dict(face, self.names) for face in self.faces],
        }


def disagreement_of(project: Project) -> Disagreement:
    """Compare the readings of a project."""
    with project.reading() as state:
        points = state.points
        landmarks = points.landmarks() if len(points) else None
        pairs: list[FacePair] = []
        annotators: set[str] = set()
        for face in state.faces.values():
            done = {
                who: own.reading
                for who, own in sorted(face.readings.items())
                if own.reading.finished or own.reading.deleted
            }
            annotators |= set(done)
            file = state.pictures[face.picture].file
            for a, b in itertools.combinations(done, 2):
                if landmarks is not None and not (done[a].deleted and done[b].deleted):
                    distance = _distances(done[a], done[b], landmarks)
                    deleted = a if done[a].deleted else b if done[b].deleted else ""
                    pairs.append(FacePair(face.id, face.picture, file, a, b, distance, deleted))
    pairs.sort(key=lambda pair: -_mean(pair))
    return Disagreement(points.names, tuple(sorted(annotators)), tuple(pairs))


def _mean(pair: FacePair) -> float:
    if pair.deleted_by:
        return np.inf
    return float(np.nanmean(pair.distance)) if np.isfinite(pair.distance).any() else 0.0


def _distances(a: Reading, b: Reading, landmarks: LandmarkSet) -> NDArray[np.float64]:
    count = len(landmarks)
    distance = np.full(count, np.nan)
    both = np.zeros(count, dtype=bool)
    shared = min(len(a), len(b), count)
    both[:shared] = (a.placed[:shared] & b.placed[:shared]) & (not (a.deleted or b.deleted))
    if both.any():
        size = _size(a.points, a.placed, landmarks)
        distance[both] = np.hypot(*(a.points[:count] - b.points[:count])[both].T) / size
    return distance


def _size(points: NDArray[np.float64], placed: NDArray[np.bool_], landmarks: LandmarkSet) -> float:
    eyes = list(landmarks.eye_columns)
    if eyes and placed[eyes].all():
        return max(float(np.hypot(*(points[eyes[0]] - points[eyes[1]]))), 1e-6)
    return max(float(np.ptp(points[placed], axis=0).max()), 1.0)


def _quantiles(values: Sequence[NDArray[np.float64]]) -> tuple[float | None, float | None]:
    every = np.concatenate([np.zeros(0), *values])
    every = every[np.isfinite(every)]
    if not len(every):
        return None, None
    median, p90 = np.quantile(every, [0.5, 0.9])
    return round(float(median), 5), round(float(p90), 5)


def _face_dict(face: FacePair, names: Sequence[str]) -> dict[str, Any]:
    known = np.isfinite(face.distance)
    worst = int(np.nanargmax(face.distance)) if known.any() else None
    return {
        "id": face.face,
        "picture": face.picture,
        "file": face.file,
        "a": face.a,
        "b": face.b,
        "mean": round(float(np.nanmean(face.distance)), 5) if known.any() else None,
        "worst": None if worst is None else names[worst],
        "worst_distance": None if worst is None else round(float(face.distance[worst]), 5),
        "deleted_by": face.deleted_by or None,
    }


def disagreement_csv(found: Disagreement) -> str:
    """A table with a row per face and two annotators: the mean distance and that of each point,
    over the size of the face; blank where one did not place a point."""
    text = io.StringIO()
    write_row(text, ["file", "face", "a", "b", "deleted_by", "mean", "worst", *found.names])
    for face in found.faces:
        row = _face_dict(face, found.names)
        cells = [row["file"], row["id"], row["a"], row["b"], row["deleted_by"] or ""]
        cells += ["" if row[key] is None else str(row[key]) for key in ("mean", "worst")]
        cells += ["" if np.isnan(d) else f"{d:.5f}" for d in face.distance]
        write_row(text, cells)
    return text.getvalue()
