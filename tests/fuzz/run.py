"""The fuzz job: mutates valid files and reads them, with every reader of facepoints.

    make fuzz MINUTES=5

A try fails if the reader raises anything but FacepointsError (a warning other than those of
facepoints counts), crashes the interpreter, takes longer than `HANG` seconds of processor time
(or six times as long altogether), or more than `MEMORY` bytes above what it used before. Every
seed has a process of its own, so crashes and hangs are found. Failing files are minimized by
Hypothesis, if they do not crash or hang, and kept in build/fuzz/, with the traceback. The exit
status is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["HANG", "MEMORY", "Outcome", "fuzz", "main"]

HANG = 10.0
"""Seconds of processor time after which a try counts as a hang. On a busy machine, the clock runs
on while a process waits for its turn, so by the clock six times as long counts."""

MEMORY = 1 << 30
"""Bytes that a try may take, beyond what the process had before."""

_BATCH = 100  # tries between two looks at the clock
_KEPT = 20  # different failures of one seed, after which its job ends


@dataclass
class Outcome:
    """The tries of one seed.

    Attributes:
        tries: number of mutated files.
        refused: number of those that a FacepointsError refused.
        failures: number of tries by what went wrong, as in "ValueError at coco.py:12".
        hangs, crashes: number of tries that ended the process.
    """

    tries: int = 0
    refused: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    hangs: int = 0
    crashes: int = 0

    @property
    def failed(self) -> int:
        return len(self.failures) + self.hangs + self.crashes


class _Failure(Exception):
    """A try that failed, with the place of the fault."""


def fuzz(
    name: str, seconds: float, out: Path, first: int = 0, table: str = "fuzz.seeds"
) -> Outcome:
    """Fuzz one seed, in processes of its own.

    Args:
        name: key of `SEEDS`.
        seconds: time to spend.
        out: folder for the failing files.
        first: seed of the random numbers.
        table: module with `SEEDS`.
    """
    total, end, round_ = Outcome(), time.monotonic() + seconds, 0
    while time.monotonic() < end and total.failed < _KEPT:
        place = Path(tempfile.mkdtemp(prefix="facepoints-fuzz-"))
        context = multiprocessing.get_context("spawn")
        left = end - time.monotonic()
        worker = context.Process(target=_work, args=(table, name, left, place, first + round_))
        worker.start()
        cause = _watch(worker, place)
        _collect(total, place, cause, out / name.replace(" ", "-").replace(",", ""), round_)
        shutil.rmtree(place, ignore_errors=True)
        round_ += 1
    return total


def _watch(worker: Any, place: Path) -> str:
    """Wait for a worker. Returns "" if it finished, else "hang" or "crash"."""
    started, last, used = time.monotonic(), 0.0, 0.0
    while worker.is_alive():
        worker.join(0.2)
        beat = 0.0
        with suppress(OSError):
            beat = (place / "beat").stat().st_mtime
        if beat != last:
            last, used = beat, _processor_seconds(worker.pid)
        elif beat and (
            _processor_seconds(worker.pid) - used > HANG or time.time() - beat > 6 * HANG
        ):
            worker.kill()
            worker.join()
            return "hang"
        elif not beat and time.monotonic() - started > 600:
            worker.kill()
            raise RuntimeError("the worker of the fuzz job does not start")
    return "" if worker.exitcode == 0 else "crash"


def _processor_seconds(process: int) -> float:
    """Processor time of a process so far; 0 where the system does not tell."""
    try:
        cells = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return (int(cells[11]) + int(cells[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0


def _collect(total: Outcome, place: Path, cause: str, out: Path, round_: int) -> None:
    """Add the counts of a worker, and keep its failing files."""
    with suppress(OSError, ValueError):
        counts = json.loads((place / "counts.json").read_text())
        total.tries += counts["tries"]
        total.refused += counts["refused"]
        total.failures.update(counts["failures"])
    for kept in sorted(place.glob("failure-*")):
        out.mkdir(parents=True, exist_ok=True)
        shutil.copy(kept, out / f"{round_}-{kept.name}")
    if cause:
        out.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            shutil.copy(place / "try", out / f"{round_}-{cause}")
        total.tries += 1
        total.hangs += cause == "hang"
        total.crashes += cause == "crash"


def _work(table: str, name: str, seconds: float, place: Path, number: int) -> None:
    """In a worker: try mutated files until the time is over. Anything unexpected is kept."""
    try:
        _try_mutants(table, name, seconds, place, number)
    except BaseException:
        (place / "failure-of-the-job.txt").write_text(traceback.format_exc(), errors="replace")
        os._exit(1)
    os._exit(0)


def _try_mutants(table: str, name: str, seconds: float, place: Path, number: int) -> None:
    sys.path[:0] = [str(Path(__file__).resolve().parents[1])]
    from fuzz.mutate import mutants
    from hypothesis import HealthCheck, Phase, given, seed, settings

    with open(os.devnull, "w") as null:  # C libraries complain about every damaged file
        os.dup2(null.fileno(), 2)
    os.environ["FACEPOINTS_CACHE"] = str(place / "cache")
    clean = place / "clean"
    clean.mkdir()
    source = import_module(table).SEEDS[name](clean)
    valid = (clean / source.file).read_bytes()
    source.read(_copied(clean, place, source.file, valid))
    outcome, end = Outcome(), time.monotonic() + seconds
    _limit_memory()

    def attempt(data: bytes) -> None:
        outcome.tries += 1
        (place / "try").write_bytes(data)
        (place / "beat").touch()
        try:
            _attempt(source.read, _copied(clean, place, source.file, data), outcome)
        except _Failure as failure:
            text = f"{failure}\n{traceback.format_exc()}"
            label = str(failure)
            outcome.failures[label] += 1
            found = list(outcome.failures).index(label)
            (place / f"failure-{found}").write_bytes(data)  # the last one is the smallest
            (place / f"failure-{found}.txt").write_text(text, errors="replace")
            raise
        finally:
            if outcome.tries % 20 == 0:
                _write_counts(place, outcome)

    profile = settings(
        max_examples=_BATCH,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=[*HealthCheck],  # type: ignore[arg-type]
        report_multiple_bugs=False,
    )
    while time.monotonic() < end and len(outcome.failures) < _KEPT:
        test = seed(number)(profile(given(mutants(valid))(attempt)))
        with suppress(_Failure):
            test()
        number += 10_000
    _write_counts(place, outcome)


def _attempt(read: Any, folder: Path, outcome: Outcome) -> None:
    """Read once. Raises _Failure for anything but success and FacepointsError."""
    from facepoints.errors import FacepointsError

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", module="facepoints")
        for own in _own_warnings():
            warnings.simplefilter("ignore", own)
        try:
            read(folder)
        except FacepointsError:
            outcome.refused += 1
        except BaseException as error:
            raise _Failure(f"{type(error).__name__} at {_place(error)}") from error


def _own_warnings() -> list[type[Warning]]:
    from facepoints import errors

    kinds = [getattr(errors, name) for name in errors.__all__]
    return [kind for kind in kinds if issubclass(kind, Warning)]


def _place(error: BaseException) -> str:
    """The last line of facepoints in the traceback of an error."""
    steps = traceback.extract_tb(error.__traceback__)
    own = [step for step in steps if f"{os.sep}facepoints{os.sep}" in step.filename]
    last = own[-1] if own else steps[-1]
    return f"{Path(last.filename).name}:{last.lineno}"


def _copied(clean: Path, place: Path, file: str, data: bytes) -> Path:
    """A fresh copy of the seed's folder with the mutated file."""
    folder = place / "copy"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(clean, folder)
    (folder / file).write_bytes(data)
    return folder


