"""Speed on a GPU: networks, photos, training, and the time in which net2 reaches an accuracy.

    python benchmarks/gpu.py                     # 4 minutes on an H100, at most 5
    python benchmarks/gpu.py --only forward photos
    python benchmarks/gpu.py --device cpu --quick --out build/gpu-on-cpu    # the same code, small

It needs no network and no data: crops are noise, photos and labeled faces are synthetic (--photos
names a folder of photos instead). The sections:

forward     faces/s of the built-in landmark network and of every network (96x96, 15 points, random
            weights) at batch sizes 1 to 4096 in float32, bfloat16 and float16; kernels started from
            Python (eager) or at once (CUDA graph); crops on the device, or from the host and the
            points back there; and `Run.predict` as facepoints calls it
photos      photos/s from JPEG in memory to faces: the detector on the CPU, landmarks on the CPU or
            on the device, by processes and by threads; and decoding alone
training    samples/s of every network, augmentation included, eager and as a CUDA graph
agreement   losses of the same steps, eager and as a graph
waiting     places of a step that wait for the GPU
reach       seconds in which net2 reaches the validation error of its origin's settings on synthetic
            faces labeled like Kaggle's, and heatnet its best
compile     forward of the built-in network through `torch.compile`

Each section has a time limit, and its error does not end the others. Results are written after each
section: gpu.json and gpu.md in --out, else in $OUT if it is set, else in benchmarks/results on CUDA
and build/gpu-on-cpu on the CPU. Sections that are not measured are taken over from
benchmarks/results if they are of the same card and PyTorch.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from support import gpu_forward, gpu_photos, gpu_training, tables
from support.cli import RESULTS, ROOT, make_parser

from facepoints._util.files import read_json

Row = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What is measured: sizes and seconds."""

    device: torch.device
    batches: list[int]
    training_batches: list[int]
    seconds: float
    rows: int
    photos: list[bytes]
    workers: int
    faces: int
    epochs: int
    steps: int
    reach_batches: list[int]


def main() -> None:
    """Measure the chosen sections, show and write them."""
    options = arguments()
    device = torch.device(options.device)
    out = options.out or Path(os.environ.get("OUT") or _default_out(device))
    out.mkdir(parents=True, exist_ok=True)
    content = begun(RESULTS / "gpu.json", about(device))
    began = time.monotonic()
    plan = make_plan(options, device)
    for name in options.only:
        left = options.minutes * 60 - (time.monotonic() - began)
        allowed = min(LIMITS[name] * (1 if device.type == "cuda" else 10), left)
        measure(name, plan, allowed, content)
        tables.write(out, "gpu", content, markdown(content))
    for title, cells in all_tables(content).items():
        tables.show(title, cells)
    for name, error in content["errors"].items():
        print(f"{name}: {error}")
    print(f"{out / 'gpu.md'}: {time.monotonic() - began:.0f} s, {content['device']['name']}")


def arguments() -> Any:
    """The options."""
    parser = make_parser(__doc__, model=False)
    parser.set_defaults(out=None)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--only", nargs="*", default=list(SECTIONS), choices=list(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="few and small, to try the script")
    parser.add_argument("--minutes", type=float, default=5.0, help="limit of all sections")
    parser.add_argument("--seconds", type=float, default=0.1, help="of a rate of a network")
    parser.add_argument("--photos", type=Path, help="folder of photos instead of synthetic ones")
    parser.add_argument("--count", type=int, default=2000, help="number of photos")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    return parser.parse_args()


