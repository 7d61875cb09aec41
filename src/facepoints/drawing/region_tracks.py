"""Regions of tracked faces in all frames of a recorded video, also where a face was not seen.

A face is covered between two frames in which it was seen, however it was lost in between. It is
also covered for a while before it was seen first and after it was seen last: it moves on as it
did. The longer it was not seen, the larger its region becomes.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepoints._util.checked_config import CheckedConfig, positive, within
from facepoints.drawing.face_region import FaceRegion

__all__ = ["FillConfig", "SeenFace", "TrackedRegion", "fill_tracks"]


@dataclass(frozen=True)
class FillConfig(CheckedConfig):
    """Settings of covering faces where they were not seen.

    Attributes:
        hold_seconds: time before the first and after the last frame in which a face was seen, for
            which it is covered. Larger: fewer faces show up uncovered, more places without a face
            are covered.
        growth: how fast a region grows while its face is not seen, in face sizes per second.
        most_growth: its limit, in face sizes.
        motion_seconds: time over which the speed at both ends of a track is measured.
        most_speed: largest speed of a face that is not seen, in face sizes per second.
    """

    hold_seconds: float = within(0.5, 0, 3600)
    growth: float = within(0.6, 0, 100)
    most_growth: float = within(0.4, 0, 100)
    motion_seconds: float = positive(0.3)
    most_speed: float = within(3.0, 0, 1000)


@dataclass(frozen=True, eq=False)
class SeenFace:
    """A face that was seen in a frame.

    Attributes:
        track_id: number of its person.
        region: what it covers.
        score: probability that it is a face, [0, 1].
    """

    track_id: int
    region: FaceRegion
    score: float


@dataclass(frozen=True, eq=False)
class TrackedRegion:
    """A region to cover in a frame.

    Attributes:
        track_id: number of the person.
        region: what is covered.
        score: of the face, [0, 1]; None if it was not seen in this frame.
    """

    track_id: int
    region: FaceRegion
    score: float | None


def fill_tracks(
    times: Sequence[float], seen: Sequence[Sequence[SeenFace]], config: FillConfig | None = None
) -> list[list[TrackedRegion]]:
    """The regions to cover in every frame.

    Args:
        times: of the frames, in seconds, increasing.
        seen: the faces that were seen in each frame.
        config: how faces are covered that were not seen; None: the defaults.

    Returns:
        For each frame its regions, in the order of the tracks.
    """
    config = config or FillConfig()
    clock = np.asarray(times, dtype=np.float64)
    tracks: dict[int, list[tuple[int, SeenFace]]] = {}
    for number, faces in enumerate(seen):
        for face in faces:
            tracks.setdefault(face.track_id, []).append((number, face))
    covered: list[list[TrackedRegion]] = [[] for _ in times]
    for track_id in sorted(tracks):
        track = tracks[track_id]
        for number, face in track:
            covered[number].append(TrackedRegion(track_id, face.region, face.score))
        for number, region in _unseen(clock, track, config):
            covered[number].append(TrackedRegion(track_id, region, None))
    return covered


def _unseen(
    times: NDArray[np.float64], track: Sequence[tuple[int, SeenFace]], config: FillConfig
) -> list[tuple[int, FaceRegion]]:
    """The frames in which a face was not seen, with its regions."""
    filled = []
    for (before, one), (after, other) in itertools.pairwise(track):
        for number in range(before + 1, after):
            gone, left = times[number] - times[before], times[after] - times[number]
            region = one.region.mixed(other.region, float(gone / (gone + left)))
            filled.append((number, _grown(region, min(gone, left), config)))
    for ends, step in ((track, -1), (track[::-1], 1)):
        number, face = ends[0]
        speed = _speed(times, ends, config)
        at = number + step
        while 0 <= at < len(times) and abs(times[at] - times[number]) <= config.hold_seconds:
            away = float(times[at] - times[number])
            region = face.region.moved(speed * away)
            filled.append((at, _grown(region, abs(away), config)))
            at += step
    return filled


def _grown(region: FaceRegion, seconds: float, config: FillConfig) -> FaceRegion:
    return region.grown(region.size * min(config.growth * float(seconds), config.most_growth))


def _speed(
    times: NDArray[np.float64], track: Sequence[tuple[int, SeenFace]], config: FillConfig
) -> NDArray[np.float64]:
    """Speed (2,) in pixels per second at the beginning of a track, which may run backward."""
    start, first = track[0]
    near = [
        (times[number] - times[start], face.region.center - first.region.center)
        for number, face in track[1:]
        if abs(times[number] - times[start]) <= config.motion_seconds
    ]
    if not near:
        return np.zeros(2)
    seconds, moves = (np.array(part) for part in zip(*near, strict=True))
    speed = seconds @ moves / (seconds @ seconds)
    size, limit = float(np.hypot(*speed)), config.most_speed * first.region.size
    return speed if size <= limit else speed * (limit / size)
