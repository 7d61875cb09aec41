"""Notes of commands about their inputs at the beginning, and about their results at the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from facepoints._util.progress import Stopped
from facepoints.cli.output import note
from facepoints.errors import DataError

if TYPE_CHECKING:
    from facepoints.commands.inputs import InputStream
    from facepoints.commands.report import Report

__all__ = ["end", "results_in", "say_passed_over"]


def say_passed_over(results: InputStream) -> None:
    """Name the files that are passed over, if there are any."""
    if results.passed_over:
        note(results.passed_over)


def results_in(*places: str | Path | None) -> str:
    """The end of a summary: "; results are in a.csv, b.vtt and drawn". None is left out."""
    names = [str(place) for place in places if place is not None]
    if not names:
        return ""
    *before, last = names
    return f"; results are in {', '.join(before)}{' and ' if before else ''}{last}"


def end(report: Report, results: InputStream, message: str) -> None:
    """Print the summary. Raises Stopped if Ctrl-C ended an input other than a camera or stream."""
    if report.stopped and not results.live:
        raise Stopped(message)
    note(message)
    if report.unreadable and report.unreadable == report.images:
        raise DataError(report.error)
