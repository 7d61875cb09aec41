"""Predictions as a pandas table."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING, Any

from facepoints.errors import MissingExtraError
from facepoints.inference.face import Face
from facepoints.inference.face_list import as_faces
from facepoints.results.csv_table import has_time, has_visible, table_columns, table_rows
from facepoints.results.formats import common_landmarks
from facepoints.results.records import FrameResult, result_record

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["to_dataframe"]


def to_dataframe(
    faces: Face | FrameResult | Iterable[Face] | Iterable[FrameResult],
) -> pd.DataFrame:
    """A table with a row per face and the columns of the CSV output.

    Args:
        faces: one face, the faces of one image, or results of images or frames.

    Returns:
        Columns: file (empty for plain faces), frame, face (number in its image, from 0), track
        (<NA> without a track), score, box_x, box_y, box_w, box_h, and for each point NAME_x,
        NAME_y and NAME_r, its radius. Lengths are in pixels. If visibility is known for any
        face, NAME_visible follows; it is NaN for faces where it is unknown. If a result is a
        frame of a video, time (seconds) follows frame.

    Raises:
        MissingExtraError: pandas is not installed.
        DataError: neither faces nor results, or the faces have different landmark sets.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError("pandas", None, "to_dataframe") from error
    one_face = isinstance(faces, Face)
    listed: list[Any] = [faces] if one_face or not isinstance(faces, Iterable) else list(faces)
    single = FrameResult("", as_faces([one for one in listed if not isinstance(one, FrameResult)]))
    results = [single, *(item for item in listed if isinstance(item, FrameResult))]
    landmarks = common_landmarks(results)
    records = [result_record(result) for result in results]
    visible, time = has_visible(records), has_time(records)
    rows = chain.from_iterable(table_rows(record, visible, time) for record in records)
    table = pd.DataFrame(list(rows), columns=table_columns(landmarks, visible, time))
    table["track"] = table["track"].astype("Int64")
    return table
