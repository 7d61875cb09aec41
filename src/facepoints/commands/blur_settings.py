"""How faces are covered in images and videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepoints.drawing.blur import BlurStyle, blur_regions, check_blur
from facepoints.drawing.face_region import FaceRegion, face_region
from facepoints.drawing.palette import Color, as_color
from facepoints.inference.face import Face

__all__ = ["COVER_SCORE", "BlurSettings"]

COVER_SCORE = 0.3
"""Score from which the command covers a face. It is lower than for other uses: a face that is
missed is worse than a place that is covered by mistake."""


@dataclass(frozen=True)
class BlurSettings:
    """How faces are covered; see `drawing.blur_faces`.

    Attributes:
        style, strength, margin, color: arguments of `blur_faces`.
        keep_exif: copy the EXIF data of JPEG and PNG images, without the pictures in them.

    Raises:
        SettingsError: an unknown style, or a number out of range.
        DataError: a color that is not RGB.
    """

    style: BlurStyle = "blur"
    strength: float = 1.0
    margin: float = 0.1
    color: Color = (0, 0, 0)
    keep_exif: bool = False

    def __post_init__(self) -> None:
        check_blur(self.style, self.strength, self.margin)
        as_color(self.color)

    def region(self, face: Face) -> FaceRegion | None:
        """The region to cover for a face; None if no point of it is finite."""
        return face_region(face, self.margin)

    def cover(self, image: NDArray[np.uint8], regions: Sequence[FaceRegion]) -> NDArray[np.uint8]:
        """A copy of an image (H, W, 3) with regions covered."""
        return blur_regions(
            image, regions, style=self.style, strength=self.strength, color=self.color
        )
