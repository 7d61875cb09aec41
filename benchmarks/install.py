"""Cost of the core install beside MediaPipe's: disk, time, packages, and the first result.

    python benchmarks/install.py                # five minutes; downloads both sides

Each side goes into a fresh environment of the same Python: this checkout without extras
(`pip install .`, which must not install PyTorch) and `pip install mediapipe==0.10.14`, without
pip's cache. Then, in new processes (medians of --repeats):

- import: the package alone.
- first result: from the start of the process to the points of the face in skimage's
  astronaut, read from a PNG file, with all defaults.

Results: benchmarks/results/install.json and install.md.
"""

from __future__ import annotations

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
from skimage import data
from support import peers, tables
from support.cli import ROOT, make_parser

FLOORS = {"first_result_s": 1.2, "import_s": 0.15}
SIDES = {"facepoints": str(ROOT), "mediapipe": "mediapipe==0.10.14"}
OURS = "import sys, facepoints; print(len(facepoints.load(*sys.argv[2:])(sys.argv[1])), flush=True)"


def environment(folder: Path, what: str) -> tuple[Path, dict[str, Any]]:
    """Create an environment with one package; its interpreter, and the cost."""
    subprocess.run([peers.base_python(), "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    before, empty = packages(python), size(folder)
    pip = [str(python), "-m", "pip", "install", "-q", "--no-cache-dir"]
    start = time.perf_counter()
    subprocess.run([*pip, "--disable-pip-version-check", what], check=True, cwd=folder)
    seconds = time.perf_counter() - start
    new = sorted(packages(python) - before)
    return python, {
        "install_s": round(seconds, 1),
        "mebibytes": round((size(folder) - empty) / 2**20),
        "packages": len(new),
        "which": new,
    }


def packages(python: Path) -> set[str]:
    """Name and version of everything installed."""
    command = [str(python), "-m", "pip", "list", "--format=json", "--disable-pip-version-check"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)
    return {f"{p['name']} {p['version']}" for p in json.loads(listed.stdout)}


def size(folder: Path) -> int:
    """Bytes of all files, without following links."""
    return sum(
        (Path(inside) / name).lstat().st_size
        for inside, _, names in os.walk(folder)
        for name in names
    )


def first_result(command: list[str], repeats: int) -> tuple[float, float]:
    """Median seconds from the start of a process to its first line of output, and median processor
    time until it ends, which a busy machine changes less. The line must name a face."""
    times, busy = [], []
    with tempfile.TemporaryFile("w+") as errors:
        for _ in range(repeats):
            start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd="/"
            )
            assert process.stdout is not None
            line = process.stdout.readline()
            times.append(time.perf_counter() - start)
            process.communicate()
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            busy.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            if line.strip() in ("", "0"):
                errors.seek(0)
                raise SystemExit(f"{command[0]} found no face:\n{errors.read()[-2000:]}")
    return statistics.median(times), statistics.median(busy)


def import_time(python: Path, module: str, repeats: int) -> float:
    """Median seconds of an import in a new process."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    command = [str(python), "-c", code]
    runs = [
        subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
        for _ in range(repeats)
    ]
    return statistics.median(float(run.stdout) for run in runs)


def side(name: str, folder: Path, photo: Path, repeats: int, model: Path | None) -> dict[str, Any]:
    """All figures of one side."""
    python, row = environment(folder / name, SIDES[name])
    torch = any(line.split()[0] == "torch" for line in row["which"])
    if name == "facepoints" and torch:
        raise SystemExit("the core install must not install torch, but it did")
    arguments = {
        "facepoints": ["-c", OURS, str(photo), *([str(model.resolve())] if model else [])],
        "mediapipe": [str(peers.WORKER), "first", str(photo)],
    }[name]
    wall, busy = first_result([str(python), *arguments], repeats)
    return row | {
        "torch": torch,
        "import_s": round(import_time(python, name, repeats), 3),
        "first_result_s": round(wall, 3),
        "first_result_processor_s": round(busy, 3),
    }


def main() -> None:
    """Install both sides, measure and write."""
    parser = make_parser(__doc__)
    parser.add_argument("--sides", nargs="*", choices=list(SIDES), default=list(SIDES))
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        photo = Path(place) / "astronaut.png"
        cv2.imwrite(str(photo), cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR))
        rows = {
            name: side(name, Path(place), photo, chosen.repeats, chosen.model)
            for name in chosen.sides
        }
    python = platform.python_version()
    if Path(peers.base_python()) != Path(sys.executable):
        python = peers.base_python()
    heads = ["side", "disk, MiB", "packages", "install, s", "PyTorch", "import, s"]
    cells = [[*heads, "first result, s"]]
    for name, row in rows.items():
        cells.append(
            [
                name,
                *(str(row[k]) for k in ("mebibytes", "packages", "install_s")),
                "yes" if row["torch"] else "no",
                *(f"{row[k]:.2f}" for k in ("import_s", "first_result_s")),
            ]
        )
    tables.show("cost of an install", cells)
    content = {"sides": rows, "floors": FLOORS, "python_of_both": python}
    tables.write(chosen.out, "install", content, tables.markdown(cells))


if __name__ == "__main__":
    main()
