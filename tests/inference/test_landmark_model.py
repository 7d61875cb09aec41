"""A model file without PyTorch: its output, and one clear line for a file that is not a model."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from waiting import PATIENCE

from facepoints import weights
from facepoints.errors import DataError, FacepointsError, ModelError, SettingsError
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.models.onnx_edit import with_metadata
from facepoints.runtime.model_file import FORMAT, checksum

EYES = LandmarkSet.of_names(("left_eye", "right_eye"))
SIZE = (4, 6)

# The first four values of a crop are its points, the next two the radii, the seventh,
# divided by 255, the score.
GRAPH = """
<ir_version: 8, opset_import: ["" : 18]>
values (uint8[B,4,6] crops) => (float[B,2,2] points, float[B,2] radius, float[B] score)
<int64[2] flat = {-1, 24}, int64[3] pairs = {-1, 2, 2}, int64[1] one = {1},
 int64[1] zero = {0}, int64[1] four = {4}, int64[1] six = {6}, int64 sixth = {6},
 float most = {255.0}>
{
  gray = Cast<to=1>(crops)
  row = Reshape(gray, flat)
  first = Slice(row, zero, four, one)
  points = Reshape(first, pairs)
  radius = Slice(row, four, six, one)
  last = Gather<axis=1>(row, sixth)
  score = Div(last, most)
}
"""
HEADER: dict[str, Any] = {
    "landmarks": EYES.to_dict(),
    "schemes": {"eyes": list(EYES.names)},
    "size": list(SIZE),
    "refinement_passes": 1,
    "canonical_points": [[4.0, 1.5], [1.0, 1.5]],
    "face_box": [0.5, 0.5, 5.0, 3.0],
    "has_face_score": True,
    "calibration": {"coverage": 0.9, "factors": [1.0, 2.0], "rows": 7, "calibrated": True},
}


def model_bytes(**changes: Any) -> bytes:
    return with_metadata(onnx.parser.parse_model(GRAPH), {**HEADER, **changes})


GOOD = model_bytes()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(GOOD)
    return path


def crops(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(count).integers(0, 256, (count, *SIZE), dtype=np.uint8)


def fails(path: str | Path, message: str, **more: Any) -> None:
    with pytest.raises(FacepointsError, match=message) as error:
        LandmarkModel.load(path, **more)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


# Output


@pytest.mark.parametrize("threads", [None, 1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 3, 16, 23, 64, 65, 200])
def test_any_number_of_crops_is_predicted_in_order(
    file: Path, count: int, threads: int | None
) -> None:
    images = crops(count)
    output = LandmarkModel.load(file, threads=threads)(images)
    flat = images.reshape(count, 24).astype(np.float32)
    np.testing.assert_array_equal(output.points, flat[:, :4].reshape(count, 2, 2))
    np.testing.assert_array_equal(output.radius, flat[:, 4:6])
    np.testing.assert_allclose(output.score, flat[:, 6] / 255)
    assert {a.dtype for a in output[:3]} == {np.dtype(np.float32)}


SEEING = (
    GRAPH.replace("float[B] score)", "float[B] score, float[B,2] visible)")
    .replace(
        "  last =",
        "  eighth = Slice(row, seven, nine, one)\n  visible = Div(eighth, most)\n  last =",
    )
    .replace(
        "int64[1] six = {6},", "int64[1] six = {6}, int64[1] seven = {7}, int64[1] nine = {9},"
    )
)
"""The same graph, whose eighth and ninth value, divided by 255, are the visibility."""


@pytest.mark.parametrize("count", [0, 1, 65])
def test_a_model_may_predict_visibility(tmp_path: Path, count: int) -> None:
    path = tmp_path / "seeing.onnx"
    graph = onnx.parser.parse_model(SEEING)
    path.write_bytes(with_metadata(graph, {**HEADER, "has_visibility": True}))
    model, images = LandmarkModel.load(path), crops(count)
    assert model.has_visibility
    output = model(images)
    flat = images.reshape(count, 24).astype(np.float32)
    assert output.visible is not None
    assert output.visible.dtype == np.float32
    np.testing.assert_allclose(output.visible, flat[:, 7:9] / 255)
    np.testing.assert_array_equal(output.radius, flat[:, 4:6])
    larger = model.predict(np.repeat(images, 2, axis=2)) if count else output
    assert larger.visible is not None
    assert larger.visible.shape == (count, 2)


def test_a_model_without_visibility_says_so(file: Path, tmp_path: Path) -> None:
    model = LandmarkModel.load(file)
    assert not model.has_visibility
    assert model(crops(2)).visible is None
    assert model(crops(0)).visible is None
    assert model.predict(crops(2)).visible is None
    path = tmp_path / "seeing.onnx"  # the metadata decides, so other tools may add outputs
    path.write_bytes(with_metadata(onnx.parser.parse_model(SEEING), HEADER))
    assert LandmarkModel.load(path)(crops(2)).visible is None


def test_several_threads_may_call_a_model_at_once(file: Path) -> None:
    model, images = LandmarkModel.load(file, threads=2), crops(160)
    expected = model(images).points
    fresh = LandmarkModel.load(file, threads=2)
    with ThreadPoolExecutor(4) as pool:
        outputs = list(pool.map(lambda _: fresh(images).points, range(12)))
    for output in outputs:
        np.testing.assert_array_equal(output, expected)


def test_a_view_of_an_array_is_predicted_like_a_copy(file: Path) -> None:
    wide = np.random.default_rng(0).integers(0, 256, (9, 8, 12), dtype=np.uint8)
    part = wide[::2, 2:6, ::2]
    model = LandmarkModel.load(file, threads=2)
    for one, other in zip(model(part)[:3], model(part.copy())[:3], strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_model_has_the_metadata_of_its_file(file: Path) -> None:
    model = LandmarkModel.load(file)
    assert model.landmarks == EYES
    assert model.schemes == {"eyes": EYES.names}
    assert model.size == SIZE
    np.testing.assert_array_equal(model.canonical_points, np.array([[4, 1.5], [1, 1.5]]))
    assert model.face_box == (0.5, 0.5, 5.0, 3.0)
    assert model.refinement_passes == 1
    assert model.has_face_score is True
    assert model.calibration.rows == 7


def test_a_run_folder_loads_its_model(file: Path) -> None:
    assert LandmarkModel.load(file.parent).landmarks == EYES


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((2, 6, 4), np.uint8),
        np.zeros((4, 6), np.uint8),
        np.zeros((2, 4, 6, 3), np.uint8),
        np.zeros((2, 4, 6), np.float32),
    ],
)
def test_crops_of_another_shape_or_type_are_refused(file: Path, wrong: NDArray) -> None:
    with pytest.raises(DataError, match=r"uint8 \(B, 4, 6\).*got"):
        LandmarkModel.load(file)(wrong)


def test_the_checksum_covers_the_file_with_its_digits_zeroed() -> None:
    (digits,) = re.findall(rb'"checksum": "([0-9a-f]{64})"', GOOD)
    zeroed = GOOD.replace(digits, b"0" * 64)
    assert hashlib.sha256(zeroed).hexdigest() == digits.decode() == checksum(GOOD)


# Files that are not models


def of_format(number: object) -> bytes:
    """A good file with another format."""
    data = GOOD.replace(b'{"format": %d' % FORMAT, b'{"format": %s' % json.dumps(number).encode())
    (digits,) = re.findall(rb'"checksum": "([0-9a-f]{64})"', data)
    return data.replace(digits, checksum(data).encode())


def of_somebody_else() -> bytes:
    return onnx.parser.parse_model(GRAPH).SerializeToString()


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "not an ONNX file"),
    "an image": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, "not an ONNX file"),
    "text": (lambda: b"points\n" * 50, "not an ONNX file"),
    "the first half": (lambda: GOOD[: len(GOOD) // 2], "not an ONNX file|is damaged"),
    "all but the end": (lambda: GOOD[:-20], "is damaged: its checksum"),
    "something behind it": (lambda: GOOD + b"\0", "is damaged: its checksum"),
    "another name inside": (lambda: GOOD.replace(b"most", b"mast", 1), "is damaged: its checksum"),
    "somebody else's": (of_somebody_else, "not one of facepoints.*facepoints export"),
    "a newer format": (lambda: of_format(FORMAT + 1), r"format 2\).*up to format 1: upgrade"),
    "a format that is not a number": (lambda: of_format("x"), r"model format x\)"),
    "a face detector": (
        lambda: model_bytes(kind="detector"),
        "is a detector of facepoints, not",
    ),
    "no size": (lambda: model_bytes(size=[]), "metadata of .* is damaged"),
    "canonical points of another set": (
        lambda: model_bytes(canonical_points=[[1, 2]]),
        "metadata .* is damaged",
    ),
    "no landmarks": (lambda: model_bytes(landmarks={}), "metadata of .* is damaged"),
    "schemes of another type": (lambda: model_bytes(schemes=[1]), "metadata of .* is damaged"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_file_that_is_not_a_model_raises_one_clear_line(
    kind: str, file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make, message = BAD[kind]
    file.write_bytes(make())
    fails(file, message)
    assert capfd.readouterr() == ("", "")


@settings(deadline=None)  # onnxruntime opens some of these files
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_every_changed_byte_is_detected(tmp_path_factory: Any, place: int, change: int) -> None:
    path = tmp_path_factory.getbasetemp() / "changed.onnx"
    path.write_bytes(GOOD[:place] + bytes([GOOD[place] ^ change]) + GOOD[place + 1 :])
    with pytest.raises(ModelError):
        LandmarkModel.load(path)


@settings(deadline=None)
@given(st.integers(0, len(GOOD) - 1))
def test_every_truncation_is_detected(tmp_path_factory: Any, length: int) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.onnx"
    path.write_bytes(GOOD[:length])
    with pytest.raises(ModelError):
        LandmarkModel.load(path)


def test_a_missing_file_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fails(tmp_path / "nowhere.onnx", "no model at .*expected an ONNX file, a run folder, or")
    fails(tmp_path, "folder without model.onnx.*facepoints export")
    monkeypatch.setattr(weights, "POINTS", tmp_path / "points.onnx")
    fails("builtin", "built-in model is missing")


def test_unavailable_devices_and_threads_are_refused(file: Path) -> None:
    fails(file, "threads must be a whole number from 1 to", threads=0)
    fails(file, "no device 'tpu'; choose auto, cpu, cuda", device="tpu")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    with pytest.raises(SettingsError, match=r"no device 'cuda' here.*onnxruntime-gpu"):
        LandmarkModel.load(file, device="cuda")


def test_loading_a_model_needs_neither_torch_nor_onnx(file: Path) -> None:
    code = f"""
import sys
from pathlib import Path
import numpy as np
from facepoints.inference.landmark_model import LandmarkModel
assert "onnxruntime" not in sys.modules
LandmarkModel.load(Path({str(file)!r}))(np.zeros((1, 4, 6), np.uint8))
print(sorted({{"torch", "onnx", "safetensors"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""
