"""The ONNX file of a run, read without PyTorch: crops in, points with radius and score out.

Everything between the crop's gray values and the answer in its pixels is inside the file:
normalisation, the networks, their mean, decoding, calibration. What the answer means is in
the metadata property ``facepoints``, JSON that `export` writes:

    {"format": 1, "facepoints": "0.1.0", "landmarks": {...}, "sources": {...},
     "size": [96, 96], "looks": 2, "layout": [[x, y], ...], "face_box": [x, y, w, h],
     "scores_faces": true, "calibration": {...}, "checksum": "64 hex digits"}

The checksum is the SHA-256 of the file with these 64 digits replaced by zeros. It is
compared before onnxruntime sees the file, so that damage is told as damage.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facepoints import __version__
from facepoints.calibration import Calibration
from facepoints.errors import DataError, FacepointsError, ModelError
from facepoints.landmarks import LandmarkSet
from facepoints.onnx_session import Device, SharedSession
from facepoints.samples import resized_images

__all__ = [
    "FORMAT",
    "INPUT",
    "OUTPUTS",
    "PROPERTY",
    "SHIPPED",
    "Answer",
    "Device",
    "PointsModel",
    "checksum",
    "model_file",
    "read_sealed",
]

FORMAT = 1
"""Version of the metadata and of the graph's inputs and outputs. A reader refuses a newer."""

PROPERTY = "facepoints"
INPUT = "crops"
OUTPUTS = ("points", "radius", "score")

SHIPPED = "facepoints"
"""What the model that comes with the package is called where a run or a file is expected."""

_SHIPPED = Path(__file__).parent / "weights" / "points.onnx"
_BEGIN = b'{"format": '  # of the JSON, so that it is found without a parser of ONNX
_DIGITS = re.compile(rb'("checksum": ")([0-9a-f]{64})"')


class Answer(NamedTuple):
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
class PointsModel:
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
    sources: dict[str, tuple[str, ...]] = field(repr=False)
    size: tuple[int, int]
    layout: NDArray[np.float32] = field(repr=False)
    face_box: tuple[float, float, float, float]
    looks: int
    scores_faces: bool
    metadata: dict[str, Any] = field(repr=False)
    _session: SharedSession = field(repr=False)

    @classmethod
    def load(
        cls, path: Path | None = None, device: Device = "cpu", threads: int | None = None
    ) -> PointsModel:
        """Read a model file.

        Args:
            path: ONNX file, or the folder of a run that holds one; None or the word
                ``facepoints``: the model that comes with the package.
            device: "cpu", or "cuda" where onnxruntime has it.
            threads: processor threads that one call may use; None: all.

        Raises:
            ModelError: missing, damaged, of a newer version or not a model of facepoints.
            SettingsError: a device or a number of threads that this machine cannot give.
        """
        path = model_file(path)
        header, data = read_sealed(path)
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
                sources={name: tuple(points) for name, points in header["sources"].items()},
                size=(height, width),
                layout=np.array(header["layout"], np.float32).reshape(len(landmarks), 2),
                face_box=(x, y, w, h),
                looks=int(header["looks"]),
                scores_faces=bool(header["scores_faces"]),
                metadata=header,
                _session=session,
            )
        except (LookupError, TypeError, ValueError, AttributeError, FacepointsError) as error:
            raise ModelError(f"the metadata of {path} is damaged: {error!r}") from error

    def __call__(self, crops: NDArray[np.uint8]) -> Answer:
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
            return Answer(*(np.zeros(shape, np.float32) for shape in ((0, k, 2), (0, k), (0,))))
        return Answer(*self._session.run(OUTPUTS, INPUT, np.ascontiguousarray(crops)))

    def predict(self, images: NDArray[np.uint8]) -> Answer:
        """`__call__` for gray images (N, H, W) of any one size, each a whole crop: points and
        radii in their pixels. With it a model file is measured as a run is."""
        height, width = images.shape[1:]
        answer = self(resized_images(images, *self.size))
        factors = np.array([width / self.size[1], height / self.size[0]], dtype=np.float32)
        points = (answer.points + np.float32(0.5)) * factors - np.float32(0.5)
        return Answer(points, answer.radius * factors.mean(), answer.score)

    @property
    def calibration(self) -> Calibration:
        """Where the radii come from."""
        return Calibration.from_dict(self.metadata["calibration"], len(self.landmarks))


def checksum(data: bytes) -> str:
    """SHA-256 of a model file as if the digits of its checksum were zeros, 64 hex digits."""
    return hashlib.sha256(_DIGITS.sub(rb"\g<1>" + b"0" * 64 + b'"', data)).hexdigest()


def model_file(path: Path | None) -> Path:
    """The ONNX file that `path` means. Raises ModelError if there is none."""
    if path is None or str(path) == SHIPPED:
        if not _SHIPPED.is_file():
            raise ModelError(f"the model of the package is missing ({_SHIPPED}); install it anew")
        return _SHIPPED
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
            f"no model at {path}; expected an ONNX file, the folder of a run, or the word {SHIPPED}"
        )
    return path


def read_sealed(path: Path) -> tuple[dict[str, Any] | None, bytes]:
    """Metadata (None: it has none of ours) and bytes of a model file.

    Raises:
        ModelError: missing, damaged or of a newer version.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"could not read {path}: {error.strerror or error}") from error
    return _header(data, path), data


def _header(data: bytes, path: Path) -> dict[str, Any] | None:
    """The metadata of a file whose checksum is right; None if it has none of ours.

    Raises:
        ModelError: the checksum differs, or a newer version wrote the file.
    """
    begin = data.rfind(_BEGIN)
    if begin < 0:
        return None
    try:
        text = data[begin:].decode("utf-8", errors="replace")
        header, _ = json.JSONDecoder().raw_decode(text)
        stored, version = header["checksum"], header["format"]
    except (ValueError, LookupError, TypeError, RecursionError):
        stored, version, header = "", FORMAT, {}
    if stored != checksum(data):
        raise ModelError(
            f"{path} is damaged: its checksum differs from its content; get or export it anew"
        )
    if not isinstance(version, int) or version > FORMAT:
        raise ModelError(
            f"{path} was made by facepoints {header.get('facepoints', '?')} (model format "
            f"{version}); this is {__version__} and reads up to format {FORMAT}: upgrade it"
        )
    return header
