"""Label files of each format, read back by the readers of data sets."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import facepoints
from facepoints.datasets import readers
from facepoints.datasets.picture_labels import FaceLabels, PictureLabels
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError, SettingsError
from facepoints.imaging.image_io import read_image
from facepoints.labeling.label_files import (
    LABEL_FORMATS,
    Labels,
    format_of,
    journal_path,
    write_labels,
)
from facepoints.landmarks.known_sets import KAGGLE_15
from facepoints.landmarks.landmark_set import LandmarkSet

SIZE = (240, 200)
NAMES = ("a dir/ä & <b>.png", "second.jpg")


@pytest.fixture
def labels(tmp_path: Path) -> Labels:
    """Two faces in a picture and one in another, with a hidden point and one that is absent."""
    random = np.random.default_rng(0)
    pictures = []
    for name, count in zip(NAMES, (2, 1), strict=True):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        image = random.integers(0, 255, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
        data = cv2.imencode(Path(name).suffix, image)[1]
        (tmp_path / name).write_bytes(data.tobytes())
        faces = []
        for number in range(count):
            points = random.uniform(20, 80, (15, 2)).round(3) + 60 * number
            labelled, hidden = np.ones(15, dtype=bool), np.zeros(15, dtype=bool)
            hidden[3], labelled[5] = True, number == 1
            faces.append(FaceLabels(points, labelled, hidden, {"annotator": "anna"}))
        pictures.append(PictureLabels(name, SIZE, faces))
    return Labels(pictures, KAGGLE_15, tmp_path, {NAMES[0]: 2, NAMES[1]: 1})


def written(labels: Labels, to: str) -> Path:
    out = labels.folder / f"labels{LABEL_FORMATS[to].suffix}"
    write_labels(labels, out, to)
    return out


@pytest.mark.parametrize("to", ["coco", "cvat", "label-studio"])
def test_labels_of_whole_pictures_survive(to: str, labels: Labels) -> None:
    photos = readers.read(written(labels, to))
    assert isinstance(photos, Photos)
    assert len(photos) == 3
    faces = {name: face for p in labels.pictures for name, face in zip(
        (p.file, f"{p.file}#2"), p.faces, strict=False)}  # fmt: skip
    columns = photos.landmarks.columns(KAGGLE_15.names)
    for row, name in enumerate(photos.names):
        face = faces[str(name)]
        assert photos.labelled[row, columns].tolist() == face.labelled.tolist()
        known = face.labelled
        places = photos.points[row, columns][known]
        np.testing.assert_allclose(places, face.points[known], atol=1e-3)
        if to != "label-studio":
            assert photos.visibility is not None
            seen = photos.visibility[row, columns][known]
            assert (seen == 0).tolist() == face.hidden[known].tolist()
    images = list(photos.read_images())
    assert all(image.shape == SIZE[::-1] for image in images)


def test_coco_keeps_who_labeled_and_is_valid_json_of_one_line(labels: Labels) -> None:
    out = written(labels, "coco")
    content = json.loads(out.read_text())
    assert {a["facepoints"]["annotator"] for a in content["annotations"]} == {"anna"}
    assert content["categories"][0]["keypoints"] == list(KAGGLE_15.names)


def test_a_folder_of_pts_files_has_the_pictures(labels: Labels) -> None:
    out = written(labels, "pts")
    photos = readers.read(out)
    assert isinstance(photos, Photos)
    assert len(photos) == 3
    first = photos.names.tolist().index(NAMES[0])
    face = labels.pictures[0].faces[0]
    np.testing.assert_allclose(
        photos.points[first][face.labelled], face.points[face.labelled], atol=1e-3
    )
    assert not photos.labelled[first, 5]
    # the second face is no longer finished
    picture = labels.pictures[0]
    fewer = PictureLabels(picture.file, picture.size, picture.faces[:1])
    (out / "mine.pts").write_text("version: 1\nn_points: 1\n{\n1 1\n}\n")
    write_labels(labels._replace(pictures=[fewer]), out, "pts")
    left = sorted(f.relative_to(out).as_posix() for f in out.rglob("*.pts"))
    assert left == [NAMES[0].replace(".png", ".pts"), "mine.pts"]


def test_pictures_whose_names_differ_little_share_no_pts_file(tmp_path: Path) -> None:
    """By suffix, by case, by folders above the labels, and as a second face of another."""
    (tmp_path / "work").mkdir()
    (tmp_path / "a").mkdir()
    files = ("work/x.png", "work/x.jpg", "work/X.bmp", "work/x.2.png", "a/y.png", "work/a/y.png")
    (tmp_path / "work/a").mkdir()
    pictures = []
    for number, file in enumerate(files):
        image = np.full((SIZE[1], SIZE[0], 3), 40 * number + 20, np.uint8)
        cv2.imwrite(str(tmp_path / file), image)
        own = file.removeprefix("work/") if file.startswith("work/") else f"../{file}"
        points = np.full((15, 2), 10.0 * number) + np.arange(15.0)[:, None]
        face = FaceLabels(points, np.ones(15, bool), np.zeros(15, bool))
        count = 2 if file == "work/x.png" else 1
        pictures.append(PictureLabels(own, SIZE, [face] * count))
    known = {picture.file: len(picture.faces) for picture in pictures}
    labels = Labels(pictures[:1], KAGGLE_15, tmp_path / "work", {pictures[0].file: 2})
    out = tmp_path / "work/labels"
    write_labels(labels, out, "pts")
    assert sorted(file.name for file in out.rglob("*.pts")) == ["x.2.pts", "x.pts"]
    # more pictures come in; the files that are not clear any more are not left behind
    write_labels(labels._replace(pictures=pictures, known=known), out, "pts")
    read = facepoints.load_dataset(out)
    photos = readers.read(out)
    assert isinstance(photos, Photos)
    assert photos.files is not None
    assert len(read) == len(photos) == 7
    for file, points in zip(photos.files, photos.points, strict=True):
        number = round((int(read_image(file)[0, 0, 0]) - 20) / 40)
        assert points[0, 0] == pytest.approx(10 * number, abs=1e-3)


def test_a_kaggle_table_has_crops(labels: Labels) -> None:
    samples = readers.read(written(labels, "kaggle"))
    assert len(samples) == 3
    assert samples.landmarks.names == KAGGLE_15.names
    assert sorted(samples.labelled.sum(axis=1).tolist()) == [14, 14, 15]
    for picture in labels.pictures:
        for face in picture.faces:
            face.labelled[1:] = False
    with pytest.raises(DataError, match=r"labels\.csv cannot be written: the labels of each face"):
        written(labels, "kaggle")


@pytest.mark.parametrize("to", LABEL_FORMATS)
def test_labels_that_are_taken_back_leave_the_file(to: str, labels: Labels) -> None:
    """In each format, also when no face is left."""
    out = written(labels, to)
    before = [file for file in [out, *out.rglob("*.pts")] if file.is_file()]
    assert before
    write_labels(labels._replace(pictures=[]), out, to)
    for file in before:
        if file.exists():
            assert file.stat().st_size < 2000
            assert NAMES[1] not in file.read_text()


@pytest.mark.parametrize("to", list(LABEL_FORMATS))
def test_any_names_of_points_survive(to: str, labels: Labels) -> None:
    names = ("left <dot> & co", "right 'dot'", 'it "is"')
    points = np.array([[50.0, 60], [90, 60], [70, 90]])
    every, none = np.ones(3, dtype=bool), np.zeros(3, dtype=bool)
    picture = PictureLabels(NAMES[1], SIZE, [FaceLabels(points, every, none)])
    own = Labels([picture], LandmarkSet.of_names(names), labels.folder, {})
    samples = facepoints.load_dataset(written(own, to))
    wanted = {"0", "1", "2"} if to == "pts" else set(names)
    assert set(samples.landmarks.names) == wanted
    assert samples.labelled.all()


@pytest.mark.parametrize(
    ("out", "name", "chosen"),
    [
        ("a.json", None, "coco"), ("a.JSON", None, "coco"), ("a.xml", None, "cvat"),
        ("a.csv", None, "kaggle"), ("a", None, "pts"), ("a.json", "label-studio", "label-studio"),
    ],
)  # fmt: skip
def test_the_suffix_chooses_the_format(out: str, name: str | None, chosen: str) -> None:
    assert format_of(Path(out), name) == chosen


@pytest.mark.parametrize(("out", "name"), [("a.txt", None), ("a.json", "cvat"), ("a.pts", "pts")])
def test_a_suffix_of_another_format_is_refused(out: str, name: str | None) -> None:
    with pytest.raises(SettingsError, match="got a"):
        format_of(Path(out), name)


def test_the_journal_lies_beside_the_labels() -> None:
    assert journal_path(Path("x/labels.json")) == Path("x/labels.journal.jsonl")
    assert journal_path(Path("x/labels.v2")) == Path("x/labels.v2.journal.jsonl")
