"""Counts of a detector: faces found and missed, extra boxes, second boxes on a face, time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from facepoints.detection import Detection

from .detectors import Detect, Timed
from .extras import keep_crop
from .faces import FaceSet
from .frames import Frame, Move, frame_of, moved, same, unlabelled

__all__ = ["Tally", "run"]

_ON_FACE = 1.0  # shares of a face's size: a second box whose center is nearer is on that face
_FLIPPED = 90.0  # degrees off the face's own angle: the answer is upside down


@dataclass
class Tally:
    """Counts of one detector on a number of photos."""

    photos: int = 0
    faces: int = 0
    extra: int = 0
    second: int = 0
    flipped: int = 0
    real: int = 0
    seconds: list[float] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def add(
        self,
        timed: Timed,
        faces: Sequence[Frame],
        names: Sequence[str],
        move: Move,
        known: Sequence[Frame],
    ) -> list[Detection]:
        """Count one photo; returns the extra boxes that are not known as real faces.

        Args:
            faces, names: the labelled faces of the photo.
            move: from the detector's boxes to frames.
            known: real faces that nobody labelled.
        """
        frames = [moved(detection, move) for detection in timed.detections]
        pairs = sorted(
            (float(np.hypot(f.x - face.x, f.y - face.y)) / face.side, n, k)
            for n, face in enumerate(faces)
            for k, f in enumerate(frames)
            if same(f, face)
        )
        hit: dict[int, int] = {}
        for _, number, index in pairs:
            if number not in hit and index not in hit.values():
                hit[number] = index
        self.photos += 1
        self.faces += len(faces)
        self.seconds.append(timed.seconds)
        self.missed += [name for number, name in enumerate(names) if number not in hit]
        for number, index in hit.items():
            off = (frames[index].angle - faces[number].angle + 180) % 360 - 180
            self.flipped += abs(off) > _FLIPPED
        extra = []
        for index, frame in enumerate(frames):
            if index in hit.values():
                continue
            if any(same(frame, other) for other in known):
                self.real += 1
                continue
            self.extra += 1
            self.second += any(
                np.hypot(frame.x - f.x, frame.y - f.y) < _ON_FACE * f.side for f in faces
            )
            extra.append(timed.detections[index])
        return extra

    def dict(self) -> dict[str, Any]:
        """Counts and shares for the results. `extra` is per photo; `second` of them lie on a
        labelled face; `flipped` faces were found upside down."""
        return {
            "faces": self.faces,
            "photos": self.photos,
            "recall": round(1 - len(self.missed) / max(self.faces, 1), 5),
            "extra": round(self.extra / max(self.photos, 1), 4),
            "second": self.second,
            "flipped": int(self.flipped),
            "unlabelled_real": self.real,
            "missed": self.missed,
            "ms": round(1000 * float(np.median(self.seconds)), 2) if self.seconds else None,
        }


def run(
    detectors: dict[str, Detect], moves: dict[str, Move], faces: FaceSet, keep: str = ""
) -> dict[str, dict[str, Any]]:
    """Run every detector on every photo. Detectors take turns photo by photo, so that a busy moment
    of the machine hits all of them.

    Args:
        keep: name under which crops of extra boxes are kept; empty for made pictures, in which
            unlabelled faces are not looked up.
    """
    tallies = {name: Tally() for name in detectors}
    photo = faces.photo
    for number, file in enumerate(faces.photos):
        rows = np.flatnonzero(photo == number)
        frames = [frame_of(faces.points[row], faces.labelled[row]) for row in rows]
        names = [faces.names[row] for row in rows]
        known = unlabelled(names[0]) if keep else []
        for name, detect in detectors.items():
            extra = tallies[name].add(detect(file), frames, names, moves[name], known)
            if keep:
                _keep(f"{keep}-{name}", file, extra)
    return {name: tally.dict() for name, tally in tallies.items()}


def _keep(folder: str, file: Path, detections: Sequence[Detection]) -> None:
    """Write crops of extra boxes, to check them by eye."""
    for one in detections:
        frame = moved(one, np.array([0, 0, 1.0]))
        keep_crop(folder, file, frame, f"@{one.score:.2f}")
