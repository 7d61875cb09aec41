"""What an annotator is shown: faces, pictures and the queue, JSON-ready."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facepoints.imaging import affine
from facepoints.labeling.face_order import worth_of_faces
from facepoints.labeling.guesses import Guess
from facepoints.labeling.project import Project
from facepoints.labeling.reading import Reading, rounded_points
from facepoints.labeling.state import FaceRecord, OwnReading, Picture, ProjectState
from facepoints.labeling.worklist import Note
from facepoints.landmarks.mean_face import mean_points

__all__ = ["Views"]


_REST = 20  # times as long as the last computation of the order, before the next


class _Order(NamedTuple):
    """Worth and reason of the faces, of what they were computed, and until when they hold."""

    key: tuple[int, int, int]
    until: float
    worth: dict[str, tuple[float, str]]


class Views:
    """Shows a project.

    Args:
        project: that is shown.
        notes: of the worklist, by face.
    """

    def __init__(self, project: Project, notes: dict[str, list[Note]] | None = None) -> None:
        self.project, self.notes = project, notes or {}
        self._order = _Order((-1, -1, -1), 0.0, {})

    def face(self, face: FaceRecord, annotator: str) -> dict[str, Any]:
        """A face as one annotator sees it."""
        state, own = self.project.state, face.readings.get(annotator)
        by, shown = self._shown(face, annotator)
        guess = _as_begun(self.project.guess(face), face.readings.get(by or ""))
        points, states, hidden = _filled(shown, guess, len(state.points))
        worth, reason = self._worth(state).get(face.id, (0.0, ""))
        return {
            "id": face.id,
            "picture": face.picture,
            "version": 0 if own is None else own.version,
            "by": by,
            "box": [round(value, 2) for value in face.box],
            "angle": _angle(face, state),
            "score": round(face.score, 3),
            "source": face.source,
            "points": rounded_points(points),
            "radius": _numbers(guess.radius),
            "state": states,
            "hidden": hidden,
            "lines": _lines(shown, len(state.points)),
            "visible": _numbers(guess.visible),
            "prediction": {
                "points": rounded_points(guess.points),
                "radius": _numbers(guess.radius),
                "hidden": [bool(h) for h in guess.hidden],
            },
            "finished": shown is not None and shown.finished,
            "deleted": shown is not None and shown.deleted,
            "readings": [] if self.project.blind else _others(face, annotator),
            "notes": [note.to_dict(state.points.names) for note in self.notes.get(face.id, ())],
            "worth": worth,
            "reason": reason,
        }

    def _shown(self, face: FaceRecord, annotator: str) -> tuple[str | None, Reading | None]:
        """The reading that an annotator sees, and whose it is: one's own, else another's."""
        count = len(self.project.state.points)
        if annotator in face.readings:
            return annotator, face.readings[annotator].reading.with_count(count)
        newest = None if self.project.blind else face.newest()
        imported = None
        if newest is None and face.source == "labels":
            imported = face.newest()  # labels of a file are the start, also for the blind
        found: tuple[str, OwnReading] | None = newest or imported
        return (None, None) if found is None else (found[0], found[1].reading.with_count(count))

    def picture(self, picture: Picture, annotator: str) -> dict[str, Any]:
        """A picture with its faces, without those that the annotator deleted."""
        faces = [self.project.state.faces[name] for name in picture.faces]
        shown = [self.face(face, annotator) for face in faces]
        return {
            **self.listed(picture, annotator),
            "faces": [view for view in shown if not view["deleted"]],
        }

    def listed(self, picture: Picture, annotator: str) -> dict[str, Any]:
        """A picture in the list."""
        faces = [self.project.state.faces[name] for name in picture.faces]
        shown = [self._shown(face, annotator)[1] for face in faces]
        left = [reading for reading in shown if reading is None or not reading.deleted]
        width, height = picture.size or (None, None)
        return {
            "id": picture.id,
            "file": picture.file,
            "width": width,
            "height": height,
            "state": "unreadable"
            if picture.error
            else "searched"
            if picture.searched
            else "waiting",
            "error": picture.error,
            "reviewed": picture.reviewed,
            "faces": len(left),
            "finished": sum(reading is not None and reading.finished for reading in left),
        }

    def pictures(self, annotator: str) -> list[dict[str, Any]]:
        """The pictures of this session, in the order of their files."""
        own = [picture for picture in self.project.state.pictures.values() if picture.path]
        own.sort(key=lambda picture: picture.file)
        return [self.listed(picture, annotator) for picture in own]

    def queue(self, annotator: str) -> list[dict[str, Any]]:
        """The faces, most worth labeling first: those of the worklist, then by worth; finished
        ones last."""
        state = self.project.state
        worth = self._worth(state)
        rows = []
        for face in state.faces.values():
            _, shown = self._shown(face, annotator)
            if (shown is not None and shown.deleted) or not state.pictures[face.picture].path:
                continue
            value, reason = worth.get(face.id, (0.0, ""))
            notes = self.notes.get(face.id, ())
            rows.append(
                {
                    "id": face.id,
                    "picture": face.picture,
                    "box": [round(v, 2) for v in face.box],
                    "worth": value,
                    "reason": notes[0].text if notes else reason,
                    "finished": shown is not None and shown.finished,
                    "finished_by": [] if self.project.blind else _finished_by(face),
                    "notes": len(notes),
                    "touched": annotator in face.readings,
                }
            )
        rows.sort(key=_place)
        return rows

    def _worth(self, state: ProjectState) -> dict[str, tuple[float, str]]:
        """Worth and reason of each face, computed again when faces or guesses changed; but while
        pictures are searched, for at most a part of the time."""
        key = (len(state.faces), self.project.guesser.revision, state.points_revision)
        begin = time.monotonic()
        fits_changed = key[1:] != self._order.key[1:]
        if key != self._order.key and (fits_changed or begin > self._order.until):
            faces = list(state.faces.values())
            guesses = self.project.guesser.guesses(state, faces)
            worth = dict(zip([face.id for face in faces], _worths(guesses), strict=True))
            end = time.monotonic()
            self._order = _Order(key, end + _REST * (end - begin), worth)
        return self._order.worth

    def counts(self, annotator: str) -> dict[str, int]:
        """Numbers of pictures and faces."""
        state = self.project.state
        own = [picture for picture in state.pictures.values() if picture.path]
        faces = [state.faces[name] for picture in own for name in picture.faces]
        shown = [self._shown(face, annotator)[1] for face in faces]
        left = [reading for reading in shown if reading is None or not reading.deleted]
        return {
            "pictures": len(own),
            "searched": sum(bool(picture.searched) for picture in own),
            "unreadable": sum(bool(picture.error) for picture in own),
            "faces": len(left),
            "finished": sum(reading is not None and reading.finished for reading in left),
            "reviewed": sum(picture.reviewed for picture in own),
        }


def _place(row: dict[str, Any]) -> tuple[int, float]:
    """Sorts the queue. A labeled face with a note is done when the annotator has touched it."""
    noted = bool(row["notes"]) and not (row["finished"] and row["touched"])
    return (0 if noted else 2 if row["finished"] else 1), -row["worth"]


def _worths(guesses: Sequence[Guess]) -> list[tuple[float, str]]:
    if not guesses or not len(guesses[0].points):
        return [(0.0, "")] * len(guesses)
    points = np.array([guess.points for guess in guesses])
    radius = np.array([guess.radius for guess in guesses])
    known = np.isfinite(points).all(axis=2) & np.isfinite(radius)
    worth, reasons = worth_of_faces(points, radius, known)
    return [(round(float(w), 4), reason) for w, reason in zip(worth, reasons, strict=True)]


def _as_begun(guess: Guess, own: OwnReading | None) -> Guess:
    """The guess that a reading began with. A later fit does not move the points of a face that is
    being labeled; only points that had no guess get one."""
    if own is None:
        return guess
    points, radius = guess.points.copy(), guess.radius.copy()
    before = min(len(points), len(own.shown[1]))
    had = np.isfinite(own.shown[1][:before])
    had &= np.asarray(np.isfinite(own.shown[0][:before]).all(axis=1))
    points[:before][had], radius[:before][had] = (
        own.shown[0][:before][had],
        own.shown[1][:before][had],
    )
    return Guess(points, radius, guess.visible)


def _filled(
    shown: Reading | None, guess: Guess, count: int
) -> tuple[NDArray[np.float64], list[str], list[bool]]:
    """Points, states and hidden flags: a reading, with guesses for points that it lacks."""
    guessed = np.asarray(np.isfinite(guess.points).all(axis=1))
    points, hidden = guess.points.copy(), [bool(h) for h in guess.hidden]
    states = ["predicted" if known else "unplaced" for known in guessed]
    if shown is not None:
        for k, state in enumerate(shown.states):
            if state == "unplaced":
                continue
            states[k], hidden[k] = state, bool(shown.hidden[k])
            points[k] = shown.points[k]
    return points[:count], states, hidden


def _lines(shown: Reading | None, count: int) -> list[list[float] | None]:
    """The line of each point that lies on one, [x, y, angle]."""
    lines = () if shown is None else shown.lines
    return [list(line) if line else None for line in lines] or [None] * count


def _others(face: FaceRecord, annotator: str) -> list[dict[str, Any]]:
    return [
        {
            "annotator": who,
            "finished": own.reading.finished,
            "deleted": own.reading.deleted,
            "version": own.version,
            "moves": own.moves,
        }
        for who, own in face.readings.items()
        if who != annotator
    ]


def _finished_by(face: FaceRecord) -> list[str]:
    return [who for who, own in face.readings.items() if own.reading.finished]


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), 3) for value in values]


def _angle(face: FaceRecord, state: ProjectState) -> float:
    """Roll of a face in degrees, positive clockwise, by the mean face; 0 if it is not known."""
    if face.seen is None:
        return 0.0
    mean, known = mean_points(state.models[face.seen.model])
    if known.sum() < 2:
        return 0.0
    turn = affine.rotation_of(affine.fit_similarity(mean[known], face.seen.points[known]))
    return round(turn, 1)
