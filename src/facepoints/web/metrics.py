"""Counts and times of the service, as text for Prometheus (exposition format 0.0.4)."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path

__all__ = ["CONTENT_TYPE", "Metrics", "resident_bytes"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_SIZES = (1.0, 2.0, 4.0, 8.0)


class _Histogram:
    """Values counted by upper bounds."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds, self.counts = bounds, [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def lines(self, name: str, labels: str) -> list[str]:
        comma, total, out = "," if labels else "", 0, []
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            total += count
            edge = "+Inf" if bound == float("inf") else f"{bound:g}"
            out.append(f'{name}_bucket{{{labels}{comma}le="{edge}"}} {total}')
        braces = f"{{{labels}}}" if labels else ""
        return [*out, f"{name}_sum{braces} {self.sum:.6f}", f"{name}_count{braces} {total}"]


class Metrics:
    """Counts of the service. Several threads may use it at once.

    Args:
        gauges: numbers that are asked for when the text is made, by name, each with its meaning.
        info: labels of ``facepoints_info``, such as the version.
    """

    def __init__(
        self, gauges: dict[str, tuple[str, Callable[[], float]]], info: dict[str, str]
    ) -> None:
        self._gauges, self._info = gauges, info
        self._lock = threading.Lock()
        self._requests: dict[tuple[str, str, int], int] = {}
        self._seconds: dict[str, _Histogram] = {}
        self._batches = _Histogram(_SIZES)
        self._counts = {"images": 0, "unreadable_images": 0, "faces": 0, "received_bytes": 0}

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request that was answered; status 499: the client went away before."""
        with self._lock:
            key = route, method, status
            self._requests[key] = self._requests.get(key, 0) + 1
            self._seconds.setdefault(route, _Histogram(_SECONDS)).add(seconds)

    def batch(self, images: int, seconds: float) -> None:
        """Count images that were computed together."""
        with self._lock:
            self._batches.add(images)

    def add(self, name: str, count: int = 1) -> None:
        """Add to one of the counts: images, unreadable_images, faces, received_bytes."""
        with self._lock:
            self._counts[name] += count

    def text(self) -> str:
        """All numbers."""
        with self._lock:
            lines = self._request_lines()
            for name, count in self._counts.items():
                full = f"facepoints_{name}_total"
                lines += _head(full, "counter", f"{name.replace('_', ' ')} so far")
                lines.append(f"{full} {count}")
            lines += _head("facepoints_batch_images", "histogram", "images computed together")
            lines += self._batches.lines("facepoints_batch_images", "")
        for name, (meaning, value) in self._gauges.items():
            lines += [*_head(f"facepoints_{name}", "gauge", meaning)]
            lines.append(f"facepoints_{name} {value():.12g}")
        labels = ",".join(f'{name}="{_escaped(text)}"' for name, text in self._info.items())
        lines += [
            *_head("facepoints_info", "gauge", "version and model"),
            f"facepoints_info{{{labels}}} 1",
        ]
        return "\n".join(lines) + "\n"

    def _request_lines(self) -> list[str]:
        lines = _head("facepoints_requests_total", "counter", "answered requests")
        for (route, method, status), count in sorted(self._requests.items()):
            labels = f'route="{route}",method="{method}",status="{status}"'
            lines.append(f"facepoints_requests_total{{{labels}}} {count}")
        lines += _head("facepoints_request_seconds", "histogram", "time to answer a request")
        for route, histogram in sorted(self._seconds.items()):
            lines += histogram.lines("facepoints_request_seconds", f'route="{route}"')
        return lines


def _head(name: str, kind: str, meaning: str) -> list[str]:
    return [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def resident_bytes() -> int:
    """Memory of this process, in bytes; 0 if the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    import resource

    return pages * resource.getpagesize()
