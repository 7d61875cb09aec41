"""Writes a copy of a recorded video with its faces covered, in two passes.

The first pass tracks the faces. Then it is known where a face is before it is seen first, and where
it is between two frames in which it is seen. The second pass reads the video again and covers them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np
from rich.console import Console

from facepoints._util.prefetch import prefetch
from facepoints._util.progress import ImageProgress, Stopped, StopRequest
from facepoints._util.words import count_noun
from facepoints.commands.blur_report import BlurReport, Doubt
from facepoints.commands.blur_search import SURE_SCORE, BlurSearch
from facepoints.commands.blur_settings import BlurSettings
from facepoints.commands.video_drawing import open_writer
from facepoints.drawing.face_region import FaceRegion
from facepoints.drawing.region_tracks import SeenFace, TrackedRegion, fill_tracks
from facepoints.errors import DataError
from facepoints.imaging import affine
from facepoints.tracking.tracker import track_video
from facepoints.video.source import VideoInput

__all__ = ["VideoRegions", "blur_video", "find_regions"]

_AHEAD = 8  # frames that are decoded ahead of the second pass


@dataclass(eq=False)
class VideoRegions:
    """What the first pass found.

    Attributes:
        times: of the frames, in seconds.
        seen: the tracked faces of each frame.
        covered: the regions to cover in each frame, also of faces that are not seen in it: those
            of every track with a score of `BlurSearch.min_score` in some frame.
        doubtful: the regions of the other tracks.
        size: (height, width) of the frames.
        note: what was left out of the video.
    """

    times: list[float] = field(default_factory=list)
    seen: list[list[SeenFace]] = field(default_factory=list)
    covered: list[list[TrackedRegion]] = field(default_factory=list)
    doubtful: list[list[TrackedRegion]] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    note: str = ""


def blur_video(
    search: BlurSearch,
    video: VideoInput,
    path: Path,
    settings: BlurSettings,
    report: BlurReport,
    console: Console,
    stop: StopRequest,
) -> None:
    """Write the copy of a video, with its sound; see `blur.blur_files`.

    Raises:
        DataError: the video cannot be read, or is read differently the second time.
        MissingExtraError: PyAV is not installed.
        WriteError: the copy cannot be written.
        Stopped: Ctrl-C; nothing was written.
    """
    tracks = find_regions(search, video, settings, console, stop)
    _write(video, path, settings, tracks, report, console, stop)
    report.doubts += _doubts(video.name, tracks, tracks.covered, True)
    report.doubts += _doubts(video.name, tracks, tracks.doubtful, False)
    if not any(tracks.seen):
        report.doubts.append(Doubt(video.name, "no face found", False))
    if tracks.note:
        report.notes.append(f"{video.name}: {tracks.note}")


def find_regions(
    search: BlurSearch,
    video: VideoInput,
    settings: BlurSettings,
    console: Console,
    stop: StopRequest,
) -> VideoRegions:
    """The first pass: the faces of a video, and the regions to cover in every frame.

    Raises:
        DataError: the video cannot be read.
        Stopped: Ctrl-C.
    """
    source, tracks = video.open(), VideoRegions()
    with ImageProgress(console, source.total, unit="frames searched") as bar:
        for frame, faces in track_video(search.model, source, search.tracking):
            regions = [(face, settings.region(face)) for face in faces]
            seen = [SeenFace(f.track_id or 0, r, f.score) for f, r in regions if r is not None]
            tracks.times.append(frame.time)
            tracks.seen.append(seen)
            tracks.size = frame.image.shape[0], frame.image.shape[1]
            bar.at(len(tracks.times), len(seen))
            if stop.asked:
                raise _stopped(video)
    lost = f"{count_noun(source.lost, 'frame')} lost" if source.lost else ""
    tracks.note = "; ".join(filter(None, (lost, source.note)))
    best: dict[int, float] = {}
    for face in (face for faces in tracks.seen for face in faces):
        best[face.track_id] = max(best.get(face.track_id, 0.0), face.score)
    sure = {track_id for track_id, score in best.items() if score >= search.min_score}
    kept = [[face for face in faces if face.track_id in sure] for faces in tracks.seen]
    left = [[face for face in faces if face.track_id not in sure] for faces in tracks.seen]
    tracks.covered = fill_tracks(tracks.times, kept, search.fill)
    tracks.doubtful = fill_tracks(tracks.times, left, search.fill)
    return tracks


def _stopped(video: VideoInput) -> Stopped:
    return Stopped(f"stopped; no copy of {video.name} was written")


def _write(
    video: VideoInput,
    path: Path,
    settings: BlurSettings,
    tracks: VideoRegions,
    report: BlurReport,
    console: Console,
    stop: StopRequest,
) -> None:
    source = video.open()
    bar = ImageProgress(console, len(tracks.times), unit="frames written")
    with open_writer(path, source) as writer, bar:
        for number, frame in enumerate(prefetch(iter(source), _AHEAD)):
            if number >= len(tracks.covered) or abs(frame.time - tracks.times[number]) > 1e-3:
                raise DataError(f"{video.name} was read differently the second time; copy the "
                                f"file, or convert it, and try again")  # fmt: skip
            regions = tracks.covered[number]
            writer.add(settings.cover(frame.image, [one.region for one in regions]), frame.time)
            unseen = sum(one.score is None for one in regions)
            report.count(len(regions) - unseen)
            report.unseen += unseen
            bar.at(number + 1, len(regions))
            if stop.asked:
                raise _stopped(video)
        if writer.note:
            report.notes.append(f"{video.name}: {writer.note}")


def _doubts(
    name: str, tracks: VideoRegions, frames: Sequence[Sequence[TrackedRegion]], covered: bool
) -> Iterator[Doubt]:
    """The doubts about tracks: a row for each run of frames with one reason."""
    by_track: dict[int, list[tuple[int, TrackedRegion]]] = {}
    for number, regions in enumerate(frames):
        for one in regions:
            by_track.setdefault(one.track_id, []).append((number, one))
    for track_id, places in by_track.items():
        seen = [number for number, one in places if one.score is not None]
        rows = [
            (number, _reason(number, one, seen[0], seen[-1]) if covered else _UNCOVERED, one)
            for number, one in places
            if _touches(one.region, tracks.size)
        ]
        # a run ends where the reason changes or a frame is left out
        for (reason, _), run in groupby(
            enumerate(rows), key=lambda row: (row[1][1], row[1][0] - row[0])
        ):
            if not reason:
                continue
            some = [row for _, row in run]
            first, last = some[0][0], some[-1][0]
            scores = [one.score for _, _, one in some if one.score is not None]
            yield Doubt(
                name,
                reason,
                covered,
                affine.bounding_box(some[0][2].region.polygon()),
                min(scores) if scores else None,
                (first, last),
                (tracks.times[first], tracks.times[last]),
                track_id,
            )


_UNCOVERED = "possible face, not covered"


def _reason(number: int, one: TrackedRegion, first: int, last: int) -> str:
    """Say why a person should look at a face of a track; empty if it is sure."""
    if one.score is not None:
        return "low score" if one.score < SURE_SCORE else ""
    if number < first:
        return "covered before it was first seen"
    return "covered after it was last seen" if number > last else "not seen, covered in between"


def _touches(region: FaceRegion, size: tuple[int, int]) -> bool:
    """True if a region lies in an image of (height, width), at least partly."""
    corners = region.polygon()
    low, high = corners.min(axis=0), corners.max(axis=0)
    return bool((high > 0).all() and (low < np.array(size[::-1]) - 1).all())
