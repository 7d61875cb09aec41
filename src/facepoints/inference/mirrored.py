"""Test-time mirroring: an image and its mirror image are predicted, and both are averaged.

A network does not see a face and its mirror image alike, so the measures of a photo and of its
mirror image differ a little. The mean of both predictions has no such difference: both photos lead
to the same two predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facepoints.detection import Detection, iou
from facepoints.imaging import affine
from facepoints.imaging.image_io import to_gray
from facepoints.inference.duplicates import direction_of
from facepoints.inference.eye_closure import EYES, EyeClosure
from facepoints.inference.eye_state import EyeStateModel
from facepoints.inference.face import Face

__all__ = ["mean_closures", "mean_faces", "mirror_face", "mirror_image"]

Image = NDArray[np.uint8]
PredictLandmarks = Callable[[Image, Sequence[Detection]], list[Face]]
"""`Predictor.predict_landmarks`: the faces at detections in a gray image."""

SAME_FACE = 0.4
"""Two predictions are of the same face if their boxes overlap by more (intersection over union)."""


def mirror_image(image: Image) -> Image:
    """An image (H, W) or (H, W, 3) with left and right swapped."""
    return np.ascontiguousarray(image[:, ::-1])


def mirror_face(face: Face, width: int) -> Face:
    """The same face in the mirrored image of this width.

    Points, radii and visibility change places with their mirror partners. The landmark set must be
    mirrorable. The closure of the eyes is swapped, too.
    """
    order = face.landmarks.mirror
    x, y, across, down = face.box
    eyes = face.eye_closure
    return replace(
        face,
        box=(width - 1 - x - across, y, across, down),
        points=affine.apply(affine.mirror_matrix(width), face.points)[order],
        radius=face.radius[order],
        visible=None if face.visible is None else face.visible[order],
        eye_closure=eyes and EyeClosure(eyes.left, eyes.right, eyes.left_reason, eyes.right_reason),
    )


def mean_faces(
    image: Image,
    faces: Sequence[Face],
    mirrored: Sequence[Face],
    predict_landmarks: PredictLandmarks,
    canonical: NDArray[np.floating],
) -> list[Face]:
    """The mean of the faces of an image and of its mirror image, highest score first.

    A face that was found in one of them only is predicted in the other one, too, at the same place.
    If there is no face, the one prediction counts alone.

    Args:
        image: (H, W) or (H, W, 3).
        faces: of the image.
        mirrored: of the mirror image, in its pixels.
        predict_landmarks: of the predictor.
        canonical: (K, 2), the points of an upright face.
    """
    width = image.shape[1]
    there = [mirror_face(face, width) for face in mirrored]
    pairs = _pairs(faces, there)
    firsts, seconds = {a for a, _ in pairs}, {b for _, b in pairs}
    alone = [face for n, face in enumerate(faces) if n not in firsts]
    alone_there = [face for n, face in enumerate(there) if n not in seconds]
    found = [_mean(faces[a], there[b]) for a, b in pairs]
    gray = to_gray(image) if alone or alone_there else image
    for face in alone:
        wanted = _detection(mirror_face(face, width), canonical)
        others = predict_landmarks(mirror_image(gray), [wanted])
        found.append(_with_partner(face, [mirror_face(other, width) for other in others]))
    for face in alone_there:
        others = predict_landmarks(gray, [_detection(face, canonical)])
        found.append(_with_partner(face, others))
    return sorted(found, key=lambda face: -face.score)


def mean_closures(state: EyeStateModel, image: Image, faces: Sequence[Face]) -> list[Face]:
    """The faces with the closure of their eyes: the mean over the image and its mirror image.

    Where one of both cannot be had, the other one counts.
    """
    width = image.shape[1]
    here = state.with_closures(image, faces)
    mirrored = [mirror_face(face, width) for face in faces]
    there = [mirror_face(f, width) for f in state.with_closures(mirror_image(image), mirrored)]
    return [
        replace(face, eye_closure=_mean_closure(one.eye_closure, other.eye_closure))
        for face, one, other in zip(faces, here, there, strict=True)
    ]


def _pairs(faces: Sequence[Face], there: Sequence[Face]) -> list[tuple[int, int]]:
    """Indices of the predictions of the same face, each once, the largest overlap first."""
    overlaps = [
        (iou(one.box, other.box), a, b)
        for a, one in enumerate(faces)
        for b, other in enumerate(there)
    ]
    pairs: list[tuple[int, int]] = []
    for overlap, a, b in sorted(overlaps, reverse=True):
        if overlap > SAME_FACE and all(a != c and b != d for c, d in pairs):
            pairs.append((a, b))
    return pairs


def _with_partner(face: Face, others: Sequence[Face]) -> Face:
    """The mean of a face and of the one among others that is the same; the face if none is."""
    same = [other for other in others if iou(face.box, other.box) > SAME_FACE]
    return _mean(face, same[0]) if same else face


def _mean(one: Face, other: Face) -> Face:
    """The mean of two predictions of a face.

    Radii are averaged as root mean squares. That holds if the errors of both go the same way, and
    is a little wide if they do not.
    """
    points = (one.points.astype(np.float64) + other.points) / 2
    radius = np.sqrt((one.radius.astype(np.float64) ** 2 + other.radius**2) / 2)
    visible = None
    if one.visible is not None and other.visible is not None:
        visible = ((one.visible.astype(np.float64) + other.visible) / 2).astype(np.float32)
    return replace(
        one,
        box=affine.bounding_box(points),
        score=(one.score + other.score) / 2,
        points=points.astype(np.float32),
        radius=radius.astype(np.float32),
        visible=visible,
    )


def _detection(face: Face, canonical: NDArray[np.floating]) -> Detection:
    """The place of a face, as a detector would give it."""
    angle = direction_of(face, canonical)
    x, y, width, height = face.box
    center = x + width / 2, y + height / 2
    upright = affine.apply(affine.rotation_matrix(-angle, center), face.points)
    left, top, width, height = affine.bounding_box(upright)
    middle = np.array([left + width / 2, top + height / 2])
    cx, cy = affine.apply(affine.rotation_matrix(angle, center), middle).tolist()
    return Detection((cx - width / 2, cy - height / 2, width, height), 1.0, angle)


def _mean_closure(one: EyeClosure | None, other: EyeClosure | None) -> EyeClosure:
    values, reasons = [], []
    for eye in EYES:
        pair = [(None, "") if each is None else each.of(eye) for each in (one, other)]
        known = [value for value, _ in pair if value is not None]
        values.append(round(sum(known) / len(known), 4) if known else None)
        reasons.append("" if known else next((reason for _, reason in pair if reason), ""))
    return EyeClosure(values[0], values[1], reasons[0], reasons[1])
