"""Train the landmark model on a GPU: large teachers first, then networks that learn from them.

    python recipes/points_on_gpu.py pack --data DATA --out build/pack
    python recipes/points_on_gpu.py teacher --pack build/pack --out build/teachers/0 --seed 0
    python recipes/points_on_gpu.py student --pack build/pack --teachers build/teachers \
        --name narrow --out build/students

`pack` writes the training data of `points_data.material` as compressed crops (some 70 MB), so that
the GPU needs neither the photos nor the CPU time to make them. `teacher` trains one network that is
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
import copy
import json
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from facepoints.datasets.samples import Samples
from facepoints.models.networks import KeypointModel, RawOutput
from facepoints.models.networks.heatnet import WIDTHS, HeatNet
from facepoints.training.augment import STRENGTHS, augment, augment_faces
from facepoints.training.losses import LOSSES, masked_mean

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
SCORE_WEIGHT, VISIBILITY_WEIGHT, ANNOTATOR_WEIGHT = 0.1, 0.2, 0.05
"""Weights beside the loss of the points, as in `facepoints.training.member_trainer`."""
MAX_GRADIENT_NORM = 5.0
FULL = ("lfpw", "helen", "afw", "youtube-faces")
"""Marking schemes that label all 68 points."""
QUALITY, MADE_QUALITY = 88, 80
"""Quality of the packed crops (WebP, 0 to 100), and of those that are made or show no face."""
UNIT = 64
"""Packed coordinates are whole numbers of 1/64 pixel."""
NEGATIVES_PACKED = 4000
MORPH_SETS = 4


# --- Packed training data -------------------------------------------------------------------------


def encoded(images: NDArray[np.uint8], quality: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images as the bytes of WebP files, one after the other, and the end of each."""
    parts = [cv2.imencode(".webp", i, [cv2.IMWRITE_WEBP_QUALITY, quality])[1] for i in images]
    return np.concatenate(parts), np.cumsum([len(part) for part in parts])


