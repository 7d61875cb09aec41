"""Photos per second of one process, of shards and of Ray on the same processors; memory over time.

    pip install -e '.[cluster,dev]'
    python benchmarks/cluster.py                     # 7 minutes or more
    python benchmarks/cluster.py --faces 0           # the photos alone, 3 minutes
    python benchmarks/cluster.py --photos 0          # the memory alone, 4 minutes or more
    python benchmarks/cluster.py --photos 160 --repeats 1 --faces 6000   # a minute, rough
    python benchmarks/cluster.py --photos 0 --faces 0   # what a photo's time goes to, 10 seconds

Photos of 640 x 480 pixels as JPEG with one face each, in a folder. The sides take turns:

decode   threads read and decode the photos, and do nothing else;
file     `facepoints predict FOLDER --out faces.jsonl`, one process, a batch on each processor;
parts    `facepoints predict FOLDER --out faces/`, the same;
shards   as many processes as processors, each with its --shard and --threads 1;
ray      `facepoints predict FOLDER --out faces/ --ray`, as many workers as processors;
large    as parts, with a tenth as many photos of 4000 x 3000 pixels.

The rate of sides that write parts is the slope of the rows over the times at which parts were
finished: their start does not count. The start of each side is shown beside it. Floors, of the
faster one of file and parts: shards 0.95, ray 0.85.

Memory: one process finds the given number of rendered faces, 150 in each picture. Its resident
memory in the last fifth is compared with that in the second fifth. Floor: 5 % more.

Time of a processor for a photo, by what it goes to: what Python takes limits the threads of one
process, because only one of them runs Python at a time.

With --photos 0 or --faces 0, a part keeps the figures of an earlier run on the same machine.

Results: benchmarks/results/cluster.json and cluster.md.
"""

from __future__ import annotations

import json
import re
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from skimage import data
from support import tables
from support.cli import make_parser
from support.machine import describe_machine
from support.photo_time import SHARES, processor_time
from support.sampled_runs import Run, run_commands

from facepoints._util.processors import processor_count
from facepoints.datasets import synthetic
from facepoints.imaging.decoding import decode

PART, LARGE_PART, SHEET_PART = 40, 8, 10
SHEET, SIDE = (10, 15), 48
TIMED = 160  # photos whose time is divided
FEWEST_PHOTOS, FEWEST_FACES = 160, 6000
FLOORS = {"shards": 0.95, "ray": 0.85}
GROWTH_FLOOR = 0.05
SIDES = ("decode", "file", "parts", "shards", "ray", "large")


# The pictures


