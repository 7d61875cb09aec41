"""Predicts the parts of a source on a Ray cluster.

What is done is in the folder of the parts, as without Ray: nothing else has to survive. So the
cluster holds no state that is needed to go on, its nodes may come and go, and a run may be begun
with Ray and finished without it.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass

from rich.console import Console

from facepoints._util.console import print_line
from facepoints._util.processors import processor_count
from facepoints._util.progress import PartProgress, Stopped, StopRequest
from facepoints._util.words import count_noun
from facepoints.commands.part_job import PartsJob, Prepared
from facepoints.commands.predict_parts import PartReport, PartsReport, predict_part
from facepoints.commands.ray_address import LOCAL
from facepoints.commands.ray_connection import connected
from facepoints.commands.ray_pool import RayPool
from facepoints.errors import FacepointsError, SettingsError, WriteError
from facepoints.inference.predictor import Predictor
from facepoints.results.parts import MANIFEST, existing_parts, read_manifest
from facepoints.sources import CredentialsError, Part, StoreError, stores
from facepoints.sources.parts import unpack_names

__all__ = ["predict_ray"]

_GONE = "the same command goes on"


@dataclass(frozen=True)
class _PartTask:
    """What a worker does: it computes parts.

    Attributes:
        predictor: finds the faces.
        job: what to write where.
        witness: a local path that every node must see; empty: the source is on a store.
    """

    predictor: Predictor
    job: PartsJob
    witness: str

    def __call__(self, part: Part) -> PartReport:
        return predict_part(self.predictor, part, self.job)

    def check(self) -> str:
        """Say why this node cannot compute parts; empty if it can."""
        manifest = stores.join(self.job.folder, MANIFEST)
        shared = "use an address such as s3://, or a folder that every node shares"
        if not stores.exists(manifest):
            return f"it sees no {manifest}; {shared}"
        if self.witness and not os.path.lexists(self.witness):
            return f"it sees no {self.witness}; {shared}"
        self.job.check()
        return ""


def predict_ray(
    predictor: Predictor,
    prepared: Prepared,
    address: str = LOCAL,
    *,
    workers: int | None = None,
    gpu: bool = False,
    cores: int | None = None,
    console: Console | None = None,
) -> PartsReport:
    """Compute missing parts on a Ray cluster, one at a time on each of its workers.

    A worker has one processor, and with `gpu` a GPU. It reads pictures and writes parts itself, so
    they do not pass through Ray or this process. If a node dies, others do its parts. The bytes of
    the parts are those of a run without Ray on processors of the same kind.

    Args:
        predictor: finds the faces; it is sent to the workers with its models.
        prepared: by `part_job.prepare`.
        address: "local" starts Ray on this machine alone; "auto" is the cluster that this machine
            is part of; or HOST:PORT, or ray://HOST:PORT.
        workers: their number. None: as many as the cluster has processors, or GPUs.
        gpu: each worker gets a GPU.
        cores: processors of a local Ray. None: those that this process may use.
        console: shows progress; None: shows nothing.

    Raises:
        MissingExtraError: Ray is not installed.
        SettingsError: there is no such cluster, or it is gone; its nodes have another version of
            facepoints, do not see the source or the folder; or a part ends every worker that it is
            given to.
        CredentialsError: a store refuses the credentials; parts that are done stay.
        WriteError: a part cannot be written; those that are done stay.
        Stopped: interrupted by Ctrl-C or SIGTERM; parts that are done stay.
    """
    started = time.monotonic()
    report = PartsReport(prepared=prepared)
    console = console or Console(quiet=True, file=sys.stderr)
    if prepared.missing:
        cores = cores or processor_count()
        with connected(address, cores=cores, gpu=gpu) as ray, StopRequest() as stop:
            task = _PartTask(predictor, prepared.job, _witness(prepared.missing[0]))
            pool = RayPool[Part, PartReport](
                ray,
                task,
                workers=workers,
                gpu=gpu,
                stopped=lambda: stop.asked,
                say=lambda text: print_line(console, text),
                name=_name,
            )
            _compute(pool, prepared, report, console)
            if stop.asked and report.all_done < prepared.chosen:
                raise Stopped(f"stopped: {report.so_far()}; {_GONE}")
        _check_there(prepared, report)
    report.seconds = time.monotonic() - started
    return report


def _compute(
    pool: RayPool[Part, PartReport], prepared: Prepared, report: PartsReport, console: Console
) -> None:
    """Compute the missing parts, and count them."""
    with PartProgress(console, prepared.chosen) as bar:
        bar.at(report.all_done, 0, 0)
        try:
            for part, result in pool.run(prepared.missing):
                _count(part, result, report, console)
                bar.at(report.all_done, report.images, report.faces)
        except (SettingsError, WriteError, CredentialsError) as error:
            if not report.all_done:
                raise
            raise type(error)(f"{error}; {report.so_far()}") from error


def _count(
    part: Part, result: PartReport | FacepointsError, report: PartsReport, console: Console
) -> None:
    """Count a part. Raises the error that ends the run."""
    if isinstance(result, StoreError) and not isinstance(result, CredentialsError):
        report.fail(part.number, result)
        print_line(console, f"part {part.number} could not be read: {result}")
    elif isinstance(result, FacepointsError):
        raise result
    else:
        report.add(result, console)


def _name(part: Part) -> str:
    return f"part {part.number}" + (f" ({part.source})" if part.source else "")


def _check_there(prepared: Prepared, report: PartsReport) -> None:
    """Raises WriteError if this process does not see the parts that the workers wrote."""
    manifest = read_manifest(prepared.job.folder)
    there = set() if manifest is None else existing_parts(prepared.job.folder, manifest)
    wanted = {part.number for part in prepared.missing} - set(report.failed)
    if lost := sorted(wanted - there):
        raise WriteError(
            f"{count_noun(len(lost), 'part')} that the Ray workers wrote cannot be seen from here "
            f"(the first is {prepared.job.path(lost[0])}); the folder must be shared by all nodes"
        )


def _witness(part: Part) -> str:
    """A local file of a source; empty if it is on a store, or is not there."""
    name = part.source or (unpack_names(part.names)[0] if part.names else "")
    return "" if stores.is_url(name) or not os.path.lexists(name) else name
