"""facepoints: facial keypoints, from label files with holes in them to points you can trust.

>>> import facepoints
>>> model = facepoints.load()  # doctest: +SKIP
>>> faces = model("photo.jpg")  # doctest: +SKIP
>>> picture = facepoints.draw(facepoints.read_picture("photo.jpg"), faces)  # doctest: +SKIP

Names below are brought in when they are first asked for, so that importing the package takes
no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from facepoints._version import __version__

if TYPE_CHECKING:
    from facepoints.api import FaceModel as FaceModel
    from facepoints.api import load as load
    from facepoints.drawing import draw as draw
    from facepoints.imaging.image_io import read_image as read_image
    from facepoints.inference.alignment import align as align
    from facepoints.inference.face import Face as Face
    from facepoints.measurement import measure as measure


__all__ = [
    "Face",
    "FaceModel",
    "__version__",
    "align",
    "draw",
    "load",
    "measure",
    "read_image",
]

_HOMES = {
    "Face": "inference.face",
    "align": "inference.alignment",
    "measures": "measurement",
    "FaceModel": "api",
    "draw": "drawing",
    "load": "api",
    "read_picture": "imaging.image_io",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'facepoints' has no attribute '{name}'")
    value = globals()[name] = getattr(import_module(f"facepoints.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
