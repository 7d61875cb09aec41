"""Where faces are in a picture: finders behind one small protocol."""

from __future__ import annotations

from pathlib import Path

from facepoints.detection.base import FaceFinder, Found, PersistentFinder, merged, overlap, placed
from facepoints.detection.builtin import OwnFinder
from facepoints.detection.fixed_boxes import BoxesFromFile, WholeImage
from facepoints.detection.opencv_cascade import CascadeFinder
from facepoints.detection.yunet import YuNet
from facepoints.errors import SettingsError

__all__ = [
    "JUDGED",
    "BoxesFromFile",
    "CascadeFinder",
    "FaceFinder",
    "Found",
    "OwnFinder",
    "PersistentFinder",
    "WholeImage",
    "YuNet",
    "finder_named",
    "merged",
    "overlap",
    "placed",
]

JUDGED = 0.15
"""Score that places need where a model has the last word. On people to validate on, with half of
the face covered, 99 of 100 faces reach it, 92 the score 0.5; it costs 0.3 looks a photo."""


def finder_named(name: str) -> FaceFinder:
    """A finder by what the command line calls it.

    Args:
        name: "own", "cascade", "whole", "boxes:FILE" or "yunet:FILE".

    Raises:
        SettingsError: no finder is called so.
        DataError, ModelError: its file cannot be used.
    """
    kind, _, file = name.partition(":")
    if name == "own":
        return OwnFinder.load(least=JUDGED)
    if name == "cascade":
        return CascadeFinder()
    if name == "whole":
        return WholeImage()
    if kind == "boxes" and file:
        return BoxesFromFile.load(Path(file))
    if kind == "yunet" and file:
        return YuNet(Path(file))
    raise SettingsError(
        f"no face finder '{name}'; choose one of: own, cascade, whole, boxes:FILE (a CSV table "
        f"with file,x,y,w,h), yunet:FILE (YuNet as ONNX)"
    )
