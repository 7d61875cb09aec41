"""Fixes of labels: their file, what each action does, and fixes that do not fit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepoints.datasets import readers, synthetic
from facepoints.datasets.applied_fixes import AppliedFixes
from facepoints.datasets.crops import resize_samples
from facepoints.datasets.fixes import Change, Fix, Sets, read_fixes, suggest_fixes, write_fixes
from facepoints.datasets.load import load_dataset, load_rows
from facepoints.datasets.mending import apply_fixes, set_names
from facepoints.datasets.samples import Samples
from facepoints.datasets.writers import write_coco, write_kaggle
from facepoints.errors import DataError, DataWarning
from facepoints.imaging import affine
from facepoints.landmarks.known_sets import KAGGLE_15
from facepoints.landmarks.landmark_set import mirror_name

SWAP = Change("reorder", {name: mirror_name(name) for name in KAGGLE_15.names})
MIRROR = Change("transform", [[-1, 0, 95], [0, 1, 0]])


@pytest.fixture(scope="module")
def faces() -> Samples:
    """Eight faces of 96 pixels with 15 points; in the last, the nose tip is not labeled."""
    some = synthetic.render(8, seed=4, size=96).as_landmarks(KAGGLE_15)
    labelled = some.labelled.copy()
    labelled[7, KAGGLE_15.names.index("nose_tip")] = False
    return some.with_points(some.points, labelled)


def fixed(faces: Samples, row: int, *changes: Change) -> Samples:
    return apply_fixes(faces, suggest_fixes(faces, [row], changes, cause="wrong"))


def column(name: str) -> int:
    return KAGGLE_15.names.index(name)


# The file.

numbers = st.floats(-1000, 1000).map(lambda v: round(v, 3))
points = st.text(min_size=1, max_size=12)
values = st.one_of(
    st.tuples(st.just("move"), st.dictionaries(points, st.lists(numbers, min_size=2, max_size=2),
                                               min_size=1, max_size=3)),
    st.tuples(st.just("unlabel"), st.lists(points, min_size=1, max_size=3)),
    st.tuples(st.just("drop"), st.none()),
    st.tuples(
        st.sampled_from(["scheme", "group"]), st.text("a =@<&", min_size=1).filter(str.strip)
    ),
    st.tuples(st.just("transform"), st.lists(st.lists(numbers, min_size=3, max_size=3),
                                             min_size=2, max_size=2)),
    st.tuples(st.just("reorder"), st.lists(points, min_size=1, max_size=4, unique=True).map(
        lambda names: dict(zip(names, names[1:] + names[:1], strict=True)))),
)  # fmt: skip


@given(st.lists(st.tuples(points, st.integers(0, 9999), points, values, st.text()), max_size=4))
def test_a_file_of_fixes_gives_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[Any]
) -> None:
    fixes = [
        Fix(name, row, label, (3, 1.5, -2.25), "a <cause>", action, given_values, evidence)
        for name, row, label, (action, given_values), evidence in drawn
    ]
    path = tmp_path_factory.getbasetemp() / "fixes.json"
    write_fixes(path, fixes)
    assert read_fixes(path) == fixes


GOOD = {
    "set": "a.csv",
    "row": 0,
    "name": "row-1",
    "fingerprint": [1, 2.0, 3.0],
    "cause": "x",
    "action": "drop",
    "values": None,
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"row": -1}, "0 or more, got -1"),
        ({"row": "3"}, "'row' should be a whole number, is '3'"),
        ({"row": True}, "'row' should be a whole number"),
        ({"set": None}, "'set' should be a text, is None"),
        ({"fingerprint": [1, 2]}, "'fingerprint' should be three numbers"),
        ({"action": "erase"}, "one of reorder, transform, move, unlabel, drop, scheme, group"),
        ({"action": "move", "values": {"nose_tip": [1]}}, "points with x and y in pixels"),
        ({"action": "move", "values": {"nose_tip": [1, 1e9]}}, "points with x and y in pixels"),
        ({"action": "move", "values": {}}, "an object with points as names"),
        ({"action": "transform", "values": [[1, 2], [3, 4]]}, "2 x 3 numbers"),
        ({"action": "transform", "values": [[1, 2, "a"], [3, 4, 5]]}, "2 x 3 numbers"),
        ({"action": "unlabel", "values": "nose_tip"}, "a list of points"),
        ({"action": "scheme", "values": " "}, "are a name"),
        ({"action": "reorder", "values": {"a": "b", "b": "b"}}, "the same points on both sides"),
        ({"action": "reorder", "values": {"a": "b"}}, "the same points on both sides"),
    ],
)
def test_a_wrong_fix_is_named_with_its_number(
    tmp_path: Path, change: Mapping[str, Any], message: str
) -> None:
    path = tmp_path / "fixes.json"
    content = {"format": "facepoints fixes", "version": 1, "fixes": [GOOD, GOOD | dict(change)]}
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="fix 2") as caught:
        read_fixes(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["[]", "{}", '{"fixes": []}', "no", "[" * 100_000])
def test_a_file_without_fixes_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "f.json").write_text(text)
    with pytest.raises(DataError, match=r"f\.json"):
        read_fixes(tmp_path / "f.json")


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    content = {"format": "facepoints fixes", "version": 2, "fixes": []}
    (tmp_path / "f.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="has version 2"):
        read_fixes(tmp_path / "f.json")


# What the actions do.


def test_a_swap_gives_every_point_the_place_of_its_partner(faces: Samples) -> None:
    mended = fixed(faces, 2, SWAP)
    np.testing.assert_allclose(mended.points[2], faces.points[2][KAGGLE_15.mirror], atol=1e-4)
    np.testing.assert_array_equal(mended.points[3], faces.points[3])


def test_a_reorder_moves_what_is_not_labeled_too(faces: Samples) -> None:
    order = {"nose_tip": "left_eye_center", "left_eye_center": "nose_tip"}
    mended = fixed(faces, 7, Change("reorder", order))
    assert mended.labelled[7, column("nose_tip")]
    assert not mended.labelled[7, column("left_eye_center")]
    assert not mended.points[7, column("left_eye_center")].any()


@given(
    st.floats(-20, 20), st.floats(-20, 20), st.floats(-180, 180), st.floats(0.5, 2), st.booleans()
)
def test_a_transform_and_its_inverse_leave_the_label_as_it_was(
    faces: Samples, x: float, y: float, angle: float, scale: float, mirror: bool
) -> None:
    matrix = affine.rotation_matrix(angle, (48, 48)) * scale
    matrix[:, 2] += x, y
    if mirror:
        matrix = affine.compose(affine.mirror_matrix(96), matrix)
    there = fixed(faces, 1, Change("transform", matrix.tolist()))
    np.testing.assert_allclose(there.points[1], affine.apply(matrix, faces.points[1]), atol=1e-3)
    back = fixed(there, 1, Change("transform", affine.invert(matrix).tolist()))
    np.testing.assert_allclose(back.points[1], faces.points[1], atol=2e-3)


def test_changes_of_one_row_follow_each_other(faces: Samples) -> None:
    """A mirrored picture: places are mirrored, and left and right change their names."""
    mended = fixed(faces, 0, MIRROR, SWAP)
    want = faces.points[0][KAGGLE_15.mirror] * (-1, 1) + (95, 0)
    np.testing.assert_allclose(mended.points[0], want, atol=1e-4)


def test_a_moved_point_is_labeled_and_an_unlabeled_one_is_not(faces: Samples) -> None:
    seen = replace(faces, visibility=np.where(faces.labelled, 1, -1).astype(np.int8))
    changes = Change("move", {"nose_tip": (50, 60.5)}), Change("unlabel", ["mouth_left_corner"])
    mended = fixed(seen, 7, *changes)
    np.testing.assert_array_equal(mended.points[7, column("nose_tip")], (50, 60.5))
    assert mended.labelled[7, column("nose_tip")]
    assert not mended.labelled[7, column("mouth_left_corner")]
    assert mended.visibility is not None
    assert mended.visibility[7, column("mouth_left_corner")] == -1
    assert mended.visibility[7, column("nose_tip")] == -1  # nothing is known about it


def test_rows_are_dropped_and_rows_without_a_label_left_too(faces: Samples) -> None:
    fixes = suggest_fixes(faces, [1, 4], [Change("drop")], cause="no face")
    fixes += suggest_fixes(faces, [5], [Change("unlabel", list(KAGGLE_15.names))], cause="filled")
    assert list(apply_fixes(faces, fixes).names) == list(faces.names[[0, 2, 3, 6, 7]])


def test_rows_get_a_new_scheme_with_the_points_that_they_mark(faces: Samples) -> None:
    fixes = suggest_fixes(faces, [7], [Change("scheme", "second")], cause="scheme")
    mended = apply_fixes(faces, fixes)
    assert list(mended.schemes) == ["synthetic", "second"]
    assert set(mended.schemes["second"]) == set(KAGGLE_15.names) - {"nose_tip"}
    assert mended.scheme.tolist() == [0] * 7 + [1]


def test_rows_of_a_group_are_kept_together_with_all_of_their_people(faces: Samples) -> None:
    """Rows 0 to 3 show one person and rows 4 to 7 another. If row 0 and row 4 are one picture, no
    split may separate any of them."""
    fixes = suggest_fixes(faces, [0, 4], [Change("group", "same")], cause="leak")
    assert len(set(faces.group)) == 2
    assert len(set(apply_fixes(faces, fixes).group)) == 1


# Fixes that do not fit.


def test_a_fix_of_a_label_that_has_changed_is_refused(faces: Samples) -> None:
    fixes = suggest_fixes(faces, [2], [SWAP], cause="left and right swapped")
    moved = faces.points.copy()
    moved[2, 3, 0] += 0.2
    with pytest.raises(DataError, match=r"'left and right swapped' of row 2 .* is another now"):
        apply_fixes(faces.with_points(moved, faces.labelled), fixes)
    shifted = faces.with_points(faces.points + 1, faces.labelled)
    with pytest.raises(DataError, match="run 'facepoints audit' again"):
        apply_fixes(shifted, fixes)
    with pytest.raises(DataError, match="this row is 'synthetic-000003' now"):
        apply_fixes(faces.take([0, 1, 3, 4]), fixes)
    with pytest.raises(DataError, match="only 2 rows"):
        apply_fixes(faces.take([0, 1]), fixes)


def test_a_fix_twice_is_refused_since_its_label_has_changed(faces: Samples) -> None:
    fixes = suggest_fixes(faces, [2], [SWAP], cause="swapped")
    with pytest.raises(DataError, match="is another now"):
        apply_fixes(apply_fixes(faces, fixes), fixes)


@pytest.mark.parametrize(
    "change",
    [
        Change("move", {"ear": (1, 2)}),
        Change("unlabel", ["ear"]),
        Change("reorder", {"ear": "nose_tip", "nose_tip": "ear"}),
    ],
)
def test_a_fix_of_an_unknown_point_is_refused(faces: Samples, change: Change) -> None:
    with pytest.raises(DataError, match=r"row 0 .*no point 'ear' here; known points: left_eye"):
        fixed(faces, 0, change)


def test_a_transform_onto_a_line_is_refused(faces: Samples) -> None:
    with pytest.raises(DataError, match="onto a line"):
        fixed(faces, 0, Change("transform", [[1, 0, 0], [1, 0, 0]]))


# Data sets on disk.


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """COCO keypoints of three photos of 300 x 240 pixels. In the second, left and right are
    swapped; in the third, the label is that of a place 100 pixels further left."""
    folder = tmp_path / "photos"
    folder.mkdir()
    faces = _photos(synthetic.render(3, seed=8, size=96).as_landmarks(KAGGLE_15))
    points = faces.points.copy()
    points[1] = points[1][KAGGLE_15.mirror]
    points[2] -= (100, 0)
    write_coco(faces.with_points(points, faces.labelled), folder / "a.json")
    return folder / "a.json"


def _photos(faces: Samples) -> Samples:
    """Three faces of 96 pixels in larger photos."""
    canvas = np.full((3, 240, 300), 90, np.uint8)
    canvas[:, 70:166, 150:246] = faces.images
    points = faces.points + np.array((150, 70), np.float32)
    group = np.array(["anna", "ben", "ben"])
    return replace(faces, images=canvas, group=group).with_points(points, faces.labelled)


def written(path: Path, fixes: list[Fix]) -> Path:
    write_fixes(path, fixes)
    return path


def read_with_names(paths: Path | list[Path], **more: Any) -> tuple[Samples, Sets]:
    faces, numbers, _ = load_rows(paths, **more)
    listed = paths if isinstance(paths, list) else [paths]
    return faces, (set_names(listed), numbers)


@pytest.mark.parametrize("size", [64, 192])
def test_fixes_are_in_pixels_of_the_photo_and_crops_are_cut_by_mended_labels(
    photos: Path, tmp_path: Path, size: int
) -> None:
    """The fix is made on crops of one size and applied to crops of another."""
    faces, sets = read_with_names(photos, crop_size=size)
    assert faces.frame is not None
    scale = faces.frame[2, 0, 0]
    change = Change("transform", [[1, 0, 100 / scale], [0, 1, 0]])
    fixes = suggest_fixes(faces, [1], [SWAP], cause="swapped", sets=sets)
    fixes += suggest_fixes(faces, [2], [change], cause="shifted", sets=sets)
    np.testing.assert_allclose(fixes[1].values, [[1, 0, 100], [0, 1, 0]], atol=1e-3)
    mended = load_dataset(photos, fixes=written(tmp_path / "f.json", fixes))
    truth = synthetic.render(3, seed=8, size=96).as_landmarks(KAGGLE_15)
    assert mended.frame is not None
    for row in range(3):
        places = affine.apply(mended.frame[row], mended.points[row])
        np.testing.assert_allclose(places, truth.points[row] + (150, 70), atol=1e-2)
    # crops are cut as if the labels had been right from the first
    (tmp_path / "right").mkdir()
    right = load_dataset(write_coco(_photos(truth), tmp_path / "right" / "a.json"))
    np.testing.assert_array_equal(mended.images, right.images)


def test_without_the_file_the_labels_are_as_they_were(photos: Path, tmp_path: Path) -> None:
    before, sets = read_with_names(photos)
    content = photos.read_bytes()
    fixes = suggest_fixes(before, [0, 1], [SWAP], cause="swapped", sets=sets)
    fixes += suggest_fixes(before, [2], [Change("drop")], cause="no face", sets=sets)
    mended = load_dataset(photos, fixes=written(tmp_path / "f.json", fixes))
    assert len(mended) == 2
    after = load_dataset(photos)
    np.testing.assert_array_equal(after.points, before.points)
    np.testing.assert_array_equal(after.images, before.images)
    assert photos.read_bytes() == content


def test_a_photo_without_a_label_that_is_left_is_dropped_and_others_keep_their_rows(
    photos: Path,
) -> None:
    faces, sets = read_with_names(photos)
    every = Change("unlabel", list(KAGGLE_15.names))
    fixes = suggest_fixes(faces, [0], [every], cause="filled", sets=sets)
    fixes += suggest_fixes(faces, [1], [SWAP], cause="swapped", sets=sets)
    mended = load_dataset(photos, fixes=fixes)
    assert list(mended.names) == list(faces.names[1:])
    np.testing.assert_allclose(mended.points[0], faces.points[1][KAGGLE_15.mirror], atol=1e-3)


def test_people_are_left_out_by_the_names_they_had_before(photos: Path, tmp_path: Path) -> None:
    faces, sets = read_with_names(photos)
    fixes = suggest_fixes(faces, [0, 1], [Change("group", "one")], cause="leak", sets=sets)
    (tmp_path / "people.txt").write_text("ben")
    file = written(tmp_path / "f.json", fixes)
    left = load_dataset(photos, fixes=file, exclude_people=tmp_path / "people.txt")
    assert list(left.names) == [faces.names[0]]
    assert len(set(load_dataset(photos, fixes=file).group)) == 1


def test_fixes_of_a_table_and_of_photos_find_their_sets(
    photos: Path, faces: Samples, tmp_path: Path
) -> None:
    table = write_kaggle(faces, tmp_path / "t.csv")
    both, sets = read_with_names([photos, table], crop_size=64)
    assert sets[0] == ["a.json", "t.csv"]
    fixes = suggest_fixes(both, [1, 5], [SWAP], cause="swapped", sets=sets)
    assert [(fix.set, fix.row) for fix in fixes] == [("a.json", 1), ("t.csv", 2)]
    file = written(tmp_path / "f.json", fixes)
    mended = load_dataset([table, photos], fixes=file)  # in another order
    np.testing.assert_allclose(mended.points[2], faces.points[2][KAGGLE_15.mirror], atol=1e-3)
    with pytest.warns(DataWarning, match=r"f\.json: 1 fix for a\.json left out"):
        alone = load_dataset(table, fixes=file)
    np.testing.assert_array_equal(alone.points[:8], mended.points[:8])
    applied = AppliedFixes.of(file, [table])
    assert applied is not None
    assert (applied.file, applied.fixes, applied.rows, applied.actions) == (
        "f.json", 1, 1, {"reorder": 1}
    )  # fmt: skip
    from_memory = AppliedFixes.of(fixes, [table, photos])
    assert from_memory is not None
    assert (from_memory.file, from_memory.rows) == (None, 2)
    assert AppliedFixes.of(fixes[:1], [table, photos]) != from_memory
    assert AppliedFixes.of(None, [table]) is None
    other = write_kaggle(faces, tmp_path / "other.csv")
    with pytest.raises(DataError, match=r"mends a\.json, t\.csv, which is not among the data"):
        load_dataset(other, fixes=file)


def test_data_sets_of_one_name_are_told_apart(faces: Samples, tmp_path: Path) -> None:
    paths = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        paths.append(write_kaggle(faces, tmp_path / name / "t.csv"))
    assert set_names(paths) == ["first/t.csv", "second/t.csv"]
    both, sets = read_with_names(paths)
    fixes = suggest_fixes(both, [9], [SWAP], cause="swapped", sets=sets)
    assert (fixes[0].set, fixes[0].row) == ("second/t.csv", 1)
    mended = load_dataset(paths, fixes=fixes)
    np.testing.assert_allclose(mended.points[9], faces.points[1][KAGGLE_15.mirror], atol=1e-3)
    np.testing.assert_allclose(mended.points[1], faces.points[1], atol=1e-3)
    one, one_set = read_with_names(paths[0])
    alone = suggest_fixes(one, [1], [SWAP], cause="swapped", sets=one_set)
    with pytest.raises(DataError, match=r"'t\.csv' fits several of the data"):
        load_dataset(paths, fixes=alone)


def test_a_stale_fix_of_a_file_that_was_mended_by_hand_is_refused(
    faces: Samples, tmp_path: Path
) -> None:
    table = write_kaggle(faces, tmp_path / "t.csv")
    read, sets = read_with_names(table)
    fixes = suggest_fixes(read, [2], [Change("drop")], cause="no face", sets=sets)
    write_kaggle(faces.with_points(faces.points + 0.5, faces.labelled), table)
    with pytest.raises(DataError, match=r"t\.csv: fix 'no face' of row 2"):
        load_dataset(table, fixes=fixes)


def test_frames_follow_a_resize(photos: Path) -> None:
    faces = load_dataset(photos)
    smaller = resize_samples(faces, 48, 60)
    assert faces.frame is not None
    assert smaller.frame is not None
    for row in range(len(faces)):
        np.testing.assert_allclose(
            affine.apply(smaller.frame[row], smaller.points[row]),
            affine.apply(faces.frame[row], faces.points[row]),
            atol=1e-3,
        )


# Labels without images.


def test_labels_are_read_without_images(photos: Path, tmp_path: Path) -> None:
    with_images = readers.load(photos, size=64)
    for image in (photos.parent / "images").iterdir():
        image.unlink()
    labels = readers.load_labels(photos, size=64)
    np.testing.assert_allclose(labels.points, with_images.points, atol=1e-4)
    assert labels.frame is not None
    assert with_images.frame is not None
    np.testing.assert_allclose(labels.frame, with_images.frame)
    assert not labels.images.any()


def test_a_table_without_pixels_gives_labels(faces: Samples, tmp_path: Path) -> None:
    whole = write_kaggle(faces, tmp_path / "whole.csv")
    lines = [line.rpartition(",")[0] for line in whole.read_text().splitlines()]
    bare = tmp_path / "bare.csv"
    bare.write_text("\n".join(lines) + "\n")
    assert (readers.has_images(whole), readers.has_images(bare)) == (True, False)
    labels = readers.load_labels(bare)
    np.testing.assert_array_equal(labels.points, readers.load(whole).points)
    np.testing.assert_array_equal(labels.labelled, faces.labelled)
    assert labels.images.shape == (8, 96, 96)
    assert len(set(labels.group)) == 8
    with pytest.raises(DataError, match="no column 'Image'"):
        load_dataset(bare)
