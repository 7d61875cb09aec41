"""Reports versions, the processor, devices, installed extras and the cache: for bug reports."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path

from facepoints import __version__, weights
from facepoints._util.processors import processor_count
from facepoints._util.temporary import PREFIX
from facepoints._util.user_cache import cache_folder
from facepoints.errors import WriteError
from facepoints.inference.network_session import describe_devices
from facepoints.runtime.onnx_library import import_onnxruntime

__all__ = ["CacheState", "Info", "cache_state", "clear_cache", "collect_info", "processor_flags"]

_CORE = ("numpy", "opencv-python-headless", "onnxruntime", "tyro", "rich")

_FLAGS = {
    # name: (features of OpenCV, flags in /proc/cpuinfo, of which one is enough)
    "AVX2": (("AVX2",), ("avx2",)),
    "AVX-512": (("AVX512-COMMON", "AVX512-SKX"), ("avx512f",)),
    "VNNI": (("AVX512-VNNI", "AVX512-CLX"), ("avx512_vnni", "avx_vnni")),
    "AMX": ((), ("amx_int8", "amx_tile")),
    "NEON": (("NEON",), ("neon", "asimd")),
    "NEON dot product": (("NEON_DOTPROD",), ("asimddp",)),
    "bfloat16": ((), ("avx512_bf16", "amx_bf16", "bf16")),
}


@dataclass(frozen=True)
class CacheState:
    """The cache of data sets.

    Attributes:
        folder: where it is; None for a user without a home.
        files: number of files in it.
        size: their size in bytes.
    """

    folder: Path | None
    files: int
    size: int


@dataclass(frozen=True)
class Info:
    """What a bug report needs.

    Attributes:
        versions: version of facepoints, Python and the packages of the core install.
        system: operating system and machine.
        processor: name of the processor.
        processors: number of processors that this process may use, and of all.
        flags: features of the processor that matter for speed, and whether it has them.
        providers: execution providers of onnxruntime.
        devices: a line for each device that ``--device`` names: what runs the built-in model there.
        extras: version of each package of each extra; empty if it is not installed.
        package: folder of the package.
        cache: the cache of data sets.
    """

    versions: dict[str, str]
    system: str
    processor: str
    processors: tuple[int, int]
    flags: dict[str, bool]
    providers: tuple[str, ...]
    devices: tuple[str, ...]
    extras: dict[str, dict[str, str]]
    package: Path
    cache: CacheState

    def lines(self) -> list[str]:
        """The report, a subject per line."""
        usable, count = self.processors
        has = ", ".join(name for name, there in self.flags.items() if there) or "none of those"
        extras = [
            f"extra {extra}: " + ", ".join(f"{n} {v or 'not installed'}" for n, v in has_.items())
            for extra, has_ in self.extras.items()
        ]
        cache = self.cache
        place = "none, because there is no home folder" if cache.folder is None else cache.folder
        return [
            *(f"{name} {number}" for name, number in self.versions.items()),
            f"system: {self.system}",
            f"processor: {self.processor}, {usable} of {count} usable",
            f"processor features: {has} (of {', '.join(self.flags)})",
            f"onnxruntime providers: {', '.join(self.providers)}",
            *self.devices,
            *extras,
            f"package: {self.package}",
            f"cache: {place}, {cache.size / 1e6:.1f} MB",
        ]


def collect_info() -> Info:
    """Collect the report. It takes some seconds, because onnxruntime and PyTorch are imported."""
    onnxruntime = import_onnxruntime()
    return Info(
        versions={
            "facepoints": __version__,
            "Python": sys.version.split()[0],
            **{name: _version(name) for name in _CORE},
        },
        system=f"{platform.platform()} ({platform.machine()})",
        processor=_processor(),
        processors=(processor_count(), os.cpu_count() or 1),
        flags=processor_flags(),
        providers=tuple(onnxruntime.get_available_providers()),
        devices=tuple(describe_devices(weights.POINTS, weights.POINTS_RUN)),
        extras=_extras(),
        package=Path(__file__).resolve().parents[1],
        cache=cache_state(),
    )


def _version(package: str) -> str:
    """The installed version of a package; empty if it is not installed."""
    with suppress(PackageNotFoundError):
        return version(package)
    return ""


def _extras() -> dict[str, dict[str, str]]:
    """The packages of each extra with their versions, by the metadata of facepoints."""
    found: dict[str, dict[str, str]] = {}
    try:
        wanted = metadata("facepoints").get_all("Requires-Dist") or []
    except PackageNotFoundError:  # run from a folder of sources, or bundled into a program
        return found
    for line in wanted:
        name = re.match(r"[\w.-]+", line)
        extra = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", line)
        if name is None or name[0] == "facepoints":  # an extra that is part of another
            continue
        if extra and extra[1] not in ("dev", "docs", "bench"):
            found.setdefault(extra[1], {})[name[0]] = _version(name[0])
    return found


def _processor() -> str:
    for line in _cpuinfo().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine() or "unknown"


def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        return ""


def processor_flags() -> dict[str, bool]:
    """Features of the processor by name: those of Linux's list, and those that OpenCV finds."""
    import cv2

    listed = re.search(r"^(?:flags|Features)\s*:(.*)$", _cpuinfo(), re.MULTILINE)
    words = set(listed[1].split()) if listed else set()
    by_opencv = {cv2.getHardwareFeatureName(number): number for number in range(512)}
    return {
        name: bool(words & set(flags))
        or any(cv2.checkHardwareSupport(by_opencv[f]) for f in features if f in by_opencv)
        for name, (features, flags) in _FLAGS.items()
    }


def cache_state() -> CacheState:
    """The cache's folder and size."""
    folder = cache_folder()
    sizes = []
    for file in folder.rglob("*") if folder is not None and folder.is_dir() else ():
        with suppress(OSError):  # another process may have removed it
            if file.is_file() and not file.is_symlink():
                sizes.append(file.stat().st_size)
    return CacheState(folder, len(sizes), sum(sizes))


def clear_cache() -> CacheState:
    """Remove what facepoints has put into the cache. Returns the state before.

    Only entries of the cache are removed: folders with a ``meta.json``, and half-written ones. If
    FACEPOINTS_CACHE names a folder with other files, they stay.

    Raises:
        WriteError: an entry cannot be removed.
    """
    before = cache_state()
    if before.folder is None or not before.folder.is_dir():
        return before
    try:
        for entry in before.folder.iterdir():
            if entry.is_symlink() or not entry.is_dir():
                continue
            if (entry / "meta.json").is_file() or entry.name.startswith(PREFIX):
                shutil.rmtree(entry)
    except OSError as error:
        place = error.filename or before.folder
        raise WriteError(f"could not remove {place}: {error.strerror or error}") from error
    return before
