"""Every face detector, and overlaps of boxes."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage import data

from facepoints.detection import (
    BoxFileDetector,
    Detection,
    FullImageDetector,
    OpenCVCascadeDetector,
    RetryingDetector,
    YuNetDetector,
    iou,
    make_detector,
    map_detection,
    merge_detections,
    overlap_of_smaller,
)
from facepoints.detection.base import overlaps
from facepoints.errors import DataError, DataWarning, FacepointsError, ModelError, SettingsError
from facepoints.imaging import affine
from facepoints.landmarks.known_sets import KAGGLE_15
from facepoints.landmarks.mean_face import MEAN_BOX, mean_points

FACE = (180.0, 76.0, 93.0, 101.0)
"""Brows to chin and ear to ear on `skimage.data.astronaut()`, looked up by hand."""


@pytest.fixture(scope="module")
def photo() -> NDArray[np.uint8]:
    return data.astronaut()


def hit(
    detections: list[Detection], box: tuple[float, float, float, float] = FACE
) -> list[Detection]:
    """Detections within a fifth of a face's size of its center, and of about its size."""
    side = max(box[2:])
    middle = box[0] + box[2] / 2, box[1] + box[3] / 2
    near = []
    for one in detections:
        x, y, width, height = one.box
        away = np.hypot(x + width / 2 - middle[0], y + height / 2 - middle[1])
        if away < side / 5 and 0.7 < max(width, height) / side < 1.4:
            near.append(one)
    return near


# Cascades


def test_cascades_detect_the_face_of_a_photo(photo: NDArray[np.uint8]) -> None:
    detector = OpenCVCascadeDetector(side=300)
    color, gray = detector.detect(photo), detector.detect(np.asarray(photo[..., 1]))
    for detections in (color, gray):
        assert hit(detections)
        assert hit(detections)[0] is detections[0]  # the highest score
        assert detections[0].score > 0.5
        assert [f.score for f in detections] == sorted((f.score for f in detections), reverse=True)


def test_detections_of_a_resized_image_are_in_its_own_pixels(photo: NDArray[np.uint8]) -> None:
    detector = OpenCVCascadeDetector(side=200)
    assert hit(detector.detect(photo), FACE)
    x, y, width, height = (side / 2 for side in FACE)
    assert hit(detector.detect(affine.resize(photo, 256, 256)), (x, y, width, height))


def test_a_mirrored_face_is_detected_at_the_mirrored_position(photo: NDArray[np.uint8]) -> None:
    detector = OpenCVCascadeDetector(side=256)
    mirrored = np.ascontiguousarray(photo[:, ::-1])
    x, y, width, height = FACE
    assert hit(detector.detect(mirrored), (511 - x - width, y, width, height))


def test_fallback_passes_detect_rotated_and_cut_faces(photo: NDArray[np.uint8]) -> None:
    detector = OpenCVCascadeDetector()
    portrait = affine.resize(np.ascontiguousarray(photo[16:240, 116:340]), 112, 112)
    box = ((FACE[0] - 116) / 2, (FACE[1] - 16) / 2, FACE[2] / 2, FACE[3] / 2)
    middle = box[0] + box[2] / 2, box[1] + box[3] / 2
    for angle in (-30.0, 30.0):
        turned = affine.warp(portrait, affine.rotation_matrix(angle, middle), 112, 112)
        _, slight, *_ = detector.detect_fallback(turned)
        detections = [one for one in hit(slight, box) if abs(one.angle) > 10]
        assert detections
        assert abs(detections[0].angle - angle) < 12  # clockwise is positive, as for rotations
    near = np.ascontiguousarray(photo[70:185, 172:280])  # brows and chin at its borders
    box = (FACE[0] - 172, FACE[1] - 70, *FACE[2:])
    assert any(hit(detections, box) for detections in detector.detect_fallback(near))
    assert isinstance(detector, RetryingDetector)


