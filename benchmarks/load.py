"""Time and memory of reading a Kaggle table of the real size, against the usual way.

    python benchmarks/load.py [--rows 7049] [--repeats 3]

Writes a table of 7049 rows of 9216 pixels into a temporary folder and reads it, each time
in a process of its own:

- usual: ``pandas.read_csv`` and ``np.fromstring`` per row, as most published solutions do;
- first: ``readers.load`` with an empty cache;
- cache: ``readers.load`` again. Its images are memory-mapped, so the time to touch every
  pixel once is part of it.

Imports are not timed. The medians go to benchmarks/results/load.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
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

SIDE = 96
FLOORS = {"first": 0.45, "cache": 0.02}
SIDES = ("usual", "first", "cache")


def write_table(path: Path, rows: int) -> None:
    """A table like the competition's: smooth pictures with noise, 4 of 15 points mostly."""
    from facepoints.landmarks.known_sets import KAGGLE_15

    random = np.random.default_rng(0)
    core = {"left_eye_center", "right_eye_center", "nose_tip", "mouth_center_bottom_lip"}
    numbers = [str(value) for value in range(256)]
    with path.open("w") as file:
        file.write(",".join(f"{n}_x,{n}_y" for n in KAGGLE_15.names) + ",Image\n")
        for row in range(rows):
            coarse = random.uniform(20, 235, (8, 8)).astype(np.float32)
            picture = np.asarray(cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))
            picture = np.clip(picture + random.normal(0, 6, picture.shape), 0, 255)
            labels = [
                f"{random.uniform(10, 86):.10f}" if n in core or row < rows * 0.32 else ""
                for n in KAGGLE_15.names
                for _ in "xy"
            ]
            pixels = " ".join([numbers[v] for v in picture.astype(np.uint8).ravel()])
            file.write(f"{','.join(labels)},{pixels}\n")


def usual(path: Path) -> tuple[float, int]:
    """Seconds, and the sum of the pixels as a check that all were read."""
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
    """As `usual`, through the cache that the environment names."""
    from facepoints.datasets import readers

    start = time.perf_counter()
    samples = readers.load(path)
    total = int(samples.images.sum(dtype=np.int64))
    return time.perf_counter() - start, total


def peak_mib() -> float:
    """Most memory that this process has held, in MiB.

    From the kernel's own count for this program: ``ru_maxrss`` would also hold what the
    parent had before the program started.
    """
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one_side(name: str, path: Path) -> None:
    """Run one side and print what it took as JSON."""
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
    import pandas as pd

    return {
        "rows": rows,
        "pixels": SIDE * SIDE,
        "table_bytes": table_bytes,
        "repeats": repeats,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "pandas": pd.__version__,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Time reading a Kaggle table of the real size")
    parser.add_argument("--rows", type=int, default=7049)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--table", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        one_side(options.side, options.table)
        return
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in SIDES}
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "training.csv"
        write_table(table, options.rows)
        about = settings(options.rows, options.repeats, table.stat().st_size)
        for repeat in range(options.repeats):
            for name in SIDES:  # in turn, so that a busy moment hits all of them
                runs[name].append(measure(name, table, Path(folder) / f"cache-{repeat}"))
    if len({run["sum"] for sides in runs.values() for run in sides}) != 1:
        raise SystemExit("the sides read different pixels")
    report(runs, about)


def report(runs: dict[str, list[dict[str, float]]], about: dict[str, Any]) -> None:
    """Print the ratios and keep the figures."""
    seconds = {name: statistics.median(r["seconds"] for r in runs[name]) for name in SIDES}
    peak = {name: max(r["peak_mib"] for r in runs[name]) for name in SIDES}
    ratios = {name: seconds[name] / seconds["usual"] for name in FLOORS}
    print(f"{'':8}{'seconds':>10}{'peak MiB':>10}{'ratio':>9}{'floor':>8}")
    for name in SIDES:
        ratio = f"{ratios[name]:9.4f}{FLOORS[name]:8.2f}" if name in ratios else ""
        print(f"{name:8}{seconds[name]:10.3f}{peak[name]:10.0f}{ratio}")
    results = Path(__file__).parent / "results" / "load.json"
    results.parent.mkdir(exist_ok=True)
    content = {
        "settings": about,
        "seconds": {n: round(s, 4) for n, s in seconds.items()},
        "peak_mib": {n: round(m) for n, m in peak.items()},
        "ratio_to_usual": {n: round(r, 4) for n, r in ratios.items()},
        "floors": FLOORS,
    }
    results.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
