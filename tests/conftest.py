"""What several tests share: the real faces beside the repository, where there are any."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of real faces beside the checkout; tests that need it skip without it."""
    if not SHARED.is_dir():
        pytest.skip(f"needs real faces in {SHARED}")
    return SHARED


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading caches go to a temporary folder, not to the user's."""
    monkeypatch.setenv("FACEPOINTS_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
