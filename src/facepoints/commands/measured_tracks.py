"""The people of videos, frame by frame, and their events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from facepoints.commands.event_files import TrackEvent
from facepoints.commands.measured_faces import MeasuredFace, MeasuredFrame
from facepoints.measurement.events import Event, eye_events, has_level, yawns
from facepoints.measurement.pose_factors import SLOPES
from facepoints.results.records import FrameResult

__all__ = ["Track", "track_events", "tracks_of"]

Track = list[tuple[FrameResult, MeasuredFace]]
"""The frames of one person in one video, in order."""


def tracks_of(frames: Sequence[MeasuredFrame]) -> Iterator[Track]:
    """Yield the tracks of all videos. A frame number that does not increase begins a new video."""
    tracks: dict[tuple[str, int], Track] = {}
    for frame, faces in frames:
        for face in faces:
            if face.track_id is None or frame.time is None:
                continue
            key = frame.video, face.track_id
            if key in tracks and tracks[key][-1][0].frame >= frame.frame:  # another video begins
                yield tracks.pop(key)
            tracks.setdefault(key, []).append((frame, face))
    yield from tracks.values()


def track_events(track: Track) -> Iterator[TrackEvent]:
    """Yield the events of one person in order of time, and set `events` of the track's faces."""
    events: list[tuple[Event, Track]] = []
    for detect, kinds, names in (
        (yawns, ("yawn",), ("mouth_opening",)),
        (eye_events, ("blink", "eyes_closed"), ("eye_opening", "yaw", "pitch")),
    ):
        known = [
            (frame, face)
            for frame, face in track
            if all(face.value(name) is not None for name in names)
        ]
        time = np.array([frame.time for frame, _ in known], dtype=np.float64)
        if not has_level(time):
            continue
        opening, *pose = np.array(
            [[face.value(n) for n in names] for _, face in known], dtype=np.float64
        ).T
        for _, face in known:
            face.events = (face.events or {}) | dict.fromkeys(kinds, False)
        more = []
        if pose:  # the limits of events are for angles of the fitted head
            more = [np.stack(pose, axis=1) / (SLOPES["yaw"], SLOPES["pitch"])]
            closed = [face.closure.mean for _, face in known]
            more.append(np.array([np.nan if value is None else value for value in closed]))
        for event in detect(time, opening, *more):
            if event.is_part_of_yawn([other for other, _ in events]):
                continue
            events.append((event, known))
            for _, face in known[event.first : event.last + 1]:
                face.events = (face.events or {}) | {event.kind: True}
    for event, known in sorted(events, key=lambda pair: pair[0].start):
        first, last = known[event.first], known[event.last]
        track_id = first[1].track_id or 0
        frames = first[0].frame, last[0].frame
        yield TrackEvent(first[0].file, track_id, *frames, event, first[0].video)
