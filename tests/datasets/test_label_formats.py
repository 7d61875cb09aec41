"""Label files of other tools, in the layouts that these tools write."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from facepoints.datasets.readers import load, read
from facepoints.datasets.samples import Photos, Samples
from facepoints.datasets.writers import write_coco as write_coco_dataset
from facepoints.errors import DataError, DataWarning
from facepoints.landmarks.conversion import convert
from facepoints.landmarks.known_sets import COFW_29, IBUG_68, KNOWN_SETS, WFLW_98
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_face import MEAN_FACE

RANDOM = np.random.default_rng(5)
THREE = ("left_eye", "nose", "right_eye")
POINTS = np.array([[30.0, 12.0], [21.5, 20.25], [12.0, 11.0]], dtype=np.float32)
"""The three points of a face in an image of 50 x 40 pixels."""


def image(path: Path, width: int = 50, height: int = 40) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), RANDOM.integers(0, 256, (height, width), dtype=np.uint8))
    return path


def photos(path: Path, **options: Any) -> Photos:
    data = read(path, **options)
    assert isinstance(data, Photos)
    assert len(list(data.read_images())) == len(data)
    return data


def check(data: Photos, count: int = 1) -> None:
    """Every face has the three points."""
    assert set(data.landmarks.names) == set(THREE)
    assert len(data) == count
    columns = data.landmarks.columns(THREE)
    for points in data.points[:, columns]:
        np.testing.assert_allclose(points, POINTS, atol=1e-4)
    assert data.labelled.all()


def flat(visibility: int = 2) -> list[float]:
    return [float(v) for point in POINTS for v in (*point, visibility)]


def coco(
    path: Path,
    name: str = "a.png",
    annotation: dict[str, Any] | None = None,
    more: list[dict[str, Any]] | None = None,
    **changes: Any,
) -> Path:
    own = {"id": 1, "image_id": 7, "category_id": 1, "keypoints": flat(), **(annotation or {})}
    content: dict[str, Any] = {
        "annotations": [own, *(more or [])],
        "categories": [{"id": 1, "name": "face", "keypoints": list(THREE)}],
        "images": [{"id": 7, "file_name": name}],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content | changes))
    return path


# COCO


@pytest.mark.parametrize(
    ("labels", "name", "place"),
    [
        ("annotations/person_keypoints_val2017.json", "a.png", "val2017/a.png"),
        ("annotations/person_keypoints_default.json", "a.png", "images/default/a.png"),
        ("annotations/instances_default.json", "sub/a.png", "images/sub/a.png"),
        ("result.json", "images\\1\\a.png", "images/1/a.png"),
        ("result.json", "/home/ann/set/images/a.png", "images/a.png"),
        ("result.json", "https://host.org/data/a%20b.png?x=1", "images/a b.png"),
        ("train/_annotations.coco.json", "a_png.rf.0123abc.jpg", "train/a_png.rf.0123abc.jpg"),
        ("labels.json", "deep/a.png", "x/y/deep/a.png"),
    ],
)
def test_images_of_coco_are_found_where_tools_put_them(
    tmp_path: Path, labels: str, name: str, place: str
) -> None:
    image(tmp_path / place)
    check(photos(coco(tmp_path / labels, name)))


@pytest.mark.parametrize("folder", ["official", "datumaro"])
def test_a_folder_of_the_official_layout_is_read(tmp_path: Path, folder: str) -> None:
    subset = "train2017" if folder == "official" else "images/train2017"
    image(tmp_path / subset / "a.png")
    labels = tmp_path / "annotations"
    coco(labels / "person_keypoints_train2017.json")
    coco(labels / "person_keypoints_val2017.json", "missing.png")
    (labels / "instances_train2017.json").write_text('{"images": [], "categories": []}')
    check(photos(tmp_path))


def test_annotations_that_are_left_out_are_counted(tmp_path: Path) -> None:
    image(tmp_path / "a.png")
    base = {"image_id": 7, "category_id": 1}
    more = [
        {**base, "id": 2, "bbox": [1, 2, 3, 4]},
        {**base, "id": 3, "keypoints": None},
        {**base, "id": 4, "keypoints": []},
        {**base, "id": 5, "keypoints": flat(), "iscrowd": 1},
        {**base, "id": 6, "keypoints": [0.0] * 9},
        {**base, "id": 8, "category_id": 2, "bbox": [1, 2, 3, 4]},
    ]
    path = coco(tmp_path / "a.json", more=more)
    with pytest.warns(DataWarning) as caught:
        check(photos(path))
    assert sorted(str(w.message).removeprefix(f"{path}: ") for w in caught) == [
        "annotations of categories without keypoints were left out: 1 (annotation 8)",
        "annotations of crowds were left out: 1 (annotation 5)",
        "annotations without a labeled keypoint were left out: 1 (annotation 6)",
        "annotations without keypoints were left out: 3 (annotation 2, annotation 3, annotation 4)",
    ]


def test_notes_are_said_again_from_the_cache(tmp_path: Path) -> None:
    image(tmp_path / "a.png")
    more = [{"id": 2, "image_id": 7, "category_id": 1}]
    path = coco(tmp_path / "a.json", more=more)
    for _ in range(2):
        with pytest.warns(DataWarning, match="annotations without keypoints were left out: 1"):
            load(path)


@pytest.mark.parametrize(
    "annotation",
    [
        {"image_id": "7", "category_id": "1"},
        {"keypoints": [[*map(float, p), 2] for p in POINTS]},
        {"keypoints": [float(v) for p in POINTS for v in p]},
        {"keypoints": [float(v) for p in POINTS for v in (*p, 2.0)]},
    ],
    ids=["ids as text", "nested", "pairs", "visibility 2.0"],
)
def test_variants_of_annotations_are_read(tmp_path: Path, annotation: dict[str, Any]) -> None:
    image(tmp_path / "a.png")
    check(photos(coco(tmp_path / "a.json", annotation=annotation)))


def test_categories_with_other_keypoints_share_a_table(tmp_path: Path) -> None:
    image(tmp_path / "a.png")
    categories = [
        {"id": 1, "name": "face", "keypoints": list(THREE)},
        {"id": 2, "name": "ears", "keypoints": ["left_ear", "nose"], "skeleton": [[1, 2]]},
    ]
    ears = {"id": 2, "image_id": 7, "category_id": 2, "keypoints": [5, 6, 2, 21.5, 20.25, 2]}
    data = photos(coco(tmp_path / "a.json", more=[ears], categories=categories))
    assert data.landmarks.names == (*THREE, "left_ear")
    assert data.landmarks.edges == (("left_ear", "nose"),)
    np.testing.assert_array_equal(data.labelled, [[1, 1, 1, 0], [0, 1, 0, 1]])
    np.testing.assert_array_equal(data.points[1, [3, 1]], [[5, 6], [21.5, 20.25]])


def test_keypoints_without_names_are_numbered(tmp_path: Path) -> None:
    image(tmp_path / "a.png")
    data = photos(coco(tmp_path / "a.json", categories=[{"id": 1, "name": "face"}]))
    assert data.landmarks.names == ("0", "1", "2")


def test_a_list_of_results_is_named(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text('[{"image_id": 1, "category_id": 1, "keypoints": [1, 2, 2]}]')
    with pytest.raises(DataError, match="list of COCO results"):
        read(tmp_path / "r.json")


def test_a_name_of_two_images_is_refused(tmp_path: Path) -> None:
    image(tmp_path / "x" / "a.png")
    image(tmp_path / "y" / "a.png")
    with pytest.raises(DataError, match=r"may be .*; write the folders"):
        read(coco(tmp_path / "a.json"))


# imglab


def test_imglab_as_dlib_writes_it_on_any_system(tmp_path: Path) -> None:
    image(tmp_path / "bilder" / "jürg.png")
    parts = "".join(
        f"<part name='{n}' x='{x}' y='{y}'/>" for n, (x, y) in zip(THREE, POINTS, strict=True)
    )
    text = (
        "<?xml version='1.0' encoding='ISO-8859-1'?>\n"
        "<?xml-stylesheet type='text/xsl' href='image_metadata_stylesheet.xsl'?>\n"
        "<dataset>\n<name>d</name>\n<comment>c</comment>\n<images>\n"
        "<image file='bilder\\jürg.png' width='50' height='40'>\n"
        f"<box top='1' left='2' width='30' height='30'>{parts}</box>\n"
        f"<box top='1' left='2' width='30' height='30' ignore='1'>{parts}</box>\n"
        "<box top='1' left='2' width='30' height='30'/>\n"
        "</image>\n</images>\n</dataset>\n"
    )
    (tmp_path / "faces.xml").write_bytes(text.encode("utf-8"))  # what Linux writes, mislabelled
    with pytest.warns(DataWarning) as caught:
        check(photos(tmp_path / "faces.xml"))
    said = " ".join(str(w.message) for w in caught)
    assert "boxes marked ignore were left out: 1" in said
    assert "boxes without parts were left out: 1" in said
    (tmp_path / "faces.xml").write_bytes(text.encode("latin-1"))  # what Windows writes
    with pytest.warns(DataWarning):
        check(photos(tmp_path / "faces.xml"))


# .pts


@pytest.mark.parametrize(
    "form",
    [
        "version: 1\nn_points:  3\n{{\n{}\n}}\n",
        "{{\n{}\n}}",
        "{}\n",
        "version: 1\r\nn_points: 3\r\n{{\r\n{}\r\n}}\r\n",
        "n_points: 3\n{}\n",
    ],
)
def test_pts_without_header_or_braces_are_read(tmp_path: Path, form: str) -> None:
    image(tmp_path / "images" / "a.png")
    (tmp_path / "._a.pts").write_bytes(b"\0\5\x16\7Mac OS X")
    (tmp_path / "a.pts").write_text(form.format("\n".join(f"{x + 1} {y + 1}" for x, y in POINTS)))
    np.testing.assert_allclose(photos(tmp_path).points[0], POINTS)


# CVAT


def cvat(shapes: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version><meta/>'
        f'<image id="0" name="a.png" width="50" height="40">{shapes}</image></annotations>'
    )


def single(name: str, point: np.ndarray, more: str = "") -> str:
    return f'<points label="{name}" {more} points="{point[0]:.2f},{point[1]:.2f}"></points>'


SKELETON = "".join(map(single, THREE, POINTS))


@pytest.mark.parametrize("zipped", [False, True])
def test_skeletons_of_cvat_are_faces(tmp_path: Path, zipped: bool) -> None:
    image(tmp_path / "images" / "a.png")
    shapes = f'<skeleton label="face">{SKELETON}</skeleton>' * 2 + '<box label="face" xtl="1"/>'
    (tmp_path / "annotations.xml").write_text(cvat(shapes))
    path = tmp_path
    if zipped:
        path = tmp_path / "task.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(tmp_path / "annotations.xml", "annotations.xml")
            archive.write(tmp_path / "images" / "a.png", "images/a.png")
    with pytest.warns(DataWarning, match=r"shapes that are no points were left out: 1 \(box in a"):
        check(photos(path), count=2)


def test_points_of_cvat_are_a_face_by_group(tmp_path: Path) -> None:
    image(tmp_path / "a.png")
    shapes = [
        single(n, p, f'group_id="{g}"') for g in (1, 2) for n, p in zip(THREE, POINTS, strict=True)
    ]
    (tmp_path / "a.xml").write_text(cvat("".join(shapes)))
    check(photos(tmp_path / "a.xml"), count=2)
    (tmp_path / "a.xml").write_text(cvat(SKELETON + SKELETON))
    with pytest.raises(DataError, match=r"'left_eye' is there twice in a face.*group the points"):
        read(tmp_path / "a.xml")
    hidden = single("nose", POINTS[1], 'outside="1"')
    (tmp_path / "a.xml").write_text(cvat(single(THREE[0], POINTS[0]) + hidden))
    assert photos(tmp_path / "a.xml").landmarks.names == ("left_eye",)
    (tmp_path / "a.xml").write_text("<annotations><track id='0'/></annotations>")
    with pytest.raises(DataError, match="export the task as 'CVAT for images"):
        read(tmp_path / "a.xml")


def test_a_shape_of_68_points_is_the_ibug_set(tmp_path: Path) -> None:
    image(tmp_path / "a.png")
    points = RANDOM.uniform(3, 38, (68, 2)).round(2)
    text = ";".join(f"{x},{y}" for x, y in points)
    (tmp_path / "a.xml").write_text(cvat(f'<points label="face" points="{text}"/>'))
    data = photos(tmp_path / "a.xml")
    assert data.landmarks == IBUG_68
    np.testing.assert_allclose(data.points[0], points, atol=1e-4)


# Label Studio


def region(name: str, point: np.ndarray, **more: Any) -> dict[str, Any]:
    value = {"x": point[0] * 2, "y": point[1] * 2.5, "width": 1, "keypointlabels": [name]}
    size = {"original_width": 50, "original_height": 40, "image_rotation": 0}
    return {**size, "value": value, "type": "keypointlabels", "from_name": "kp", **more}


@pytest.mark.parametrize(
    "name", ["/data/upload/3/a.png", "/data/local-files/?d=images/a.png", "s3://bucket/a.png"]
)
def test_label_studio_is_read(tmp_path: Path, name: str) -> None:
    image(tmp_path / "images" / "a.png")
    regions = [region(n, p) for n, p in zip(THREE, POINTS.tolist(), strict=True)]
    box = {"type": "rectanglelabels", "value": {"x": 1, "y": 1, "width": 9, "height": 9}}
    task = {"id": 1, "data": {"img": name}, "annotations": [{"result": [*regions, box]}]}
    (tmp_path / "a.json").write_text(json.dumps([task]))
    with pytest.warns(DataWarning, match="regions that are no keypoints were left out: 1"):
        check(photos(tmp_path / "a.json"))
    mini = {"img": name, "id": 1, "kp": [{**r["value"], **r} for r in regions]}
    (tmp_path / "a.json").write_text(json.dumps([mini]))
    check(photos(tmp_path / "a.json"))


def test_label_studio_splits_faces_by_parent_and_refuses_rotation(tmp_path: Path) -> None:
    image(tmp_path / "a.png")

    def write(regions: list[dict[str, Any]]) -> Path:
        task = {"id": 1, "data": {"img": "a.png"}, "annotations": [{"result": regions}]}
        (tmp_path / "a.json").write_text(json.dumps([task]))
        return tmp_path / "a.json"

    pairs = list(zip(THREE, POINTS.tolist(), strict=True))
    check(photos(write([region(n, p, parentID=f) for f in "xy" for n, p in pairs])), count=2)
    with pytest.raises(DataError, match="task 1 has the point 'left_eye' twice"):
        read(write([region(n, p) for _ in "xy" for n, p in pairs]))
    with pytest.raises(DataError, match="rotated image"):
        read(write([region(n, p, image_rotation=90) for n, p in pairs]))


# labelme


def test_labelme_files_are_read(tmp_path: Path) -> None:
    for stem in ("a", "b"):
        image(tmp_path / f"{stem}.png")
        shapes: list[dict[str, Any]] = [
            {"label": n, "points": [p], "group_id": None, "shape_type": "point"}
            for n, p in zip(THREE, POINTS.tolist(), strict=True)
        ]
        shapes.append({"label": "face", "points": [[1, 1], [9, 9]], "shape_type": "rectangle"})
        content = {"shapes": shapes, "imagePath": f"..\\x\\{stem}.png", "imageData": None}
        content |= {"imageHeight": 40, "imageWidth": 50}
        (tmp_path / f"{stem}.json").write_text(json.dumps(content))
    with pytest.warns(DataWarning, match="shapes that are no points were left out: 2"):
        data = photos(tmp_path)
    check(data, count=2)
    assert data.names.tolist() == ["a.png", "b.png"]


# Hidden points


def write_coco(folder: Path, visibility: list[int], count: int = 1) -> Path:
    numbers = [v for p, seen in zip(POINTS, visibility, strict=True) for v in (*p.tolist(), seen)]
    annotations = [
        {"id": n, "image_id": 1, "category_id": 1, "keypoints": numbers} for n in range(count)
    ]
    content = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": annotations,
        "categories": [{"id": 1, "keypoints": list(THREE)}],
    }
    (folder / "coco.json").write_text(json.dumps(content))
    return folder / "coco.json"


def write_cvat(folder: Path, visibility: list[int]) -> Path:
    marks = ('outside="1"', 'occluded="1"', 'occluded="0"')
    shapes = map(single, THREE, POINTS, [marks[v] for v in visibility])
    (folder / "cvat.xml").write_text(cvat(f'<skeleton label="face">{"".join(shapes)}</skeleton>'))
    return folder / "cvat.xml"


def write_labelme(folder: Path, visibility: list[int]) -> Path:
    shapes = [
        {"label": n, "points": [p], "shape_type": "point", "flags": {"Occluded": v == 1}}
        for n, p, v in zip(THREE, POINTS.tolist(), visibility, strict=True)
        if v
    ]
    (folder / "a.json").write_text(json.dumps({"shapes": shapes, "imagePath": "a.png"}))
    return folder / "a.json"


@pytest.mark.parametrize("write", [write_coco, write_cvat, write_labelme])
def test_hidden_points_are_labeled_and_hidden(tmp_path: Path, write: Any) -> None:
    image(tmp_path / "a.png")
    data = photos(write(tmp_path, [2, 1, 2]))
    check(data)
    assert data.visibility is not None
    by_name = dict(zip(data.landmarks.names, data.visibility[0].tolist(), strict=True))
    assert by_name == dict(zip(THREE, [1, 0, 1], strict=True))
    for same in (1, 2):  # the file says nothing of it
        assert photos(write(tmp_path, [same] * 3)).visibility is None
    if write is write_coco:
        partly = photos(write(tmp_path, [1, 0, 2]))
        assert partly.visibility is not None
        assert partly.visibility.tolist() == [[0, -1, 1]]


def test_visibility_survives_crops_the_cache_conversion_and_a_round_trip(tmp_path: Path) -> None:
    image(tmp_path / "a.png")
    path = write_coco(tmp_path, [2, 1, 2])
    load(path)
    faces = load(path)  # from the cache
    assert faces.visibility is not None
    assert faces.visibility.tolist() == [[1, 0, 1]]
    written = write_coco_dataset(faces, tmp_path / "again")
    (annotation,) = json.loads(written.read_text())["annotations"]
    assert annotation["keypoints"][2::3] == [2, 1, 2]
    again = load(written)
    assert again.visibility is not None
    assert again.visibility.tolist() == [[1, 0, 1]]
    one = faces.as_landmarks(LandmarkSet(THREE[1:2], mirrorable=False))
    assert one.visibility is not None
    assert one.visibility.tolist() == [[0]]


# DeepLabCut


@pytest.mark.parametrize("columns", [1, 3])
def test_deeplabcut_is_read(tmp_path: Path, columns: int) -> None:
    image(tmp_path / "labeled-data" / "clip" / "img1.png")
    blank = "," * columns
    name = "labeled-data/clip/img1.png".replace("/", "," if columns == 3 else "/")
    other = name.replace("img1", "img2")
    header = [f"scorer{blank}{','.join(['me'] * 6)}"]
    header.append(f"bodyparts{blank}{','.join(n for n in THREE for _ in 'xy')}")
    header.append(f"coords{blank}x,y,x,y,x,y")
    rows = [f"{name},{','.join(str(v) for v in POINTS.ravel())}", f"{other},,,,,,"]
    table = tmp_path / "labeled-data" / "clip" / "CollectedData_me.csv"
    table.write_text("\n".join([*header, *rows]))
    with pytest.warns(DataWarning, match="images without a label were left out: 1"):
        data = photos(table)
    check(data)
    assert data.group.tolist() == ["labeled-data/clip"]
    (tmp_path / "x.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(DataError, match=r"HDF5.*\.csv of the same name"):
        read(tmp_path / "x.h5")


# lists and text files


def mean_face(known: LandmarkSet, scale: float, middle: float) -> np.ndarray:
    """Points (K, 2) of the mean face; those that the 68 points do not give lie in its middle."""
    mean = MEAN_FACE.astype(np.float32)[None] * scale + middle
    points, labelled = convert(mean, np.ones((1, 68), bool), IBUG_68, known)
    points[~labelled] = middle
    return points[0]


@pytest.mark.parametrize("attributes", ["", "1 2 30 40 0 0 0 1 0 1 "])
def test_wflw_is_read(tmp_path: Path, attributes: str) -> None:
    image(tmp_path / "WFLW_images" / "9--Press" / "a.png")
    points = mean_face(WFLW_98, 30, 20).round(3)
    folder = tmp_path / "WFLW_annotations" / "list_98pt_test"
    folder.mkdir(parents=True)
    line = f"{' '.join(str(v) for v in points.ravel())} {attributes}9--Press/a.png\n"
    (folder / "list_98pt_test.txt").write_text(line)
    data = photos(folder / "list_98pt_test.txt")
    assert data.landmarks == WFLW_98
    assert list(data.schemes) == ["wflw"]
    np.testing.assert_allclose(data.points[0], points, atol=1e-4)
    assert len(photos(tmp_path)) == 1
    mixed = f"{' '.join(str(v) for v in points[::-1].ravel())} {attributes}9--Press/a.png\n"
    (folder / "list_98pt_test.txt").write_text(mixed)
    with pytest.warns(DataWarning, match="do not lie like those of wflw-98"):
        assert photos(tmp_path).landmarks.names[:2] == ("0", "1")


def test_celeba_is_read_with_the_subjects_sides(tmp_path: Path) -> None:
    image(tmp_path / "000001.jpg")
    (tmp_path / "list.txt").write_text(
        "1\nlefteye_x lefteye_y righteye_x righteye_y nose_x nose_y\n000001.jpg  12 11 30  12 21 20"
    )
    data = photos(tmp_path / "list.txt")
    assert data.landmarks.names == ("right_eye", "left_eye", "nose")
    np.testing.assert_array_equal(data.points[0], [[12, 11], [30, 12], [21, 20]])


@pytest.mark.parametrize("name", ["a.txt", "a.png.txt"])
def test_text_files_of_lapa_and_jd_are_read(tmp_path: Path, name: str) -> None:
    image(tmp_path / "images" / "a.png")
    image(tmp_path / "labels" / "a.png")  # LaPa's masks
    points = RANDOM.uniform(3, 38, (106, 2)).round(3)
    (tmp_path / "landmarks").mkdir()
    text = "\n".join(["106", *(f"{x} {y}" for x, y in points)])
    (tmp_path / "landmarks" / name).write_text(text)
    with pytest.warns(DataWarning, match="do not lie like those of lapa-106"):  # random points
        data = photos(tmp_path)
    assert len(data.landmarks) == 106
    np.testing.assert_allclose(data.points[0], points, atol=1e-4)
    assert data.names.tolist() == ["images/a.png"]


# MATLAB


def test_aflw2000_is_read(tmp_path: Path) -> None:
    scipy_io = pytest.importorskip("scipy.io")
    image(tmp_path / "image00002.jpg")
    points = RANDOM.uniform(3, 38, (68, 2))
    table = np.vstack([points.T + 1, np.zeros(68)])
    scipy_io.savemat(tmp_path / "image00002.mat", {"pt3d_68": table, "pt2d": -np.ones((2, 21))})
    scipy_io.savemat(tmp_path / "other.mat", {"x": 1})
    with pytest.warns(DataWarning, match=r"without the 68 points were left out: 1 \(other.mat\)"):
        data = photos(tmp_path)
    assert data.landmarks == IBUG_68
    np.testing.assert_allclose(data.points[0], points, atol=1e-4)


@pytest.mark.parametrize("color", [False, True])
def test_cofw_is_read(tmp_path: Path, color: bool) -> None:
    h5py = pytest.importorskip("h5py")
    pixels = RANDOM.integers(0, 256, (2, 40, 50), dtype=np.uint8)
    points = RANDOM.uniform(3, 38, (2, 29, 2))
    hidden = RANDOM.integers(0, 2, (2, 29))
    path = tmp_path / "COFW_train.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        refs = []
        for number, gray in enumerate(pixels):
            stored = np.repeat(gray.T[None], 3, axis=0) if color else gray.T
            refs.append(file.create_dataset(f"#refs#/{number}", data=stored).ref)
        file.create_dataset("IsTr", data=np.array([refs], dtype=h5py.ref_dtype))
        columns = [*(points.transpose(0, 2, 1).reshape(2, 58) + 1).T, *hidden.T]
        file.create_dataset("phisTr", data=np.array(columns))
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64")
    data = photos(path)
    np.testing.assert_allclose(data.points, points, atol=1e-4)
    assert data.landmarks == COFW_29
    assert data.visibility is not None
    np.testing.assert_array_equal(data.visibility, 1 - hidden)
    for read_image, gray in zip(data.read_images(), pixels, strict=True):
        np.testing.assert_array_equal(read_image, gray)


# Kaggle's table, as other programs save it

PIXELS = " ".join(str(v) for v in range(0, 256, 4))


def table(header: str, row: str) -> bytes:
    return f"{header}\n{row}\n".encode()


@pytest.mark.parametrize(
    "content",
    [
        table("nose_tip_x;nose_tip_y;Image", f"3.5;2;{PIXELS}"),
        table("sep=;\nnose_tip_x;nose_tip_y;Image", f"3,5;2,0;{PIXELS}"),
        table("nose_tip_x\tnose_tip_y\tImage", f"3.5\t2\t{PIXELS}"),
        table("NOSE_TIP_X,NOSE_TIP_Y,IMAGE", f"3.5,2,{PIXELS}"),
        table("nose_tip_x,nose_tip_y,Image", f"3.5,2,{PIXELS.replace(' ', '.0 ')}"),
        table("nose_tip_x,nose_tip_y,Image", f"3.5,2,{PIXELS}").replace(b"\n", b"\r"),
        gzip.compress(table("nose_tip_x,nose_tip_y,Image", f"3.5,2,{PIXELS}")),
    ],
    ids=["semicolons", "Excel", "tabs", "capitals", "float pixels", "CR", "gzip"],
)
def test_tables_that_other_programs_saved_are_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "training.csv").write_bytes(content)
    data = read(tmp_path / "training.csv")
    assert isinstance(data, Samples)
    assert data.landmarks.names == ("nose_tip",)
    np.testing.assert_array_equal(data.points, [[[3.5, 2]]])
    assert data.images[0, 0, :3].tolist() == [0, 4, 8]


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "index"])
def test_an_index_column_is_left_out_with_a_note(tmp_path: Path, name: str) -> None:
    content = table(f"{name},nose_tip_x,nose_tip_y,Image", f"0,3.5,2,{PIXELS}")
    (tmp_path / "training.csv").write_bytes(content)
    with pytest.warns(DataWarning, match="columns without a name of a point were not read: 1"):
        assert read(tmp_path / "training.csv").points[0, 0].tolist() == [3.5, 2]


def test_a_table_in_utf_16_is_named(tmp_path: Path) -> None:
    text = table("nose_tip_x\tnose_tip_y\tImage", f"3.5\t2\t{PIXELS}").decode()
    (tmp_path / "training.csv").write_text(text, encoding="utf-16")
    with pytest.raises(DataError, match="UTF-16; save it as CSV in UTF-8"):
        read(tmp_path / "training.csv")


# The Kaggle set of YouTube Faces


def test_the_table_of_videos_gives_the_people(tmp_path: Path) -> None:
    for name in ("Ann_0", "Bob_3"):
        (tmp_path / "part_1").mkdir(exist_ok=True)
        np.savez_compressed(
            tmp_path / "part_1" / f"{name}.npz",
            colorImages=RANDOM.integers(0, 256, (40, 50, 3, 2), dtype=np.uint8),
            landmarks2D=RANDOM.uniform(3, 38, (68, 2, 2)),
        )
    csv = tmp_path / "youtube_faces_with_keypoints_full.csv"
    csv.write_text("videoID,personName,imageHeight\nAnn_0,Ann_Lee,40\nCid_1,Cid_Roy,40\n")
    for path in (csv, tmp_path):
        with pytest.warns(DataWarning) as caught:
            data = photos(path, every=1)
        assert set(data.group) == {"Ann_Lee"}
        said = " ".join(str(w.message) for w in caught)
        assert "were left out: 1 (Bob_3)" in said
        assert "have no .npz below its folder: 1 (Cid_1)" in said


def test_zips_that_cannot_be_read_as_expected_say_why(tmp_path: Path) -> None:
    text = table("nose_tip_x,nose_tip_y,Image", f"3.5,2,{PIXELS}")
    path = tmp_path / "two.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("training.csv", text)
        archive.writestr("old/training.csv", text)
        archive.writestr("IdLookupTable.csv", "RowId,ImageId,FeatureName,Location")
    with pytest.warns(DataWarning, match=r"of the same name in the zip were left out: 1 \(old/"):
        assert len(load(path)) == 1
    data = bytearray(path.read_bytes())
    for magic, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = data.find(magic)
        while at >= 0:
            data[at + flags] |= 1
            at = data.find(magic, at + 1)
    path.write_bytes(data)
    with pytest.raises(DataError, match="is encrypted; unpack it with its password first"):
        load(path)
    twice = tmp_path / "twice.csv.gz"
    twice.write_bytes(gzip.compress(gzip.compress(text)))
    with pytest.raises(DataError, match="holds binary data; expected a table as text"):
        load(twice)


def test_an_empty_text_beside_images_is_no_traceback(tmp_path: Path) -> None:
    image(tmp_path / "a.png")
    (tmp_path / "a.txt").write_bytes(b"")
    for path in (tmp_path, tmp_path / "a.txt"):
        with pytest.raises(DataError):
            load(path)


# Points without names


def write_pts_files(folder: Path, points: np.ndarray) -> None:
    for number, face in enumerate(points):
        image(folder / f"{number}.png", 120, 120)
        lines = "\n".join(f"{x + 1} {y + 1}" for x, y in face)
        text = f"version: 1\nn_points: {len(face)}\n{{\n{lines}\n}}\n"
        (folder / f"{number}.pts").write_text(text)


@pytest.mark.parametrize("name", ["wflw-98", "lapa-106", "cofw-29"])
def test_numbered_points_get_names_where_they_lie_like_these(tmp_path: Path, name: str) -> None:
    known = KNOWN_SETS[name]
    face = mean_face(known, 100, 60)[None]
    write_pts_files(tmp_path / "right", np.repeat(face, 3, axis=0))
    with pytest.warns(DataWarning, match=f"without names are taken for those of {name}"):
        assert photos(tmp_path / "right").landmarks == known
    write_pts_files(tmp_path / "other", np.repeat(face[:, ::-1], 3, axis=0))  # another order
    with pytest.warns(DataWarning, match=f"do not lie like those of {name}, so they are numbered"):
        data = photos(tmp_path / "other")
    assert data.landmarks.names == tuple(str(n) for n in range(len(known)))
    assert not data.landmarks.mirrorable
    assert list(data.schemes) == [f"{len(known)}-point"]