def decoded(data: NDArray[np.uint8], ends: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Inverse of `encoded`."""
    begins = [0, *ends[:-1]]
    with ThreadPoolExecutor(8) as pool:
        images = pool.map(
            lambda span: np.asarray(cv2.imdecode(data[slice(*span)], cv2.IMREAD_GRAYSCALE)),
            zip(begins, ends, strict=True),
        )
        return np.stack(list(images)).astype(np.uint8)


def write_faces(path: Path, faces: Samples, quality: int, **extra: NDArray) -> None:
    """Write faces with their labels to one file."""
    images, ends = encoded(faces.images, quality)
    points = np.round(np.clip(faces.points, -500, 500) * UNIT).astype(np.int16)
    arrays = {
        "images": images, "ends": ends, "points": points, "visibility": faces.visibility,
        "labelled": np.packbits(faces.labelled), "scheme": faces.scheme, **extra,
    }  # fmt: skip
    np.savez(path, allow_pickle=False, **arrays)


def pack(data: Path, out: Path, morphs: Path) -> None:
    """Write the training data to the folder `out`: the faces of the sets, each set of morphs, the
    validation faces, and images without a face."""
    from points_data import SETS, material

    from facepoints.datasets.combine import concatenate

    given = material(data, morphs, 0, MORPH_SETS)
    sets = concatenate(list(given.rows.values()))
    first = sets.take(slice(0, 1))  # brings the schemes of all sets into the other files

    def with_schemes(parts: list[Samples]) -> Samples:
        return concatenate([first, *parts]).take(slice(1, None))

    out.mkdir(parents=True, exist_ok=True)
    sizes = [len(rows) for rows in given.rows.values()]
    repeated = np.repeat([SETS[name][3] for name in given.rows], sizes)
    write_faces(out / "faces.npz", sets, QUALITY, repeated=repeated)
    for number, made in enumerate(given.made):
        write_faces(out / f"made-{number}.npz", with_schemes([made]), MADE_QUALITY)
    held = [crops for _, crops in given.held.values()]
    write_faces(
        out / "held.npz", with_schemes(held), QUALITY, sets=np.array(list(given.held)),
        number=np.repeat(np.arange(len(held)), [len(crops) for crops in held]),
    )  # fmt: skip
    chosen = np.linspace(0, len(given.negatives) - 1, NEGATIVES_PACKED).astype(int)
    images, ends = encoded(given.negatives[chosen], MADE_QUALITY)
    np.savez(out / "negatives.npz", images=images, ends=ends)
    about = {
        "schemes": list(sets.schemes),
        "mirror": np.asarray(sets.landmarks.mirror).tolist(),
        "eyes": list(sets.landmarks.eye_columns),
        "mean": float(sets.images[::4].mean(dtype=np.float64)),
        "std": float(sets.images[::4].std(dtype=np.float64)),
    }
    (out / "about.json").write_text(json.dumps(about))


@dataclass(frozen=True)
class Faces:
    """Faces on the device; shapes as in `facepoints.datasets.samples.Samples`."""

    images: Tensor
    points: Tensor
    labelled: Tensor
    visibility: Tensor
    scheme: Tensor

    @classmethod
    def read(cls, path: Path, device: torch.device) -> Faces:
        with np.load(path) as file:
            points = file["points"].astype(np.float32) / UNIT
            labelled = np.unpackbits(file["labelled"], count=points.shape[0] * points.shape[1])
            return cls(
                torch.from_numpy(decoded(file["images"], file["ends"])).to(device),
                torch.from_numpy(points).to(device),
                torch.from_numpy(labelled.reshape(points.shape[:2]).astype(bool)).to(device),
                torch.from_numpy(file["visibility"]).to(device),
                torch.from_numpy(file["scheme"].astype(np.int64)).to(device),
            )

    def rows(self, index: Tensor) -> Faces:
        return Faces(*(tensor[index] for tensor in vars(self).values()))

    @classmethod
    def joined(cls, parts: list[Faces]) -> Faces:
        return cls(
            *(torch.cat(same) for same in zip(*(vars(p).values() for p in parts), strict=True))
        )


class Pack:
    """Packed training data on a device, and the batches of a training."""

    def __init__(self, folder: Path, device: torch.device, view: int = 96) -> None:
        self.about = json.loads((folder / "about.json").read_text())
        self.device, self.view = device, view
        faces = Faces.read(folder / "faces.npz", device)
        made = [Faces.read(path, device) for path in sorted(folder.glob("made-*.npz"))]
        with np.load(folder / "faces.npz") as file:
            repeated = file["repeated"]
        # All sets of morphs are part of an epoch, so every face is repeated as often.
        own = np.repeat(np.arange(len(repeated)), len(made) * repeated)
        morphed = sum(len(part.scheme) for part in made)
        every = np.concatenate([own, len(repeated) + np.arange(morphed)])
        self.index = torch.from_numpy(every)
        self.faces = Faces.joined([faces, *made])
        with np.load(folder / "negatives.npz") as file:
            self.negatives = torch.from_numpy(decoded(file["images"], file["ends"])).to(device)
        self.held = Faces.read(folder / "held.npz", device)
        with np.load(folder / "held.npz") as file:
            self.held_sets, self.held_number = file["sets"].tolist(), file["number"]
        self.mirror = torch.tensor(self.about["mirror"], device=device)
        full = [name in FULL for name in self.about["schemes"]]
        self.full = torch.tensor(full, device=device)

    def batches(self, seed: int, mirrored: bool) -> Iterator[tuple[Faces, Tensor]]:
        """Endless batches of augmented faces, and images without a face."""
        rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        strengths = STRENGTHS["closer" if mirrored else "settle"]
        size = (self.view, self.view)
        while True:
            parts, empty = [], []
            for strength in strengths:
                rows = self.index[torch.from_numpy(rng.integers(len(self.index), size=BATCH))]
                given = self.faces.rows(rows.to(self.device, non_blocking=True))
                changed = augment_faces(
                    given.images[:, None].float(), given.points, given.labelled, given.visibility,
                    strength, self.mirror if mirrored else None, generator, size,
                )  # fmt: skip
                visibility = changed.visibility
                assert visibility is not None
                points, labelled = changed.points, changed.labelled
                parts.append(Faces(changed.images, points, labelled, visibility, given.scheme))
            every = Faces.joined(parts)
            count = GROUP * round(BATCH * NEGATIVES)
            rows = torch.from_numpy(rng.integers(len(self.negatives), size=count))
            images = self.negatives[rows.to(self.device, non_blocking=True)][:, None].float()
            nothing = images.new_zeros((count, 1, 2))
            empty = augment(
                images, nothing, nothing[..., 0] == 0, strengths[-1], None, generator, size
            )[0]
            order = torch.from_numpy(rng.permutation(BATCH * GROUP)).to(self.device)
            for chosen, without in zip(
                order.split(BATCH), empty.split(count // GROUP), strict=True
            ):
                yield every.rows(chosen), without

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


# --- Networks and losses --------------------------------------------------------------------------


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
        with torch.autocast(images.device.type, torch.bfloat16, images.device.type == "cuda"):
            output = self.model(images)
        assert output.annotator is not None
        raw = self.before.pop()
        logits = output.annotator.float().masked_fill(~self.full, -torch.inf)
        probability = logits.softmax(-1)
        flat = raw.flatten(1)
        offsets = torch.einsum("bi,aij->baj", flat, self.bias.weight) + self.bias.bias
        fixed = raw + (probability[..., None] * offsets).sum(1).view_as(raw)
        return output, (fixed + 1) / 2 * self.model.sides - 0.5


def label_loss(output: RawOutput, faces: Faces) -> Tensor:
    """The loss of `facepoints.training.member_trainer`: labels, face score, visibility and
    annotator. Images without a face follow the faces in `output`."""
    count = len(faces.points)
    of_faces = output.first(count)
    loss = masked_mean(LOSSES["laplace"].per_point(of_faces, faces.points), faces.labelled)
    is_face = (torch.arange(len(output.score), device=output.score.device) < count).float()
    loss = loss + SCORE_WEIGHT * functional.binary_cross_entropy(output.score, is_face)
    assert of_faces.visible is not None
    assert of_faces.annotator is not None
    target = (faces.visibility > 0).to(of_faces.visible.dtype)
    errors = functional.binary_cross_entropy(of_faces.visible, target, reduction="none")
    loss = loss + VISIBILITY_WEIGHT * masked_mean(errors, faces.visibility >= 0)
    annotator = functional.cross_entropy(of_faces.annotator.float(), faces.scheme)
    return loss + ANNOTATOR_WEIGHT * annotator


class Learner:
    """A network in training, with the moving average of its weights."""

    def __init__(self, model: KeypointModel) -> None:
        self.model, self.average = model, copy.deepcopy(model).eval()
        decayed = [p for p in model.parameters() if p.ndim > 1]
        plain = [p for p in model.parameters() if p.ndim <= 1]
        groups = [
            {"params": decayed, "weight_decay": WEIGHT_DECAY},
            {"params": plain, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=RATE, fused=True)
        self.steps = 0

    def step(self, loss: Tensor, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), MAX_GRADIENT_NORM)
        self.optimizer.step()
        self.steps += 1
        decay = min(EMA, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            pairs = zip(
                [*self.average.parameters(), *self.average.buffers()],
                [*self.model.parameters(), *self.model.buffers()],
                strict=True,
            )
            floats = []
            for average, value in pairs:
                if average.is_floating_point():
                    floats.append((average, value))
                else:
                    average.copy_(value)
            averages, values = zip(*floats, strict=True)
            torch._foreach_lerp_(list(averages), list(values), 1 - decay)  # pyright: ignore


def schedule(done: float) -> float:
    """One cycle, as in `facepoints.training.member_trainer`."""
    if done < 0.05:
        return 0.04 + 0.96 * done / 0.05
    return 0.5 * (1 + math.cos(math.pi * (done - 0.05) / 0.95)) + 1e-4


def save(model: KeypointModel, path: Path, half: bool = False) -> None:
    """Write the weights, as float16 if `half`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.cpu() for name, tensor in model.state_dict().items()}
    if half:
        state = {n: t.half() if t.is_floating_point() else t for n, t in state.items()}
    torch.save(state, path)


