"""Train the landmark model on a GPU: large teachers first, then networks that learn from them.

    python recipes/points_pack.py --data DATA --out build/pack
    python recipes/points_on_gpu.py teacher --pack build/pack --out build/teachers/0 --seed 0
    python recipes/points_on_gpu.py student --pack build/pack --teachers build/teachers \
        --name narrow --out build/students

`points_pack.py` writes the training data in small files. `teacher` trains one network that is
wider than the shipped one, `student` one of `STUDENTS`. Then `points.py --student NAME.pt` fits the
radii, as after a training on the CPU. A process waits most of the time for Python to start kernels,
so start three or more trainings at once. What they gave is in benchmarks/results/points-recipe.md.

A student learns from the labels and from the mean of the teachers' points (knowledge distillation,
Hinton et al. 2015, https://arxiv.org/abs/1503.02531). A mean of networks errs less on faces that
none of them was trained on. The teachers also give the points that a set does not label, in the
marking habit of the sets that label all.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from points_pack import decoded, joined, read_faces, taken
from torch import Tensor

from facepoints.models.networks import KeypointModel, RawOutput
from facepoints.models.networks.heatnet import WIDTHS, HeatNet
from facepoints.training.augment import STRENGTHS, FaceBatch, augment, augment_faces
from facepoints.training.batches import Batch, DeviceFaces
from facepoints.training.distributed import DistributedContext
from facepoints.training.member_trainer import learning_rate_factor
from facepoints.training.steps import MAX_GRADIENT_NORM, batch_loss, precision_of
from facepoints.training.train_state import TrainState

TEACHER = (32, 64, 160, 320)
"""Channels of a teacher."""
STUDENTS: dict[str, tuple[tuple[int, int, int, int], float]] = {
    "narrow": (WIDTHS, 1.0),
    "narrow-guided": (WIDTHS, 4.0),
    "deep-wide": ((16, 32, 96, 192), 2.0),
    "wide": ((24, 48, 96, 192), 2.0),
}
"""Channels of each student, and the weight of the teachers' points beside that of the labels."""
BATCH = 256
"""Faces per step."""
GROUP = 8
"""Steps whose faces are augmented together: as many as the preset has strengths."""
NEGATIVES = 0.125
"""Images without a face per face."""
RATE, WEIGHT_DECAY, EMA = 3e-3, 0.05, 0.999
SETTLED = 0.3
"""Last part of a training, in which faces are not mirrored (`points.py`, second part)."""
FULL = ("lfpw", "helen", "afw", "youtube-faces")
"""Marking schemes that label all 68 points."""


