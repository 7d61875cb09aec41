"""The score of a face from those of the landmark model and the detector."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from fakes import DiscModel
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from facepoints.detection import Detection
from facepoints.inference.cropping import crop, initial_crop
from facepoints.inference.face_score import (
    SMALL_FACE,
    SURE_DETECTOR,
    SURE_OF_SMALL,
    can_be_face,
    combined_score,
    face_scores,
    sure_score,
)
from facepoints.inference.landmark_model import LandmarkOutput

scores = st.floats(0, 1)


@given(scores, st.floats(0.8, 1))
def test_the_model_alone_decides_where_the_detector_is_sure(model: float, detector: float) -> None:
    assert combined_score(model, detector, 0.8) == model


def test_the_detector_must_be_surer_of_small_faces() -> None:
    wide, small = (Detection((0, 0, side, 0.9 * side)) for side in (SMALL_FACE, SMALL_FACE - 0.1))
    assert (sure_score(wide), sure_score(small)) == (SURE_DETECTOR, SURE_OF_SMALL)
    assert combined_score(0.9, 0.5, SURE_OF_SMALL) <= combined_score(0.9, 0.5, SURE_DETECTOR)


def test_a_detection_that_the_model_cannot_make_a_face_is_left_out() -> None:
    wide = (0.0, 0.0, 60.0, 60.0)
    assert can_be_face(Detection(wide, 0.5), 0.5)
    assert can_be_face(Detection(wide, 1.0), 1.0)
    assert can_be_face(Detection(wide, 0.001), 0.0)
    assert not can_be_face(Detection(wide, 0.01), 0.5)


@given(scores, scores, scores)
def test_a_doubt_of_the_detector_never_raises_a_score(
    model: float, low: float, high: float
) -> None:
    low, high = sorted((low, high))
    model = min(max(model, 1e-3), 1 - 1e-3)
    lower, higher = (combined_score(model, score, 0.8) for score in (low, high))
    assert 0 <= lower <= higher + 1e-9
    assert higher <= model + 1e-9


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99), scores)
def test_both_looks_weigh_the_same(one: float, other: float, detector: float) -> None:
    mean = combined_score(one, detector, 0.8, other)
    assert mean == pytest.approx(combined_score(other, detector, 0.8, one))
    low, high = sorted(combined_score(score, detector, 0.8, score) for score in (one, other))
    assert low - 1e-9 <= mean <= high + 1e-9


@dataclass
class Recorder(DiscModel):
    """Scores every crop with 0.9, and keeps the crops."""

    seen: list[NDArray[np.uint8]] = field(default_factory=list)

    def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput:
        self.seen.extend(crops)
        output = super().__call__(crops)
        return output._replace(score=np.full(len(crops), 0.9, np.float32))


def test_only_unsure_faces_are_looked_at_again_and_in_the_mirrored_crop() -> None:
    image = np.random.default_rng(0).integers(0, 256, (200, 240), dtype=np.uint8)
    model = Recorder()
    box = (60.0, 50.0, 80.0, 80.0)
    crops = [initial_crop(model, 0, Detection(box, score)) for score in (0.99, 0.99, 0.7, 0.1)]
    found = face_scores(model, [image], crops, [0.995, 0.6, 0.7, 0.01])
    assert len(model.seen) == 2
    mirrored = crop(image, crops[1].matrix, model.size)[:, ::-1]
    assert np.abs(model.seen[0].astype(int) - mirrored).max() <= 1
    assert found[0] == 0.995
    assert found[1] == pytest.approx(combined_score(0.6, 0.99, SURE_DETECTOR, 0.9))
    assert 0.6 < found[1] < 0.9
    assert found[2] == pytest.approx(combined_score(0.7, 0.7, SURE_DETECTOR, 0.9))
    assert found[3] < 0.001
