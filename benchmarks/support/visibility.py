"""Which points of a face are known to be visible, and which to be hidden by the head itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepoints.landmarks.mean_face import MEAN_FACE

from .faces import FaceSet
from .heads import yaw_of
from .sets import MIRROR

__all__ = ["FRONTAL", "PROFILE", "auc", "far_half", "known_visibility"]

FRONTAL = 30.0
"""Degrees of yaw up to which every labelled point of a face counts as visible."""
PROFILE = 60.0
"""Degrees of yaw from which the half that is turned away counts as hidden."""
_SIDE = np.sign(np.round(MEAN_FACE[:, 0] - MEAN_FACE[:, 0][MIRROR[:68]], 3))
"""(68,): -1 on the right half of the face, 1 on the left, 0 in the middle."""


def known_visibility(faces: FaceSet, profiles: bool) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Points that are known to be visible, and points that are known to be hidden, (N, 68) each.

    On profiles, the labelled points are visible, and the mirror images of labelled points are
    hidden: the other half of the face. On other faces that look at the camera, all labelled
    points are visible. Nothing is known of the rest.

    Args:
        profiles: True for a set of profiles with the visible half labelled (CFP).
    """
    labelled = faces.labelled[:, :68]
    if not profiles:
        frontal = np.abs(yaw_of(faces)) < FRONTAL
        return labelled & frontal[:, None], np.zeros_like(labelled)
    half = np.sign((labelled * _SIDE).sum(axis=1))
    away = _SIDE[None] == -half[:, None]
    return labelled, labelled[:, MIRROR[:68]] & ~labelled & away


def auc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative; ties are
    half (Mann-Whitney).

    Examples:
        >>> auc(np.array([0.9, 0.8]), np.array([0.1, 0.8]))
        0.875
    """
    both = np.sort(negative)
    below = np.searchsorted(both, positive, side="left")
    equal = np.searchsorted(both, positive, side="right") - below
    return float((below + equal / 2).sum() / (len(positive) * len(negative)))


def far_half(yaw: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Points (N, 70) of the half that is turned away by `PROFILE` degrees of yaw or more.

    Args:
        yaw: (N,) degrees toward the subject's left, as in `HeadPose`; NaN: nothing is hidden.
    """
    side = np.concatenate([_SIDE, [-1, 1]])
    return (np.abs(yaw) >= PROFILE)[:, None] & (side == np.sign(np.nan_to_num(yaw))[:, None])
