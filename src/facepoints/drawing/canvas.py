"""Images to draw on: copies of what the caller gave, as RGB."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.imaging.colors import composite_on_white
from facepoints.imaging.image_input import ImageInput, as_array

__all__ = ["rgb_canvas"]


def rgb_canvas(image: ImageInput) -> NDArray[np.uint8]:
    """A copy of an image as RGB (H, W, 3). Transparent pixels become white.

    Args:
        image: uint8 (H, W) gray, (H, W, 3) RGB or (H, W, 4) RGBA; or a file, its bytes or a Pillow
            image.

    Raises:
        DataError: not such an array, or the file cannot be read.
    """
    if not isinstance(image, np.ndarray):
        image = as_array(image)
    plain = image.ndim == 2 or image.shape[2:] in ((1,), (3,), (4,))
    if image.dtype != np.uint8 or not plain or 0 in image.shape:
        raise DataError(
            f"an image to draw on must be uint8 (H, W), (H, W, 3) or (H, W, 4), is "
            f"{image.dtype} {image.shape}"
        )
    if image.ndim == 2 or image.shape[2] == 1:
        return np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
    rgb = np.array(image[..., :3])
    return composite_on_white(rgb, image[..., 3]) if image.shape[2] == 4 else rgb
