"""Face detectors behind one small protocol."""

from __future__ import annotations

from pathlib import Path

from facepoints.detection.base import (
    Detection,
    FaceDetector,
    RetryingDetector,
    check_detections,
    iou,
    map_detection,
    merge_detections,
    overlap_of_smaller,
)
from facepoints.detection.builtin import BuiltinDetector
from facepoints.detection.fixed_boxes import BoxFileDetector, FullImageDetector
from facepoints.detection.opencv_cascade import OpenCVCascadeDetector
from facepoints.detection.yunet import YuNetDetector
from facepoints.errors import SettingsError

__all__ = [
    "LOW_SCORE_THRESHOLD",
    "BoxFileDetector",
    "BuiltinDetector",
    "Detection",
    "FaceDetector",
    "FullImageDetector",
    "OpenCVCascadeDetector",
    "RetryingDetector",
    "YuNetDetector",
    "check_detections",
    "iou",
    "make_detector",
    "map_detection",
    "merge_detections",
    "overlap_of_smaller",
]

LOW_SCORE_THRESHOLD = 0.18
"""Minimum score of detections that the landmark model judges afterwards. On pictures without a face
it leaves one detection per picture, 0.25 half of one, 0.12 two. Of 1388 profiles it loses one that
0.12 finds; 0.25 loses four more."""


def make_detector(name: str, threads: int | None = None) -> FaceDetector:
    """A face detector by its name.

    Args:
        name: "builtin", "opencv-cascade", "full-image", "boxes:FILE" or "yunet:FILE".
        threads: processor threads of the built-in detector. None: all.

    Raises:
        SettingsError: no detector has this name.
        DataError, ModelError: its file cannot be used.
    """
    kind, _, file = name.partition(":")
    if name == "builtin":
        return BuiltinDetector.load(min_score=LOW_SCORE_THRESHOLD, threads=threads)
    if name == "opencv-cascade":
        return OpenCVCascadeDetector()
    if name == "full-image":
        return FullImageDetector()
    if kind == "boxes" and file:
        return BoxFileDetector.load(Path(file))
    if kind == "yunet" and file:
        return YuNetDetector(Path(file))
    raise SettingsError(
        f"no face detector '{name}'; choose one of: builtin, opencv-cascade, full-image, "
        f"boxes:FILE (a CSV table with the columns file,x,y,w,h), yunet:FILE (YuNet as ONNX)"
    )
