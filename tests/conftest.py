"""Fixtures of several tests, and the threads that a test process may use."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# a busy machine takes longer than 0.2 seconds for an example, and that is no failure
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")

if "PYTEST_XDIST_WORKER" in os.environ:
    # Before PyTorch is imported. Workers whose threads wait for each other take 25 % more time.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # a shell starts jobs in the background with Ctrl-C ignored, and programs inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the modules that have slow tests. Otherwise one of two processes may be in the
    middle of a long test at the end, while the other has nothing left to do."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of real faces beside the checkout. Tests that use it are skipped without it."""
    if not SHARED.is_dir():
        pytest.skip(f"needs real faces in {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def solution(shared: Path) -> Path:
    """True points of the kaggle-like test set, which may be withheld."""
    file = shared / "kaggle-like" / "solution.csv"
    if not file.is_file():
        pytest.skip(f"needs the true points in {file}")
    return file


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caches of label files go to a temporary folder, not to the user's."""
    monkeypatch.setenv("FACEPOINTS_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True)
def _one_table_of_operators() -> None:
    """PyTorch's ONNX exporter makes its table of operators anew for each export, for 0.6 seconds.
    All exports of a test process share one."""
    registration = sys.modules.get("torch.onnx._internal.exporter._registration")
    registry = getattr(registration, "ONNXRegistry", None)
    make = getattr(registry, "from_torchlib", None)
    if registry is not None and make is not None and not hasattr(make, "cache_info"):
        registry.from_torchlib = staticmethod(cache(make))


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Make PyTorch sum in one order on every machine, for weights that must repeat."""
    import torch  # most tests need none

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def torch_gpu(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """PyTorch sees a GPU, which is the CPU. The list gets the devices that are asked for."""
    import torch

    from facepoints.models import torch_session

    asked: list[str] = []

    def on_cpu(name: str) -> torch.device:
        asked.append(name)
        return torch.device("cpu")

    monkeypatch.setattr(torch_session, "cuda_name", lambda: "PyTorch 9, a GPU")
    monkeypatch.setattr(torch_session, "torch_device", on_cpu)
    return asked


@pytest.fixture(scope="module")
def no_charts() -> Iterator[None]:
    """Leave the charts of a training empty: they take most of the time of a short training."""
    from facepoints.drawing import charts  # needs matplotlib

    save = charts._save

    def save_others(figure: Any, path: Path) -> None:
        if path.name in ("curves.png", "ced.png"):
            path.write_bytes(b"no chart")
        else:
            save(figure, path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(charts, "_save", save_others)
        yield
