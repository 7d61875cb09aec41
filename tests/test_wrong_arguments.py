"""Wrong values given to the Python API: one clear error, and what users expect is accepted."""

from __future__ import annotations

import io
import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fakes import FixedDetector, MeanModel

import facepoints
from facepoints import weights
from facepoints.api import FaceModel
from facepoints.detection import Detection
from facepoints.errors import DataError, FacepointsError, MissingExtraError, SettingsError
from facepoints.inference.face import Face
from facepoints.inference.face_list import FaceList
from facepoints.measurement.events import EventConfig
from facepoints.measurement.iris_scale import iris_scale
from facepoints.models import run_header
from facepoints.results.records import FrameResult

IMAGE = np.full((80, 90, 3), 120, np.uint8)
BOX = (20.0, 15.0, 40.0, 40.0)


def model(detector: object = None) -> FaceModel:
    chosen: Any = FixedDetector([Detection(BOX)]) if detector is None else detector
    return FaceModel(MeanModel(), chosen)


def face(**changes: Any) -> Face:
    (found,) = model()(IMAGE)
    return replace(found, **changes)


# images


def test_a_bad_image_does_not_lose_the_others(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"not an image")
    first, second, third, fourth = model()([IMAGE, bad, None, IMAGE], on_error="skip")  # type: ignore[list-item]
    assert first == fourth == model()(IMAGE)
    assert len(first) == 1
    assert not first.error
    assert second == third == []
    assert "bad.jpg" in second.error
    assert "got None" in third.error


def test_without_skip_a_bad_image_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no image .*none\.jpg"):
        model()([IMAGE, tmp_path / "none.jpg"])
    with pytest.raises(SettingsError, match="on_error is 'raise' or 'skip', got 'ignore'"):
        model()(IMAGE, on_error="ignore")  # type: ignore[call-overload]


def test_one_bad_image_with_skip_is_one_result(tmp_path: Path) -> None:
    faces = model()(tmp_path / "none.jpg", on_error="skip")
    assert faces == []
    assert "none.jpg" in faces.error
    assert repr(faces) == f"FaceList(error={faces.error!r})"
    assert pickle.loads(pickle.dumps(faces)).error == faces.error


def test_a_list_of_faces_is_a_list() -> None:
    faces = model()(IMAGE)
    assert isinstance(faces, FaceList)
    assert faces == list(faces)
    assert model()([]) == []


