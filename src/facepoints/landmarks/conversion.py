"""Points of one landmark set computed from the points of another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints.landmarks.known_sets import IBUG_68, NARROW
from facepoints.landmarks.landmark_set import LandmarkSet, base_name, with_scheme

__all__ = ["CONVERSIONS", "convert"]


def _kaggle_from_ibug() -> dict[str, tuple[str, ...]]:
    """Kaggle's points in both marking schemes as means of the 68.

    Which ones was found on two files. On the 7,049 label rows of the competition, by where a
    point lies below the eye centres, in distances of these, beside where the 68 points of the
    mean face (`mean_face.MEAN_FACE`) do:

    ============================ ============= ============ =================================
    point                        rows with 15  rows with 4  of the mean face
    ============================ ============= ============ =================================
    nose tip                     0.56          0.75         nose_bridge_4 0.59, nose_base 0.79
    bottom lip                   1.25          1.09         lower_lip_center 1.32, inner lips
                                                            1.11 and 1.17
    inner and outer end of brow  -0.21, -0.19               -0.26, -0.24
    ============================ ============= ============ =================================

    And on 3,561 faces with pixels and labels of both schemes, none of the test set, by which
    mean of one or two of the points that a network finds has the least spread about the
    labels: ``nose_base`` (1.4 px; the next best is 1.7 px away, nose_bridge_4 6.6 px) and the
    middle of the two inner lip centres (1.4 px; next 1.6, lower_lip_center 6.7 px) for the
    rows with 4 points, where each point's first choice here is the best for those with 15.

    The brow ends of the competition lie 1.8 px (of 96) nearer to the eyes than those of the 68,
    in the statistics and on its 12 published rows with pixels, so they are taken an eighth of
    the way to the eye corners. More would suit it better still, and the other file worse.
    """
    inner_lips = ("inner_upper_lip_center", "inner_lower_lip_center")
    parts: dict[str, tuple[str, ...]] = {
        "nose_tip": ("nose_bridge_4",),
        with_scheme("nose_tip", NARROW): ("nose_base",),
        "mouth_left_corner": ("mouth_left_corner",),
        "mouth_right_corner": ("mouth_right_corner",),
        "mouth_center_top_lip": ("upper_lip_center",),
        "mouth_center_bottom_lip": ("lower_lip_center",),
        with_scheme("mouth_center_bottom_lip", NARROW): inner_lips,
    }
    for side in ("left", "right"):
        eye = tuple(n for n in IBUG_68.names if n.startswith(f"{side}_eye_"))
        parts[f"{side}_eye_center"] = eye
        for end, brow in (("inner", 5), ("outer", 1)):
            corner = f"{side}_eye_{end}_corner"
            parts[corner] = (corner,)
            parts[f"{side}_eyebrow_{end}_end"] = (f"{side}_brow_{brow}",) * 7 + (corner,)
    return parts


CONVERSIONS: dict[tuple[str, ...], dict[str, tuple[str, ...]]] = {
    IBUG_68.names: _kaggle_from_ibug()
}
"""For the names of a set: other points as the mean of points of that set. A point that is
named several times counts as often; one "as a scheme marks it" ("nose_tip@4-point") is there
where the scheme means another place than the plain name does."""


def convert(
    points: NDArray[np.float32],
    labelled: NDArray[np.bool_],
    have: LandmarkSet,
    want: LandmarkSet,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Points of the set `want` out of points of the set `have`.

    A point that both name is copied; a point that is known as a mean of points that `have`
    holds (`CONVERSIONS`: an eye centre is the mean of the six eye points) is that mean,
    labelled where all its parts are; any other is unlabelled. A column with a source
    ("nose_tip@4-point") falls back to the plain name where nothing is known of the source.

    Args:
        points: (N, K, 2) in pixels.
        labelled: (N, K).

    Returns:
        Points (N, len(want), 2), 0 where unlabelled, and the mask (N, len(want)).
    """
    means: dict[str, tuple[str, ...]] = {}
    for names, made in CONVERSIONS.items():
        if set(names) <= set(have.names):
            means |= made
    out = np.zeros((len(points), len(want), 2), dtype=np.float32)
    mask = np.zeros((len(points), len(want)), dtype=bool)
    for column, name in enumerate(want.names):
        if name in have.names:
            parts: tuple[str, ...] = (name,)
        elif name in means:
            parts = means[name]
        elif base_name(name) in means:
            parts = means[base_name(name)]
        elif base_name(name) in have.names:
            parts = (base_name(name),)
        else:
            continue
        index = have.columns(parts)
        mask[:, column] = labelled[:, index].all(axis=1)
        out[:, column] = points[:, index].mean(axis=1)
    out[~mask] = 0
    return out, mask
