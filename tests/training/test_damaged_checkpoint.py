"""A checkpoint with numbers that cannot be is one clear error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from facepoints.errors import RunError
from facepoints.training.train_state import read_checkpoint, write_checkpoint

GOOD: dict[str, Any] = {"member": 1, "history": [{"epoch": 1}]}


def test_a_checkpoint_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    write_checkpoint(path, {"a": torch.ones(2)}, GOOD)
    tensors, numbers = read_checkpoint(path)
    assert numbers == GOOD
    assert tensors["a"].tolist() == [1, 1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"member": -1},
        {"member": "0"},
        {"member": True},
        {"member": 1.5},
        {"history": None},
        {"history": [1]},
        {"history": {}},
    ],
)
def test_impossible_numbers_are_one_error(wrong: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    write_checkpoint(path, {}, GOOD | wrong)
    with pytest.raises(RunError, match=r"is damaged .*; remove the run folder and train again"):
        read_checkpoint(path)


@pytest.mark.parametrize("content", [b"", b"x" * 100, b"\xff" * 8 + b"{}", b"[" * 5000])
def test_another_file_is_one_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(content)
    with pytest.raises(RunError, match="is damaged"):
        read_checkpoint(path)
