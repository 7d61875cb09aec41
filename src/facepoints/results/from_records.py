"""Results out of records, as the files of several formats hold them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from facepoints.errors import DataError
from facepoints.landmarks.known_sets import KNOWN_SETS
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.records import (
    FrameResult,
    Record,
    face_from_dict,
    landmarks_from_json,
    whole_number,
)

__all__ = ["in_videos", "result_from_record"]


def result_from_record(record: Record, place: str, fps: float | None, video: str) -> FrameResult:
    """The result that a record describes.

    Args:
        record: as of a line of faces.jsonl.
        place: where the record stands, for messages.
        fps: frames per second, for frames of a video that have no time. None: their time stays
            None.
        video: name of the video, if the record is a frame of one.

    Raises:
        DataError: it is not a record that facepoints writes.
    """
    try:
        if "error" in record:
            return FrameResult(str(record["file"]), error=str(record["error"]))
        faces = []
        if record["faces"]:
            landmarks = _landmarks(record, place)
            faces = [face_from_dict(face, landmarks) for face in record["faces"]]
        frame = whole_number(record["frame"])
        time = record.get("time")
        in_video = frame > 0 or any(face.track_id is not None for face in faces)
        if time is None and in_video and fps is not None:
            time = frame / fps
        if time is not None and not math.isfinite(time):
            raise ValueError(f"a time of {time}")
        return FrameResult(
            file=str(record["file"]),
            faces=faces,
            size=(whole_number(record["height"]), whole_number(record["width"])),
            frame=frame,
            time=None if time is None else float(time),
            video=video,
        )
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise DataError(
            f"{place}: expected a record written by facepoints predict, got another ({error!r:.80})"
        ) from error


def in_videos(results: Iterable[FrameResult], path: Path) -> Iterator[FrameResult]:
    """The results of a file, in which a frame that is not after the one before begins another
    video: `video` is the path, and for the following videos the path with #1, #2, ..."""
    videos, last = 0, -1
    for result in results:
        videos += result.frame <= last
        last = result.frame
        yield replace(result, video=f"{path}#{videos}") if videos else result


def _landmarks(record: Record, place: str) -> LandmarkSet:
    """The landmark set of a record's faces. Records of the first versions do not name it; the
    number of points then decides."""
    if "landmarks" in record:
        return landmarks_from_json(record["landmarks"], place)
    count = len(record["faces"][0]["points"])
    for known in KNOWN_SETS.values():
        if len(known) == count:
            return known
    counts = " or ".join(str(len(known)) for known in KNOWN_SETS.values())
    raise DataError(
        f"{place}: {count} points without names; expected {counts} points or the key 'landmarks'"
    )
