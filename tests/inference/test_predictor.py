"""From an image to faces: crops, refinement, scores, rotations, batches; with a simple fake model.

A "face" here is a bright disc (its brow) above a dark one (its chin) on gray, and the model
reads the two discs. So the output can be compared with the detections where they were drawn.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fakes import DISC_LANDMARKS, DISC_SHAPE, DiscModel, DriftingDiscs, FixedDetector, center_of
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage import data

import facepoints
from facepoints._util import at_once
from facepoints.api import FaceModel, load
from facepoints.detection import (
    BoxFileDetector,
    BuiltinDetector,
    Detection,
    FullImageDetector,
    OpenCVCascadeDetector,
)
from facepoints.errors import DataError, ModelError, SettingsError
from facepoints.imaging import affine
from facepoints.inference import batches, predictor
from facepoints.inference.face import Face
from facepoints.inference.landmark_model import LandmarkModel, LandmarkOutput
from facepoints.inference.predictor import Predictor
from facepoints.inference.refinement import CropConfig
from facepoints.landmarks.known_sets import KAGGLE_15

DISC = 0.14  # radius of the two discs on a face whose longer side is 1

PLAIN = 128


def draw_face(
    image: NDArray[np.uint8], x: float, y: float, size: float, angle: float = 0, bright: int = 255
) -> NDArray[np.float64]:
    """Draw a face of `size` pixels, rotated clockwise, and return its points. The brighter its
    brow, the higher the model's score."""
    turn = affine.rotation_matrix(angle, (0, 0))
    points = affine.apply(turn, DISC_SHAPE * size).astype(float) + np.array([x, y])
    for point, value in zip(points[:2], (bright, 0), strict=True):
        middle = tuple(int(v) for v in np.rint(point * 256))
        cv2.circle(image, middle, round(size * DISC * 256), value, -1, cv2.LINE_AA, 8)
    return points


def canvas(width: int = 320, height: int = 240) -> NDArray[np.uint8]:
    return np.full((height, width), PLAIN, dtype=np.uint8)


@dataclass
class RecordingDiscs(DriftingDiscs):
    """It keeps the crops of each call."""

    crops: list[NDArray[np.uint8]] = field(default_factory=list)

    def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput:
        self.crops.append(crops.copy())
        return super().__call__(crops)


def around(x: float, y: float, size: float, score: float = 0.9, angle: float = 0) -> Detection:
    return Detection((x - size / 2, y - size / 2, size, size), score, angle)


# Landmarks


@settings(max_examples=60, deadline=None)
@given(
    x=st.floats(100, 220),
    y=st.floats(90, 150),
    size=st.floats(40, 130),
    angle=st.floats(-180, 180),
    off=st.tuples(st.floats(-0.1, 0.1), st.floats(-0.1, 0.1), st.floats(0.85, 1.2)),
    passes=st.sampled_from([0, 1]),
)
def test_predicted_points_match_the_drawn_face(
    x: float, y: float, size: float, angle: float, off: tuple[float, float, float], passes: int
) -> None:
    image = canvas()
    truth = draw_face(image, x, y, size, angle)
    detection = around(x + off[0] * size, y + off[1] * size, size * off[2], angle=angle + 15)
    (face,) = Predictor(DriftingDiscs(passes), FixedDetector([detection]))(image)
    assert np.abs(face.points - truth).max() < 0.04 * size
    np.testing.assert_allclose(face.radius, 0.05 * size * np.array([1, 1, 2, 2]), rtol=0.1)
    np.testing.assert_allclose(face.box, affine.bounding_box(face.points))
    assert face.landmarks == DISC_LANDMARKS
    assert face.points.dtype == face.radius.dtype == np.float32


def test_the_initial_crop_puts_the_detected_box_where_training_had_it() -> None:
    image = canvas()
    draw_face(image, 150, 120, 100, 90)
    model = RecordingDiscs(refinement_passes=0)
    Predictor(model, FixedDetector([around(150, 120, 100, angle=90)]))(image)
    expected = np.full((64, 64), PLAIN, dtype=np.uint8)
    draw_face(expected, 31.5, 31.5, 40)  # upright, in the middle of `face_box`, its longer side 40
    assert np.abs(model.crops[0][0].astype(int) - expected).mean() < 1.5


