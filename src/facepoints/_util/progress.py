"""Progress bars of long work, and a clean stop on Ctrl-C."""

from __future__ import annotations

import signal
import time
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from facepoints._util.console import print_line
from facepoints._util.text_files import escape_controls

__all__ = ["ImageProgress", "PartProgress", "StopRequest", "Stopped", "TrainingProgress"]

_SECONDS = 30  # between two lines of progress in a log


class Stopped(Exception):
    """Raised when work has stopped on request, with everything saved to resume."""


def format_seconds(seconds: float | None) -> str:
    """Seconds as m:ss or h:mm:ss; dashes for None."""
    if seconds is None:
        return "-:--"
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


class StopRequest:
    """In this context, Ctrl-C and SIGTERM set `asked` instead of ending the program.

    A second Ctrl-C ends it at once. Outside the main thread, signals cannot be caught, and the
    context has no effect.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                    self._before[number] = signal.signal(number, self._ask)
            except ValueError:
                break
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


class TrainingProgress:
    """A progress bar of the network in training; without a terminal, a line per epoch.

    Args:
        console: where to show it.
        shown: False shows nothing (all processes but the first).
    """

    def __init__(self, console: Console, shown: bool) -> None:
        self._console, self._shown = console, shown
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%  epoch {task.fields[epoch]}"),
            TextColumn("{task.fields[metrics]}  left {task.fields[left]}"),
            console=console,
            disable=not (shown and console.is_terminal),
        )
        self._task: TaskID | None = None
        self._name = ""

    def __enter__(self) -> TrainingProgress:
        self._bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._bar.stop()

    def member(self, number: int, of: int, name: str) -> None:
        """Start the bar of the next network, number `number` of `of`."""
        name = escape_controls(name)
        self._name = name if of == 1 else f"{name} ({number} of {of})"
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(
            self._name, total=1.0, epoch=1, metrics="", left=format_seconds(None)
        )

    def at(self, done: float, epoch: int, left: float | None) -> None:
        """Show the fraction of the training that is done, [0, 1], and the seconds left."""
        if self._task is not None:
            self._bar.update(self._task, completed=done, epoch=epoch, left=format_seconds(left))

    def epoch(self, row: dict[str, Any]) -> None:
        """Show the metrics of a finished epoch; `row` is its line in metrics.jsonl."""
        metrics = f"loss {row['train_loss']:.3f}"
        if "validation_rmse" in row:
            metrics += f"  validation RMSE {row['validation_rmse']:.3f} px"
        if self._task is not None:
            self._bar.update(self._task, metrics=metrics)
        if self._shown and not self._console.is_terminal:
            when = format_seconds(row["seconds"])
            line = f"{self._name}: epoch {row['epoch']}  {metrics}  {when}"
            print_line(self._console, line)


class ImageProgress:
    """A progress bar of images or frames; without a terminal, nothing.

    Args:
        console: where to show it.
        total: number of images; 0: it is not known.
        done: number of images that are already done.
        unit: what is counted, in plural.
    """

    def __init__(self, console: Console, total: int, done: int = 0, unit: str = "images") -> None:
        counted = "{task.completed} of {task.total}" if total else "{task.completed}"
        self._bar = Progress(
            TextColumn(f"{counted} {unit}"),
            BarColumn(),
            TextColumn("{task.fields[faces]} faces"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal or 0 < total < done + 2,
        )
        self._task = self._bar.add_task("", total=total or None, completed=done, faces=0)

    def __enter__(self) -> ImageProgress:
        self._bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._bar.stop()

    def at(self, images: int, faces: int) -> None:
        """Show the number of images that are done and of faces in them."""
        self._bar.update(self._task, completed=images, faces=faces)


class PartProgress:
    """A progress bar of parts; without a terminal, a line twice a minute.

    Args:
        console: where to show it.
        total: number of parts.
    """

    def __init__(self, console: Console, total: int) -> None:
        self._console, self._total = console, total
        self._shown = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.completed} of {task.total} parts"),
            BarColumn(),
            TextColumn("{task.fields[counts]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=total, counts="")

    def __enter__(self) -> PartProgress:
        self._bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._bar.stop()

    def at(self, parts: int, images: int, faces: int) -> None:
        """Show the number of parts that are done, and of images and faces in this run."""
        counts = f"{images} images, {faces} faces"
        self._bar.update(self._task, completed=parts, counts=counts)
        if not self._console.is_terminal and time.monotonic() - self._shown > _SECONDS:
            self._shown = time.monotonic()
            print_line(self._console, f"{parts} of {self._total} parts; {counts}")
