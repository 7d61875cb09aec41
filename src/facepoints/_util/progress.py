"""What long work shows, and how it is asked to stop."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

__all__ = ["ImageProgress", "StopRequest", "Stopped", "TrainingProgress", "format_seconds"]


class Stopped(Exception):
    """Work was asked to stop and did, with everything saved to go on."""


def format_seconds(seconds: float | None) -> str:
    """Seconds as m:ss or h:mm:ss; dashes for None."""
    if seconds is None:
        return "-:--"
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


class StopRequest:
    """While it is entered, Ctrl-C and SIGTERM set `asked` instead of ending the program.

    A second Ctrl-C ends it at once, as ever. Outside the main thread signals cannot be
    caught, and nothing changes.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
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
    """A bar for the network in training; a line per epoch where there is no terminal.

    Args:
        console: where to show it.
        shown: False: show nothing (all but the first of several processes).
    """

    def __init__(self, console: Console, shown: bool) -> None:
        self._console, self._shown = console, shown
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%  epoch {task.fields[epoch]}"),
            TextColumn("{task.fields[said]}  left {task.fields[left]}"),
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
        """The next network begins."""
        self._name = name if of == 1 else f"{name} ({number} of {of})"
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(
            self._name, total=1.0, epoch=1, said="", left=format_seconds(None)
        )

    def at(self, done: float, epoch: int, left: float | None) -> None:
        """Part of the training that is behind, [0, 1], and the seconds that are left."""
        if self._task is not None:
            self._bar.update(self._task, completed=done, epoch=epoch, left=format_seconds(left))

    def epoch(self, row: dict[str, Any]) -> None:
        """An epoch ended; `row` is its line in metrics.jsonl."""
        said = f"loss {row['train_loss']:.3f}"
        if "validation_rmse" in row:
            said += f"  validation RMSE {row['validation_rmse']:.3f} px"
        if self._task is not None:
            self._bar.update(self._task, said=said)
        if self._shown and not self._console.is_terminal:
            when = format_seconds(row["seconds"])
            self._console.print(f"{self._name}: epoch {row['epoch']}  {said}  {when}")


class ImageProgress:
    """A bar for pictures that are looked at; nothing where there is no terminal.

    Args:
        console: where to show it.
        total: pictures there are.
        done: pictures that are done already.
    """

    def __init__(self, console: Console, total: int, done: int = 0) -> None:
        self._bar = Progress(
            TextColumn("{task.completed} of {task.total} pictures"),
            BarColumn(),
            TextColumn("{task.fields[faces]} faces"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal or total - done < 2,
        )
        self._task = self._bar.add_task("", total=total, completed=done, faces=0)

    def __enter__(self) -> ImageProgress:
        self._bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._bar.stop()

    def at(self, pictures: int, faces: int) -> None:
        """Pictures that are done and faces found in them."""
        self._bar.update(self._task, completed=pictures, faces=faces)
