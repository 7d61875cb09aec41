"""Counts what was done with the frames of videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from rich.console import Console

from facepoints._util.console import print_line
from facepoints._util.words import count_noun
from facepoints.commands.report import Report
from facepoints.errors import DataError, MissingExtraError
from facepoints.inference.face import Face
from facepoints.video.frame import Frame, VideoSource

__all__ = ["VideoReport"]

_LISTED = 5  # unreadable videos that are named on the console


@dataclass
class VideoReport(Report):
    """Counts of `predict_videos`, in addition to those of `Report`.

    Attributes:
        videos: number of videos.
        failed: number of videos that could not be read.
        track_ids: identities of all tracks, each with the number of its video.
        lost: number of frames that could not be decoded, 0 if that is not known.
        seconds: time taken.
        length: length of the last video in seconds.
        note: why a source ended early, or sound was left out; empty if nothing was.
        not_drawn: why no video was drawn although one was wanted.
    """

    videos: int = 1
    failed: int = 0
    track_ids: set[tuple[int, int | None]] = field(default_factory=set)
    lost: int = 0
    seconds: float = 0.0
    length: float = 0.0
    note: str = ""
    not_drawn: MissingExtraError | None = None
    _ended: int = 0
    unit: ClassVar[tuple[str, str]] = ("frame", "frames")

    @property
    def tracks(self) -> int:
        """Number of tracks. A person who returns unrecognized gets another track."""
        return len(self.track_ids)

    def count_frame(self, frame: Frame, faces: Sequence[Face]) -> None:
        """Add a frame of the current video."""
        self.count(len(faces))
        self.length = frame.time
        self.track_ids |= {(self._ended, face.track_id) for face in faces}

    def end_video(self, source: VideoSource, drawing_note: str) -> None:
        """Add the losses of a video that was read, and a note on its drawing."""
        self._ended += 1
        self.lost += source.lost
        self._note(source.note)
        self._note(drawing_note)

    def count_failed(self, name: str, error: DataError, console: Console) -> None:
        """Add a video that could not be read."""
        self._ended += 1
        self.failed += 1
        self.error = self.error or str(error)
        if self.failed <= _LISTED:
            text = str(error) if name in str(error) else f"{name}: {error}"
            print_line(console, f"unreadable: {text}")

    def _note(self, note: str) -> None:
        if note and note not in self.note:
            self.note = f"{self.note}; {note}" if self.note else note

    def _counts(self) -> list[str]:
        counts = [count_noun(self.tracks, "track")]
        if self.videos > 1:
            counts.append(f"{self.videos} videos")
        if self.failed:
            counts.append(f"{count_noun(self.failed, 'video')} unreadable")
        if self.lost:
            counts.append(f"{count_noun(self.lost, 'frame')} lost")
        if self.note and not self.stopped:
            counts.append(self.note)
        return counts

    def _remarks(self) -> list[str]:
        fps = self.images / max(self.seconds, 1e-9)
        return [f"{self.seconds:.1f} s, {fps:.0f} frames per second"]
