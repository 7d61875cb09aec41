"""Training of one network ("member") of a run.

Everything random in a step is seeded by (seed, member, step). A resumed training therefore
repeats an uninterrupted one bit for bit on the CPU.
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

from facepoints._util.files import write_text
from facepoints._util.progress import Stopped, StopRequest, TrainingProgress
from facepoints.datasets.crops import center_crop
from facepoints.datasets.samples import Samples
from facepoints.datasets.splits import spread_rows
from facepoints.errors import RunError, SettingsError
from facepoints.models.networks import BackboneOptions, KeypointModel, build_model
from facepoints.models.run import Run
from facepoints.training.batches import Batches, DeviceFaces, seed_of
from facepoints.training.distributed import DistributedContext
from facepoints.training.initialization import init_from_run
from facepoints.training.run_folder import CHECKPOINT
from facepoints.training.settings import TrainSettings
from facepoints.training.steps import EagerStep, GraphStep
from facepoints.training.train_state import TrainState, write_checkpoint
from facepoints.training.validation import measure_mirror_bias, validation_rmse

__all__ = ["MemberTrainer", "learning_rate_factor"]

CHECKPOINT_SECONDS = 20.0
"""Time between checkpoints."""

PROGRESS_SECONDS = 0.5
"""Time between updates of the progress display."""

BIAS_ROWS = 2048
"""Maximum number of training rows that the mirror bias is estimated on."""


class MemberTrainer:
    """Trains one member.

    Args:
        number: index of the member in its run.
        rows: faces to train on.
        held: held-out faces in the same columns; may be empty.
        settings: of the training.
        ctx: the processes that train together.
        negatives: (N, H, W) uint8 images without a face, of the size of `rows`, to train the
            face score on; None: the network has no face score.
        start: run to take the initial weights from; None: random weights.
        part: name of the plan's part that the member is for.
        annotators: number of annotators whose bias is learned, the marking schemes of `rows`; 0:
            no bias is learned.
        uses_graph: take the steps as a CUDA graph (`steps.GraphStep`), which only one process on a
            GPU can, and augment with graphs. None: what a GPU can.

    Raises:
        SettingsError: too few rows for a step, images too small for the network, or a run
            whose weights do not fit.
    """

    def __init__(
        self,
        number: int,
        rows: Samples,
        held: Samples,
        settings: TrainSettings,
        ctx: DistributedContext,
        negatives: NDArray[np.uint8] | None = None,
        start: Run | None = None,
        part: str = "",
        annotators: int = 0,
        uses_graph: bool | None = None,
    ) -> None:
        self.number, self.settings, self.ctx = number, settings, ctx
        cropped = center_crop(rows, settings.input_size)
        on_gpu = ctx.device.type == "cuda"
        graphs = on_gpu and uses_graph is not False
        self.batches = Batches(rows, negatives, cropped.size, number, settings, ctx, graphs)
        self.steps = self.batches.steps
        self.held = DeviceFaces.of(held, ctx.device)
        bias_rows = cropped.take(spread_rows(len(cropped), BIAS_ROWS))
        self.bias_rows = DeviceFaces.of(bias_rows, ctx.device)
        torch.manual_seed(seed_of(settings.seed, number))
        model = _build_model(cropped, settings, self.batches.has_negatives, annotators)
        if start is not None:
            init_from_run(model, settings.network, cropped, start, number, part)
        model.to(ctx.device)
        # Convolutions are faster in this layout. PyTorch's own types lack the signature.
        model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.uses_graph = on_gpu and ctx.size == 1 if uses_graph is None else uses_graph
        decay, graph = settings.weight_decay, self.uses_graph
        self.state = TrainState(model, decay, settings.ema, in_graph=graph)
        if start is not None:
            self.estimate_mirror_bias(self.state.model, self.state.average)
        self.elapsed = 0.0

    def run(
        self,
        out: Path,
        history: list[dict[str, Any]],
        progress: TrainingProgress,
        stop: StopRequest,
    ) -> None:
        """Train from the current state to the end.

        Args:
            out: run folder, for the checkpoint and ``metrics.jsonl``.
            history: one row per epoch and member; this member's rows are appended.
            progress: display to update.
            stop: asks for an early stop.

        Raises:
            Stopped: `stop` was requested; a checkpoint is saved.
            SettingsError: the loss is not finite.
        """
        state, settings, ctx = self.state, self.settings, self.ctx
        make_step = GraphStep if self.uses_graph else EagerStep
        take_step = make_step(state, ctx.wrap_ddp(state.model), settings, ctx)
        reported = saved = time.monotonic()
        begin = reported - self.elapsed
        done = ctx.broadcast(self._fraction_done(self.elapsed))
        while done < 1:
            epoch, step = divmod(state.step, self.steps)
            seed = seed_of(settings.seed, self.number, state.step, ctx.rank)
            torch.manual_seed(seed)  # dropout
            batch = self.batches.draw(epoch, step, seed, state.model.mirror_bias)
            state.set_learning_rate(
                settings.max_learning_rate * learning_rate_factor(done, settings.schedule)
            )
            if not state.model.training:
                state.model.train()
            take_step(batch)
            state.update_ema()
            now = time.monotonic()
            self.elapsed = now - begin
            done = ctx.broadcast(self._fraction_done(self.elapsed))
            if step + 1 == self.steps or done >= 1:
                self._end_epoch(epoch + 1, step + 1, history)
                if ctx.is_rank0:
                    _write_history(out, history)
                    progress.epoch(history[-1])
            if now - reported > PROGRESS_SECONDS:
                reported = now
                progress.at(done, epoch + 1, _remaining(done, self.elapsed))
            due = ctx.broadcast(float(now - saved > CHECKPOINT_SECONDS or stop.asked))
            if due:
                if ctx.is_rank0:
                    self._save(out, history)
                saved = time.monotonic()
                if ctx.broadcast(float(stop.asked)):
                    raise Stopped(
                        f"stopped in epoch {epoch + 1}; continue with the same command and `resume`"
                    )

    def _fraction_done(self, elapsed: float) -> float:
        """Fraction of the training that is done, [0, 1]."""
        if self.settings.minutes is not None:
            return min(1.0, elapsed / max(self.settings.minutes * 60, 1e-9))
        return self.state.step / (self.steps * self.settings.epochs)

    def _end_epoch(self, epoch: int, steps: int, history: list[dict[str, Any]]) -> None:
        state = self.state
        loss = float(state.loss_sum) / steps
        if not math.isfinite(loss):
            raise SettingsError(
                f"training diverged in epoch {epoch}: the loss is {loss}; train into another "
                f"folder with a lower `learning_rate` than {self.settings.max_learning_rate:g}"
            )
        row = {
            "member": self.number,
            "epoch": epoch,
            "step": state.step,
            "seconds": round(self.elapsed, 2),
            "train_loss": round(loss, 6),
            "learning_rate": float(state.optimizer.param_groups[0]["lr"]),
        }
        state.loss_sum.zero_()
        if epoch & (epoch - 1) == 0:  # after 1, 2, 4, 8, ... epochs
            self.estimate_mirror_bias(state.model, state.average)
        if len(self.held.images):
            rmse = validation_rmse(state.average, self.held)
            if rmse is not None:
                row["validation_rmse"] = round(rmse, 5)
                state.record_validation(rmse)
        history.append(row)

    def _save(self, out: Path, history: list[dict[str, Any]]) -> None:
        tensors, numbers = self.state.state()
        write_checkpoint(
            out / CHECKPOINT,
            tensors,
            {
                "member": self.number,
                "elapsed": self.elapsed,
                "state": numbers,
                "history": history,
            },
        )

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        """Continue from a checkpoint of this member. Raises RunError if it does not fit."""
        try:
            state, elapsed = numbers["state"], float(numbers["elapsed"])
            if not (isinstance(state, dict) and 0 <= elapsed < math.inf):
                raise ValueError("its numbers are out of range")
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"the checkpoint is damaged: {error!r:.80}") from error
        self.state.restore(tensors, state)
        self.elapsed = elapsed

    def result(self) -> KeypointModel:
        """The trained model, on the CPU."""
        model = self.state.result(self.settings.keep)
        self.estimate_mirror_bias(model, model)
        return model.cpu()

    def estimate_mirror_bias(self, *models: KeypointModel) -> None:
        """Set the mirror bias of all `models` to the one measured with the last of them.

        The mirror bias is the mean offset of the labels from mirror-symmetric predictions. A
        network that also trains on mirrored faces cannot learn, for example, that an annotator
        places every point a pixel to the left.
        """
        mirror = self.batches.mirror
        if mirror is None or not any(s.mirror for s in self.batches.strengths):
            return
        measured = measure_mirror_bias(models[-1], self.bias_rows, mirror)
        for model in models:
            model.mirror_bias.copy_(measured)


def _build_model(
    rows: Samples, settings: TrainSettings, has_face_score: bool, annotators: int
) -> KeypointModel:
    """A fresh model, normalized by the gray values of the images, that starts at the mean face."""
    values = rows.images[:: max(1, len(rows) // 2000)]
    model = build_model(
        settings.network,
        len(rows.landmarks),
        rows.size,
        float(values.mean(dtype=np.float64)),
        float(values.std(dtype=np.float64)),
        BackboneOptions(has_face_score, annotators, rows.visibility is not None),
    )
    count = np.maximum(rows.labelled.sum(axis=0), 1)[:, None]
    mean = torch.from_numpy(rows.points.sum(axis=0) / count)
    mean[~torch.from_numpy(rows.labelled.any(axis=0))] = torch.nan
    model.start_at(mean)
    return model


def learning_rate_factor(done: float, kind: str) -> float:
    """Learning rate as a fraction of its maximum: a linear rise over the first tenth, then a
    half cosine to zero (one cycle: Smith & Topin 2018, https://arxiv.org/abs/1708.07120)."""
    if kind == "constant":
        return 1.0
    if done < 0.1:
        return 0.04 + 0.96 * done / 0.1
    return 0.5 * (1 + math.cos(math.pi * (done - 0.1) / 0.9)) + 1e-4


def _remaining(done: float, elapsed: float) -> float | None:
    """Estimated seconds left; None at the very beginning."""
    return elapsed * (1 - done) / done if done > 0.002 else None


def _write_history(out: Path, history: list[dict[str, Any]]) -> None:
    write_text(out / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in history))
