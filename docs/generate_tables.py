"""Write docs/tables/*.md from the benchmark results that exist as JSON only.

    python docs/generate_tables.py             # write the tables
    python docs/generate_tables.py --check     # exit with 1 if one is out of date

docs/benchmarks.md includes these tables, and benchmarks/results/*.md directly.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
RESULTS = ROOT / "benchmarks" / "results"


def _read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table: the first column to the left, the others to the right."""
    names = list(header)
    lines = [names, ["---", *(["---:"] * (len(names) - 1))], *map(list, rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def kaggle_like() -> str:
    """RMSE on the kaggle-like test set of the committed run and of each recipe."""
    rows = _read(RESULTS / "kaggle_like.json")["rows"]
    drop = next(row["rmse"] for row in rows if row["name"] == "drop")
    committed = _read(ROOT / "runs" / "kaggle-like" / "test-score.json")["score"]
    named = [("**committed run** (`runs/kaggle-like`)", committed)]
    for row in sorted(rows, key=lambda row: row["rmse"]):
        settings = row["settings"]
        name = f"{settings['network']}, `{_missing(settings)}`, {settings['epochs']} epochs"
        if row["name"] == "from random weights":
            name += ", from random weights"
        named.append((name, row))
    body = []
    for name, row in named:
        schemes = row["schemes"] if "schemes" in row else row["sources"]
        figures = [row["rmse"], schemes["15-point"], schemes["4-point"]]
        body.append([name, *(f"{n:.3f}" for n in figures), f"{row['rmse'] / drop:.2f}"])
    header = ["recipe", "all, px", "15-point rows", "4-point rows", "relative to `drop`"]
    return _table(header, body)


def _missing(settings: dict[str, Any]) -> str:
    """The strategy for missing labels; results from before 0.1.0 call `per-scheme` `sources`."""
    return {"sources": "per-scheme"}.get(settings["missing"], settings["missing"])


def load() -> str:
    """Time and memory of reading a Kaggle table of the real size."""
    found = _read(RESULTS / "load.json")
    names = {
        "usual": "pandas and `np.fromstring` per row",
        "first": "facepoints, first read",
        "cache": "facepoints, from its cache",
    }
    body = []
    for side, name in names.items():
        ratio = found["ratio_to_usual"].get(side)
        seconds, memory = found["seconds"][side], found["peak_mib"][side]
        body.append([name, f"{seconds:.3g}", "" if ratio is None else f"{ratio:.2g}", str(memory)])
    return _table(["reader", "seconds", "ratio", "peak memory, MiB"], body)


def throughput() -> str:
    """Training samples per second."""
    found = _read(RESULTS / "throughput.json")["results"]["cpu"]
    body = []
    for network, row in found.items():
        rate = row["samples_per_s"]
        figures = [f"{rate[side]:.0f}" for side in ("samples", "float32", "facepoints")]
        body.append([network, *figures, f"{row['ratio']:.2f}"])
    header = ["network", "sample by sample", "facepoints, float32", "facepoints", "ratio"]
    return _table(header, body)


TABLES: dict[str, Callable[[], str]] = {
    "kaggle-like": kaggle_like,
    "load": load,
    "throughput": throughput,
}


def main() -> None:
    """Write the tables, or compare them."""
    for name, make in TABLES.items():
        path, text = HERE / "tables" / f"{name}.md", make()
        if "--check" not in sys.argv[1:]:
            path.write_text(text, "utf-8")
        elif not path.is_file() or path.read_text("utf-8") != text:
            sys.exit(f"{path} is out of date; run: python docs/generate_tables.py")


if __name__ == "__main__":
    main()
