"""Interrupts every writing command at random moments, runs it again, and compares the results.

    python tests/interruptions/kill.py --tries 200 --out build/kill-test

Each try runs a command in a folder of its own and sends SIGINT, SIGTERM or SIGKILL after a random
time, sometimes twice. Then the same command runs to its end. Its files must be those of a run that
nobody interrupted, byte for byte, and nothing else may be left.

The program is imported once; every try is a fork of that process, which has its own outputs, cache
and signals. A fork saves the imports, which take longer than most commands here.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2

from facepoints.cli import run as _imported  # noqa: F401 (the commands, imported once for all tries)
from facepoints.cli.main import main
from facepoints.datasets import synthetic

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
PROGRAM_STARTS = 0.02  # seconds at least before a signal


@dataclass(frozen=True)
class Command:
    """A command that writes.

    Attributes:
        words: of the command line, in the folder of the try; inputs are in ``../../inputs``.
        results: files and folders to compare.
        again: words that are added to the same command after an interruption.
        saves_on_stop: whether Ctrl-C ends the command early with a shorter result.
        heavy: whether it needs PyTorch.
    """

    words: str
    results: tuple[str, ...]
    again: str = ""
    saves_on_stop: bool = False
    heavy: bool = False


TRAIN = "--network lenet5 --epochs 3 --batch 8 --validation 0.3 --seed 1 --no-onnx --device cpu"

COMMANDS = {
    "predict, JSON lines": Command("predict {in}/photos --out faces.jsonl", ("faces.jsonl",)),
    "predict, CSV": Command("predict {in}/photos --out faces.csv", ("faces.csv",)),
    "predict, COCO": Command("predict {in}/photos --out faces.json", ("faces.json",)),
    "predict, .pts": Command("predict {in}/photos --out points", ("points",)),
    "predict, drawings": Command(
        "predict {in}/photos --out faces.csv --draw drawn", ("faces.csv", "drawn")
    ),
    "predict, parts": Command("predict {in}/photos --out parts/ --part-size 4", ("parts",)),
    "predict, shard": Command(
        "predict {in}/photos.txt --out parts/ --part-size 3 --shard 2/3 --format jsonl", ("parts",)
    ),
    "predict, list": Command("predict {in}/photos.txt --out f.csv --part-size 4", ("f.csv",)),
    "merge": Command("merge {in}/parts --out all.parquet", ("all.parquet",)),
    "predict, video": Command(
        "predict {in}/clip.mp4 --out clip.csv --draw drawn.mp4",
        ("clip.csv", "drawn.mp4"),
        saves_on_stop=True,
    ),
    "measure": Command(
        "measure {in}/clip.mp4 --out m.csv --events e.csv", ("m.csv", "e.csv"), saves_on_stop=True
    ),
    "align": Command(
        "align {in}/photos --out upright --matrices m.csv", ("upright", "m.csv"), saves_on_stop=True
    ),
    "convert, Kaggle": Command("convert {in}/training.csv --to kaggle --out t.csv", ("t.csv",)),
    "convert, COCO": Command("convert {in}/training.csv --to coco --out coco", ("coco",)),
    "convert, .pts": Command("convert {in}/training.csv --to pts --out pts", ("pts",)),
    "synthetic": Command("synthetic --out faces --count 30 --test 6", ("faces",)),
    "submit": Command("submit {in}/test.csv {in}/IdLookupTable.csv --out s.csv", ("s.csv",)),
    "adapt": Command("adapt {in}/training.csv --out own.onnx", ("own.onnx",), heavy=True),
    "export": Command("export --model {in}/run --out run.onnx", ("run.onnx",), heavy=True),
    "train": Command(
        f"train {{in}}/training.csv --out run {TRAIN}",
        ("run/weights", "run/validation/evaluation.json"),
        again="--resume",
        heavy=True,
    ),
}


@dataclass
class Tally:
    """What happened in the tries of a command."""

    signals: Counter = field(default_factory=Counter)
    finished: int = 0
    failures: list[str] = field(default_factory=list)


def make_inputs(folder: Path, heavy: bool) -> None:
    """Photos, a video, label files and a run, all rendered."""
    (folder / "photos").mkdir(parents=True)
    images = synthetic.kaggle_like(24, seed=3).images
    for number, image in enumerate(images):
        cv2.imwrite(str(folder / "photos" / f"{number:02}.png"), cv2.resize(image, (160, 160)))
    names = sorted(str(path) for path in (folder / "photos").iterdir())
    (folder / "photos.txt").write_text("\n".join(names))
    clip = cv2.VideoWriter(
        str(folder / "clip.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10, (160, 160)
    )
    for image in images:
        clip.write(cv2.cvtColor(cv2.resize(image, (160, 160)), cv2.COLOR_GRAY2BGR))
    clip.release()
    arguments = ["synthetic", "--out", str(folder), "--count", "36", "--test", "6"]
    assert finish(start(arguments, folder, "inputs")) == 0
    arguments = [
        "predict",
        str(folder / "photos"),
        "--out",
        str(folder / "parts"),
        "--part-size",
        "4",
    ]
    assert finish(start(arguments, folder, "inputs")) == 0
    if heavy:
        words = ["train", str(folder / "training.csv"), "--out", str(folder / "run")]
        assert finish(start([*words, *TRAIN.split()], folder, "inputs")) == 0


def start(words: list[str], folder: Path, log: str) -> int:
    """Run the program in a fork, in a folder; its process id."""
    folder.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    child = os.fork()
    if child:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        return child
    status = 70
    try:
        # Until the program handles them, signals end it as they end a program that starts. A job
        # in the background of a shell ignores SIGINT, and so would the program.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        os.chdir(folder)
        for stream in (1, 2):
            file = os.open(folder.parent / f"{folder.name}-{log}.log", os.O_WRONLY | os.O_CREAT)
            os.lseek(file, 0, os.SEEK_END)
            os.dup2(file, stream)
        os.environ["FACEPOINTS_CACHE"] = str(folder.parent / f"{folder.name}-cache")
        sys.argv = ["facepoints", *words]
        main()
        status = 0
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def finish(child: int) -> int:
    """Wait for a process: its exit status, negative for the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def contents(folder: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """All files of results, by name."""
    found: dict[str, bytes] = {}
    for name in names:
        path = folder / name
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        found |= {str(f.relative_to(folder)): f.read_bytes() for f in files if f.is_file()}
    return found


def leftovers(folder: Path, cache: Path, whole: set[str]) -> list[str]:
    """Files that a finished command should not leave."""
    there = {str(f.relative_to(folder)) for f in folder.rglob("*")}
    hidden = [str(f) for f in cache.rglob(".facepoints-*")] if cache.exists() else []
    return [*sorted(there - whole), *hidden]


class KillTest:
    """Interrupts commands and compares their results with those of whole runs."""

    def __init__(
        self,
        folder: Path,
        commands: dict[str, Command],
        seed: int,
        signals: tuple[signal.Signals, ...] = SIGNALS,
    ) -> None:
        self.folder, self.commands, self.signals = folder, commands, signals
        self.random = random.Random(seed)
        self.tallies = {name: Tally() for name in commands}
        heavy = any(command.heavy for command in commands.values())
        for module in ("onnx", "onnxscript", "torch", "matplotlib.pyplot") if heavy else ():
            importlib.import_module(module)
        make_inputs(folder / "inputs", heavy)
        self.whole: dict[str, tuple[dict[str, bytes], set[str], float]] = {}
        for number, (name, command) in enumerate(commands.items()):
            place = folder / f"whole-{number}" / "work"
            began = time.monotonic()
            status = finish(start(self._words(command), place, "whole"))
            assert status == 0, f"{name}: the whole run ended with {status}; see {place.parent}"
            took = time.monotonic() - began
            listed = {str(f.relative_to(place)) for f in place.rglob("*")}
            self.whole[name] = contents(place, command.results), listed, took

    def _words(self, command: Command) -> list[str]:
        return [w.format(**{"in": self.folder / "inputs"}) for w in command.words.split()]

    def interrupt(self, name: str) -> bool:
        """Try a command once. False if it had finished before the signal came."""
        command, tally = self.commands[name], self.tallies[name]
        number = sum(t.finished + t.signals.total() for t in self.tallies.values())
        place = self.folder / f"try-{number}" / "work"
        whole, listed, took = self.whole[name]
        words, interrupted, stopped_early = self._words(command), False, False
        for attempt in range(self.random.choice((1, 1, 2))):
            extra = command.again.split() if attempt else []
            sent = self.random.choice(self.signals)
            child = start([*words, *extra], place, "log")
            time.sleep(PROGRAM_STARTS + self.random.uniform(0, took))
            os.kill(child, sent)
            status = finish(child)
            # before the program handles signals, they end it as quietly
            if status == -sent or (status == 130 and sent != signal.SIGKILL):
                tally.signals[sent.name] += 1
                interrupted = True
                stopped_early = stopped_early or sent != signal.SIGKILL
            elif status != 0:
                self._fail(name, place, f"ended with {status} after {sent.name}")
            self._check_whole_files(name, place, stopped_early)
        tally.finished += not interrupted
        if not interrupted:  # the machine is faster now
            self.whole[name] = whole, listed, 0.7 * took
        status = finish(start([*words, *command.again.split()], place, "log"))
        log = (place.parent / "work-log.log").read_text(errors="replace")
        if status or "Traceback" in log:
            self._fail(name, place, f"the last run ended with {status}: {log[-300:]!r}")
        elif contents(place, command.results) != whole:
            self._fail(name, place, "the results differ from those of a whole run")
        elif left := leftovers(place, place.parent / "work-cache", listed):
            self._fail(name, place, f"left behind: {left[:5]}")
        else:
            shutil.rmtree(place.parent)
        return interrupted

    def _check_whole_files(self, name: str, place: Path, stopped_early: bool) -> None:
        """Every file that is there after an interruption is one of the whole run."""
        command, whole = self.commands[name], self.whole[name][0]
        if command.saves_on_stop and stopped_early:
            return
        for file, content in contents(place, command.results).items():
            hidden = any(part.startswith(".") for part in Path(file).parts)
            if not hidden and content != whole.get(file):
                self._fail(name, place, f"{file} is cut after an interruption")

    def _fail(self, name: str, place: Path, why: str) -> None:
        self.tallies[name].failures.append(f"{place.parent}: {why}")
        print(f"FAILED {name}: {place.parent}: {why}", flush=True)

    def table(self) -> str:
        """The tries and failures as a table in Markdown."""
        rows = ["| command | SIGINT | SIGTERM | SIGKILL | failures |", "|---|---:|---:|---:|---:|"]
        total = Tally()
        for name, tally in self.tallies.items():
            rows.append(_row(name, tally))
            total.signals += tally.signals
            total.failures += tally.failures
        return "\n".join([*rows, _row("all", total)]) + "\n"


def _row(name: str, tally: Tally) -> str:
    counts = " | ".join(str(tally.signals[s.name]) for s in SIGNALS)
    return f"| {name} | {counts} | {len(tally.failures)} |"


def run(
    folder: Path,
    tries: int,
    commands: dict[str, Command],
    seed: int,
    signals: tuple[signal.Signals, ...] = SIGNALS,
) -> KillTest:
    """Interrupt commands, one after the other, until there were as many interruptions."""
    shutil.rmtree(folder, ignore_errors=True)
    test = KillTest(folder, commands, seed, signals)
    names = list(commands)
    interruptions = rounds = 0
    while interruptions < tries and rounds < 3 * tries:
        test.interrupt(names[rounds % len(names)])
        rounds += 1
        interruptions = sum(t.signals.total() for t in test.tallies.values())
        print(f"{interruptions} of {tries} interruptions", flush=True)
    return test


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("build/kill-test"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--commands", nargs="*", default=list(COMMANDS))
    parser.add_argument("--signals", nargs="*", default=[each.name for each in SIGNALS])
    options = parser.parse_args()
    cv2.setNumThreads(1)
    chosen = {name: COMMANDS[name] for name in options.commands}
    signals = tuple(signal.Signals[name] for name in options.signals)
    test = run(options.out.resolve(), options.tries, chosen, options.seed, signals)
    print(test.table())
    counts = {n: {**t.signals, "failures": t.failures} for n, t in test.tallies.items()}
    (options.out / "result.json").write_text(json.dumps(counts, indent=2))
    sys.exit(any(t.failures for t in test.tallies.values()))


if __name__ == "__main__":
    _main()
