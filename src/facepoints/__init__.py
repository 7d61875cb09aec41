"""facepoints: facial landmarks with a 90 % radius for every point, and training on partial labels.

Examples:
    >>> import facepoints
    >>> model = facepoints.load()  # doctest: +SKIP
    >>> faces = model("photo.jpg")  # doctest: +SKIP
    >>> faces[0]["nose_tip"], faces[0].radius[30]  # doctest: +SKIP
    >>> image = facepoints.draw("photo.jpg", faces, radius=True)  # doctest: +SKIP

The names below are imported when they are first used: importing the package takes
no time and needs no PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from facepoints._version import __version__

if TYPE_CHECKING:
    from facepoints.api import FaceModel as FaceModel
    from facepoints.api import load as load
    from facepoints.commands.adapt import AdaptReport as AdaptReport
    from facepoints.commands.adapt import adapt as adapt
    from facepoints.commands.evaluate import evaluate as evaluate
    from facepoints.commands.export import export as export
    from facepoints.commands.train import train as train
    from facepoints.datasets.load import load_dataset as load_dataset
    from facepoints.datasets.samples import Samples as Samples
    from facepoints.detection.base import Detection as Detection
    from facepoints.drawing import blur_faces as blur_faces
    from facepoints.drawing import draw as draw
    from facepoints.errors import DataError as DataError
    from facepoints.errors import DataWarning as DataWarning
    from facepoints.errors import FacepointsError as FacepointsError
    from facepoints.errors import MissingExtraError as MissingExtraError
    from facepoints.errors import ModelError as ModelError
    from facepoints.errors import RunError as RunError
    from facepoints.errors import SettingsError as SettingsError
    from facepoints.errors import WriteError as WriteError
    from facepoints.imaging.image_io import read_image as read_image
    from facepoints.inference.alignment import AlignedFace as AlignedFace
    from facepoints.inference.alignment import align as align
    from facepoints.inference.alignment import crops as crops
    from facepoints.inference.eye_closure import EyeClosure as EyeClosure
    from facepoints.inference.face import Face as Face
    from facepoints.inference.face_list import FaceList as FaceList
    from facepoints.inference.refinement import CropConfig as CropConfig
    from facepoints.landmarks.known_sets import IBUG_68 as IBUG_68
    from facepoints.landmarks.known_sets import KAGGLE_15 as KAGGLE_15
    from facepoints.landmarks.known_sets import KNOWN_SETS as KNOWN_SETS
    from facepoints.landmarks.known_sets import OPENPOSE_70 as OPENPOSE_70
    from facepoints.landmarks.landmark_set import LandmarkSet as LandmarkSet
    from facepoints.measurement import DEFINITIONS as DEFINITIONS
    from facepoints.measurement import MEASURES as MEASURES
    from facepoints.measurement import Gaze as Gaze
    from facepoints.measurement import Measurement as Measurement
    from facepoints.measurement import gaze as gaze
    from facepoints.measurement import measure as measure
    from facepoints.measurement.expressions import EXPRESSIONS as EXPRESSIONS
    from facepoints.measurement.expressions import Expressions as Expressions
    from facepoints.measurement.expressions import Neutral as Neutral
    from facepoints.measurement.expressions import expressions as expressions
    from facepoints.results import read_faces as read_faces
    from facepoints.results import to_dataframe as to_dataframe
    from facepoints.results import write_faces as write_faces
    from facepoints.results.records import FrameResult as FrameResult
    from facepoints.tracking.config import TrackerConfig as TrackerConfig
    from facepoints.training.settings import TrainSettings as TrainSettings
    from facepoints.video.frame import Frame as Frame

_HOMES = {
    "AdaptReport": "commands.adapt",
    "AlignedFace": "inference.alignment",
    "CropConfig": "inference.refinement",
    "DEFINITIONS": "measurement",
    "EXPRESSIONS": "measurement.expressions",
    "IBUG_68": "landmarks.known_sets",
    "KAGGLE_15": "landmarks.known_sets",
    "KNOWN_SETS": "landmarks.known_sets",
    "MEASURES": "measurement",
    "OPENPOSE_70": "landmarks.known_sets",
    "DataError": "errors",
    "DataWarning": "errors",
    "Detection": "detection.base",
    "Expressions": "measurement.expressions",
    "EyeClosure": "inference.eye_closure",
    "Face": "inference.face",
    "FaceList": "inference.face_list",
    "FaceModel": "api",
    "FacepointsError": "errors",
    "Frame": "video.frame",
    "FrameResult": "results.records",
    "Gaze": "measurement",
    "LandmarkSet": "landmarks.landmark_set",
    "Measurement": "measurement",
    "MissingExtraError": "errors",
    "ModelError": "errors",
    "Neutral": "measurement.expressions",
    "RunError": "errors",
    "Samples": "datasets.samples",
    "SettingsError": "errors",
    "TrackerConfig": "tracking.config",
    "TrainSettings": "training.settings",
    "WriteError": "errors",
    "adapt": "commands.adapt",
    "align": "inference.alignment",
    "blur_faces": "drawing",
    "crops": "inference.alignment",
    "draw": "drawing",
    "evaluate": "commands.evaluate",
    "export": "commands.export",
    "expressions": "measurement.expressions",
    "gaze": "measurement",
    "load": "api",
    "load_dataset": "datasets.load",
    "measure": "measurement",
    "read_faces": "results",
    "read_image": "imaging.image_io",
    "to_dataframe": "results",
    "train": "commands.train",
    "write_faces": "results",
}

__all__ = [*_HOMES, "__version__"]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'facepoints' has no attribute '{name}'")
    value = globals()[name] = getattr(import_module(f"facepoints.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
