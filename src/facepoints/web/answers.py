"""Shared by all answers of the service: counts, jobs, and the description of the model."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from facepoints.api import FaceModel
from facepoints.imaging.image_header import KINDS
from facepoints.inference.eye_state import EyeStateModel
from facepoints.inference.radius_calibration import COVERAGE
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.records import landmarks_to_json
from facepoints.web.api_errors import ApiError
from facepoints.web.limits import ServiceLimits
from facepoints.web.parameters import DetectParameters
from facepoints.web.picture_queue import Job, Picture
from facepoints.web.uploads import Upload

__all__ = [
    "CSV",
    "IMAGES",
    "JSON",
    "ZIP",
    "Answer",
    "Context",
    "Result",
    "answer_of",
    "make_job",
    "model_json",
]

JSON, CSV, ZIP = "application/json", "text/csv; charset=utf-8", "application/zip"
IMAGES = {"png": "image/png", "jpeg": "image/jpeg"}


@dataclass(frozen=True)
class Context:
    """What all answers of a service share.

    Attributes:
        landmarks: of the model.
        stamp: version and model, JSON-ready.
        limits: of the service.
        eyes: says whether eyes are closed.
    """

    landmarks: LandmarkSet
    stamp: dict[str, str]
    limits: ServiceLimits
    eyes: EyeStateModel


@dataclass(frozen=True)
class Answer:
    """The body of an answer with its type, and counts for the metrics.

    Attributes:
        body: the bytes.
        media_type: of the body.
        images, unreadable, faces: how many there were.
    """

    body: bytes
    media_type: str
    images: int
    unreadable: int
    faces: int

    @property
    def headers(self) -> dict[str, str]:
        """The counts as headers of the answer."""
        return {
            "Facepoints-Images": str(self.images),
            "Facepoints-Unreadable": str(self.unreadable),
            "Facepoints-Faces": str(self.faces),
        }


class Result(NamedTuple):
    """An image without its pixels: what is kept of it."""

    name: str
    content: Any
    faces: int = 0
    error: str = ""


def answer_of(results: Sequence[Result], body: bytes, media_type: str) -> Answer:
    unreadable = sum(bool(result.error) for result in results)
    faces = sum(result.faces for result in results)
    return Answer(body, media_type, len(results), unreadable, faces)


def make_job(
    uploads: Sequence[Upload],
    parameters: DetectParameters,
    content: Callable[[Picture], Any],
    render: Callable[[list[Result]], Answer],
    context: Context,
) -> Job:
    """A job whose images that cannot be read do not stop the others.

    Args:
        uploads, parameters: the request.
        content: makes what is kept of an image that was read.
        render: makes the answer if at least one image was read.
        context: of the service.
    """

    def finish(picture: Picture) -> Result:
        if picture.image is None:
            return Result(picture.name, None, error=picture.error)
        return Result(picture.name, content(picture), len(picture.faces))

    def checked(results: list[Result]) -> Answer:
        if all(result.error for result in results):
            kinds = f"{', '.join(KINDS[:-1])} or {KINDS[-1]}"
            most = f"at most {context.limits.max_megapixels:g} million pixels"
            raise ApiError("unreadable_image", results[0].error, f"an image: {kinds}, {most}")
        return render(results)

    detect = DetectParameters(parameters.any_angle, parameters.min_score)
    return Job(uploads, detect, finish, checked)


def model_json(model: FaceModel, context: Context) -> str:
    """Description of the model and of what the service accepts, as JSON."""
    landmarks, limits = context.landmarks, context.limits
    described = {
        "facepoints": context.stamp,
        "landmarks": {
            "set": landmarks_to_json(landmarks),
            "names": list(landmarks.names),
            "edges": [list(edge) for edge in landmarks.edge_columns],
        },
        "radius_coverage": COVERAGE,
        "image_kinds": list(KINDS),
        "limits": {
            "bytes": limits.max_bytes,
            "pixels": limits.max_pixels,
            "files": limits.max_files,
            "waiting": limits.max_waiting,
            "seconds": limits.timeout,
        },
    }
    return json.dumps(described)
