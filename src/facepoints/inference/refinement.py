"""Predicts landmarks in crops, and again in crops that the landmarks of the crop before refine.

A refined crop is the least-squares similarity that maps the landmarks onto the model's canonical
points (`affine.fit_similarity`), where landmarks with a smaller radius weigh more
(`landmark_weights`), unless the model knows which landmarks are hidden.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepoints._util.checked_config import CheckedConfig, within
from facepoints.errors import DataError
from facepoints.imaging import affine
from facepoints.inference.cropping import (
    FIRST_STEPS,
    REFINED_STEPS,
    FaceCrop,
    LandmarkNetwork,
    rounded_crop,
    run_crops,
)
from facepoints.inference.landmark_model import LandmarkOutput
from facepoints.inference.landmark_weights import HIDDEN, landmark_weights

__all__ = ["CROP_CONFIG", "CropConfig", "predict_refined", "recrop_from_landmarks"]


@dataclass(frozen=True)
class CropConfig(CheckedConfig):
    """Settings of the refinement of crops: when a crop is refined, and how far.

    A crop within all three tolerances is used as it is, if the model is sure of the face: refining
    it did not reduce the error on the validation people. A negative tolerance refines every crop.

    Attributes:
        retry_score: fraction of the minimum score, [0, 1]. A face that scores less in its first
            crop is dropped without refinement. Larger: faster, but faces in poor first crops
            are missed. It does not count for a place where a face must be (`predict_refined`).
        sure_score: score of the model, [0, 1]. A face that scores less is refined even if its crop
            is within the tolerances, because its score may rise much. Larger: slower.
        rotation_tolerance: degrees that a crop may be rotated against the refined one. Larger:
            fewer refinements, so faster, but less exact landmarks of rotated faces.
        scale_tolerance: natural logarithm of the factor that a crop may be too large or too
            small by (0.14: 15 %). Larger: fewer refinements, less exact landmarks.
        shift_tolerance: fraction of the crop's side that its center may be off by, along x or
            y. Larger: fewer refinements, less exact landmarks.
        max_zoom: factor that a refined crop may differ in size by from the crop before. A
            refinement beyond it is ignored, because the first crop showed no face. Larger:
            faces that the detector's box misses by more are still found, as are more false
            ones.
        turned_share: share of the landmarks, [0, 1], that are hidden on a turned head. The first
            crop of a profile is often poor, and each refinement moves it halfway to where it
            belongs, so a turned head is refined until its crop stays in place. That reduced the
            error on real profiles by 11 %. Smaller: slower, and no more exact on others.
        turned_tolerance: factor on the three tolerances for turned heads. Smaller: slower.
        turned_passes: refinements of a turned head at most. Larger: slower on a few faces.
        given_passes: refinements at most where a face must be. Larger: slower if there is none.

    Raises:
        SettingsError: a field is out of its range.
    """

    retry_score: float = within(0.2, 0, 1)
    sure_score: float = within(0.98, 0, 1)
    rotation_tolerance: float = within(10.0, -1, 180)
    scale_tolerance: float = within(0.14, -1, 10)
    shift_tolerance: float = within(0.055, -1, 10)
    max_zoom: float = within(4.0, 1, 1000)
    turned_share: float = within(0.3, 0, 1)
    turned_tolerance: float = within(0.1, 0, 1)
    turned_passes: int = within(8, 0, 100)
    given_passes: int = within(4, 0, 100)


CROP_CONFIG = CropConfig()
"""The default settings."""


def predict_refined(
    model: LandmarkNetwork,
    images: Sequence[NDArray[np.uint8]],
    crops: Sequence[FaceCrop],
    min_score: float,
    always: bool = False,
    config: CropConfig = CROP_CONFIG,
    *,
    given: bool = False,
) -> tuple[list[FaceCrop], LandmarkOutput]:
    """Predict landmarks in crops, and again in crops refined by the landmarks.

    A crop is refined up to `model.refinement_passes` times, or as `CropConfig` says for turned
    heads and for given places.

    Args:
        images: (H, W) gray or (H, W, 3) RGB.
        crops: first crop of each face.
        min_score: score that the caller asks of a face, [0, 1]. Faces far below it (see
            `CropConfig.retry_score`) are left out.
        always: refine also crops that are within the tolerances.
        given: the user says that there is a face in each crop, but no detector has measured it. It
            may be much smaller than the crop expects, so no first score drops it, and it is
            refined until its crop stays in place.

    Returns:
        The last crop of each face that is left, and the output in pixels of the images.
    """
    crops = [rounded_crop(crop, model.size, FIRST_STEPS) for crop in crops]
    output, _ = _run(model, images, crops)
    least = -math.inf if given else min_score * config.retry_score
    keep = [int(k) for k in np.flatnonzero(output.score >= least)]
    refined = [crops[k] for k in keep]
    output = LandmarkOutput(
        output.points[keep],
        output.radius[keep],
        output.score[keep],
        visible=None if output.visible is None else output.visible[keep],
    )
    pending = list(range(len(refined)))
    usual = _usual_passes(model, config, given)
    for done in range(max(usual, config.turned_passes) if usual else 0):
        closer = {k: _closer(model, refined[k], output, k, config) for k in pending}
        pending = [
            k
            for k in pending
            if _wants_pass(model, output, k, refined[k], closer[k], done, usual, always, config)
        ]
        if not pending:
            break
        for k in pending:
            refined[k] = closer[k]
        again, _ = _run(model, images, [refined[k] for k in pending])
        output.points[pending] = again.points
        output.radius[pending] = again.radius
        output.score[pending] = again.score
        if output.visible is not None and again.visible is not None:
            output.visible[pending] = again.visible
    return refined, output


def _usual_passes(model: LandmarkNetwork, config: CropConfig, given: bool) -> int:
    """Refinements at most of a head that is not turned; 0 for a model that wants none."""
    passes = model.refinement_passes
    return max(passes, config.given_passes) if given and passes else passes


def _wants_pass(
    model: LandmarkNetwork,
    output: LandmarkOutput,
    row: int,
    crop: FaceCrop,
    closer: FaceCrop,
    done: int,
    usual: int,
    always: bool,
    config: CropConfig,
) -> bool:
    """True if the face of a row of the output is to be predicted in the crop `closer`, too, after
    `done` refinements of `usual`."""
    side, tolerance = model.size[1], 1.0
    if _is_turned(output, row, config):
        passes, tolerance = config.turned_passes, config.turned_tolerance
        forced = False
    else:
        passes = usual
        forced = always or bool(output.score[row] < config.sure_score)
    if done >= passes:
        return False
    return forced or not _is_near(crop.matrix, closer.matrix, side, config, tolerance)


def _is_turned(output: LandmarkOutput, row: int, config: CropConfig) -> bool:
    """True if the model takes so many landmarks for hidden that the head must be turned."""
    if output.visible is None:
        return False
    return bool(np.mean(output.visible[row] < HIDDEN) >= config.turned_share)


def _closer(
    model: LandmarkNetwork, previous: FaceCrop, output: LandmarkOutput, row: int, config: CropConfig
) -> FaceCrop:
    """The crop refined by the landmarks of a row of the output."""
    visible = None if output.visible is None else output.visible[row]
    points, radius = output.points[row], output.radius[row]
    closer = recrop_from_landmarks(model, previous, points, radius, config, visible=visible)
    return rounded_crop(closer, model.size, REFINED_STEPS)


def _run(
    model: LandmarkNetwork, images: Sequence[NDArray[np.uint8]], crops: Sequence[FaceCrop]
) -> tuple[LandmarkOutput, NDArray[np.uint8]]:
    return run_crops(model, [images[c.image] for c in crops], [c.matrix for c in crops])


def _is_near(
    first: affine.Matrix, second: affine.Matrix, side: int, config: CropConfig, factor: float
) -> bool:
    """True if two crops of `side` pixels, both similarities, agree within the tolerances times a
    factor."""
    (a, _, x), (b, _, y) = first.tolist()
    (c, _, u), (d, _, v) = second.tolist()
    size = a * a + b * b
    # the second over the first, as complex numbers
    cos, sin = (c * a + d * b) / size, (d * a - c * b) / size
    middle = (side - 1) / 2
    right = cos * (middle - x) - sin * (middle - y) + u - middle
    down = sin * (middle - x) + cos * (middle - y) + v - middle
    return (
        abs(math.degrees(math.atan2(sin, cos))) <= config.rotation_tolerance * factor
        and abs(math.log(math.hypot(sin, cos))) <= config.scale_tolerance * factor
        and max(abs(right), abs(down)) <= config.shift_tolerance * factor * side
    )


def recrop_from_landmarks(
    model: LandmarkNetwork,
    previous: FaceCrop,
    points: NDArray[np.float32],
    radius: NDArray[np.float32],
    config: CropConfig = CROP_CONFIG,
    *,
    visible: NDArray[np.float32] | None = None,
) -> FaceCrop:
    """The crop in which landmarks come closest to the model's canonical points.

    Args:
        previous: crop that the landmarks were predicted in. It is returned where the landmarks
            define no crop, or one that differs in size by more than `config.max_zoom`.
        points, radius: (K, 2) and (K,) in image pixels.
        visible: (K,) in [0, 1]; None: unknown. If it is known, the model was trained on the
            places of hidden points too, and on crops aligned by all points alike. So all weigh the
            same, which was better on profiles. If it is not, a landmark weighs 1 / radius^2.
    """
    weights = landmark_weights(radius) if visible is None else np.ones(len(points))
    try:
        matrix = affine.fit_similarity(points, model.canonical_points, weights)
    except DataError:  # all points in one place
        return previous
    zoom = np.hypot(*matrix[:, 0]) / np.hypot(*previous.matrix[:, 0])
    if not 1 / config.max_zoom < zoom < config.max_zoom:
        return previous
    return FaceCrop(previous.image, previous.detection, matrix)
