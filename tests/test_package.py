"""The built package: a wheel with the weights and their terms, a source archive with the tests."""

from __future__ import annotations

import configparser
import email
import gzip
import hashlib
import importlib
import pkgutil
import runpy
import subprocess
import sys
import tarfile
import types
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import facepoints
from facepoints import weights
from facepoints.web import fetch_runtime

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.ZipFile:
    (file,) = built.glob("*.whl")
    return zipfile.ZipFile(file)


def test_the_wheel_holds_the_package_alone_and_whole(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert {name.split("/")[0].split("-")[0] for name in names} == {"facepoints"}
    run = [p for p in weights.POINTS_RUN.rglob("*") if p.is_file()]
    needed = [weights.POINTS, weights.DETECTOR, *run, ROOT / "src" / "facepoints" / "py.typed"]
    for path in needed:
        assert path.relative_to(ROOT / "src").as_posix() in names
    modules = {p.relative_to(ROOT / "src").as_posix() for p in (ROOT / "src").rglob("*.py")}
    assert modules - names == set()


def test_the_wheel_holds_the_page_and_what_it_computes_with(wheel: zipfile.ZipFile) -> None:
    folder = "facepoints/web/page"
    for name, digest in fetch_runtime.FILES.items():
        content = gzip.decompress(wheel.read(f"{folder}/runtime/{name}.gz"))
        assert hashlib.sha256(content).hexdigest() == digest
    assert b"Copyright (c) Microsoft" in wheel.read(f"{folder}/runtime-license.txt")
    assert f"{folder}/index.html" in wheel.namelist()


def test_the_metadata_state_that_the_weights_are_for_research(wheel: zipfile.ZipFile) -> None:
    (name,) = [n for n in wheel.namelist() if n.endswith(".dist-info/METADATA")]
    metadata = email.message_from_bytes(wheel.read(name))
    assert metadata["License-Expression"].startswith("MIT AND LicenseRef-")
    assert "Weights: research use only" in metadata["Summary"]
    assert metadata.get_all("License-File") == ["LICENSE", "LICENSE-WEIGHTS.md"]
    terms = wheel.read(name.replace("METADATA", "licenses/LICENSE-WEIGHTS.md")).decode()
    assert "research use only" in terms


def test_the_source_archive_holds_what_its_tests_need(built: Path) -> None:
    (file,) = built.glob("*.tar.gz")
    with tarfile.open(file) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    folders = ("tests", "recipes", "benchmarks", "examples", "docs", "runs", "src")
    ignored = {"__pycache__", ".hypothesis"}
    for folder in folders:
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and not ignored.intersection(path.parts):
                assert path.relative_to(ROOT).as_posix() in names
    single = {
        "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "LICENSE-WEIGHTS.md",
        "Makefile", "README.md", "constraints.txt", "hatch_build.py", "mkdocs.yml",
        "pyproject.toml", ".ci/run",
    }  # fmt: skip
    assert single - names == set()


def test_the_hook_for_pyinstaller_is_in_the_wheel_and_in_its_metadata(
    wheel: zipfile.ZipFile,
) -> None:
    (name,) = [n for n in wheel.namelist() if n.endswith(".dist-info/entry_points.txt")]
    points = configparser.ConfigParser()
    points.read_string(wheel.read(name).decode())
    module, _, function = points["pyinstaller40"]["hook-dirs"].partition(":")
    (folder,) = getattr(importlib.import_module(module), function)()
    hook = Path(folder) / "hook-facepoints.py"
    assert hook.relative_to(ROOT / "src").as_posix() in wheel.namelist()


def test_the_hook_for_pyinstaller_names_the_model_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hook runs with stand-ins for PyInstaller's functions, which see the same package."""
    hooks = types.ModuleType("PyInstaller.utils.hooks")
    package = Path(facepoints.__file__).parent

    def collect_data_files(name: str, includes: list[str]) -> list[tuple[str, str]]:
        files = {file for pattern in includes for file in package.glob(pattern)}
        return [(str(f), str(Path(name) / f.parent.relative_to(package))) for f in sorted(files)]

    def collect_submodules(name: str, filter: Callable[[str], bool]) -> list[str]:
        modules = [m.name for m in pkgutil.walk_packages(facepoints.__path__, f"{name}.")]
        return [module for module in modules if filter(module)]

    hooks.__dict__.update(
        collect_data_files=collect_data_files,
        collect_submodules=collect_submodules,
        copy_metadata=lambda name: [],
    )
    for name in ("PyInstaller", "PyInstaller.utils"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "PyInstaller.utils.hooks", hooks)
    result = runpy.run_path(str(package / "_pyinstaller" / "hook-facepoints.py"))
    named = {source for source, _ in result["datas"]}
    assert {str(weights.POINTS), str(weights.DETECTOR)} <= named
    places = dict(result["datas"])
    assert places[str(weights.POINTS)] == str(Path("facepoints") / "weights")
    homes = {f"facepoints.{home}" for home in facepoints._HOMES.values()}
    assert homes <= {*result["hiddenimports"], "facepoints"}
