"""Images of faces with their landmarks, contact sheets, and charts.

- `faces.draw` draws on a photo, with antialiased lines that suit the size of each face.
- `video_frames.draw_video_faces` draws on video frames, several times faster.
- `blur.blur_faces` makes faces unrecognizable; `face_region.face_region` is the region it covers.
- `contact_sheet.draw_sheet` shows labels and predictions of many crops side by side.
- `charts` needs matplotlib (the extra "adapt" or "train"), which is imported for the first chart.
- `palette` holds the colors: a track has the same color in a photo and in a video.

Images are RGB, uint8 (height, width, 3). Files are written whole or not at all.
"""

from facepoints.drawing.blur import BLUR_STYLES, blur_faces
from facepoints.drawing.charts import bars, ced_chart, check_charts, curves
from facepoints.drawing.contact_sheet import LABEL, PREDICTION, draw_points, draw_sheet
from facepoints.drawing.faces import draw
from facepoints.drawing.palette import TRACK_COLORS

__all__ = [
    "BLUR_STYLES",
    "LABEL",
    "PREDICTION",
    "TRACK_COLORS",
    "bars",
    "blur_faces",
    "ced_chart",
    "check_charts",
    "curves",
    "draw",
    "draw_points",
    "draw_sheet",
]
