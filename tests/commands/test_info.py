"""The report about the installation, and the cache."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import facepoints
from facepoints.cli.main import main
from facepoints.commands import info
from facepoints.datasets import synthetic
from facepoints.datasets.load import load_dataset
from facepoints.datasets.writers import write_kaggle


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FACEPOINTS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def fill(folder: Path) -> None:
    write_kaggle(synthetic.kaggle_like(3, seed=1), folder / "training.csv")
    load_dataset(folder / "training.csv")


def test_the_report_names_versions_processor_providers_and_cache(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["info"])
    lines = capsys.readouterr().out.splitlines()
    assert f"facepoints {facepoints.__version__}" in lines
    assert f"Python {sys.version.split()[0]}" in lines
    assert any(line.startswith("onnxruntime 1.") for line in lines)
    assert any("CPUExecutionProvider" in line for line in lines)
    assert any(line.startswith("processor features: ") and "AVX2" in line for line in lines)
    assert lines[-1] == f"cache: {cache}, 0.0 MB"


def test_flags_are_those_that_linux_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = "processor : 0\nmodel name : X\nflags\t\t: fpu avx2 avx512f avx512_vnni amx_int8\n"
    monkeypatch.setattr(info, "_cpuinfo", lambda: listed)
    flags = info.processor_flags()
    assert {name for name in ("AVX2", "AVX-512", "VNNI", "AMX") if flags[name]} == {
        *("AVX2", "AVX-512", "VNNI", "AMX")
    }
    assert not flags["bfloat16"]
    monkeypatch.setattr(info, "_cpuinfo", lambda: "flags : fpu avx\n")
    assert not info.processor_flags()["AMX"]


def test_the_cache_is_measured_and_cleared(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path)
    state = info.cache_state()
    assert state.folder == cache
    assert state.size == sum(f.stat().st_size for f in cache.rglob("*") if f.is_file()) > 3 * 96**2
    (cache / "mine.txt").write_text("not of facepoints")
    (cache / "mine").mkdir()
    main(["info", "--clear-cache"])
    assert f"removed 0.0 MB from {cache}" in capsys.readouterr().out
    assert sorted(file.name for file in cache.iterdir()) == ["mine", "mine.txt"]
    load_dataset(tmp_path / "training.csv")  # it is made again
    assert len(list(cache.iterdir())) == 3


def test_without_a_cache_there_is_nothing_to_clear(cache: Path) -> None:
    assert info.clear_cache() == info.CacheState(cache, 0, 0)
