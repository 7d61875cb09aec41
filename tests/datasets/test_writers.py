"""Written data sets are the same after they are read, with all holes."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from facepoints.cli.main import main
from facepoints.datasets.readers import load, read
from facepoints.datasets.samples import Photos, Samples
from facepoints.datasets.writers import WRITERS, write_coco, write_kaggle, write_pts
from facepoints.errors import DataError, DataWarning, SettingsError, WriteError
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15
from facepoints.landmarks.landmark_set import LandmarkSet

SIDE = 6


def make(labelled: np.ndarray, landmarks: LandmarkSet = KAGGLE_15, seed: int = 0) -> Samples:
    random = np.random.default_rng(seed)
    n, k = labelled.shape
    # labels that all lie between -1.25 and 1.25 are refused: they are taken for fractions
    points = random.uniform(1.5, SIDE - 1, (n, k, 2)).astype(np.float32)
    points[~labelled] = 0
    return Samples(
        images=random.integers(0, 256, (n, SIDE, SIDE), dtype=np.uint8),
        points=points,
        labelled=labelled,
        landmarks=landmarks,
        group=np.array([f"person-{row // 2}" for row in range(n)]),
        names=np.array([f"row-{row + 1}" for row in range(n)]),
        scheme=np.array([row % 2 for row in range(n)], dtype=np.int16),
        schemes={"wide": landmarks.names, "narrow": landmarks.names[:4]},
    )


masks = hnp.arrays(bool, st.tuples(st.integers(1, 5), st.just(15)))


@settings(deadline=None, max_examples=40)
@given(masks, st.integers(0, 99), st.sampled_from(["t.csv", "t.zip", "t.csv.zip"]))
def test_a_kaggle_table_survives_a_round_trip(labelled: np.ndarray, seed: int, name: str) -> None:
    samples = make(labelled, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        back = read(write_kaggle(samples, Path(folder) / name))
        assert isinstance(back, Samples)
        np.testing.assert_array_equal(back.images, samples.images)
        np.testing.assert_array_equal(back.labelled, samples.labelled)
        np.testing.assert_array_equal(back.points, samples.points)
        assert back.landmarks.names == KAGGLE_15.names
        if labelled.any():
            assert back.names.tolist() == samples.names.tolist()


def test_a_test_table_keeps_image_ids(tmp_path: Path) -> None:
    samples = make(np.zeros((2, 15), dtype=bool))
    numbered = Samples(**{**vars(samples), "names": np.array(["7", "30"])})
    path = write_kaggle(numbered, tmp_path)
    assert path == tmp_path / "test.csv"
    back = read(path)
    assert back.names.tolist() == ["7", "30"]
    assert read(write_kaggle(samples, tmp_path / "x.csv")).names.tolist() == ["1", "2"]


def test_the_header_is_that_of_the_competition(tmp_path: Path) -> None:
    path = write_kaggle(make(np.ones((2, 15), dtype=bool)), tmp_path)
    header = path.read_text().split("\n", 1)[0].split(",")
    assert path.name == "training.csv"
    assert header[:2] == ["left_eye_center_x", "left_eye_center_y"]
    assert header[-3:] == ["mouth_center_bottom_lip_x", "mouth_center_bottom_lip_y", "Image"]


@settings(deadline=None, max_examples=25)
@given(masks, st.integers(0, 99))
def test_coco_survives_a_round_trip(labelled: np.ndarray, seed: int) -> None:
    labelled[:, 0] = True  # the reader leaves out faces without a point
    samples = make(labelled, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        back = read(write_coco(samples, Path(folder)))
        assert isinstance(back, Photos)
        check_photos(back, samples)
        assert back.landmarks == samples.landmarks
        assert back.names.tolist() == samples.names.tolist()
        assert back.group.tolist() == samples.group.tolist()
        assert back.scheme.tolist() == samples.scheme.tolist()
        assert back.schemes == samples.schemes


def check_photos(back: Photos, samples: Samples) -> None:
    np.testing.assert_array_equal(list(back.read_images()), samples.images)
    np.testing.assert_array_equal(back.labelled, samples.labelled)
    np.testing.assert_allclose(back.points, samples.points, rtol=1e-6, atol=1e-6)


def test_coco_has_the_fields_of_the_format(tmp_path: Path) -> None:
    labelled = np.ones((2, 15), dtype=bool)
    labelled[1, 3:] = False
    samples = make(labelled)
    content = json.loads(write_coco(samples, tmp_path / "sub" / "faces.json").read_text())
    one = content["annotations"][1]
    known = samples.points[1, :3]
    assert one["num_keypoints"] == 3
    assert one["keypoints"][9:12] == [0, 0, 0]
    np.testing.assert_allclose(one["bbox"], [*known.min(0), *np.ptp(known, axis=0)], rtol=1e-6)
    assert one["area"] == pytest.approx(one["bbox"][2] * one["bbox"][3])
    image = content["images"][1]
    assert (image["width"], image["height"]) == (SIDE, SIDE)
    assert (tmp_path / "sub" / "images" / image["file_name"]).is_file()
    assert content["categories"][0]["keypoints"] == list(KAGGLE_15.names)


@settings(deadline=None, max_examples=15)
@given(hnp.arrays(bool, st.tuples(st.integers(1, 3), st.sampled_from([5, 68]))), st.integers(0, 99))
def test_pts_survive_a_round_trip(labelled: np.ndarray, seed: int) -> None:
    wide = labelled.shape[1] == 68
    landmarks = IBUG_68 if wide else KAGGLE_15.subset(KAGGLE_15.names[:5])
    samples = make(labelled, landmarks, seed)
    with tempfile.TemporaryDirectory() as folder:
        back = read(write_pts(samples, Path(folder)))
        assert isinstance(back, Photos)
        check_photos(back, samples)
        assert back.landmarks == IBUG_68 if wide else back.landmarks.names == tuple("01234")


def test_shuffled_ibug_points_are_written_in_the_order_of_pts(tmp_path: Path) -> None:
    samples = make(np.ones((1, 68), dtype=bool), IBUG_68.subset(IBUG_68.names[::-1]))
    back = read(write_pts(samples, tmp_path))
    np.testing.assert_allclose(back.points[0], samples.points[0, ::-1], rtol=1e-6)


def test_pts_are_one_based(tmp_path: Path) -> None:
    samples = make(np.ones((1, 5), dtype=bool), KAGGLE_15.subset(KAGGLE_15.names[:5]))
    write_pts(samples, tmp_path)
    first = (tmp_path / "000001.pts").read_text().split("{\n")[1].split()[0]
    assert float(first) == pytest.approx(float(samples.points[0, 0, 0]) + 1)
    image = cv2.imread(str(tmp_path / "000001.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(image, samples.images[0])


@pytest.mark.parametrize(("name", "out"), [("coco", "o.json"), ("kaggle", "o.csv"), ("pts", "o")])
def test_a_path_that_cannot_be_written_raises_an_error(name: str, out: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WriteError, match="could not"):
        WRITERS[name](make(np.ones((1, 15), dtype=bool)), tmp_path / "file" / out)
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_images_that_are_not_square_raise_an_error(tmp_path: Path) -> None:
    samples = make(np.ones((1, 15), dtype=bool))
    wide = Samples(**{**vars(samples), "images": np.zeros((1, 4, 6), np.uint8)})
    with pytest.raises(DataError, match="square"):
        write_kaggle(wide, tmp_path / "x.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["coco", "pts"])
def test_a_folder_with_files_raises_an_error(name: str, tmp_path: Path) -> None:
    samples = make(np.ones((2, 15), dtype=bool))
    WRITERS[name](samples, tmp_path / "out")
    before = sorted((tmp_path / "out").rglob("*"))
    with pytest.raises(WriteError, match="not empty"):
        WRITERS[name](samples.take([0]), tmp_path / "out")
    assert sorted((tmp_path / "out").rglob("*")) == before


def test_a_second_coco_file_does_not_replace_the_images_of_the_first(tmp_path: Path) -> None:
    write_coco(make(np.ones((1, 15), dtype=bool)), tmp_path / "a.json")
    with pytest.raises(WriteError, match="not empty"):
        write_coco(make(np.ones((1, 15), dtype=bool), seed=1), tmp_path / "b.json")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.json", "images"]


@pytest.mark.parametrize("name", ["coco", "pts"])
def test_a_folder_named_like_a_table_raises_an_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="`to=kaggle`"):
        WRITERS[name](make(np.ones((1, 15), dtype=bool)), tmp_path / "faces.csv")


def test_a_folder_with_one_coco_file_is_read(tmp_path: Path) -> None:
    samples = make(np.ones((2, 15), dtype=bool))
    write_coco(samples, tmp_path)
    assert read(tmp_path).names.tolist() == samples.names.tolist()
    (tmp_path / "more.xml").write_text("<dataset/>")
    with pytest.raises(DataError, match="name the one to read"):
        read(tmp_path)


def test_faces_without_a_label_are_left_out_of_crops(tmp_path: Path) -> None:
    labelled = np.ones((3, 15), dtype=bool)
    labelled[1] = False
    write_pts(make(labelled), tmp_path)
    with pytest.warns(
        DataWarning, match=r"without a labeled point were left out: 1 \(000002.png\)"
    ):
        faces = load(tmp_path, size=24)
    assert faces.names.tolist() == ["000001.png", "000003.png"]
    assert faces.labelled.all()
    (tmp_path / "000001.pts").unlink()
    (tmp_path / "000003.pts").unlink()
    with pytest.raises(DataError, match="no face has a labeled point"):
        load(tmp_path, size=24)
    with pytest.raises(SettingsError, match="size"):
        load(tmp_path, size=0)


def test_names_in_a_kaggle_table_are_no_formulas(tmp_path: Path) -> None:
    names = ("=1+1", "@nose", "'-chin", "left")
    samples = make(np.ones((2, 4), dtype=bool), LandmarkSet(names, mirrorable=False))
    path = write_kaggle(samples, tmp_path / "t.csv")
    header = path.read_text().splitlines()[0].split(",")
    assert header[::2] == ["'=1+1_x", "'@nose_x", "''-chin_x", "left_x", "Image"]
    assert read(path).landmarks.names == names
    kept = tmp_path / "kept.csv"
    write_coco(samples, tmp_path / "coco")
    main(
        ["convert", str(tmp_path / "coco"), "--to", "kaggle", "--out", str(kept), "--keep-formulas"]
    )
    assert kept.read_text().startswith("=1+1_x,=1+1_y,@nose_x")
