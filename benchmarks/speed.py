"""Time of the landmark stage for one face beside MediaPipe's, and faces per second in batches.

    python benchmarks/speed.py                  # two minutes; best on a machine that is idle

One face, one thread, all processes on the same processor core:

- network: crop to points. facepoints in onnxruntime; MediaPipe's face_landmark.tflite in LiteRT
  (ai-edge-litert, XNNPACK), newer and no slower than the runtime in MediaPipe's package.
- stage: image and box of the face to points in the image. facepoints without a refinement pass, as
  in a video and after the built-in detector, and with the pass that a rough box needs.
  MediaPipe's Face Mesh in its tracking mode on a still frame, where crop, mesh network and
  projection run but no detector; plain and with `refine_landmarks`.

Batches: 64 faces in one call with two threads, compared with one face a call with one thread and
with two; network and stage, and the network on CUDA where onnxruntime has it.

All processes of a comparison are alive at the same time and take turns, so that a busy moment
hits all of them. The median over the rounds of each round's median counts. The image is skimage's
astronaut, 512 x 512. Results: benchmarks/results/speed.json and speed.md.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import onnxruntime
from skimage import data
from support import peers, tables
from support.cli import make_parser
from support.ours import about

OUR_WORKER = Path(__file__).parent / "support" / "our_worker.py"
FLOORS = {"stage_over_peer": 1.0, "batch_gain": 1.5}
BATCH = 64
Command = list[str | Path]


def in_turns(
    commands: dict[str, Command], core: int | None, rounds: int, calls: dict[str, int]
) -> dict[str, list[float]]:
    """Median milliseconds of a call in each round, for processes that take turns."""
    servers = {name: peers.Server(command, core) for name, command in commands.items()}
    medians: dict[str, list[float]] = {name: [] for name in commands}
    try:
        for _ in range(rounds):
            for name, server in servers.items():
                medians[name].append(statistics.median(server.seconds(calls[name])))
    finally:
        for server in servers.values():
            server.close()
    return {name: [1000 * seconds for seconds in times] for name, times in medians.items()}


def ours(*arguments: object, model: Path | None) -> Command:
    """Command of `our_worker.py`."""
    extra = [str(model)] if model else []
    return [sys.executable, OUR_WORKER, *map(str, arguments), *extra]


def peer(*arguments: object) -> Command:
    """Command of `peer_worker.py`."""
    return [peers.python(), peers.WORKER, "time", *map(str, arguments)]


def one_face(photo: Path, model: Path | None, rounds: int) -> dict[str, list[float]]:
    """Milliseconds in each round for one face on one thread."""
    commands = {
        "network, facepoints": ours("network", 1, 1, "cpu", model=model),
        "network, MediaPipe": peer("mesh", photo),
        "stage, facepoints": ours("stage", 1, 1, 0, photo, model=model),
        "stage, facepoints, rough box": ours("stage", 1, 1, 1, photo, model=model),
        "stage, MediaPipe": peer("stage", photo),
        "stage, MediaPipe, refined": peer("stage-refined", photo),
    }
    core = max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return in_turns(commands, core, rounds, dict.fromkeys(commands, 50))


def batches(photo: Path, model: Path | None, rounds: int, threads: int) -> list[dict[str, Any]]:
    """Faces per second, one a call and `BATCH` a call."""
    rows = []
    kinds: dict[str, tuple[object, ...]] = {"network": ("cpu",), "stage": (0, photo)}
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        kinds["network on CUDA"] = ("cuda",)
    for kind, rest in kinds.items():
        what = kind.split()[0]
        commands = {
            "one": ours(what, 1, 1, *rest, model=model),
            "one_all_threads": ours(what, 1, threads, *rest, model=model),
            "batch": ours(what, BATCH, threads, *rest, model=model),
        }
        took = in_turns(commands, None, rounds, dict.fromkeys(commands, 64) | {"batch": 3})
        one, alone, many = (1000 / statistics.median(took[name]) for name in commands)
        row = {"what": kind, "one_thread": round(one, 1), "one_a_call": round(alone, 1)}
        row |= {f"batch_of_{BATCH}": round(many * BATCH, 1), "gain": round(many * BATCH / one, 2)}
        rows.append(row | {"gain_over_all_threads": round(many * BATCH / alone, 2)})
    return rows


def report(times: dict[str, float], rates: Sequence[dict[str, Any]], threads: int) -> str:
    """Print both tables and return them as Markdown."""
    one = [["one face, one thread", "ms", "over MediaPipe's"]]
    for name, value in times.items():
        base = times[f"{name.split(',')[0]}, MediaPipe"]
        one.append([name, f"{value:.2f}", f"{value / base:.2f}"])
    ways = ["one a call, one thread", f"{threads} threads", f"{BATCH} a call, {threads} threads"]
    many = [["faces per second", *ways, "gain", f"over {threads} threads"]]
    for row in rates:
        figures = (row["one_thread"], row["one_a_call"], row[f"batch_of_{BATCH}"])
        gains = (row["gain"], row["gain_over_all_threads"])
        many.append([row["what"], *(f"{v:.0f}" for v in figures), *(f"{v:.2f}" for v in gains)])
    tables.show("points of one face", one)
    tables.show("batches", many)
    note = "" if any("CUDA" in row["what"] for row in rates) else "No CUDA on this machine.\n"
    print(note, end="")
    return "\n".join([tables.markdown(one), tables.markdown(many), note])


def main() -> None:
    """Measure both and write the results."""
    parser = make_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2, help="threads of a batch")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "astronaut.png"
        cv2.imwrite(str(photo), cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR))
        rounds = one_face(photo, chosen.model, chosen.rounds)
        rates = batches(photo, chosen.model, chosen.rounds, chosen.threads)
    times = {name: statistics.median(all_) for name, all_ in rounds.items()}
    content = {
        "milliseconds_of_one_face": {name: round(value, 3) for name, value in times.items()},
        "in_the_quietest_round": {name: round(min(all_), 3) for name, all_ in rounds.items()},
        "faces_per_second": rates,
        "batch_threads": chosen.threads,
        "floors": FLOORS,
        "ours": about(chosen.model) | {"onnxruntime": onnxruntime.__version__},
        "peers": peers.versions(),
    }
    tables.write(chosen.out, "speed", content, report(times, rates, chosen.threads))


if __name__ == "__main__":
    main()
