"""Pictures of faces with points on them, and charts of what was measured.

Pictures are RGB, uint8 (height, width, 3). Charts need matplotlib (the extra "train"),
which is loaded when the first one is drawn. Files are written whole or not at all.
"""

from facepoints.drawing.charts import bars, ced_chart, curves
from facepoints.drawing.contact_sheet import (
    LABEL,
    PREDICTION,
    draw_points,
    draw_sheet,
    save_picture,
)
from facepoints.drawing.faces import TRACK_COLORS, draw

__all__ = [
    "LABEL",
    "PREDICTION",
    "TRACK_COLORS",
    "bars",
    "ced_chart",
    "curves",
    "draw",
    "draw_points",
    "draw_sheet",
    "save_picture",
]
