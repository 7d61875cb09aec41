"""The part of the command predict that shares a source between processes and machines."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from facepoints._util.option_help import option
from facepoints.cli.options import PredictorOptions
from facepoints.cli.output import ERR, note
from facepoints.cli.outputs import command_words, outputs, results_output
from facepoints.errors import DataError, SettingsError, WriteError

if TYPE_CHECKING:
    from facepoints.commands.predict_parts import PartsReport
    from facepoints.landmarks.landmark_set import LandmarkSet
    from facepoints.tracking.config import TrackerConfig

__all__ = ["PartOptions", "PartsCommand", "file_outputs", "used_threads", "wants_parts"]
__all__ += ["with_ray_address"]


@dataclass(frozen=True)
class PartOptions:
    """Options of predictions that several processes share."""

    shard: Annotated[
        str | None,
        option(
            "Compute the K-th of N shares of the source, such as 3/128, so that several processes "
            "or machines fill the same folder. --out is that folder.",
            metavar="K/N",
            default_text="default: all of the source",
        ),
    ] = None
    part_size: Annotated[
        int | None,
        option(
            "Images of a part, which is one file of the folder.",
            metavar="N",
            default_text="default: 1000",
        ),
    ] = None
    column: Annotated[
        str | None,
        option(
            "Column of a .csv or .parquet input that holds the paths or the bytes of images.",
            metavar="NAME",
            default_text="default: the only one that does",
        ),
    ] = None
    threads: Annotated[
        int | None,
        option(
            "Processor threads of the networks and of OpenCV. Processes that share a machine need "
            "few each.",
            metavar="N",
            default_text="default: as many as processors",
        ),
    ] = None
    ray: Annotated[
        str | None,
        option(
            "Compute the parts on a Ray cluster: auto (the one that this machine is part of), "
            "HOST:PORT or ray://HOST:PORT. local, or --ray alone, starts Ray on this machine.",
            metavar="[ADDRESS]",
            default_text="default: without Ray",
        ),
    ] = None
    ray_workers: Annotated[
        int | None,
        option(
            "Workers on the Ray cluster. Each has a processor. With --device cuda they share the "
            "GPUs.",
            metavar="N",
            default_text="default: as many as the cluster has processors or GPUs",
        ),
    ] = None


def with_ray_address(words: Sequence[str]) -> list[str]:
    """The words of a command line, with an address after each --ray that stands alone."""
    from facepoints.commands.ray_address import LOCAL, is_address

    complete: list[str] = []
    for number, word in enumerate(words):
        complete.append(word)
        if word == "--ray" and not any(map(is_address, words[number + 1 : number + 2])):
            complete.append(LOCAL)
    return complete


def wants_parts(
    inputs: Sequence[str], out: str | None, format: str | None, options: PartOptions
) -> bool:
    """True if the results go to a folder of parts, or come from what only parts can read."""
    from facepoints.results.parts import holds_parts
    from facepoints.sources import needs_parts
    from facepoints.sources.stores import is_url

    given = (options.shard, options.part_size, options.column, options.ray, options.ray_workers)
    if any(value is not None for value in given) or any(map(needs_parts, inputs)):
        return True
    if out is None or format == "pts":
        return False
    return out.endswith("/") or is_url(out) or (Path(out).is_dir() and holds_parts(out))


_MOST_THREADS = 256


@contextmanager
def used_threads(count: int | None) -> Iterator[None]:
    """In this context, OpenCV uses so many threads; None: as many as before."""
    import cv2

    before = cv2.getNumThreads()
    if count is not None and 0 < count <= _MOST_THREADS:  # others are refused with the model
        cv2.setNumThreads(count)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


@dataclass(frozen=True)
class PartsCommand:
    """A command line that predicts parts. The fields are its options."""

    inputs: Sequence[str]
    options: PredictorOptions
    parts: PartOptions
    landmarks: LandmarkSet | None
    config: TrackerConfig
    format: str | None
    overwrite: bool

    def run(self, out: str | None) -> None:
        """Predict to a folder of parts, to a file, or to standard output."""
        file = out is not None and _is_file(out, self.format)
        if self.parts.ray_workers is not None and self.parts.ray is None:
            raise SettingsError("--ray-workers are those of a Ray cluster; add --ray")
        if self.parts.ray is not None and out is None:
            raise SettingsError("--ray fills a folder of parts; name one with --out, as in faces/")
        if self.parts.shard is not None and (file or out is None):
            raise SettingsError(
                f"--shard fills a folder of parts; name one with --out, such as faces/, got "
                f"{out or 'no --out'}"
            )
        if out is None:
            self._print()
        elif file:
            self._write(out)
        else:
            self._end(self._fill(out, self.format or "parquet"), out)

    def _fill(self, folder: str, format: str) -> PartsReport:
        """Compute the parts that are missing in a folder."""
        from facepoints.commands.part_job import PART_SIZE, Shard, prepare
        from facepoints.commands.predict_parts import predict_parts
        from facepoints.commands.ray_address import check_ray

        shard = None if self.parts.shard is None else Shard.parse(self.parts.shard)
        size = self.parts.part_size
        gpu = False
        if self.parts.ray is not None:
            gpu = check_ray(self.parts.ray, self.parts.ray_workers, self.options.device)
        model = self.options.load(threads=self.parts.threads)
        prepared = prepare(
            model,
            self.inputs,
            folder,
            part_size=PART_SIZE if size is None else size,
            format=format,
            landmarks=self.landmarks,
            shard=shard,
            overwrite=self.overwrite,
            column=self.parts.column,
            config=self.config,
            command=_command(),
        )
        if prepared.note:
            note(prepared.note)
        if self.parts.ray is None:
            return predict_parts(model, prepared, ERR)
        from facepoints.commands.predict_ray import predict_ray

        return predict_ray(
            model,
            prepared,
            self.parts.ray,
            workers=self.parts.ray_workers,
            gpu=gpu,
            console=ERR,
        )

    def _write(self, out: str) -> None:
        """Write one file. Its parts are in a folder beside it until all are there."""
        from facepoints.commands.predict_images import output_landmarks
        from facepoints.commands.predict_to_file import format_to_join, join, parts_folder

        read = [*self.inputs, *self.options.files()]
        with file_outputs(out, self.format, inputs=read, overwrite=self.overwrite):
            points = output_landmarks(self.options.load(), self.landmarks)
            name = format_to_join(out, self.format, points)
            report = self._fill(parts_folder(out), "parquet" if name == "parquet" else "jsonl")
            if not report.failed:
                join(parts_folder(out), out, name)
        self._end(report, out)

    def _print(self) -> None:
        """Write a line of JSON for each picture to standard output."""
        from facepoints.commands.predict_to_file import print_parts

        model = self.options.load(threads=self.parts.threads)
        points, column = self.landmarks, self.parts.column
        report = print_parts(
            model, self.inputs, landmarks=points, column=column, config=self.config
        )
        self._end(report, "")

    def _end(self, report: PartsReport, place: str) -> None:
        """The closing line, and an error if parts could not be read."""
        written = place and not (report.failed and not report.done)
        note(report.summary() + (f"; results are in {place}" if written else ""))
        if report.failed:
            count = len(report.failed)
            raise DataError(
                f"{count} {'part' if count == 1 else 'parts'} could not be read now; the same "
                f"command tries again ({report.failure})"
            )
        if report.images and report.unreadable == report.images:
            raise DataError(report.error)
        if report.cut:
            raise DataError(
                f"{report.cut_text()}; all else is in {place or 'the lines above'}; mend them and "
                f"begin again with --overwrite, or go on without"
            )


def _is_file(out: str, format: str | None) -> bool:
    """True if --out is one file or a folder of .pts files, and not a folder of parts."""
    from facepoints.results.formats import FORMATS
    from facepoints.sources.stores import is_url

    if out.endswith("/") or format == "pts":
        return format == "pts" and not is_url(out)
    suffixes = {suffix for one in FORMATS.values() for suffix in one.suffixes}
    folder = not is_url(out) and Path(out).is_dir()
    return os.path.splitext(out)[1].lower() in suffixes and not folder


@contextmanager
def file_outputs(
    out: str | None,
    format: str | None = None,
    *,
    inputs: Sequence[str | Path] = (),
    overwrite: bool = False,
) -> Iterator[None]:
    """In this context, the command writes one file of results; see `cli.outputs.outputs`.

    Args:
        out: path or address of the file; None: there is none.
        format: name of its format; None: its name chooses it.
        inputs: files that are not replaced.
        overwrite: replace a file that is there.

    Raises:
        WriteError: the file is there, or cannot be written.
    """
    from facepoints.sources import stores

    if out is not None and stores.is_url(out):
        if not overwrite and stores.exists(out):
            raise WriteError(f"{out} is there already; name another file, or add --overwrite")
        yield
        return
    output = None if out is None else results_output(Path(out), format)
    with outputs(output, inputs=inputs, overwrite=overwrite):
        yield


_OF_THE_PROCESS = {"--shard": 1, "--device": 1, "--threads": 1, "--overwrite": 0}
_OF_THE_PROCESS |= {"--ray": 1, "--ray-workers": 1}
"""Options that differ between the processes of a run, with the number of their values."""


def _command() -> str:
    """The command line without the options that may differ between the processes of a run."""
    words, kept = list(command_words()), ["facepoints"]
    while words:
        name, equals, _ = words[0].partition("=")
        count = _OF_THE_PROCESS.get(name)
        if count is None:
            kept.append(words.pop(0))
        else:
            del words[: 1 + (0 if equals else count)]
    return shlex.join(kept)