@pytest.mark.parametrize(
    ("detection", "calls"),
    [
        (around(160, 120, 100, angle=20), [1]),
        (around(162, 118, 105, angle=14), [1]),
        (around(172, 120, 100, angle=20), [1, 1]),
        (around(160, 120, 100, angle=5), [1, 1]),
        (around(160, 120, 120, angle=20), [1, 1]),
    ],
)
def test_a_crop_within_the_tolerances_is_not_refined(
    detection: Detection, calls: list[int]
) -> None:
    image = canvas()
    truth = draw_face(image, 160, 120, 100, 20)
    model, config = DriftingDiscs(), CropConfig(sure_score=0)
    (face,) = Predictor(model, FixedDetector([detection]), crop_config=config)(image)
    assert model.calls == calls
    assert np.abs(face.points - truth).max() < 4


def test_refinement_corrects_the_first_prediction() -> None:
    image = canvas()
    truth = draw_face(image, 160, 120, 100, 25)
    detection = around(170, 112, 110)
    off = {}
    for passes in (0, 1):
        (face,) = Predictor(DriftingDiscs(passes, drift=0.15), FixedDetector([detection]))(image)
        off[passes] = np.abs(face.points - truth).max()
    assert off[0] > 2
    assert off[1] < off[0] / 3


@pytest.mark.parametrize("doubt", [0.1, 500.0])
def test_refinement_weighs_points_with_a_small_radius_more(doubt: float) -> None:
    class Unsure(RecordingDiscs):
        """The first prediction of the left ear is wrong, with a radius of `doubt`."""

        def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput:
            output = super().__call__(crops)
            if len(self.calls) == 1:
                output.points[:, 2] += 15
                output.radius[:, 2] = doubt
            return output

    model = Unsure()
    image, expected = canvas(), canvas(64, 64)
    draw_face(image, 160, 120, 100, 20)
    Predictor(model, FixedDetector([around(160, 120, 100)]))(image)
    draw_face(expected, 31.5, 31.5, 40)
    off = np.abs(model.crops[1][0].astype(int) - expected).mean()
    assert off < 1.5 if doubt > 1 else off > 5


def test_points_in_one_place_do_not_move_the_crop() -> None:
    class Wild(DriftingDiscs):
        def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput:
            output = super().__call__(crops)
            output.score[:] = 1
            output.points[:] = 31 + 1e-3 * output.points  # all but in one place
            return output

    (face,) = Predictor(Wild(), FixedDetector([around(160, 120, 100)]))(canvas())
    assert np.abs(face.points - (160, 120)).max() < 5


def test_a_crop_of_part_of_an_image_equals_that_of_the_whole_image() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (900, 1200), dtype=np.uint8)
    image = np.asarray(cv2.GaussianBlur(noise, (0, 0), 3), dtype=np.uint8)
    detections = [
        around(600, 400, 60, angle=30),
        around(30, 20, 90),
        around(1190, 890, 300, angle=-50),
    ]
    detections += [around(-100, 450, 50), around(600, 450, 900)]
    model = RecordingDiscs(refinement_passes=0)
    predictor = Predictor(model, FixedDetector(detections), min_score=0)
    predictor(image)
    for crop, detection in zip(model.crops[0], detections, strict=True):
        x, y, width, height = detection.box
        scale = 40 / max(width, height)
        center = x + width / 2, y + height / 2
        zoom = np.array(
            [[scale, 0, 31.5 - scale * center[0]], [0, scale, 31.5 - scale * center[1]]]
        )
        matrix = affine.compose(affine.rotation_matrix(-detection.angle, center), zoom)
        whole = affine.warp(image, matrix, 64, 64)
        assert np.abs(crop.astype(int) - whole).mean() < 3


# Faces


