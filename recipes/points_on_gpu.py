"""Train the landmark model on a GPU: large teachers first, then networks that learn from them.

    python recipes/points_pack.py --data DATA --out build/pack
    python recipes/points_on_gpu.py teacher --pack build/pack --out build/teachers/0 --seed 0
    python recipes/points_on_gpu.py student --pack build/pack --teachers build/teachers \
        --names narrow further --guided-by-builtin --out build/students

`points_pack.py` writes the training data in small files. `teacher` trains one network that is
wider than the shipped one; `student` trains one or more of `STUDENTS`, side by side on the same
faces. With --guided-by-builtin the shipped network is one of their teachers. Then
`points.py --student NAME.pt` fits the radii, as after a training on the CPU. What they gave is in
benchmarks/results/points-recipe.md. How students learn is described in `guides.py`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from guides import GraphStudent, Guides, Student
from pack_batches import Pack

from facepoints import weights
from facepoints.models.networks import KeypointModel
from facepoints.models.networks.heatnet import WIDTHS, HeatNet
from facepoints.models.run import Run
from facepoints.training.batches import Batch
from facepoints.training.member_trainer import learning_rate_factor
from facepoints.training.settings import TrainSettings
from facepoints.training.steps import EagerStep, GraphStep
from facepoints.training.train_state import TrainState

Widths = tuple[int, int, int, int]

TEACHER: Widths = (32, 64, 160, 320)
"""Channels of a teacher."""
BUILTIN = "builtin"
"""Name of the shipped weights."""


@dataclass(frozen=True)
class StudentKind:
    """What makes a student.

    Attributes:
        widths: its channels.
        weight: of the teachers' points beside that of the labels.
        rate: highest learning rate.
        start: weights to start from: `BUILTIN`, or None for random ones.
        kept: share of these weights in the mean of both that is written, [0, 1). Weights of one
            origin can be averaged (Wortsman et al. 2022, https://arxiv.org/abs/2109.01903); their
            annotator bias has to be fitted again, which `points.py` does.
    """

    widths: Widths = WIDTHS
    weight: float = 2.0
    rate: float = 3e-3
    start: str | None = None
    kept: float = 0.0


STUDENTS: dict[str, StudentKind] = {
    "narrow": StudentKind(),
    "further": StudentKind(rate=1.5e-3, start=BUILTIN, kept=0.25),
    "deep-wide": StudentKind(widths=(16, 32, 96, 192)),
    "wide": StudentKind(widths=(24, 48, 96, 192)),
}
BATCH = 512
"""Faces per step."""
RATE, WEIGHT_DECAY, EMA = 3e-3, 0.05, 0.999
SETTLED = 0.3
"""Last part of a training, in which faces are not mirrored (`points.py`, second part)."""


def new_model(given: Pack, widths: Widths, start: Path | str | None = None) -> KeypointModel:
    """A network with all outputs of the shipped one.

    Args:
        given: what it will be trained on.
        widths: its channels.
        start: its weights: a file that `save` wrote, or `BUILTIN`; None: random ones.
    """
    points = given.faces.points.shape[1]
    backbone = HeatNet(points, True, len(given.about["schemes"]), True, widths=widths)
    size = (given.view, given.view)
    model = KeypointModel(backbone, points, size, given.about["mean"], given.about["std"])
    if start == BUILTIN:
        shipped = Run.load(weights.POINTS_RUN).members[0].model.state_dict()
        known = model.state_dict()  # a network in training has no factor on the scales of a face
        model.load_state_dict({n: t for n, t in shipped.items() if n in known})
    elif start is not None:
        model.load_state_dict(torch.load(start, map_location="cpu", weights_only=True))
    model.to(given.device)
    model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return model


def new_step(
    given: Pack, model: KeypointModel, on_cpu: type[EagerStep], on_gpu: type[GraphStep]
) -> EagerStep:
    """A step of a new training: a CUDA graph where there is a GPU."""
    graph = given.device.type == "cuda"
    state = TrainState(model, WEIGHT_DECAY, EMA, in_graph=graph)
    kind = on_gpu if graph else on_cpu
    return kind(state, model, TrainSettings(), given.ctx)


def save(model: KeypointModel, path: Path, half: bool = False) -> None:
    """Write the weights, as float16 if `half`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.cpu() for name, tensor in model.state_dict().items()}
    if half:
        state = {n: t.half() if t.is_floating_point() else t for n, t in state.items()}
    torch.save(state, path)


