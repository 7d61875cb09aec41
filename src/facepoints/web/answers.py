"""What the service answers: from the faces of images to JSON, tables and images."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from facepoints._util.files import unique_names
from facepoints._util.text_files import write_row
from facepoints.api import FaceModel
from facepoints.commands.gaze_columns import gaze_dict, gaze_of, rounded, short
from facepoints.drawing.blur import blur_faces
from facepoints.imaging.image_header import KINDS
from facepoints.imaging.image_writer import encode_image
from facepoints.inference.alignment import align, align_matrix
from facepoints.inference.eye_closure import EyeClosure
from facepoints.inference.eye_state import EyeStateModel
from facepoints.inference.face import Face
from facepoints.inference.radius_calibration import COVERAGE
from facepoints.landmarks.known_sets import KNOWN_SETS
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.measurement import MEASURES, head_transform, measure
from facepoints.results.coco import write_coco_to
from facepoints.results.csv_table import has_visible, table_columns, table_rows
from facepoints.results.records import (
    FrameResult,
    Record,
    error_record,
    json_line,
    landmarks_to_json,
    record,
)
from facepoints.web.api_errors import ApiError
from facepoints.web.limits import ServiceLimits
from facepoints.web.parameters import (
    AlignParameters,
    BlurParameters,
    DetectParameters,
    PredictParameters,
)
from facepoints.web.picture_queue import Job, Picture
from facepoints.web.uploads import Upload

__all__ = ["Answer", "Context", "align_job", "blur_job", "model_json", "predict_job"]

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


class _Result(NamedTuple):
    """What is kept of an image: everything but its pixels."""

    name: str
    content: Any
    faces: int = 0
    error: str = ""


def _answer(results: Sequence[_Result], body: bytes, media_type: str) -> Answer:
    unreadable = sum(bool(result.error) for result in results)
    faces = sum(result.faces for result in results)
    return Answer(body, media_type, len(results), unreadable, faces)


def _job(
    uploads: Sequence[Upload],
    parameters: DetectParameters,
    content: Callable[[Picture], Any],
    render: Callable[[list[_Result]], Answer],
    context: Context,
) -> Job:
    """A job whose images that cannot be read do not stop the others.

    Args:
        uploads, parameters: the request.
        content: makes what is kept of an image that was read.
        render: makes the answer if at least one image was read.
        context: of the service.
    """

    def finish(picture: Picture) -> _Result:
        if picture.image is None:
            return _Result(picture.name, None, error=picture.error)
        return _Result(picture.name, content(picture), len(picture.faces))

    def checked(results: list[_Result]) -> Answer:
        if all(result.error for result in results):
            kinds = f"{', '.join(KINDS[:-1])} or {KINDS[-1]}"
            most = f"at most {context.limits.max_megapixels:g} million pixels"
            raise ApiError("unreadable_image", results[0].error, f"an image: {kinds}, {most}")
        return render(results)

    detect = DetectParameters(parameters.any_angle, parameters.min_score)
    return Job(uploads, detect, finish, checked)


# /v1/model


def model_json(model: FaceModel, context: Context) -> str:
    """What the model gives and what the service accepts, as JSON."""
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


# /v1/predict


def predict_job(uploads: Sequence[Upload], parameters: PredictParameters, context: Context) -> Job:
    """The job of a request for faces and their points."""
    want = None if parameters.landmarks is None else KNOWN_SETS[parameters.landmarks]

    def content(picture: Picture) -> Record:
        assert picture.image is not None
        size = picture.image.shape[:2]
        converted = [face if want is None else face.as_landmarks(want) for face in picture.faces]
        known = record(picture.name, size, converted, landmarks=want or context.landmarks)
        for face, described in zip(picture.faces, known["faces"], strict=True):
            if not parameters.radius:
                del described["radius"]
            if parameters.measure:
                described |= measures_of(picture, face, context.eyes)
        return known | ({"note": picture.note} if picture.note else {})

    def render(results: list[_Result]) -> Answer:
        records = [
            error_record(result.name, result.error) if result.error else result.content
            for result in results
        ]
        if parameters.format == "json":
            stamp = json.dumps(context.stamp)
            lines = ",\n".join(json_line(one).rstrip("\n") for one in records)
            return _answer(
                results, f'{{"facepoints": {stamp},\n"images": [\n{lines}\n]}}\n'.encode(), JSON
            )
        file = io.StringIO(newline="")
        landmarks = want or context.landmarks
        if parameters.format == "coco":
            write_coco_to(file, lambda: iter(records), landmarks, None)
            return _answer(results, file.getvalue().encode(), JSON)
        _write_table(file, records, landmarks, parameters)
        return _answer(results, file.getvalue().encode(), CSV)

    return _job(uploads, parameters, content, render, context)


def measures_of(picture: Picture, face: Face, eyes: EyeStateModel) -> Record:
    """Measures, head transform, eye closure and gaze of a face, as `facepoints measure` writes
    them."""
    assert picture.image is not None
    size = picture.image.shape[0], picture.image.shape[1]
    measures = {
        name: dict(zip(("value", "radius"), rounded(measured), strict=True))
        for name, measured in measure(face).items()
    }
    transform = None
    if "yaw" in measures:
        rows = head_transform(face, size).tolist()
        transform = [[short(number) for number in row] for row in rows]
    (seen,) = eyes.with_closures(picture.image, [face])
    result = FrameResult(picture.name, [seen], size, image=picture.image)
    return {
        "measures": measures,
        "head_transform": transform,
        "eye_closure": (seen.eye_closure or EyeClosure()).to_dict(),
        "gaze": gaze_dict(gaze_of(result, seen)),
    }


def _write_table(
    file: io.StringIO, records: list[Record], landmarks: LandmarkSet, parameters: PredictParameters
) -> None:
    """A row per face: the columns of `facepoints predict`, then those of the measures."""
    visible = has_visible(records)
    columns = table_columns(landmarks, visible)
    kept = [n for n, name in enumerate(columns) if parameters.radius or not _is_radius(name, n)]
    names = MEASURES if parameters.measure else ()
    further = [f"{name}{part}" for name in names for part in ("", "_r")]
    write_row(file, [*(columns[n] for n in kept), *further])
    for one in records:
        faces = one.get("faces", ())
        filled = [face if "radius" in face else face | _no_radius(face) for face in faces]
        for face, row in zip(faces, table_rows({**one, "faces": filled}, visible), strict=True):
            cells = [row[n] for n in kept]
            for name in names:
                measured = face["measures"].get(name)
                cells += [None, None] if measured is None else list(measured.values())
            write_row(file, cells)


_FIRST_POINT = len(table_columns(LandmarkSet(("a",), mirrorable=False))) - 3


def _is_radius(column: str, number: int) -> bool:
    return number >= _FIRST_POINT and column.endswith("_r")


def _no_radius(face: Record) -> Record:
    return {"radius": [None] * len(face["points"])}


# /v1/align


@dataclass
class _Total:
    """Bytes of the images in an answer, which must not grow without limit."""

    limits: ServiceLimits
    size: int = field(default=0)

    def add(self, image: bytes) -> bytes:
        """Count an image. Raises ApiError if the answer gets too large."""
        self.size += len(image)
        if self.size > self.limits.max_answer:
            raise ApiError(
                "too_large",
                f"the answer would have more than {self.limits.max_answer / 1e6:g} MB",
                "fewer or smaller images in one request",
            )
        return image


def align_job(uploads: Sequence[Upload], parameters: AlignParameters, context: Context) -> Job:
    """The job of a request for upright images of faces."""
    if parameters.format == "png":
        _check_single(uploads, "png")
    total = _Total(context.limits)

    def content(picture: Picture) -> Record:
        image = picture.image
        assert image is not None
        faces = []
        for face in picture.faces[: 1 if parameters.format == "png" else None]:
            aligned = align(image, face, parameters.template, parameters.size)
            described = {key: face.to_dict()[key] for key in ("box", "score")}
            matrix = align_matrix(face, parameters.template, parameters.size).tolist()
            png = total.add(encode_image(aligned))
            faces.append({**described, "matrix": matrix, "image": png})
        size = {"width": image.shape[1], "height": image.shape[0]}
        return {"file": picture.name, **size, "faces": faces}

    def render(results: list[_Result]) -> Answer:
        if parameters.format == "zip":
            names = _stems(results, ".png")
            images = [
                (f"{name}-face{number}.png", face["image"])
                for name, result in zip(names, results, strict=True)
                for number, face in enumerate((result.content or {}).get("faces", ()), start=1)
            ]
            return _answer(results, _zip(images, results), ZIP)
        if parameters.format == "png":
            faces = results[0].content["faces"]
            if not faces:
                raise ApiError("no_face", "no face was found in the image", "an image with a face")
            return _answer(results, faces[0]["image"], IMAGES["png"])
        return _answer(results, _align_json(results, context), JSON)

    return _job(uploads, parameters, content, render, context)


def _align_json(results: list[_Result], context: Context) -> bytes:
    images = []
    for result in results:
        if result.error:
            images.append(error_record(result.name, result.error))
            continue
        faces = [
            face | {"image": base64.b64encode(face["image"]).decode()}
            for face in result.content["faces"]
        ]
        images.append(result.content | {"faces": faces})
    return json_line({"facepoints": context.stamp, "images": images}).encode()


# /v1/blur


def blur_job(uploads: Sequence[Upload], parameters: BlurParameters, context: Context) -> Job:
    """The job of a request for images in which faces cannot be recognized."""
    suffix = f".{parameters.format}"
    total = _Total(context.limits)

    def content(picture: Picture) -> bytes:
        assert picture.image is not None
        hidden = blur_faces(
            picture.image,
            picture.faces,
            style=parameters.style,
            strength=parameters.strength,
            margin=parameters.margin,
        )
        return total.add(encode_image(hidden, suffix))

    def render(results: list[_Result]) -> Answer:
        if len(results) == 1:
            return _answer(results, results[0].content, IMAGES[parameters.format])
        names = _stems(results, suffix)
        images = [
            (f"{name}{suffix}", result.content)
            for name, result in zip(names, results, strict=True)
            if not result.error
        ]
        return _answer(results, _zip(images, results), ZIP)

    return _job(uploads, parameters, content, render, context)


def _check_single(uploads: Sequence[Upload], form: str) -> None:
    if len(uploads) > 1:
        raise ApiError(
            "bad_parameter",
            f"format={form} with {len(uploads)} images",
            f"one image for format={form}; json or zip for several",
        )


def _stems(results: Sequence[_Result], suffix: str) -> list[str]:
    """Names of the images' files in an archive, without a suffix, all different."""
    paths = [PurePosixPath(_plain_name(r.name, n)) for n, r in enumerate(results, start=1)]
    return unique_names(paths, lambda _, name: [f"{name}{suffix}"])


def _plain_name(name: str, number: int) -> str:
    """A name without folders and odd characters, so that unpacking stays in its folder."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    plain = "".join(c if c.isalnum() or c in "-_. " else "_" for c in last).strip(" .")
    return plain[:100] or f"image {number}"


def _zip(files: Iterable[tuple[str, bytes]], results: Sequence[_Result]) -> bytes:
    """A zip archive, with errors.json if an image could not be read."""
    errors = [error_record(result.name, result.error) for result in results if result.error]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(name), content)
        if errors:
            archive.writestr(zipfile.ZipInfo("errors.json"), json.dumps(errors))
    return packed.getvalue()
