"""Crops: cutting them, mapping the output back, and when they are refined."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fakes import DiscModel
from numpy.typing import NDArray
from skimage import data

from facepoints.api import load
from facepoints.detection import BoxFileDetector, Detection
from facepoints.errors import SettingsError
from facepoints.imaging import affine
from facepoints.inference.cropping import FaceCrop, crop, initial_crop, run_crops
from facepoints.inference.landmark_model import LandmarkOutput
from facepoints.inference.predictor import Predictor
from facepoints.inference.refinement import CropConfig, predict_refined, recrop_from_landmarks

DETECTION = Detection((60.0, 50.0, 80.0, 80.0))


def noise(height: int = 200, width: int = 240) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)


def test_output_is_mapped_back_to_each_image() -> None:
    images = [noise(), noise(180, 150)]
    zoom = np.array([[0.5, 0, 3.0], [0, 0.5, 1.0]])
    matrices = [affine.rotation_matrix(30, (100, 100)), zoom]
    model = DiscModel()
    output, crops = run_crops(model, images, matrices)
    for row, (image, matrix) in enumerate(zip(images, matrices, strict=True)):
        np.testing.assert_array_equal(crops[row], crop(image, matrix, model.size))
        back = affine.apply(matrix, output.points[row])
        np.testing.assert_allclose(back, model.canonical_points, atol=1e-4)
    np.testing.assert_allclose(output.radius, [[1] * 4, [2] * 4], rtol=1e-6)
    assert output.radius.dtype == np.float32
    exact, _ = run_crops(model, images, matrices, np.float64)
    assert exact.radius.dtype == np.float64
    np.testing.assert_array_equal(exact.points, output.points)


def test_no_crops_give_no_output() -> None:
    output, crops = run_crops(DiscModel(), [], [])
    assert output.points.shape == (0, 4, 2)
    assert crops.shape == (0, 64, 64)


class BoxDetector:
    """Detects one face."""

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        return [DETECTION]


class Rotated(DiscModel):
    """Predicts the canonical points rotated by 5 degrees, with a score of 0.1."""

    def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput:
        output = super().__call__(crops)
        rotation = affine.rotation_matrix(5, (31.5, 31.5))
        return output._replace(
            points=affine.apply(rotation, output.points), score=np.float32(0.1) * output.score
        )


@pytest.mark.parametrize(
    ("config", "passes"),
    [
        (CropConfig(sure_score=0), 0),
        (CropConfig(sure_score=0.09), 0),
        (CropConfig(sure_score=0.11), 3),
        (CropConfig(sure_score=0, rotation_tolerance=4.9), 3),
        (CropConfig(sure_score=0, rotation_tolerance=5.1), 0),
        (CropConfig(sure_score=0, shift_tolerance=-1.0), 3),
        (CropConfig(sure_score=0, scale_tolerance=-1.0), 3),
    ],
)
def test_a_crop_that_is_unsure_or_outside_a_tolerance_is_refined(
    config: CropConfig, passes: int
) -> None:
    model = Rotated(refinement_passes=3)
    crops = [initial_crop(model, 0, DETECTION)]
    refined, _ = predict_refined(model, [noise()], crops, 0.0, config=config)
    assert len(model.calls) == 1 + passes
    turn = np.degrees(np.arctan2(refined[0].matrix[1, 0], refined[0].matrix[0, 0]))
    assert turn == pytest.approx(-5 * passes, abs=0.03 * passes)


def test_a_predictor_refines_by_its_settings() -> None:
    detector, config = BoxDetector(), CropConfig(sure_score=0, rotation_tolerance=4.9)
    rough, exact = Rotated(refinement_passes=3), Rotated(refinement_passes=3)
    Predictor(rough, detector, min_score=0.1, crop_config=CropConfig(sure_score=0))(noise())
    predictor = Predictor(exact, detector, min_score=0.1, crop_config=config)
    predictor(noise())
    assert (len(rough.calls), len(exact.calls)) == (1, 4)
    described = predictor.describe()
    assert described["crop_config"]["rotation_tolerance"] == 4.9
    assert described != Predictor(exact, detector, min_score=0.1).describe()


def test_loading_passes_the_settings_on() -> None:
    config = CropConfig(max_zoom=2.0)
    model = load(detector="full-image", threads=1, crop_config=config)
    assert model.crop_config == config
    assert load(detector="full-image", threads=1).crop_config == CropConfig()


@pytest.mark.parametrize(("retry_score", "left"), [(0.0, 1), (0.19, 1), (0.21, 0)])
def test_a_score_far_below_the_minimum_is_not_refined(retry_score: float, left: int) -> None:
    model = Rotated()
    crops = [initial_crop(model, 0, DETECTION)]
    config = CropConfig(retry_score=retry_score)
    refined, output = predict_refined(model, [noise()], crops, 0.5, True, config)
    assert len(refined) == len(output.points) == left


def test_a_given_place_is_refined_whatever_its_first_score() -> None:
    model, config = Rotated(refinement_passes=1), CropConfig(given_passes=2)
    crops = [initial_crop(model, 0, DETECTION)]
    refined, output = predict_refined(model, [noise()], crops, 1.0, config=config, given=True)
    assert len(refined) == len(output.points) == 1
    assert len(model.calls) == 1 + 2
    still = Rotated(refinement_passes=0)
    predict_refined(still, [noise()], crops, 1.0, config=config, given=True)
    assert len(still.calls) == 1


@pytest.mark.parametrize("share", [0.45, 0.35, 0.31])
def test_the_one_face_of_a_whole_image_may_be_small(share: float, tmp_path: Path) -> None:
    model, image = load(detector="full-image", threads=1), data.astronaut()
    (x, y), side = (225, 133), int(92 / share)  # the middle and the size of the face
    left, top = x - side // 2, max(0, y - side // 2)
    photo = np.ascontiguousarray(image[top : top + side, left : left + side])
    (face,) = model(photo)
    assert face.score > 0.9
    np.testing.assert_allclose(face["nose_tip"] + (left, top), (225, 128), atol=7)
    assert np.ptp(face.points, axis=0) == pytest.approx((94, 92), rel=0.12)
    cv2.imwrite(str(tmp_path / "a.png"), photo[..., ::-1])
    (tmp_path / "boxes.csv").write_text(f"file,x,y,w,h\na.png,{side // 2 - 100},0,200,200\n")
    boxed = Predictor(model.model, BoxFileDetector.load(tmp_path / "boxes.csv"))
    (other,) = boxed(tmp_path / "a.png")
    np.testing.assert_allclose(other.points[:68], face.points[:68], atol=7)


@pytest.mark.parametrize(("max_zoom", "kept"), [(2.9, True), (3.1, False)])
def test_a_refinement_beyond_the_zoom_is_ignored(max_zoom: float, kept: bool) -> None:
    model = DiscModel()
    first = initial_crop(model, 0, DETECTION)
    points = affine.apply(affine.invert(first.matrix), model.canonical_points) * np.float32(3)
    config = CropConfig(max_zoom=max_zoom)
    second = recrop_from_landmarks(model, first, points, np.ones(4, np.float32), config)
    assert (second is first) == kept


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.5, None, "a"])
@pytest.mark.parametrize("name", [f.name for f in fields(CropConfig)])
def test_a_setting_of_crops_that_is_no_number_in_its_range_is_refused(
    name: str, value: Any
) -> None:
    with pytest.raises(SettingsError, match=rf"CropConfig\.{name} must be"):
        CropConfig(**{name: value})


HALF = (1.0, 1.0, 1.0, 0.0)  # the right ear is hidden


def shifted(model: DiscModel, first: FaceCrop) -> NDArray[np.float32]:
    """The canonical points in the image, with the last one far off."""
    points = affine.apply(affine.invert(first.matrix), model.canonical_points)
    points[3] += np.float32(40)
    return points.astype(np.float32)


def test_landmarks_weigh_by_their_radius_unless_the_model_knows_which_are_hidden() -> None:
    model = DiscModel()
    first = initial_crop(model, 0, DETECTION)
    points, radius = shifted(model, first), np.array([1, 1, 1, 30], np.float32)

    def moved(visible: tuple[float, ...] | None) -> float:
        seen = None if visible is None else np.array(visible, np.float32)
        second = recrop_from_landmarks(model, first, points, radius, visible=seen)
        both = affine.apply(second.matrix, points[:3]), model.canonical_points[:3]
        return float(np.abs(both[0] - both[1]).max())

    assert moved(None) < 0.3
    assert moved(HALF) > 4
    assert moved((1.0,) * 4) == pytest.approx(moved(HALF)), "training crops weigh all alike"


class Stray(DiscModel):
    """Predicts the canonical points; the hidden right ear 20 pixels off."""

    def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput:
        output = super().__call__(crops)
        output.points[:, 3, 0] += 20
        return output


def test_visibility_is_carried_through_refinement() -> None:
    images, visible = [noise()], (1.0, 0.75, 0.6, 0.0)
    model = Stray(visible=visible, refinement_passes=2)
    crops = [initial_crop(model, 0, DETECTION)] * 2
    _, output = predict_refined(model, images, crops, 0.0, always=True)
    assert output.visible is not None
    np.testing.assert_array_equal(output.visible, np.array([visible] * 2, np.float32))
    assert len(model.calls) == 3
    _, rest = predict_refined(Stray(), images, crops, 0.0)
    assert rest.visible is None


class Halfway(DiscModel):
    """Predicts points that ask for a crop further to the right, half as far each time."""

    def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput:
        output = super().__call__(crops)
        points = np.tile(self.canonical_points, (len(crops), 1, 1))
        points[..., 0] += 8 / 2 ** (len(self.calls) - 1)
        return output._replace(points=points)


def test_a_turned_head_is_refined_until_its_crop_stays_in_place() -> None:
    def calls(visible: tuple[float, ...] | None, passes: int = 1) -> int:
        model = Halfway(visible=visible, refinement_passes=passes)
        predict_refined(model, [noise()], [initial_crop(model, 0, DETECTION)], 0.0)
        return len(model.calls)

    # The crop is off by 8, 4, 2, 1, 0.5 and 0.25 pixels; 0.35 is the tolerance.
    assert calls((1.0, 1.0, 0.3, 0.2)) == 6
    assert calls((1.0, 1.0, 0.8, 0.2)) == 2, "one hidden point of four: something covers it"
    assert calls(None) == 2
    assert calls((1.0, 1.0, 0.3, 0.2), passes=0) == 1


class Scored(DiscModel):
    """Crops of a brighter image score higher."""

    def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput:
        output = super().__call__(crops)
        score = crops.mean(axis=(1, 2)).astype(np.float32) / 255
        assert output.visible is not None
        return output._replace(score=score, visible=output.visible * score[:, None])


def test_faces_have_the_visibility_of_their_own_crop() -> None:
    model = Scored(visible=(1.0, 1.0, 1.0, 0.5), refinement_passes=0)
    images = [np.full((200, 240), tone, np.uint8) for tone in (20, 240, 200)]
    faces = Predictor(model, BoxDetector(), min_score=0.5)(images)
    assert [len(each) for each in faces] == [0, 1, 1]
    for each, tone in zip(faces[1:], (240, 200), strict=True):
        visible = each[0].visible
        assert visible is not None
        np.testing.assert_allclose(visible, np.array([1, 1, 1, 0.5]) * tone / 255, rtol=1e-5)
    (plain,) = Predictor(DiscModel(), BoxDetector())(images[1])
    assert plain.visible is None


class LastDigits(DiscModel):
    """Predicts points with other last digits, as another processor does, and keeps the crops."""

    def __init__(self, digits: float) -> None:
        super().__init__(refinement_passes=2)
        self.digits = digits
        self.seen: list[NDArray[np.uint8]] = []

    def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput:
        self.seen.append(crops)
        output = super().__call__(crops)
        turned = affine.apply(affine.rotation_matrix(20, (31.5, 31.5)), output.points)
        change = np.random.default_rng(1).uniform(-self.digits, self.digits, turned.shape)
        return output._replace(points=(turned + change).astype(np.float32))


def test_last_digits_of_detections_and_points_do_not_move_crops() -> None:
    """Else every processor would see other pixels, and find points some tenths of a pixel off."""
    models = LastDigits(0.0), LastDigits(1e-5)
    for model in models:
        x, y, width, height = DETECTION.box
        detection = Detection((x + model.digits, y - model.digits, width, height))
        predict_refined(model, [noise()], [initial_crop(model, 0, detection)], 0.0)
    assert len(models[0].seen) == 3
    np.testing.assert_array_equal(models[0].seen, models[1].seen)
