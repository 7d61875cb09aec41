"""The answers of /v1/align and /v1/blur: images, alone, in JSON or in a zip archive."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from facepoints._util.files import unique_names
from facepoints.drawing.blur import blur_faces
from facepoints.imaging.image_writer import encode_image
from facepoints.inference.alignment import align, align_matrix
from facepoints.results.records import (
    Record,
    error_record,
    json_line,
)
from facepoints.web.answers import (
    IMAGES,
    JSON,
    ZIP,
    Answer,
    Context,
    Result,
    answer_of,
    make_job,
)
from facepoints.web.api_errors import ApiError
from facepoints.web.limits import ServiceLimits
from facepoints.web.parameters import (
    AlignParameters,
    BlurParameters,
)
from facepoints.web.picture_queue import Job, Picture
from facepoints.web.uploads import Upload

__all__ = ["align_job", "blur_job"]


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

    def render(results: list[Result]) -> Answer:
        if parameters.format == "zip":
            names = _stems(results, ".png")
            images = [
                (f"{name}-face{number}.png", face["image"])
                for name, result in zip(names, results, strict=True)
                for number, face in enumerate((result.content or {}).get("faces", ()), start=1)
            ]
            return answer_of(results, _zip(images, results), ZIP)
        if parameters.format == "png":
            faces = results[0].content["faces"]
            if not faces:
                raise ApiError("no_face", "no face was found in the image", "an image with a face")
            return answer_of(results, faces[0]["image"], IMAGES["png"])
        return answer_of(results, _align_json(results, context), JSON)

    return make_job(uploads, parameters, content, render, context)


def _align_json(results: list[Result], context: Context) -> bytes:
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

    def render(results: list[Result]) -> Answer:
        if len(results) == 1:
            return answer_of(results, results[0].content, IMAGES[parameters.format])
        names = _stems(results, suffix)
        images = [
            (f"{name}{suffix}", result.content)
            for name, result in zip(names, results, strict=True)
            if not result.error
        ]
        return answer_of(results, _zip(images, results), ZIP)

    return make_job(uploads, parameters, content, render, context)


def _check_single(uploads: Sequence[Upload], form: str) -> None:
    if len(uploads) > 1:
        raise ApiError(
            "bad_parameter",
            f"format={form} with {len(uploads)} images",
            f"one image for format={form}; json or zip for several",
        )


def _stems(results: Sequence[Result], suffix: str) -> list[str]:
    """Names of the images' files in an archive, without a suffix, all different."""
    paths = [PurePosixPath(_plain_name(r.name, n)) for n, r in enumerate(results, start=1)]
    return unique_names(paths, lambda _, name: [f"{name}{suffix}"])


def _plain_name(name: str, number: int) -> str:
    """A name without folders and odd characters, so that unpacking stays in its folder."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    plain = "".join(c if c.isalnum() or c in "-_. " else "_" for c in last).strip(" .")
    return plain[:100] or f"image {number}"


def _zip(files: Iterable[tuple[str, bytes]], results: Sequence[Result]) -> bytes:
    """A zip archive, with errors.json if an image could not be read."""
    errors = [error_record(result.name, result.error) for result in results if result.error]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(name), content)
        if errors:
            archive.writestr(zipfile.ZipInfo("errors.json"), json.dumps(errors))
    return packed.getvalue()
