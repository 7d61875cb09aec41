"""The tables of definitions and columns in the documentation are those of the code."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from facepoints.measurement import MEASURES

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "draw_measures.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw_measures", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_documentation_lists_every_definition(script: ModuleType) -> None:
    text = script.TABLE.read_text(encoding="utf-8")
    assert text == script.definitions_table(), "run python docs/draw_measures.py --tables"
    assert all(f"| `{name}` |" in text for name in MEASURES)


def test_the_documentation_lists_every_column_with_its_meaning(script: ModuleType) -> None:
    text = script.COLUMNS.read_text(encoding="utf-8")
    assert text == script.columns_table(), "run python docs/draw_measures.py --tables"
    rows = [line.strip("| ").split("|") for line in text.splitlines()[2:]]
    assert len(rows) > 2 * len(MEASURES)
    assert all(row[-1].strip() for row in rows)
