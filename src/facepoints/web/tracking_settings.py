"""Settings of the page to track faces: those of the tracker."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from facepoints.inference.landmark_weights import LEAST_VISIBLE
from facepoints.inference.model_metadata import ModelMetadata
from facepoints.tracking.config import TrackerConfig

__all__ = ["tracking_settings"]


def tracking_settings(model: ModelMetadata) -> dict[str, Any]:
    """The part "tracking" of the page's settings, JSON-ready.

    Returns:
        The fields of `TrackerConfig` that concern live tracking, and least_visible, the least
        visibility that a point counts with.
    """
    config = asdict(TrackerConfig())
    live = (
        *("lost_track_seconds", "max_frame_gap", "detection", "acceptance", "recrop"),
        *("appearance", "association", "kalman", "one_euro"),
    )
    return {
        **{name: config[name] for name in live},
        "least_visible": LEAST_VISIBLE,
    }
