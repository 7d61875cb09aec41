"""Time and memory of reading a Kaggle table of the real size, beside the usual way.

    python benchmarks/load.py [--rows 7049] [--repeats 3]

Writes a table of 7049 rows of 9216 pixels into a temporary folder and reads it, each time
in a process of its own:

- usual: ``pandas.read_csv`` and ``np.fromstring`` per row, as most published solutions do;
- first: ``readers.load`` with an empty cache;
- cache: ``readers.load`` again. Its images are memory-mapped, so the time to read every
  pixel once is included.

Imports are not timed. Results: benchmarks/results/load.json and load.md (medians).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from support import tables
from support.cli import make_parser

SIDE = 96
FLOORS = {"first": 0.45, "cache": 0.02}
SIDES = {
    "usual": "pandas and `np.fromstring` per row",
    "first": "facepoints, first read",
    "cache": "facepoints, from its cache",
}


def write_table(path: Path, rows: int) -> None:
    """A table like the competition's: smooth images with noise, mostly 4 of 15 points."""
    from facepoints.landmarks.known_sets import KAGGLE_15

    random = np.random.default_rng(0)
    core = {"left_eye_center", "right_eye_center", "nose_tip", "mouth_center_bottom_lip"}
    numbers = [str(value) for value in range(256)]
    with path.open("w") as file:
        file.write(",".join(f"{n}_x,{n}_y" for n in KAGGLE_15.names) + ",Image\n")
        for row in range(rows):
            coarse = random.uniform(20, 235, (8, 8)).astype(np.float32)
            image = np.asarray(cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))
            image = np.clip(image + random.normal(0, 6, image.shape), 0, 255)
            labels = [
                f"{random.uniform(10, 86):.10f}" if n in core or row < rows * 0.32 else ""
                for n in KAGGLE_15.names
                for _ in "xy"
            ]
            pixels = " ".join([numbers[v] for v in image.astype(np.uint8).ravel()])
            file.write(f"{','.join(labels)},{pixels}\n")


def usual(path: Path) -> tuple[float, int]:
    """Seconds, and the sum of the pixels to check that all were read."""
    import pandas as pd

    start = time.perf_counter()
    frame = pd.read_csv(path)
    frame["Image"] = frame["Image"].apply(lambda text: np.fromstring(text, sep=" "))
    images = np.vstack(list(frame["Image"]))
    labels = frame.drop(columns="Image").to_numpy()
    seconds = time.perf_counter() - start
    assert len(labels) == len(images)
    return seconds, int(images.sum())


def ours(path: Path) -> tuple[float, int]:
    """As `usual`, with the cache in the folder that the environment names."""
    from facepoints.datasets import readers

    start = time.perf_counter()
    samples = readers.load(path)
    total = int(samples.images.sum(dtype=np.int64))
    return time.perf_counter() - start, total


def peak_mib() -> float:
    """Most memory that this process has held, in MiB.

    Read from the kernel's count for this program, because ``ru_maxrss`` also counts what the
    parent held before the program started.
    """
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one_side(name: str, path: Path) -> None:
    """Run one side and print its figures as JSON."""
    seconds, total = (usual if name == "usual" else ours)(path)
    print(json.dumps({"seconds": seconds, "peak_mib": peak_mib(), "sum": total}))


def measure(name: str, path: Path, cache: Path) -> dict[str, float]:
    """One side in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--side", name, "--table", str(path)],
        env={**os.environ, "FACEPOINTS_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def settings(rows: int, repeats: int, table_bytes: int) -> dict[str, Any]:
    """Size of the table, and versions."""
    import pandas as pd

    return {
        "rows": rows,
        "pixels": SIDE * SIDE,
        "table_bytes": table_bytes,
        "repeats": repeats,
        "numpy": np.__version__,
        "pandas": pd.__version__,
    }


def main() -> None:
    """Write a table, read it by every side, and write the results."""
    parser = make_parser(__doc__, model=False)
    parser.add_argument("--rows", type=int, default=7049)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--side", choices=list(SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--table", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        one_side(options.side, options.table)
        return
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in SIDES}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "training.csv"
        write_table(file, options.rows)
        about = settings(options.rows, options.repeats, file.stat().st_size)
        for repeat in range(options.repeats):
            for name in SIDES:  # in turns, so that a busy moment hits all of them
                runs[name].append(measure(name, file, Path(folder) / f"cache-{repeat}"))
    if len({run["sum"] for sides in runs.values() for run in sides}) != 1:
        raise SystemExit("the sides read different pixels")
    report(runs, about, options.out)


def report(runs: dict[str, list[dict[str, float]]], about: dict[str, Any], out: Path) -> None:
    """Print and write the medians."""
    seconds = {name: statistics.median(r["seconds"] for r in runs[name]) for name in SIDES}
    peak = {name: max(r["peak_mib"] for r in runs[name]) for name in SIDES}
    content = {
        "settings": about,
        "seconds": {n: round(s, 4) for n, s in seconds.items()},
        "peak_mib": {n: round(m) for n, m in peak.items()},
        "ratio_to_usual": {n: round(seconds[n] / seconds["usual"], 4) for n in FLOORS},
        "floors": FLOORS,
    }
    cells = table(content)
    tables.show("reading a Kaggle table", cells)
    tables.write(out, "load", content, tables.markdown(cells))


def table(content: dict[str, Any]) -> tables.Cells:
    """A row per side."""
    cells = [["reader", "seconds", "ratio", "peak memory, MiB"]]
    for side, name in SIDES.items():
        ratio = content["ratio_to_usual"].get(side)
        seconds, memory = content["seconds"][side], content["peak_mib"][side]
        cells.append([name, f"{seconds:.3g}", "" if ratio is None else f"{ratio:.2g}", str(memory)])
    return cells


if __name__ == "__main__":
    main()
