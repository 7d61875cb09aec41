"""Schemas and examples of the service's answers, for OpenAPI."""

from __future__ import annotations

from typing import Any

from facepoints.web.api_errors import CODES

__all__ = ["EXAMPLE_ALIGN", "EXAMPLE_PREDICT", "SCHEMAS"]

Json = dict[str, Any]


def _object(properties: Json, *optional: str, **more: Any) -> Json:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, **more}


def _array(items: Json, **more: Any) -> Json:
    return {"type": "array", "items": items, **more}


_TEXT, _NUMBER, _COUNT = {"type": "string"}, {"type": "number"}, {"type": "integer", "minimum": 0}
_PAIR = _array(_NUMBER, minItems=2, maxItems=2)
_BOX = _array(_NUMBER, minItems=4, maxItems=4, description="x, y, width, height in pixels")
_PART = {"type": "number", "minimum": 0, "maximum": 1}
_STAMP = _object({"version": _TEXT, "model": {**_TEXT, "description": "SHA-256 of the model"}})
_NAMES = {"anyOf": [_TEXT, _array(_TEXT)], "description": "a known set, or the names of the points"}

_MEASURE = _object(
    {"value": _NUMBER, "radius": {**_NUMBER, "description": "90 % error radius of the value"}}
)

_FACE = _object(
    {
        "box": _BOX,
        "score": {**_PART, "description": "probability that this is a face"},
        "track": {"type": "null"},
        "points": _array(_PAIR, description="x, y of every point"),
        "radius": _array(_NUMBER, description="90 % error radius of every point, in pixels"),
        "visible": _array(_PART, description="probability that the point can be seen"),
        "measures": {"type": "object", "additionalProperties": _MEASURE},
        "head_transform": {
            "type": ["array", "null"],
            "items": _array(_NUMBER),
            "description": "4 x 4: from the head to the camera, in millimeters",
        },
        "eye_closure": {
            "type": "object",
            "description": "probability that each eye is closed, or why it is unknown",
        },
        "gaze": {
            "type": "object",
            "description": "yaw and pitch of the gaze, or why there is none",
        },
    },
    *("radius", "visible", "measures", "head_transform", "eye_closure", "gaze"),
)

_FAILED = _object({"file": _TEXT, "error": _TEXT}, additionalProperties=False)

_IMAGE = _object(
    {
        "file": {**_TEXT, "description": "what the client called the image"},
        "frame": {"const": 0},
        "width": _COUNT,
        "height": _COUNT,
        "landmarks": _NAMES,
        "faces": _array({"$ref": "#/components/schemas/Face"}),
        "note": {**_TEXT, "description": "what was left out of the file"},
    },
    "note",
)

_ALIGNED = _object(
    {
        "file": _TEXT,
        "width": _COUNT,
        "height": _COUNT,
        "faces": _array(
            _object(
                {
                    "box": _BOX,
                    "score": _PART,
                    "matrix": _array(_array(_NUMBER, minItems=3, maxItems=3)),
                    "image": {
                        **_TEXT,
                        "contentEncoding": "base64",
                        "contentMediaType": "image/png",
                    },
                }
            )
        ),
    }
)

SCHEMAS: dict[str, Json] = {
    "Error": _object(
        {
            "error": _object(
                {
                    "status": {"type": "integer"},
                    "code": {"type": "string", "enum": list(CODES)},
                    "message": {**_TEXT, "description": "what came"},
                    "expected": {**_TEXT, "description": "what would have been accepted"},
                }
            )
        }
    ),
    "Face": _FACE,
    "Prediction": _object(
        {"facepoints": _STAMP, "images": _array({"anyOf": [_IMAGE, _FAILED]}, minItems=1)}
    ),
    "Coco": _object(
        {
            "images": _array({"type": "object"}),
            "annotations": _array({"type": "object"}),
            "categories": _array({"type": "object"}),
            "facepoints": {"type": "object"},
        },
        description="COCO keypoints, for format=coco",
    ),
    "Alignment": _object(
        {"facepoints": _STAMP, "images": _array({"anyOf": [_ALIGNED, _FAILED]}, minItems=1)}
    ),
    "Model": _object(
        {
            "facepoints": _STAMP,
            "landmarks": _object(
                {"set": _NAMES, "names": _array(_TEXT), "edges": _array(_array(_COUNT))}
            ),
            "radius_coverage": _PART,
            "image_kinds": _array(_TEXT),
            "limits": _object(
                dict.fromkeys(("bytes", "pixels", "files", "waiting", "seconds"), _NUMBER)
            ),
        }
    ),
}
"""The schemas by name."""

_EXAMPLE_STAMP = {"version": "0.1.0", "model": "5a2c..."}

EXAMPLE_PREDICT: Json = {
    "facepoints": _EXAMPLE_STAMP,
    "images": [
        {
            "file": "a.jpg",
            "frame": 0,
            "width": 640,
            "height": 480,
            "landmarks": ["right_eye_center", "left_eye_center"],
            "faces": [
                {
                    "box": [200.5, 120.0, 180.25, 190.0],
                    "score": 0.98,
                    "track": None,
                    "points": [[250.1, 190.4], [321.7, 188.9]],
                    "radius": [2.1, 2.3],
                    "visible": [0.99, 0.97],
                }
            ],
        },
        {"file": "b.txt", "error": "b.txt is not an image of a known kind (JPEG, PNG, ...)"},
    ],
}
"""An answer of /v1/predict, with two of the points."""

EXAMPLE_ALIGN: Json = {
    "facepoints": _EXAMPLE_STAMP,
    "images": [
        {
            "file": "a.jpg",
            "width": 640,
            "height": 480,
            "faces": [
                {
                    "box": [200.5, 120.0, 180.25, 190.0],
                    "score": 0.98,
                    "matrix": [[0.9, 0.02, -155.0], [-0.02, 0.9, -80.0]],
                    "image": "iVBORw0KGgo=",
                }
            ],
        }
    ],
}
"""An answer of /v1/align, with a shortened image."""