@torch.no_grad()
def mix(model: KeypointModel, other: KeypointModel, share: float) -> None:
    """Move the weights of a model by this share of the way to those of another."""
    theirs = other.state_dict()
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            tensor.lerp_(theirs[name], share)


def learn(
    given: Pack,
    steps: list[tuple[EagerStep, float]],
    minutes: float,
    seed: int,
    batch: int,
    before: Callable[[Batch], None] | None = None,
) -> None:
    """Train networks on the same batches for some minutes.

    Args:
        steps: of each network, with its highest learning rate.
        before: called with each batch before the steps.
    """
    streams = [given.batches(2 * seed + n, not n, batch) for n in (0, 1)]
    begin, reported, count = time.monotonic(), 0.0, 0
    for step, _ in steps:
        step.state.model.train()
    while (done := (time.monotonic() - begin) / (60 * minutes)) < 1:
        faces = next(streams[done > 1 - SETTLED])
        if before is not None:
            before(faces)
        for step, rate in steps:
            step.state.set_learning_rate(rate * learning_rate_factor(done, "one-cycle"))
            step(faces)
            step.state.update_ema()
        count += 1
        if count % 20 == 0 and given.device.type == "cuda":
            torch.cuda.synchronize()  # the clock decides when to stop, so no step may be pending
        if done - reported > 0.1:
            losses = [round(float(step.state.loss_sum), 1) for step, _ in steps]
            for step, _ in steps:
                step.state.loss_sum.zero_()
            rate = count * batch / (60 * minutes * done)
            print(f"{done:.0%}, {rate:.0f} faces/s, losses {losses}", flush=True)
            reported = done
    print(f"{count} steps of {batch} faces", flush=True)


def train_teacher(given: Pack, options: argparse.Namespace) -> None:
    """Train one teacher."""
    torch.manual_seed(options.seed)
    model = new_model(given, TEACHER, options.start)
    step = new_step(given, model, EagerStep, GraphStep)
    learn(given, [(step, options.rate)], options.minutes, options.seed, options.batch)
    average = step.state.average
    save(average, options.out / "teacher.pt", half=True)
    print("teacher", options.out, given.errors(average), flush=True)


def train_students(given: Pack, options: argparse.Namespace) -> None:
    """Train some of `STUDENTS` on the same faces."""
    paths = sorted(options.teachers.glob("*/teacher.pt"))
    if not paths:
        raise SystemExit("error: no teacher.pt in the folders of --teachers; train teachers first")
    teachers = [new_model(given, TEACHER, path) for path in paths]
    if options.guided_by_builtin:
        teachers.append(new_model(given, WIDTHS, BUILTIN))
    guides = Guides(teachers, given.full)
    print("mean of the teachers", given.errors(guides.mean), flush=True)
    steps = []
    for number, name in enumerate(options.names):
        torch.manual_seed(100 + number)
        kind = STUDENTS[name]
        model = new_model(given, kind.widths, kind.start)
        step = new_step(given, model, Student, GraphStudent)
        assert isinstance(step, Student)
        step.listens_to(guides, kind.weight, given.full)
        steps.append((step, kind.rate))
    learn(given, steps, options.minutes, 50 + options.seed, options.batch, guides)
    for name, (step, _) in zip(options.names, steps, strict=True):
        kind, average = STUDENTS[name], step.state.average
        print(name, given.errors(average), flush=True)
        if kind.kept:
            mix(average, new_model(given, kind.widths, kind.start), kind.kept)
        save(average, options.out / f"{name}.pt")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("part", choices=("teacher", "student"))
    parser.add_argument("--pack", type=Path, default=Path("build/pack"))
    parser.add_argument("--teachers", type=Path, default=Path("build/teachers"))
    parser.add_argument("--names", nargs="+", choices=STUDENTS, default=["narrow"])
    parser.add_argument("--guided-by-builtin", action="store_true", help="a teacher more")
    parser.add_argument("--start", type=Path, help="teacher.pt to train further")
    parser.add_argument("--rate", type=float, default=RATE, help="of a teacher")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    torch.backends.cudnn.benchmark = True
    given = Pack(options.pack, torch.device(options.device))
    (train_teacher if options.part == "teacher" else train_students)(given, options)


if __name__ == "__main__":
    main()
