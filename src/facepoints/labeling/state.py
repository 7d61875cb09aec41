"""What a project holds in memory: pictures, faces and readings, made from its journal's events.

`ProjectState.apply` takes one event. The same events in the same order give the same state in
every process, so several processes share a project through its journal (`project`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import SettingsError
from facepoints.labeling.journal import Event
from facepoints.labeling.point_set import PointSet
from facepoints.labeling.reading import Reading
from facepoints.landmarks.known_sets import known_or_plain
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["Box", "FaceRecord", "OwnReading", "Picture", "ProjectState", "Seen", "seen_event"]

Box = tuple[float, float, float, float]
"""(x, y, width, height) in pixels."""


@dataclass(frozen=True)
class Seen:
    """What the model sees of a face.

    Attributes:
        model: key of the model's point names in `ProjectState.models`.
        points: (M, 2) float64 in pixels of the picture.
        radius: (M,) pixels, 90 %.
        visible: (M,) in [0, 1]; None: the model does not say.
    """

    model: str
    points: NDArray[np.float64]
    radius: NDArray[np.float64]
    visible: NDArray[np.float64] | None


@dataclass
class OwnReading:
    """The reading of one annotator, with its history in numbers.

    Attributes:
        reading: the newest.
        version: number of changes so far.
        moves: how many of them placed a point.
        time: of the last change, seconds since 1970.
        shown: points (K, 2) and radii (K,) of the first guess that the annotator was shown, NaN
            where there was none.
    """

    reading: Reading
    version: int
    moves: int
    time: float
    shown: tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass
class FaceRecord:
    """A face that is labeled.

    Attributes:
        id: of the face.
        picture: id of its picture.
        source: "model" (found), "clicks" (its two eyes were clicked) or "labels" (of a file).
        box: around its points.
        score: probability that it is a face, [0, 1]; 1 if a person says so.
        seen: what the model sees; None: nothing.
        readings: by annotator.
    """

    id: str
    picture: str
    source: str
    box: Box
    score: float
    seen: Seen | None = None
    readings: dict[str, OwnReading] = field(default_factory=dict)

    def newest(self, *, besides: str = "") -> tuple[str, OwnReading] | None:
        """The reading that counts, and whose it is: the newest finished one, else the newest.

        A face that one annotator finished stays, even if another deleted it.

        Args:
            besides: annotator whose reading is left out.
        """
        others = [(who, own) for who, own in self.readings.items() if who != besides]
        if not others:
            return None
        return max(others, key=lambda each: (_rank(each[1].reading), each[1].time))


def _rank(reading: Reading) -> int:
    return 2 if reading.finished and not reading.deleted else 1 if reading.deleted else 0


@dataclass
class Picture:
    """A picture of the project.

    Attributes:
        id: of the picture.
        file: its path as it is shown, relative to the labels' folder where that is possible.
        path: where it is read from; empty: it is not among the pictures of this session.
        size: width and height as it is seen; None: not known yet.
        searched: key of the model that searched it for faces; empty: not searched yet.
        error: why it cannot be read; empty if it can.
        reviewed: a person says that no face is missing.
        faces: ids of its faces.
    """

    id: str
    file: str
    path: str = ""
    size: tuple[int, int] | None = None
    searched: str = ""
    error: str = ""
    reviewed: bool = False
    faces: list[str] = field(default_factory=list)


class ProjectState:
    """Pictures, faces, readings and points.

    Attributes:
        points: that are labeled.
        points_revision: number of changes of `points`.
        editable: whether points can be added and renamed; not those of a known set.
        pictures, faces: by id, in the order in which they came.
        models: point names of each model that searched, by a key.
        keys: id of the face that a move with this key changed. A move that is sent again is known.
        outputs: names of the label files, beside the journal, that were made from it.
        changes: number of changes that people made.
        notes: events that could not be applied.
    """

    def __init__(self) -> None:
        self.points = PointSet()
        self.points_revision = 0
        self.editable = True
        self.pictures: dict[str, Picture] = {}
        self.faces: dict[str, FaceRecord] = {}
        self.models: dict[str, LandmarkSet] = {}
        self.keys: dict[str, str] = {}
        self.outputs: set[str] = set()
        self.changes = 0
        self.notes: list[str] = []
        self._appliers: dict[str, Callable[[Event], list[str]]] = {
            "points": self._points,
            "model": self._model,
            "picture": self._picture,
            "face": self._face,
            "reading": self._reading,
            "reviewed": self._reviewed,
            "output": self._output,
        }

    def apply(self, event: Event) -> list[str]:
        """Take an event.

        Returns:
            The ids of what changed; "" stands for the points.
        """
        applier = self._appliers.get(event["event"])
        if applier is None:
            return []
        try:
            return applier(event)
        except (KeyError, TypeError, ValueError, AttributeError, SettingsError) as error:
            self.notes.append(
                f"a change of kind '{str(event['event'])[:20]}' was passed over, because it does "
                f"not fit the others: {error!s:.100}"
            )
            return []

    def _points(self, event: Event) -> list[str]:
        self.points = PointSet.from_dict(event["points"])
        self.points_revision += 1
        self.editable = bool(event.get("editable", True))
        return [""]

    def _model(self, event: Event) -> list[str]:
        self.models[str(event["model"])] = known_or_plain([str(n) for n in event["names"]])
        return []

    def _picture(self, event: Event) -> list[str]:
        picture = self._picture_of(event)
        width, height = event["size"]
        picture.size = (int(width), int(height))
        picture.searched = str(event["model"])
        changed = [picture.id]
        for data in event["faces"]:
            self._add(picture, data, "model")
            changed.append(str(data["id"]))
        return changed

    def _picture_of(self, event: Event) -> Picture:
        key = str(event["picture"])
        return self.pictures.setdefault(key, Picture(key, str(event.get("file", ""))))

    def _add(self, picture: Picture, data: Mapping[str, Any], source: str) -> FaceRecord:
        """Add a face, or renew what the model sees of it."""
        face = self.faces.get(str(data["id"]))
        x, y, width, height = (float(value) for value in data["box"])
        if face is None:
            face = FaceRecord(str(data["id"]), picture.id, source, (x, y, width, height), 1.0)
            self.faces[face.id] = face
            picture.faces.append(face.id)
        face.box, face.score = (x, y, width, height), float(data.get("score", 1))
        face.seen = self._seen(data.get("seen")) or face.seen
        return face

    def _seen(self, data: Mapping[str, Any] | None) -> Seen | None:
        if data is None:
            return None
        points = np.array(data["points"], dtype=np.float64).reshape(-1, 2)
        radius = np.array(data["radius"], dtype=np.float64)
        visible = data.get("visible")
        count = len(self.models[str(data["model"])])
        seen = None if visible is None else np.array(visible, dtype=np.float64)
        fits = radius.shape == (count,) and (seen is None or seen.shape == (count,))
        if len(points) != count or not fits or not np.isfinite(points).all():
            raise ValueError(f"{len(points)} points of a model with {count}")
        return Seen(str(data["model"]), points, radius, seen)

    def _face(self, event: Event) -> list[str]:
        picture = self._picture_of(event)
        if "size" in event:
            picture.size = (int(event["size"][0]), int(event["size"][1]))
        face = self._add(picture, event["face"], str(event["source"]))
        if event.get("key"):
            self.keys[str(event["key"])] = face.id
        return [picture.id, face.id]

    def _reading(self, event: Event) -> list[str]:
        face = self.faces[str(event["face"])]
        count = len(event["points"])
        reading = Reading.from_dict(event, count)
        own = face.readings.get(str(event["by"]))
        moved = int(event.get("action") in ("drag", "draw", "nudge", "place", "suggest"))
        if own is None:
            guess = event.get("shown") or {}
            shown = _shown(guess.get("points"), guess.get("radius"), count)
            own = face.readings[str(event["by"])] = OwnReading(reading, 0, 0, 0.0, shown)
        self.changes += 1
        own.reading = reading
        own.version, own.moves = own.version + 1, own.moves + moved
        own.time = float(event.get("time", 0))
        if event.get("key"):
            self.keys[str(event["key"])] = face.id
        return [face.picture, face.id]

    def _output(self, event: Event) -> list[str]:
        self.outputs.add(str(event["file"]))
        return []

    def _reviewed(self, event: Event) -> list[str]:
        picture = self._picture_of(event)
        picture.reviewed = bool(event["reviewed"])
        self.changes += 1
        return [picture.id]


def _shown(
    points: Sequence[Any] | None, radius: Sequence[Any] | None, count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if points is None or radius is None or len(points) != count or len(radius) != count:
        return np.full((count, 2), np.nan), np.full(count, np.nan)
    places = [(np.nan, np.nan) if p is None else p for p in points]
    radii = [np.nan if r is None else r for r in radius]
    return np.array(places, float).reshape(-1, 2), np.array(radii, float)


def seen_event(seen: Seen) -> dict[str, Any]:
    """Return what the model sees of a face, for an event."""
    data = {
        "model": seen.model,
        "points": np.round(seen.points, 3).tolist(),
        "radius": np.round(seen.radius, 3).tolist(),
    }
    return data if seen.visible is None else data | {"visible": np.round(seen.visible, 2).tolist()}
