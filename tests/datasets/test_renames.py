"""New names for the points of label files, and warnings of misspelled names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facepoints.commands.adapt import adapt
from facepoints.datasets import synthetic
from facepoints.datasets.load import load_dataset
from facepoints.datasets.renames import read_renames
from facepoints.datasets.writers import write_kaggle
from facepoints.errors import DataError, DataWarning
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15


@pytest.fixture(scope="module")
def british(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of the 15 points in which "center" is written "centre"."""
    table = tmp_path_factory.mktemp("names") / "training.csv"
    faces = synthetic.render(6, seed=3, size=96).as_landmarks(KAGGLE_15)
    write_kaggle(faces, table)
    head, rest = table.read_text().split("\n", 1)
    table.write_text(head.replace("center", "centre") + "\n" + rest)
    return table


RENAMES = "\n".join(
    f"{n.replace('center', 'centre')},{n}" for n in KAGGLE_15.names if "center" in n
)


def test_names_like_known_ones_are_warned_of_and_renamed(british: Path, tmp_path: Path) -> None:
    with pytest.warns(DataWarning, match=r"4: 'left_eye_centre' \(did you mean left_eye_center"):
        plain = load_dataset(british)
    assert "left_eye_centre" in plain.landmarks.names
    names = tmp_path / "names.txt"
    names.write_text(f"# British to American\n{RENAMES}\n\n")
    faces = load_dataset(british, rename=names)
    assert faces.landmarks == KAGGLE_15
    assert faces.schemes == {"15-point": KAGGLE_15.names}
    np.testing.assert_array_equal(faces.points, plain.points)
    mapping = dict(line.split(",") for line in RENAMES.splitlines())
    assert load_dataset(british, rename=mapping).landmarks == KAGGLE_15


def test_adapt_reads_renamed_points(british: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text(RENAMES)
    report = adapt(british, tmp_path / "a.onnx", rename=names)
    assert report.points == KAGGLE_15.names
    assert report.unknown == ()


@pytest.mark.parametrize("line", ["a,b", "a = b", "a\tb", "a b", "  a ,  b  # comment"])
def test_old_and_new_names_may_be_separated_in_many_ways(tmp_path: Path, line: str) -> None:
    (tmp_path / "n.txt").write_text(f"# names\n{line}\n", encoding="utf-8")
    assert read_renames(tmp_path / "n.txt") == {"a": "b"}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a", ("line 1", "expected the name in the label file and the new name")),
        ("a,b,c", ("line 1",)),
        ("a,", ("line 1",)),
        ("a,b\na,c", ("line 2", "'a' is there twice")),
        ("ear,left_ear", ("no point 'ear' to rename", "left_eye_centre")),
        ("left_eye_centre,nose_tip", ("two points have the name 'nose_tip'",)),
    ],
)
@pytest.mark.filterwarnings("ignore::facepoints.errors.DataWarning")
def test_names_that_cannot_be_used_raise_an_error(
    british: Path, tmp_path: Path, text: str, parts: tuple[str, ...]
) -> None:
    (tmp_path / "n.txt").write_text(text)
    with pytest.raises(DataError) as caught:
        load_dataset(british, rename=tmp_path / "n.txt")
    for part in parts:
        assert part in str(caught.value)


def test_numbers_renamed_to_known_points_get_their_edges(tmp_path: Path) -> None:
    faces = synthetic.render(2, seed=3, size=96)
    table = tmp_path / "training.csv"
    write_kaggle(faces, table)
    _, rest = table.read_text().split("\n", 1)
    numbers = [f"p{n}" for n in range(68)]
    head = ",".join([*(f"{number}_{axis}" for number in numbers for axis in "xy"), "Image"])
    table.write_text(f"{head}\n{rest}")
    renames = dict(zip(numbers, IBUG_68.names, strict=True))
    assert load_dataset(table, rename=renames).landmarks == IBUG_68
