"""Takes images as Python programs have them: paths, bytes, arrays and Pillow images."""

from __future__ import annotations

from collections.abc import Collection
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.imaging.bit_depth import to_uint8
from facepoints.imaging.colors import composite_on_white
from facepoints.imaging.image_io import read_image

__all__ = [
    "BinaryFile",
    "ImageInput",
    "PillowImage",
    "as_array",
    "check_array",
    "is_one_image",
    "not_an_image",
]


class PillowImage(Protocol):
    """An image of Pillow: `PIL.Image.Image` and its subclasses."""

    @property
    def mode(self) -> str: ...
    def getbands(self) -> tuple[str, ...]: ...


class BinaryFile(Protocol):
    """An open file of bytes, such as one of `open(path, "rb")`, or an `io.BytesIO`."""

    def read(self) -> bytes: ...


ImageInput = NDArray[np.uint8] | str | PathLike[str] | bytes | BinaryFile | PillowImage
"""(H, W) gray, (H, W, 3) RGB or (H, W, 4) RGBA, uint8; the path of a file; the bytes of a file; an
open file; or an image of Pillow."""

_BYTES = (bytes, bytearray, memoryview)


def is_one_image(thing: object) -> bool:
    """True for a single image, also of Pillow; false for several."""
    single = isinstance(thing, (np.ndarray, str, PathLike, *_BYTES)) or _is_pillow(thing)
    return single or callable(getattr(thing, "read", None))


def as_array(image: ImageInput, *, bgr: bool = False) -> NDArray[np.uint8]:
    """An image as an array (H, W) gray or (H, W, 3) RGB.

    The EXIF turn of files, bytes and Pillow images is applied, and transparent pixels are
    composited on white.

    Args:
        image: see `ImageInput`.
        bgr: whether arrays hold BGR or BGRA, as OpenCV reads files. It has no effect on other
            images.

    Raises:
        DataError: it is no image, or cannot be read.
    """
    if isinstance(image, str | PathLike):
        return read_image(image if isinstance(image, str) else Path(image))
    if isinstance(image, _BYTES):
        return read_image(bytes(image))
    if _is_pillow(image):
        return _from_pillow(image)
    if callable(getattr(image, "read", None)):
        return read_image(_content(image))
    if not isinstance(image, np.ndarray):
        raise not_an_image(image)
    channels = image.shape[2:]
    check_array(image, ((), (1,), (3,), (4,)), "BGR" if bgr else "RGB")
    if bgr and channels in ((3,), (4,)):
        image = np.ascontiguousarray(image[..., [2, 1, 0, 3][: channels[0]]])
    if channels == (4,):
        return composite_on_white(image[..., :3], image[..., 3])
    return image[..., 0] if channels == (1,) else image


def check_array(image: NDArray, channels: Collection[tuple[int, ...]], order: str = "RGB") -> None:
    """Check that an array is an image.

    Args:
        image: array of any shape and type.
        channels: what may follow height and width in its shape; (): nothing, it is gray.
        order: of its colors, for the message.

    Raises:
        DataError: it is not uint8, has another shape, or no pixels.
    """
    shape = image.shape
    known = len(shape) in (2, 3) and shape[2:] in channels
    if image.dtype != np.uint8 or not known:
        several = len(shape) == 4 and image.dtype == np.uint8
        hint = "; give several images as a list: list(images)" if several else ""
        raise DataError(
            f"an image is uint8, (H, W) gray, (H, W, 3) {order} or (H, W, 4) {order}A, with values "
            f"from 0 to 255; got {image.dtype} {shape}{hint}"
        )
    if image.size == 0:
        raise DataError(f"an image has one pixel or more, this one is {shape}")


def _is_pillow(thing: object) -> TypeGuard[Any]:
    """True for an image of Pillow, which facepoints does not need or import."""
    return any(
        base.__module__ == "PIL.Image" and base.__name__ == "Image" for base in type(thing).__mro__
    )


def _content(file: Any) -> bytes:
    """The bytes of an open file, from where it stands. Raises DataError."""
    try:
        data = file.read()
    except (OSError, ValueError) as error:  # closed, or text
        raise DataError(f"the open file could not be read: {error}") from error
    if not isinstance(data, _BYTES):
        raise DataError(
            f"an open image file gives bytes, this one {type(data).__name__}; open it with mode "
            f"'rb'"
        )
    return bytes(data)


def _from_pillow(image: Any) -> NDArray[np.uint8]:
    from PIL import ImageOps

    try:
        upright = ImageOps.exif_transpose(image)
        if upright.mode in ("I", "F") or upright.mode.startswith("I;"):  # 16 bits and more
            return to_uint8(np.asarray(upright), "the image")[0]
        clear = "A" in upright.getbands() or "transparency" in upright.info
        pixels = np.array(upright.convert("RGBA" if clear else "RGB"))
    except (OSError, ValueError, SyntaxError) as error:  # it is read from its file only now
        raise DataError(f"the Pillow image could not be read: {error}") from error
    except MemoryError as error:
        width, height = image.size
        raise DataError(f"not enough memory for this picture ({width} x {height})") from error
    if pixels.size == 0:
        raise DataError(f"an image has one pixel or more, this one is {pixels.shape}")
    return composite_on_white(pixels[..., :3], pixels[..., 3]) if clear else pixels


def not_an_image(thing: object) -> DataError:
    """The error for something that is no image."""
    if thing is None:
        return DataError(
            "an image is a path, an array, a Pillow image or the bytes of a file, got None; "
            "cv2.imread gives None for a file that it cannot read: check its path"
        )
    return DataError(
        f"an image is a path, an array, a Pillow image or the bytes of a file, got "
        f"{type(thing).__name__}; numpy.asarray(image) makes an array of an image that another "
        f"library opened"
    )
