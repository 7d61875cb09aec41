"""Labels that cannot be right, files that ask for more than they hold, and what is said of them."""

from __future__ import annotations

import bz2
import json
import lzma
import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from facepoints.datasets.readers import load, read
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError, DataWarning

STORED = np.arange(40 * 60, dtype=np.uint32).reshape(40, 60).astype(np.uint8)
FACE = np.array([[40.0, 10.0], [20.0, 30.0], [50.0, 30.0]])
NAMES = ["a", "b", "c"]


def jpeg(path: Path, orientation: int = 1, scale: float = 1) -> None:
    """An image of 60 x 40 pixels, resized, with an EXIF orientation."""
    pixels = cv2.resize(STORED, None, fx=scale, fy=scale)
    data = cv2.imencode(".jpg", pixels)[1].tobytes()
    tiff = b"II*\0" + struct.pack("<IHHHII", 8, 1, 0x0112, 3, 1, orientation) + bytes(4)
    exif = b"Exif\0\0" + tiff
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:])


def coco(folder: Path, points: np.ndarray, size: tuple[int, int] | None = (60, 40)) -> Path:
    image: dict[str, Any] = {"id": 1, "file_name": "a.jpg"}
    if size:
        image |= {"width": size[0], "height": size[1]}
    flat = [float(v) for point in points for v in (*point, 2)]
    content = {
        "images": [image],
        "categories": [{"id": 1, "name": "face", "keypoints": NAMES}],
        "annotations": [{"id": 5, "image_id": 1, "category_id": 1, "keypoints": flat}],
    }
    (folder / "a.json").write_text(json.dumps(content))
    return folder / "a.json"


def points_of(path: Path) -> np.ndarray:
    data = read(path)
    assert isinstance(data, Photos)
    assert data.labelled.all()
    return data.points[0]


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_labels_of_the_stored_picture_are_turned_with_it(tmp_path: Path, orientation: int) -> None:
    """A bright spot at each label of the stored picture is at the label of the turned one."""
    pixels = np.zeros((40, 60), np.uint8)
    for x, y in FACE.astype(int):
        pixels[y - 1 : y + 2, x - 1 : x + 2] = 255
    data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    jpeg(tmp_path / "a.jpg", orientation)
    head = (tmp_path / "a.jpg").read_bytes()
    exif = head[2 : 4 + struct.unpack(">H", head[4:6])[0]]
    (tmp_path / "a.jpg").write_bytes(data[:2] + exif + data[2:])
    with pytest.warns(DataWarning, match="before its EXIF turn"):
        photos = read(coco(tmp_path, FACE))
    assert isinstance(photos, Photos)
    (image,) = photos.read_images()
    assert image.shape == (60, 40)
    for x, y in photos.points[0].round().astype(int):
        assert image[y, x] > 200


def test_labels_of_the_turned_picture_stay(tmp_path: Path) -> None:
    jpeg(tmp_path / "a.jpg", 6)
    turned = FACE[:, ::-1]
    np.testing.assert_allclose(points_of(coco(tmp_path, turned, (40, 60))), turned)


def test_labels_of_a_larger_picture_are_resized_with_it(tmp_path: Path) -> None:
    jpeg(tmp_path / "a.jpg", scale=0.5)
    with pytest.warns(DataWarning, match=r"another size.*annotation 5 \(a.jpg\): 60x40, now 30x20"):
        found = points_of(coco(tmp_path, FACE))
    np.testing.assert_allclose(found, (FACE + 0.5) / 2 - 0.5)


