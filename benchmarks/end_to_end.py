"""Time and memory from an image to its points: facepoints, MediaPipe and dlib.

    python benchmarks/end_to_end.py          # six minutes; best on a machine that is idle

Photos of held-out people, as arrays in memory: the time to read the files is not counted.
Every side runs in a process of its own, may use all cores, and predicts all faces of each
photo. The sides take turns every 20 photos, so that a busy moment hits all of them. The median
over the photos counts. MediaPipe Face Mesh 0.10.14 runs with static_image_mode, as it should for
photos. dlib doubles the image once, as its example does. Memory is the most that the process
held, with the interpreter and all libraries.

Then the same once more while another process keeps one core busy. The script starts and ends it.

The errors are those that `accuracy.py` measured.
Results: benchmarks/results/end_to_end.json and end_to_end.md.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from support import peers, tables
from support.busy import busy_core
from support.cli import RESULTS, make_parser
from support.faces import read_sets
from support.ours import about

from facepoints._util.files import read_json

OUR_WORKER = Path(__file__).parent / "support" / "our_worker.py"
OURS = "facepoints"
SIDES = (OURS, *peers.PEERS)
FLOORS = {"idle": {"lfpw": 0.5, "youtube": 0.45}, "busy": {"lfpw": 0.7, "youtube": 0.6}}
"""Shares of MediaPipe's time, idle and with one core kept busy."""
BESIDE = (OURS, "mediapipe", "mediapipe-refined")
"""Sides that are also measured beside other work."""
NME = {"lfpw": ("eyes_68", "NME eyes, 68"), "youtube": ("box_51", "NME box, 51")}
BLOCK = 20  # photos of a turn
WARM = 3  # the first photos of a turn run twice and count once


def command(side: str, files: Path, model: Path | None) -> list[str | Path]:
    """Command that runs a side."""
    if side == OURS:
        return [sys.executable, OUR_WORKER, "photos", files, *([model] if model else [])]
    return [peers.python(), peers.WORKER, "photos", side, files]


def measure(
    files: list[Path], model: Path | None, sides: Sequence[str] = SIDES, busy: bool = False
) -> dict[str, dict[str, float]]:
    """Median milliseconds of a photo, number of faces, and peak memory in MB of every side.

    Args:
        busy: keep one core busy by another process meanwhile.
    """
    with tempfile.TemporaryDirectory() as folder, busy_core() if busy else nullcontext():
        listed = Path(folder) / "files.json"
        listed.write_text(json.dumps([str(f.resolve()) for f in files]))
        servers = {side: peers.Server(command(side, listed, model)) for side in sides}
        times: dict[str, list[float]] = {side: [] for side in sides}
        faces = dict.fromkeys(sides, 0)
        try:
            for start in range(0, len(files), BLOCK):
                numbers = range(start, min(start + BLOCK, len(files)))
                for side, server in servers.items():
                    for number in numbers[:WARM]:
                        server.ask(str(number))
                    for number in numbers:
                        seconds, count = server.ask(str(number))
                        times[side].append(seconds)
                        faces[side] += count
            memory = {side: server.ask("memory") for side, server in servers.items()}
        finally:
            for server in servers.values():
                server.close()
    return {
        side: {
            "ms": round(1000 * statistics.median(times[side]), 3),
            "faces": faces[side],
            "peak_mb": round(memory[side]),
        }
        for side in sides
    }


def error_of(name: str, side: str) -> float | None:
    """NME from the results of `accuracy.py`: peers with the linear correction."""
    kept = RESULTS / "accuracy.json"
    wanted = ("none" if side == OURS else "linear", name, side)
    rows = read_json(kept)["rows"] if kept.exists() else []
    matching = [r for r in rows if (r["correction"], r["set"], r["side"]) == wanted]
    return matching[0][NME[name][0]] if matching else None


def table(name: str, rows: dict[str, dict[str, float]]) -> tables.Cells:
    """A row per side, of one set."""
    peer = rows["mediapipe"]["ms"]
    cells = [["side", "ms per photo", "over MediaPipe's", "peak MB", f"{NME[name][1]}, %"]]
    for side, row in rows.items():
        error = error_of(name, side)
        cells.append([
            {OURS: OURS, **peers.PEERS}[side],
            f"{row['ms']:.2f}",
            f"{row['ms'] / peer:.2f}",
            f"{row['peak_mb']:.0f}",
            "-" if error is None else f"{error:.2f}",
        ])  # fmt: skip
    return cells


def main() -> None:
    """Measure, print and write."""
    parser = make_parser(__doc__, data=True)
    parser.add_argument("--photos", type=int, help="photos of each set (default: all)")
    options = parser.parse_args()
    report: dict[str, Any] = {"floors": FLOORS, "ours": about(options.model), "sets": {}}
    report["busy"] = {}
    text = ""
    sets = read_sets(options.data, list(NME))
    for busy in (False, True):
        for name, split in sets.items():
            files = list(split.held_out.photos)[: options.photos]
            rows = measure(files, options.model, BESIDE if busy else SIDES, busy)
            report["busy" if busy else "sets"][name] = rows
            title = f"{name}: {len(files)} photos of held-out people"
            title += ", one core kept busy by another process" * busy
            cells = table(name, rows)
            tables.show(title, cells)
            text += f"{title}\n\n{tables.markdown(cells)}\n"
    tables.write(options.out, "end_to_end", report | {"peers": peers.versions()}, text)


if __name__ == "__main__":
    main()
