"""Makes RGB of 8 bits of what OpenCV decodes: depth, order of channels, transparency."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.imaging.bit_depth import to_uint8
from facepoints.imaging.image_header import Header
from facepoints.imaging.opencv_decoder import decode_with_opencv

__all__ = ["composite_on_white", "to_rgb"]


def to_rgb(bgr: NDArray, data: bytes, name: str, header: Header) -> tuple[NDArray[np.uint8], str]:
    """RGB of 8 bits, composited on white, with a note on the range of its values.

    Args:
        bgr: (H, W, 3) of any number type, as OpenCV decoded it.
        data: the file, for its opacity.
        name: of the file, for messages.
        header: of the file.

    Raises:
        DataError: the values are in no known range.
    """
    alpha = None
    if header.alpha:
        stored = decode_with_opencv(data, cv2.IMREAD_UNCHANGED, header)
        if stored is not None and stored.ndim == 3 and stored.shape[2] == 4:
            alpha, _ = to_uint8(_alpha(bgr, stored), name)
    rgb, note = to_uint8(bgr, name)
    cv2.cvtColor(rgb, cv2.COLOR_BGR2RGB, dst=rgb)
    return (rgb if alpha is None else composite_on_white(rgb, alpha)), note


def _alpha(bgr: NDArray, stored: NDArray) -> NDArray:
    """Opacity (H, W) of an image (H, W, 3) with its EXIF rotation applied.

    OpenCV returns alpha only without the rotation. The rotation is found by comparing colors.

    Args:
        bgr: of 8 or 16 bits, rotated.
        stored: (h, w, 4) BGRA of the same type, as the file holds it.
    """
    turns = [np.rot90(side, k) for side in (stored, stored[:, ::-1]) for k in range(4)]
    fitting = [turn for turn in turns if turn.shape[:2] == bgr.shape[:2]]
    same = (t for t in fitting if np.array_equal(t[..., 0], bgr[..., 0]))
    return next(same, fitting[0])[..., 3]


def composite_on_white(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Composite an image (H, W, 3) on white by its opacity `alpha` (H, W), [0, 255]."""
    if not alpha.any():  # an unused channel, as in many BMP files
        return rgb
    cover = alpha.astype(np.uint16)
    out = np.empty_like(rgb)
    for channel in range(3):
        mixed = rgb[..., channel] * cover + 255 * (255 - cover)
        out[..., channel] = (mixed + 127) // 255
    return out
