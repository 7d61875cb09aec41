"""The description of the service for programs: OpenAPI 3.1, made from the same parameters that the
service checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from facepoints import __version__
from facepoints.imaging.image_header import KINDS
from facepoints.web.api_errors import CODES
from facepoints.web.limits import ServiceLimits
from facepoints.web.openapi_schemas import EXAMPLE_ALIGN, EXAMPLE_PREDICT, SCHEMAS
from facepoints.web.parameters import ALIGN, BLUR, PREDICT, Parameter

__all__ = ["openapi"]

Json = dict[str, Any]

_TASK_ERRORS = (
    *("bad_request", "bad_parameter", "unauthorized", "timeout", "too_large"),
    *("unsupported_type", "unreadable_image", "no_face", "busy", "internal", "unavailable"),
)


def openapi(limits: ServiceLimits, token: bool = False) -> Json:
    """The OpenAPI document, JSON-ready.

    Args:
        limits: of the service.
        token: whether requests to /v1 need a token.
    """
    security: Json = {"security": [{"token": []}]} if token else {}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "facepoints",
            "version": __version__,
            "summary": "Faces and their landmarks in images, with a 90 % error radius per point.",
            "description": (
                "Images are computed in memory and are neither stored nor logged. Coordinates are "
                "pixels of the image with its EXIF rotation applied; the center of the top-left "
                "pixel is (0, 0). Left and right are those of the person in the image."
            ),
            "license": {"name": "MIT (code)", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": {
            "/v1/predict": {"post": _predict(limits) | security},
            "/v1/align": {"post": _align(limits) | security},
            "/v1/blur": {"post": _blur(limits) | security},
            "/v1/model": {"get": _model() | security},
            "/healthz": {"get": _plain("health", "Whether the process answers", "ok\n")},
            "/readyz": {
                "get": _plain("ready", "Whether images can be computed", "ready\n", "unavailable")
            },
            "/metrics": {"get": _metrics() | security},
            "/openapi.json": {
                "get": {
                    "operationId": "openapi",
                    "summary": "This description",
                    "responses": {"200": _json_response("The description", {"type": "object"})},
                }
            },
        },
        "components": {
            "schemas": SCHEMAS,
            **(
                {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}}
                if token
                else {}
            ),
        },
    }


def _parameters(known: Sequence[Parameter]) -> list[Json]:
    return [
        {
            "name": one.name,
            "in": "query",
            "required": False,
            "description": one.meaning,
            "schema": _schema_of(one),
        }
        for one in known
    ]


def _schema_of(one: Parameter) -> Json:
    schema: Json = {"type": one.kind}
    if one.choices:
        schema["enum"] = list(one.choices)
    elif one.kind in ("number", "integer"):
        schema |= {"minimum": one.low, "maximum": one.high}
    if one.default is not None:
        schema["default"] = one.default
    return schema


def _body(known: Sequence[Parameter], limits: ServiceLimits) -> Json:
    """The body of a request: the bytes of an image, or a form of several."""
    file: Json = {"type": "string", "format": "binary"}
    form = {
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": {
                "type": "array",
                "items": file,
                "minItems": 1,
                "description": f"Up to {limits.max_files} images, each a part with a file name.",
            },
            **{one.name: {**_schema_of(one), "description": one.meaning} for one in known},
        },
        "additionalProperties": False,
    }
    description = (
        f"The bytes of an image ({', '.join(KINDS)}), at most {limits.max_megapixels:g} million "
        f"pixels, or a form of up to {limits.max_files} images; at most {limits.max_mb:g} MB. "
        f"Parameters may be fields of the form, too."
    )
    return {
        "required": True,
        "description": description,
        "content": {
            "application/octet-stream": {"schema": file},
            "image/*": {"schema": file},
            "multipart/form-data": {"schema": form},
        },
    }


def _errors(*codes: str) -> Json:
    """Responses for errors, by status."""
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(CODES[code][0], []).append(code)
    responses = {}
    for status, some in sorted(by_status.items()):
        response = _json_response(
            " ".join(f"`{code}`: {CODES[code][1]}" for code in some),
            {"$ref": "#/components/schemas/Error"},
        )
        if status in (429, 503):
            meaning = "Seconds after which to try again."
            response["headers"] = {
                "Retry-After": {"description": meaning, "schema": {"type": "integer"}}
            }
        responses[str(status)] = response
    return responses


def _json_response(description: str, schema: Json, example: Json | None = None) -> Json:
    content: Json = {"schema": schema}
    if example is not None:
        content["example"] = example
    return {"description": description, "content": {"application/json": content}}


def _counted(response: Json) -> Json:
    """A response with the headers that count images and faces."""
    meanings = {
        "Facepoints-Images": "Images of the request.",
        "Facepoints-Unreadable": "Those of them that could not be read.",
        "Facepoints-Faces": "Faces that were found.",
    }
    headers = {
        name: {"description": meaning, "schema": {"type": "integer"}}
        for name, meaning in meanings.items()
    }
    return {**response, "headers": headers}


def _binary(*types: str) -> Json:
    return {kind: {"schema": {"type": "string", "format": "binary"}} for kind in types}


def _predict(limits: ServiceLimits) -> Json:
    answer = _json_response(
        "The faces of each image. An image that could not be read has `error` in place of `faces`; "
        "if none could be read, the answer is status 422.",
        {
            "anyOf": [
                {"$ref": "#/components/schemas/Prediction"},
                {"$ref": "#/components/schemas/Coco"},
            ]
        },
        EXAMPLE_PREDICT,
    )
    answer["content"]["text/csv"] = {"schema": {"type": "string"}}
    return {
        "operationId": "predict",
        "summary": "Find faces and their points",
        "parameters": _parameters(PREDICT),
        "requestBody": _body(PREDICT, limits),
        "responses": {"200": _counted(answer), **_errors(*_TASK_ERRORS)},
    }


def _align(limits: ServiceLimits) -> Json:
    answer = _json_response(
        "Every face upright, with the matrix (2, 3) from pixels of the image to those of the crop.",
        {"$ref": "#/components/schemas/Alignment"},
        EXAMPLE_ALIGN,
    )
    answer["content"] |= _binary("application/zip", "image/png")
    return {
        "operationId": "align",
        "summary": "Cut out every face upright",
        "parameters": _parameters(ALIGN),
        "requestBody": _body(ALIGN, limits),
        "responses": {"200": _counted(answer), **_errors(*_TASK_ERRORS)},
    }


def _blur(limits: ServiceLimits) -> Json:
    answer = {
        "description": "The image without its metadata, every face that was found made "
        "unrecognizable; several images as a zip archive. `Facepoints-Faces` says how many faces "
        "there were: a face that was not found is not hidden.",
        "content": _binary("image/png", "image/jpeg", "application/zip"),
    }
    return {
        "operationId": "blur",
        "summary": "Make faces unrecognizable",
        "parameters": _parameters(BLUR),
        "requestBody": _body(BLUR, limits),
        "responses": {"200": _counted(answer), **_errors(*_TASK_ERRORS)},
    }


def _model() -> Json:
    schema = {"$ref": "#/components/schemas/Model"}
    return {
        "operationId": "model",
        "summary": "What the model gives and what the service accepts",
        "responses": {
            "200": _json_response("The model", schema),
            **_errors("unauthorized", "internal"),
        },
    }


def _plain(name: str, summary: str, text: str, *errors: str) -> Json:
    content = {"text/plain": {"schema": {"type": "string"}, "example": text}}
    return {
        "operationId": name,
        "summary": summary,
        "responses": {"200": {"description": summary, "content": content}, **_errors(*errors)},
    }


def _metrics() -> Json:
    made = _plain("metrics", "Counts and times for Prometheus", "facepoints_images_total 3\n")
    made["responses"] |= _errors("unauthorized", "internal")
    return made
