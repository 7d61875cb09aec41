"""Options that several commands share: one name, one meaning, one help text each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from facepoints import weights
from facepoints.errors import SettingsError

if TYPE_CHECKING:
    from facepoints.api import FaceModel
    from facepoints.datasets.samples import Samples

__all__ = [
    "AnyModel",
    "CropSize",
    "Data",
    "ExcludePeople",
    "Fps",
    "ImagesAreVideo",
    "IncludePeople",
    "Inputs",
    "PredictorOptions",
    "Split",
    "detector_files",
    "load_samples",
    "option",
]


def option(help: str, *, metavar: str | None = None, default: str | None = None) -> object:
    """How an option appears in ``--help``.

    Args:
        help: what it does, in a sentence or two.
        metavar: what its value is called; None: made from its type.
        default: what is said of the default; None: made from its value.
    """
    hint = None if default is None else f"({default})"
    return tyro.conf.arg(help=help, metavar=metavar, help_behavior_hint=hint)


Data = Annotated[
    tuple[Path, ...],
    tyro.conf.Positional,
    option(
        "Label files or folders: Kaggle CSV, YouTube Faces, .pts, COCO keypoints, imglab XML.",
        metavar="DATA [DATA ...]",
        default="required",
    ),
]

Inputs = Annotated[
    tuple[str, ...],
    tyro.conf.Positional,
    option(
        "Image files, folders, patterns in quotes such as 'photos/*.jpg', or - for standard "
        "input; or one video file, camera number or stream address.",
        metavar="INPUT [INPUT ...]",
        default="required",
    ),
]

AnyModel = Annotated[
    str,
    option(
        "Model: an ONNX file, a run folder, or 'builtin' for the model in the package.",
        metavar="MODEL",
    ),
]

Split = Annotated[
    Literal["training", "test"], option("Which split to read from data that holds both.")
]

CropSize = Annotated[int, option("Side in pixels of the crops that are cut from photos.")]

ExcludePeople = Annotated[
    Path | None,
    option(
        "Text file with names of people to leave out, one per line.",
        metavar="FILE",
        default="default: nobody",
    ),
]

IncludePeople = Annotated[
    Path | None,
    option(
        "Text file with names of the people to use, one per line; all others are left out.",
        metavar="FILE",
        default="default: everybody",
    ),
]

ImagesAreVideo = Annotated[
    bool, option("Treat the images as frames of one video, ordered by the numbers in their names.")
]

Fps = Annotated[
    float,
    option("Frames per second where the input does not say: numbered images.", metavar="FPS"),
]


@dataclass(frozen=True)
class PredictorOptions:
    """Options of the commands that find faces in images."""

    model: AnyModel = weights.BUILTIN
    device: Annotated[
        str,
        option(
            "Device that runs the landmark model: cpu, cuda, cuda:N, or auto (cuda if there is "
            "one, else cpu). The face detector runs on the CPU.",
            metavar="DEVICE",
        ),
    ] = "cpu"
    detector: Annotated[
        str,
        option(
            "Face detector: builtin, opencv-cascade (needs OpenCV 4), full-image (each image is "
            "one face), boxes:FILE (CSV table with the columns file,x,y,w,h) or yunet:FILE "
            "(YuNet as ONNX).",
            metavar="DETECTOR",
        ),
    ] = "builtin"
    min_score: Annotated[
        float, option("Leave out faces with a lower score, 0 to 1.", metavar="SCORE")
    ] = 0.5
    any_angle: Annotated[
        bool,
        option("Also find faces that lie or are upside down. Takes four times as long."),
    ] = False

    def load(self) -> FaceModel:
        """The model that these options name."""
        from facepoints.api import load

        return load(
            self.model,
            self.device,
            self.detector,
            min_score=self.min_score,
            any_angle=self.any_angle,
        )


def detector_files(options: PredictorOptions) -> list[Path]:
    """Files that the detector's name refers to, such as FILE of ``boxes:FILE``."""
    file = options.detector.partition(":")[2]
    return [Path(file)] if file else []


def load_samples(
    data: Sequence[Path],
    *,
    split: str = "training",
    crop_size: int = 96,
    exclude_people: Path | None = None,
    include_people: Path | None = None,
) -> Samples:
    """Labelled faces of the files that a command names. Raises SettingsError for no file."""
    from facepoints.datasets.combine import load_dataset

    if not data:
        raise SettingsError("expected at least one file or folder of labelled faces, none came")
    return load_dataset(
        data,
        split=split,
        crop_size=crop_size,
        exclude_people=exclude_people,
        include_people=include_people,
    )
