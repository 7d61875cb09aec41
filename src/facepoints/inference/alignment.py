"""Face alignment: upright crops in which every face has the same place and size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError, SettingsError
from facepoints.imaging import affine
from facepoints.imaging.image_input import ImageInput, as_array
from facepoints.inference.face import Face
from facepoints.inference.face_list import as_faces
from facepoints.inference.landmark_weights import visibility_weights
from facepoints.landmarks.known_sets import KAGGLE_15

__all__ = [
    "ARCFACE",
    "EYES",
    "LARGEST",
    "SIZES",
    "TEMPLATES",
    "AlignedFace",
    "Template",
    "align",
    "align_matrix",
    "check_size",
    "crops",
]

Template = Literal["eyes", "arcface-112"]
Points = dict[str, tuple[float, float]]

ARCFACE: Points = {
    "right_eye_center": (38.2946, 51.6963),
    "left_eye_center": (73.5318, 51.5014),
    "nose_tip": (56.0252, 71.7366),
    "mouth_right_corner": (41.5493, 92.3655),
    "mouth_left_corner": (70.7299, 92.2041),
}
"""Positions of five points in the 112 x 112 images that face recognition networks are trained on:
InsightFace's `arcface_dst` (https://github.com/deepinsight/insightface, python-package,
utils/face_align.py; MIT), first used for SphereFace (Liu et al. 2017) and ArcFace (Deng et al.
2019, doi:10.1109/CVPR.2019.00482). InsightFace passes them to OpenCV's warpAffine, where the center
of the top-left pixel is (0, 0), the same as here."""

EYES: Points = {"right_eye_center": (0.35, 0.4), "left_eye_center": (0.65, 0.4)}
"""Positions of the eye centers, as fractions of the image's side. The chin of a mean face is just
above the lower edge, and its ears are inside."""

SIZES: dict[Template, int] = {"eyes": 256, "arcface-112": 112}
"""Default side of the aligned images, in pixels."""

LARGEST = 4096
"""Largest side, in pixels."""


def _eyes(size: int) -> Points:
    return {name: (x * size - 0.5, y * size - 0.5) for name, (x, y) in EYES.items()}


def _arcface(size: int) -> Points:
    scale = size / SIZES["arcface-112"]
    return {
        name: ((x + 0.5) * scale - 0.5, (y + 0.5) * scale - 0.5) for name, (x, y) in ARCFACE.items()
    }


TEMPLATES: dict[Template, Callable[[int], Points]] = {"eyes": _eyes, "arcface-112": _arcface}
"""Positions of the points in pixels, as a function of the side, by template. An aligned image of
another size equals that of the default size, resized."""


def align_matrix(face: Face, template: Template = "eyes", size: int | None = None) -> affine.Matrix:
    """The affine (2, 3) from the pixels of a face's image to those of its aligned image: the
    similarity that maps its points closest to the template's, by least squares. Hidden points
    weigh little (`landmark_weights`).

    Raises:
        SettingsError: unknown template, or a size out of range.
        DataError: the face does not have the points of the template, or all are in one place.
    """
    if template not in TEMPLATES:
        raise SettingsError(
            f"no template '{template}'; choose one of: {', '.join(get_args(Template))}"
        )
    side = SIZES[template] if size is None else size
    check_size(side)
    target = TEMPLATES[template](side)
    have = face.as_landmarks(KAGGLE_15.subset(tuple(target)))
    weights = None if have.visible is None else visibility_weights(have.visible)
    return affine.fit_similarity(have.points, np.array(list(target.values())), weights)


def check_size(size: int) -> None:
    """Raises SettingsError for a side of aligned images that is out of range."""
    if not isinstance(size, Integral) or not 8 <= size <= LARGEST:
        raise SettingsError(f"size must be 8 to {LARGEST} pixels, is {size!r:.40}")


def align(
    image: NDArray[np.uint8],
    face: Face,
    template: Template = "eyes",
    size: int | None = None,
) -> NDArray[np.uint8]:
    """Crop a face out of its image, upright.

    Args:
        image: the image that the face was found in, uint8, (H, W) gray or (H, W, 3) in any order
            of colors.
        face: the face.
        template: "eyes": the eyes are level, in the same places. "arcface-112": five points are
            as close as possible to those that face recognition networks expect.
        size: side in pixels, 8 to 4096. None: 256 for "eyes", 112 for "arcface-112".

    Returns:
        (size, size) or (size, size, 3). Pixels outside the image are black.

    Raises:
        SettingsError: unknown template, or a size out of range.
        DataError: not such an array or not one face; or the face does not have the points of the
            template, or all are in one place.
    """
    if not isinstance(face, Face):
        raise DataError(
            f"align takes one Face, got {type(face).__name__}; crops takes the faces of an image"
        )
    if not isinstance(image, np.ndarray):
        raise DataError(
            f"align takes the image as an array, got {type(image).__name__}; read_image reads a "
            f"file"
        )
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or not image.size:
        raise DataError(
            f"align takes an image of uint8, (H, W) or (H, W, C), got {image.dtype} {image.shape}"
        )
    matrix = align_matrix(face, template, size)
    side = SIZES[template] if size is None else size
    return affine.warp(image, matrix, side, side, border="black")


@dataclass(frozen=True, eq=False)
class AlignedFace:
    """An upright crop of a face, and the way back to the image.

    Attributes:
        face: the face, in pixels of the image.
        image: the crop, uint8 (size, size) gray or (size, size, 3). Black outside the image.
        matrix: affine (2, 3) float64 from pixels of the image to pixels of the crop, as OpenCV's
            `warpAffine` takes it.
    """

    face: Face
    image: NDArray[np.uint8]
    matrix: affine.Matrix

    def to_crop(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points (..., 2) of the image, (x, y) in pixels, in pixels of the crop."""
        moved = affine.apply(self.matrix, np.asarray(points, dtype=np.float64))
        return np.asarray(moved, dtype=np.float64)

    def to_image(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points (..., 2) of the crop, (x, y) in pixels, in pixels of the image."""
        back = affine.invert(self.matrix)
        moved = affine.apply(back, np.asarray(points, dtype=np.float64))
        return np.asarray(moved, dtype=np.float64)


def crops(
    image: ImageInput,
    faces: Face | Sequence[Face],
    template: Template = "eyes",
    size: int | None = None,
) -> list[AlignedFace]:
    """Crop faces out of their image, upright, each with the matrix that made the crop.

    Examples:
        >>> for crop in crops("photo.jpg", faces):  # doctest: +SKIP
        ...     found = other_program(crop.image)  # points in pixels of the crop
        ...     print(crop.to_image(found))

    Args:
        image: the image that the faces were found in: an array, a file, the bytes of a file or a
            Pillow image.
        faces: one face, or several.
        template: as for `align`.
        size: as for `align`.

    Returns:
        A crop for each face, in their order.

    Raises:
        SettingsError: unknown template, or a size out of range.
        DataError: not an image, not faces, or a face does not have the points of the template.
    """
    listed, pixels = as_faces(faces), as_array(image)
    return [
        AlignedFace(face, align(pixels, face, template, size), align_matrix(face, template, size))
        for face in listed
    ]
