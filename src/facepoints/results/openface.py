"""Tables with the column names of OpenFace 2, written and read.

Programs that read the tables of OpenFace (Baltrusaitis et al. 2018, doi:10.1109/FG.2018.00019) find
here what facepoints knows under the same names, in the same units and axes. Source:
https://github.com/TadasBaltrusaitis/OpenFace/wiki/Output-Format
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints._util.files import atomic_file
from facepoints._util.text_files import open_text, original_cell, write_row
from facepoints.errors import DataError
from facepoints.imaging import affine
from facepoints.inference.eye_state import EyeStateModel
from facepoints.inference.face import Face
from facepoints.landmarks.conversion import check_convertible
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_head import MEAN_HEAD
from facepoints.measurement.gaze import gaze
from facepoints.measurement.head_position import (
    MM_PER_UNIT,
    assumed_focal_length,
    head_transform,
)
from facepoints.results.openface_units import (
    ACTION_UNITS,
    Tracks,
    numbered_videos,
    track_neutrals,
    unit_cells,
)
from facepoints.results.records import FrameResult, Record, RecordSource, face_from_dict

__all__ = [
    "euler_angles",
    "face_extras",
    "is_openface",
    "openface_columns",
    "read_openface",
    "write_openface",
]

_FIRST = ("frame", "face_id", "timestamp", "confidence", "success")
_GAZE = (
    *(f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz"),
    *("gaze_angle_x", "gaze_angle_y"),
)
_POSE = ("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz")
_LARGEST = 1e9

_CENTER: NDArray[np.float64] = MEAN_HEAD.mean(axis=0) * (1, 1, -1) * MM_PER_UNIT
"""Middle of the 68 points of the mean head in head coordinates, which OpenFace's position means."""


def openface_columns() -> list[str]:
    """The columns, in order.

    - frame: number of the frame, from 1; 1 for an image.
    - face_id: track in a video; number of the face in an image, from 0.
    - timestamp: seconds from the first frame; blank for an image.
    - confidence: score of the face, [0, 1].
    - success: 1. Frames without a face have no row, as in tables of several people.
    - gaze_0_x, gaze_0_y, gaze_0_z: unit vector along which the subject's right eye looks, in the
      axes of the position below; gaze_1_...: the same of the left eye. An eye that looks along the
      camera's axis has (0, 0, -1).
    - gaze_angle_x, gaze_angle_y: angles of both eyes' mean vector in radians, positive to the right
      and down in the image. The gaze needs the image: it is blank for faces that were read from a
      file, and for eyes that are hidden, closed or too small.
    - pose_Tx, pose_Ty, pose_Tz: middle of the head in millimeters: right and down in the image, and
      away from the camera. A head of mean size and a lens of 53 degrees are assumed.
    - pose_Rx, pose_Ry, pose_Rz: pitch, yaw and roll of the head in radians, relative to the camera:
      the rotation is Rx Ry Rz in these axes.
    - x_0 to x_67, y_0 to y_67: the points in pixels; the center of the top-left pixel is (0, 0).
    - AU01_r to AU45_r: intensities of action units, 0 to 5 (`openface_units`). In a video, people
      are compared with their own calm frames, else with the mean person.
    - file: the image or video, which tables of OpenFace do not name.
    """
    points = [f"{axis}_{number}" for axis in "xy" for number in range(68)]
    return [*_FIRST, *_GAZE, *_POSE, *points, *ACTION_UNITS, "file"]


def face_extras(image: NDArray[np.uint8], face: Face) -> dict[str, Any]:
    """Return what only the image (H, W, 3) of a face tells a table: whether the eyes are
    closed, and the gaze of each eye, as unit vectors in camera axes, if any eye can be used."""
    if face.eye_closure is None:
        face = _eye_state().with_closures(image, [face])[0]
    assert face.eye_closure is not None
    extras: dict[str, Any] = {"eye_closure": face.eye_closure.to_dict()}
    try:
        seen = gaze(image, face)
    except DataError:  # the face gives no gaze
        return extras
    sight = _sight_rotation(face, image.shape[:2])
    vectors = {"right": seen.right_vector, "left": seen.left_vector}
    extras["gaze"] = {
        eye: None if vector is None else (sight @ vector).tolist()
        for eye, vector in vectors.items()
    }
    return extras


@lru_cache(maxsize=1)
def _eye_state() -> EyeStateModel:
    return EyeStateModel.load()


def _sight_rotation(face: Face, size: tuple[int, ...]) -> NDArray[np.float64]:
    """The rotation (3, 3) from the axis of the camera to the line from the camera to the eyes."""
    eyes = np.mean([face.region(f"{eye}_eye").mean(axis=0) for eye in ("right", "left")], axis=0)
    x, y = (eyes - (np.array(size[1::-1]) - 1) / 2) / assumed_focal_length((size[0], size[1]))
    axis = np.array([-y, x, 0.0])  # e_z x (x, y, 1)
    length = math.hypot(x, y)
    angle = axis / max(length, 1e-12) * math.atan(length)
    return np.asarray(cv2.Rodrigues(angle)[0], dtype=np.float64)


def euler_angles(turn: NDArray[np.float64]) -> tuple[float, float, float]:
    """Angles (x, y, z) in radians of the rotation (3, 3) Rx Ry Rz."""
    y = math.asin(float(np.clip(turn[0, 2], -1, 1)))
    x = math.atan2(-float(turn[1, 2]), float(turn[2, 2]))
    z = math.atan2(-float(turn[0, 1]), float(turn[0, 0]))
    return x, y, z


