"""The network of a model is opened on the device that was asked for, or that is an error.

There is no GPU here. The tests replace what the code asks at the boundary: the providers of
onnxruntime and its sessions, and PyTorch's device."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from facepoints import weights
from facepoints.api import load
from facepoints.datasets import synthetic
from facepoints.errors import ModelError, SettingsError
from facepoints.imaging.affine import resize_images
from facepoints.inference import network_session
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.models import devices, torch_session
from facepoints.models.networks import KeypointModel, RawOutput
from facepoints.models.onnx_edit import with_metadata
from facepoints.runtime import onnx_session
from facepoints.runtime.devices import is_quantized, parse_device

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def crops() -> NDArray[np.uint8]:
    size = LandmarkModel.load().size
    return resize_images(synthetic.render(12, seed=3, size=112).images, *size)


class FakeRuntime:
    """onnxruntime with providers of a GPU. Its sessions compute on the CPU."""

    def __init__(self, providers: list[str], starts: bool = True) -> None:
        self.providers, self.starts = providers, starts
        self.opened: list[tuple[list[str], list[dict[str, Any]]]] = []
        self.preloaded = False

    def __getattr__(self, name: str) -> Any:
        return getattr(onnxruntime, name)

    def get_available_providers(self) -> list[str]:
        return [*self.providers, "CPUExecutionProvider"]

    def preload_dlls(self) -> None:
        self.preloaded = True

    def InferenceSession(
        self, data: bytes, options: Any, providers: list[str], provider_options: Any, **rest: Any
    ) -> Any:
        self.opened.append((providers, provider_options))
        inner = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        shown = providers if self.starts else ["CPUExecutionProvider"]

        class Session:
            get_providers = staticmethod(lambda: shown)
            run = staticmethod(inner.run)

        return Session()


def with_runtime(patch: pytest.MonkeyPatch, *providers: str, starts: bool = True) -> FakeRuntime:
    fake = FakeRuntime(list(providers), starts)
    for module in (onnx_session, network_session):
        patch.setattr(module, "import_onnxruntime", lambda: fake)
    patch.setattr("facepoints.runtime.devices.import_onnxruntime", lambda: fake)
    return fake


EYES = LandmarkSet.of_names(("left_eye", "right_eye"))
GRAPH = """
<ir_version: 8, opset_import: ["" : 18]>
values (uint8[B,4,6] crops) => (float[B,2,2] points, float[B,2] radius, float[B] score)
<int64[2] flat = {-1, 24}, int64[3] pairs = {-1, 2, 2}, int64[1] one = {1},
 int64[1] zero = {0}, int64[1] four = {4}, int64[1] six = {6}, int64 sixth = {6}>
{
  gray = Cast<to=1>(crops)
  row = Reshape(gray, flat)
  first = Slice(row, zero, four, one)
  points = Reshape(first, pairs)
  radius = Slice(row, four, six, one)
  score = Gather<axis=1>(row, sixth)
}
"""


def float_file(tmp_path: Path) -> Path:
    """A small model file in full precision."""
    header = {
        "landmarks": EYES.to_dict(),
        "schemes": {"eyes": list(EYES.names)},
        "size": [4, 6],
        "refinement_passes": 1,
        "canonical_points": [[4.0, 1.5], [1.0, 1.5]],
        "face_box": [0.5, 0.5, 5.0, 3.0],
        "has_face_score": True,
        "calibration": {"coverage": 0.9, "factors": [1.0, 2.0], "rows": 7, "calibrated": True},
    }
    path = tmp_path / "float.onnx"
    path.write_bytes(with_metadata(onnx.parser.parse_model(GRAPH), header))
    return path


def test_on_a_gpu_pytorch_computes_the_float_weights_of_the_builtin_model(
    torch_gpu: list[str], crops: NDArray[np.uint8]
) -> None:
    model, on_cpu = LandmarkModel.load(device="cuda:0"), LandmarkModel.load()
    assert torch_gpu == ["cuda:0"]
    here, there = on_cpu(crops), model(crops)
    far = np.linalg.norm(here.points - there.points, axis=2)
    assert np.median(far) < 0.3
    assert far.max() < 3
    assert np.median(there.radius / here.radius) == pytest.approx(1, abs=0.05)
    assert np.abs(here.score - there.score).max() < 0.1
    assert here.visible is not None
    assert there.visible is not None
    assert np.abs(here.visible - there.visible).max() < 0.3
    assert model.checksum != on_cpu.checksum  # another network: results must not be mixed
    assert model.landmarks == on_cpu.landmarks


def test_a_model_on_a_gpu_is_pickled_by_its_run_and_copies_share_it(
    torch_gpu: list[str], crops: NDArray[np.uint8]
) -> None:
    model = LandmarkModel.load(device="cuda")
    data = pickle.dumps(model)
    assert len(data) < 50_000  # no weights
    again = pickle.loads(data)
    assert torch_gpu == ["cuda", "cuda"]
    assert again.checksum == model.checksum
    np.testing.assert_array_equal(again(crops).points, model(crops).points)
    assert copy.deepcopy(model)._session is model._session


def test_a_face_model_finds_the_same_faces_on_a_gpu(torch_gpu: list[str]) -> None:
    image = synthetic.render(1, seed=8, size=200).images[0]
    model = load(device="cuda", threads=3)
    (here,), (there,) = load()(image), model(image)
    assert np.linalg.norm(here.points - there.points, axis=1).max() < 3
    several = model([image[:, ::-1], image, image, image])  # a batch in each thread
    assert [len(faces) for faces in several] == [1, 1, 1, 1]
    for faces in several[1:]:
        assert np.abs(faces[0].points - there.points).max() < 0.01


def test_auto_takes_a_gpu_if_one_is_there(
    torch_gpu: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LandmarkModel.load(device="auto").checksum != LandmarkModel.load().checksum
    monkeypatch.setattr(torch_session, "cuda_name", lambda: "")
    assert LandmarkModel.load(device="auto").checksum == LandmarkModel.load().checksum


def test_without_a_gpu_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_session, "cuda_name", lambda: "")
    with pytest.raises(SettingsError, match=r"no device 'cuda' here: PyTorch sees no GPU.*cpu"):
        LandmarkModel.load(device="cuda")
    monkeypatch.setattr(network_session, "find_spec", lambda name: None)  # no PyTorch
    with pytest.raises(SettingsError, match=r"no device 'cuda' here.*facepoints\[train\]"):
        LandmarkModel.load(device="cuda")


def test_a_file_in_full_precision_runs_on_onnxruntimes_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = float_file(tmp_path)
    fake = with_runtime(monkeypatch, "CUDAExecutionProvider")
    LandmarkModel.load(file, "cuda:1")
    assert fake.opened[-1] == (["CUDAExecutionProvider"], [{"device_id": 1}])
    assert fake.preloaded
    LandmarkModel.load(file, "auto")
    assert fake.opened[-1] == (["CUDAExecutionProvider"], [{"device_id": 0}])
    with pytest.raises(SettingsError, match="has no TensorrtExecutionProvider"):
        LandmarkModel.load(file, "tensorrt")


def test_tensorrt_leaves_to_cuda_what_it_cannot_compute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = with_runtime(monkeypatch, "TensorrtExecutionProvider", "CUDAExecutionProvider")
    LandmarkModel.load(float_file(tmp_path), "tensorrt:2")
    providers = ["TensorrtExecutionProvider", "CUDAExecutionProvider"]
    assert fake.opened[-1] == (providers, [{"device_id": 2}, {"device_id": 2}])


def test_a_provider_that_falls_back_to_the_cpu_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_runtime(monkeypatch, "CUDAExecutionProvider", starts=False)
    with pytest.raises(SettingsError, match="could not start CUDAExecutionProvider"):
        LandmarkModel.load(float_file(tmp_path), "cuda")


def test_8_bits_are_never_run_on_onnxruntimes_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torch_gpu: list[str]
) -> None:
    copied = tmp_path / "points.onnx"  # without its run
    copied.write_bytes(weights.POINTS.read_bytes())
    assert is_quantized(copied.read_bytes())
    fake = with_runtime(monkeypatch, "CUDAExecutionProvider")
    with pytest.raises(SettingsError, match="computes in 8 bits"):
        LandmarkModel.load(copied, "cuda")
    LandmarkModel.load(copied, "auto")
    assert fake.opened == [(["CPUExecutionProvider"], [{}])]
    LandmarkModel.load(device="cuda")  # the built-in one has a run, which PyTorch computes
    assert torch_gpu == ["cuda"]


def test_a_run_of_other_points_than_the_file_is_refused(
    torch_gpu: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(weights, "POINTS", float_file(tmp_path))
    with pytest.raises(ModelError, match="predict different points; export the run again"):
        LandmarkModel.load(device="cuda")


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:12", "tensorrt", "auto", "cpu"])
def test_names_of_devices(name: str) -> None:
    device = parse_device(name)
    shown = device.kind if ":" not in name else f"{device.kind}:{device.number}"
    assert shown == name


def test_a_model_on_a_gpu_is_not_used_after_a_fork(
    torch_gpu: list[str], monkeypatch: pytest.MonkeyPatch, crops: NDArray[np.uint8]
) -> None:
    model = LandmarkModel.load(device="cuda")
    monkeypatch.setattr("facepoints.models.torch_session.os.getpid", lambda: -1)
    with pytest.raises(SettingsError, match="cannot be used after a fork"):
        model(crops)


def test_a_batch_that_is_too_large_for_the_gpu_is_halved(
    torch_gpu: list[str], monkeypatch: pytest.MonkeyPatch, crops: NDArray[np.uint8]
) -> None:
    model = LandmarkModel.load(device="cuda")
    one = model(crops[:1])
    many = np.repeat(crops[:1], 72, axis=0)
    sizes: list[int] = []
    forward = KeypointModel.forward

    def small(self: Any, images: torch.Tensor) -> Any:
        sizes.append(len(images))
        if len(images) > 40:
            raise torch.OutOfMemoryError("CUDA out of memory")
        parts = (None if t is None else t.expand(len(images), *t.shape[1:]) for t in first)
        return RawOutput(*parts)  # pyright: ignore[reportArgumentType]

    network = model._session._run.members[0].model  # pyright: ignore[reportAttributeAccessIssue]
    with torch.inference_mode():
        first = forward(network, torch.from_numpy(crops[:1])[:, None])
    monkeypatch.setattr(KeypointModel, "forward", small)
    halved = model(many)
    assert sizes == [72, 64, 32, 32, 8]
    np.testing.assert_allclose(halved.points, one.points.repeat(72, axis=0), atol=1e-3)
    monkeypatch.setattr(
        KeypointModel, "forward", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("no"))
    )
    with pytest.raises(SettingsError, match="does not hold a few crops"):
        model(many)


def test_info_names_what_computes_on_each_device(
    torch_gpu: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lines() -> list[str]:
        return network_session.describe_devices(weights.POINTS, weights.POINTS_RUN)

    assert lines()[1] == "device cuda: PyTorch 9, a GPU, float32"
    assert lines()[0].startswith("device cpu: onnxruntime ")
    assert lines()[0].endswith("8 bits")
    monkeypatch.setattr(torch_session, "cuda_name", lambda: "")
    assert lines()[1] == "device cuda: not available: PyTorch sees no GPU"
    monkeypatch.setattr(network_session, "find_spec", lambda name: None)
    assert lines()[1].startswith("device cuda: not available: PyTorch is not installed")


def test_a_copy_to_the_cpu_is_the_tensor_itself() -> None:
    tensor = torch.arange(3)
    assert devices.to_device(tensor, torch.device("cpu")) is tensor
