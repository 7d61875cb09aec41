"""From pictures to faces: crops, looks, scores, turns, batches; with a model that is plain to see.

A "face" here is a bright disc (its brow) above a dark one (its chin) on gray, and the model
reads the two discs. So what comes back can be compared with where they were drawn.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage import data

import facepoints
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
from facepoints.inference.face import Face
from facepoints.inference.landmark_model import LandmarkModel, LandmarkOutput
from facepoints.inference.predictor import Predictor
from facepoints.landmarks.known_sets import KAGGLE_15
from facepoints.landmarks.landmark_set import LandmarkSet

POINTS = LandmarkSet(("brow", "chin", "left_ear", "right_ear"))
SHAPE = np.array([(0, -0.35), (0, 0.35), (0.4, 0), (-0.4, 0)])
"""The four points on a face whose box has its middle at 0 and the longer side 1."""
DISC = 0.14  # radius of the two discs on that face

PLAIN = 128


def draw_face(
    image: NDArray[np.uint8], x: float, y: float, size: float, angle: float = 0, bright: int = 255
) -> NDArray[np.float64]:
    """Draw a face of `size` pixels, turned clockwise; where its points are. The brighter its
    brow, the surer the model."""
    turn = affine.rotation_matrix(angle, (0, 0))
    points = affine.apply(turn, SHAPE * size).astype(float) + np.array([x, y])
    for point, value in zip(points[:2], (bright, 0), strict=True):
        middle = tuple(int(v) for v in np.rint(point * 256))
        cv2.circle(image, middle, round(size * DISC * 256), value, -1, cv2.LINE_AA, 8)
    return points


def canvas(width: int = 320, height: int = 240) -> NDArray[np.uint8]:
    return np.full((height, width), PLAIN, dtype=np.uint8)


@dataclass
class Discs:
    """A model that reads the discs.

    Attributes:
        drift: by how much of their way from the canonical_points its points are off: what a second
            look makes smaller.
    """

    refinement_passes: int = 1
    has_face_score: bool = True
    drift: float = 0.0
    calls: list[int] = field(default_factory=list)
    landmarks: LandmarkSet = POINTS
    size: tuple[int, int] = (64, 64)
    face_box: tuple[float, float, float, float] = (11.5, 13.5, 40.0, 36.0)

    @property
    def canonical_points(self) -> NDArray[np.float32]:
        return (SHAPE * 40 + 31.5).astype(np.float32)

    def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput:
        assert crops.dtype == np.uint8
        assert crops.shape[1:] == self.size
        self.calls.append(len(crops))
        answer = LandmarkOutput(
            np.full((len(crops), 4, 2), np.nan, np.float32),
            np.ones((len(crops), 4), np.float32),
            np.zeros(len(crops), np.float32),
        )
        for row, crop in enumerate(crops):
            seen = [_middle(crop > 200), _middle(crop < 56)]
            if any(len(m) == 0 for m in seen):
                answer.points[row] = self.canonical_points
                continue
            fit = affine.fit_similarity(SHAPE[:2], np.array(seen))
            points = affine.apply(fit, SHAPE)
            answer.points[row] = points + self.drift * (points - self.canonical_points)
            answer.radius[row] = 0.05 * np.hypot(*fit[:, 0]) * np.array([1, 1, 2, 2])
            answer.score[row] = crop.max() / 255 * 0.99
        return answer


def _middle(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    down, across = np.nonzero(mask)
    return np.array([across.mean(), down.mean()]) if len(down) > 8 else np.zeros(0)


@dataclass
class Given:
    """A finder that knows, and tries that it makes."""

    places: Sequence[Detection]
    harder: Sequence[Sequence[Detection]] = ()
    asked: int = 0

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        return list(self.places)

    def detect_fallback(self, image: NDArray[np.uint8]) -> Iterator[list[Detection]]:
        for places in self.harder:
            self.asked += 1
            yield list(places)


def around(x: float, y: float, size: float, score: float = 0.9, angle: float = 0) -> Detection:
    return Detection((x - size / 2, y - size / 2, size, size), score, angle)


# Where points are


@settings(max_examples=60, deadline=None)
@given(
    x=st.floats(100, 220),
    y=st.floats(90, 150),
    size=st.floats(40, 130),
    angle=st.floats(-180, 180),
    off=st.tuples(st.floats(-0.1, 0.1), st.floats(-0.1, 0.1), st.floats(0.85, 1.2)),
    passes=st.sampled_from([0, 1]),
)
def test_points_are_where_the_face_is(
    x: float, y: float, size: float, angle: float, off: tuple[float, float, float], passes: int
) -> None:
    image = canvas()
    truth = draw_face(image, x, y, size, angle)
    place = around(x + off[0] * size, y + off[1] * size, size * off[2], angle=angle + 15)
    (face,) = Predictor(Discs(passes), Given([place]))(image)
    assert np.abs(face.points - truth).max() < 0.04 * size
    np.testing.assert_allclose(face.radius, 0.05 * size * np.array([1, 1, 2, 2]), rtol=0.1)
    np.testing.assert_allclose(face.box, affine.bounding_box(face.points))
    assert face.landmarks == POINTS
    assert face.points.dtype == face.radius.dtype == np.float32


def test_the_first_look_has_the_found_box_where_training_had_it() -> None:
    seen: list[NDArray[np.uint8]] = []

    class Watching(Discs):
        def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput:
            seen.append(crops.copy())
            return super().__call__(crops)

    image = canvas()
    draw_face(image, 150, 120, 100, 90)
    Predictor(Watching(refinement_passes=0), Given([around(150, 120, 100, angle=90)]))(image)
    want = np.full((64, 64), PLAIN, dtype=np.uint8)
    draw_face(want, 31.5, 31.5, 40)  # upright, in the middle of `face_box`, its longer side 40
    assert np.abs(seen[0][0].astype(int) - want).mean() < 1.5


@pytest.mark.parametrize(
    ("place", "calls"),
    [
        (around(160, 120, 100, angle=20), [1]),
        (around(162, 118, 105, angle=14), [1]),
        (around(172, 120, 100, angle=20), [1, 1]),
        (around(160, 120, 100, angle=5), [1, 1]),
        (around(160, 120, 120, angle=20), [1, 1]),
    ],
)
def test_a_crop_that_was_nearly_right_gets_no_second_look(
    place: Detection, calls: list[int]
) -> None:
    image = canvas()
    truth = draw_face(image, 160, 120, 100, 20)
    model = Discs()
    (face,) = Predictor(model, Given([place]))(image)
    assert model.calls == calls
    assert np.abs(face.points - truth).max() < 4


def test_a_second_look_corrects_what_the_first_got_wrong() -> None:
    image = canvas()
    truth = draw_face(image, 160, 120, 100, 25)
    place = around(170, 112, 110)
    off = {}
    for passes in (0, 1):
        (face,) = Predictor(Discs(passes, drift=0.15), Given([place]))(image)
        off[passes] = np.abs(face.points - truth).max()
    assert off[0] > 2
    assert off[1] < off[0] / 3


@pytest.mark.parametrize("doubt", [0.1, 500.0])
def test_a_second_look_trusts_the_surer_points_more(doubt: float) -> None:
    class Unsure(Discs):
        """It has the left ear wrong at first, and says how sure it is of that."""

        def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput:
            answer = super().__call__(crops)
            if len(self.calls) == 1:
                answer.points[:, 2] += 15
                answer.radius[:, 2] = doubt
            else:
                seen.append(crops.copy())
            return answer

    seen: list[NDArray[np.uint8]] = []
    image, want = canvas(), canvas(64, 64)
    draw_face(image, 160, 120, 100, 20)
    Predictor(Unsure(), Given([around(160, 120, 100)]))(image)
    draw_face(want, 31.5, 31.5, 40)
    off = np.abs(seen[0][0].astype(int) - want).mean()
    assert off < 1.5 if doubt > 1 else off > 5


def test_a_wild_first_answer_keeps_its_crop() -> None:
    class Wild(Discs):
        def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput:
            answer = super().__call__(crops)
            answer.score[:] = 1
            answer.points[:] = 31 + 1e-3 * answer.points  # all but one place
            return answer

    (face,) = Predictor(Wild(), Given([around(160, 120, 100)]))(canvas())
    assert np.abs(face.points - (160, 120)).max() < 5


def test_small_faces_of_large_pictures_are_cropped_as_the_whole_picture_would_be() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (900, 1200), dtype=np.uint8)
    image = np.asarray(cv2.GaussianBlur(noise, (0, 0), 3), dtype=np.uint8)
    seen: list[NDArray[np.uint8]] = []

    class Watching(Discs):
        def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput:
            seen.append(crops.copy())
            return super().__call__(crops)

    places = [around(600, 400, 60, angle=30), around(30, 20, 90), around(1190, 890, 300, angle=-50)]
    places += [around(-100, 450, 50), around(600, 450, 900)]
    model = Watching(refinement_passes=0)
    predictor = Predictor(model, Given(places), min_score=0)
    predictor(image)
    for crop, place in zip(seen[0], places, strict=True):
        x, y, width, height = place.box
        scale = 40 / max(width, height)
        center = x + width / 2, y + height / 2
        zoom = np.array(
            [[scale, 0, 31.5 - scale * center[0]], [0, scale, 31.5 - scale * center[1]]]
        )
        matrix = affine.compose(affine.rotation_matrix(-place.angle, center), zoom)
        whole = affine.warp(image, matrix, 64, 64)
        assert np.abs(crop.astype(int) - whole).mean() < 3


# Which faces


def test_unsure_places_are_no_faces() -> None:
    image = canvas()
    draw_face(image, 80, 120, 100)
    finder = Given([around(90, 120, 120, 0.2), around(240, 120, 100, 0.95)])
    model = Discs()
    faces = Predictor(model, finder)(image)
    assert len(faces) == 1
    assert faces[0].box[0] < 160
    assert faces[0].score == pytest.approx(0.99)
    assert model.calls == [2, 1]  # what is hopeless after one look gets no second
    assert Predictor(Discs(), finder, min_score=0.995)(image) == []
    assert len(Predictor(Discs(), finder, min_score=0)(image)) == 2


def test_a_model_that_does_not_judge_leaves_it_to_the_finder() -> None:
    image = canvas()
    draw_face(image, 80, 120, 100)
    finder = Given([around(80, 120, 100, 0.4), around(240, 120, 100, 0.7)])
    (face,) = Predictor(Discs(has_face_score=False), finder)(image)
    assert face.score == 0.7
    assert face.box[0] > 160


def test_a_face_that_was_found_twice_is_one() -> None:
    image = canvas()
    truth = draw_face(image, 160, 120, 100)
    places = [around(160, 120, 100), around(162, 119, 104), around(175, 120, 130, 0.5)]
    places += [around(150, 130, 80, 0.3), around(160, 120, 100, angle=60)]
    (face,) = Predictor(Discs(), Given(places))(image)
    assert np.abs(face.points - truth).max() < 3


def test_neighbours_are_two_faces_and_the_surest_comes_first() -> None:
    image = canvas()
    draw_face(image, 90, 120, 100, bright=220)
    draw_face(image, 200, 120, 100)
    places = [around(90, 120, 100), around(200, 120, 100)]
    faces = Predictor(Discs(), Given(places))(image)
    assert len(faces) == 2
    assert faces[0].score > faces[1].score
    assert faces[0].box[0] > faces[1].box[0]


def test_it_looks_harder_only_where_nothing_was_a_face() -> None:
    image = canvas()
    truth = draw_face(image, 160, 120, 100)
    nothing, there = around(40, 60, 60), around(160, 120, 100)
    finder = Given([nothing], [[], [nothing], [there], [nothing]])
    (face,) = Predictor(Discs(), finder)(image)
    assert np.abs(face.points - truth).max() < 3
    assert finder.asked == 3
    eager = Given([there], [[nothing]])
    assert len(Predictor(Discs(), eager)(image)) == 1
    assert eager.asked == 0
    vain = Given([], [[nothing], []])
    assert Predictor(Discs(), vain)(image) == []
    assert vain.asked == 2


class Upright:
    """A finder that sees faces within 40 degrees of upright only."""

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        brow, chin = _middle(image > 200), _middle(image < 56)
        way = chin - brow
        if abs(np.degrees(np.arctan2(way[0], way[1]))) > 40:
            return []
        size = float(np.hypot(*way)) / 0.7
        x, y = (brow + chin) / 2
        return [around(float(x), float(y), size)]


@pytest.mark.parametrize("angle", [0, 90, 180, 270, 60, -150])
def test_any_angle_finds_what_lies_and_what_is_upside_down(angle: float) -> None:
    image = canvas()
    truth = draw_face(image, 140, 110, 100, angle)
    (face,) = Predictor(Discs(), Upright(), any_angle=True)(image)
    assert np.abs(face.points - truth).max() < 3
    assert bool(Predictor(Discs(), Upright())(image)) == (angle == 0)


def test_any_angle_looks_harder_every_way_round() -> None:
    image = canvas()
    truth = draw_face(image, 140, 110, 100, 180)

    class Patient(Upright):
        def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
            return []

        def detect_fallback(self, image: NDArray[np.uint8]) -> Iterator[list[Detection]]:
            yield []
            yield Upright.detect(self, image)

    (face,) = Predictor(Discs(), Patient(), any_angle=True)(image)
    assert np.abs(face.points - truth).max() < 3


# One picture, several, files, crops


def test_several_pictures_are_looked_at_together() -> None:
    images, truths = [], []
    for x in (100, 130, 160):
        image = canvas()
        truths.append(draw_face(image, x, 120, 100))
        images.append(image)
    model = Discs()
    found = Predictor(model, Given([around(130, 110, 130)]))([*images, canvas()])
    assert model.calls == [4, 3]
    assert [len(faces) for faces in found] == [1, 1, 1, 0]
    for faces, truth in zip(found[:3], truths, strict=True):
        assert np.abs(faces[0].points - truth).max() < 3


def test_no_pictures_are_no_faces() -> None:
    model = Discs()
    assert Predictor(model, Given([]))([]) == []
    assert Predictor(model, Given([]))([canvas()]) == [[]]
    assert Predictor(model, Given([]))(canvas()) == []


def test_every_kind_of_picture(tmp_path: Path) -> None:
    gray = canvas()
    truth = draw_face(gray, 160, 120, 100)
    rgb = np.repeat(gray[..., None], 3, axis=2)
    opaque = np.dstack([rgb, np.full(gray.shape, 255, np.uint8)])
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), gray)
    predictor = Predictor(Discs(), Given([around(160, 120, 100)]))
    kinds = [gray, rgb, opaque, gray[..., None], rgb[:, ::-1][:, ::-1], path, str(path)]
    for kind in kinds:
        (face,) = predictor(kind)
        assert np.abs(face.points - truth).max() < 3
    assert [len(faces) for faces in predictor(kinds)] == [1] * len(kinds)


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
def test_arrays_that_are_no_pictures(wrong: NDArray) -> None:
    predictor = Predictor(Discs(), Given([]))
    with pytest.raises(DataError, match="an image"):
        predictor(wrong)
    with pytest.raises(DataError, match="an image"):
        predictor([canvas(), wrong])


@pytest.mark.parametrize("wrong", [None, 3, b"bytes", object(), [3], [[canvas()]], [b"bytes"]])
def test_what_is_neither_an_array_nor_a_file(wrong: Any) -> None:
    with pytest.raises(DataError, match=r"got \w+; numpy.asarray"):
        Predictor(Discs(), Given([]))(wrong)


def test_files_that_are_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no image at"):
        Predictor(Discs(), Given([]))(tmp_path / "nowhere.jpg")


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (2, 700), (700, 1, 3), (30, 30)])
def test_tiny_pictures_hold_no_face(shape: tuple[int, ...]) -> None:
    image = np.full(shape, 90, dtype=np.uint8)
    assert Predictor(Discs())(image) == []
    assert Predictor(Discs(), any_angle=True)(image) == []
    assert Predictor(Discs(), FullImageDetector())(image) == []


def test_boxes_from_a_file_belong_to_files(tmp_path: Path) -> None:
    image = canvas()
    truth = draw_face(image, 160, 120, 100)
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), image)
    (tmp_path / "boxes.csv").write_text("file,x,y,w,h\na.png,110,70,100,100\n")
    predictor = Predictor(Discs(), BoxFileDetector.load(tmp_path / "boxes.csv"))
    (face,), none = predictor([tmp_path / "a.png", tmp_path / "b.png"])
    assert none == []
    assert np.abs(face.points - truth).max() < 3
    with pytest.raises(SettingsError, match="no name"):
        predictor(image)


# Getting ready


def test_settings_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="min_score"):
        Predictor(Discs(), min_score=1.5)
    with pytest.raises(SettingsError, match="no face detector 'eyes'"):
        load(detector="eyes")
    with pytest.raises(ModelError, match="no model at"):
        load(tmp_path / "nowhere.onnx")


def test_the_package_has_the_three_lines() -> None:
    assert facepoints.load is load
    assert facepoints.Face is Face
    assert facepoints.FaceModel is FaceModel
    assert {"load", "Face", "read_image"} <= set(dir(facepoints))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        facepoints.nothing  # noqa: B018


def test_importing_the_package_brings_in_nothing() -> None:
    code = "import facepoints, sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert not loaded & {"cv2", "numpy", "onnxruntime", "rich", "tyro", "torch"}


def test_predicting_needs_neither_rich_nor_tyro() -> None:
    code = "import facepoints, sys; facepoints.load, facepoints.Face; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"rich", "tyro", "torch", "matplotlib"}


def test_cascades_and_a_model_on_a_photo() -> None:
    """The real finder: its box is where the model's points end up that go by boxes alone."""

    class Mean(Discs):
        def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput:
            count = len(crops)
            points = np.repeat(self.canonical_points[None], count, axis=0)
            ones = np.ones((count, 4), np.float32)
            return LandmarkOutput(points, ones, np.ones(count, np.float32))

    faces = Predictor(Mean(has_face_score=False), OpenCVCascadeDetector())(data.astronaut())
    brow, chin = faces[0].points[:2]
    np.testing.assert_allclose((brow + chin) / 2, (226, 127), atol=12)
    assert 50 < chin[1] - brow[1] < 85