def write_photos(folder: Path, count: int, size: tuple[int, int]) -> None:
    """Write photos with one face each. The face lies elsewhere in each of the first 40."""
    folder.mkdir()
    scale = 700 / 640 * size[0] / 512
    image = cv2.resize(data.astronaut(), None, fx=scale, fy=scale)
    step = size[0] / 640
    files = []
    for number in range(min(count, 40)):
        x, y = round(step * (number % 8) * 7), round(step * (number // 8) * 9)
        crop = image[y : y + size[1], x : x + size[0], ::-1]
        quality = [cv2.IMWRITE_JPEG_QUALITY, 90]
        files.append(cv2.imencode(".jpg", np.ascontiguousarray(crop), quality)[1].tobytes())
    for number in range(count):
        (folder / f"{number:06}.jpg").write_bytes(files[number % len(files)])


def write_sheets(folder: Path, faces: int) -> Path:
    """Write pictures full of rendered faces, and a list that names them again and again."""
    folder.mkdir()
    rows, columns = SHEET
    per_sheet, kinds = rows * columns, 8
    for number in range(kinds):
        drawn = synthetic.render(per_sheet, seed=number, size=SIDE).images
        sheet = drawn.reshape(rows, columns, SIDE, SIDE).transpose(0, 2, 1, 3)
        cv2.imwrite(str(folder / f"{number}.png"), sheet.reshape(rows * SIDE, columns * SIDE))
    names = folder / "list.txt"
    names.write_text("".join(f"{n % kinds}.png\n" for n in range(-(-faces // per_sheet))))
    return names


# The sides


def decode_rate(folder: Path) -> float:
    """Photos per second that are only read and decoded, by as many threads as processors."""
    files = sorted(folder.iterdir())
    began = time.perf_counter()
    with ThreadPoolExecutor(processor_count()) as pool:
        for _ in pool.map(lambda file: decode(file.read_bytes(), str(file)), files):
            pass
    return len(files) / (time.perf_counter() - began)


def side_run(side: str, photos: dict[str, Path], out: Path, model: str) -> Run:
    """Run a side that predicts."""
    source = photos["large" if side == "large" else "small"]
    part = str(LARGE_PART if side == "large" else PART)
    words = ["predict", str(source), "--model", model, "--out"]
    folder = [f"{out / 'faces'}/", "--part-size", part]
    if side == "file":
        return run_commands([[*words, str(out / "faces.jsonl")]], None)
    if side == "shards":
        own = [
            ["--shard", f"{k + 1}/{processor_count()}", "--threads", "1"]
            for k in range(processor_count())
        ]
        return run_commands([[*words, *folder, *each] for each in own], out / "faces")
    more = ["--ray", "--ray-workers", str(processor_count())] if side == "ray" else []
    return run_commands([[*words, *folder, *more]], out / "faces", ray=side == "ray")


def rate_of(side: str, run: Run) -> float:
    """Photos per second of a side."""
    if side != "file":
        return run.rows_per_second(LARGE_PART if side == "large" else PART)
    found = re.search(r"(\d+) images: .*; ([\d.]+) s", run.said[0])
    assert found is not None, run.said[0]
    return int(found[1]) / float(found[2])


def compare(photos: dict[str, Path], repeats: int, model: str) -> dict[str, Any]:
    """Rates, whole times and memory of all sides, in turns; medians of the repeats."""
    turns: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for _ in range(repeats):
        for side in SIDES:
            if side == "decode":
                turns[side].append({"rate": decode_rate(photos["small"])})
                continue
            with tempfile.TemporaryDirectory() as folder:
                run = side_run(side, photos, Path(folder), model)
            rate = rate_of(side, run)
            count = len(list(photos["large" if side == "large" else "small"].iterdir()))
            start = run.seconds - count / rate
            turns[side].append({"rate": rate, "start": start, "mib": run.peak_mib()})
            print(f"{side}: {rate:.1f} photos/s", flush=True)
    medians = {
        side: {key: round(statistics.median(t[key] for t in each), 1) for key in each[0]}
        for side, each in turns.items()
    }
    plain = max(medians["file"]["rate"], medians["parts"]["rate"])
    for side in ("file", "parts", "shards", "ray"):
        medians[side]["ratio"] = round(medians[side]["rate"] / plain, 3)
    return {"sides": medians, "turns": turns}


# Memory


def soak(folder: Path, faces: int, model: str) -> dict[str, Any]:
    """Resident memory of one process over many faces."""
    names, out = write_sheets(folder / "sheets", faces), folder / "soaked"
    words = ["predict", str(names), "--model", model, "--part-size", str(SHEET_PART)]
    run = run_commands([[*words, "--out", f"{out}/"]], out)
    found = re.search(r"(\d+) images: (\d+) faces", run.said[0])
    assert found is not None, run.said[0]
    (samples,) = run.memory.values()
    first, last = run.finished[0], run.finished[-1]
    fifths: list[list[float]] = [[] for _ in range(5)]
    for seconds, mib in samples:
        if first <= seconds < last:
            fifths[int(5 * (seconds - first) / (last - first))].append(mib)
    before, after = statistics.median(fifths[1]), statistics.median(fifths[4])
    return {
        "faces": int(found[2]),
        "pictures": int(found[1]),
        "faces_per_s": round(int(found[2]) / run.seconds, 1),
        "mib_by_fifth": [round(statistics.median(each), 1) for each in fifths if each],
        "growth": round(after / before - 1, 4),
    }


# The tables


def side_table(comparison: dict[str, Any]) -> tables.Cells:
    """A row per side."""
    cells = [["side", "photos/s", "of one process", "start and end, s", "MiB a worker"]]
    for side, row in comparison["sides"].items():
        ratio = f"{row['ratio']:.2f}" if "ratio" in row else ""
        more = [f"{row['start']:.1f}", f"{row['mib']:.0f}"] if "mib" in row else ["", ""]
        cells.append([side, f"{row['rate']:.1f}", ratio, *more])
    return cells


def memory_table(memory: dict[str, Any]) -> tables.Cells:
    """The memory of one process over time."""
    cells = [["memory of one process", "value"], ["faces", f"{memory['faces']}"]]
    for number, mib in enumerate(memory["mib_by_fifth"], start=1):
        cells.append([f"fifth {number} of the time, MiB", f"{mib:.0f}"])
    return [*cells, ["growth from fifth 2 to 5", f"{100 * memory['growth']:+.1f} %"]]


def time_table(times: dict[str, float]) -> tables.Cells:
    """Table of what the time of a processor for a photo goes to."""
    whole = sum(times.values())
    cells = [["time of a processor for a photo", "ms", "share"]]
    for name in SHARES:
        cells.append([name, f"{times[name]:.1f}", f"{100 * times[name] / whole:.0f} %"])
    return [*cells, ["all", f"{whole:.1f}", "100 %"]]


def main() -> None:
    """Measure, show and write."""
    parser = make_parser(__doc__)
    parser.add_argument("--photos", type=int, default=1600, help="of 640 x 480 (default: 1600)")
    parser.add_argument("--repeats", type=int, default=2, help="turns of each side (default: 2)")
    parser.add_argument("--faces", type=int, default=200_000, help="rendered (default: 200000)")
    options = parser.parse_args()
    if 0 < options.faces < FEWEST_FACES or 0 < options.photos < FEWEST_PHOTOS:
        parser.error(f"at least {FEWEST_PHOTOS} photos and {FEWEST_FACES} faces, or 0 for none")
    model = str(options.model or "builtin")
    content = kept(options.out)
    with tempfile.TemporaryDirectory(prefix="facepoints-") as name:
        folder = Path(name)
        write_photos(folder / "timed", TIMED, (640, 480))
        content["times"] = processor_time(sorted((folder / "timed").iterdir()), model)
        if options.photos:
            photos = {"small": folder / "small", "large": folder / "large"}
            write_photos(photos["small"], options.photos, (640, 480))
            write_photos(photos["large"], max(options.photos // 10, 4 * LARGE_PART), (4000, 3000))
            settings = {"photos": options.photos, "repeats": options.repeats, "part_size": PART}
            content["settings"] = settings
            content["comparison"] = compare(photos, options.repeats, model)
        if options.faces:
            content["memory"] = soak(folder, options.faces, model)
    text = ""
    if "comparison" in content:
        tables.show("photos per second", side_table(content["comparison"]))
        text += photo_text(content)
    tables.show("time", time_table(content["times"]))
    text += f"{tables.markdown(time_table(content['times']))}\n"
    if "memory" in content:
        tables.show("memory", memory_table(content["memory"]))
        text += f"{tables.markdown(memory_table(content['memory']))}\n"
        text += f"Wanted: growth of at most {100 * GROWTH_FLOOR:.0f} %.\n"
    tables.write(options.out, "cluster", content, text)


def photo_text(content: dict[str, Any]) -> str:
    """The table of the sides, and what was measured."""
    settings, count = content["settings"], processor_count()
    ratios = ", ".join(f"{name} {FLOORS[name]:.2f}" for name in FLOORS)
    return (
        f"{tables.markdown(side_table(content['comparison']))}\n{settings['photos']} photos of "
        f"640 x 480 pixels with one face, in parts of {settings['part_size']}; large: 4000 x 3000 "
        f"pixels. {count} shards and {count} workers of Ray on {count} cores. Wanted: {ratios} of "
        f"one process or more.\n\n"
    )


def kept(folder: Path) -> dict[str, Any]:
    """The figures of an earlier run on this machine; empty if there are none."""
    try:
        content = json.loads((folder / "cluster.json").read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return content if content.pop("machine") == describe_machine() else {}


if __name__ == "__main__":
    main()