def test_low_scores_are_no_faces() -> None:
    image = canvas()
    draw_face(image, 80, 120, 100)
    detector = FixedDetector([around(90, 120, 120, 0.2), around(240, 120, 100, 0.95)])
    model = DriftingDiscs()
    faces = Predictor(model, detector)(image)
    assert len(faces) == 1
    assert faces[0].box[0] < 160
    assert faces[0].score == pytest.approx(0.99)
    assert model.calls == [2, 1]  # a hopeless crop is not refined
    assert Predictor(DriftingDiscs(), detector, min_score=0.995)(image) == []
    assert len(Predictor(DriftingDiscs(), detector, min_score=0)(image)) == 2


def test_without_a_face_score_the_detector_decides() -> None:
    image = canvas()
    draw_face(image, 80, 120, 100)
    detector = FixedDetector([around(80, 120, 100, 0.4), around(240, 120, 100, 0.7)])
    (face,) = Predictor(DriftingDiscs(has_face_score=False), detector)(image)
    assert face.score == 0.7
    assert face.box[0] > 160


def test_a_face_that_is_detected_twice_is_returned_once() -> None:
    image = canvas()
    truth = draw_face(image, 160, 120, 100)
    detections = [around(160, 120, 100), around(162, 119, 104), around(175, 120, 130, 0.5)]
    detections += [around(150, 130, 80, 0.3), around(160, 120, 100, angle=60)]
    (face,) = Predictor(DriftingDiscs(), FixedDetector(detections))(image)
    assert np.abs(face.points - truth).max() < 3


def test_neighbors_are_two_faces_and_the_highest_score_comes_first() -> None:
    image = canvas()
    draw_face(image, 90, 120, 100, bright=220)
    draw_face(image, 200, 120, 100)
    detections = [around(90, 120, 100), around(200, 120, 100)]
    faces = Predictor(DriftingDiscs(), FixedDetector(detections))(image)
    assert len(faces) == 2
    assert faces[0].score > faces[1].score
    assert faces[0].box[0] > faces[1].box[0]


def test_fallback_detections_are_used_only_without_a_face() -> None:
    image = canvas()
    truth = draw_face(image, 160, 120, 100)
    nothing, there = around(40, 60, 60), around(160, 120, 100)
    detector = FixedDetector([nothing], [[], [nothing], [there], [nothing]])
    (face,) = Predictor(DriftingDiscs(), detector)(image)
    assert np.abs(face.points - truth).max() < 3
    assert detector.attempts == 3
    eager = FixedDetector([there], [[nothing]])
    assert len(Predictor(DriftingDiscs(), eager)(image)) == 1
    assert eager.attempts == 0
    vain = FixedDetector([], [[nothing], []])
    assert Predictor(DriftingDiscs(), vain)(image) == []
    assert vain.attempts == 2


class Upright:
    """A detector that finds faces within 40 degrees of upright only."""

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        brow, chin = center_of(image > 200), center_of(image < 56)
        way = chin - brow
        if abs(np.degrees(np.arctan2(way[0], way[1]))) > 40:
            return []
        size = float(np.hypot(*way)) / 0.7
        x, y = (brow + chin) / 2
        return [around(float(x), float(y), size)]


@pytest.mark.parametrize("angle", [0, 90, 180, 270, 60, -150])
def test_any_angle_finds_faces_on_their_side_and_upside_down(angle: float) -> None:
    image = canvas()
    truth = draw_face(image, 140, 110, 100, angle)
    (face,) = Predictor(DriftingDiscs(), Upright(), any_angle=True)(image)
    assert np.abs(face.points - truth).max() < 3
    assert bool(Predictor(DriftingDiscs(), Upright())(image)) == (angle == 0)


def test_any_angle_uses_fallback_detections_in_every_rotation() -> None:
    image = canvas()
    truth = draw_face(image, 140, 110, 100, 180)

    class Patient(Upright):
        def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
            return []

        def detect_fallback(self, image: NDArray[np.uint8]) -> Iterator[list[Detection]]:
            yield []
            yield Upright.detect(self, image)

    (face,) = Predictor(DriftingDiscs(), Patient(), any_angle=True)(image)
    assert np.abs(face.points - truth).max() < 3


