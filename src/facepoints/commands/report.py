"""What a command counts while it works."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console

from facepoints.results.records import FrameResult

__all__ = ["Report"]


_SAID = 5  # unreadable files that are named on the console


@dataclass
class Report:
    """What came of sightings.

    Attributes:
        pictures: pictures and frames that were looked at, or could not be.
        unreadable: files that could not be read.
        error: why the first of them could not.
        stopped: whether it was ended by Ctrl-C.
    """

    images: int = 0
    unreadable: int = 0
    error: str = ""
    stopped: bool = False

    def count(self, sighting: FrameResult, console: Console | None) -> None:
        """Note a sighting; the first files that cannot be read are named on the console."""
        self.images += 1
        if not sighting.error:
            return
        self.unreadable += 1
        self.error = self.error or sighting.error
        if console is not None and self.unreadable <= _SAID:
            text = f"unreadable: {sighting.error}"
            console.print(text, markup=False, highlight=False, soft_wrap=True)
