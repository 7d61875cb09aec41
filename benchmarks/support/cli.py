"""Options that the benchmarks share."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["DATA", "RESULTS", "ROOT", "make_parser"]

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
"""Default folder of the data sets: beside the checkout."""
RESULTS = ROOT / "benchmarks" / "results"
"""Default folder of the results."""


def make_parser(
    description: str | None, *, data: bool = False, model: bool = True, detector: bool = False
) -> argparse.ArgumentParser:
    """A parser with the option --out and those asked for.

    Args:
        description: the docstring of the script.
        data: add --data, the folder of the data sets.
        model: add --model, an ONNX file or a run folder; default: the built-in model.
        detector: add --detector, as `facepoints predict` takes it.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawTextHelpFormatter
    )
    if data:
        parser.add_argument("--data", type=Path, default=DATA, help="folder of the data sets")
    if model:
        parser.add_argument(
            "--model", type=Path, help="ONNX file or run folder (default: the built-in model)"
        )
    if detector:
        parser.add_argument(
            "--detector", default="builtin", help="as in 'facepoints predict' (default: builtin)"
        )
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the results")
    return parser
