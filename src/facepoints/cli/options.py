"""Options that several commands share: one name, one meaning, one help text each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from facepoints import weights
from facepoints._util.option_help import DEVICE, SEED, flag, option
from facepoints.cli.outputs import model_files

if TYPE_CHECKING:
    from facepoints.api import FaceModel
    from facepoints.datasets.applied_fixes import AppliedFixes
    from facepoints.datasets.samples import Samples
    from facepoints.reports.evaluation import Sets

__all__ = [
    "AnyModel",
    "CropSize",
    "Data",
    "DataOptions",
    "Device",
    "EvaluationDataOptions",
    "ExcludePeople",
    "FixesFile",
    "Fps",
    "ImagesAreVideo",
    "IncludePeople",
    "Inputs",
    "PredictorOptions",
    "ReadOptions",
    "Rename",
    "Seed",
    "Split",
    "TrackingOptions",
    "VideoOptions",
    "group",
]


def group(name: str) -> object:
    """The help section of a dataclass of options, as an annotation for tyro. An empty name is the
    section of the command's own options."""
    return tyro.conf.arg(name=name, help="")


Data = Annotated[
    tuple[Path, ...],
    tyro.conf.Positional,
    option(
        "Label files or folders: Kaggle CSV, YouTube Faces, .pts, COCO keypoints, imglab XML, and "
        "those of CVAT, Label Studio, labelme, DeepLabCut and others.",
        metavar="DATA [DATA ...]",
        default_text="required",
    ),
]

Inputs = Annotated[
    tuple[str, ...],
    tyro.conf.Positional,
    option(
        "Image files, folders, patterns in quotes such as 'photos/*.jpg', or - for standard "
        "input; or video files or folders of them; or one camera number or stream address.",
        metavar="INPUT [INPUT ...]",
        default_text="required",
    ),
]

AnyModel = Annotated[
    str,
    option(
        "Model: an ONNX file, a run folder, or 'builtin' for the model in the package.",
        metavar="MODEL",
    ),
]

Split = Annotated[Literal["training", "test"], option("Split to read, if the data has both.")]

CropSize = Annotated[
    int,
    option("Side of the square crops that are cut from photos, in pixels.", metavar="PIXELS"),
]

ExcludePeople = Annotated[
    Path | None,
    option(
        "Text file with the names of the people to leave out, one per line.",
        metavar="FILE",
        default_text="default: nobody",
    ),
]

IncludePeople = Annotated[
    Path | None,
    option(
        "Text file with the names of the people to use, one per line. All others are left out.",
        metavar="FILE",
        default_text="default: everybody",
    ),
]

Rename = Annotated[
    Path | None,
    option(
        "Text file that gives points other names: per line the name in the label file, a comma, "
        "and the new name.",
        metavar="FILE",
        default_text="default: the names in the label file",
    ),
]

FixesFile = Annotated[
    Path | None,
    option(
        "Apply the changes of labels in this file, which 'facepoints audit' wrote. The label files "
        "themselves stay as they are.",
        metavar="FILE",
        default_text="default: labels as they are",
    ),
]

ImagesAreVideo = Annotated[
    bool, flag("Treat the images as frames of one video, ordered by the numbers in their names.")
]

Fps = Annotated[
    float,
    option(
        "Frames per second of an input that has no frame rate, such as numbered images.",
        metavar="FPS",
        default_text="default: 30",
    ),
]

Seed = Annotated[int, SEED]

Device = Annotated[str, DEVICE]


@dataclass(frozen=True)
class PredictorOptions:
    """Options of the commands that find faces in images."""

    model: AnyModel = weights.BUILTIN
    device: Device = "cpu"
    detector: Annotated[
        str,
        option(
            "Face detector: builtin, opencv-cascade (needs OpenCV 4), full-image (each image is "
            "one face), boxes:FILE (CSV table with the columns file,x,y,w,h) or yunet:FILE "
            "(YuNet as ONNX). All run on the CPU.",
            metavar="DETECTOR",
        ),
    ] = "builtin"
    min_score: Annotated[
        float, option("Drop faces with a score below this, from 0 to 1.", metavar="SCORE")
    ] = 0.5
    any_angle: Annotated[
        bool,
        flag(
            "Also find faces that are tilted by more than 45 degrees or upside down. The face "
            "detector then runs four times per image."
        ),
    ] = False

    def files(self) -> list[Path]:
        """The files that these options name, which no output may replace."""
        return [*model_files(self.model), *detector_files(self.detector)]

    def load(self, *, symmetric: bool = False, threads: int | None = None) -> FaceModel:
        """The model that these options name. `symmetric`, `threads`: as for `facepoints.load`."""
        from facepoints.api import load

        return load(
            self.model,
            self.device,
            self.detector,
            min_score=self.min_score,
            any_angle=self.any_angle,
            symmetric=symmetric,
            threads=threads,
        )


@dataclass(frozen=True)
class ReadOptions:
    """Options of the commands that read labeled faces. The fields are arguments of
    `datasets.load.load_dataset`."""

    crop_size: CropSize = 96
    split: Split = "training"
    rename: Rename = None
    fixes: FixesFile = None

    def files(self) -> list[Path]:
        """The files that these options name, which no output may replace."""
        return [file for file in (self.rename, self.fixes) if file is not None]

    def load(self, data: Sequence[Path]) -> Samples:
        """Read the labeled faces of files and folders. Raises DataError if there is none."""
        from facepoints.cli.output import working
        from facepoints.datasets.load import load_dataset

        with working("reading the data"):
            return load_dataset(data, **vars(self))

    def applied_fixes(self, data: Sequence[Path]) -> AppliedFixes | None:
        """Return the record of what labels are mended with. Raises DataError as `load`."""
        from facepoints.datasets.applied_fixes import AppliedFixes

        return AppliedFixes.of(self.fixes, data)


@dataclass(frozen=True)
class DataOptions(ReadOptions):
    """Options of the commands that fit something to labeled faces."""

    exclude_people: ExcludePeople = None

    def files(self) -> list[Path]:
        return [*super().files(), *([] if self.exclude_people is None else [self.exclude_people])]


@dataclass(frozen=True)
class EvaluationDataOptions(DataOptions):
    """Options of the command that measures errors on labeled faces."""

    include_people: IncludePeople = None

    def files(self) -> list[Path]:
        return [*super().files(), *([] if self.include_people is None else [self.include_people])]

    def load_with_sets(self, data: Sequence[Path]) -> tuple[Samples, Sets]:
        """Read the labeled faces, and say which data set each comes from. Errors as in `load`."""
        from facepoints.cli.output import working
        from facepoints.datasets.load import load_rows

        with working("reading the data"):
            faces, numbers, _ = load_rows(data, **vars(self))
        return faces, ([path.name or str(path) for path in data], numbers)


@dataclass(frozen=True)
class VideoOptions:
    """Options for images that are frames of a video."""

    video: ImagesAreVideo = False
    fps: Fps = 30.0


@dataclass(frozen=True)
class TrackingOptions(VideoOptions):
    """Options of the command that tracks faces."""

    smooth: Annotated[
        bool, option("Do not smooth the points of a video.", default_text="default: smoothed")
    ] = True
    detect_every: Annotated[
        int | None,
        option(
            "Run the face detector every N frames of a video.",
            metavar="N",
            default_text="default: adaptive, at least twice a second",
        ),
    ] = None


def detector_files(detector: str) -> list[Path]:
    """The files in the value of ``--detector``, such as FILE of ``boxes:FILE``."""
    file = detector.partition(":")[2]
    return [Path(file)] if file else []
