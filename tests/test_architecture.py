"""Architecture: allowed imports between packages, and modules that need no PyTorch."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from waiting import PATIENCE

import facepoints
from facepoints.training import settings

ROOT = Path(facepoints.__file__).parent

ROWS = (
    # A package may import itself and the packages of the rows above its own. Packages of one row
    # are siblings: none imports another.
    "errors _version weights",
    "_util",
    "landmarks",
    "runtime",
    "imaging",
    "sources",
    "datasets",
    "detection video",
    "inference",
    "measurement tracking drawing",
    "results",
    "api",
    "evaluation",
    "audit labeling",
    "reports",
    "models",
    "training",
    "commands",
    "web",
    "cli",
    "__main__ _pyinstaller",
)
ROW = {package: level for level, row in enumerate(ROWS) for package in row.split()}

HEAVY = {*("torch", "safetensors", "matplotlib", "onnx", "onnxscript"), "jinja2", "openpyxl"}
"""Third-party packages of facepoints[train], which includes facepoints[report]."""

NEED_TORCH = {
    "models.ensemble": False,
    "models.loading": False,
    "models.onnx_edit": False,
    "models.run_header": False,
    "training.settings": False,
    "training.missing_labels": False,
    "models": True,
    "training": True,
}
"""Modules, and packages, that may import PyTorch when they are imported."""


def modules() -> dict[str, Path]:
    """Every module by its dotted name inside the package; a package by the folder's."""
    files = {}
    for path in sorted(ROOT.rglob("*.py")):
        if "-" in path.name:  # a hook that only PyInstaller runs
            continue
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)
        files[name] = path
    return files


MODULES = modules()
PACKAGED = [name for name in MODULES if name != "__init__"]


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def at_import(tree: ast.Module) -> list[ast.stmt]:
    """Statements that run when the module is imported; not those for the type checker."""
    statements, todo = [], list(tree.body)
    while todo:
        node = todo.pop()
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if typing_only:
            continue
        statements.append(node)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            todo += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
    return statements


def imported(nodes: list[ast.stmt] | list[ast.AST]) -> set[str]:
    """Full names that import statements import."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def own(names: set[str]) -> set[str]:
    """Modules of the package among full names."""
    modules = set()
    for name in names:
        first, _, inner = name.partition(".")
        if first != "facepoints":
            continue
        while inner and inner not in MODULES:
            inner = inner.rpartition(".")[0]
        modules.add(inner or "__init__")
    return modules


def package(module: str) -> str:
    return module.partition(".")[0]


def may_need_torch(module: str) -> bool:
    while module:
        if module in NEED_TORCH:
            return NEED_TORCH[module]
        module = module.rpartition(".")[0]
    return False


@cache
def needs(module: str) -> frozenset[str]:
    """Modules that a module imports, in functions as well, and for the type checker."""
    names = own(imported(list(ast.walk(tree_of(module)))))
    return frozenset(names - {module, "__init__", "_version"})


def test_every_package_has_its_row() -> None:
    assert {package(module) for module in PACKAGED} == set(ROW)


PACKAGES = sorted({package(module) for module in PACKAGED})


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_imports_only_packages_of_rows_above(name: str) -> None:
    wrong = [
        f"{module} imports {other}"
        for module in PACKAGED
        if package(module) == name
        for other in needs(module)
        if package(other) != name and ROW[package(other)] >= ROW[name]
    ]
    assert wrong == []


@pytest.mark.parametrize("name", PACKAGES)
def test_no_module_of_a_package_imports_itself_through_others(name: str) -> None:
    inside = [module for module in PACKAGED if package(module) == name]
    # a package's __init__ re-exports its modules: what they import of it, they import of them
    graph = {module: {n for n in needs(module) if n in inside} for module in inside}
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " > ".join([*path[path.index(module) :], module])
        if module in done:
            return
        for other in sorted(graph[module]):
            visit(other, (*path, module))
        done.add(module)

    for module in inside:
        visit(module, ())
    assert done == set(inside)


def test_the_architecture_page_names_files_and_packages_that_exist() -> None:
    page = (ROOT.parents[1] / "docs" / "architecture.md").read_text("utf-8")
    files = re.findall(r"`(?!tests/)([\w/]+\.py)`", page)
    assert len(files) > 20
    assert [name for name in files if not (ROOT / name).is_file()] == []
    packages = set(re.findall(r"(?m)^\| `(\w+)` \| ", page))
    assert set(ROW) - {"_version", "__main__"} - packages == set()
    listed = {name for name in re.findall(r"`(\w+\.\w+)`", page) if package(name) in ROW}
    assert listed - set(MODULES) == set()


def test_lists_in_the_docstrings_of_packages_name_modules_that_exist() -> None:
    wrong = []
    for name in MODULES:
        if not (ROOT / name.replace(".", "/")).is_dir() or name == "models.networks":
            continue
        for line in re.findall(r"(?m)^- (`.*)", ast.get_docstring(tree_of(name)) or ""):
            for listed in re.findall(r"`(\w+)[.`]", line):
                if f"{name}.{listed}" not in MODULES:
                    wrong.append(f"{name}: {listed}")
    assert wrong == []


@pytest.mark.parametrize("name", PACKAGES)
def test_modules_that_work_without_pytorch_import_none_of_its_packages(name: str) -> None:
    """Their imports need no package of facepoints[train] and no module that needs one."""
    wrong = []
    for module in PACKAGED:
        if package(module) != name or may_need_torch(module):
            continue
        names = imported(at_import(tree_of(module)))
        heavy = {other.partition(".")[0] for other in names} & HEAVY
        heavy |= {other for other in own(names) if may_need_torch(other) and "." in other}
        wrong += [f"{module} imports {other}" for other in heavy]
    assert wrong == []


@pytest.mark.parametrize("name", ["detection", "inference", "tracking"])
def test_prediction_needs_no_data_set_code(name: str) -> None:
    todo, visited = [m for m in PACKAGED if package(m) == name], set()
    while todo:
        module = todo.pop()
        if module not in visited:
            visited.add(module)
            todo += needs(module)
    assert not {module for module in visited if package(module) == "datasets"}


def test_importing_the_command_line_and_the_core_loads_no_torch() -> None:
    names = [m for m in PACKAGED if not may_need_torch(m) and m != "__main__"]
    code = f"""
import importlib, sys
for name in {names!r}:
    importlib.import_module("facepoints." + name)
print(sorted({HEAVY!r} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert done.stdout.strip() == "[]"


def test_settings_name_what_the_registries_hold() -> None:
    from facepoints.models.networks import NETWORKS
    from facepoints.training.augment import STRENGTHS
    from facepoints.training.losses import LOSSES
    from facepoints.training.missing_labels import MISSING

    assert set(get_args(settings.Network)) == set(NETWORKS)
    assert set(get_args(settings.Missing)) == set(MISSING)
    assert set(get_args(settings.LossName)) == set(LOSSES)
    presets = {*get_args(settings.Strength), *get_args(settings.RecipeStrength)}
    assert presets == set(STRENGTHS)
    assert set(settings.LEARNING_RATES) == set(NETWORKS)
