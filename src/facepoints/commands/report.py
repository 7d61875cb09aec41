"""Counts of a command that finds faces, and their summary in one line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from rich.console import Console

from facepoints._util.console import print_line
from facepoints._util.words import count_noun
from facepoints.sources.suffixes import file_kind

__all__ = ["LISTED", "Report", "SourceReport", "show_unreadable"]

LISTED = 5
"""Unreadable files that are named on the console."""


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
        if console is not None:
            show_unreadable(error, self.unreadable, console)

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


def show_unreadable(error: str, number: int, console: Console) -> None:
    """Show why the `number`-th unreadable file cannot be read; only the first few are listed."""
    if number <= LISTED + 1:
        text = error if number <= LISTED else "more files, which are not listed here"
        print_line(console, f"unreadable: {text}")


@dataclass
class SourceReport(Report):
    """Counts of a source that is read in parts, in addition to those of `Report`.

    Attributes:
        cut: archives and tables that could not be read to their end. Nobody knows how many images
            are lost, so none of these has a row.
        cut_error: why the first of them could not be read; empty if all could.
        errors: of the first other rows that could not be read.
    """

    cut: int = 0
    cut_error: str = ""
    errors: list[str] = field(default_factory=list)

    def count_row(self, file: str, faces: int, error: str = "") -> None:
        """Add a row of the results: an image or frame, or the error of a file."""
        self.count(faces, error)
        if error and file_kind(file) in ("tar", "parquet"):
            self.cut += 1
            self.cut_error = self.cut_error or error
        elif error and len(self.errors) <= LISTED:
            self.errors.append(error)

    def cut_text(self) -> str:
        """Say what may be lost, and why; empty if nothing is."""
        if not self.cut:
            return ""
        files = count_noun(self.cut, "archive or table", "archives or tables")
        return f"{files} could not be read to the end, and images may be lost ({self.cut_error})"
