"""The answer of /v1/predict: faces, points and measures as JSON, CSV or COCO."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence

from facepoints._util.text_files import write_row
from facepoints.commands.gaze_columns import gaze_dict, gaze_of, rounded, short
from facepoints.inference.eye_closure import EyeClosure
from facepoints.inference.eye_state import EyeStateModel
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import KNOWN_SETS
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.measurement import MEASURES, head_transform, measure
from facepoints.results.coco import write_coco_to
from facepoints.results.csv_table import has_visible, table_columns, table_rows
from facepoints.results.records import (
    FrameResult,
    Record,
    error_record,
    json_line,
    record,
)
from facepoints.web.answers import (
    CSV,
    JSON,
    Answer,
    Context,
    Result,
    answer_of,
    make_job,
)
from facepoints.web.parameters import (
    PredictParameters,
)
from facepoints.web.picture_queue import Job, Picture
from facepoints.web.uploads import Upload

__all__ = ["predict_job"]


def predict_job(uploads: Sequence[Upload], parameters: PredictParameters, context: Context) -> Job:
    """The job of a request for faces and their points."""
    want = None if parameters.landmarks is None else KNOWN_SETS[parameters.landmarks]

    def content(picture: Picture) -> Record:
        assert picture.image is not None
        size = picture.image.shape[:2]
        converted = [face if want is None else face.as_landmarks(want) for face in picture.faces]
        known = record(picture.name, size, converted, landmarks=want or context.landmarks)
        for face, described in zip(picture.faces, known["faces"], strict=True):
            if not parameters.radius:
                del described["radius"]
            if parameters.measure:
                described |= measures_of(picture, face, context.eyes)
        return known | ({"note": picture.note} if picture.note else {})

    def render(results: list[Result]) -> Answer:
        records = [
            error_record(result.name, result.error) if result.error else result.content
            for result in results
        ]
        if parameters.format == "json":
            stamp = json.dumps(context.stamp)
            lines = ",\n".join(json_line(one).rstrip("\n") for one in records)
            return answer_of(
                results, f'{{"facepoints": {stamp},\n"images": [\n{lines}\n]}}\n'.encode(), JSON
            )
        file = io.StringIO(newline="")
        landmarks = want or context.landmarks
        if parameters.format == "coco":
            write_coco_to(file, lambda: iter(records), landmarks, None)
            return answer_of(results, file.getvalue().encode(), JSON)
        _write_table(file, records, landmarks, parameters)
        return answer_of(results, file.getvalue().encode(), CSV)

    return make_job(uploads, parameters, content, render, context)


def measures_of(picture: Picture, face: Face, eyes: EyeStateModel) -> Record:
    """Measures, head transform, eye closure and gaze of a face, as `facepoints measure` writes
    them."""
    assert picture.image is not None
    size = picture.image.shape[0], picture.image.shape[1]
    measures = {
        name: dict(zip(("value", "radius"), rounded(measured), strict=True))
        for name, measured in measure(face).items()
    }
    transform = None
    if "yaw" in measures:
        rows = head_transform(face, size).tolist()
        transform = [[short(number) for number in row] for row in rows]
    (seen,) = eyes.with_closures(picture.image, [face])
    result = FrameResult(picture.name, [seen], size, image=picture.image)
    return {
        "measures": measures,
        "head_transform": transform,
        "eye_closure": (seen.eye_closure or EyeClosure()).to_dict(),
        "gaze": gaze_dict(gaze_of(result, seen)),
    }


def _write_table(
    file: io.StringIO, records: list[Record], landmarks: LandmarkSet, parameters: PredictParameters
) -> None:
    """A row per face: the columns of `facepoints predict`, then those of the measures."""
    visible = has_visible(records)
    columns = table_columns(landmarks, visible)
    kept = [n for n, name in enumerate(columns) if parameters.radius or not _is_radius(name, n)]
    names = MEASURES if parameters.measure else ()
    further = [f"{name}{part}" for name in names for part in ("", "_r")]
    write_row(file, [*(columns[n] for n in kept), *further])
    for one in records:
        faces = one.get("faces", ())
        filled = [face if "radius" in face else face | _no_radius(face) for face in faces]
        for face, row in zip(faces, table_rows({**one, "faces": filled}, visible), strict=True):
            cells = [row[n] for n in kept]
            for name in names:
                measured = face["measures"].get(name)
                cells += [None, None] if measured is None else list(measured.values())
            write_row(file, cells)


_FIRST_POINT = len(table_columns(LandmarkSet(("a",), mirrorable=False))) - 3


def _is_radius(column: str, number: int) -> bool:
    return number >= _FIRST_POINT and column.endswith("_r")


def _no_radius(face: Record) -> Record:
    return {"radius": [None] * len(face["points"])}
