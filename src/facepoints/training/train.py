"""Training: labeled faces in, a run folder out.

    facepoints train training.csv --out runs/first --minutes 10
    facepoints train training.csv --out runs/first --resume          # after Ctrl-C
    torchrun --nproc-per-node 4 -m facepoints train training.csv --out runs/four

Rows are split into training and validation, by person. The missing-label strategy makes a plan
of one or more parts, and each part trains one network or an ensemble.
"""

from __future__ import annotations

import platform
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from facepoints._util.console import print_line
from facepoints._util.progress import Stopped, StopRequest, TrainingProgress
from facepoints.datasets import marking_schemes
from facepoints.datasets.applied_fixes import AppliedFixes
from facepoints.datasets.crop_geometry import crop_rule_of
from facepoints.datasets.crops import center_crop
from facepoints.datasets.samples import Samples
from facepoints.datasets.splits import split_groups
from facepoints.errors import DataWarning, SettingsError
from facepoints.landmarks.conversion import convertible
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.models.networks import VISIBILITY_NETWORKS
from facepoints.models.onnx_export import check_installed
from facepoints.models.run import Run, save_weights
from facepoints.training.allocator import keep_freed_memory
from facepoints.training.batches import augmentation
from facepoints.training.distributed import DistributedContext, distributed_context
from facepoints.training.finish import complete_run, label_counts
from facepoints.training.initialization import digest, load_init_run, resolve_init
from facepoints.training.member_trainer import MemberTrainer
from facepoints.training.missing_labels import Part, Plan, make_plan
from facepoints.training.point_report import point_lines
from facepoints.training.run_folder import (
    CHECKPOINT,
    Checkpoint,
    begin_run,
    data_digest,
    discard_run,
    finish_run,
)
from facepoints.training.settings import TrainSettings
from facepoints.training.train_state import write_checkpoint

__all__ = ["Stopped", "train"]


@dataclass(frozen=True)
class _Job:
    """Data and settings that all members of a run are trained with.

    Attributes:
        plan: parts to train.
        held: held-out faces, of the size of the network input.
        negatives: (N, H, W) images without a face, or None.
        start: run to take the initial weights from, or None.
        settings: of the training.
        out: run folder.
        annotators: number of annotators whose bias is learned.
    """

    plan: Plan
    held: Samples
    negatives: NDArray[np.uint8] | None
    start: Run | None
    settings: TrainSettings
    out: Path
    annotators: int

    @property
    def members(self) -> list[Part]:
        """The part that each member trains on."""
        return _members(self.plan, self.settings)


def train(
    data: Samples,
    out: Path,
    settings: TrainSettings,
    *,
    resume: bool = False,
    data_names: Sequence[str] = (),
    fixes: AppliedFixes | None = None,
    held: Samples | None = None,
    negatives: NDArray[np.uint8] | None = None,
    annotator_bias: bool = False,
    onnx: bool = True,
    report: bool = True,
    console: Console | None = None,
) -> dict[str, Any]:
    """Train on labeled faces and write a run to `out`.

    Args:
        data: labeled rows; `settings.validation` of them are held out.
        out: folder of the run; must not hold one unless `resume`.
        resume: continue an interrupted training; starts a new one if there is none.
        data_names: names of the data sets, for the record.
        fixes: what the labels of `data` were mended with, for the record; None: nothing.
        held: rows to hold out, of the size of the network input, instead of a part of `data`.
        negatives: (N, H, W) uint8 images without a face, of the size of `data`'s images, to
            train a face score (heatnet only).
        annotator_bias: learn how the annotators of the marking schemes in `data` differ
            (heatnet only, one part without schemes in the columns, such as missing="mask").
        onnx: write ``model.onnx`` at the end, which takes some seconds per network.
        report: write ``report.html`` at the end. Without Jinja2 a `DataWarning` says how to get
            it.
        console: for progress and messages; default: standard output.

    Returns:
        The report on the held-out rows (see `evaluate.evaluate`), as in
        ``validation/evaluation.json``; empty if nothing was held out.

    Raises:
        SettingsError, DataError: settings and data do not fit.
        MissingExtraError: a package that writes ``model.onnx`` is not installed.
        RunError: `out` holds a run already, or one of other settings, data or fixes.
        Stopped: Ctrl-C or SIGTERM; a checkpoint is saved.
    """
    console = console or Console()
    if onnx:
        check_installed()  # not after hours of training
    with distributed_context(settings.device) as ctx:
        if ctx.device.type == "cpu":
            keep_freed_memory()
        if settings.network not in VISIBILITY_NETWORKS:
            data = replace(data, visibility=None)  # label files may know it, the network does not
        rows = data
        if held is None:
            train_rows, held_rows = split_groups(data.group, settings.validation, settings.seed)
            rows = data.take(train_rows)
            held = center_crop(data.take(held_rows), settings.input_size)
        plan = make_plan(rows, settings.missing, settings.merge)
        by_default = settings.init is None
        init = resolve_init(settings.init, settings.network, plan.landmarks)
        settings = replace(settings, init=init)
        start = load_init_run(init)
        annotators = len(data.schemes) if annotator_bias else 0
        header = _header(data, plan, settings, negatives, annotators)
        header["data"] |= {"names": list(data_names), "fixes": fixes and fixes.to_dict()}
        header |= _crop_rule(rows, plan, settings)
        header["start"] = None if start is None else {"run": start.name, "digest": digest(start)}
        if resume and ctx.is_rank0 and not (out / "run.json").exists():
            print_line(console, f"no unfinished training in {out}; a new one begins")
        checkpoint = ctx.run_on_rank0(lambda: begin_run(out, header, resume))
        if checkpoint is not None:
            if ctx.is_rank0:
                _say_points(plan.landmarks, data, start, console)
                if by_default and start is None and settings.network == "heatnet":
                    _warn_of_unknown_names(plan.landmarks)
            job = _Job(plan, held, negatives, start, settings, out, annotators)
            try:
                with TrainingProgress(console, ctx.is_rank0) as progress, StopRequest() as stop:
                    _train_members(job, ctx, checkpoint, progress, stop)
            except SettingsError:
                ctx.run_on_rank0(lambda: discard_run(out))
                raise
            ctx.run_on_rank0(lambda: finish_run(out, header))
        elif ctx.is_rank0:
            print_line(console, f"{out} has finished training already; nothing to train")
        labels = label_counts(plan) if report else None
        return ctx.run_on_rank0(lambda: complete_run(held, out, onnx, labels))


