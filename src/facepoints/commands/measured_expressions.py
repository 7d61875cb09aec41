"""The expressions of measured faces: people of videos are compared with their own calm frames."""

from __future__ import annotations

from collections.abc import Sequence

from facepoints.commands.expression_columns import expressions_of, track_neutral
from facepoints.commands.livelink_file import livelink_values
from facepoints.commands.measured_faces import MeasuredFrame
from facepoints.commands.measured_tracks import tracks_of
from facepoints.measurement.expression_neutral import Neutral
from facepoints.results.livelink import LiveLinkFrame

__all__ = ["add_expressions", "livelink_tracks"]


def add_expressions(frames: Sequence[MeasuredFrame], neutral: Neutral | None) -> None:
    """Set the expression of all faces.

    Args:
        frames: whose faces were kept.
        neutral: the person at rest. None: each track's own, and the mean person for images.
    """
    for track in tracks_of(frames):
        faces = [face.face for _, face in track if face.face is not None]
        own = neutral or track_neutral(faces)
        for _, face in track:
            if face.face is not None:
                face.expression = expressions_of(face.face, own)
    for _, faces in frames:
        for face in faces:
            if face.expression is None and face.face is not None:
                face.expression = expressions_of(face.face, neutral)


def livelink_tracks(frames: Sequence[MeasuredFrame]) -> list[list[LiveLinkFrame]]:
    """The frames of each person in videos that have an expression."""
    tracks = []
    for track in tracks_of(frames):
        recorded = [
            LiveLinkFrame(frame.time, livelink_values(face.expression, face.measures, face.gaze))
            for frame, face in track
            if frame.time is not None and face.expression is not None and face.expression.values
        ]
        tracks.append(recorded)
    return tracks
