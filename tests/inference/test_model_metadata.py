"""The metadata of a landmark model's file: written, read back, and checked."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from facepoints.errors import ModelError
from facepoints.inference.model_metadata import ModelMetadata
from facepoints.inference.radius_calibration import Calibration
from facepoints.landmarks.landmark_set import LandmarkSet

EYES = LandmarkSet.of_names(("left_eye", "right_eye"))
METADATA = ModelMetadata(
    landmarks=EYES,
    schemes={"eyes": EYES.names},
    size=(64, 96),
    refinement_passes=1,
    canonical_points=np.array([[60.12341, 30], [1 / 3, 30]], np.float32),
    face_box=(10.0, 20.0, 1 / 3, 40.0),
    has_face_score=True,
    calibration=Calibration((1.5, 2.5), rows=7, calibrated=True),
    adapted={"changes": 1},
    has_visibility=True,
)


def test_metadata_is_restored_from_its_json() -> None:
    header = json.loads(json.dumps(METADATA.to_dict()))
    assert header["canonical_points"] == [[60.1234, 30.0], [0.3333, 30.0]]
    assert header["face_box"] == [10.0, 20.0, 0.3333, 40.0]
    restored = ModelMetadata.from_dict({"format": 1, **header})
    assert restored.to_dict() == header
    assert restored.schemes == METADATA.schemes
    assert restored.canonical_points.dtype == np.float32
    assert restored.adapted == {"changes": 1}
    assert restored.has_visibility is True


def test_a_file_of_a_model_without_visibility_may_lack_the_entry() -> None:
    header = METADATA.to_dict()
    assert header.pop("has_visibility") is True
    assert ModelMetadata.from_dict(header).has_visibility is False


def test_a_model_that_was_not_adapted_has_no_such_entry() -> None:
    header = METADATA.to_dict()
    del header["adapted"]
    restored = ModelMetadata.from_dict(header)
    assert restored.adapted is None
    assert "adapted" not in restored.to_dict()


@pytest.mark.parametrize(
    "change",
    [
        {"size": [64]},
        {"size": [0, 64]},
        {"face_box": [0, 0, 0, 1]},
        {"face_box": "none"},
        {"refinement_passes": -1},
        {"refinement_passes": None},
        {"canonical_points": [[1, 2]]},
        {"landmarks": {"names": []}},
        {"schemes": [1]},
        {"calibration": {}},
        {"calibration": {"coverage": 0.9, "factors": [1], "rows": 0, "calibrated": False}},
        {"adapted": 1},
    ],
)
def test_damaged_metadata_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=r"metadata of a\.onnx is damaged.*export it again"):
        ModelMetadata.from_dict({**METADATA.to_dict(), **change}, "a.onnx")


@pytest.mark.parametrize("key", sorted(METADATA.to_dict().keys() - {"adapted", "has_visibility"}))
def test_missing_metadata_is_refused(key: str) -> None:
    header = METADATA.to_dict()
    del header[key]
    with pytest.raises(ModelError, match=key):
        ModelMetadata.from_dict(header)