def _limit_memory() -> None:
    """Let allocations beyond `MEMORY` fail with MemoryError. Only where the system can."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    except (ImportError, OSError, ValueError):
        return


def _write_counts(place: Path, outcome: Outcome) -> None:
    counts = {"tries": outcome.tries, "refused": outcome.refused, "failures": outcome.failures}
    temporary = place / "counts.new"
    temporary.write_text(json.dumps(counts))
    os.replace(temporary, place / "counts.json")


def main(arguments: list[str] | None = None) -> int:
    """Fuzz all seeds, or some, and print a table. Returns the exit status."""
    from fuzz.seeds import SEEDS

    parser = argparse.ArgumentParser(
        description="Read mutated files with every reader of facepoints."
    )
    parser.add_argument("--minutes", type=float, default=1.0, help="for all seeds together")
    parser.add_argument("--only", default="", help="seeds whose name contains this text")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers")
    parser.add_argument("--out", type=Path, default=Path("build/fuzz"))
    options = parser.parse_args(arguments)
    names = [name for name in SEEDS if options.only in name]
    if not names:
        parser.error(f"no seed contains '{options.only}'; there are: {', '.join(SEEDS)}")
    options.out.mkdir(parents=True, exist_ok=True)
    print("| file | tries | refused | failures | hangs | crashes |\n|---|---:|---:|---:|---:|---:|")
    share, total = options.minutes * 60 / len(names), Outcome()
    for name in names:
        one = fuzz(name, share, options.out, options.seed)
        print(_row(name, one), flush=True)
        for fault, times in one.failures.items():
            print(f"  {fault} ({times})", file=sys.stderr, flush=True)
        total.tries += one.tries
        total.refused += one.refused
        total.failures.update({f"{name}: {fault}": n for fault, n in one.failures.items()})
        total.hangs += one.hangs
        total.crashes += one.crashes
    print(_row("**all**", total))
    if total.failed:
        print(f"{total.failed} failures; the files are in {options.out}", file=sys.stderr)
    return int(total.failed > 0)


def _row(name: str, one: Outcome) -> str:
    cells = (one.tries, one.refused, len(one.failures), one.hangs, one.crashes)
    return f"| {name} | {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[1])]
    sys.exit(main())
