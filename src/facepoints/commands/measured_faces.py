"""The measures of the faces of one image or frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from facepoints.commands.gaze_columns import NO_IMAGE, gaze_of
from facepoints.commands.symmetric_gaze import symmetric_gaze
from facepoints.errors import DataError, SettingsError
from facepoints.inference.eye_closure import EyeClosure
from facepoints.inference.face import Face
from facepoints.measurement import Convention, Gaze, Measurement, measure_with_reasons
from facepoints.measurement.conventions import check_convention
from facepoints.measurement.expression_neutral import Neutral
from facepoints.measurement.expressions import Expressions
from facepoints.measurement.head_position import check_focal_length, head_transform
from facepoints.measurement.iris_scale import iris_scale
from facepoints.measurement.norms import Norm, z_scores
from facepoints.results.records import FrameResult

__all__ = ["FaceSettings", "MeasuredFace", "MeasuredFrame", "measure_frame"]


@dataclass(frozen=True)
class FaceSettings:
    """How faces are measured.

    Attributes:
        mm_per_pixel: millimeters per pixel; distances are then in millimeters. None: in pixels.
        iris_scale: take the scale of each face from its irises.
        focal_length: of the camera in pixels. None: the longer side of each image.
        symmetric: average whatever is measured in pixels over the image and its mirror image.
        norms: by column, for z-scores.
        expressions: measure expressions, too.
        neutral: the person at rest, whom they are compared with. None: the calm frames of each
            person in a video, and the mean person for images.
        convention: data set whose marks the measures follow (`conventions`). None: all.

    Raises:
        SettingsError: a number is not positive, there are two scales, or no such convention.
    """

    mm_per_pixel: float | None = None
    iris_scale: bool = False
    focal_length: float | None = None
    symmetric: bool = False
    norms: Mapping[str, Norm] = field(default_factory=dict)
    expressions: bool = False
    neutral: Neutral | None = None
    convention: Convention | None = None

    def __post_init__(self) -> None:
        scale = self.mm_per_pixel
        if scale is not None and not 0 < scale < 1e6:
            raise SettingsError(f"millimeters per pixel are positive, {scale} is not")
        if scale is not None and self.iris_scale:
            raise SettingsError(
                "a scale is given or taken from the irises, not both; leave out one"
            )
        check_focal_length(self.focal_length)
        check_convention(self.convention)

    def column(self, name: str) -> str:
        """The column of a measure: distances end in ``_mm`` if there is a scale."""
        in_mm = self.mm_per_pixel is not None or self.iris_scale
        return f"{name[:-3]}_mm" if in_mm and name.endswith("_px") else name


@dataclass
class MeasuredFace:
    """The measures, head transform and events of a face in a frame. `gaze` may be the reason why
    there is none.

    `reasons` says why measures are missing. `plain` holds all measures in no convention, and what
    hidden points give for the others: events need a value in every frame. `scale` is in millimeters
    per pixel, or the reason why it cannot be had. `events` has a key for each kind that can be
    detected in the face's track. The value is True if such an event happens in this frame. None: no
    kind can be detected.

    `face` is kept, and `expression` is set, if expressions are measured.
    """

    number: int
    track_id: int | None
    score: float
    box: tuple[float, ...]
    measures: dict[str, Measurement]
    transform: list[list[float]] | None = None
    closure: EyeClosure = field(default_factory=EyeClosure)
    gaze: Gaze | str = ""
    events: dict[str, bool] | None = None
    reasons: dict[str, str] = field(default_factory=dict)
    plain: dict[str, Measurement] = field(default_factory=dict)
    z_scores: dict[str, Measurement] = field(default_factory=dict)
    scale: Measurement | str = ""
    face: Face | None = None
    expression: Expressions | None = None

    def value(self, name: str) -> float | None:
        """The value of a measure for events, also if it is a guess; None if there is none."""
        found = self.plain.get(name)
        return None if found is None else found.value


class MeasuredFrame(NamedTuple):
    """A frame, stored without faces and pixels, and its measured faces."""

    frame: FrameResult
    faces: list[MeasuredFace]


def measure_frame(result: FrameResult, settings: FaceSettings) -> MeasuredFrame:
    """Measure the faces of an image or frame."""
    faces = [_measure(result, face, n, settings) for n, face in enumerate(result.faces)]
    return MeasuredFrame(replace(result, faces=[], image=None), faces)


def _measure(result: FrameResult, face: Face, number: int, settings: FaceSettings) -> MeasuredFace:
    measured = plain = measure_with_reasons(face)
    if settings.convention is not None:
        measured = measure_with_reasons(face, settings.convention)
    scale = _scale_of(result, face, settings)
    measures, reasons = {}, {}
    for name, value in measured.measures.items():
        column = settings.column(name)
        if column == name:
            measures[name] = value
        elif isinstance(scale, str):
            reasons[column] = f"no scale: {scale}"
        else:
            measures[column] = _scaled(value, scale)
    reasons |= {settings.column(name): reason for name, reason in measured.reasons.items()}
    transform = None
    if "yaw" in measures and min(result.size) > 0:
        focal, pose = settings.focal_length, measured.pose
        transform = head_transform(face, result.size, focal_length=focal, pose=pose).tolist()
    return MeasuredFace(
        *(number, face.track_id, face.score, face.box, measures, transform),
        closure=face.eye_closure or EyeClosure(None, None, NO_IMAGE, NO_IMAGE),
        gaze=symmetric_gaze(result, face) if settings.symmetric else gaze_of(result, face),
        reasons=reasons,
        plain=plain.measures | plain.guesses,
        z_scores=z_scores(measures, settings.norms),
        scale=scale,
        face=face if settings.expressions else None,
    )


def _scale_of(result: FrameResult, face: Face, settings: FaceSettings) -> Measurement | str:
    """Millimeters per pixel of a face, or why there is no scale."""
    if settings.mm_per_pixel is not None:
        return Measurement(settings.mm_per_pixel, 0.0)
    if not settings.iris_scale:
        return ""
    if result.image is None:
        return NO_IMAGE
    try:
        found = iris_scale(result.image, face, symmetric=settings.symmetric)
    except DataError as error:
        return str(error)
    return Measurement(found.mm_per_pixel, found.radius)


def _scaled(value: Measurement, scale: Measurement) -> Measurement:
    """A distance in millimeters. The errors of the pixels and of the scale add as squares."""
    share = scale.radius / scale.value
    whole = value.value * scale.value
    radius = ((value.radius * scale.value) ** 2 + (whole * share) ** 2) ** 0.5
    return Measurement(whole, radius)