def test_open_files_and_paths_of_any_kind_are_images(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    cv2.imwrite(str(file), IMAGE[..., ::-1])
    faces, one = model()(IMAGE), face()
    with file.open("rb") as opened:
        for image in (io.BytesIO(file.read_bytes()), opened, _PathLike(str(file))):
            assert model()(image) == faces
    drawn = facepoints.draw(IMAGE, one)
    assert np.array_equal(facepoints.draw(io.BytesIO(file.read_bytes()), one), drawn)
    assert np.array_equal(facepoints.draw(file.read_bytes(), one), drawn)
    for wrong, message in (
        (io.StringIO("text"), "gives bytes, this one str; open it with mode 'rb'"),
        (io.BytesIO(), "0 bytes"),
        (np.stack([IMAGE, IMAGE]), r"got uint8 \(2, 80, 90, 3\); give several images as a list"),
        (IMAGE / 255, r"got float64 \(80, 90, 3\)$"),
    ):
        with pytest.raises(DataError, match=message):
            model()(wrong)  # type: ignore[call-overload]


class _PathLike(os.PathLike[str]):
    def __init__(self, path: str) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return self.path


# loading and tracking


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"model": 3}, "model is 'builtin'"),
        ({"model": None}, "model is 'builtin'"),
        ({"detector": 3}, "a detector is a name or an object"),
        ({"detector": FixedDetector}, "got the class FixedDetector"),
        ({"detector": "dlib"}, "no face detector 'dlib'"),
        ({"min_score": "high"}, "min_score must be a number from 0 to 1"),
        ({"min_score": float("nan")}, "min_score must be a number"),
        ({"min_score": None}, "min_score must be a number"),
        ({"min_score": 2}, "min_score must be a number"),
        ({"crop_config": {"max_zoom": 2}}, "crop_config is a CropConfig, got dict"),
        ({"device": 0}, "no device '0'"),
        ({"threads": 10**6}, "threads must be a whole number"),
    ],
)
def test_wrong_values_given_to_load(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        facepoints.load(**wrong)


@pytest.mark.parametrize("source", [-1, 100, 10**12, True, None, 1.5, b"a.mp4", IMAGE, [IMAGE]])
def test_wrong_sources_given_to_track(source: Any) -> None:
    with pytest.raises(SettingsError, match="camera"):
        model().track(source)


@pytest.mark.parametrize("fps", [0, -1, float("nan"), 1e9, "fast"])
def test_wrong_frame_rates_given_to_track(fps: Any, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="frame rate"):
        model().track(tmp_path, fps=fps)


def test_a_wrong_configuration_given_to_track(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="config is a TrackerConfig, got dict"):
        model().track(tmp_path, {"smooth": False})  # type: ignore[arg-type]


# detectors


class Returns:
    """A detector that returns one thing."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def detect(self, image: np.ndarray) -> Any:
        return self.value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "it returned NoneType"),
        (Detection(BOX), "it returned Detection"),
        ([BOX], "it returned tuple in the list"),
        (np.array([BOX]), "it returned ndarray in the list"),
        ([Detection((1, 2, 3))], "with finite numbers"),  # type: ignore[arg-type]
        ([Detection((1, 2, 3, float("nan")))], "with finite numbers"),
        ([Detection(BOX, score=None)], "with finite numbers"),  # type: ignore[arg-type]
        ([Detection((1e300, 0, 10, 10))], "with finite numbers"),
    ],
)
def test_a_detector_that_returns_something_else(value: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as error:
        model(Returns(value))(IMAGE)
    assert "the detector Returns must return a list of facepoints.Detection" in str(error.value)


# faces


def test_a_single_face_is_drawn_as_a_list_of_one() -> None:
    one = face()
    assert np.array_equal(facepoints.draw(IMAGE, one), facepoints.draw(IMAGE, [one]))


def test_a_single_face_makes_a_table_of_one_row() -> None:
    pytest.importorskip("pandas")
    one = face()
    table = facepoints.to_dataframe(one)
    assert table.equals(facepoints.to_dataframe([one]))
    result = FrameResult("a.jpg", [one], (80, 90))
    assert facepoints.to_dataframe(result)["file"].tolist() == ["a.jpg"]
    with pytest.raises(DataError, match="expected a Face or a list of them, got str"):
        facepoints.to_dataframe(["a.jpg"])  # type: ignore[list-item]


@pytest.mark.parametrize("faces", [None, "a", [None], [[1]], 3, {"a": 1}])
def test_what_is_no_face_is_not_drawn(faces: Any) -> None:
    with pytest.raises(DataError, match="expected a Face or a list of them"):
        facepoints.draw(IMAGE, faces)


@pytest.mark.parametrize(
    "color", ["red", (1, 2), (1, 2, 300), (-1, 0, 0), (0.5, 0, 0), 7, (1,) * 4]
)
def test_a_wrong_color_is_refused(color: Any) -> None:
    with pytest.raises(DataError, match="a color is three whole numbers"):
        facepoints.draw(IMAGE, face(), color=color)


def test_colors_may_be_lists_and_arrays() -> None:
    drawn = facepoints.draw(IMAGE, face(), color=(255, 0, 0))
    for color in ([255, 0, 0], np.array([255, 0, 0], np.uint8)):
        assert np.array_equal(facepoints.draw(IMAGE, face(), color=color), drawn)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [0, -1, float("nan"), float("inf"), "large", None])
def test_a_wrong_size_of_lines_is_refused(size: Any) -> None:
    with pytest.raises(DataError, match="size to draw with must be a number above 0"):
        facepoints.draw(IMAGE, face(), size=size)


def test_points_that_are_not_finite_are_not_measured() -> None:
    points = face().points.copy()
    points[30] = np.nan
    with pytest.raises(DataError, match=r"finite points and radii; those of .* are .nan, nan"):
        facepoints.measure(face(points=points))
    with pytest.raises(DataError, match="measure takes one Face, got FaceList, call it for each"):
        facepoints.measure(model()(IMAGE))  # type: ignore[arg-type]


def test_images_of_other_numbers_are_not_aligned_or_looked_at() -> None:
    one: Any = face()
    for wrong in (IMAGE / 255, IMAGE[0, 0], IMAGE[:0]):
        with pytest.raises(DataError, match=r"image of uint8, \(H, W\) or \(H, W, C\), got"):
            facepoints.align(wrong, one)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no image at none"):
        facepoints.gaze("none.jpg", one)
    for function in (facepoints.gaze, iris_scale):
        with pytest.raises(DataError, match=r"(gaze|iris_scale) takes one Face, got FaceList"):
            function(IMAGE, model()(IMAGE))  # type: ignore[arg-type]


def test_without_pytorch_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_header, "find_spec", lambda name: None)
    for call in (
        lambda: facepoints.export(tmp_path / "a.onnx"),
        lambda: facepoints.train(tmp_path, tmp_path / "run"),
        lambda: facepoints.evaluate(tmp_path, model=weights.POINTS_RUN),
    ):
        with pytest.raises(MissingExtraError, match=r"pip install 'facepoints\[train\]'"):
            call()


def test_results_are_equal_if_their_values_are() -> None:
    result = FrameResult("a.jpg", [face()], (80, 90), image=IMAGE)
    assert result == FrameResult("a.jpg", [face()], (80, 90), image=IMAGE.copy())
    assert result != replace(result, image=None)
    assert result != replace(result, image=IMAGE + 1)
    assert result != replace(result, faces=[])
    assert replace(result, image=None) == replace(result, image=None)
    assert result != "a.jpg"


def test_what_is_no_result_is_not_written(tmp_path: Path) -> None:
    for wrong in ([face()], face(), None, ["a"]):
        with pytest.raises(DataError, match="expected FrameResult objects, got"):
            facepoints.write_faces(wrong, tmp_path / "a.jsonl")  # type: ignore[arg-type]
    facepoints.write_faces(FrameResult("a", [face()], (80, 90)), tmp_path / "a.jsonl")  # type: ignore[arg-type]
    assert len(facepoints.read_faces(tmp_path / "a.jsonl")) == 1


# settings and errors


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"closed_ratio": 2.0}, "EventConfig.closed_ratio must be from 0 to 1"),
        ({"max_turn": (5.0,)}, "EventConfig.max_turn must be a tuple of 2 numbers"),
        ({"max_turn": (5.0, float("nan"))}, "EventConfig.max_turn must be a finite number"),
        ({"min_yawn_seconds": "long"}, "must be a finite number"),
        ({"level_seconds": 0}, "EventConfig.level_seconds must be"),
    ],
)
def test_limits_of_events_are_checked(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        EventConfig(**wrong)


def test_every_error_can_be_pickled() -> None:
    missing = MissingExtraError("torch", "train", "training")
    again = pickle.loads(pickle.dumps(missing))
    assert type(again) is MissingExtraError
    assert str(again) == str(missing)
    for kind in (FacepointsError, DataError, SettingsError):
        assert str(pickle.loads(pickle.dumps(kind("a b")))) == "a b"
