"""The ONNX file of a run, read without PyTorch: crops in, points with radius and score out.

Everything between the crop's gray values and the answer in its pixels is inside the file:
normalisation, the networks, their mean, decoding, calibration. What the answer means is in
the metadata property ``facepoints``, JSON that `export` writes:

    {"format": 1, "facepoints": "0.1.0", "landmarks": {...}, "schemes": {...},
     "size": [96, 96], "refinement_passes": 1, "canonical_points": [[x, y], ...], "face_box": [x, y, w, h],
     "has_face_score": true, "calibration": {...}, "checksum": "64 hex digits"}

The checksum is the SHA-256 of the file with these 64 digits replaced by zeros. It is
compared before onnxruntime sees the file, so that damage is told as damage.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facepoints import weights
from facepoints.errors import DataError, FacepointsError, ModelError
from facepoints.imaging.affine import resize_images
from facepoints.inference.radius_calibration import Calibration
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.runtime.model_file import PROPERTY, read_model_file
from facepoints.runtime.onnx_session import SharedSession

__all__ = [
    "INPUT",
    "OUTPUTS",
    "LandmarkModel",
    "LandmarkOutput",
    "find_model_file",
]
INPUT = "crops"
OUTPUTS = ("points", "radius", "score")


class LandmarkOutput(NamedTuple):
    """What a model says of B crops.

    Attributes:
        points: (B, K, 2) float32, (x, y) in pixels of the crop, centre of the first = 0.
        radius: (B, K) float32, pixels around the point that hold the true one as often as
            `calibration`'s coverage says.
        score: (B,) float32 in [0, 1], the chance that there is a face; ones from a model
            that does not judge it (`PointsModel.scores_faces`).
    """

    points: NDArray[np.float32]
    radius: NDArray[np.float32]
    score: NDArray[np.float32]


@dataclass(frozen=True)
class LandmarkModel:
    """A model file, ready to answer.

    Attributes:
        landmarks: the K points.
        sources: marking schemes that the training data had, with their points.
        size: (H, W) of the crops.
        layout: (K, 2) float32, mean place of each point in the training crops, crop pixels.
        face_box: (x, y, width, height) in crop pixels: where the box that the 68 points of
            an upright face span lies in the training crops.
        looks: how many times the model should look: 2 if a crop made by the first answer
            (its points brought onto `layout`) is worth a second.
        scores_faces: whether `Answer.score` means anything.
        metadata: the file's whole JSON.
    """

    landmarks: LandmarkSet = field(repr=False)
    schemes: dict[str, tuple[str, ...]] = field(repr=False)
    size: tuple[int, int]
    canonical_points: NDArray[np.float32] = field(repr=False)
    face_box: tuple[float, float, float, float]
    refinement_passes: int
    has_face_score: bool
    metadata: dict[str, Any] = field(repr=False)
    _session: SharedSession = field(repr=False)

    @classmethod
    def load(
        cls, model: str | Path = weights.BUILTIN, device: str = "cpu", threads: int | None = None
    ) -> LandmarkModel:
        """Read a model file.

        Args:
            model: "builtin", an ONNX file, or a run folder that holds one.
            device: "cpu", or "cuda" where onnxruntime has it.
            threads: processor threads that one call may use; None: all.

        Raises:
            ModelError: missing, damaged, of a newer version or not a model of facepoints.
            SettingsError: a device or a number of threads that this machine cannot give.
        """
        path = find_model_file(model)
        header, data = read_model_file(path)
        session = SharedSession(data, path, device, threads)
        if header is None:
            raise ModelError(
                f"{path} is an ONNX file but none that facepoints wrote: it has no metadata "
                f"'{PROPERTY}' with a checksum; make one with: facepoints export RUN"
            )
        if "kind" in header:
            raise ModelError(f"{path} is a {header['kind']} of facepoints, not a model of points")
        try:
            height, width = map(int, header["size"])
            x, y, w, h = map(float, header["face_box"])
            landmarks = LandmarkSet.from_dict(header["landmarks"])
            return cls(
                landmarks=landmarks,
                schemes={name: tuple(points) for name, points in header["schemes"].items()},
                size=(height, width),
                canonical_points=np.array(header["canonical_points"], np.float32).reshape(
                    len(landmarks), 2
                ),
                face_box=(x, y, w, h),
                refinement_passes=int(header["refinement_passes"]),
                has_face_score=bool(header["has_face_score"]),
                metadata=header,
                _session=session,
            )
        except (LookupError, TypeError, ValueError, AttributeError, FacepointsError) as error:
            raise ModelError(f"the metadata of {path} is damaged: {error!r}") from error

    def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput:
        """Points, radius and score of gray crops (B, H, W) uint8, of any number.

        Raises:
            DataError: crops of another shape or type.
        """
        if crops.dtype != np.uint8 or crops.ndim != 3 or crops.shape[1:] != self.size:
            raise DataError(
                f"the model takes gray crops, uint8 (B, {self.size[0]}, {self.size[1]}); "
                f"{crops.dtype} {crops.shape} came"
            )
        if not len(crops):
            k = len(self.landmarks)
            return LandmarkOutput(
                *(np.zeros(shape, np.float32) for shape in ((0, k, 2), (0, k), (0,)))
            )
        return LandmarkOutput(*self._session.run(OUTPUTS, INPUT, np.ascontiguousarray(crops)))

    def predict(self, images: NDArray[np.uint8]) -> LandmarkOutput:
        """`__call__` for gray images (N, H, W) of any one size, each a whole crop: points and
        radii in their pixels. With it a model file is measured as a run is."""
        height, width = images.shape[1:]
        answer = self(resize_images(images, *self.size))
        factors = np.array([width / self.size[1], height / self.size[0]], dtype=np.float32)
        points = (answer.points + np.float32(0.5)) * factors - np.float32(0.5)
        return LandmarkOutput(points, answer.radius * factors.mean(), answer.score)

    @property
    def calibration(self) -> Calibration:
        """Where the radii come from."""
        return Calibration.from_dict(self.metadata["calibration"], len(self.landmarks))


def find_model_file(model: str | Path) -> Path:
    """The ONNX file of a model: "builtin", the file itself, or a run folder that holds one.

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
            f"facepoints export {path}"
        )
    if not path.exists():
        raise ModelError(
            f"no model at {path}; expected an ONNX file, the folder of a run, or {weights.BUILTIN}"
        )
    return path