def learn(
    given: Pack,
    learner: Learner,
    minutes: float,
    seed: int,
    loss: Callable[[Tensor, Faces], Tensor],
) -> None:
    """Train for some minutes. `loss` is that of images, the faces first, and of their labels."""
    streams = [given.batches(2 * seed, True), given.batches(2 * seed + 1, False)]
    begin, steps, reported = time.monotonic(), 0, 0.0
    while (done := (time.monotonic() - begin) / (60 * minutes)) < 1:
        faces, empty = next(streams[done > 1 - SETTLED])
        value = loss(torch.cat([faces.images, empty]), faces)
        learner.step(value, RATE * schedule(done))
        steps += 1
        if steps % 20 == 0 and given.device.type == "cuda":
            torch.cuda.synchronize()  # the clock decides when to stop, so no step may be pending
        if done - reported > 0.2:
            reported = done
            rate = steps * BATCH / (60 * minutes * done)
            print(f"{done:.0%}, {rate:.0f} faces/s, loss {float(value.detach()):.3f}", flush=True)
    print(f"{steps} steps of {BATCH} faces", flush=True)


def train_teacher(given: Pack, out: Path, seed: int, minutes: float) -> None:
    """Train one teacher."""
    torch.manual_seed(seed)
    learner = Learner(new_model(given, TEACHER))
    learner.model.train()

    def loss(images: Tensor, faces: Faces) -> Tensor:
        with torch.autocast(images.device.type, torch.bfloat16, images.device.type == "cuda"):
            output = learner.model(images)
        return label_loss(output, faces)

    learn(given, learner, minutes, seed, loss)
    save(learner.average, out / "teacher.pt", half=True)
    print("teacher", out, given.errors(learner.average), flush=True)


