"""Counts of a command that finds faces, and their summary in one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.console import Console

from facepoints._util.console import print_line
from facepoints._util.words import count_noun

__all__ = ["Report"]

_LISTED = 5  # unreadable files that are named on the console


@dataclass
class Report:
    """Counts of a command that finds faces.

    Attributes:
        images: images and frames that were processed, and files that could not be read.
        faces: number of faces in all of them.
        without_faces: images and frames in which no face was found.
        unreadable: files that could not be read.
        error: why the first of them could not be read; empty if all could.
        stopped: whether Ctrl-C ended the command early.
        unit: what `images` counts, in singular and plural, for the summary.
    """

    images: int = 0
    faces: int = 0
    without_faces: int = 0
    unreadable: int = 0
    error: str = ""
    stopped: bool = False
    unit: ClassVar[tuple[str, str]] = ("image", "images")

    def count(self, faces: int, error: str = "", console: Console | None = None) -> None:
        """Add an image or frame.

        Args:
            faces: number of faces in it.
            error: why it could not be read; empty if it could.
            console: shows the first unreadable files; None: shows nothing.
        """
        self.images += 1
        if not error:
            self.faces += faces
            self.without_faces += not faces
            return
        self.unreadable += 1
        self.error = self.error or error
        if console is not None and self.unreadable <= _LISTED + 1:
            text = error if self.unreadable <= _LISTED else "more files, which are not listed here"
            print_line(console, f"unreadable: {text}")

    def summary(self) -> str:
        """The closing line of the command."""
        counts = [f"{count_noun(self.images, *self.unit)}: {count_noun(self.faces, 'face')}"]
        if self.without_faces:
            counts.append(f"{self.without_faces} without a face")
        if self.unreadable:
            counts.append(f"{self.unreadable} unreadable")
        stopped = "stopped after " if self.stopped else ""
        return stopped + "; ".join([", ".join([*counts, *self._counts()]), *self._remarks()])

    def _counts(self) -> list[str]:
        """Counts that a subclass adds to the summary."""
        return []

    def _remarks(self) -> list[str]:
        """Texts that a subclass adds to the summary after the counts."""
        return []
