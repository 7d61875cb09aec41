"""Predicts the parts of a source, each to a file of its own."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from rich.console import Console

from facepoints._util.console import print_line
from facepoints._util.progress import PartProgress, Stopped, StopRequest
from facepoints._util.words import count_noun
from facepoints.commands.image_files import predict_pictures
from facepoints.commands.local_output import local_output
from facepoints.commands.part_job import PartsJob, Prepared
from facepoints.commands.report import LISTED, SourceReport, show_unreadable
from facepoints.errors import DataError, WriteError
from facepoints.inference.predictor import Predictor
from facepoints.results.formats import write_records
from facepoints.results.records import Record, error_record, record, result_record
from facepoints.runtime.repeatable import repeatable
from facepoints.sources import CredentialsError, Part, StoreError, read_part, stores
from facepoints.tracking.tracker import track_video
from facepoints.video.source import open_video

__all__ = ["PartReport", "PartsReport", "part_records", "predict_part", "predict_parts"]

Progress = Callable[["PartReport"], None]


@dataclass
class PartReport(SourceReport):
    """Counts of a part, in addition to those of `SourceReport`.

    Attributes:
        number: of the part.
    """

    number: int = 0


@dataclass
class PartsReport(SourceReport):
    """Counts of the parts that a process computed, in addition to those of `SourceReport`.

    Attributes:
        prepared: the job.
        done: number of parts that were computed.
        failed: numbers of the parts that could not be read.
        failure: why the first of them could not.
        seconds: time taken.
    """

    prepared: Prepared | None = None
    done: int = 0
    failed: list[int] = field(default_factory=list)
    failure: str = ""
    seconds: float = 0.0

    def add(self, part: PartReport, console: Console | None = None) -> None:
        """Add a part that was computed. The console shows what could not be read."""
        self.done += 1
        self.images += part.images
        self.faces += part.faces
        self.without_faces += part.without_faces
        self.unreadable += part.unreadable
        self.error = self.error or part.error
        self.cut += part.cut
        self.cut_error = self.cut_error or part.cut_error
        if part.cut and console is not None:
            print_line(console, f"damaged: {part.cut_error}")
        for error in part.errors[: LISTED + 1 - len(self.errors)]:
            self.errors.append(error)
            if console is not None:
                show_unreadable(error, len(self.errors), console)

    def fail(self, part: int, error: Exception) -> None:
        """Add a part that could not be read."""
        self.failed.append(part)
        self.failure = self.failure or str(error)

    @property
    def all_done(self) -> int:
        """Number of parts that are done, also by earlier runs."""
        assert self.prepared is not None
        return self.done + self.prepared.chosen - len(self.prepared.missing)

    def so_far(self) -> str:
        """Say what an interrupted run leaves behind."""
        assert self.prepared is not None
        chosen = count_noun(self.prepared.chosen, "part")
        return f"{self.all_done} of {chosen} are done and stay in {self.prepared.job.folder}"

    def summary(self) -> str:
        """The closing line of the command."""
        if self.prepared is None:
            return super().summary()
        chosen, before = self.prepared.chosen, self.prepared.chosen - len(self.prepared.missing)
        shard = self.prepared.shard
        share = f"shard {shard}: " if shard.of > 1 else ""
        earlier = f", {before} of them before" if before else ""
        parts = f"{share}{self.done + before} of {count_noun(chosen, 'part')} done{earlier}"
        return f"{parts}; {super().summary()}" if self.images else parts

    def _remarks(self) -> list[str]:
        if not self.seconds:
            return []
        rate = self.images / max(self.seconds, 1e-9)
        return [f"{self.seconds:.1f} s, {rate:.1f} images per second"]


def predict_part(
    predictor: Predictor,
    part: Part,
    job: PartsJob,
    progress: Progress | None = None,
) -> PartReport:
    """Compute a part, and write its file whole or not at all.

    The bytes of the file depend on the part, the source, the model and the settings: not on the
    number of threads, processes or shards. They may depend on the processor, on the versions of
    onnxruntime and pyarrow, and on the device.

    Args:
        predictor: finds the faces.
        part: one of the job's source.
        job: what to write where.
        progress: called with the counts so far after each batch; what it raises ends the part.

    Raises:
        StoreError: the part cannot be read now. Others may be.
        WriteError: the part cannot be written, or another run has taken the folder.
    """
    job.check()
    report = PartReport(number=part.number)
    with local_output(job.path(part.number)) as path, repeatable():
        records = part_records(predictor, part, job, report, progress)
        metadata = job.part_metadata(part.number)
        write_records(job.format, lambda: records, job.landmarks, path, metadata)
    return report


def part_records(
    predictor: Predictor,
    part: Part,
    job: PartsJob,
    report: PartReport,
    progress: Progress | None = None,
) -> Iterator[Record]:
    """The records of a part, which `report` counts. Arguments and errors: see `predict_part`."""
    if part.kind == "video":
        yield from _of_video(predictor, part, job, report, progress)
        return
    for batch in predict_pictures(predictor, read_part(part)):
        for result in batch:
            faces = [face.as_landmarks(job.landmarks) for face in result.faces]
            report.count_row(result.file, len(faces), result.error)
            yield result_record(replace(result, faces=faces), job.landmarks)
        if progress is not None:
            progress(report)


def _of_video(
    predictor: Predictor,
    part: Part,
    job: PartsJob,
    report: PartReport,
    progress: Progress | None,
) -> Iterator[Record]:
    """The records of all frames of a video, which is tracked from its first frame to its last."""
    with stores.local_copy(part.source) as path:
        try:
            for frame, predicted in track_video(predictor, open_video(path), job.config):
                faces = [face.as_landmarks(job.landmarks) for face in predicted]
                report.count(len(faces))
                size = frame.image.shape[0], frame.image.shape[1]
                yield record(
                    part.source, size, faces, frame.index, time=frame.time, landmarks=job.landmarks
                )
                if progress is not None:
                    progress(report)
        except DataError as error:
            text = str(error).replace(str(path), part.source)
            report.count_row(part.source, 0, text)
            yield error_record(part.source, text)


def predict_parts(
    predictor: Predictor, prepared: Prepared, console: Console | None = None
) -> PartsReport:
    """Compute the parts that a process has to, one after another.

    A part that another process has written meanwhile is passed over. Two processes that compute
    the same part at once write the same bytes.

    Args:
        predictor: finds the faces.
        prepared: by `part_job.prepare`.
        console: shows progress; None: shows nothing.

    Raises:
        WriteError: a part cannot be written; those that are done stay.
        CredentialsError: a store refuses the credentials; the parts that are done stay.
        Stopped: interrupted by Ctrl-C or SIGTERM. The part that was being computed is begun again
            by the next run; those that are done stay.
    """
    started = time.monotonic()
    report = PartsReport(prepared=prepared)
    console = console or Console(quiet=True, file=sys.stderr)
    with StopRequest() as stop, PartProgress(console, prepared.chosen) as bar:

        def show(part: PartReport) -> None:
            bar.at(report.all_done, report.images + part.images, report.faces + part.faces)
            if stop.asked:
                raise Stopped

        for part in prepared.missing:
            try:
                if not prepared.job.is_done(part.number):
                    report.add(predict_part(predictor, part, prepared.job, show), console)
                else:
                    report.done += 1
            except CredentialsError as error:  # all other parts would be refused too
                raise CredentialsError(f"{error}; {report.so_far()}") from error
            except StoreError as error:
                report.fail(part.number, error)
                print_line(console, f"part {part.number} could not be read: {error}")
            except Stopped:
                raise Stopped(f"stopped: {report.so_far()}; the same command goes on") from None
            except WriteError as error:
                raise WriteError(f"{error}; {report.so_far()}") from error
            bar.at(report.all_done, report.images, report.faces)
            if stop.asked and part is not prepared.missing[-1]:
                raise Stopped(f"stopped: {report.so_far()}; the same command goes on")
    report.seconds = time.monotonic() - started
    return report