def train_student(given: Pack, teachers: list[Path], name: str, out: Path, minutes: float) -> None:
    """Train one of `STUDENTS`."""
    widths, weight = STUDENTS[name]
    guides = []
    for path in teachers:
        model = new_model(given, TEACHER)
        model.load_state_dict(torch.load(path, map_location=given.device))
        guides.append(Habit(model.eval().requires_grad_(False), given.full))
    if not guides:
        raise SystemExit("error: no teacher.pt in the folders of --teachers; train teachers first")
    print("mean of the teachers", given.errors(Mean([g.model for g in guides])), flush=True)
    torch.manual_seed(100)
    learner = Learner(new_model(given, widths))
    habit = Habit(learner.model.train(), given.full)

    def loss(images: Tensor, faces: Faces) -> Tensor:
        count = len(faces.points)
        with torch.no_grad():
            told = [guide(images[:count]) for guide in guides]
            points = torch.stack([p for _, p in told]).mean(0)
            scale = torch.stack([o.scale for o, _ in told]).mean(0)
        output, own = habit(images)
        apart = torch.linalg.vector_norm(own[:count] - points, dim=-1).clamp_min(1e-6)
        return label_loss(output, faces) + weight * (apart / scale).mean()

    learn(given, learner, minutes, 50, loss)
    save(learner.average, out / f"{name}.pt")
    print(name, given.errors(learner.average), flush=True)


class Mean:
    """The mean of the points of several models."""

    def __init__(self, models: list[KeypointModel]) -> None:
        self.models = models

    def __call__(self, images: Tensor) -> RawOutput:
        outputs = [model(images) for model in self.models]
        return outputs[0]._replace(points=torch.stack([o.points for o in outputs]).mean(0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("part", choices=("pack", "teacher", "student"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--morphs", type=Path, default=Path("build/points-morphs"))
    parser.add_argument("--pack", type=Path, default=Path("build/pack"))
    parser.add_argument("--teachers", type=Path, default=Path("build/teachers"))
    parser.add_argument("--name", choices=STUDENTS, default="narrow")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--device", default="cuda")
    args = parser.parse_args()
    if args.part == "pack":
        pack(args.data, args.out, args.morphs)
        return
    torch.backends.cudnn.benchmark = True
    given = Pack(args.pack, torch.device(args.device))
    if args.part == "teacher":
        train_teacher(given, args.out, args.seed, args.minutes)
    else:
        teachers = sorted(args.teachers.glob("*/teacher.pt"))
        train_student(given, teachers, args.name, args.out, args.minutes)


if __name__ == "__main__":
    main()
