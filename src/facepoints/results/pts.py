"""``.pts`` files, one per face, written and read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from facepoints._util.files import atomic_file, atomic_folder, unique_names
from facepoints.errors import SettingsError
from facepoints.imaging.input_paths import relative_to_common
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.records import Records

__all__ = ["write_pts"]


def write_pts(records: Records, landmarks: LandmarkSet, out: Path) -> None:
    """A .pts file per face (1-based, as in 300-W), in a new or empty folder; or, if `out`
    ends in .pts, the one file of the only face.

    Files lie as the pictures did and have their names (`files.names_apart`); the second face of
    a.jpg is a.2.pts. 68 iBUG points are put into the format's order. Radius and score are not kept.

    Raises:
        WriteError: `out` cannot be written, or is a folder with files in it.
        SettingsError: `out` is one file and there is not exactly one face.
    """
    order = list(range(len(landmarks)))
    if set(landmarks.names) == set(IBUG_68.names):
        order = landmarks.columns(IBUG_68.names)
    if out.suffix.lower() == ".pts":
        faces = [face for found in records() for face in found.get("faces", ())]
        if len(faces) != 1:
            raise SettingsError(
                f"{out} can hold one face, {len(faces)} were found; name a folder for more"
            )
        with atomic_file(out) as temporary:
            temporary.write_text(_pts(faces[0]["points"], order), encoding="utf-8")
        return
    with atomic_folder(out) as folder:
        places = relative_to_common([found["file"] for found in records()])
        faces = [len(found.get("faces", ())) for found in records()]
        names = unique_names(places, lambda number, name: _pts_files(name, faces[number]))
        for found, name in zip(records(), names, strict=True):
            listed = found.get("faces", ())
            for face, file in zip(listed, _pts_files(name, len(listed)), strict=False):
                path = folder / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(_pts(face["points"], order), encoding="utf-8")


def _pts_files(name: str, faces: int) -> list[str]:
    """Files of the faces of a picture of this name; without a face, it keeps it all the same."""
    return [f"{name}.pts", *(f"{name}.{face}.pts" for face in range(2, faces + 1))]


def _pts(points: Sequence[Sequence[float]], order: Sequence[int]) -> str:
    lines = [f"{points[k][0] + 1:.9g} {points[k][1] + 1:.9g}" for k in order]
    return "\n".join(["version: 1", f"n_points: {len(lines)}", "{", *lines, "}", ""])
