"""The measures of the faces of one image or frame."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from facepoints.commands.gaze_columns import NO_IMAGE, gaze_of
from facepoints.inference.eye_closure import EyeClosure
from facepoints.measurement import Gaze, Measurement, measure
from facepoints.measurement.head_position import head_transform
from facepoints.results.records import FrameResult

__all__ = ["MeasuredFace", "MeasuredFrame", "column_of", "measure_frame"]


@dataclass
class MeasuredFace:
    """The measures, head transform and events of a face in a frame. `gaze` may be the reason why
    there is none.

    `events` has a key for each kind that can be detected in the face's track. The value is True
    if such an event happens in this frame. None: no kind can be detected.
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


class MeasuredFrame(NamedTuple):
    """A frame, stored without faces and pixels, and its measured faces."""

    frame: FrameResult
    faces: list[MeasuredFace]


def column_of(name: str, mm_per_pixel: float | None) -> str:
    return name if mm_per_pixel is None or not name.endswith("_px") else f"{name[:-3]}_mm"


def measure_frame(
    result: FrameResult, mm_per_pixel: float | None, focal_length: float | None
) -> MeasuredFrame:
    faces = []
    for number, face in enumerate(result.faces):
        measures = {}
        for name, measured in measure(face).items():
            column = column_of(name, mm_per_pixel)
            scale = (mm_per_pixel or 1.0) if column != name else 1.0
            measures[column] = Measurement(measured.value * scale, measured.radius * scale)
        transform = None
        if "yaw" in measures and min(result.size) > 0:
            transform = head_transform(face, result.size, focal_length=focal_length).tolist()
        closure = face.eye_closure or EyeClosure(None, None, NO_IMAGE, NO_IMAGE)
        faces.append(
            MeasuredFace(
                *(number, face.track_id, face.score, face.box, measures),
                *(transform, closure, gaze_of(result, face)),
            )
        )
    return MeasuredFrame(replace(result, faces=[], image=None), faces)
