"""The machine that a result was measured on: processor, instruction sets, cores, versions."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

__all__ = ["describe_machine", "header"]

INSTRUCTION_SETS = {
    "AVX2": ("avx2",),
    "AVX-512": ("avx512f",),
    "VNNI": ("avx512_vnni", "avx_vnni"),
    "AVX-512 BF16": ("avx512_bf16",),
    "AMX": ("amx_tile",),
    "NEON": ("asimd", "neon"),
    "dot product": ("asimddp",),
    "I8MM": ("i8mm",),
    "SVE": ("sve",),
}
"""Instruction sets that change the speed of networks, and the flags of /proc/cpuinfo that name
them."""


def describe_machine(cpuinfo: Path = Path("/proc/cpuinfo")) -> dict[str, Any]:
    """Processor, instruction sets, cores and the version of Python.

    Args:
        cpuinfo: Linux' description of the processor. Without it, `instruction_sets` is None.
    """
    fields = _fields(cpuinfo)
    flags = set(fields.get("flags", fields.get("Features", "")).split())
    names = [name for name, any_of in INSTRUCTION_SETS.items() if flags.intersection(any_of)]
    return {
        "processor": fields.get("model name") or platform.processor() or platform.machine(),
        "instruction_sets": names if flags else None,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "machine": platform.machine(),
        "python": platform.python_version(),
    }


def _fields(cpuinfo: Path) -> dict[str, str]:
    """Name and value of each line of the first processor."""
    try:
        first = cpuinfo.read_text("utf-8").partition("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def header(machine: dict[str, Any]) -> str:
    """The machine in one line, for the top of a result."""
    sets = machine["instruction_sets"]
    known = "instruction sets unknown" if sets is None else ", ".join(sets) or "no AVX2"
    return f"Measured on {machine['processor']}, {machine['cores']} cores ({known})."
