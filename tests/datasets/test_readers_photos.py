"""YouTube Faces, .pts, COCO and imglab: faces in images of any size."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from facepoints.datasets.readers import load, read
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError
from facepoints.landmarks.known_sets import IBUG_68, NUMBERED_SETS
from facepoints.landmarks.landmark_set import LandmarkSet

# what is left out is tested in test_label_notes.py
pytestmark = pytest.mark.filterwarnings("ignore::facepoints.errors.DataWarning")

RANDOM = np.random.default_rng(3)


def write_image(path: Path, height: int = 40, width: int = 50) -> np.ndarray:
    image = RANDOM.integers(0, 256, (height, width), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)
    return image


def photos(path: Path, **options: Any) -> Photos:
    data = read(path, **options)
    assert isinstance(data, Photos)
    return data


def rejects(path: Path, *parts: str, **options: Any) -> None:
    """The path raises a DataError of one line that contains the parts."""
    with pytest.raises(DataError) as caught:
        load(path, **options)
    text = str(caught.value)
    assert "\n" not in text
    for part in parts:
        assert part in text


# YouTube Faces as table and frames


def frames(folder: Path, split: str = "training", rows: int = 3) -> Path:
    """A table with frames of Ann_Lee, named <split>_frames_keypoints.csv."""
    lines = [",".join(["", *map(str, range(136))])]
    for row in range(rows):
        name = f"Ann_Lee_{row}{row}.png"
        write_image(folder / split / name)
        lines.append(",".join([name, *(f"{v + row}.0" for v in np.arange(136) % 40)]))
    path = folder / f"{split}_frames_keypoints.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_table_of_frames_gives_points_people_and_the_split(tmp_path: Path) -> None:
    table = frames(tmp_path)
    frames(tmp_path, "test", rows=2)
    for path in (tmp_path, table):
        data = photos(path)
        assert data.landmarks == IBUG_68
        assert data.names.tolist() == ["Ann_Lee_00.png", "Ann_Lee_11.png", "Ann_Lee_22.png"]
        assert set(data.group) == {"Ann_Lee"}
        np.testing.assert_array_equal(data.points[1, :2], [[1, 2], [3, 4]])
        assert data.labelled.all()
    assert len(photos(tmp_path, split="test")) == 2
    assert load(tmp_path, size=32).images.shape == (3, 32, 32)


def test_a_blank_coordinate_is_an_unlabelled_point(tmp_path: Path) -> None:
    table = frames(tmp_path)
    table.write_text(table.read_text().replace("Ann_Lee_00.png,0.0,", "Ann_Lee_00.png,,"))
    labelled = photos(table).labelled
    assert not labelled[0, 0]
    assert labelled.sum() == labelled.size - 1


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("Ann_Lee_11.png,1.0", "Ann_Lee_11.png,x", ("row 2", "line 3", "column 0", "'x'")),
        ("Ann_Lee_11.png,1.0", "Ann_Lee_11.png,9e9", ("row 2", "outside of any image")),
        ("Ann_Lee_11.png,1.0", "Ann_Lee_11.png", ("row 2", "expected 137 columns, found 136")),
        ("Ann_Lee_11.png", "", ("row 2", "blank")),
        ("Ann_Lee_11.png", "Bob_00.png", ("no image at", "Bob_00.png")),
        (",134,135\n", ",134\n", ("in pairs",)),
    ],
)
def test_a_bad_table_of_frames_raises_an_error_with_row_and_reason(
    tmp_path: Path, old: str, new: str, parts: tuple[str, ...]
) -> None:
    table = frames(tmp_path)
    table.write_text(table.read_text().replace(old, new, 1))
    rejects(table, *parts)


def test_a_missing_split_raises_an_error_that_lists_the_tables(tmp_path: Path) -> None:
    frames(tmp_path)
    rejects(tmp_path, "test_frames_keypoints.csv", "training_frames_keypoints.csv", split="test")


def test_an_unreadable_image_raises_an_error(tmp_path: Path) -> None:
    table = frames(tmp_path)
    (tmp_path / "training" / "Ann_Lee_11.png").write_bytes(b"not an image")
    rejects(table, "could not read image", "Ann_Lee_11.png")
    (tmp_path / "training" / "Ann_Lee_11.png").write_bytes(b"")
    rejects(table, "could not read image", "Ann_Lee_11.png")


# YouTube Faces as npz


def video(path: Path, count: int = 7, **changes: Any) -> dict[str, np.ndarray]:
    arrays: dict[str, Any] = {
        "colorImages": RANDOM.integers(0, 256, (30, 40, 3, count), dtype=np.uint8),
        "landmarks2D": RANDOM.uniform(5, 25, (68, 2, count)),
        "landmarks3D": RANDOM.uniform(5, 25, (68, 3, count)),
        "boundingBox": RANDOM.uniform(0, 30, (4, 2, count)),
    }
    arrays |= changes
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **{k: v for k, v in arrays.items() if v is not None})
    return arrays


def test_videos_give_every_nth_frame_as_a_gray_image(tmp_path: Path) -> None:
    first = video(tmp_path / "part_1" / "Ann_Lee_0.npz")
    video(tmp_path / "part_2" / "Bob_Ray_3.npz", count=2)
    data = photos(tmp_path, every=3)
    assert data.names.tolist() == ["Ann_Lee_0/0", "Ann_Lee_0/3", "Ann_Lee_0/6", "Bob_Ray_3/0"]
    assert data.group.tolist() == ["Ann_Lee"] * 3 + ["Bob_Ray"]
    np.testing.assert_allclose(data.points[1], first["landmarks2D"][:, :, 3], rtol=1e-6)
    images = list(data.read_images())
    assert [image.shape for image in images] == [(30, 40)] * 4
    rgb = first["colorImages"][..., 3].astype(float)
    np.testing.assert_allclose(images[1], rgb @ [0.299, 0.587, 0.114], atol=1)
    assert len(load(tmp_path / "part_1" / "Ann_Lee_0.npz", every=1)) == 7


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"landmarks2D": None}, ("no array 'landmarks2D'",)),
        ({"colorImages": None}, ("no array 'colorImages'",)),
        ({"landmarks2D": np.zeros((5, 2, 7))}, ("should be numbers (68, 2, T)",)),
        ({"landmarks2D": np.zeros((68, 2, 6))}, ("7 frames in colorImages, 6 in",)),
        ({"landmarks2D": np.full((68, 2, 7), np.inf)}, ("frame 0", "not positions")),
        ({"colorImages": np.zeros((9, 9, 3, 7))}, ("should be uint8 (H, W, 3, T)",)),
        ({"colorImages": np.zeros((9, 9, 7), np.uint8)}, ("should be uint8 (H, W, 3, T)",)),
        ({"landmarks2D": np.array([{}])}, ("landmarks2D is damaged",)),
    ],
)
def test_a_video_with_bad_arrays_raises_an_error(
    tmp_path: Path, changes: dict[str, Any], parts: tuple[str, ...]
) -> None:
    video(tmp_path / "Ann_0.npz", **changes)
    rejects(tmp_path, "Ann_0.npz", *parts)


def test_a_truncated_video_and_every_0_raise_an_error(tmp_path: Path) -> None:
    path = tmp_path / "Ann_0.npz"
    video(path)
    rejects(path, "every must be 1 or more", every=0)
    path.write_bytes(path.read_bytes()[:5000])
    rejects(path, "Ann_0.npz", "damaged")
    rejects(tmp_path, "Ann_0.npz", "damaged")


# .pts


def pts(path: Path, points: np.ndarray, header: str = "version: 1\nn_points: {}\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    body = "\n".join(f"{x} {y}" for x, y in points)
    path.write_text(header.format(len(points)) + "{\n" + body + "\n}\n")


def test_pts_are_one_based_and_read_from_subfolders(tmp_path: Path) -> None:
    points = RANDOM.uniform(5, 35, (68, 2))
    write_image(tmp_path / "a" / "one.png")
    write_image(tmp_path / "b" / "two.WEBP")
    pts(tmp_path / "a" / "one.pts", points)
    points[3] = np.nan
    pts(tmp_path / "b" / "two.pts", points)
    write_image(tmp_path / "unlabelled.jpg")
    data = photos(tmp_path)
    assert data.names.tolist() == ["a/one.png", "b/two.WEBP"]
    assert data.group.tolist() == ["one", "two"]
    assert data.landmarks == IBUG_68
    assert data.schemes == {"ibug": IBUG_68.names}
    np.testing.assert_allclose(data.points[0, 5], points[5] - 1, rtol=1e-6)
    assert np.argwhere(~data.labelled).tolist() == [[1, 3]]
    assert len(photos(tmp_path / "a" / "one.pts")) == 1


def test_pts_of_an_unknown_count_cannot_be_mirrored(tmp_path: Path) -> None:
    write_image(tmp_path / "one.jpg")
    pts(tmp_path / "one.pts", RANDOM.uniform(5, 35, (5, 2)), header="")
    data = photos(tmp_path)
    assert data.landmarks.names == ("0", "1", "2", "3", "4")
    assert not data.landmarks.mirrorable


def test_a_numbered_set_added_to_the_known_sets_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    three = LandmarkSet(("left_eye", "right_eye", "nose"))
    monkeypatch.setitem(NUMBERED_SETS, "three", three)
    write_image(tmp_path / "one.jpg")
    pts(tmp_path / "one.pts", RANDOM.uniform(5, 35, (3, 2)))
    data = photos(tmp_path)
    assert data.landmarks == three
    assert data.schemes == {"three": three.names}
    parts = "".join(f"<part name='{i}' x='{i}' y='2'/>" for i in range(3))
    assert photos(imglab(tmp_path, box(parts))).landmarks == three


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("version: 1\nn_points: 3\n{\n1 2\n3 4\n}\n", ("expected 3 points, found 4 coord",)),
        ("version: 1\nn_points: 1\n{\n1 two\n}\n", ("expected numbers",)),
        ("version: 1\nn_points: 1\n{\n1 2\n", ("points between braces",)),
        ("version: 1\nn_points: 1\n{\n1 inf\n}\n", ("point 1", "outside of any image")),
        ("{}", ("expected 0 points",)),
        ("", ("points between braces",)),
        (b"\xff\xfe\x80n_points", ("not text",)),
    ],
)
def test_a_bad_pts_raises_an_error(
    tmp_path: Path, content: str | bytes, parts: tuple[str, ...]
) -> None:
    write_image(tmp_path / "one.jpg")
    data = content.encode() if isinstance(content, str) else content
    (tmp_path / "one.pts").write_bytes(data)
    rejects(tmp_path, "one.pts", *parts)


def test_pts_without_an_image_or_with_another_count_raise_an_error(tmp_path: Path) -> None:
    pts(tmp_path / "a.pts", np.ones((5, 2)))
    rejects(tmp_path, "no image beside", "a.pts")
    write_image(tmp_path / "a.png")
    write_image(tmp_path / "b.png")
    pts(tmp_path / "b.pts", np.ones((6, 2)))
    rejects(tmp_path, "b.pts has 6 points, a.pts has 5")


def test_a_folder_without_labels_raises_an_error(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    rejects(tmp_path, "no file in the folder", "COCO")


def test_all_photos_of_a_real_folder_are_read(shared: Path) -> None:
    folder = shared / "lfpw" / "train"
    data = photos(folder)
    assert sorted(data.group) == sorted(file.stem for file in folder.glob("*.pts"))
    assert data.landmarks == IBUG_68
    assert data.labelled.all()


# COCO


def coco(folder: Path, **changes: Any) -> Path:
    """Two images with three faces of a left eye, a right eye and a nose."""
    write_image(folder / "images" / "b.png")
    write_image(folder / "a.png")
    content: dict[str, Any] = {
        "images": [{"id": 7, "file_name": "b.png"}, {"id": 9, "file_name": "a.png"}],
        "categories": [
            {"id": 2, "name": "car"},
            {
                "id": 1,
                "name": "face",
                "keypoints": ["left_eye", "right_eye", "nose"],
                "skeleton": [[1, 2], [2, 3]],
            },
        ],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 1, "keypoints": [9, 8, 2, 4, 8, 1, 0, 0, 0]},
            {"id": 2, "image_id": 9, "category_id": 1, "keypoints": [5, 4, 2, 1.5, 4, 2, 3, 9, 2]},
            {"id": 3, "image_id": 7, "category_id": 1, "keypoints": [30, 9, 2, 2, 4, 0, 3, 9, 2]},
            {"id": 4, "image_id": 7, "category_id": 1, "keypoints": [0] * 9},
            {"id": 5, "image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 4]},
        ],
    }
    path = folder / "labels.json"
    path.write_text(json.dumps(content | changes))
    return path


def test_coco_gives_a_row_per_annotation_with_points(tmp_path: Path) -> None:
    data = photos(coco(tmp_path))
    assert data.names.tolist() == ["a.png", "b.png", "b.png#2"]
    assert data.group.tolist() == ["a.png", "b.png", "b.png"]
    assert data.landmarks.names == ("left_eye", "right_eye", "nose")
    assert data.landmarks.edges == (("left_eye", "right_eye"), ("right_eye", "nose"))
    assert data.landmarks.mirrorable
    np.testing.assert_array_equal(
        data.labelled, [[True, True, True], [True, True, False], [True, False, True]]
    )
    np.testing.assert_array_equal(data.points[0], [[5, 4], [1.5, 4], [3, 9]])
    assert data.schemes == {"coco": data.landmarks.names}
    assert len(list(data.read_images())) == 3


def annotation(keypoints: Any, **more: Any) -> dict[str, Any]:
    one = {"id": 4, "image_id": 7, "category_id": 1, "keypoints": keypoints}
    return {"annotations": [one | more]}


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        (annotation([1, 2, 2]), ("annotation 4", "3 numbers, expected 9")),
        (annotation([1, 2, 5] * 3), ("annotation 4", "visibility 5")),
        (annotation([1, "x", 2] * 3), ("annotation 4", "not numbers")),
        (
            annotation([1, float("nan"), 2] * 3),
            ("annotation 4", "left_eye", "nan", "its visibility to 0"),
        ),
        (annotation([1, 1e12, 2] * 3), ("annotation 4", "left_eye")),
        (annotation([1, 2, 2] * 3, image_id=5), ("annotation 4", "image 5")),
        (annotation([0] * 9), ("no annotation with a labeled keypoint",)),
        ({"annotations": [{"category_id": 1}]}, ("'image_id'",)),
        ({"annotations": 3}, ("not COCO keypoints JSON",)),
        ({"categories": [{"id": 3, "name": "face"}]}, ("no category with keypoints",)),
        ({"images": [{"id": 7}]}, ("'file_name'",)),
        (
            {"images": [{"id": 7, "file_name": "no.png"}, {"id": 9, "file_name": "a.png"}]},
            ("no image at", "no.png"),
        ),
        (
            {"categories": [{"id": 1, "keypoints": ["a", "b", "c"], "skeleton": [[1, 4]]}]},
            ("skeleton joins 1 and 4",),
        ),
    ],
)
def test_bad_coco_raises_an_error(
    tmp_path: Path, changes: dict[str, Any], parts: tuple[str, ...]
) -> None:
    rejects(coco(tmp_path, **changes), *parts)


def test_json_without_keypoints_raises_an_error(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    path.write_text('{"a": 1}')
    rejects(path, "no 'images'")
    path.write_text('{"a": 1')
    rejects(path, "should hold JSON")


def test_68_consecutive_numbers_in_coco_are_the_ibug_set(tmp_path: Path) -> None:
    category = {"id": 1, "name": "face", "keypoints": [str(i) for i in range(1, 69)]}
    changes = annotation([5, 6, 2] * 68) | {"categories": [category]}
    assert photos(coco(tmp_path, **changes)).landmarks == IBUG_68


# imglab


def imglab(folder: Path, boxes: str, before: str = "") -> Path:
    write_image(folder / "pics" / "one & two.png")
    path = folder / "labels.xml"
    path.write_text(
        f"<?xml version='1.0' encoding='ISO-8859-1'?>\n{before}<dataset><name>faces</name><images>"
        f"<image file='pics/one &amp; two.png'>{boxes}</image></images></dataset>"
    )
    return path


def box(parts: str, attributes: str = "") -> str:
    return f"<box top='1' left='2' width='9' height='9'{attributes}>{parts}</box>"


def test_missing_parts_of_imglab_are_unlabelled(tmp_path: Path) -> None:
    full = "<part name='10' x='9' y='8'/><part name='2' x='3' y='4'/><part name='1' x='5' y='6'/>"
    some = "<part name='2' x='7' y='7'/>"
    path = imglab(tmp_path, box(full) + box("") + box(full, " ignore='1'") + box(some))
    data = photos(path)
    assert data.landmarks.names == ("1", "2", "10")
    np.testing.assert_array_equal(data.points[0], [[5, 6], [3, 4], [9, 8]])
    np.testing.assert_array_equal(data.labelled, [[True] * 3, [False, True, False]])
    assert data.names.tolist() == ["pics/one & two.png", "pics/one & two.png#2"]
    assert len(set(data.group)) == 1
    assert load(path).images.shape == (2, 96, 96)


def test_faces_with_a_single_label_are_cut_by_their_boxes(tmp_path: Path) -> None:
    path = imglab(tmp_path, box("<part name='nose' x='7' y='5'/>"))
    (face,) = load(path, size=28, margin=0.4).take([0]).points
    np.testing.assert_allclose(face, [[14.5, 12.2]], atol=0.2)  # 28 pixels show 1.4 x 9
    nose = {"categories": [{"id": 1, "keypoints": ["nose"]}]}
    path = coco(tmp_path, **nose, **annotation([7, 5, 2], bbox=[2, 1, 9, 9]))
    np.testing.assert_allclose(load(path, size=28, margin=0.4).points[0], face, atol=1e-4)
    path = coco(tmp_path, **nose, **annotation([7, 5, 2], bbox=[7, 5, 0, 0]))
    rejects(path, "labels.json", "label two points or more")


def test_68_consecutive_numbers_in_imglab_are_the_ibug_set(tmp_path: Path) -> None:
    parts = "".join(f"<part name='{i:02}' x='{i}' y='{i % 9}'/>" for i in range(68))
    assert photos(imglab(tmp_path, box(parts))).landmarks == IBUG_68


BOMB = '<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("boxes", "before", "parts"),
    [
        (box(""), "", ("no box with parts",)),
        (box("<part name='1' x='a' y='2'/>"), "", ("line 2", "needs numbers")),
        (box("<part name='1' x='1'/>"), "", ("needs numbers",)),
        (box("<part name='1' x='1' y='inf'/>"), "", ("outside of any image",)),
        (box("<part name='1' x='1' y='1'/>" * 2), "", ("repeated",)),
        ("</image><image>", "", ("without file",)),
        ("<box>", "", ("damaged XML",)),
        (box("<part name='1' x='1' y='1'/>"), BOMB, ("document type",)),
    ],
)
def test_bad_imglab_raises_an_error(
    tmp_path: Path, boxes: str, before: str, parts: tuple[str, ...]
) -> None:
    rejects(imglab(tmp_path, boxes, before), "labels.xml", *parts)


# Damage in any format


@pytest.mark.parametrize("name", ["a\0.png", "a" * 5000 + ".png", "\ud800.png"])
def test_impossible_image_names_raise_an_error(tmp_path: Path, name: str) -> None:
    rejects(coco(tmp_path, images=[{"id": 1, "file_name": name}]), "image")


def test_huge_numbers_and_unknown_encodings_raise_an_error(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    (tmp_path / "a.pts").write_text("n_points: " + "9" * 5000 + "\n{\n1 1\n}\n")
    rejects(tmp_path, "a.pts")
    xml = tmp_path / "a.xml"
    xml.write_text("<?xml version='1.0' encoding='foo'?><dataset/>")
    rejects(xml, "damaged XML")


def test_a_damaged_array_header_raises_an_error(tmp_path: Path) -> None:
    header = b"\x93NUMPY\x01\x00v\x00" + b"{'descr': ((".ljust(117) + b"\n"
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for name in ("colorImages", "landmarks2D"):
            archive.writestr(f"{name}.npy", header)
    rejects(tmp_path / "a.npz", "is damaged")


def test_file_names_need_not_be_utf8(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    folder, stem = tmp_path / os.fsdecode(b"fold\xff"), os.fsdecode(b"a\xfe")
    try:
        folder.mkdir()
        (tmp_path / "a.png").rename(folder / f"{stem}.png")
    except OSError:
        pytest.skip("this file system has only UTF-8 names")
    (folder / f"{stem}.pts").write_text("{\n5 5\n20 20\n}\n")
    assert load(folder).names.tolist() == [f"{stem}.png"]


def test_a_truncated_image_is_an_error_of_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_image(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:600])
    (tmp_path / "a.pts").write_text("{\n5 5\n20 20\n}\n")
    rejects(tmp_path, "could not read image")
    assert capfd.readouterr().err == ""


def test_video_frames_without_a_face_are_left_out(tmp_path: Path) -> None:
    points = np.tile(RANDOM.uniform(2, 18, (68, 2, 1)), (1, 1, 3))
    points[..., 1] = np.nan
    video(tmp_path / "Ann_Lee_0.npz", count=3, landmarks2D=points)
    faces = load(tmp_path / "Ann_Lee_0.npz", every=1)
    assert faces.names.tolist() == ["Ann_Lee_0/0", "Ann_Lee_0/2"]
    assert faces.labelled.all()
