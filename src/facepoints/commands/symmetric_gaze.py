"""The gaze of a face, averaged over its image and the mirror image (`measure --symmetric`)."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from facepoints.commands.gaze_columns import gaze_of
from facepoints.inference.face import Face
from facepoints.inference.mirrored import mirror_face, mirror_image
from facepoints.measurement import Gaze
from facepoints.measurement.gaze import CAMERA_ANGLE
from facepoints.results.records import FrameResult

__all__ = ["symmetric_gaze"]

Vector = tuple[float, float, float]
_SWAPPED = {"right": "left", "left": "right"}


def symmetric_gaze(result: FrameResult, face: Face) -> Gaze | str:
    """The mean of the gaze in the image and of that in the mirror image, or why there is none.

    If it can be had in one of both only, that one counts.
    """
    here = gaze_of(result, face)
    if result.image is None:
        return here
    mirrored = replace(result, image=mirror_image(result.image))
    there = gaze_of(mirrored, mirror_face(face, result.image.shape[1]))
    if isinstance(there, str):
        return here
    back = _mirror(there)
    return back if isinstance(here, str) else _mean(here, back)


def _mirror(seen: Gaze) -> Gaze:
    return replace(
        seen,
        yaw=-seen.yaw,
        head_yaw=-seen.head_yaw,
        vector=(-seen.vector[0], *seen.vector[1:]),
        eyes=_SWAPPED.get(seen.eyes, seen.eyes),
        right_vector=_mirrored(seen.left_vector),
        left_vector=_mirrored(seen.right_vector),
    )


def _mirrored(vector: Vector | None) -> Vector | None:
    return None if vector is None else (-vector[0], vector[1], vector[2])


def _mean(one: Gaze, other: Gaze) -> Gaze:
    vector = _mean_vector(one.vector, other.vector)
    assert vector is not None
    angle = math.degrees(math.acos(min(max(-vector[2], -1.0), 1.0)))
    known = one.looks_at_camera is not None and other.looks_at_camera is not None
    return Gaze(
        (one.yaw + other.yaw) / 2,
        (one.pitch + other.pitch) / 2,
        _rms(one.radius, other.radius),
        (one.head_yaw + other.head_yaw) / 2,
        (one.head_pitch + other.head_pitch) / 2,
        _rms(one.head_radius, other.head_radius),
        vector,
        angle,
        angle <= CAMERA_ANGLE if known else None,
        one.eyes if one.eyes == other.eyes else "both",
        _mean_vector(one.right_vector, other.right_vector),
        _mean_vector(one.left_vector, other.left_vector),
    )


def _rms(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    first, second = (math.sqrt((a * a + b * b) / 2) for a, b in zip(one, other, strict=True))
    return first, second


def _mean_vector(one: Vector | None, other: Vector | None) -> Vector | None:
    if one is None or other is None:
        return one or other
    total = np.add(one, other)
    x, y, z = (total / max(float(np.linalg.norm(total)), 1e-9)).tolist()
    return x, y, z