def write_openface(records: RecordSource, landmarks: LandmarkSet, out: Path) -> None:
    """Write a row per face, with the columns of `openface_columns`.

    Radii, visibility, boxes and images without a face are not written. The position is blank for
    an image whose size is not known.

    Raises:
        DataError: the 68 points cannot be computed from `landmarks`.
        WriteError: `out` cannot be written.
    """
    check_convertible(landmarks, IBUG_68)
    neutrals = track_neutrals(records, landmarks)
    with atomic_file(out) as temporary, open_text(temporary) as file:
        write_row(file, openface_columns())
        for video, record in numbered_videos(records()):
            for row in _rows(record, landmarks, video, neutrals):
                write_row(file, row)


def _rows(record: Record, landmarks: LandmarkSet, video: int, neutrals: Tracks) -> Iterator[list]:
    size = record.get("height", 0), record.get("width", 0)
    time = record.get("time")
    for number, data in enumerate(record.get("faces", ())):
        face = face_from_dict(data, landmarks)
        points = np.array(data["points"], dtype=object)
        columns = [landmarks.names.index(n) if n in landmarks.names else -1 for n in IBUG_68.names]
        if min(columns) < 0:
            points, columns = face.as_landmarks(IBUG_68).points.tolist(), list(range(68))
        identity = number if face.track_id is None else face.track_id
        row = [record["frame"] + 1, identity, "" if time is None else time, data["score"], 1]
        row += _gaze_cells(data.get("gaze") or {})
        row += [_short(value) for value in _pose(face, size)]
        row += [points[k][axis] for axis in (0, 1) for k in columns]
        own = None if face.track_id is None else neutrals.get((video, face.track_id))
        row += unit_cells(face, own)
        yield [*row, record["file"]]


def _gaze_cells(vectors: Mapping[str, list[float] | None]) -> list[float | str]:
    """The cells of `_GAZE`."""
    known = [vectors.get(eye) for eye in ("right", "left")]
    each = [[math.nan] * 3 if vector is None else vector for vector in known]
    seen = [vector for vector in known if vector is not None]
    x, y, z = np.mean(seen, axis=0) if seen else [math.nan] * 3
    return [_short(value) for value in (*each[0], *each[1], math.atan2(x, -z), math.atan2(y, -z))]


def _short(value: float) -> float | str:
    return "" if math.isnan(value) else float(f"{value:.6g}")


def _pose(face: Face, size: tuple[int, int]) -> list[float]:
    """Position in millimeters and angles in radians, 6 numbers; NaN where they are not known."""
    if min(size) <= 0:
        return [math.nan] * 6
    try:
        transform = head_transform(face, size)
    except DataError:  # points on a line
        return [math.nan] * 6
    turn = transform[:3, :3]
    return [*(transform[:3, 3] + turn @ _CENTER).tolist(), *euler_angles(turn)]


def is_openface(path: Path) -> bool:
    """True if a .csv file has the columns of OpenFace."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            names = {name.strip() for name in file.readline(100_000).split(",")}
    except OSError:
        return False
    return {"confidence", "x_0", "y_67"} <= names


def read_openface(path: Path) -> list[FrameResult]:
    """The faces of a table of OpenFace 2, or of one that `write_openface` wrote.

    Rows with a success of 0 are left out. Each face gets the bounding box of its points, its
    confidence as score, and the radius 0: how far off the points are is not known. Frames are
    counted from 0. In a table with times, face_id is the track. Without a column "file", the
    results have the name of the table. The size of images is not known.

    Raises:
        DataError: the file cannot be read, or a number is missing or wrong.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            names = [name.strip() for name in next(reader, [])]
            results: dict[tuple[str, int], FrameResult] = {}
            for cells in reader:
                row = dict(zip(names, (cell.strip() for cell in cells), strict=False))
                try:
                    _add(results, row, str(path))
                except (KeyError, ValueError) as error:
                    reason = f"no column {error}" if isinstance(error, KeyError) else error
                    raise DataError(f"{path}, line {reader.line_num}: {reason}") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"could not read {path}: {error}") from error
    return list(results.values())


def _add(results: dict[tuple[str, int], FrameResult], row: Mapping[str, str], name: str) -> None:
    """Add the face of a row. Raises KeyError or ValueError."""
    if row.get("success", "1") not in ("1", "1.0"):
        return
    points = np.array([[float(row[f"{axis}_{n}"]) for axis in "xy"] for n in range(68)])
    score = float(row["confidence"])
    if not (np.abs(points) < _LARGEST).all() or not 0 <= score <= 1:
        raise ValueError("expected points in pixels and a confidence from 0 to 1")
    file = original_cell(row["file"]) if row.get("file") else name
    time = float(row["timestamp"]) if row.get("timestamp") else None
    frame = int(row.get("frame") or 1) - 1
    track_id = int(row["face_id"]) if time is not None and row.get("face_id") else None
    video = "" if time is None else file
    key = file, frame
    if key not in results:
        results[key] = FrameResult(file, frame=max(frame, 0), time=time, video=video)
    array = points.astype(np.float32)
    face = Face(
        affine.bounding_box(array), score, array, np.zeros(68, np.float32), IBUG_68, track_id
    )
    results[key].faces.append(face)
