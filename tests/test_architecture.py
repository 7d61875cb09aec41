"""The shape of the program: imports go down only, and the core needs no PyTorch."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import facepoints
from facepoints.training import settings

ROOT = Path(facepoints.__file__).parent

FLOORS = (
    # From the ground up. A room imports from its own floor or a lower one; a folder is a room.
    (
        "words",
        "__init__ landmarks landmark_sets mean_face mean_head samples framing geometry errors "
        "files face",
    ),
    (
        "parts",
        "networks losses augment missing schemes readers writers pictures metrics synthetic runs "
        "settings learner start distributed progress console memory calibration onnx_model "
        "onnx_session onnx_write media picture_header detect face_files unfinished looks answers "
        "measure alignment "
        "video video_writer video_draw track smooth hindsight",
    ),
    (
        "jobs",
        "batches fit train export quantise evaluate compare submit show gather competition predict "
        "predict_files adapt follow predict_video sightings measure_files align_files",
    ),
    ("faces of the program", "cli __main__"),
)
FLOOR = {room: level for level, (_, rooms) in enumerate(FLOORS) for room in rooms.split()}

HEAVY = {"torch", "safetensors", "matplotlib", "onnx", "onnxscript"}
NEED_TORCH = {"networks", "losses", "augment", "runs", "learner", "distributed", "fit", "batches"}
NEED_TORCH |= {"start", "train", "compare", "export", "quantise"}  # jobs that train


def modules() -> dict[str, ast.Module]:
    """Every module by its dotted name inside the package; a folder by the folder's."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


MODULES = modules()


def at_import(tree: ast.Module) -> list[ast.stmt]:
    """Statements that run when the module is imported; not those for the type checker."""
    found, todo = [], list(tree.body)
    while todo:
        node = todo.pop()
        found.append(node)
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not typing_only and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            todo += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
    return found


def imported(nodes: list[ast.stmt] | list[ast.AST]) -> set[str]:
    """Full names of what import statements bring in."""
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
    found = set()
    for name in names:
        first, _, inner = name.partition(".")
        if first != "facepoints":
            continue
        while inner and inner not in MODULES:
            inner = inner.rpartition(".")[0]
        found.add(inner or "__init__")
    return found


def room(module: str) -> str:
    return module.partition(".")[0]


def test_every_module_has_its_floor() -> None:
    assert {room(module) for module in MODULES} == set(FLOOR)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down_only(module: str) -> None:
    nodes = list(ast.walk(MODULES[module]))
    if module == "__init__":  # its public names are brought in when they are asked for
        nodes = [*at_import(MODULES[module])]
    everywhere = own(imported(nodes))
    up = [other for other in everywhere if FLOOR[room(other)] > FLOOR[room(module)]]
    assert up == []


def test_no_module_imports_itself_through_others() -> None:
    needs = {m: own(imported(at_import(tree))) - {m} for m, tree in MODULES.items()}
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " > ".join([*path[path.index(module) :], module])
        if module in done:
            return
        for other in sorted(needs[module]):
            visit(other, (*path, module))
        done.add(module)

    for module in MODULES:
        visit(module, ())
    assert done == set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_the_core_needs_no_torch(module: str) -> None:
    """What must work without facepoints[train] names no such package when it is imported,
    nor does any module that it imports."""
    if room(module) in NEED_TORCH:
        return
    names = imported(at_import(MODULES[module]))
    assert not {name.partition(".")[0] for name in names} & HEAVY
    assert not {other for other in own(names) if room(other) in NEED_TORCH}


def test_importing_the_command_line_loads_no_torch() -> None:
    light = "cli readers missing metrics synthetic pictures settings writers submit evaluate show"
    light += " onnx_model"
    code = f"""
import importlib, sys
for name in {light!r}.split():
    importlib.import_module("facepoints." + name)
print(sorted({HEAVY!r} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"


def test_settings_name_what_the_registries_hold() -> None:
    from facepoints.models.ensemble import Merge
    from facepoints.models.networks import NETWORKS
    from facepoints.training.augment import STRENGTHS
    from facepoints.training.losses import LOSSES
    from facepoints.training.missing_labels import MISSING

    assert set(get_args(settings.Network)) == set(NETWORKS)
    assert set(get_args(settings.Missing)) == set(MISSING)
    assert set(get_args(settings.LossName)) == set(LOSSES)
    assert set(get_args(settings.Strength)) == set(STRENGTHS)
    assert get_args(settings.Merge) == get_args(Merge)
    assert set(settings.LEARNING_RATES) == set(NETWORKS)
