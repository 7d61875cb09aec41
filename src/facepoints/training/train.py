"""Training: labelled faces in, a run folder out.

    facepoints train training.csv --out runs/first --minutes 10
    facepoints train training.csv --out runs/first --resume          # after a Ctrl-C
    torchrun --nproc-per-node 4 -m facepoints train training.csv --out runs/four

Rows are split by group into training and validation, the missing-label answer makes a
plan of parts, and each part trains one network or an ensemble.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor

from facepoints._util.files import make_folder, read_json
from facepoints._util.progress import Stopped, StopRequest, TrainingProgress
from facepoints.datasets import marking_schemes
from facepoints.datasets.crop_geometry import crop_rule_of
from facepoints.datasets.crops import center_crop
from facepoints.datasets.samples import Samples
from facepoints.datasets.splits import split_groups, spread_rows
from facepoints.drawing import curves, draw_sheet
from facepoints.errors import RunError, SettingsError
from facepoints.evaluation.calibration import calibrate
from facepoints.evaluation.evaluate import evaluate, predict_samples
from facepoints.models.onnx_export import check_installed, export
from facepoints.models.run import MODEL, Run, read_header, save_run, save_weights
from facepoints.training.allocator import keep_freed_memory
from facepoints.training.batches import augmentation
from facepoints.training.distributed import DistributedContext, distributed_context
from facepoints.training.initialization import RANDOM_INIT, digest, load_init_run, resolve_init
from facepoints.training.member_trainer import MemberTrainer
from facepoints.training.missing_labels import Part, Plan, make_plan
from facepoints.training.settings import TrainSettings
from facepoints.training.train_state import read_checkpoint, write_checkpoint

__all__ = ["Stopped", "stored_settings", "train"]

_CHECKPOINT = "checkpoint.safetensors"
_LAST = "curves.png"  # once this is written, a run is complete
_Checkpoint = tuple[dict[str, Tensor], dict[str, Any]]


def train(
    data: Samples,
    out: Path,
    settings: TrainSettings,
    *,
    resume: bool = False,
    data_names: Sequence[str] = (),
    held: Samples | None = None,
    negatives: NDArray[np.uint8] | None = None,
    onnx: bool = True,
    console: Console | None = None,
) -> dict[str, Any]:
    """Train on labelled faces and leave a run in `out`.

    Args:
        data: labelled rows; a part of them is held out as `settings.validation` says.
        out: folder of the run; must not hold one unless `resume`.
        resume: go on with a training that was cut off; starts anew if there is none.
        data_names: where the data came from, for the record.
        held: rows to hold out, of the size that the network sees, instead of a part of `data`.
        negatives: (N, H, W) uint8 pictures without a face, of the size of `data`'s, so that
            the network learns to tell whether there is one (heatnet only).
        onnx: write ``model.onnx`` at the end, which takes some seconds a network.

    Returns:
        The report on the held-out rows (see `evaluate.evaluate`), as in
        ``validation/evaluation.json``; empty where nothing was held out.

    Raises:
        SettingsError, DataError: settings and data do not fit.
        MissingExtraError: what writes ``model.onnx`` is not installed.
        RunError: `out` holds a run already, or one of other settings or data.
        Stopped: Ctrl-C or SIGTERM came; a checkpoint is saved.
    """
    console = console or Console()
    if onnx:
        check_installed()  # not after hours of training
    with distributed_context(settings.device) as here:
        if here.device.type == "cpu":
            keep_freed_memory()
        rows = data
        if held is None:
            train_rows, held_rows = split_groups(data.group, settings.validation, settings.seed)
            rows, held = (
                data.take(train_rows),
                center_crop(data.take(held_rows), settings.input_size),
            )
        plan = make_plan(rows, settings.missing, settings.merge)
        settings = replace(
            settings, init=resolve_init(settings.init, settings.network, plan.landmarks)
        )
        start = load_init_run(settings.init or RANDOM_INIT)
        header = _header(data, plan, settings, data_names, negatives)
        header |= _crop_rule(rows, plan, settings)
        header["start"] = None if start is None else {"run": start.name, "digest": digest(start)}
        found = here.run_on_rank0(lambda: _begin(out, header, resume))
        if found is not None:
            try:
                with TrainingProgress(console, here.is_rank0) as progress, StopRequest() as stop:
                    _fit_all(
                        plan, held, negatives, start, out, settings, here, found, progress, stop
                    )
            except SettingsError:
                here.run_on_rank0(lambda: _forget(out))
                raise
            here.run_on_rank0(lambda: _end(out, header))
        elif here.is_rank0:
            said = f"{out} has finished training already; nothing to train"
            console.print(said, markup=False, highlight=False, soft_wrap=True)
        return here.run_on_rank0(lambda: _look_back(held, out, onnx))


def _members(plan: Plan, settings: TrainSettings) -> list[Part]:
    return [part for part in plan.parts for _ in range(settings.ensemble)]


def _fit_all(
    plan: Plan,
    held: Samples,
    negatives: NDArray[np.uint8] | None,
    start: Run | None,
    out: Path,
    settings: TrainSettings,
    here: DistributedContext,
    found: _Checkpoint,
    progress: TrainingProgress,
    stop: StopRequest,
) -> None:
    """Train the members one after the other, from where a checkpoint says."""
    tensors, numbers = found
    history: list[dict[str, Any]] = numbers.get("history", [])
    arranged = marking_schemes.in_scheme_columns(held, plan.landmarks)
    members = _members(plan, settings)
    if settings.minutes is not None:
        settings = replace(settings, minutes=settings.minutes / len(members))
    for number, part in enumerate(members):
        if number < numbers.get("member", 0):
            continue
        test = arranged.select(part.samples.landmarks.names)
        fit = MemberTrainer(number, part.samples, test, settings, here, negatives, start, part.name)
        if tensors and number == numbers["member"]:
            fit.learner.restore(tensors, numbers["learner"])
            fit.elapsed = float(numbers["elapsed"])
        progress.member(number + 1, len(members), part.name)
        fit.run(out, history, progress, stop)
        if here.is_rank0:
            save_weights(out / "weights" / f"{number}.safetensors", fit.result(), settings.half)
            write_checkpoint(out / _CHECKPOINT, {}, {"member": number + 1, "history": history})


def _header(
    data: Samples,
    plan: Plan,
    settings: TrainSettings,
    data_names: Sequence[str],
    negatives: NDArray[np.uint8] | None,
) -> dict[str, Any]:
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
                "landmarks": part.samples.landmarks.to_dict(),
                "rows": len(part.samples),
                "file": f"weights/{number}.safetensors",
            }
            for number, part in enumerate(_members(plan, settings))
        ],
        "settings": asdict(settings),
        "data": {"names": list(data_names), "rows": len(data), "digest": _digest(data, negatives)},
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "threads": torch.get_num_threads(),
        },
    }


def _crop_rule(rows: Samples, plan: Plan, settings: TrainSettings) -> dict[str, Any]:
    """How faces lie in what the networks see, for the header."""
    seen = center_crop(marking_schemes.in_scheme_columns(rows, plan.landmarks), settings.input_size)
    rule = crop_rule_of(seen)
    return {
        "canonical_points": np.round(rule.canonical_points.astype(float), 3).tolist(),
        "face_box": [round(side, 3) for side in rule.face_box],
    }


def _digest(data: Samples, negatives: NDArray[np.uint8] | None) -> str:
    """Fingerprint of images and labels: a training can be resumed on the same data only."""
    digest = hashlib.blake2b(digest_size=16)
    arrays = (data.images, data.points, data.labelled, data.group)
    for array in arrays if negatives is None else (*arrays, negatives):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _begin(out: Path, header: dict[str, Any], resume: bool) -> _Checkpoint | None:
    """What to go on from (nothing for a fresh start), with the header written; None if this
    training has finished. Raises RunError if `out` holds a run and is not to be resumed, or
    holds another."""
    found: _Checkpoint = ({}, {})
    if (out / "run.json").exists():
        if not resume:
            raise RunError(
                f"{out} holds a run already; choose another folder, go on with --resume, "
                f"or remove it first"
            )
        if _finished(out, header):
            return None
        if (out / _CHECKPOINT).exists():
            found = read_checkpoint(out / _CHECKPOINT)
    make_folder(out / "weights")
    for left in (_LAST, MODEL):
        (out / left).unlink(missing_ok=True)
    save_run(out, header)
    return found


def _forget(out: Path) -> None:
    """Undo `_begin` where nothing was trained, so that other settings can be tried there."""
    if not (out / _CHECKPOINT).exists():
        (out / "run.json").unlink(missing_ok=True)
        for folder in (out / "weights", out):
            with suppress(OSError):  # something is in it
                folder.rmdir()


def _finished(out: Path, header: dict[str, Any]) -> bool:
    """Whether `out` holds this training to its end. Raises RunError if it holds another."""
    before = read_header(out)
    try:
        same = before["data"]["digest"] == header["data"]["digest"]
        settings = before["settings"]
        changed = [k for k, v in header["settings"].items() if settings.get(k) != v]
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{out / 'run.json'} is damaged: no data and settings in it") from error
    if not same:
        raise RunError(f"{out} was trained on other data; resume it with the data it began with")
    if changed:
        raise RunError(
            f"{out} was begun with other settings ({', '.join(changed)}); leave them out to "
            f"resume, or train into another folder"
        )
    if before.get("start") != header["start"]:
        raise RunError(
            f"{out} was begun from other weights than {header['start']['run']} holds now; train "
            f"into another folder"
        )
    return bool(before.get("finished"))


def _end(out: Path, header: dict[str, Any]) -> None:
    save_run(out, {**header, "finished": True})
    (out / _CHECKPOINT).unlink(missing_ok=True)


def stored_settings(out: Path) -> TrainSettings | None:
    """Settings of the run that `out` holds, for resuming; None if it holds none."""
    if not (out / "run.json").exists():
        return None
    try:
        return TrainSettings(**read_header(out)["settings"])
    except (KeyError, TypeError) as error:
        raise RunError(f"{out / 'run.json'} holds settings of another version: {error}") from error


_SHOWN = 24
"""Held-out faces on the picture of predictions."""


def _look_back(held: Samples, out: Path, onnx: bool) -> dict[str, Any]:
    """Calibrate, measure, draw and export the finished run, unless that is done; the report
    on the held-out rows, empty where nothing is held out."""
    folder, last = out / "validation", out / _LAST
    if not last.exists():
        run = Run.load(out)
        if held.labelled.any():
            run = _calibrated(run, held, out)
            evaluate(run, held, out=folder, pictures=True)
            shown = held.take(spread_rows(len(held), _SHOWN))
            draw_sheet(shown, folder / "predictions.png", predicted=predict_samples(run, shown))
        if onnx:
            export(run, out / MODEL)
        lines = (out / "metrics.jsonl").read_text().splitlines()
        curves([json.loads(line) for line in lines], last)
    path = folder / "evaluation.json"
    return read_json(path) if path.exists() else {}


def _calibrated(run: Run, held: Samples, out: Path) -> Run:
    """The run with radii measured on the held-out rows, as `out` now says too."""
    found = run.predict(held.images)
    truth = marking_schemes.in_scheme_columns(held, run.landmarks)
    calibration = calibrate(found.points, found.scale, truth)
    if calibration is None:
        return run
    save_run(out, {**read_header(out), "calibration": calibration.to_dict()})
    return replace(run, calibration=calibration)
