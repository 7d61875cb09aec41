"""Crops: cutting them, mapping the output back, and when they are refined."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from fakes import DiscModel
from numpy.typing import NDArray

from facepoints.api import load
from facepoints.detection import Detection
from facepoints.errors import SettingsError
from facepoints.imaging import affine
from facepoints.inference.cropping import (
    CropConfig,
    crop,
    initial_crop,
    predict_refined,
    recrop_from_landmarks,
    run_crops,
)
from facepoints.inference.landmark_model import LandmarkOutput
from facepoints.inference.predictor import Predictor

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
        (CropConfig(), 0),
        (CropConfig(rotation_tolerance=4.9), 3),
        (CropConfig(rotation_tolerance=5.1), 0),
        (CropConfig(shift_tolerance=-1.0), 3),
        (CropConfig(scale_tolerance=-1.0), 3),
    ],
)
def test_a_crop_outside_a_tolerance_is_refined(config: CropConfig, passes: int) -> None:
    model = Rotated(refinement_passes=3)
    crops = [initial_crop(model, 0, DETECTION)]
    refined, _ = predict_refined(model, [noise()], crops, 0.0, config=config)
    assert len(model.calls) == 1 + passes
    turn = np.degrees(np.arctan2(refined[0].matrix[1, 0], refined[0].matrix[0, 0]))
    assert turn == pytest.approx(-5 * passes, abs=1e-3)


def test_a_predictor_refines_by_its_settings() -> None:
    detector, config = BoxDetector(), CropConfig(rotation_tolerance=4.9)
    default, exact = Rotated(refinement_passes=3), Rotated(refinement_passes=3)
    Predictor(default, detector, min_score=0.1)(noise())
    predictor = Predictor(exact, detector, min_score=0.1, crop_config=config)
    predictor(noise())
    assert (len(default.calls), len(exact.calls)) == (1, 4)
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