def _say_points(landmarks: LandmarkSet, data: Samples, start: Run | None, console: Console) -> None:
    """Print which points the initial weights know, and how images are mirrored."""
    known = None
    if start is not None:
        scheme = marking_schemes.widest_scheme(marking_schemes.points_by_scheme(data))
        _, known = marking_schemes.scheme_matrix(start.landmarks, landmarks, scheme)
    for line in point_lines(landmarks, None if start is None else start.name, known):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _warn_of_unknown_names(landmarks: LandmarkSet) -> None:
    """Issue a `DataWarning` if the training starts from random weights because of the names."""
    if not convertible(IBUG_68, landmarks).any():
        warnings.warn(
            "the built-in model knows none of these points by name, so the training starts from "
            "random weights; if they are points of faces under other names, rename them (--rename "
            "FILE), or start from the built-in weights (--init builtin)",
            DataWarning,
            stacklevel=3,
        )


def _members(plan: Plan, settings: TrainSettings) -> list[Part]:
    return [part for part in plan.parts for _ in range(settings.ensemble)]


def _train_members(
    job: _Job,
    ctx: DistributedContext,
    checkpoint: Checkpoint,
    progress: TrainingProgress,
    stop: StopRequest,
) -> None:
    """Train the members one after the other, from the checkpoint on."""
    tensors, numbers = checkpoint
    history: list[dict[str, Any]] = numbers.get("history", [])
    held = marking_schemes.in_scheme_columns(job.held, job.plan.landmarks)
    members, settings, out = job.members, job.settings, job.out
    if settings.minutes is not None:
        settings = replace(settings, minutes=settings.minutes / len(members))
    for number, part in enumerate(members):
        if number < numbers.get("member", 0):
            continue
        own_held = held.select(part.samples.landmarks.names)
        trainer = MemberTrainer(
            number,
            part.samples,
            own_held,
            settings,
            ctx,
            job.negatives,
            job.start,
            part.name,
            job.annotators,
        )
        if tensors and number == numbers["member"]:
            trainer.restore(tensors, numbers)
        progress.member(number + 1, len(members), part.name)
        trainer.run(out, history, progress, stop)
        if ctx.is_rank0:
            weights = out / "weights" / f"{number}.safetensors"
            save_weights(weights, trainer.result(), settings.half)
            write_checkpoint(out / CHECKPOINT, {}, {"member": number + 1, "history": history})


def _header(
    data: Samples,
    plan: Plan,
    settings: TrainSettings,
    negatives: NDArray[np.uint8] | None,
    annotators: int,
) -> dict[str, Any]:
    """Contents of ``run.json`` that are known before the training."""
    strengths, mirror = augmentation(settings, plan.landmarks)
    return {
        "finished": False,
        "landmarks": plan.landmarks.to_dict(),
        "schemes": {name: list(points) for name, points in data.schemes.items()},
        "size": list(data.size) if settings.input_size is None else [settings.input_size] * 2,
        "merge": plan.merge,
        "mirror": mirror is not None and any(s.mirror > 0 for s in strengths),
        "members": [
            {
                "part": part.name,
                "network": settings.network,
                "has_face_score": negatives is not None and len(negatives) > 0,
                "annotators": annotators,
                "has_visibility": part.samples.visibility is not None,
                "landmarks": part.samples.landmarks.to_dict(),
                "rows": len(part.samples),
                "file": f"weights/{number}.safetensors",
            }
            for number, part in enumerate(_members(plan, settings))
        ],
        "settings": asdict(settings),
        "data": {
            "rows": len(data),
            "digest": data_digest(data, negatives),
        },
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "threads": torch.get_num_threads(),
        },
    }


def _crop_rule(rows: Samples, plan: Plan, settings: TrainSettings) -> dict[str, Any]:
    """Position of the faces in the network input, for ``run.json``."""
    arranged = marking_schemes.in_scheme_columns(rows, plan.landmarks)
    rule = crop_rule_of(center_crop(arranged, settings.input_size))
    return {
        "canonical_points": np.round(rule.canonical_points.astype(float), 3).tolist(),
        "face_box": [round(side, 3) for side in rule.face_box],
    }