# One image, several, files


def test_several_images_go_through_the_model_together() -> None:
    images, truths = [], []
    for x in (100, 130, 160):
        image = canvas()
        truths.append(draw_face(image, x, 120, 100))
        images.append(image)
    model = DriftingDiscs()
    batch = Predictor(model, FixedDetector([around(130, 110, 130)]))([*images, canvas()])
    assert model.calls == [4, 3]
    assert [len(faces) for faces in batch] == [1, 1, 1, 0]
    for faces, truth in zip(batch[:3], truths, strict=True):
        assert np.abs(faces[0].points - truth).max() < 3


def test_batches_of_images_at_a_time_are_the_images_one_by_one(tmp_path: Path) -> None:
    """With the built-in model: no digit depends on the others of a list, or on threads."""
    photo = cv2.resize(data.astronaut(), (256, 256), interpolation=cv2.INTER_AREA)
    images: list[Any] = [photo[n : n + 112, 58 + 2 * n : 170 + 2 * n] for n in range(11)]
    images[2] = canvas(60, 40)
    one = load(threads=1)
    single = [one([image])[0] for image in images]
    for threads in (1, 3):
        together = load(threads=threads)(iter(images))
        assert [len(faces) for faces in together] == [1, 1, 0] + [1] * 8
        for faces, wanted in zip(together, single, strict=True):
            assert list(faces) == list(wanted)
    assert np.abs(one(images[0])[0].points - single[0][0].points).max() < 1e-3
    images[9] = tmp_path / "nowhere.jpg"
    several = load(threads=3)
    with pytest.raises(DataError, match="nowhere"):
        several(images)
    skipped = several(images, on_error="skip")
    assert "nowhere.jpg" in skipped[9].error
    assert list(skipped[10]) == list(single[10])


