"""A labeling project: its state, its journal, and the changes that people and models make.

A project may be used from several threads, and by several processes at once: each change takes the
lock of the journal, reads what others wrote before, checks, and is written. So no change overwrites
one that its author has not seen.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import SettingsError
from facepoints.labeling.guesses import Guess, Guesser, refit_due
from facepoints.labeling.journal import Event, Journal
from facepoints.labeling.point_set import PointSet
from facepoints.labeling.reading import ACTIONS, Reading, rounded_points
from facepoints.labeling.state import FaceRecord, Picture, ProjectState
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = [
    "MAX_ANNOTATOR",
    "ConflictError",
    "Project",
    "checked_annotator",
    "checked_key",
    "picture_id",
]

MAX_ANNOTATOR = 40
"""Characters of the longest name of an annotator."""

_KEY = 100  # characters of the longest key of a move


class ConflictError(Exception):
    """A change was made on an old version. Nothing was changed.

    Attributes:
        face: that has a newer version; None: the points have.
    """

    def __init__(self, face: FaceRecord | None) -> None:
        super().__init__("there is a newer version")
        self.face = face


def checked_annotator(name: str) -> str:
    """The name of an annotator without spaces around it. Raises SettingsError."""
    name = name.strip() if isinstance(name, str) else ""
    if not name or len(name) > MAX_ANNOTATOR or not name.isprintable():
        raise SettingsError(
            f"the name of an annotator has 1 to {MAX_ANNOTATOR} printable characters, got "
            f"{name!r:.60}"
        )
    return name


def picture_id(file: str) -> str:
    """The id of a picture, which its path decides."""
    return hashlib.sha256(file.encode("utf-8", "surrogateescape")).hexdigest()[:16]


class Project:
    """A project in a journal.

    Args:
        path: the journal.
        blind: annotators do not see each other's readings.

    Attributes:
        state: what the journal says. Read it within `reading`.
        guesser: guesses points.
        revision: rises with each change in this process.
        blind: see above.

    Raises:
        DataError, WriteError: as for `Journal`.
    """

    def __init__(self, path: Path, *, blind: bool = False) -> None:
        self.journal = Journal(path)
        self.state = ProjectState()
        self.guesser = Guesser()
        self.blind = blind
        # a new process begins with a number that no page has seen
        self.revision = int(time.time()) * 1000
        self._first = self.revision
        self._changes: dict[str, int] = {}
        self._lock = threading.RLock()
        with self._lock:
            self._catch_up()

    def close(self) -> None:
        """Close the journal."""
        with self._lock:
            self.journal.close()

    @property
    def notes(self) -> list[str]:
        """Sentences on what of the journal was passed over."""
        return [*self.journal.notes, *self.state.notes]

    @contextmanager
    def reading(self) -> Iterator[ProjectState]:
        """The state with what other processes wrote; nothing changes it in this context."""
        with self._lock:
            self._catch_up()
            yield self.state

    def _catch_up(self) -> None:
        for event in self.journal.read_new():
            self._apply(event)

    def _apply(self, event: Event) -> None:
        for changed in self.state.apply(event):
            self.touch(changed)

    def touch(self, changed: str) -> None:
        """Note that something changed: the id of a face or a picture, or "" for the points."""
        with self._lock:
            self.revision += 1
            self._changes[changed] = self.revision

    def changed_since(self, revision: int) -> set[str]:
        """Ids of what changed since a revision; everything for one that is not known here."""
        with self._lock:
            if not self._first <= revision <= self.revision:
                return {"", *self.state.pictures, *self.state.faces}
            return {one for one, number in self._changes.items() if number > revision}

    @contextmanager
    def changing(self) -> Iterator[list[Event]]:
        """Events that are appended to this list are written and applied at the end."""
        with self._lock, self.journal.locked():
            self._catch_up()
            events: list[Event] = []
            yield events
            if events:
                now = round(time.time(), 3)
                events[:] = [{"time": now, **event} for event in events]
                self.journal.append(events)
                for event in events:
                    self._apply(event)

    def add_picture(self, file: str, path: str) -> Picture:
        """Name a picture of this session. It is in the journal as soon as it is searched."""
        with self._lock:
            key = picture_id(file)
            picture = self.state.pictures.setdefault(key, Picture(key, file))
            picture.path = path
            return picture

    def set_points(self, points: PointSet, base: int, by: str, *, editable: bool = True) -> None:
        """Name the points.

        Args:
            base: `ProjectState.points_revision` that the change was made on.
            editable: whether the page may change them.

        Raises:
            ConflictError: there is a newer one.
            SettingsError: points are missing that faces have readings of.
        """
        with self.changing() as events:
            if base != self.state.points_revision:
                raise ConflictError(None)
            touched = any(face.readings for face in self.state.faces.values())
            if touched and len(points) < len(self.state.points):
                raise SettingsError(
                    f"faces are labeled with {len(self.state.points)} points, so points can be "
                    f"added at the end or renamed, and not left out; got {len(points)}"
                )
            event = {"event": "points", "points": points.to_dict(), "by": by}
            events.append(event | {"editable": editable})

    def set_model(self, checksum: str, landmarks: LandmarkSet) -> str:
        """Name the points that a model sees. Returns its key."""
        key = checksum[:16] or "model"
        with self.changing() as events:
            if key not in self.state.models:
                names = list(landmarks.names)
                events.append({"event": "model", "model": key, "names": names})
        return key

    def name_output(self, file: str) -> None:
        """Say that a label file, named as it is beside the journal, is made from this journal."""
        with self.changing() as events:
            if file not in self.state.outputs:
                events.append({"event": "output", "file": file})

    def unreadable(self, picture: str, error: str) -> None:
        """Note that a picture cannot be read. This is not written: it may be mended."""
        with self._lock:
            self.state.pictures[picture].error = error
            self.touch(picture)

    def move(
        self,
        face: str,
        by: str,
        base: int,
        reading: Reading,
        *,
        action: str = "other",
        point: int | None = None,
        key: str = "",
    ) -> FaceRecord:
        """Write the reading of an annotator after a move.

        Args:
            face: id of the face.
            base: version of the annotator's reading that the move was made on.
            action: in `reading.ACTIONS`.
            point: that was moved.
            key: a move with a key that was written before changes nothing.

        Raises:
            KeyError: there is no such face.
            ConflictError: the annotator's reading has another version.
            SettingsError: the reading does not fit the points.
            WriteError: it could not be written, and nothing changed.
        """
        if action not in ACTIONS:
            raise SettingsError(f"an action is one of {', '.join(ACTIONS)}, got {action!r:.40}")
        with self.changing() as events:
            record = self.state.faces[face]
            if key and self.state.keys.get(checked_key(by, key)) == face:
                return record
            own = record.readings.get(by)
            if base != (0 if own is None else own.version):
                raise ConflictError(record)
            if len(reading) != len(self.state.points):
                raise SettingsError(
                    f"a face has {len(self.state.points)} points here, got {len(reading)}"
                )
            event: Event = {"event": "reading", "face": face, "by": by, "action": action}
            event |= {} if point is None else {"point": point}
            event |= {"key": checked_key(by, key)} if key else {}
            if own is None:
                guess = self.guesser.guess(self.state, record)
                event["shown"] = {
                    "points": rounded_points(guess.points),
                    "radius": [None if np.isnan(r) else round(float(r), 3) for r in guess.radius],
                }
            events.append(event | reading.to_dict())
        return record

    def review(self, picture: str, reviewed: bool, by: str) -> None:
        """Note whether a person says that no face of a picture is missing. Raises KeyError."""
        with self.changing() as events:
            if self.state.pictures[picture].reviewed != reviewed:
                place = self.state.pictures[picture]
                event = {"event": "reviewed", "picture": picture, "file": place.file}
                events.append(event | {"reviewed": reviewed, "by": by})

    def finished(self) -> list[tuple[FaceRecord, str, Reading]]:
        """The faces that somebody finished, with the annotator and the reading that counts. Faces
        to which points were added since are not finished."""
        return [each for each in self.labeled() if each[2].finished]

    def labeled(self) -> list[tuple[FaceRecord, str, Reading]]:
        """As `finished`, and the faces that were finished before points were added. Those points
        are unplaced there."""
        with self.reading() as state:
            found = []
            for face in state.faces.values():
                newest = face.newest()
                if newest is not None and newest[1].reading.finished:
                    reading = newest[1].reading
                    if not reading.deleted:
                        found.append((face, newest[0], reading.with_count(len(state.points))))
            return found

    def refit_if_due(self) -> bool:
        """Fit the guesses to the finished faces if enough are new. Returns whether it did."""
        with self.reading() as state:
            self.guesser.prepare(state)
            done = [each for each in self.finished() if each[0].seen is not None]
            if not refit_due(len(done), self.guesser.finished, self.guesser.direct(state)):
                return False
            labels = [(face.seen, _labels(reading)) for face, _, reading in done]
            names = state.points.names
        fits = self.guesser.fitted(state, labels)  # meanwhile, people go on
        with self._lock:
            if self.state.points.names != names:
                return False
            self.guesser.take(fits, len(done))
            for face in self.state.faces.values():
                if not face.readings:
                    self.touch(face.id)
        return True

    def guess(self, face: FaceRecord) -> Guess:
        """The guess of a face."""
        with self._lock:
            return self.guesser.guess(self.state, face)


def _labels(reading: Reading) -> NDArray[np.float64]:
    """The points of a reading, NaN where there is none."""
    return np.where(reading.placed[:, None], reading.points, np.nan)


def checked_key(by: str, key: str) -> str:
    """The key of a change of an annotator in the journal. Raises SettingsError."""
    if not isinstance(key, str) or len(key) > _KEY or not key.isprintable():
        raise SettingsError(f"the id of a move has up to {_KEY} printable characters")
    return f"{by}/{key}"
