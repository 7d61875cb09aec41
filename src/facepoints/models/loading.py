"""Opens a model by its name, file or run folder, for pictures cut to one face each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facepoints import weights
from facepoints.detection import FullImageDetector
from facepoints.inference.crop_predictor import CropModel, CroppingModel
from facepoints.inference.landmark_model import LandmarkModel, LandmarkOutput
from facepoints.landmarks.landmark_set import LandmarkSet, base_name

if TYPE_CHECKING:
    from facepoints.models.run import Run

__all__ = ["RunModel", "load_model", "run_folder", "select_crop_model"]


@dataclass(frozen=True)
class RunModel:
    """A run as a model that looks at crops (`looks.Model`)."""

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
        return any(member.model.has_face_score for member in self.run.members)

    def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput:
        """Points, radius and score of crops (B, H, W) uint8."""
        return self.run.predict(crops)


def load_model(model: str | Path = weights.BUILTIN) -> Run | LandmarkModel:
    """A model by its name, its file or its run folder.

    Args:
        model: "builtin" for the model of the package, an ONNX file, or a run folder. Without
            PyTorch, the model.onnx of the run folder is read in its place.

    Raises:
        RunError, ModelError: it is missing, damaged or newer.
    """
    path = Path(model)
    onnx = path / "model.onnx"
    if str(model) == weights.BUILTIN or path.is_file() or path.suffix == ".onnx":
        return LandmarkModel.load(model)
    if onnx.is_file() and (find_spec("torch") is None or not (path / "run.json").is_file()):
        return LandmarkModel.load(path)
    from facepoints.models.run import Run

    return Run.load(path)


def run_folder(model: str | Path) -> Path:
    """The run folder of a model: "builtin" is the run that the package's weights come from."""
    return weights.POINTS_RUN if str(model) == weights.BUILTIN else Path(model)


def select_crop_model(
    model: Run | LandmarkModel, names: Iterable[str], whole: FullImageDetector
) -> CropModel:
    """A model as what answers pictures of one face each with certain points.

    One that has them all among its own was trained on such pictures, unless it was adapted.

    Args:
        names: points that are wanted.
        whole: where such pictures have the face.
    """
    own = set(map(base_name, model.landmarks.names))
    has_all = {base_name(name) for name in names} <= own
    if not isinstance(model, LandmarkModel):
        return model if has_all else CroppingModel(RunModel(model), model.schemes, whole)
    if has_all and model.metadata.adapted is None:
        return model
    return CroppingModel(model, model.schemes, whole)
