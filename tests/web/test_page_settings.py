"""The settings of the page: what Python knows, as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from facepoints.detection import LOW_SCORE_THRESHOLD
from facepoints.errors import ModelError
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.inference.refinement import CropConfig
from facepoints.landmarks.known_sets import KNOWN_SETS
from facepoints.web.page_settings import SECTIONS, page_settings, settings_json


def test_the_text_is_json_of_the_settings() -> None:
    assert json.loads(settings_json()) == json.loads(json.dumps(page_settings()))
    assert set(SECTIONS) < set(page_settings())


def test_landmarks_are_those_of_the_model() -> None:
    model, settings = LandmarkModel.load(), page_settings()
    known = KNOWN_SETS["openpose-70"]
    assert settings["landmarks"]["set"] == "openpose-70"
    assert settings["landmarks"]["names"] == list(known.names)
    assert [tuple(edge) for edge in settings["landmarks"]["edges"]] == list(
        model.landmarks.edge_columns
    )
    mirror = settings["landmarks"]["mirror"]
    assert [mirror[column] for column in mirror] == list(range(len(known)))
    assert known.names[settings["landmarks"]["regions"]["pupils"][0]] == "right_pupil"
    assert settings["models"]["points"]["checksum"] == model.checksum
    points = np.array(settings["model"]["canonical_points"])
    np.testing.assert_allclose(points, model.canonical_points, atol=1e-4)


def test_thresholds_are_those_of_python() -> None:
    settings = page_settings()
    assert settings["crop"].items() >= asdict(CropConfig()).items()
    assert settings["detector"]["min_score"] == LOW_SCORE_THRESHOLD


def test_a_detector_is_refused(tmp_path: Path) -> None:
    from facepoints import weights

    with pytest.raises(ModelError, match="not a landmark model"):
        page_settings(weights.DETECTOR)
