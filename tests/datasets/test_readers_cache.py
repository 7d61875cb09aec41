"""The cache: used while nothing has changed, replaced after a change, optional."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from facepoints.datasets import readers
from facepoints.datasets.readers import load
from facepoints.datasets.readers.cache import cache_folder
from facepoints.datasets.readers.options import Options
from facepoints.datasets.samples import Photos, Samples
from facepoints.errors import DataError

PIXELS = " ".join(str(v) for v in range(0, 256, 16))


class Counter:
    """A reader that counts its calls."""

    def __init__(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self._reader = readers.READERS[name]
        monkeypatch.setitem(readers.READERS, name, self)

    def __call__(self, path: Path, options: Options) -> Samples | Photos:
        self.calls += 1
        return self._reader(path, options)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache for this test alone."""
    monkeypatch.setenv("FACEPOINTS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "training.csv"
    write(path, 1)
    return path


def write(path: Path, x: int) -> None:
    path.write_text(f"nose_tip_x,nose_tip_y,Image\n{x},2,{PIXELS}\n,,{PIXELS}\n")


def same(one: Samples, other: Samples) -> None:
    for name in ("images", "points", "labelled", "group", "names", "scheme"):
        a, b = getattr(one, name), getattr(other, name)
        assert a.dtype.kind == b.dtype.kind
        np.testing.assert_array_equal(a, b)
    assert one.landmarks == other.landmarks
    assert one.schemes == other.schemes


def test_the_second_read_comes_from_the_cache(
    folder: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = Counter("kaggle", monkeypatch)
    first, second = load(table), load(table)
    assert counter.calls == 1
    same(first, second)
    plain = readers.read(table)
    assert isinstance(plain, Samples)
    same(second, plain)
    with pytest.raises(ValueError, match="read-only"):
        second.images[0] = 0


def test_a_changed_file_is_read_again_and_its_old_entry_is_removed(
    folder: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = Counter("kaggle", monkeypatch)
    assert load(table).points[0, 0, 0] == 1
    write(table, 3)  # the same size
    os.utime(table, ns=(1, 1))
    assert load(table).points[0, 0, 0] == 3
    assert counter.calls == 2
    assert len(list(folder.iterdir())) == 1


def test_each_set_of_options_has_its_own_entry(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((20, 20), np.uint8))
    (tmp_path / "a.pts").write_text("n_points: 2\n{\n3 4\n9 9\n}\n")
    counter = Counter("pts", monkeypatch)
    for _ in range(2):
        assert load(tmp_path, size=16).size == (16, 16)
        assert load(tmp_path, size=24).size == (24, 24)
    assert counter.calls == 2
    near, far = load(tmp_path, margin=0.1).points[0], load(tmp_path, margin=1.0).points[0]
    assert np.ptp(near) > np.ptp(far)


def test_a_changed_image_or_a_new_file_is_read_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name, value in (("a", 10), ("b", 20)):
        cv2.imwrite(str(data / f"{name}.png"), np.full((20, 20), value, np.uint8))
    (data / "a.pts").write_text("{\n3 4\n9 9\n}\n")
    assert load(data).images.max() == 10
    cv2.imwrite(str(data / "a.png"), np.full((22, 20), 99, np.uint8))
    assert load(data).images.max() == 99
    (data / "b.pts").write_text("{\n3 4\n9 9\n}\n")
    assert len(load(data)) == 2
    labels = tmp_path / "coco.json"
    content = {
        "images": [{"id": 1, "file_name": "data/b.png"}],
        "categories": [{"id": 1, "keypoints": ["x", "y"]}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "keypoints": [3, 4, 2, 9, 9, 2]}
        ],
    }
    labels.write_text(json.dumps(content))
    assert load(labels).images.max() == 20
    cv2.imwrite(str(data / "b.png"), np.full((22, 20), 77, np.uint8))
    assert load(labels).images.max() == 77


@pytest.mark.parametrize(
    ("victim", "damage"),
    [
        (victim, damage)
        for victim in ("images.npy", "points.npy", "names.npy", "meta.json")
        for damage in ("truncate", "overwrite", "flip a bit", "remove")
    ],
)
def test_a_damaged_entry_is_read_again(
    folder: Path, table: Path, victim: str, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = Counter("kaggle", monkeypatch)
    before = load(table)
    images = before.images.copy()
    file = next(folder.rglob(victim))
    content = file.read_bytes()
    if damage == "truncate":
        file.write_bytes(content[:-10])
    elif damage == "overwrite":
        file.write_bytes(content[:-10] + b"0123456789")
    elif damage == "flip a bit":
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    else:
        file.unlink()
    after = load(table)
    assert counter.calls == 2
    np.testing.assert_array_equal(after.images, images)
    load(table)
    assert counter.calls == 2


def test_data_are_read_without_a_cache_that_cannot_be_written(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").write_text("in the way")
    monkeypatch.setenv("FACEPOINTS_CACHE", str(tmp_path / "a file" / "cache"))
    assert load(table).points[0, 0, 0] == 1


def test_data_are_read_without_a_cache_on_a_full_disk(
    folder: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numpy.lib.format.write_array_header_1_0", full)
    monkeypatch.setattr("os.posix_fallocate", full)
    assert load(table).points[0, 0, 0] == 1
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((20, 20), np.uint8))
    (tmp_path / "a.pts").write_text("n_points: 2\n{\n3 4\n9 9\n}\n")
    assert len(load(tmp_path / "a.pts")) == 1
    assert list(folder.iterdir()) == []


def test_a_failed_read_leaves_no_entry(folder: Path, table: Path) -> None:
    table.write_text(table.read_text() + "1,2,3\n")
    with pytest.raises(DataError):
        load(table)
    assert list(folder.iterdir()) == []


def test_the_folder_of_the_cache_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FACEPOINTS_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.delenv("FACEPOINTS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "facepoints"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "facepoints"
