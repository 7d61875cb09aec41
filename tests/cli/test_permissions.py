"""Files and folders without permission: one clear line, and nothing is written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import pytest
from skimage import data
from unprivileged import needs_permissions, run_unprivileged

from facepoints.datasets import synthetic, writers

pytestmark = needs_permissions


@pytest.fixture
def photos(tmp_path: Path) -> Iterator[Path]:
    """Two photos of one face each. Its files may be made unreadable."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(folder / name), data.astronaut()[16:240, 116:340, ::-1])
    yield folder
    folder.chmod(0o700)


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = tmp_path_factory.mktemp("labels") / "training.csv"
    return writers.write_kaggle(synthetic.kaggle_like(3, seed=1), table)


def refusals(*commands: Sequence[str | Path]) -> list[str]:
    """The errors of command lines, each of one line."""
    ended = run_unprivileged(*commands)
    for status, message in ended:
        assert status == 2
        assert message.startswith("error: ")
        assert message.count("\n") == 1
    return [message.strip() for _, message in ended]


def test_what_cannot_be_read_is_named(photos: Path, labels: Path, tmp_path: Path) -> None:
    table, model, out = tmp_path / "t.csv", tmp_path / "m.onnx", tmp_path / "faces.jsonl"
    for path in (table, model):
        path.write_bytes(labels.read_bytes())
        path.chmod(0)
    (photos / "b.png").chmod(0)
    denied = "Permission denied"
    assert refusals(
        ("show", table, "--out", tmp_path / "s.png"),
        ("predict", photos, "--model", model),
    ) == [f"error: could not read {path}: {denied}" for path in (table, model)]
    (ended,) = run_unprivileged(("predict", photos, "--out", out))
    assert ended.status == 0
    assert "1 unreadable" in ended.message
    first, second = map(json.loads, out.read_text().splitlines())
    assert len(first["faces"]) == 1
    assert second["error"] == f"could not read {photos / 'b.png'}: {denied}"


def test_a_folder_that_cannot_be_read_is_named(photos: Path, tmp_path: Path) -> None:
    photos.chmod(0)
    patterns = ("", "*.png", "**/*.png")
    messages = refusals(*(("predict", photos / p, "--out", tmp_path / "f.csv") for p in patterns))
    expected = f"error: could not read the folder {photos}: Permission denied"
    assert messages == [expected] * len(patterns)
    assert list(tmp_path.iterdir()) == [photos]


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(
    photos: Path, labels: Path, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    commands: list[tuple[str | Path, ...]] = [
        ("predict", photos, "--out", closed / "faces.csv"),
        ("predict", photos, "--out", closed / "sub" / "faces.jsonl"),
        ("predict", photos, "--out", closed / "points"),
        ("predict", photos, "--draw", closed),
        ("measure", photos, "--out", closed / "m.csv"),
        ("align", photos, "--out", closed / "upright"),
        ("convert", labels, "--to", "coco", "--out", closed / "coco"),
        ("show", labels, "--out", closed / "s.png"),
        ("synthetic", "--count", "3", "--out", closed),
        ("train", labels, "--validation", "0", "--out", closed / "run"),
        ("adapt", labels, "--out", closed / "model.onnx"),
        ("export", "--out", closed / "model.onnx"),
    ]
    for words, message in zip(commands, refusals(*commands), strict=True):
        assert message == (
            f"error: could not write {words[-1]}: no permission to write to {closed}"
        )
    assert list(closed.iterdir()) == []
