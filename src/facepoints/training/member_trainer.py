"""One network's training: a loop that reads top to bottom.

All that is random in a step comes from (seed, member, step), so a training that was cut
off and resumed repeats an uninterrupted one bit for bit on the CPU.
"""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from facepoints._util.files import write_text
from facepoints._util.progress import Stopped, StopRequest, TrainingProgress
from facepoints.datasets.crops import center_crop
from facepoints.datasets.samples import Samples
from facepoints.datasets.splits import spread_rows
from facepoints.errors import SettingsError
from facepoints.models.networks import KeypointModel, RawOutput, build
from facepoints.models.run import Run
from facepoints.training.batches import Batch, Batches, DeviceFaces, seed_of
from facepoints.training.distributed import DistributedContext
from facepoints.training.initialization import init_from_run
from facepoints.training.losses import LOSSES, masked_mean
from facepoints.training.settings import TrainSettings
from facepoints.training.train_state import TrainState, write_checkpoint

__all__ = ["MemberTrainer", "precision_of"]

CHECKPOINT_SECONDS = 20.0

FACE_SCORE_WEIGHT = 0.1
"""What the cross entropy of "is there a face" counts beside the loss of the points."""


class MemberTrainer:
    """One member's training.

    Args:
        number: of the member in its run.
        rows: what it trains on.
        held: held-out rows in the same columns; may be none.
        negatives: (N, H, W) uint8 pictures without a face, of the size of `rows`, for the
            network to judge whether there is one; may be none.
        here: this process among those that train together.
        start: run to begin from; None: random weights.
        part: of the missing-label answer that it trains for.

    Raises:
        SettingsError: too few rows for a step, images too small for the network, or a run
            that it cannot begin from.
    """

    def __init__(
        self,
        number: int,
        rows: Samples,
        held: Samples,
        settings: TrainSettings,
        here: DistributedContext,
        negatives: NDArray[np.uint8] | None = None,
        start: Run | None = None,
        part: str = "",
    ) -> None:
        self.number, self.settings, self.here = number, settings, here
        seen = center_crop(rows, settings.input_size)
        self.batches = Batches(rows, negatives, seen.size, number, settings, here)
        self.steps = self.batches.steps
        self.held = DeviceFaces.of(held, here.device)
        self.centred = DeviceFaces.of(seen.take(spread_rows(len(seen), _CENTRED_ON)), here.device)
        torch.manual_seed(seed_of(settings.seed, number))
        model = _model(seen, settings, self.batches.has_negatives)
        if start is not None:
            init_from_run(model, settings.network, seen, start, number, part)
        model.to(here.device)
        # Convolutions are faster so. Its signature is missing in PyTorch's own types.
        model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.learner = TrainState(model, settings.weight_decay, settings.ema)
        if start is not None:
            self.estimate_mirror_bias(self.learner.model, self.learner.average)
        self.elapsed = 0.0

    def run(
        self,
        out: Path,
        history: list[dict[str, Any]],
        progress: TrainingProgress,
        stop: StopRequest,
    ) -> None:
        """The loop, from wherever the learner stands to the end."""
        learner, settings, here = self.learner, self.settings, self.here
        model = here.wrap_ddp(learner.model)
        spoken = saved = time.monotonic()
        before = spoken - self.elapsed
        done = here.broadcast(self._done(self.elapsed))
        while done < 1:
            epoch, place = divmod(learner.step, self.steps)
            seed = seed_of(settings.seed, self.number, learner.step, here.rank)
            torch.manual_seed(seed)  # dropout
            batch = self.batches.draw(epoch, place, seed, learner.model.mirror_bias)
            learner.set_learning_rate(
                settings.max_learning_rate * _schedule(done, settings.schedule)
            )
            learner.model.train()
            with precision_of(here.device, settings.precision):
                predicted = model(batch.images)
            loss, value = _shared_loss(settings.loss, predicted, batch, here)
            learner.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learner.model.parameters(), 5.0)
            learner.optimizer.step()
            learner.loss_sum += value
            learner.update_ema()
            now = time.monotonic()
            self.elapsed = now - before
            done = here.broadcast(self._done(self.elapsed))
            if place + 1 == self.steps or done >= 1:
                self._close_epoch(epoch + 1, place + 1, history)
                if here.is_rank0:
                    _write_history(out, history)
                    progress.epoch(history[-1])
            if now - spoken > 0.5:
                spoken = now
                progress.at(done, epoch + 1, _remaining(done, self.elapsed))
            due = here.broadcast(float(now - saved > CHECKPOINT_SECONDS or stop.asked))
            if due:
                if here.is_rank0:
                    self._save(out, history)
                saved = time.monotonic()
                if here.broadcast(float(stop.asked)):
                    raise Stopped(
                        f"stopped in epoch {epoch + 1}; go on with the same command and --resume"
                    )

    def _done(self, elapsed: float) -> float:
        """Part of the training that is behind, [0, 1]."""
        if self.settings.minutes is not None:
            return min(1.0, elapsed / max(self.settings.minutes * 60, 1e-9))
        return self.learner.step / (self.steps * self.settings.epochs)

    def _close_epoch(self, epoch: int, steps: int, history: list[dict[str, Any]]) -> None:
        learner = self.learner
        loss = float(learner.loss_sum) / steps
        if not math.isfinite(loss):
            raise SettingsError(
                f"training went astray in epoch {epoch}: the loss is {loss}; train into "
                f"another folder with a lower --rate than {self.settings.max_learning_rate:g}"
            )
        row = {
            "member": self.number,
            "epoch": epoch,
            "step": learner.step,
            "seconds": round(self.elapsed, 2),
            "train_loss": round(loss, 6),
            "learning_rate": learner.optimizer.param_groups[0]["lr"],
        }
        learner.loss_sum.zero_()
        if epoch & (epoch - 1) == 0:  # after 1, 2, 4, 8, ... epochs
            self.estimate_mirror_bias(learner.model, learner.average)
        if len(self.held.images):
            rmse = _validate(learner.average, self.held)
            if rmse is not None:
                row["validation_rmse"] = round(rmse, 5)
                learner.record_validation(rmse)
        history.append(row)

    def _save(self, out: Path, history: list[dict[str, Any]]) -> None:
        tensors, numbers = self.learner.state()
        write_checkpoint(
            out / "checkpoint.safetensors",
            tensors,
            {
                "member": self.number,
                "elapsed": self.elapsed,
                "learner": numbers,
                "history": history,
            },
        )

    def result(self) -> KeypointModel:
        """The trained model, on the CPU."""
        model = self.learner.result(self.settings.keep)
        self.estimate_mirror_bias(model, model)
        return model.cpu()

    def estimate_mirror_bias(self, *models: KeypointModel) -> None:
        """Measure with the last of `models` how far the labels lie off its points, for all.

        A network that also trains on mirrored faces cannot learn that an annotator marks
        every point a pixel to the left; the mean over training rows tells.
        """
        mirror = self.batches.mirror
        if mirror is None or not any(s.mirror for s in self.batches.strengths):
            return
        measured = _asymmetry(models[-1], self.centred, mirror)
        for model in models:
            model.mirror_bias.copy_(measured)