def test_an_opencv_without_cascades_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "CascadeClassifier")
    with pytest.raises(SettingsError, match="has no cascades; install 'opencv-python-headless<5'"):
        make_detector("opencv-cascade")


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (1, 900), (900, 2), (19, 19), (25, 3, 3)])
def test_cascades_accept_any_shape(shape: tuple[int, ...]) -> None:
    detector = OpenCVCascadeDetector()
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert detector.detect(image) == []
    for detections in detector.detect_fallback(image):
        assert all(np.isfinite(one.box).all() for one in detections)


def test_a_uniform_image_has_no_detection() -> None:
    detector = OpenCVCascadeDetector()
    image = np.full((200, 300), 128, dtype=np.uint8)
    assert detector.detect(image) == []
    *searched, guesses = detector.detect_fallback(image)
    assert searched == [[], [], []]
    assert guesses  # the last try needs no search
    assert max(one.score for one in guesses) < 0.5


@pytest.mark.parametrize("wrong", [{"side": 10}, {"smallest": 0.0}, {"smallest": 1.5}])
def test_sizes_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="side"):
        OpenCVCascadeDetector(**wrong)  # type: ignore[arg-type]


# Full images and boxes from a file


def test_a_full_image_is_one_face() -> None:
    detector, image = FullImageDetector(part=0.5, down=0.1), np.zeros((40, 80), dtype=np.uint8)
    (detection,) = detector.detect(image)
    assert detection == Detection((29.5, 13.5, 20.0, 20.0))  # about (39.5, 19.5 + 4)
    ((smaller,),) = detector.detect_fallback(image)
    assert smaller == Detection((34.5, 16.5, 10.0, 10.0))  # half the size, about (39.5, 19.5 + 2)


def test_boxes_are_read_from_a_table(tmp_path: Path) -> None:
    table = tmp_path / "boxes.csv"
    table.write_text(
        "\ufefffile,x,y,w,h,note\na.jpg,1,2,3,4.5,\na.jpg,10,20,30,40,second\nsub/b.jpg,5,5,5,5,\n"
    )
    detector = BoxFileDetector.load(table)
    assert detector.detect_in("a.jpg") == [Detection((1, 2, 3, 4.5)), Detection((10, 20, 30, 40))]
    assert detector.detect_in("/somewhere/photos/a.jpg") == detector.detect_in("a.jpg")
    assert detector.detect_in("photos/./sub/b.jpg") == [Detection((5, 5, 5, 5))]
    assert detector.detect_in("b.jpg") == []
    assert detector.detect_in("other/b.jpg") == []
    with pytest.raises(SettingsError, match="no name to find them by"):
        detector.detect(np.zeros((8, 8), dtype=np.uint8))
    table.write_text("file,x,y,w,h,angle\na.jpg,1,2,3,4,90\nb.jpg,1,2,3,4,\n")
    turned = BoxFileDetector.load(table)
    assert [turned.detect_in(name)[0].angle for name in ("a.jpg", "b.jpg")] == [90, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column file, x, y, w, h"),
        ("file,x,y,w\na,1,2,3\n", "no column h"),
        ("file,x,y,w,h\na,1,2,3,many\n", "line 2: h should be a number of pixels, is 'many'"),
        ("file,x,y,w,h\na,1,2,3\n", "line 2: h should be a number"),
        ("file,x,y,w,h\na,1,nan,3,4\n", "y should be a number"),
        ("file,x,y,w,h\na,1,2,0,4\n", "positive w and h"),
        ("file,x,y,w,h\na,1e308,2,3,4\n", "x should be a number of pixels, is '1e308'"),
        ("file,x,y,w,h\na,1,2,1e30,4\n", "w should be a number of pixels"),
        ("file,x,y,w,h\n,1,2,3,4\n", "the column file is blank"),
        ("file,x,y,w,h\na,0.3,0.1,0.2,0.25\n", "fractions of the image"),
        ("file,x,y,w,h\n" + "a" * 140_000 + ",1,2,3,4\n", "larger than field limit"),
    ],
)
def test_wrong_tables_of_boxes_are_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        BoxFileDetector.load(tmp_path / "boxes.csv")