# The model that comes with the package

EYES = {"right_eye_center": (203.5, 100.5), "left_eye_center": (249.5, 104.0)}
MOUTH = {"mouth_right_corner": (202.5, 139.5), "mouth_left_corner": (244.0, 141.0)}
"""Points on `skimage.data.astronaut()`, looked up by hand."""


def test_what_the_finder_doubts_the_model_must_be_sure_of() -> None:
    """The photo has a tower and a dark box that look a little like a face."""
    own = BuiltinDetector.load(min_score=0.02, threads=1)
    photo = data.astronaut()
    assert len(own.detect(photo)) > 2
    model = LandmarkModel.load(threads=1)
    (face,) = Predictor(model, own)(photo)
    assert face.score > 0.99
    place = own.detect(photo)[0]

    class Doubtful(BuiltinDetector):
        def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
            return [replace(place, score=self.side / 1000)]

    scores = [
        [f.score for f in Predictor(model, Doubtful(side), min_score=0)(photo)]
        for side in (1, 10, 100, 400, 500, 900)
    ]
    assert scores == sorted(scores)
    assert scores[0][0] < 0.9 < scores[3][0] < scores[4][0] == scores[5][0]


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
    told = face.as_landmarks(KAGGLE_15)
    for name, place in {**EYES, **MOUTH}.items():
        column = KAGGLE_15.names.index(name)
        away = np.hypot(*(told.points[column] - affine.apply(matrix, np.array(place))))
        assert away < 4
        assert away < told.radius[column] + 2  # where it was looked up is not exact either
