"""Action units in tables with the column names of OpenFace 2, where our coefficients mean the same.

OpenFace gives the intensity of an action unit of FACS from 0 to 5, learned from faces that people
judged. Here it is five times the coefficient (`measurement.expressions`), the mean of both sides.
So the columns have the same names, meaning and range, but other numbers. Units that points do not
show (cheeks, dimples, tightened lids) and presence (AU.._c) are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from facepoints.errors import DataError
from facepoints.inference.face import Face
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.measurement.expressions import Neutral, expressions
from facepoints.results.records import Record, RecordSource, face_from_dict

__all__ = ["ACTION_UNITS", "Tracks", "numbered_videos", "track_neutrals", "unit_cells"]


def _both(name: str) -> tuple[str, str]:
    return f"{name}Left", f"{name}Right"


ACTION_UNITS: dict[str, tuple[str, ...]] = {
    "AU01_r": _both("browInnerUp"),
    "AU02_r": _both("browOuterUp"),
    "AU04_r": _both("browDown"),
    "AU05_r": _both("eyeWide"),
    "AU09_r": _both("noseSneer"),
    "AU12_r": _both("mouthSmile"),
    "AU15_r": _both("mouthFrown"),
    "AU20_r": _both("mouthStretch"),
    "AU26_r": ("jawOpen",),
    "AU45_r": _both("eyeBlink"),
}
"""The columns, and the coefficients whose mean they are."""

_HIGHEST = 5.0  # intensity of a full movement
_MOST_FACES = 400  # of a person that are kept in memory
Tracks = dict[tuple[int, int], Neutral]
"""The neutral of each person of each video, by the number of the video and the track."""


def numbered_videos(records: Iterable[Record]) -> Iterator[tuple[int, Record]]:
    """Each record with the number of its video. A frame that is not after the one before begins
    another video: the frames of one video may have a file each."""
    video, last = 0, -1
    for record in records:
        frame = record.get("frame", last + 1)
        video += frame <= last
        last = frame
        yield video, record


def track_neutrals(records: RecordSource, landmarks: LandmarkSet) -> Tracks:
    """The neutrals of the people of videos; nothing for images."""
    kept: dict[tuple[int, int], tuple[int, list[Face]]] = {}
    for video, record in numbered_videos(records()):
        if record.get("time") is None:
            continue
        for data in record.get("faces", ()):
            if data.get("track") is None:
                continue
            key = video, data["track"]
            step, faces = kept.get(key, (1, []))
            if record["frame"] % step == 0:
                faces.append(face_from_dict(data, landmarks))
            if len(faces) > _MOST_FACES:  # every second one is enough
                step, faces = 2 * step, faces[::2]
            kept[key] = step, faces
    neutrals: Tracks = {}
    for key, (_, faces) in kept.items():
        try:
            neutrals[key] = Neutral.of_video(faces)
        except DataError:  # turned away all the time: the mean person's
            continue
    return neutrals


def unit_cells(face: Face, neutral: Neutral | None) -> list[float | str]:
    """The cells of `ACTION_UNITS`: 0 to 5, blank where a face does not show it."""
    try:
        values = expressions(face, neutral).values
    except DataError:  # points on a line
        values = {}
    cells: list[float | str] = []
    for names in ACTION_UNITS.values():
        some = [values[name].value for name in names if name in values]
        cells.append(round(_HIGHEST * sum(some) / len(some), 2) if len(some) == len(names) else "")
    return cells
