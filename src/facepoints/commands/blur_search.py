"""The search for faces that must not be missed: what is covered, and what is doubtful."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from facepoints.api import FaceModel
from facepoints.detection import BuiltinDetector
from facepoints.drawing.region_tracks import FillConfig
from facepoints.inference.face import Face
from facepoints.tracking.config import AcceptanceConfig, DetectionConfig, TrackerConfig

__all__ = ["SURE_SCORE", "BlurSearch", "make_search"]

SURE_SCORE = 0.9
"""Score below which a face that is covered is doubtful."""

_CAREFUL_SCORE = 0.05
_FLOOR, _CAREFUL_FLOOR = 0.15, 0.02  # scores from which a place without a cover is doubtful
_SIDES = 320, 640  # pixels of both searches of the built-in detector
_CAREFUL_DETECTOR = 0.05


@dataclass(frozen=True)
class BlurSearch:
    """How faces are searched for.

    Attributes:
        model: finds faces, also doubtful ones.
        min_score: score from which a face is covered.
        tracking: how faces are tracked in a video.
        fill: how faces are covered that are not seen in a frame.
    """

    model: FaceModel
    min_score: float
    tracking: TrackerConfig
    fill: FillConfig

    def covered(self, faces: Sequence[Face]) -> list[Face]:
        """The faces that are covered."""
        return [face for face in faces if face.score >= self.min_score]


def make_search(model: FaceModel, careful: bool = False) -> BlurSearch:
    """The search of a model.

    The built-in detector searches twice, with more pixels the second time.

    Args:
        model: its minimum score is that of a face that is covered.
        careful: fewer faces are missed, and more places without a face are covered: faces at any
            angle, from a score of 0.05, in every frame of a video, and for a second before and
            after they are seen. The built-in detector takes more candidates.
    """
    min_score = min(model.min_score, _CAREFUL_SCORE) if careful else model.min_score
    detector = model.detector
    if isinstance(detector, BuiltinDetector) and not detector.more_sides:
        least = _CAREFUL_DETECTOR if careful else detector.min_score
        detector = BuiltinDetector.load(side=_SIDES[0], more_sides=_SIDES[1:], min_score=least)
    finder = FaceModel(
        model.model,
        detector,
        min_score=min(min_score, _CAREFUL_FLOOR if careful else _FLOOR),
        any_angle=model.any_angle or careful,
        crop_config=model.crop_config,
    )
    acceptance = AcceptanceConfig(min_observations=1 if careful else 2)
    tracking = TrackerConfig(
        detect_every=1 if careful else None,
        lost_track_seconds=2.0 if careful else 1.0,
        detection=DetectionConfig(quiet_interval=0.2, busy_interval=0.05),
        acceptance=acceptance,
    )
    fill = FillConfig()
    return BlurSearch(
        finder, min_score, tracking, replace(fill, hold_seconds=1.0) if careful else fill
    )
