"""Hours and cost of 100 million photos on cloud machines, by arithmetic from measured figures.

    python benchmarks/cost.py
    python benchmarks/cost.py --prices my-machines.csv --count 5000000

Nothing is measured here. The rates are those of benchmarks/results/cluster.json (photos per second
of a processor, Ray beside one process), which a machine of its own measured; the GPU's are those of
benchmarks/results/gpu.json, if it has photos per second with the landmark model on the GPU.

    photos/s of a machine = photos/s of one process / its processors x processors of the machine
                            x the smaller of 1 and Ray's share of one process
    hours of a machine    = photos / photos/s of a machine / 3600
    cost                  = hours of a machine x price of an hour, however many machines share it
    requests              = photos / 1000 x price of 1000 reads, if each photo is an object of its
                            own in a store (archives need few)

Assumed, and worth a trial of ten minutes before a large bill: a processor of a cloud machine is as
fast as one of those measured, the store delivers what the processors take, and prices are those of
benchmarks/data/machines.csv, on-demand prices of Linux in us-east-1 without discounts, noted from
memory for the middle of 2025. Write today's prices into a copy of it.

Results: benchmarks/results/cost.json and cost.md.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support import tables
from support.cli import RESULTS, ROOT, make_parser

PRICES = ROOT / "benchmarks" / "data" / "machines.csv"
PRICES_OF = "the middle of 2025"
READS_USD = 0.0004
"""Of 1000 reads (GET) of Amazon S3 in us-east-1, an assumption like the prices of machines."""


@dataclass(frozen=True)
class Machine:
    """A machine that can be rented.

    Attributes:
        name: provider and type.
        processors: number that it offers ("vCPU").
        processor: their name.
        gpu: name of its GPU; empty if it has none.
        price: USD per hour.
        note: what to know; empty if nothing.
    """

    name: str
    processors: int
    processor: str
    gpu: str
    price: float
    note: str


def read_machines(path: Path) -> list[Machine]:
    """The machines of a CSV file with the columns name, processors, processor, gpu,
    usd_per_hour, note."""
    with open(path, newline="", encoding="utf-8") as file:
        return [
            Machine(
                row["name"],
                int(row["processors"]),
                row["processor"],
                row["gpu"],
                float(row["usd_per_hour"]),
                row["note"],
            )
            for row in csv.DictReader(file)
        ]


def per_processor(cluster: dict[str, Any], size: str) -> float:
    """Photos per second of a processor in a cluster. `size`: small or large photos."""
    sides = cluster["comparison"]["sides"]
    share = min(1.0, sides["ray"]["ratio"])
    rate = sides["large"]["rate"] if size == "large" else sides["file"]["rate"]
    if size == "small":
        rate = max(rate, sides["parts"]["rate"])
    return rate / cluster["machine"]["cores"] * share


def gpu_rate(results: Path) -> float | None:
    """Photos per second of a machine with a GPU that runs the landmark model; None if that was not
    measured."""
    try:
        content = json.loads((results / "gpu.json").read_text("utf-8"))
    except FileNotFoundError:
        return None
    rows = content.get("sections", {}).get("photos", [])
    rates = [row["photos_per_s"] for row in rows if "landmarks on cuda" in row["what"]]
    return max(rates, default=None)


def estimate(
    machines: list[Machine], cluster: dict[str, Any], on_gpu: float | None, count: int
) -> list[dict[str, Any]]:
    """A row per machine: photos/s, hours of one machine and USD, for small and large photos; None
    where nothing was measured."""
    rows = []
    for machine in machines:
        row: dict[str, Any] = {"name": machine.name, "usd_per_hour": machine.price}
        row |= {"processors": machine.processors, "note": machine.gpu or machine.note}
        for size in ("small", "large"):
            rate = machine.processors * per_processor(cluster, size)
            if machine.gpu:
                rate = on_gpu if size == "small" else None
            hours = None if rate is None else count / rate / 3600
            cost = None if hours is None else hours * machine.price
            row[size] = {"photos_per_s": rate, "hours": hours, "usd": cost}
        rows.append(row)
    return rows


def table(rows: list[dict[str, Any]]) -> tables.Cells:
    """A row per machine."""
    cells = [["machine", "USD/h", "photos/s", "hours", "USD", "12 MP: photos/s", "hours", "USD"]]
    for row in rows:
        name = row["name"] + (f" ({row['note']})" if row["note"] else "")
        figures = []
        for size in ("small", "large"):
            each = row[size]
            if each["hours"] is None:
                figures += ["not measured", "", ""]
                continue
            figures += [f"{each['photos_per_s']:,.0f}", f"{each['hours']:,.0f}"]
            figures.append(f"{each['usd']:,.0f}")
        cells.append([name, f"{row['usd_per_hour']:.2f}", *figures])
    return cells


def main() -> None:
    """Compute, show and write."""
    parser = make_parser(__doc__, model=False)
    parser.add_argument("--prices", type=Path, default=PRICES, help="machines and their prices")
    parser.add_argument("--count", type=int, default=100_000_000, help="photos")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the figures")
    options = parser.parse_args()
    cluster = json.loads((options.results / "cluster.json").read_text("utf-8"))
    machines = read_machines(options.prices)
    rows = estimate(machines, cluster, gpu_rate(options.results), options.count)
    cells = table(rows)
    tables.show(f"{options.count:,} photos", cells)
    rate = per_processor(cluster, "small"), per_processor(cluster, "large")
    reads = options.count / 1000 * READS_USD
    content = {"count": options.count, "prices_of": PRICES_OF, "per_processor": rate}
    content |= {"measured_on": cluster["machine"], "rows": rows, "reads_usd": reads}
    text = (
        f"Computed for {options.count:,} photos from {rate[0]:.1f} photos/s of 640 x 480 pixels "
        f"and {rate[1]:.1f} photos/s of 12 megapixels on each processor of a machine with "
        f"{cluster['machine']['processor']}.\n\n"
        f"{tables.markdown(cells)}\nHours are those of one machine: 100 machines take a hundredth, "
        f"for the same price. Prices are assumptions of {PRICES_OF}, without discounts "
        f"(`benchmarks/data/machines.csv`). If each photo is an object of its own, reading them "
        f"from S3 costs {reads:,.0f} USD more.\n"
    )
    tables.write(options.out, "cost", content, text)


if __name__ == "__main__":
    main()
