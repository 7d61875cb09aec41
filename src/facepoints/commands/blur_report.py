"""What a person should look at after faces were covered: a table of doubtful places."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from facepoints._util.files import atomic_file
from facepoints._util.text_files import open_text, write_row
from facepoints._util.words import count_noun
from facepoints.commands.report import Report

__all__ = ["COLUMNS", "BlurReport", "Doubt", "write_doubts"]

Box = tuple[float, float, float, float]

COLUMNS = (
    *("file", "first_frame", "last_frame", "first_time", "last_time", "track", "score"),
    *("x", "y", "width", "height", "covered", "reason"),
)
"""Columns of the table."""


@dataclass(frozen=True)
class Doubt:
    """A place, or a whole image, that a person should look at.

    Attributes:
        file: the image or video.
        reason: why.
        covered: whether the place is covered.
        box: (x, y, width, height) in pixels; None: the whole image.
        score: lowest score of the face in these frames; None: no face was seen.
        frames: first and last frame; None for an image.
        times: their times in seconds; None for an image.
        track: number of the person in a video.
    """

    file: str
    reason: str
    covered: bool
    box: Box | None = None
    score: float | None = None
    frames: tuple[int, int] | None = None
    times: tuple[float, float] | None = None
    track: int | None = None

    def row(self) -> list[object]:
        """The cells of the table, in the order of `COLUMNS`; blank where nothing is known."""
        frames = ["", ""] if self.frames is None else list(self.frames)
        times = ["", ""] if self.times is None else [round(time, 3) for time in self.times]
        box = [""] * 4 if self.box is None else [round(side, 1) for side in self.box]
        score = "" if self.score is None else round(self.score, 3)
        track = "" if self.track is None else self.track
        covered = "yes" if self.covered else "no"
        return [self.file, *frames, *times, track, score, *box, covered, self.reason]


@dataclass
class BlurReport(Report):
    """Counts of `blur_files`, in addition to those of `Report`; `faces` counts covered ones.

    Attributes:
        unseen: faces in frames of videos that were not seen there, and covered by their track.
        doubts: what a person should look at.
        notes: what was left out of videos.
    """

    unseen: int = 0
    doubts: list[Doubt] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unit: ClassVar[tuple[str, str]] = ("image or frame", "images and frames")

    def _counts(self) -> list[str]:
        return [f"{self.unseen} covered by their track alone"] if self.unseen else []

    def _remarks(self) -> list[str]:
        files = len({doubt.file for doubt in self.doubts})
        where = f"{count_noun(len(self.doubts), 'place')} in {count_noun(files, 'file')}"
        return [*self.notes, *([f"{where} to look at"] if self.doubts else [])]


def write_doubts(path: Path, doubts: Iterable[Doubt] | Sequence[Doubt]) -> None:
    """Write a CSV table with a row for each doubt. Raises WriteError."""
    with atomic_file(path) as temporary, open_text(temporary) as file:
        write_row(file, COLUMNS)
        for doubt in doubts:
            write_row(file, doubt.row())