@pytest.mark.parametrize("size", [(60, 41), (30, 20), (120, 80), (600, 10)])
def test_a_size_that_only_contradicts_the_picture_is_refused(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    jpeg(tmp_path / "a.jpg")
    points = FACE / 2
    if size == (60, 41):
        points = FACE
    with pytest.raises(DataError, match=rf"has {size[0]}x{size[1]} pixels .* and 60x40 in fact"):
        read(coco(tmp_path, points, size))


def test_fractions_are_refused(tmp_path: Path) -> None:
    jpeg(tmp_path / "a.jpg")
    with pytest.raises(DataError, match="fractions of the picture"):
        read(coco(tmp_path, FACE / 60))
    table = tmp_path / "training.csv"
    table.write_text(f"a_x,a_y,Image\n0.25,0.5,{' '.join('9' * 16)}\n")
    with pytest.raises(DataError, match="fractions of the picture"):
        read(table)


@pytest.mark.parametrize("value", [-1, 0])
def test_points_that_nobody_marked_are_missing(tmp_path: Path, value: int) -> None:
    jpeg(tmp_path / "a.jpg")
    points = FACE.copy()
    points[1] = value
    with pytest.warns(DataWarning, match=rf"labels are exactly \({value}, {value}\).*: 1 \(ann"):
        data = read(coco(tmp_path, points))
    assert data.labelled.tolist() == [[True, False, True]]
    (tmp_path / "a.pts").write_text("\n".join(f"{x} {y}" for x, y in points))
    with pytest.warns(DataWarning, match="labels are exactly"):
        assert read(tmp_path / "a.pts").labelled.tolist() == [[True, False, True]]
    table = tmp_path / "training.csv"
    table.write_text(f"a_x,a_y,b_x,b_y,Image\n{value},{value},2,3,{' '.join('9' * 16)}\n")
    with pytest.warns(DataWarning, match=r"labels are exactly .*: 1 \(row-1\)"):
        assert read(table).labelled.tolist() == [[False, True]]


def test_a_point_far_outside_is_refused_and_named(tmp_path: Path) -> None:
    jpeg(tmp_path / "a.jpg")
    points = FACE.copy()
    points[2] = 95, 30
    with pytest.raises(DataError, match=r"point c of annotation 5 \(a.jpg\) is at \(95, 30\)"):
        read(coco(tmp_path, points))
    points[2] = 75, 30  # a face at the border
    np.testing.assert_allclose(points_of(coco(tmp_path, points)), points)


def test_a_face_outside_of_its_picture_is_left_out(tmp_path: Path) -> None:
    jpeg(tmp_path / "a.jpg")
    path = coco(tmp_path, FACE)
    content = json.loads(path.read_text())
    far = [float(v) for x, y in FACE + np.array([70, 0]) for v in (x, y, 2)]
    content["annotations"].append({**content["annotations"][0], "id": 6, "keypoints": far})
    path.write_text(json.dumps(content))
    with pytest.warns(DataWarning, match=r"outside of their picture .*: 1 \(annotation 6"):
        data = load(path, size=32)
    assert len(data) == 1


# Files that ask for more than they hold


def refused(path: Path, *parts: str) -> None:
    with pytest.raises(DataError) as caught:
        load(path)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 900
    for part in parts:
        assert part in text


def test_names_without_end_are_refused(tmp_path: Path) -> None:
    jpeg(tmp_path / "a.jpg")
    path = coco(tmp_path, FACE)
    text = path.read_text()
    path.write_text(text.replace("a.jpg", "a" * 1_000_000 + ".jpg"))
    refused(path, "by a name of 1000004 characters")
    path.write_text(text.replace('"a"', f'"{"a" * 1_000_000}"'))
    refused(path, "has 1000000 characters")
    boxes = "".join(f"<box><part name='p{n}' x='1' y='2'/></box>" for n in range(12_000))
    path = tmp_path / "a.xml"
    path.write_text(f"<dataset><images><image file='a.jpg'>{boxes}</image></images></dataset>")
    refused(path, "names 12000 points, at most 1000")


@pytest.mark.parametrize(("open_", "close"), [("[", "]"), ('{"a":', "}")])
def test_deep_and_cut_json_is_refused(tmp_path: Path, open_: str, close: str) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"images": [], "categories": ' + open_ * 100_000 + "1" + close * 100_000 + "}")
    refused(path, "nested too deeply")
    jpeg(tmp_path / "a.jpg")
    whole = coco(tmp_path, FACE).read_text()
    path.write_text(whole[:-30])
    refused(path, "should hold JSON")


def test_an_npz_that_grows_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "Ann_0.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, shape, kind in (
            ("landmarks2D", (68, 2, 1), "<f8"),
            ("colorImages", (1000, 1000, 3, 100), "|u1"),
        ):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                header = {"descr": kind, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
                left = int(np.prod(shape)) * np.dtype(kind).itemsize
                for start in range(0, left, 1 << 20):
                    file.write(bytes(min(1 << 20, left - start)))
    refused(tmp_path / "Ann_0.npz", "colorImages would take 286 MiB of memory")


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "training.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("training.csv", "w") as file,
    ):
        file.write(b"a_x,a_y,Image\n1,2,")
        for _ in range(70):
            file.write(b"1 " * (1 << 19))
    refused(path, "longer than 64 MiB")


@pytest.mark.parametrize("value", ["1e308", "1e30", "NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_no_positions_are_refused(tmp_path: Path, value: str) -> None:
    jpeg(tmp_path / "a.jpg")
    path = coco(tmp_path, FACE)
    path.write_text(path.read_text().replace("20.0", value))
    refused(path, "annotation 5", "b is at")


@pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("name", ["training.csv", "a.json", "landmarks2D.npy"])
def test_a_damaged_zip_of_every_compression_is_one_line(
    tmp_path: Path, kind: int, name: str
) -> None:
    content = np.random.default_rng(0).integers(97, 122, 5000, dtype=np.uint8).tobytes()
    suffix = ".npz" if name.endswith("npy") else ".zip"
    path = tmp_path / f"data{suffix}"
    with zipfile.ZipFile(path, "w", kind) as archive:
        archive.writestr(name, b"a_x,a_y,Image\n" + content)
    whole = path.read_bytes()
    for start in range(30, 900, 90):
        path.write_bytes(whole[:start] + bytes(60) + whole[start + 60 :])
        refused(path)


@pytest.mark.parametrize("compress", [bz2.compress, lzma.compress])
def test_other_compressions_are_no_known_format(tmp_path: Path, compress: Any) -> None:
    (tmp_path / "training.csv").write_bytes(compress(b"a_x,a_y,Image\n1,2,1\n"))
    refused(tmp_path / "training.csv", "no known format")


def test_pipes_and_devices_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    refused(coco(tmp_path, FACE), "a.jpg is a pipe or a device")
    refused(tmp_path / "a.jpg", "a pipe or a device")
    refused(Path("/dev/null"), "a pipe or a device")
    path = coco(tmp_path, FACE)
    path.write_text(path.read_text().replace("a.jpg", "/dev/zero"))
    refused(path, "/dev/zero")
