"""Requests per second of `facepoints serve` beside the same model in process, and a soak.

    python benchmarks/service.py                   # the comparison, and a soak of 10 minutes
    python benchmarks/service.py --minutes 0       # the comparison alone
    python benchmarks/service.py --seconds 0 --minutes 2

Comparison. Photos of 640 x 480 pixels as JPEG with one face each, the sides in turns:

one by one  the model is called with the bytes of one photo after another;
batches     the model is called with the bytes of 8 photos at once;
threads     as many threads as processors call the model with the bytes of one photo each;
service     8 clients send photos to `facepoints serve`, one after another each, over connections
            that are kept. The clients run on the same processors, and read JSON.

The ratio is that of the service to the fastest side in process. Floor: 0.85.

Soak. 8 clients send requests of all kinds, a tenth of them broken or slow: half a body, a client
that goes away, a body that trickles in, words in place of an image, too many bytes, no HTTP.
Wanted: no good request is lost or answered wrongly, none is answered with 5xx, and the memory of
the process (resident) stays flat: the median of the last fifth is at most 5 % above that of the
fifth after the first minute (of a short soak: after its first quarter).

A part that is not measured keeps the figures of an earlier run on the same machine.

Results: benchmarks/results/service.json and service.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from skimage import data
from support import tables
from support.cli import make_parser
from support.http_clients import Tally, hammer, soak
from support.machine import describe_machine

from facepoints._util.processors import processor_count

CLIENTS = 8
BATCH = 8
RATIO_FLOOR = 0.85
GROWTH_FLOOR = 0.05
WARM_SECONDS = 60
SIDES = ("one by one", "batches", "threads", "service")


def photos() -> list[bytes]:
    """Photos with one face in different places, as JPEG files."""
    image = cv2.resize(data.astronaut(), (700, 700), interpolation=cv2.INTER_AREA)
    files = []
    for number in range(BATCH):
        x, y = 7 * number, 3 * number
        crop = np.ascontiguousarray(image[y : y + 480, x : x + 640, ::-1])
        files.append(cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
    return files


# In process


def in_process(side: str, seconds: float, model_path: str) -> float:
    """Photos per second of a side; runs in a process of its own."""
    import facepoints

    model, files = facepoints.load(model_path), photos()
    calls: dict[str, Callable[[], int]] = {
        "one by one": lambda: sum(len(model([file])) for file in files),
        "batches": lambda: len(model(files)),
    }
    if side == "threads":
        with ThreadPoolExecutor(processor_count()) as pool:
            return rate(lambda: sum(1 for _ in pool.map(model, files)), seconds)
    return rate(calls[side], seconds)


def rate(call: Callable[[], int], seconds: float) -> float:
    """Photos per second of a function that returns their number."""
    for _ in range(3):
        call()
    begin, count = time.perf_counter(), 0
    while (now := time.perf_counter() - begin) < seconds:
        count += call()
    return count / now


# Over HTTP


@contextmanager
def service(model_path: str) -> Iterator[tuple[int, int]]:
    """A running service: its port and its process id."""
    words = ["serve", "--port", "0", "--no-open", "--model", model_path]
    process = subprocess.Popen(
        [sys.executable, "-m", "facepoints", *words],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.search(r"http://[^/]*:(\d+)/", line)
        if found is None:
            raise SystemExit(f"the service did not start: {line.strip()}")
        yield int(found[1]), process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    if process.returncode:
        raise SystemExit(f"the service ended with status {process.returncode}")


def over_http(seconds: float, model_path: str) -> tuple[float, Tally]:
    """Photos per second of the service, and what became of the requests."""
    files = photos()
    with service(model_path) as (port, _):
        asyncio.run(hammer(port, files, CLIENTS, min(3, seconds)))
        begin = time.perf_counter()
        tally = asyncio.run(hammer(port, files, CLIENTS, seconds))
        taken = time.perf_counter() - begin
    return tally.answered / taken, tally


def compare(seconds: float, repeats: int, model_path: str) -> dict[str, Any]:
    """Photos per second of all sides, in turns."""
    rates: dict[str, list[float]] = {side: [] for side in SIDES}
    latencies: list[float] = []
    spawn = multiprocessing.get_context("spawn")
    for _ in range(repeats):
        for side in SIDES:
            if side == "service":
                measured, tally = over_http(seconds, model_path)
                latencies += tally.seconds
                if tally.wrong or set(tally.statuses) != {"predict 200"}:
                    raise SystemExit(f"wrong answers: {tally.wrong} {dict(tally.statuses)}")
            else:
                with spawn.Pool(1) as pool:
                    measured = pool.apply(in_process, (side, seconds, model_path))
            rates[side].append(round(measured, 2))
            print(f"{side}: {measured:.1f} photos/s", flush=True)
    medians = {side: statistics.median(values) for side, values in rates.items()}
    fastest = max(medians[side] for side in SIDES if side != "service")
    cuts = np.percentile(np.array(latencies) * 1000, [50, 95, 99])
    return {
        "photos_per_s": medians,
        "turns": rates,
        "ratio": round(medians["service"] / fastest, 3),
        "ratio_to_one_by_one": round(medians["service"] / medians["one by one"], 3),
        "latency_ms": dict(zip(("p50", "p95", "p99"), np.round(cuts, 1).tolist(), strict=True)),
        "floor": RATIO_FLOOR,
    }


# Soak


def resident_mib(process: int) -> float:
    """Resident memory of a process, in MiB; NaN if the system does not say."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return float("nan")
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def long_run(minutes: float, model_path: str) -> dict[str, Any]:
    """A soak: what became of the requests, and the memory of the service over time."""
    memory: list[tuple[float, float]] = []
    begin = time.perf_counter()
    with service(model_path) as (port, process):

        def note() -> None:
            memory.append((time.perf_counter() - begin, resident_mib(process)))

        tally = asyncio.run(soak(port, photos(), CLIENTS, minutes * 60, note))
    warm = min(WARM_SECONDS, minutes * 60 / 4)
    kept = [mib for second, mib in memory if second >= warm]
    fifth = max(1, len(kept) // 5)
    first, last = statistics.median(kept[:fifth]), statistics.median(kept[-fifth:])
    cuts = np.percentile(np.array(tally.seconds) * 1000, [50, 95, 99])
    return {
        "minutes": minutes,
        "clients": CLIENTS,
        "requests": tally.answered + tally.lost,
        "lost": tally.lost,
        "wrong": tally.wrong,
        "status_5xx": tally.faults,
        "statuses": dict(sorted(tally.statuses.items())),
        "latency_ms": dict(zip(("p50", "p95", "p99"), np.round(cuts, 1).tolist(), strict=True)),
        "memory_mib": {
            "first": round(first, 1),
            "last": round(last, 1),
            "every_10_s": [round(mib) for _, mib in memory[::10]],
        },
        "growth": round(last / first - 1, 4),
        "floor": GROWTH_FLOOR,
    }


# Results


def rate_table(content: dict[str, Any]) -> tables.Cells:
    """Photos per second of each side."""
    rates = content["photos_per_s"]
    cells = [["side", "photos/s", "service / side"]]
    for side in SIDES:
        ratio = f"{rates['service'] / rates[side]:.2f}" if side != "service" else ""
        cells.append([side, f"{rates[side]:.1f}", ratio])
    return cells


def soak_table(content: dict[str, Any]) -> tables.Cells:
    """Table of what a soak found."""
    memory = content["memory_mib"]
    rows = {
        "minutes": f"{content['minutes']:g}",
        "requests": str(content["requests"]),
        "good requests lost": str(content["lost"]),
        "wrong answers": str(content["wrong"]),
        "answered with 5xx": str(content["status_5xx"]),
        "memory at the beginning, MiB": f"{memory['first']:.0f}",
        "memory at the end, MiB": f"{memory['last']:.0f}",
        "growth": f"{content['growth']:+.1%}",
        "median time of a request, ms": f"{content['latency_ms']['p50']:.0f}",
        "99 % of requests within, ms": f"{content['latency_ms']['p99']:.0f}",
    }
    return [["soak", "value"], *([name, value] for name, value in rows.items())]


def page(content: dict[str, Any]) -> str:
    """The results as Markdown."""
    parts = []
    if "comparison" in content:
        compared = content["comparison"]
        cuts = compared["latency_ms"]
        parts.append(tables.markdown(rate_table(compared)))
        parts.append(
            f"Photos of 640 x 480 pixels with one face. The service reaches "
            f"{compared['ratio']:.2f} "
            f"of the fastest way to call the model in process (floor: {RATIO_FLOOR}). With "
            f"{CLIENTS} clients, a request takes {cuts['p50']:.0f} ms (median) and at most "
            f"{cuts['p95']:.0f} ms in 95 % of cases.\n"
        )
    if "soak" in content:
        parts.append(tables.markdown(soak_table(content["soak"])))
        parts.append(
            f"{CLIENTS} clients, a tenth of the requests broken or slow. Wanted: nothing lost, "
            f"wrong or answered with 5xx, and memory that grows by at most {GROWTH_FLOOR:.0%}.\n"
        )
    return "\n".join(parts)


def earlier(folder: Path) -> dict[str, Any]:
    """Both parts as an earlier run on this machine wrote them; empty if there is none."""
    try:
        content = json.loads((folder / "service.json").read_text("utf-8"))
    except OSError:
        return {}
    same = content["machine"] == describe_machine()
    return {name: content[name] for name in ("comparison", "soak") if same and name in content}


def main() -> None:
    """Measure, show and write."""
    parser = make_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=12, help="of a turn; 0: no comparison")
    parser.add_argument("--repeats", type=int, default=3, help="turns of each side")
    parser.add_argument("--minutes", type=float, default=10, help="of the soak; 0: no soak")
    options: argparse.Namespace = parser.parse_args()
    model = "builtin" if options.model is None else str(options.model)
    content: dict[str, Any] = {}
    if options.seconds:
        content["comparison"] = compare(options.seconds, options.repeats, model)
        tables.show("photos per second", rate_table(content["comparison"]))
    if options.minutes:
        content["soak"] = long_run(options.minutes, model)
        tables.show("soak", soak_table(content["soak"]))
        print(content["soak"]["statuses"])
    if not content:
        raise SystemExit("nothing to measure: give --seconds or --minutes")
    content = earlier(options.out) | content
    tables.write(options.out, "service", content, page(content))


if __name__ == "__main__":
    main()