def test_after_an_error_no_further_images_of_other_batches_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As after Ctrl-C: each thread stops after the image at hand, not after its batch."""
    closed, read = threading.Event(), []

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            closed.set()
            super().shutdown(wait, cancel_futures=cancel_futures)

    def as_array(image: int, bgr: bool) -> NDArray[np.uint8]:
        read.append(image)
        if image == 0:
            raise DataError("not an image")
        assert closed.wait(20)
        return canvas()

    monkeypatch.setattr(at_once, "ThreadPoolExecutor", Pool)
    monkeypatch.setattr(predictor, "as_array", as_array)
    images: Any = list(range(64))
    with pytest.raises(DataError):
        Predictor(LandmarkModel.load(threads=2), FullImageDetector())(images)
    assert len(read) <= 3  # the first of three batches of eight


def test_large_images_of_a_list_are_read_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """So that a list of very large photos fits in memory, with the same faces."""
    read = []
    monkeypatch.setattr(predictor, "as_array", lambda image, bgr: read.append(image) or image)
    monkeypatch.setattr(batches, "_MOST_PIXELS", 2 * 240 * 320)
    image = canvas()
    truth = draw_face(image, 130, 120, 100)
    model = DriftingDiscs()
    found = Predictor(model, FixedDetector([around(130, 110, 130)]))([image] * 5)
    assert len(read) == 5
    assert model.calls == [2, 2] * 2 + [1, 1]
    for (face,) in found:
        assert np.abs(face.points - truth).max() < 3


def test_no_images_have_no_faces() -> None:
    model = DriftingDiscs()
    assert Predictor(model, FixedDetector([]))([]) == []
    assert Predictor(model, FixedDetector([]))([canvas()]) == [[]]
    assert Predictor(model, FixedDetector([]))(canvas()) == []


def test_every_kind_of_image_gives_the_same_faces(tmp_path: Path) -> None:
    gray = canvas()
    truth = draw_face(gray, 160, 120, 100)
    rgb = np.repeat(gray[..., None], 3, axis=2)
    opaque = np.dstack([rgb, np.full(gray.shape, 255, np.uint8)])
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), gray)
    predictor = Predictor(DriftingDiscs(), FixedDetector([around(160, 120, 100)]))
    kinds: list[Any] = [gray, rgb, opaque, gray[..., None], rgb[:, ::-1][:, ::-1], path, str(path)]
    kinds += [path.read_bytes(), pytest.importorskip("PIL.Image").fromarray(rgb)]
    for kind in kinds:
        (face,) = predictor(kind)
        assert np.abs(face.points - truth).max() < 3
    assert [len(faces) for faces in predictor(kinds)] == [1] * len(kinds)


def test_arrays_of_opencv_are_read_as_bgr_on_request() -> None:
    bgr = np.repeat(canvas()[..., None], 3, axis=2)
    bgr[100:140, 140:180] = (255, 0, 0)  # blue, which counts little in gray
    seen = RecordingDiscs()
    predictor = Predictor(seen, FixedDetector([around(160, 120, 100)]), min_score=0)
    predictor(bgr, bgr=True)
    predictor(np.ascontiguousarray(bgr[..., ::-1]))
    predictor([bgr], bgr=True)
    assert (seen.crops[0] == seen.crops[len(seen.crops) // 3]).all()
    predictor(bgr)
    assert (seen.crops[0] != seen.crops[-1]).any()


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((8, 8)),
        np.zeros((8, 8, 3), dtype=np.float32),
        np.zeros((2, 8, 8, 3), dtype=np.uint8),
        np.zeros((8, 8, 2), dtype=np.uint8),
        np.zeros((0, 8), dtype=np.uint8),
        np.zeros(8, dtype=np.uint8),
    ],
)
def test_arrays_that_are_not_images_are_refused(wrong: NDArray) -> None:
    predictor = Predictor(DriftingDiscs(), FixedDetector([]))
    with pytest.raises(DataError, match="an image"):
        predictor(wrong)
    with pytest.raises(DataError, match="an image"):
        predictor([canvas(), wrong])


@pytest.mark.parametrize("wrong", [None, 3, object(), [3], [[canvas()]]])
def test_objects_that_are_no_images_are_refused(wrong: Any) -> None:
    with pytest.raises(DataError, match=r"got \w+; (numpy.asarray|cv2.imread)"):
        Predictor(DriftingDiscs(), FixedDetector([]))(wrong)


@pytest.mark.parametrize("wrong", [b"bytes", [b"bytes"]])
def test_bytes_that_are_no_image_file_are_refused(wrong: Any) -> None:
    with pytest.raises(DataError, match="is not an image of a known kind"):
        Predictor(DriftingDiscs(), FixedDetector([]))(wrong)


def test_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no image at"):
        Predictor(DriftingDiscs(), FixedDetector([]))(tmp_path / "nowhere.jpg")


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (2, 700), (700, 1, 3), (30, 30)])
def test_tiny_images_have_no_face(shape: tuple[int, ...]) -> None:
    image = np.full(shape, 90, dtype=np.uint8)
    assert Predictor(DriftingDiscs())(image) == []
    assert Predictor(DriftingDiscs(), any_angle=True)(image) == []
    assert Predictor(DriftingDiscs(), FullImageDetector())(image) == []


def test_boxes_from_a_file_belong_to_files(tmp_path: Path) -> None:
    image = canvas()
    truth = draw_face(image, 160, 120, 100)
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), image)
    (tmp_path / "boxes.csv").write_text("file,x,y,w,h\na.png,110,70,100,100\n")
    predictor = Predictor(DriftingDiscs(), BoxFileDetector.load(tmp_path / "boxes.csv"))
    (face,), none = predictor([tmp_path / "a.png", tmp_path / "b.png"])
    assert none == []
    assert np.abs(face.points - truth).max() < 3
    with os.scandir(tmp_path) as entries:  # entries are paths, too
        (entry,) = (one for one in entries if one.name == "a.png")
    assert len(predictor(entry)) == 1
    with pytest.raises(SettingsError, match="no name"):
        predictor(image)


# Loading


def test_settings_out_of_range_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="min_score"):
        Predictor(DriftingDiscs(), min_score=1.5)
    with pytest.raises(SettingsError, match="no face detector 'eyes'"):
        load(detector="eyes")
    with pytest.raises(ModelError, match="no model at"):
        load(tmp_path / "nowhere.onnx")


def test_the_package_offers_the_short_names() -> None:
    assert facepoints.load is load
    assert facepoints.Face is Face
    assert facepoints.FaceModel is FaceModel
    assert {"load", "Face", "read_image"} <= set(dir(facepoints))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        facepoints.nothing  # noqa: B018


def test_importing_the_package_loads_no_dependency() -> None:
    code = "import facepoints, sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert not loaded & {"cv2", "numpy", "onnxruntime", "rich", "tyro", "torch"}


def test_predicting_needs_neither_rich_nor_tyro(tmp_path: Path) -> None:
    code = """
