"""Measures of a face: pose, openings, asymmetry, distances and ratios, each with a 90 % radius.

The value of landmarks set by hand lies within the radius in 90 % of cases. Nothing here is a
diagnosis.

- `measuring`: all measures of a face, and why some cannot be had
- `definitions`, `descriptions`: the meaning and the source of each number
- `pose`, `head_fit`, `pose_factors`: head pose
- `head_position`: the position of the head in front of the camera
- `symmetry`: asymmetry
- `uncertainty`, `radius_factors`: the error radius
- `conventions`, `convention_factors`: values as the annotators of one data set would have them
- `gaze`, `iris`, `gaze_factors`: where the eyes look
- `expressions`, `expression_definitions`, `expression_features`, `expression_neutral`,
  `expression_factors`, `bounded_fit`: how far brows, lids, jaw, lips and nose moved from rest
- `events`, `event_config`: blinks, closed eyes and yawns in a video
"""

from __future__ import annotations

from facepoints.measurement.conventions import CONVENTIONS, Convention
from facepoints.measurement.definitions import DEFINITIONS, Definition
from facepoints.measurement.gaze import Gaze, gaze
from facepoints.measurement.head_position import head_transform
from facepoints.measurement.measuring import (
    MEASURES,
    MeasuredPoints,
    measure,
    measure_with_reasons,
    unavailable,
)
from facepoints.measurement.pose import HeadPose, head_pose
from facepoints.measurement.uncertainty import Measurement

__all__ = [
    "CONVENTIONS",
    "DEFINITIONS",
    "MEASURES",
    "Convention",
    "Definition",
    "Gaze",
    "HeadPose",
    "MeasuredPoints",
    "Measurement",
    "gaze",
    "head_pose",
    "head_transform",
    "measure",
    "measure_with_reasons",
    "unavailable",
]