def make_plan(options: Any, device: torch.device) -> Plan:
    """Sizes by the options."""
    quick = options.quick
    photos: list[bytes] = []
    if "photos" in options.only:
        distinct = 16 if quick else 64
        if options.photos is None:
            photos = gpu_photos.make_photos(distinct)
        else:
            photos = gpu_photos.read_photos(options.photos, options.count)
        count = 4 * distinct if quick else options.count
        photos = (photos * (1 + count // max(len(photos), 1)))[:count]
    return Plan(
        device=device,
        batches=[1, 4] if quick else [1, 32, 256, 1024, 4096],
        training_batches=[32] if quick else [128, 512, 2048],
        seconds=0.02 if quick else options.seconds,
        rows=64 if quick else 4096,
        photos=photos,
        workers=options.workers,
        faces=240 if quick else 7049,
        epochs=2 if quick else 80,
        steps=2 if quick else 30,
        reach_batches=[32] if quick else [32, 128, 512],
    )


def _default_out(device: torch.device) -> Path:
    return RESULTS if device.type == "cuda" else ROOT / "build" / "gpu-on-cpu"


# --- Sections -------------------------------------------------------------------------------------


def _forward(plan: Plan) -> Iterator[Row]:
    yield from gpu_forward.forward_rates(plan.device, plan.batches, plan.seconds)
    yield from gpu_forward.predict_rates(plan.device, plan.batches, plan.seconds)


def _photos(plan: Plan) -> Iterator[Row]:
    few = max(1, plan.workers // 4)
    yield from gpu_photos.photo_rates(str(plan.device), plan.photos, plan.workers, few)


def _training(plan: Plan) -> Iterator[Row]:
    seconds = 5 * plan.seconds
    batches = plan.training_batches
    yield from gpu_training.training_rates(plan.device, batches, seconds, plan.rows)


def _reach(plan: Plan) -> Iterator[Row]:
    faces = gpu_training.make_faces(plan.faces, plan.workers)
    graph = plan.device.type == "cuda"
    yield from gpu_training.reach_rows(plan.device, faces, plan.epochs, plan.reach_batches, graph)


def _compile(plan: Plan) -> Iterator[Row]:
    yield from gpu_forward.compiled_rates(plan.device, plan.batches[-1:], plan.seconds)


SECTIONS: dict[str, Callable[[Plan], Iterable[Row]]] = {
    "forward": _forward,
    "agreement": lambda plan: gpu_training.agreement(plan.device, plan.steps),
    "waiting": lambda plan: gpu_training.synchronizing_calls(plan.device),
    "training": _training,
    "reach": _reach,
    "photos": _photos,
    "compile": _compile,
}
"""Rows of each section, in the order in which they are measured."""

LIMITS = {
    "forward": 60.0, "agreement": 20.0, "waiting": 10.0, "training": 80.0, "reach": 90.0,
    "photos": 70.0, "compile": 45.0,
}  # fmt: skip
"""Seconds of each section on a GPU."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the block after `seconds`."""

    def ring(number: int, frame: object) -> None:
        raise TimeoutError(f"stopped after {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.1))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def measure(name: str, plan: Plan, seconds: float, content: Row) -> None:
    """Add the rows of a section to `content`, or as many as there were before its error."""
    rows = content["sections"][name] = []
    content["errors"].pop(name, None)
    begin = time.monotonic()
    try:
        with time_limit(seconds), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for row in SECTIONS[name](plan):
                rows.append(row)
    except Exception as error:
        traceback.print_exc()
        content["errors"][name] = f"{type(error).__name__}: {str(error)[:300]}"
    content["seconds"][name] = round(time.monotonic() - begin, 1)
    if plan.device.type == "cuda":
        torch.cuda.empty_cache()
    print(f"{name}: {len(rows)} rows, {content['seconds'][name]} s", file=sys.stderr, flush=True)


def begun(file: Path, device: Row) -> Row:
    """The results so far, if they are of the same card and PyTorch; else none. A section that is
    measured again replaces its rows."""
    found = read_json(file) if file.exists() else {}
    same = all(found.get("device", {}).get(key) == device[key] for key in ("name", "torch"))
    content: Row = {"device": device, "sections": {}, "seconds": {}, "errors": {}}
    return content | ({k: found[k] for k in ("sections", "seconds", "errors")} if same else {})


def about(device: torch.device) -> Row:
    """The device, its driver and the libraries."""
    import onnxruntime

    found: Row = {"name": "CPU", "torch": torch.__version__, "onnxruntime": onnxruntime.__version__}
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        found |= {"name": properties.name, "memory_gib": round(properties.total_memory / 2**30, 1)}
        found |= {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
        found["driver"] = _driver()
    return found


def _driver() -> str | None:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return None


# --- Tables ---------------------------------------------------------------------------------------


def all_tables(content: Row) -> dict[str, tables.Cells]:
    """The tables by their titles."""
    sections = content["sections"]
    made = {
        "faces/s of networks": forward_table(
            [*sections.get("forward", []), *sections.get("compile", [])]
        ),
        "photos/s": photo_table(sections.get("photos", [])),
        "training samples/s": training_table(sections.get("training", [])),
        "time to an accuracy": reach_table(sections.get("reach", [])),
        "eager steps and graphs": agreement_table(sections.get("agreement", [])),
    }
    return {title: cells for title, cells in made.items() if len(cells) > 1}


def _rates(rows: list[Row], keys: tuple[str, ...], figure: str) -> tables.Cells:
    """A line per combination of `keys`, a column per batch size."""
    batches = sorted({row["batch"] for row in rows})
    lines: dict[tuple[str, ...], dict[int, str]] = {}
    for row in rows:
        shown = f"{row[figure]:,.0f}" if figure in row else "failed"
        lines.setdefault(tuple(str(row[key]) for key in keys), {})[row["batch"]] = shown
    cells = [[", ".join(keys), *(f"batch {batch}" for batch in batches)]]
    for names, found in lines.items():
        cells.append([", ".join(names), *(found.get(batch, "-") for batch in batches)])
    return cells


def forward_table(rows: list[Row]) -> tables.Cells:
    """Faces per second by batch size."""
    return _rates(rows, ("network", "precision", "way", "crops"), "faces_per_s")


def training_table(rows: list[Row]) -> tables.Cells:
    """Training samples per second by batch size."""
    return _rates(rows, ("network", "augment", "way"), "samples_per_s")


def photo_table(rows: list[Row]) -> tables.Cells:
    """Photos per second of each way."""
    cells = [["photos to faces", "workers", "photos/s", "faces"]]
    for row in rows:
        shown = f"{row['photos_per_s']:,.0f}" if "photos_per_s" in row else "failed"
        cells.append([row["what"], str(row["workers"]), shown, str(row.get("faces", "-"))])
    return cells


def reach_table(rows: list[Row]) -> tables.Cells:
    """Seconds to the error of the origin's settings."""
    cells = [["training", "batch", "epochs", "way", "RMSE, px", "target, px", "s to target", "s"]]
    for row in rows:
        reached = row["seconds_to_target"]
        cells.append([
            row["what"], str(row["batch"]), str(row["epochs"]), row["way"],
            f"{row['best_rmse']:.3f}", f"{row['target_rmse']:.3f}",
            "not reached" if reached is None else f"{reached:.1f}", f"{row['seconds']:.1f}",
        ])  # fmt: skip
    return cells


def agreement_table(rows: list[Row]) -> tables.Cells:
    """Mean losses of the same steps."""
    cells = [["network", "steps", "mean loss"]]
    for row in rows:
        losses = ", ".join(f"{way} {loss:.6f}" for way, loss in row["mean_loss"].items())
        cells.append([row["network"], str(row["steps"]), losses])
    return cells


def markdown(content: Row) -> str:
    """All tables and the device as Markdown."""
    named = ", ".join(f"{k} {v}" for k, v in content["device"].items() if k != "name" and v)
    text = f"Device: {content['device']['name']} ({named}).\n"
    for title, cells in all_tables(content).items():
        text += f"\n## {title[0].upper()}{title[1:]}\n\n{tables.markdown(cells)}"
    for row in content["sections"].get("waiting", []):
        text += f"\nAugmentation {row['augment']}: {row['calls_that_wait']} calls of a step wait "
        text += f"for the GPU ({', '.join(row['places']) or 'none'}).\n"
    for name, error in content["errors"].items():
        text += f"\nSection {name} ended early: {error}.\n"
    left = [name for name in SECTIONS if name not in content["sections"]]
    return text + (f"\nNot measured: {', '.join(left)}.\n" if left else "")


if __name__ == "__main__":
    main()