import sys
sys.modules.update(dict.fromkeys(["rich", "tyro", "torch", "matplotlib"]))  # importing them fails
import facepoints
from skimage import data
model = facepoints.load()
photo = data.astronaut()
print(len(model(photo)), [len(faces) for _, faces in model.track(sys.argv[1])])
"""
    for name in ("1.png", "2.png"):
        cv2.imwrite(str(tmp_path / name), data.astronaut()[..., ::-1])
    words = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == "1 [1, 1]\n"


def test_cascades_and_a_mean_face_on_a_photo() -> None:
    """The fake model predicts the mean face in the detected box."""

    faces = Predictor(DiscModel(has_face_score=False), OpenCVCascadeDetector())(data.astronaut())
    brow, chin = faces[0].points[:2]
    np.testing.assert_allclose((brow + chin) / 2, (226, 127), atol=12)
    assert 50 < chin[1] - brow[1] < 85


# The built-in model

EYES = {"right_eye_center": (203.5, 100.5), "left_eye_center": (249.5, 104.0)}
MOUTH = {"mouth_right_corner": (202.5, 139.5), "mouth_left_corner": (244.0, 141.0)}
"""Points on `skimage.data.astronaut()`, looked up by hand."""


def test_a_low_detector_score_lowers_the_score_of_a_face() -> None:
    """The photo shows a tower and a dark box that look a little like a face."""
    detector = BuiltinDetector.load(min_score=0.02, threads=1)
    photo = data.astronaut()
    assert len(detector.detect(photo)) > 2
    model = LandmarkModel.load(threads=1)
    (face,) = Predictor(model, detector)(photo)
    assert face.score > 0.99
    detection = detector.detect(photo)[0]

    class Doubtful(BuiltinDetector):
        def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
            return [replace(detection, score=self.side / 1000)]

    scores = [
        [f.score for f in Predictor(model, Doubtful(side), min_score=0)(photo)]
        for side in (1, 10, 100, 400, 700, 900, 950)
    ]
    assert scores == sorted(scores)
    assert scores[0][0] < 0.9 < scores[3][0] < scores[4][0] < scores[5][0] == scores[6][0]


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_the_shipped_model_finds_the_points_of_a_photo(turns: int) -> None:
    photo = data.astronaut()
    width = photo.shape[1]
    matrix = np.eye(3)[:2]
    for _ in range(turns):  # counterclockwise
        matrix = affine.compose(matrix, np.array([[0.0, 1, 0], [-1, 0, width - 1]]))
    model = load(any_angle=turns > 0, threads=1)
    (face,) = model(np.ascontiguousarray(np.rot90(photo, turns)))
    assert face.score > 0.9
    kaggle = face.as_landmarks(KAGGLE_15)
    for name, position in {**EYES, **MOUTH}.items():
        column = KAGGLE_15.names.index(name)
        away = np.hypot(*(kaggle.points[column] - affine.apply(matrix, np.array(position))))
        assert away < 4
        assert away < kaggle.radius[column] + 2  # where it was looked up is not exact either


def test_a_detector_without_the_method_detect_is_refused() -> None:
    with pytest.raises(SettingsError, match="method detect"):
        Predictor(DiscModel(), 3)  # type: ignore[arg-type]