def test_boxes_that_match_no_image_or_lie_outside_are_a_warning(tmp_path: Path) -> None:
    table = tmp_path / "boxes.csv"
    table.write_text("file;x;y;w;h\nsub\\a.jpg;1;2;30;40\nB.JPG;1;2;30;40\nc.jpg;50;2;9;9\n")
    detector = BoxFileDetector.load(table)
    assert detector.detect_in("b.jpg") == []
    with pytest.warns(
        DataWarning, match=r"none of the 3 files .* \(without: sub/a.jpg, B.JPG, c.jpg\)"
    ):
        detector.warn_of_unused()
    image = np.zeros((50, 50), np.uint8)
    assert detector.detect_in("sub/a.jpg", image) == [Detection((1, 2, 30, 40))]
    with pytest.warns(DataWarning, match=r"50, 2, 9, 9 lies outside of the 50x50 pixels of c.jpg"):
        detector.detect_in("c.jpg", image)
    with pytest.warns(DataWarning, match=r"not all of the 3 files .* \(without: B.JPG\)"):
        detector.warn_of_unused()
    detector.detect_in("B.JPG", image)
    detector.warn_of_unused()  # nothing to say


def test_a_pipe_is_no_table_of_boxes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="no regular file"):
        BoxFileDetector.load(tmp_path / "pipe")


def test_unreadable_tables_of_boxes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no table of boxes"):
        BoxFileDetector.load(tmp_path / "nowhere.csv")
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    with pytest.raises(DataError, match="could not read"):
        BoxFileDetector.load(tmp_path / "binary")


# YuNet


class _Net:
    """The part of OpenCV's FaceDetectorYN that the detector uses. It returns one face."""

    def __init__(self, points: NDArray) -> None:
        self.points, self.size = points, (0, 0)

    def setInputSize(self, size: tuple[int, int]) -> None:  # as OpenCV calls it
        self.size = size

    def detect(self, image: NDArray[np.uint8]) -> tuple[int, NDArray | None]:
        assert image.shape == (self.size[1], self.size[0], 3)
        return 1, np.array([[0, 0, 1, 1, *self.points.ravel(), 0.9]], dtype=np.float32)


@pytest.mark.parametrize("angle", [0.0, 20.0, -75.0, 160.0])
def test_yunet_fits_the_mean_face_to_its_five_points(
    angle: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("right_eye_center", "left_eye_center", "nose_tip")
    names += ("mouth_right_corner", "mouth_left_corner")
    mean = mean_points(KAGGLE_15.subset(names))[0]
    turn = affine.rotation_matrix(angle, (0, 0))
    in_image = affine.apply(turn, mean * 400) + np.array(
        [1000, 500]
    )  # 2048 wide: YuNet gets it at half size
    net = _Net((in_image + 0.5) / 2 - 0.5)
    monkeypatch.setattr(cv2, "FaceDetectorYN", SimpleNamespace(create=lambda *_: net))
    (tmp_path / "yunet.onnx").touch()
    (detection,) = YuNetDetector(tmp_path / "yunet.onnx").detect(
        np.zeros((1024, 2048, 3), dtype=np.uint8)
    )
    assert abs(detection.angle - angle) < 0.1
    expected = (1000 + 400 * MEAN_BOX[0], 500 + 400 * MEAN_BOX[1], 400 * MEAN_BOX[2])
    np.testing.assert_allclose(detection.box[:3], expected, atol=0.1)
    assert detection.score == pytest.approx(0.9)


def test_files_that_are_not_yunet_are_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ModelError, match="no file at"):
        YuNetDetector(tmp_path / "nowhere.onnx")
    (tmp_path / "wrong.onnx").write_bytes(b"no network")
    with pytest.raises(ModelError, match="is not YuNet") as message:
        YuNetDetector(tmp_path / "wrong.onnx")
    assert "\n" not in str(message.value)
    assert capfd.readouterr().err == ""


# Names and boxes


