"""Checks a folder of parts, and joins the parts into one file."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from facepoints._util.console import print_line
from facepoints._util.progress import PartProgress, Stopped, StopRequest
from facepoints._util.words import consecutive_runs, count_noun
from facepoints.commands.join_parts import join_parts
from facepoints.commands.local_output import local_output
from facepoints.commands.part_check import checked_rows
from facepoints.commands.predict_to_file import format_to_join
from facepoints.commands.report import Report, SourceReport
from facepoints.commands.row_names import Doubles, RowNames, row_key
from facepoints.errors import DataError, DataWarning, WriteError
from facepoints.results.parts import MANIFEST, Manifest, read_manifest
from facepoints.sources import StoreError, stores

__all__ = ["MergeReport", "merge"]

_LISTED = 8  # numbers or names of a kind in a message


@dataclass
class MergeReport(SourceReport):
    """What `merge` found, in addition to the counts of `SourceReport`.

    Attributes:
        parts: number of parts that the source has.
        missing: numbers of the parts that are not there.
        damaged: files of the parts that cannot be read, lack rows or are of another run; each
            with the reason.
        foreign: names of files that are not of this run.
        doubled: names that more than one row has, each with the numbers of two parts; the first
            ones.
        doubles: number of rows whose name an earlier row has.
        may_repeat: whether the source may name a picture twice, so that doubles are no fault.
    """

    parts: int = 0
    missing: list[int] = field(default_factory=list)
    damaged: dict[str, str] = field(default_factory=dict)
    foreign: list[str] = field(default_factory=list)
    doubled: dict[str, tuple[int, int]] = field(default_factory=dict)
    doubles: int = 0
    may_repeat: bool = False

    @property
    def is_whole(self) -> bool:
        """True if nothing is missing, damaged, foreign or double."""
        doubled = self.doubles and not self.may_repeat
        return not (self.missing or self.damaged or self.foreign or doubled)

    def faults(self) -> list[str]:
        """List the faults as phrases; empty if there is none."""
        found = []
        if self.missing:
            count = count_noun(self.parts, "part")
            lack = "is" if len(self.missing) == 1 else "are"
            numbers = number_ranges(self.missing, _LISTED)
            found.append(f"{len(self.missing)} of {count} {lack} missing ({numbers})")
        for name, reason in list(self.damaged.items())[:_LISTED]:
            found.append(f"{name} {reason}")
        if len(self.damaged) > _LISTED:
            found.append(f"{len(self.damaged) - _LISTED} more parts are damaged")
        if self.foreign:
            files = count_noun(len(self.foreign), "file")
            found.append(f"{files} of another run or program ({_some(self.foreign)})")
        if self.doubles and not self.may_repeat:
            found.append(f"{count_noun(self.doubles, 'row')} double ({self._first_double()})")
        return found

    def _first_double(self) -> str:
        name, (one, other) = next(iter(self.doubled.items()))
        return f"{name} in " + (f"part {one}" if one == other else f"parts {one} and {other}")

    def _counts(self) -> list[str]:
        return [count_noun(self.parts, "part")]

    def _remarks(self) -> list[str]:
        if not self.doubles:
            return []
        rows = "1 row names" if self.doubles == 1 else f"{self.doubles} rows name"
        return [f"{rows} what an earlier row names, as the source does ({self._first_double()})"]


def merge(
    folder: str,
    out: str | Path | None = None,
    *,
    format: str | None = None,
    console: Console | None = None,
) -> MergeReport:
    """Check that a folder of parts is whole, and join the parts into one file.

    Every row of every part is read. Nothing is written unless the folder is whole. Archives and
    tables of the source that could not be read to the end are a `DataWarning`.

    Args:
        folder: path or address of the folder (`predict_parts`).
        out: path or address of the file; its name chooses the format. None: the parts are only
            checked.
        format: name of the format of `out`; None: its name chooses it.
        console: shows progress, and the commands that compute what is missing; None: nothing.

    Raises:
        DataError: the folder is not one of parts, or a part is missing, damaged, foreign or
            double.
        StoreError: a store cannot be read now.
        SettingsError: no format for `out`, or one that cannot hold the parts.
        WriteError: `out` cannot be written, or is among the parts.
        Stopped: interrupted by Ctrl-C or SIGTERM; nothing is written.
    """
    console = console or Console(quiet=True, file=sys.stderr)
    manifest = read_manifest(folder)
    if manifest is None:
        raise DataError(
            f"{folder} has no {MANIFEST}; expected a folder that facepoints predict --out FOLDER/ "
            f"wrote"
        )
    _check_outside(out, folder)
    points = manifest.landmark_set(folder)
    name = None if out is None else format_to_join(str(out), format, points)
    with StopRequest() as stop, PartProgress(console, manifest.parts) as bar:

        def show(parts: int, report: Report) -> None:
            bar.at(parts, report.images, report.faces)
            if stop.asked:
                raise Stopped("stopped; nothing was written")

        report = _checked(folder, manifest, show)
        if report.is_whole and out is not None and name is not None:
            with local_output(str(out)) as path:
                join_parts(folder, manifest, path, name, lambda parts: show(parts, report))
    if not report.is_whole:
        faults = "; ".join(report.faults())
        raise DataError(f"{folder} is not whole: {faults}{_advice(report, manifest, console)}")
    if report.cut:
        warnings.warn(report.cut_text(), DataWarning, stacklevel=2)
    return report


def _check_outside(out: str | Path | None, folder: str) -> None:
    """Refuse a file among the parts, which would not be one of them. Raises WriteError."""
    if out is None:
        return
    if stores.is_url(folder) or stores.is_url(str(out)):
        inside = f"{out}/".startswith(folder.rstrip("/") + "/")
    else:
        place, parts = Path(os.path.realpath(out)), Path(os.path.realpath(folder))
        inside = parts in (place, *place.parents)  # out may also be a folder of .pts files
    if inside:
        raise WriteError(f"{out} would be a file among the parts; name one outside of {folder}")


def _checked(folder: str, manifest: Manifest, show: Callable[[int, Report], None]) -> MergeReport:
    """Report what all parts hold, and what is wrong with them."""
    report = MergeReport(parts=manifest.parts, may_repeat=manifest.may_repeat)
    numbers = {manifest.name(number): number for number in range(manifest.parts)}
    there = {entry.name for entry in stores.list_folder(folder)}
    report.missing = [number for name, number in numbers.items() if name not in there]
    hidden = {name for name in there if name.startswith((".", "_"))}  # _SUCCESS of Spark
    report.foreign = sorted(there - hidden - set(numbers) - {MANIFEST})
    with RowNames.open() as rows:
        for number in (number for name, number in numbers.items() if name in there):
            try:
                for names in checked_rows(folder, manifest, number, report):
                    rows.add(number, names)
            except StoreError:
                raise
            except DataError as error:
                report.damaged[manifest.name(number)] = str(error)
            show(number + 1, report)
        doubles = rows.doubles()
    report.doubles = doubles.count
    report.doubled = _named(doubles, folder, manifest)
    return report


def _named(doubles: Doubles, folder: str, manifest: Manifest) -> dict[str, tuple[int, int]]:
    """The names of double rows, with the numbers of two parts that have them."""
    found = {}
    for number in sorted({number for numbers in doubles.parts.values() for number in numbers}):
        with suppress(DataError):
            for names in checked_rows(folder, manifest, number, SourceReport()):
                for name in names:
                    if (key := row_key(name)) in doubles.parts:
                        found[name] = doubles.parts[key]
    return found


def _advice(report: MergeReport, manifest: Manifest, console: Console) -> str:
    """Say what to do, at the end of the error; the commands themselves go to the console."""
    if not report.missing and not report.damaged:
        return ""
    damaged = [n for n in range(manifest.parts) if manifest.name(n) in report.damaged]
    lacking = sorted([*report.missing, *damaged])
    shards = sorted({number % manifest.shards for number in lacking})
    commands = [manifest.shard_command(shard, manifest.shards) for shard in shards]
    for shard, command in zip(shards, commands, strict=True):
        own = [number for number in lacking if number % manifest.shards == shard]
        noun = "part" if len(own) == 1 else "parts"
        print_line(console, f"{noun} {number_ranges(own, _LISTED)}: {command}")
    remove = "remove the damaged parts, then " if report.damaged else ""
    if len(commands) == 1:
        return f"; {remove}run: {commands[0]}"
    return f"; {remove}run the {len(commands)} commands above, such as: {commands[0]}"


def number_ranges(numbers: Sequence[int], most: int) -> str:
    """Numbers with ranges, at most so many: "1, 3-7, 9, ..."."""
    ranges = consecutive_runs(numbers)
    shown = [f"{one}" if one == last else f"{one}-{last}" for one, last in ranges[:most]]
    return ", ".join(shown + (["..."] if len(ranges) > most else []))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")