class Pack:
    """Packed training data on a device, and the batches of a training."""

    def __init__(self, folder: Path, device: torch.device, view: int = 96) -> None:
        self.about = json.loads((folder / "about.json").read_text())
        self.device, self.view = device, view
        self.ctx = DistributedContext(rank=0, size=1, device=device)
        faces = read_faces(folder / "faces.npz", device)
        made = [read_faces(path, device) for path in sorted(folder.glob("made-*.npz"))]
        with np.load(folder / "faces.npz") as file:
            repeated = file["repeated"]
        # All sets of morphs are part of an epoch, so every face is repeated as often.
        own = np.repeat(np.arange(len(repeated)), len(made) * repeated)
        morphed = sum(len(part.scheme) for part in made)
        every = np.concatenate([own, len(repeated) + np.arange(morphed)])
        self.index = torch.from_numpy(every)
        self.faces = joined([faces, *made])
        with np.load(folder / "negatives.npz") as file:
            self.negatives = torch.from_numpy(decoded(file["images"], file["ends"])).to(device)
        self.held = read_faces(folder / "held.npz", device)
        with np.load(folder / "held.npz") as file:
            self.held_sets, self.held_number = file["sets"].tolist(), file["number"]
        self.mirror = torch.tensor(self.about["mirror"], device=device)
        full = [name in FULL for name in self.about["schemes"]]
        self.full = torch.tensor(full, device=device)

    def batches(self, seed: int, mirrored: bool) -> Iterator[Batch]:
        """Endless batches of augmented faces and of images without a face."""
        rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        strengths = STRENGTHS["closer" if mirrored else "settle"]
        size = (self.view, self.view)
        while True:
            parts = []
            for strength in strengths:
                rows = self.index[torch.from_numpy(rng.integers(len(self.index), size=BATCH))]
                given = taken(self.faces, rows.to(self.device, non_blocking=True))
                faces = FaceBatch(
                    given.images[:, None].float(), given.points, given.labelled, given.visibility
                )
                mirror = self.mirror if mirrored else None
                changed = augment_faces(faces, strength, mirror, generator, size)
                images, points, labelled, visibility = changed
                parts.append(DeviceFaces(images, points, labelled, given.scheme, visibility))
            every = joined(parts)
            count = GROUP * round(BATCH * NEGATIVES)
            rows = torch.from_numpy(rng.integers(len(self.negatives), size=count))
            images = self.negatives[rows.to(self.device, non_blocking=True)][:, None].float()
            nothing = images.new_zeros((count, 1, 2))
            all_labelled = nothing[..., 0] == 0
            last = strengths[-1]
            empty = augment(images, nothing, all_labelled, last, None, generator, size)[0]
            order = torch.from_numpy(rng.permutation(BATCH * GROUP)).to(self.device)
            for chosen, without in zip(
                order.split(BATCH), empty.split(count // GROUP), strict=True
            ):
                some = taken(every, chosen)
                images = torch.cat([some.images, without])
                yield Batch(images, some.points, some.labelled, some.scheme, some.visibility)

    @torch.no_grad()
    def errors(self, model: Callable[[Tensor], RawOutput]) -> dict[str, float]:
        """Mean error on the validation faces of each set, percent of the distance of the outer eye
        corners, or of the box where the set does not label them all."""
        start = (self.held.images.shape[-1] - self.view) // 2
        window = slice(start, start + self.view)
        points = [
            model(part[:, None, window, window]).points for part in self.held.images.split(256)
        ]
        truth = self.held.points - start
        off = torch.linalg.vector_norm(torch.cat(points) - truth, dim=-1)
        seen = self.held.labelled & (self.held.visibility != 0)
        first, second = self.about["eyes"]
        eyes = torch.linalg.vector_norm(truth[:, first] - truth[:, second], dim=-1)
        low = torch.where(seen[..., None], truth, torch.inf).amin(1)
        high = torch.where(seen[..., None], truth, -torch.inf).amax(1)
        box = (high - low).prod(-1).sqrt()
        own = (off * seen).sum(1) / seen.sum(1)
        result = {}
        for number, name in enumerate(self.held_sets):
            rows = torch.from_numpy(self.held_number == number).to(self.device)
            size = eyes if name in FULL[:3] else box
            result[name] = round(100 * float((own / size)[rows].mean()), 3)
        return result


def new_model(given: Pack, widths: tuple[int, int, int, int]) -> KeypointModel:
    """A network with random weights and all outputs of the shipped one."""
    points = given.faces.points.shape[1]
    backbone = HeatNet(points, True, len(given.about["schemes"]), True, widths=widths)
    size = (given.view, given.view)
    model = KeypointModel(backbone, points, size, given.about["mean"], given.about["std"])
    model.to(given.device)
    model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return model


class Habit:
    """The points of a model in the marking habit of the sets that label all 68.

    The annotator bias of a set is arbitrary for points that the set does not label. So it is
    applied as if one of the other sets had been recognized.
    """

    def __init__(self, model: KeypointModel, full: Tensor) -> None:
        assert isinstance(model.backbone, HeatNet)
        assert model.backbone.annotator_bias is not None
        self.model, self.full, self.bias = model, full, model.backbone.annotator_bias
        self.before: list[Tensor] = []
        self.bias.register_forward_pre_hook(lambda _module, given: self.before.append(given[0]))

    def __call__(self, images: Tensor) -> tuple[RawOutput, Tensor]:
        """Output of the model, and the points (B, K, 2) in pixels."""
        self.before.clear()
        with precision_of(images.device, "auto"):
            output = self.model(images)
        assert output.annotator is not None
        raw = self.before.pop()
        logits = output.annotator.float().masked_fill(~self.full, -torch.inf)
        probability = logits.softmax(-1)
        flat = raw.flatten(1)
        offsets = torch.einsum("bi,aij->baj", flat, self.bias.weight) + self.bias.bias
        fixed = raw + (probability[..., None] * offsets).sum(1).view_as(raw)
        return output, (fixed + 1) / 2 * self.model.sides - 0.5


def save(model: KeypointModel, path: Path, half: bool = False) -> None:
    """Write the weights, as float16 if `half`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.cpu() for name, tensor in model.state_dict().items()}
    if half:
        state = {n: t.half() if t.is_floating_point() else t for n, t in state.items()}
    torch.save(state, path)


def learn(
    given: Pack,
    state: TrainState,
    minutes: float,
    seed: int,
    loss: Callable[[Batch], Tensor],
) -> None:
    """Train for some minutes."""
    streams = [given.batches(2 * seed, True), given.batches(2 * seed + 1, False)]
    begin, reported = time.monotonic(), 0.0
    state.model.train()
    while (done := (time.monotonic() - begin) / (60 * minutes)) < 1:
        value = loss(next(streams[done > 1 - SETTLED]))
        state.set_learning_rate(RATE * learning_rate_factor(done, "one-cycle"))
        state.optimizer.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), MAX_GRADIENT_NORM)
        state.optimizer.step()
        state.update_ema()
        if state.step % 20 == 0 and given.device.type == "cuda":
            torch.cuda.synchronize()  # the clock decides when to stop, so no step may be pending
        if done - reported > 0.2:
            reported = done
            rate = state.step * BATCH / (60 * minutes * done)
            print(f"{done:.0%}, {rate:.0f} faces/s, loss {float(value.detach()):.3f}", flush=True)
    print(f"{state.step} steps of {BATCH} faces", flush=True)


def train_teacher(given: Pack, out: Path, seed: int, minutes: float) -> None:
    """Train one teacher."""
    torch.manual_seed(seed)
    state = TrainState(new_model(given, TEACHER), WEIGHT_DECAY, EMA)

    def loss(batch: Batch) -> Tensor:
        with precision_of(given.device, "auto"):
            output = state.model(batch.images)
        return batch_loss("laplace", output, batch, given.ctx)[0]

    learn(given, state, minutes, seed, loss)
    save(state.average, out / "teacher.pt", half=True)
    print("teacher", out, given.errors(state.average), flush=True)


def train_student(given: Pack, teachers: list[Path], name: str, out: Path, minutes: float) -> None:
    """Train one of `STUDENTS`."""
    widths, weight = STUDENTS[name]
    guides = []
    for path in teachers:
        model = new_model(given, TEACHER)
        model.load_state_dict(torch.load(path, map_location=given.device, weights_only=True))
        guides.append(Habit(model.eval().requires_grad_(False), given.full))
    if not guides:
        raise SystemExit("error: no teacher.pt in the folders of --teachers; train teachers first")
    print("mean of the teachers", given.errors(Mean([g.model for g in guides])), flush=True)
    torch.manual_seed(100)
    state = TrainState(new_model(given, widths), WEIGHT_DECAY, EMA)
    habit = Habit(state.model, given.full)

    def loss(batch: Batch) -> Tensor:
        count = len(batch.points)
        with torch.no_grad():
            told = [guide(batch.images[:count]) for guide in guides]
            points = torch.stack([p for _, p in told]).mean(0)
            scale = torch.stack([o.scale for o, _ in told]).mean(0)
        output, own = habit(batch.images)
        apart = torch.linalg.vector_norm(own[:count] - points, dim=-1).clamp_min(1e-6)
        labels = batch_loss("laplace", output, batch, given.ctx)[0]
        return labels + weight * (apart / scale).mean()

    learn(given, state, minutes, 50, loss)
    save(state.average, out / f"{name}.pt")
    print(name, given.errors(state.average), flush=True)


class Mean:
    """The mean of the points of several models."""

    def __init__(self, models: list[KeypointModel]) -> None:
        self.models = models

    def __call__(self, images: Tensor) -> RawOutput:
        outputs = [model(images) for model in self.models]
        return outputs[0]._replace(points=torch.stack([o.points for o in outputs]).mean(0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("part", choices=("teacher", "student"))
    parser.add_argument("--pack", type=Path, default=Path("build/pack"))
    parser.add_argument("--teachers", type=Path, default=Path("build/teachers"))
    parser.add_argument("--name", choices=STUDENTS, default="narrow")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--device", default="cuda")
    args = parser.parse_args()
    torch.backends.cudnn.benchmark = True
    given = Pack(args.pack, torch.device(args.device))
    if args.part == "teacher":
        train_teacher(given, args.out, args.seed, args.minutes)
    else:
        teachers = sorted(args.teachers.glob("*/teacher.pt"))
        train_student(given, teachers, args.name, args.out, args.minutes)


if __name__ == "__main__":
    main()