def _model(rows: Samples, settings: TrainSettings, judges: bool) -> KeypointModel:
    """A fresh model that knows the pictures' gray values and starts at the mean face."""
    values = rows.images[:: max(1, len(rows) // 2000)]
    model = build(
        settings.network,
        len(rows.landmarks),
        rows.size,
        float(values.mean(dtype=np.float64)),
        float(values.std(dtype=np.float64)),
        judges,
    )
    count = np.maximum(rows.labelled.sum(axis=0), 1)[:, None]
    mean = torch.from_numpy(rows.points.sum(axis=0) / count)
    mean[~torch.from_numpy(rows.labelled.any(axis=0))] = torch.nan
    model.start_at(mean)
    return model


def _schedule(done: float, kind: str) -> float:
    """Learning rate as a part of its highest: a linear rise over the first tenth, then a
    half cosine to nothing (one cycle: Smith & Topin 2018, https://arxiv.org/abs/1708.07120)."""
    if kind == "constant":
        return 1.0
    if done < 0.1:
        return 0.04 + 0.96 * done / 0.1
    return 0.5 * (1 + math.cos(math.pi * (done - 0.1) / 0.9)) + 1e-4


def precision_of(device: torch.device, wanted: str) -> torch.autocast:
    """bfloat16 where the device computes with it, unless float32 is wanted; elsewhere float32
    is the faster."""
    if wanted == "float32":
        on = False
    elif device.type == "cuda":
        on = torch.cuda.is_bf16_supported()
    else:
        # On a CPU that has its instructions a step is up to 1.4 times as fast (throughput.py).
        # PyTorch tells, if not officially.
        has = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
        on = device.type == "cpu" and has is not None and has()
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=on)


def _shared_loss(
    name: str, predicted: RawOutput, batch: Batch, here: DistributedContext
) -> tuple[Tensor, Tensor]:
    """What to differentiate here, and the step's loss of points over all processes.

    Gradients are averaged over processes, so each counts its sum against its even share
    of all labels: the step is that of one process with the whole batch.
    """
    loss = LOSSES[name]
    faces = len(batch.points)
    found = RawOutput(*(part[:faces] for part in predicted))
    share = masked_mean(loss.per_point(found, batch.points), batch.labelled)
    count = batch.labelled.sum().double()
    everywhere = here.total(count).clamp(min=1)
    local = share * (count * here.size / everywhere).to(share.dtype)
    value = here.total(local.double()) / here.size
    judged = 0 * local
    if len(predicted.score) > faces:
        there = torch.zeros_like(predicted.score)
        there[:faces] = 1
        judged = FACE_SCORE_WEIGHT * functional.binary_cross_entropy(predicted.score, there)
    if loss.root:
        root = value.clamp(min=1e-12).sqrt()
        return local / (2 * root).to(local.dtype) + judged, root
    return local + judged, value


@torch.inference_mode()
def _validate(model: KeypointModel, held: DeviceFaces) -> float | None:
    """RMSE in pixels over the labelled coordinates; None if nothing is labelled."""
    model.eval()
    square, count = 0.0, 0
    for start in range(0, len(held.images), 128):
        rows = slice(start, start + 128)
        gap = model(held.images[rows][:, None]).points - held.points[rows]
        square += float(gap[held.labelled[rows]].double().square().sum())
        count += 2 * int(held.labelled[rows].sum())
    return math.sqrt(square / count) if count else None


_CENTRED_ON = 2048  # training rows, at most


@torch.inference_mode()
def _asymmetry(model: KeypointModel, rows: DeviceFaces, mirror: Tensor) -> Tensor:
    """Mean (K, 2) of labels minus predictions that are the same for mirror images; 0 for
    points without a label."""
    model.eval()
    chosen = torch.arange(len(rows.images), device=mirror.device)
    total = torch.zeros_like(model.mirror_bias)
    count = torch.zeros_like(model.mirror_bias[:, :1])
    for index in chosen.split(128):
        symmetric = (
            model.predict_mirrored(rows.images[index][:, None], mirror).points - model.mirror_bias
        )
        mask = rows.labelled[index][..., None]
        total += ((rows.points[index] - symmetric) * mask).sum(0)
        count += mask.sum(0)
    return total / count.clamp(min=1)


def _remaining(done: float, elapsed: float) -> float | None:
    return elapsed * (1 - done) / done if done > 0.002 else None


def _write_history(out: Path, history: list[dict[str, Any]]) -> None:
    write_text(out / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in history))
