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
from facepoints.detection import WholeImage
from facepoints.inference.crop_predictor import Answers, Framed
from facepoints.inference.landmark_model import Answer, PointsModel
from facepoints.landmarks.landmark_set import LandmarkSet, base_name
from facepoints.models.onnx_edit import ADAPTED

if TYPE_CHECKING:
    from facepoints.models.run import Run

__all__ = ["RunModel", "answering", "opened"]


@dataclass(frozen=True)
class RunModel:
    """A run as a model that looks at crops (`looks.Model`)."""

    run: Run
    looks: int = 2

    @property
    def landmarks(self) -> LandmarkSet:
        return self.run.landmarks

    @property
    def size(self) -> tuple[int, int]:
        return self.run.size

    @property
    def layout(self) -> NDArray[np.float32]:
        return self.run.crop_rule.layout

    @property
    def face_box(self) -> tuple[float, float, float, float]:
        return self.run.crop_rule.face_box

    @property
    def scores_faces(self) -> bool:
        return any(member.model.judges for member in self.run.members)

    def __call__(self, crops: NDArray[np.uint8]) -> Answer:
        """Points, radius and score of crops (B, H, W) uint8."""
        found = self.run.predict(crops)
        return Answer(found.points, found.radius, found.score)


def opened(name: Path) -> Run | PointsModel:
    """The model that a word, a file or a folder means.

    Args:
        name: ``facepoints`` for the model that comes with the package, an ONNX file, or the
            folder of a run; without PyTorch, its model.onnx is read in its place.

    Raises:
        RunError, ModelError: it is missing, damaged or newer.
    """
    if str(name) == weights.BUILTIN:
        return PointsModel.load()
    inside = name / "model.onnx"
    if name.is_file() or name.suffix == ".onnx":
        return PointsModel.load(name)
    if inside.is_file() and (find_spec("torch") is None or not (name / "run.json").is_file()):
        return PointsModel.load(name)
    from facepoints.models.run import Run

    return Run.load(name)


def answering(model: Run | PointsModel, names: Iterable[str], whole: WholeImage) -> Answers:
    """A model as what answers pictures of one face each with certain points.

    One that has them all among its own was trained on such pictures, unless it was adapted.

    Args:
        names: points that are wanted.
        whole: where such pictures have the face.
    """
    own = set(map(base_name, model.landmarks.names))
    has_all = {base_name(name) for name in names} <= own
    if not isinstance(model, PointsModel):
        return model if has_all else Framed(RunModel(model), model.sources, whole)
    if has_all and ADAPTED not in model.metadata:
        return model
    return Framed(model, model.sources, whole)
