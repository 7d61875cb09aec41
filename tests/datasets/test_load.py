"""Several data sets read as one: people excluded, and duplicates found across the sets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facepoints.datasets import synthetic
from facepoints.datasets.combine import concatenate
from facepoints.datasets.load import load_dataset
from facepoints.datasets.people import read_people
from facepoints.datasets.writers import write_coco, write_kaggle
from facepoints.errors import DataError, DataWarning, SettingsError


def test_an_image_in_two_tables_is_one_group_and_other_images_are_not(tmp_path: Path) -> None:
    faces = synthetic.kaggle_like(8, seed=3)
    first = write_kaggle(faces.take(np.arange(5)), tmp_path / "a.csv")
    second = write_kaggle(faces.take(np.array([7, 6, 0])), tmp_path / "b.csv")
    group = load_dataset([first, second]).group
    assert group[7] == group[0]
    assert len(set(group)) == 7


def test_a_data_set_is_one_path_or_several_as_text_or_path(tmp_path: Path) -> None:
    table = write_kaggle(synthetic.kaggle_like(3, seed=3, size=32), tmp_path / "a.csv")
    for paths in (table, str(table), [table], [str(table)]):
        assert len(load_dataset(paths)) == 3
    assert len(load_dataset([table, str(table)])) == 6


def test_people_are_excluded_or_included_by_a_text_file(tmp_path: Path) -> None:
    faces = replace(
        synthetic.kaggle_like(4, seed=3, size=32), group=np.array(["ann", "bob", "ann", "eve"])
    )
    file = write_coco(faces, tmp_path / "faces.json")
    people = tmp_path / "people.txt"
    people.write_text("# held out\nfolder ann\n\neve # the last word counts\n")
    assert read_people(people) == {"ann", "eve"}
    assert list(load_dataset(file, exclude_people=people).group) == ["bob"]
    assert list(load_dataset(file, include_people=str(people)).group) == ["ann", "ann", "eve"]
    people.write_text("zoe\nhelen max\n")
    with pytest.warns(DataWarning, match=r"names nobody in the data, .* such as ann, bob, eve"):
        assert len(load_dataset(file, exclude_people=people)) == 4
    spaced = replace(faces, group=np.array(["my photo.jpg", "a#1.jpg", "photo.jpg", ""]))
    people.write_text("my photo.jpg # blurred\n\na#1.jpg\n")
    named = write_coco(spaced, tmp_path / "spaced" / "faces.json")
    assert list(load_dataset(named, exclude_people=people).group) == ["photo.jpg", ""]
    people.write_text("bob ann eve\nbob\nann")
    with pytest.raises(DataError, match=r"no face of .* is left"):
        load_dataset(file, exclude_people=people)
    with pytest.raises(DataError, match="one person per line"):
        load_dataset(file, exclude_people=tmp_path / "missing.txt")


def test_photos_are_cropped_to_the_crop_size_and_tables_keep_theirs(tmp_path: Path) -> None:
    faces = synthetic.kaggle_like(3, seed=3, size=32)
    assert load_dataset(write_coco(faces, tmp_path / "a.json"), crop_size=24).size == (24, 24)
    assert load_dataset(write_kaggle(faces, tmp_path / "a.csv"), crop_size=24).size == (32, 32)
    for size in (0, 1, 15, 4097):
        wanted = f"`crop_size` must be from 16 to 4096 pixels, is {size}"
        with pytest.raises(SettingsError, match=wanted):
            load_dataset(tmp_path / "a.csv", crop_size=size)


def test_no_path_is_an_error() -> None:
    with pytest.raises(DataError, match="at least one file or folder of labeled faces, got none"):
        load_dataset([])


def test_one_scheme_name_for_different_points_is_an_error() -> None:
    faces = synthetic.render(2, seed=0, size=24)
    other = replace(faces, schemes={"synthetic": ("chin",)})
    with pytest.raises(DataError, match="'synthetic' for different points"):
        concatenate([faces, other])
    with pytest.raises(DataError, match="at least one data set"):
        concatenate([])
