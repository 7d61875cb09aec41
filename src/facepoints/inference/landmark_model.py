"""The landmark model of an ONNX file, without PyTorch: crops in, landmarks out.

Everything between the gray values of a crop and the output in its pixels is inside the file:
normalization, the networks, their mean, decoding, calibration. `ModelMetadata` says what the
output means.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facepoints import weights
from facepoints.errors import DataError, ModelError
from facepoints.imaging.affine import resize_images
from facepoints.inference.model_metadata import ModelMetadata
from facepoints.inference.network_session import NetworkSession, open_network
from facepoints.inference.radius_calibration import Calibration
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.runtime.model_file import PROPERTY, read_model_file
from facepoints.runtime.repeatable import is_repeatable
from facepoints.runtime.shared_session import SharedSession

__all__ = [
    "INPUT",
    "OUTPUTS",
    "VISIBLE",
    "LandmarkModel",
    "LandmarkOutput",
    "find_model_file",
    "undo_resize",
]

INPUT = "crops"
OUTPUTS = ("points", "radius", "score")
"""Outputs of every model file."""

VISIBLE = "visible"
"""The further output of a model that predicts visibility (`ModelMetadata.has_visibility`)."""


class LandmarkOutput(NamedTuple):
    """A model's output for B crops, float32.

    Attributes:
        points: (B, K, 2), (x, y) in pixels; the center of the top-left pixel is (0, 0).
        radius: (B, K), pixels: the distance around the point within which the true one lies in
            90 % of cases.
        score: (B,) in [0, 1], the probability that the crop shows a face; 1 from a model
            without a face score.
        scale: (B, K), pixels: the scale of the error that the networks predict, from which the
            radius is computed. None from a model file, which has only the radius.
        visible: (B, K) in [0, 1], the probability that the point can be seen: that neither hair,
            a hand, glasses nor the turned head hides it. None from a model that does not predict
            it.
    """

    points: NDArray[np.float32]
    radius: NDArray[np.float32]
    score: NDArray[np.float32]
    scale: NDArray[np.float32] | None = None
    visible: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class LandmarkModel:
    """A loaded model file.

    It may be called from several threads, pickled and copied.

    Attributes:
        metadata: what the model predicts and expects.
        checksum: SHA-256 of the file, see `runtime.model_file`; of the run if PyTorch computes its
            float weights on a GPU instead.
        file: name of the file, without its folder.
    """

    metadata: ModelMetadata
    checksum: str
    _session: NetworkSession = field(repr=False)
    file: str = ""

    @classmethod
    def load(
        cls, model: str | Path = weights.BUILTIN, device: str = "cpu", threads: int | None = None
    ) -> LandmarkModel:
        """Read a model file.

        Args:
            model: "builtin", an ONNX file, or a run folder that holds model.onnx.
            device: "cpu", "cuda", "cuda:N", "tensorrt" or "auto"; see `network_session`.
            threads: processor threads that one call may use. None: all.

        Raises:
            ModelError: the file is missing, damaged, of a newer version or not a landmark model
                of facepoints.
            SettingsError: this machine has no such device, or `threads` is below 1.
        """
        path = find_model_file(model)
        metadata, data = read_model_file(path)
        # A file that is none of ours has no run, and onnxruntime says what is wrong with it.
        ours = metadata is not None and "kind" not in metadata and not metadata.get("adapted")
        run = _run_of(model, path) if ours else None
        session = open_network(data, path, run, device, threads)
        if metadata is None:
            raise ModelError(
                f"{path} is an ONNX file but not one of facepoints: it has no metadata "
                f"'{PROPERTY}' with a checksum; make one with: facepoints export --model RUN"
            )
        if "kind" in metadata:
            raise ModelError(
                f"{path} is a {metadata['kind']} of facepoints, not a landmark model; name another "
                f"file"
            )
        described = ModelMetadata.from_dict(metadata, str(path))
        if isinstance(session, SharedSession):
            return cls(described, metadata["checksum"], session, path.name)
        if (session.landmarks, session.size) != (described.landmarks, described.size):
            raise ModelError(
                f"{path} and the run beside it predict different points; export the run again: "
                f"facepoints export --model {path.parent}"
            )
        return cls(described, session.checksum, session, path.name)

    @property
    def threads(self) -> int:
        """Number of processor threads that may be used."""
        return self._session.threads

    @property
    def on_gpu(self) -> bool:
        """True if a GPU computes it, for which larger batches pay."""
        return self._session.on_gpu

    @property
    def landmarks(self) -> LandmarkSet:
        """The K landmarks."""
        return self.metadata.landmarks

    @property
    def schemes(self) -> dict[str, tuple[str, ...]]:
        """Marking schemes of the training data, each with the names of its landmarks."""
        return self.metadata.schemes

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the crops in pixels."""
        return self.metadata.size

    @property
    def canonical_points(self) -> NDArray[np.float32]:
        """(K, 2), mean position of each landmark in the training crops, in crop pixels."""
        return self.metadata.canonical_points

    @property
    def face_box(self) -> tuple[float, float, float, float]:
        """(x, y, width, height) of the face in the training crops, in crop pixels."""
        return self.metadata.face_box

    @property
    def refinement_passes(self) -> int:
        """Number of times that a face is cropped again by the landmarks of the pass before."""
        return self.metadata.refinement_passes

    @property
    def has_face_score(self) -> bool:
        """True if the model predicts whether a crop shows a face. If not, every score is 1."""
        return self.metadata.has_face_score

    @property
    def has_visibility(self) -> bool:
        """True if the model predicts whether each landmark can be seen."""
        return self.metadata.has_visibility

    @property
    def calibration(self) -> Calibration:
        """The factors that make the radii contain 90 % of the true points."""
        return self.metadata.calibration

    def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput:
        """Landmarks of any number of gray crops (B, H, W) uint8, in their pixels.

        Raises:
            DataError: the crops have another shape or type.
        """
        if crops.dtype != np.uint8 or crops.ndim != 3 or crops.shape[1:] != self.size:
            raise DataError(
                f"the model expects gray crops, uint8 (B, {self.size[0]}, {self.size[1]}); "
                f"got {crops.dtype} {crops.shape}"
            )
        if not len(crops):
            k = len(self.landmarks)
            shapes = ((0, k, 2), (0, k), (0,), (0, k))
            points, radius, score, visible = (np.zeros(shape, np.float32) for shape in shapes)
            return LandmarkOutput(
                points, radius, score, visible=visible if self.has_visibility else None
            )
        names = (*OUTPUTS, VISIBLE) if self.has_visibility else OUTPUTS
        # a single row has other last digits than the same row beside others
        rows = np.repeat(crops, 2, axis=0) if len(crops) == 1 and is_repeatable() else crops
        output = self._session.run(names, INPUT, np.ascontiguousarray(rows))
        points, radius, score, *more = (values[: len(crops)] for values in output)
        return LandmarkOutput(points, radius, score, visible=more[0] if more else None)

    def predict(self, images: NDArray[np.uint8]) -> LandmarkOutput:
        """Landmarks of gray images (N, H, W) uint8 of any one size, each a whole crop, in their
        pixels."""
        output = self(resize_images(images, *self.size))
        points, factor = undo_resize(output.points, self.size, images.shape[1:])
        return LandmarkOutput(points, output.radius * factor, output.score, visible=output.visible)


