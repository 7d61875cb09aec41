"""A run: the folder that training leaves and everything else reads.

    RUN/
      run.json              what it predicts, how it was trained, calibration, versions
      model.onnx            all of it for prediction without PyTorch (`onnx_model`)
      weights/0.safetensors one file a network ("member"), without pickle
      metrics.jsonl         a line per epoch and member
      curves.png            the same as a picture
      validation/           figures, error curve, predictions, worst faces of held-out rows
      checkpoint.safetensors while training is under way

A run holds one network or several: a part for each that the missing-label answer asks
for, each part once or as an ensemble. It predicts as one.
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

from facepoints._util.files import read_json, write_bytes, write_json
from facepoints._version import __version__
from facepoints.datasets.crop_geometry import CropRule, default_crop_rule
from facepoints.errors import DataError, FacepointsError, RunError
from facepoints.evaluation.calibration import uncalibrated
from facepoints.inference.landmark_model import LandmarkOutput, predict_resized
from facepoints.inference.radius_calibration import Calibration
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.models.ensemble import Merge, merge
from facepoints.models.networks import KeypointModel, build

__all__ = [
    "FORMAT",
    "MODEL",
    "Member",
    "Run",
    "read_header",
    "save_run",
    "save_weights",
]

MODEL = "model.onnx"
"""File in the folder that `export` writes and `onnx_model` reads."""

FORMAT = 1
"""Version of the folder's layout. A reader refuses a newer one."""

_BATCH = 128  # images through the networks at once when predicting


@dataclass(frozen=True)
class Member:
    """One network of a run: the part it was trained for and the columns it predicts."""

    part: str
    network: str
    landmarks: LandmarkSet
    model: KeypointModel


@dataclass(frozen=True)
class Run:
    """Networks that predict as one.

    Attributes:
        landmarks: the K columns predicted.
        sources: the marking schemes that the training data had, with their points.
        size: (H, W) that the networks see; images of another size are resized.
        merge: how parts that predict the same column become one.
        mirror: whether every image is also read mirrored and both answers averaged.
        members: networks; those of one part are averaged.
        calibration: what makes radii of spreads.
        crop_rule: how faces lie in the training crops, in pixels of `size`.
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

        Raises:
            RunError: no run there, unfinished, damaged, or made by a newer version.
        """
        header = read_header(folder)
        if not header.get("finished"):
            raise RunError(
                f"{folder} holds a run that has not finished training; "
                f"go on with: facepoints train ... --out {folder} --resume"
            )
        try:
            height, width = map(int, header["size"])
            members = []
            for entry in header["members"]:
                landmarks = LandmarkSet.from_dict(entry["landmarks"])
                model = build(
                    entry["network"],
                    len(landmarks),
                    (height, width),
                    mean=0.0,
                    std=1.0,
                    has_face_score=bool(entry.get("has_face_score", False)),
                    annotators=int(entry.get("annotators", 0)),
                )
                _load_weights(model, folder / entry["file"])
                model.eval().to(device)
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
                crop_rule=_crop_rule(header, landmarks, (height, width)),
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
        output = predict_resized(self._predict, images, self.size)
        return output._replace(radius=output.radius * self.radius_factors)

    def _predict(self, images: NDArray[np.uint8]) -> LandmarkOutput:
        """Output for images of the run's size. The radius is the scale, without its factors."""
        outputs, scores = [], []
        for part in dict.fromkeys(member.part for member in self.members):
            members = [m for m in self.members if m.part == part]
            each = [_predict(m, images, self.mirror) for m in members]
            points = np.mean([p for p, _, _ in each], axis=0, dtype=np.float32)
            scale = np.mean([s for _, s, _ in each], axis=0, dtype=np.float32)
            scores += [score for _, _, score in each]
            outputs.append((members[0].landmarks, points, scale))
        points, scale = merge(outputs, self.landmarks, self.merge)
        score = np.asarray(np.mean(scores, axis=0, dtype=np.float32))
        return LandmarkOutput(points, scale, score, scale)

    @property
    def radius_factors(self) -> NDArray[np.float32]:
        """(K,) radius over scale of each landmark."""
        return np.array(self.calibration.factors, dtype=np.float32)


@torch.inference_mode()
def _predict(
    member: Member, images: NDArray[np.uint8], mirror: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Points (N, k, 2), spread (N, k) and score (N,) of one network."""
    device = member.model.mean.device
    swap = torch.from_numpy(member.landmarks.mirror).to(device) if mirror else None
    k = len(member.landmarks)
    shapes = ((0, k, 2), (0, k), (0,))
    batches = [[np.zeros(shape, np.float32) for shape in shapes]]
    for start in range(0, len(images), _BATCH):
        batch = torch.from_numpy(np.array(images[start : start + _BATCH]))[:, None].to(device)
        told = member.model(batch) if swap is None else member.model.predict_mirrored(batch, swap)
        batches.append([values.cpu().numpy() for values in told])
    points, spread, score = (np.concatenate(values) for values in zip(*batches, strict=True))
    return points, spread, score


def _calibration(header: dict[str, Any], landmarks: LandmarkSet) -> Calibration:
    if "calibration" in header:
        return Calibration.from_dict(header["calibration"], len(landmarks))
    return uncalibrated(header["settings"]["loss"], landmarks)


def _crop_rule(header: dict[str, Any], landmarks: LandmarkSet, size: tuple[int, int]) -> CropRule:
    if "canonical_points" not in header:  # a run of the first versions
        return default_crop_rule(landmarks, size)
    x, y, width, height = map(float, header["face_box"])
    layout = np.array(header["canonical_points"], np.float32).reshape(len(landmarks), 2)
    return CropRule(layout, (x, y, width, height))


def read_header(folder: Path) -> dict[str, Any]:
    """The contents of ``run.json``.

    Raises:
        RunError: there is none, it is damaged, or a newer version wrote it.
    """
    if not folder.is_dir():
        raise RunError(
            f"no run folder at {folder}; train one with: facepoints train DATA --out RUN"
        )
    if not (folder / "run.json").is_file():
        raise RunError(f"{folder} is not a run: it has no run.json")
    try:
        header = read_json(folder / "run.json")
    except DataError as error:
        raise RunError(f"damaged run: {error}") from error
    version = header.get("format") if isinstance(header, dict) else None
    if not isinstance(version, int):
        raise RunError(f"{folder / 'run.json'} is not the header of a run")
    if version > FORMAT:
        raise RunError(
            f"{folder} was made by facepoints {header.get('facepoints', '?')} (run format "
            f"{version}); this is {__version__} and reads up to format {FORMAT}: upgrade it"
        )
    return header


def save_weights(path: Path, model: KeypointModel, half: bool = False) -> None:
    """Write a model's weights, whole or not at all.

    Args:
        half: keep floats as float16, at half the size; the points move by about 0.01 px.
    """
    state = {}
    for name, tensor in model.state_dict().items():
        tensor = tensor.detach().cpu().contiguous()
        state[name] = tensor.half() if half and tensor.dtype == torch.float32 else tensor
    write_bytes(path, save(state))


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
