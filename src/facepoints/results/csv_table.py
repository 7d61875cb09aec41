"""CSV: one row per face, written and read."""

from __future__ import annotations

import csv
from pathlib import Path

from facepoints._util.files import atomic_file
from facepoints._util.text_files import open_text, printable
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.records import Records

__all__ = ["write_csv"]


def write_csv(records: Records, landmarks: LandmarkSet, out: Path) -> None:
    """A row per face: file, frame, face (from 0 in each picture), track, score, box_x, box_y,
    box_w, box_h, then for each point NAME_x, NAME_y and NAME_r, its radius.

    Pictures without a face, or that could not be read, have no row. Raises WriteError.
    """
    columns = ["file", "frame", "face", "track", "score"]
    columns += [f"box_{side}" for side in "xywh"]
    columns += [f"{name}_{what}" for name in landmarks.names for what in "xyr"]
    with atomic_file(out) as temporary, open_text(temporary) as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(columns)
        for found in records():
            for number, face in enumerate(found.get("faces", ())):
                track = "" if face["track"] is None else face["track"]
                row = [printable(found["file"]), found["frame"], number, track, face["score"]]
                row += face["box"]
                for point, radius in zip(face["points"], face["radius"], strict=True):
                    row += [*point, radius]
                table.writerow(row)
