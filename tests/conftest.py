"""What several tests share: the real faces beside the repository, where there are any."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of real faces beside the checkout; tests that need it skip without it."""
    if not SHARED.is_dir():
        pytest.skip(f"needs real faces in {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def solution(shared: Path) -> Path:
    """The answers to the kaggle-like test set, which whoever holds it may keep back."""
    file = shared / "kaggle-like" / "solution.csv"
    if not file.is_file():
        pytest.skip(f"needs the answers in {file}")
    return file


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading caches go to a temporary folder, not to the user's."""
    monkeypatch.setenv("FACEPOINTS_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """PyTorch sums in one order, whatever the machine: for weights that must repeat."""
    import torch  # most tests need none

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