def test_detectors_have_names(tmp_path: Path) -> None:
    assert make_detector("opencv-cascade") == OpenCVCascadeDetector()
    assert make_detector("full-image") == FullImageDetector()
    (tmp_path / "a.csv").write_text("file,x,y,w,h\n")
    assert isinstance(make_detector(f"boxes:{tmp_path / 'a.csv'}"), BoxFileDetector)
    for wrong in ("eyes", "boxes", "boxes:", "full-image:x", f"yunet:{tmp_path / 'no.onnx'}", ""):
        with pytest.raises(FacepointsError):
            make_detector(wrong)


def test_iou_is_the_shared_area_over_the_united_area() -> None:
    assert iou((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert iou((0, 0, 10, 10), (5, 0, 10, 10)) == pytest.approx(1 / 3)
    assert iou((0, 0, 10, 10), (10, 0, 10, 10)) == 0


def test_overlap_of_the_smaller_box_is_its_shared_fraction() -> None:
    assert overlap_of_smaller((0, 0, 10, 10), (2, 2, 2, 2)) == 1
    assert overlap_of_smaller((0, 0, 10, 10), (5, 0, 10, 20)) == 0.5
    assert overlap_of_smaller((0, 0, 10, 10), (10, 0, 10, 10)) == 0
    assert overlap_of_smaller((0, 0, 0, 0), (0, 0, 10, 10)) == iou((0, 0, 0, 0), (0, 0, 0, 0)) == 0


def test_overlaps_of_many_boxes_equal_those_of_pairs() -> None:
    boxes = np.random.default_rng(0).uniform(1, 20, (50, 4))
    united, of_smaller = overlaps(boxes, boxes[0])
    for box, both, part in zip(boxes.tolist(), united, of_smaller, strict=True):
        assert both == pytest.approx(iou(tuple(box), tuple(boxes[0].tolist())))
        assert part == pytest.approx(overlap_of_smaller(tuple(box), tuple(boxes[0].tolist())))


def test_boxes_of_one_face_are_merged_into_their_mean() -> None:
    one = [
        Detection((0, 0, 10, 10), 0.6),
        Detection((2, 0, 10, 10), 0.2),
        Detection((50, 0, 10, 10), 0.9),
    ]
    far, mean = merge_detections(one)
    assert far == Detection((50, 0, 10, 10), 0.9)
    np.testing.assert_allclose(mean.box, (0.5, 0, 10, 10), atol=1e-4)
    assert mean.score == 0.6
    upside_down = [Detection((0, 0, 10, 10), 0.6), Detection((0, 0, 10, 10), 0.5, angle=180)]
    assert len(merge_detections(upside_down)) == 2
    around = merge_detections(
        [Detection((0, 0, 9, 9), 0.5, 175), Detection((0, 0, 9, 9), 0.5, -175)]
    )
    assert len(around) == 1
    assert abs(abs(around[0].angle) - 180) < 1e-6
    assert merge_detections([]) == []


@given(
    angle=st.floats(-179, 179),
    scale=st.floats(0.2, 5),
    shift=st.tuples(st.floats(-50, 50), st.floats(-50, 50)),
    turned=st.floats(-90, 90),
)
def test_detections_are_mapped_back_to_the_original_image(
    angle: float, scale: float, shift: tuple[float, float], turned: float
) -> None:
    """A face of a rotated, scaled and shifted image is mapped to its position in the original."""
    matrix = affine.compose(
        affine.rotation_matrix(turned, (10, 20)),
        affine.resize_matrix(scale, scale),
        np.array([[1.0, 0, shift[0]], [0, 1, shift[1]]]),
    )
    before = Detection((30.0, 40.0, 20.0, 24.0), 0.7, angle)
    center = affine.apply(matrix, np.array([40.0, 52.0]))
    x, y = map(float, center)
    mapped = (x - 10 * scale, y - 12 * scale, 20 * scale, 24 * scale)
    after = map_detection(Detection(mapped, 0.7, angle + turned), matrix)
    np.testing.assert_allclose(after.box, before.box, atol=1e-3)
    assert abs((after.angle - before.angle + 180) % 360 - 180) < 1e-3
    assert after.score == before.score