def undo_resize(
    points: NDArray[np.float32], size: tuple[int, ...], original: tuple[int, ...]
) -> tuple[NDArray[np.float32], np.float32]:
    """Map points in resized images to pixels of the images before.

    Args:
        points: (N, K, 2) in pixels of the resized images.
        size: (height, width) of the resized images.
        original: (height, width) of the images before.

    Returns:
        The points, and the factor for distances: the mean of the factors along x and y.
    """
    factors = np.array([original[1] / size[1], original[0] / size[0]], dtype=np.float32)
    return (points + np.float32(0.5)) * factors - np.float32(0.5), factors.mean()


def find_model_file(model: str | Path) -> Path:
    """The ONNX file of a model.

    Args:
        model: "builtin", the ONNX file itself, or a run folder that holds model.onnx.

    Raises:
        ModelError: there is none.
    """
    if str(model) == weights.BUILTIN:
        if not weights.POINTS.is_file():
            raise ModelError(
                f"the built-in model is missing ({weights.POINTS}); install the package again"
            )
        return weights.POINTS
    path = Path(model)
    if path.is_dir():
        inside = path / "model.onnx"
        if inside.is_file():
            return inside
        raise ModelError(
            f"{path} is a folder without model.onnx; if it is a run, make it with: "
            f"facepoints export --model {path}"
        )
    if not path.exists():
        raise ModelError(
            f"no model at {path}; expected an ONNX file, a run folder, or {weights.BUILTIN}"
        )
    return path


def _run_of(model: str | Path, path: Path) -> Path | None:
    """The run folder that a model file was exported from, if it is known."""
    folder = weights.POINTS_RUN if str(model) == weights.BUILTIN else path.parent
    is_of_run = str(model) == weights.BUILTIN or path.name == "model.onnx"
    return folder if is_of_run and (folder / "run.json").is_file() else None
