"""Loads a model by its name, file or run folder, and adapts it to images of one face each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from facepoints import weights
from facepoints.detection import FullImageDetector
from facepoints.errors import RunError
from facepoints.inference.crop_predictor import CropModel, CroppingModel
from facepoints.inference.landmark_model import LandmarkModel, LandmarkOutput
from facepoints.inference.radius_calibration import Calibration
from facepoints.landmarks.landmark_set import LandmarkSet, base_name
from facepoints.models.run_header import check_torch, read_finished_header

if TYPE_CHECKING:
    from facepoints.models.run import Run

__all__ = [
    "CalibratedCropModel",
    "RunModel",
    "load_model",
    "model_for_crops",
    "run_folder",
    "select_crop_model",
]


@dataclass(frozen=True)
class RunModel:
    """A run with the interface of a model file (`cropping.LandmarkNetwork`).

    Attributes:
        run: predicts on the crops.
        refinement_passes: times that a face is cropped again by its landmarks.
    """

    run: Run
    refinement_passes: int = 1

    @property
    def landmarks(self) -> LandmarkSet:
        return self.run.landmarks

    @property
    def size(self) -> tuple[int, int]:
        return self.run.size

    @property
    def canonical_points(self) -> NDArray[np.float32]:
        return self.run.crop_rule.canonical_points

    @property
    def face_box(self) -> tuple[float, float, float, float]:
        return self.run.crop_rule.face_box

    @property
    def has_face_score(self) -> bool:
        return self.run.has_face_score

    def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput:
        """Output for crops (B, H, W) uint8."""
        return self.run.predict(crops)


def load_model(model: str | Path = weights.BUILTIN, device: str = "cpu") -> Run | LandmarkModel:
    """Load a model by its name, file or run folder.

    Args:
        model: "builtin" for the package's model, an ONNX file, or a run folder. Without PyTorch,
            model.onnx in the run folder is loaded instead.
        device: where it runs: "cpu", "cuda", "cuda:N" or "auto" (CUDA if there is one).

    Raises:
        RunError, ModelError: it is missing, damaged or written by a newer version.
        MissingExtraError: PyTorch is not installed, and the run folder has no model.onnx.
        SettingsError: this machine has no such device.
    """
    path = Path(model)
    onnx = path / "model.onnx"
    if str(model) == weights.BUILTIN or not path.is_dir():
        return LandmarkModel.load(model, device)
    if onnx.is_file() and (find_spec("torch") is None or not (path / "run.json").is_file()):
        return LandmarkModel.load(path, device)
    read_finished_header(path)  # before PyTorch, which takes seconds to import
    check_torch("a run without model.onnx")
    from facepoints.models.devices import torch_device
    from facepoints.models.run import Run

    return Run.load(path, torch_device(device))


def model_for_crops(model: Run | LandmarkModel) -> CalibratedCropModel:
    """A model that predicts on the crops of a data set, with radii.

    A model predicts on such crops as they are. An adapted one does not: its points are not those
    that the crops are framed by, so it predicts on crops framed like its training crops.

    Args:
        model: a run or a model file.
    """
    if isinstance(model, LandmarkModel) and model.metadata.adapted is not None:
        return _AdaptedModel(model, model.schemes, FullImageDetector())
    return model


class CalibratedCropModel(CropModel, Protocol):
    """A model for crops of one face each that predicts radii."""

    @property
    def calibration(self) -> Calibration: ...
    def predict(self, images: NDArray[np.uint8]) -> LandmarkOutput:
        """Landmarks of gray images (N, H, W) uint8, in their pixels."""
        ...


class _AdaptedModel(CroppingModel):
    """An adapted model file, on the crops of a data set."""

    @property
    def calibration(self) -> Calibration:
        assert isinstance(self.model, LandmarkModel)
        return self.model.calibration


def run_folder(model: str | Path) -> Path:
    """The run folder of a model. For "builtin" it is the run that the built-in model was exported
    from.

    Raises:
        RunError: `model` is a file.
    """
    path = weights.POINTS_RUN if str(model) == weights.BUILTIN else Path(model)
    if path.is_file():
        raise RunError(
            f"{path} is a file, and only a run can be exported; name a run folder, or builtin"
        )
    return path


def select_crop_model(
    model: Run | LandmarkModel, names: Iterable[str], framing: FullImageDetector
) -> CropModel:
    """Adapt a model to images that show one face each, cropped like a data set.

    A model that has all the wanted points was trained on such images, unless it was adapted, and
    predicts on them directly. Any other model predicts on crops framed like its own training crops.

    Args:
        model: a run or a model file.
        names: points that are wanted.
        framing: position of the face in such images.
    """
    own = set(map(base_name, model.landmarks.names))
    has_all = {base_name(name) for name in names} <= own
    if not isinstance(model, LandmarkModel):
        return model if has_all else CroppingModel(RunModel(model), model.schemes, framing)
    if has_all and model.metadata.adapted is None:
        return model
    return CroppingModel(model, model.schemes, framing)
