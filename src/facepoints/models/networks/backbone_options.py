"""Outputs of a network beside the points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["POINTS_ONLY", "BackboneOptions"]


@dataclass(frozen=True)
class BackboneOptions:
    """Outputs of a backbone beside the points, and its width. Only heatnet has a choice.

    Attributes:
        has_face_score: also predict whether there is a face.
        annotators: number of annotators whose `AnnotatorBias` corrects the points; 0: no
            correction.
        has_visibility: also predict whether each point is visible.
        has_scale_gain: multiply the scales of a face by a predicted factor.
        widths: channels at strides 2, 4, 8 and 16; None: `heatnet.WIDTHS`.
    """

    has_face_score: bool = False
    annotators: int = 0
    has_visibility: bool = False
    has_scale_gain: bool = False
    widths: Sequence[int] | None = None


POINTS_ONLY = BackboneOptions()
"""Points, with their scales if the network has them, and nothing else."""
