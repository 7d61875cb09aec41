"""Parts of COCO and .pts files that the writers of labels and of predictions share.

`datasets/writers.py` writes labels; `results/coco.py` and `results/pts.py` write predictions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from facepoints.landmarks.known_sets import NUMBERED_SETS
from facepoints.landmarks.landmark_set import LandmarkSet

__all__ = ["coco_category", "pts_columns", "pts_text"]


def coco_category(landmarks: LandmarkSet) -> dict[str, Any]:
    """The COCO category "face" with the names and edges (1-based) of a landmark set."""
    return {
        "id": 1,
        "name": "face",
        "supercategory": "person",
        "keypoints": list(landmarks.names),
        "skeleton": [[a + 1, b + 1] for a, b in landmarks.edge_columns],
    }


def pts_columns(landmarks: LandmarkSet) -> list[int]:
    """Columns of a landmark set in the order in which a .pts file lists its unnamed points.

    If `NUMBERED_SETS` has a set with the same points, its order is used, else that of the set.
    """
    for known in NUMBERED_SETS.values():
        if set(known.names) == set(landmarks.names):
            return landmarks.columns(known.names)
    return list(range(len(landmarks)))


def pts_text(lines: Sequence[str]) -> str:
    """The text of a .pts file (version 1) with lines "x y" of 1-based pixel coordinates."""
    return "\n".join(["version: 1", f"n_points: {len(lines)}", "{", *lines, "}", ""])
