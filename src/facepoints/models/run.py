"""A run: the folder that a training writes, with one or several networks that predict as one.

    RUN/
      run.json              landmarks, settings, calibration, versions
      model.onnx            the same model for prediction without PyTorch (`landmark_model`)
      weights/0.safetensors weights of one network ("member") per file, without pickle
      metrics.jsonl         a line per epoch and member
      curves.png            chart of the metrics
      validation/           report, error curve, predictions, worst faces of the held-out rows
      checkpoint.safetensors during the training

A run has one or more parts, depending on the missing-label strategy. Each part is one network or
an ensemble.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from facepoints._util.files import write_bytes, write_json
from facepoints._version import __version__
from facepoints.datasets.crop_geometry import CropRule
from facepoints.errors import FacepointsError, RunError
from facepoints.evaluation.calibration import uncalibrated
from facepoints.imaging.affine import resize_images
from facepoints.inference.landmark_model import LandmarkOutput, undo_resize
from facepoints.inference.radius_calibration import Calibration
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.models.devices import to_device
from facepoints.models.ensemble import Merge, NetworkOutput, combine, merge_matrix
from facepoints.models.networks import BackboneOptions, KeypointModel, build_model
from facepoints.models.run_header import FORMAT, MODEL, read_finished_header, read_header

__all__ = [
    "FORMAT",
    "MODEL",
    "Member",
    "Run",
    "read_header",
    "save_run",
    "save_weights",
]

_BATCH, _BATCH_ON_GPU = 128, 1024  # images per forward pass
_LEAST = 16  # images; a GPU without memory for them is an error
_LARGEST = 4096  # side of images in pixels, and number of annotators, that a header may ask for


@dataclass(frozen=True)
class Member:
    """One network of a run.

    Attributes:
        part: name of the part that it belongs to.
        network: name in `NETWORKS`.
        landmarks: columns that it predicts.
        model: in eval mode.
    """

    part: str
    network: str
    landmarks: LandmarkSet
    model: KeypointModel


@dataclass(frozen=True)
class Run:
    """Networks that predict as one.

    Attributes:
        landmarks: the K columns that it predicts.
        schemes: marking schemes of the training data, with their points.
        size: (H, W) of the network input; images of another size are resized.
        merge: how columns that several parts predict are merged.
        mirror: whether the output is the mean of an image and its mirror image.
        members: networks; those of one part are averaged.
        calibration: factors from scale to radius.
        crop_rule: position of the faces in the training crops, in pixels of `size`.
        name: of the folder, for messages.
    """

    landmarks: LandmarkSet
    schemes: dict[str, tuple[str, ...]]
    size: tuple[int, int]
    merge: Merge
    mirror: bool
    members: tuple[Member, ...]
    calibration: Calibration
    crop_rule: CropRule
    name: str = "run"

    @classmethod
    def load(cls, folder: Path, device: str | torch.device = "cpu") -> Run:
        """Read a finished run.

        Args:
            folder: of the run.
            device: for the networks.

        Raises:
            RunError: no run there, unfinished, damaged, or made by a newer version.
        """
        header = read_finished_header(folder)
        try:
            height, width = (_whole(side, 1, _LARGEST) for side in header["size"])
            members = []
            for entry in header["members"]:
                landmarks = LandmarkSet.from_dict(entry["landmarks"])
                model = build_model(
                    entry["network"],
                    len(landmarks),
                    (height, width),
                    mean=0.0,
                    std=1.0,
                    options=BackboneOptions(
                        has_face_score=bool(entry["has_face_score"]),
                        annotators=_whole(entry.get("annotators", 0), 0, _LARGEST),
                        has_visibility=bool(entry.get("has_visibility", False)),
                        has_scale_gain=bool(entry.get("has_scale_gain", False)),
                        widths=[_whole(width, 1, _LARGEST) for width in entry.get("widths", ())],
                    ),
                )
                _load_weights(model, _inside(folder, entry["file"]))
                model.eval().to(device)
                if torch.device(device).type == "cuda":  # faster there in this layout
                    model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
                members.append(Member(entry["part"], entry["network"], landmarks, model))
            if header["merge"] not in get_args(Merge) or not members:
                raise ValueError("no members or an unknown merge")
            landmarks = LandmarkSet.from_dict(header["landmarks"])
            return cls(
                landmarks=landmarks,
                schemes={name: tuple(points) for name, points in header["schemes"].items()},
                size=(height, width),
                merge=header["merge"],
                mirror=bool(header["mirror"]),
                members=tuple(members),
                calibration=_calibration(header, landmarks),
                crop_rule=_crop_rule(header, landmarks),
                name=folder.name,
            )
        except RunError:
            raise
        except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
            raise RunError(f"{folder / 'run.json'} is damaged: {error!r}") from error
        except FacepointsError as error:
            raise RunError(f"{folder / 'run.json'} is damaged: {error}") from error

    def predict(self, images: NDArray[np.uint8]) -> LandmarkOutput:
        """Landmarks of gray images (N, H, W) uint8 of any one size, with `scale`."""
        resized = resize_images(images, *self.size)
        outputs = [[_predict(m, resized, self.mirror) for m in part] for part in self.parts]
        combined = combine(outputs, self.merge_matrix())
        points, factor = undo_resize(combined.points, self.size, images.shape[1:])
        scale = combined.scale * factor
        radius = scale * self.radius_factors
        if combined.visible is not None:
            radius = radius + (1 - combined.visible) * self.hidden_radius * factor
        return LandmarkOutput(points, radius, combined.score, scale, combined.visible)

    @property
    def parts(self) -> list[tuple[Member, ...]]:
        """The members of each part."""
        names = dict.fromkeys(member.part for member in self.members)
        return [tuple(m for m in self.members if m.part == name) for name in names]

    def merge_matrix(self) -> NDArray[np.float32]:
        """(K, k1 + k2 + ...): weights of the parts' columns in the run's columns.

        Raises:
            RunError: no network predicts a column.
        """
        columns = [part[0].landmarks for part in self.parts]
        return merge_matrix(columns, self.landmarks, self.merge)

    @property
    def has_face_score(self) -> bool:
        """True if a network predicts whether there is a face."""
        return any(member.model.has_face_score for member in self.members)

    @property
    def has_visibility(self) -> bool:
        """True if all networks predict whether points are visible."""
        return all(member.model.has_visibility for member in self.members)

    @property
    def radius_factors(self) -> NDArray[np.float32]:
        """(K,) radius over scale of each landmark."""
        return np.array(self.calibration.factors, dtype=np.float32)

    @property
    def hidden_radius(self) -> NDArray[np.float32]:
        """(K,) pixels of the network input added to the radius of a hidden landmark."""
        return np.array(self.calibration.hidden or [0.0] * len(self.landmarks), np.float32)


@torch.inference_mode()
def _predict(member: Member, images: NDArray[np.uint8], mirror: bool) -> NetworkOutput:
    """Output of one network for images of its size."""
    model, device = member.model, member.model.mean.device
    swap = torch.from_numpy(member.landmarks.mirror).to(device) if mirror else None
    k = len(member.landmarks)
    shapes = [(0, k, 2), (0, k), (0,)] + ([(0, k)] if model.has_visibility else [])
    batches = [[torch.zeros(shape, device=device) for shape in shapes]]
    images = np.ascontiguousarray(images)
    images = images if images.flags.writeable else images.copy()  # PyTorch shares its memory
    start, most = 0, _BATCH if device.type == "cpu" else _BATCH_ON_GPU
    while start < len(images):
        batch = to_device(torch.from_numpy(images[start : start + most]), device)[:, None]
        try:
            output = model(batch) if swap is None else model.predict_mirrored(batch, swap)
        except torch.OutOfMemoryError:
            if most <= _LEAST:
                raise
            most //= 2
            continue
        values = [output.points, output.scale, output.score, output.visible]
        batches.append([tensor for tensor in values if tensor is not None])
        start += most
    # A GPU computes all batches before it is waited for.
    return NetworkOutput(*(torch.cat(all_).cpu().numpy() for all_ in zip(*batches, strict=True)))


def _calibration(header: dict[str, Any], landmarks: LandmarkSet) -> Calibration:
    """The measured calibration; a run without held-out faces has none."""
    if "calibration" in header:
        return Calibration.from_dict(header["calibration"], len(landmarks))
    return uncalibrated(header["settings"]["loss"], landmarks)


def _crop_rule(header: dict[str, Any], landmarks: LandmarkSet) -> CropRule:
    x, y, width, height = map(float, header["face_box"])
    points = np.array(header["canonical_points"], np.float32).reshape(len(landmarks), 2)
    return CropRule(points, (x, y, width, height))


def save_weights(path: Path, model: KeypointModel, half: bool = False) -> None:
    """Write a model's weights atomically.

    Args:
        path: file to write.
        model: its state dict is written.
        half: store floats as float16: half the size, points move by about 0.01 px.

    Raises:
        WriteError: `path` cannot be written.
    """
    state = {}
    for name, tensor in model.state_dict().items():
        tensor = tensor.detach().cpu().contiguous()
        state[name] = tensor.half() if half and tensor.dtype == torch.float32 else tensor
    write_bytes(path, save(state))


def _whole(value: Any, low: int, high: int) -> int:
    """A whole number of ``run.json``. Raises ValueError for another value."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{value!r:.40} is not a whole number from {low} to {high}")
    return value


def _inside(folder: Path, name: Any) -> Path:
    """A file of the run. Raises ValueError for a name that leads out of the folder."""
    if not isinstance(name, str) or Path(name).is_absolute() or ".." in Path(name).parts:
        raise ValueError(f"{name!r:.80} is not a file of this run")
    path = folder / name
    if path.exists() and not path.is_file():  # reading a pipe would wait for ever
        raise RunError(f"{path} does not hold this run's weights: it is not a regular file")
    return path


def _load_weights(model: KeypointModel, path: Path) -> None:
    try:
        state = {n: t.float() if t.is_floating_point() else t for n, t in load_file(path).items()}
        model.load_state_dict(state)
    except FileNotFoundError as error:
        raise RunError(f"the run's weights are missing: no file at {path}") from error
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise RunError(f"{path} does not hold this run's weights: {reason}") from error


def save_run(folder: Path, header: dict[str, Any]) -> None:
    """Write ``run.json``, with the format and the version that wrote it."""
    write_json(folder / "run.json", {"format": FORMAT, "facepoints": __version__, **header})
