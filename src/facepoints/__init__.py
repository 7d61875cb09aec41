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

if TYPE_CHECKING:
    from facepoints.alignment import align as align
    from facepoints.face import Face as Face
    from facepoints.measure import measures as measures
    from facepoints.media import read_picture as read_picture
    from facepoints.pictures import draw as draw
    from facepoints.predict import Predictor as Predictor
    from facepoints.predict import load as load

__version__ = "0.1.0"

__all__ = [
    "Face",
    "Predictor",
    "__version__",
    "align",
    "draw",
    "load",
    "measures",
    "read_picture",
]

_HOMES = {
    "Face": "face",
    "align": "alignment",
    "measures": "measure",
    "Predictor": "predict",
    "draw": "pictures",
    "load": "predict",
    "read_picture": "media",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'facepoints' has no attribute '{name}'")
    value = globals()[name] = getattr(import_module(f"facepoints.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
