"""Faces followed through a video: the finder looks when it must, the model in every frame.

In a frame, each face that is followed is looked at once where it should be by its motion so
far; all of them go through the model together. The model's own score tells when there is no
face any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facepoints.detection import BoxFileDetector, Detection, iou
from facepoints.errors import SettingsError
from facepoints.imaging import affine
from facepoints.imaging.image_io import to_gray
from facepoints.inference.cropping import crop
from facepoints.inference.face import Face
from facepoints.inference.predictor import Predictor
from facepoints.tracking.association import (
    is_crowded,
    is_expected_track,
    reidentify,
    reject_occlusion_drift,
    resolve_conflicts,
    same_place,
)
from facepoints.tracking.offline_smoothing import smooth_offline
from facepoints.tracking.pose2d import fit_pose, pose_to_similarity
from facepoints.tracking.track import (
    Observation,
    Track,
    appearance_descriptor,
    appearance_similarity,
)
from facepoints.video.frame import Frame, VideoSource
from facepoints.video.prefetch import prefetch

__all__ = ["FaceTracker", "Following", "TrackerConfig"]


@dataclass(frozen=True)
class TrackerConfig:
    """How faces are followed.

    Attributes:
        smooth: take jitter out of the points.
        find_every: frames from one search for new faces to the next. None: every frame as
            long as there is news, then less and less often, down to every half second.
        memory: seconds for which a face that is not seen keeps its track.

    Raises:
        SettingsError: a number out of range.
    """

    smooth: bool = True
    detect_every: int | None = None
    lost_track_seconds: float = 1.0

    def __post_init__(self) -> None:
        if self.detect_every is not None and self.detect_every < 1:
            raise SettingsError(f"find_every must be 1 or more, is {self.detect_every}")
        if not 0 <= self.lost_track_seconds < 3600:
            raise SettingsError(
                f"memory must be a number of seconds from 0 on, is {self.lost_track_seconds}"
            )


_FAR = 60.0  # seconds from a frame to the next over which nobody is followed
_WAITING = 4  # frames that are read ahead
_SELDOM = 0.5  # seconds between searches when all is quiet
_OFTEN = 0.1  # and when nobody, or not everybody, is seen
_STAY = 0.5  # part of the least score that a face must keep which is followed already
_SURE = 0.95  # score of a face that gets its number at once
_SIGHTS = 3  # frames in which any other must be seen first
_CUT = 0.35  # likeness to the frame before below which it is somebody else
_OFF = 0.08  # part of the crop's side that a face may lie beside its middle,
_RESIZED = 0.12  # logarithm of the factor by which it may be larger or smaller,
_TURNED = 0.14  # and radians by which it may be turned, before it is looked at again
_YOUNG = 6  # sights of a face until when its speed is not known well, so that every frame may be
_FINE = 0.05  # looked at again: already from this part of these
_JUMP = 0.7  # logarithm of the factor by which a face may change from what is expected
_UNSEEN = 3  # searches that must miss a face, where the model does not judge, to end it


class Following:
    """Iterate over it for each frame of a source with its faces; see `Predictor.track`.

    Of a camera or a stream a frame comes as soon as it was looked at. Of a recorded video it
    comes when some more were: what comes later makes its points steadier.

    Args:
        predictor: finds faces and their points.
        source: frames.
        settings: how faces are followed.

    Raises:
        SettingsError: a finder that goes by file names.
    """

    def __init__(
        self, predictor: Predictor, source: VideoSource, settings: TrackerConfig | None = None
    ) -> None:
        settings = settings or TrackerConfig()
        self._source, self._layout = source, predictor.model.canonical_points
        self._later = settings.smooth and not source.live
        at_once = replace(settings, smooth=settings.smooth and source.live)
        self._follower = FaceTracker(predictor, at_once)

    @property
    def tracks(self) -> int:
        """Identities that were given so far."""
        return self._follower.tracks

    def __iter__(self) -> Iterator[tuple[Frame, list[Face]]]:
        frames = prefetch(iter(self._source), _WAITING, newest=self._source.live)
        found = ((frame, self._follower(frame)) for frame in frames)
        yield from smooth_offline(found, self._layout) if self._later else found


class FaceTracker:
    """Call it with one frame after the other for their faces, each with its track.

    Args:
        predictor: finds faces and their points.
        settings: see there.

    Raises:
        SettingsError: a finder that goes by file names.
    """

    def __init__(self, predictor: Predictor, config: TrackerConfig | None = None) -> None:
        if isinstance(predictor.detector, BoxFileDetector):
            raise SettingsError("boxes from a file are for pictures; a video needs a face finder")
        self.predictor = predictor
        self.config = config or TrackerConfig()
        self.searches = 0
        """Frames in which the finder looked."""
        self._tracks: list[Track] = []
        self._born = 0
        self._size = (0, 0)
        self._searched = -1  # frame and time of the last search, and the time to the next
        self._searched_at = -np.inf
        self._pause = 0.0

    @property
    def tracks(self) -> int:
        """Identities that were given so far."""
        return self._born

    def __call__(self, frame: Frame) -> list[Face]:
        """Faces that are seen in the next frame, oldest track first."""
        gray, now = to_gray(frame.image), frame.time
        self._fit_size(gray.shape)
        self._tracks = [track for track in self._tracks if now - track.time < _FAR]
        tracks = self._tracks
        found = resolve_conflicts(
            tracks, reject_occlusion_drift(tracks, self._look(gray, tracks, now), now), now
        )
        lost = self._see(tracks, found, now)
        before = len(self._tracks)
        # what was no sure face from the first and is not seen again was none
        self._tracks = [
            t
            for t in tracks
            if now - t.last_seen
            <= (self.config.lost_track_seconds if t.track_id is not None else 0)
        ]
        if len(self._tracks) < before or lost:
            self._pause = 0.0
        if self._due(frame):
            self._search(frame, gray)
        return [self._face(t) for t in self._tracks if not t.is_lost and self._confirm(t)]

    def _confirm(self, track: Track) -> bool:
        """Whether a track has its number: at once if the model is sure, else after it has seen
        the face again."""
        sure = track.observation.score >= _SURE or not self.predictor.model.has_face_score
        if track.track_id is None and (sure or track.observations >= _SIGHTS):
            track.track_id = self._born
            self._born += 1
        return track.track_id is not None

    def _fit_size(self, size: tuple[int, ...]) -> None:
        """Frames of another size show the same, larger or smaller, or something new."""
        height, width = size[:2]
        old_height, old_width = self._size
        if (height, width) != self._size:
            if old_width and abs(width / old_width - height / old_height) < 0.02:
                for track in self._tracks:
                    track.rescale(width / old_width)
            else:
                self._tracks = []
            self._size = (height, width)

    def _see(
        self, tracks: Sequence[Track], found: Sequence[Observation | None], now: float
    ) -> bool:
        """Tell each track what it saw. Says whether one that was seen is not any more."""
        lost = False
        seen = [sight for sight in found if sight is not None]
        for track, sight in zip(tracks, found, strict=True):
            if sight is not None:
                track.update(sight, now, learn=not is_crowded(sight, seen))
            else:
                lost |= not track.is_lost and track.track_id is not None
                track.mark_missed(now)
        return lost

    def _look(
        self, gray: NDArray[np.uint8], tracks: Sequence[Track], now: float
    ) -> list[Observation | None]:
        """What is where each track should be; None where there is no face that it could be."""
        if not tracks:
            return []
        sights = self._sights(gray, [track.crop_matrix(now) for track in tracks])
        expected = [track.expected(now) for track in tracks]
        again = [
            n
            for n, (sight, pose) in enumerate(zip(sights, expected, strict=True))
            if sight is not None
            and self._askew(sight.pose, pose, _FINE if tracks[n].observations < _YOUNG else 1.0)
        ]
        if again:  # moved by more than expected: points are only exact in the middle of a crop
            middle = self.predictor.model.canonical_points.mean(axis=0)
            poses = [s.pose for n in again if (s := sights[n]) is not None]
            closer = self._sights(
                gray, [affine.invert(pose_to_similarity(p, middle)) for p in poses]
            )
            for n, sight in zip(again, closer, strict=True):
                sights[n] = sight
        return [
            sight if sight is not None and self._plausible(track, sight, pose, now) else None
            for track, sight, pose in zip(tracks, sights, expected, strict=True)
        ]

    def _sights(
        self, gray: NDArray[np.uint8], matrices: Sequence[affine.Matrix]
    ) -> list[Observation | None]:
        """What the model says of crops of a picture, all in one batch."""
        model = self.predictor.model
        crops = np.empty((len(matrices), *model.size), dtype=np.uint8)
        for row, matrix in zip(crops, matrices, strict=True):
            row[:] = crop(gray, matrix, model.size)
        out: list[Observation | None] = []
        for row, matrix, points, radius, score in zip(crops, matrices, *model(crops), strict=True):
            placed = affine.apply(affine.invert(matrix), points)
            wide = radius / np.hypot(*matrix[:, 0])
            pose = (
                fit_pose(placed, wide, model.canonical_points)
                if np.isfinite(placed).all()
                else None
            )
            sight = (
                None
                if pose is None
                else Observation(placed, wide, float(score), pose, appearance_descriptor(row))
            )
            out.append(sight)
        return out

    def _askew(self, seen: NDArray, expected: NDArray, part: float) -> bool:
        """Whether a face lay in its crop otherwise than faces of the training did, by more than
        a part of what is taken."""
        off = seen - expected
        side = max(self.predictor.model.size) * np.exp(expected[2])
        turn = abs((off[3] + np.pi) % (2 * np.pi) - np.pi)
        beside = np.hypot(*off[:2]) / (_OFF * side)
        return bool(max(beside, abs(off[2]) / _RESIZED, turn / _TURNED) > part)

    def _plausible(self, track: Track, sight: Observation, expected: NDArray, now: float) -> bool:
        known = track.track_id is not None and not track.is_lost
        least = self.predictor.min_score * (_STAY if known else 1.0)
        if self.predictor.model.has_face_score and sight.score < least:
            return False
        height, width = self._size
        x, y = sight.pose[:2]
        if not (-0.5 <= x < width - 0.5 and -0.5 <= y < height - 0.5) or sight.size < 4:
            return False
        size = max(track.observation.size, 1e-3)
        if (
            abs(sight.pose[2] - expected[2]) > _JUMP
            or np.hypot(*(sight.pose - expected)[:2]) > size
        ):
            return False
        if track.is_lost:
            seen = [t for t in self._tracks if not t.is_lost]
            if any(t.fits_better(track, sight, now) for t in seen):
                return False
            return reidentify(sight, [track], now, [t.observation for t in seen]) is not None
        return appearance_similarity(track.observation.appearance, sight.appearance) > _CUT

    def _due(self, frame: Frame) -> bool:
        """Whether the finder should look at this frame."""
        every = self.config.detect_every
        if every is not None:
            return frame.index - self._searched >= every or self._searched < 0
        limit = _SELDOM
        if not self._tracks or any(track.is_lost for track in self._tracks):
            limit = _OFTEN
        return frame.time - self._searched_at >= min(self._pause, limit) - 1e-6

    def _search(self, frame: Frame, gray: NDArray[np.uint8]) -> None:
        """Faces that are new, or that were hidden and are seen again."""
        found = self.predictor.detect(frame.image)
        seen = [track for track in self._tracks if not track.is_lost]
        if not self.predictor.model.has_face_score:
            self._count_missed(seen, found)
        new = [f for f in found if all(iou(f.box, _box(t.observation)) < 0.3 for t in seen)]
        news = False
        for sight in self._closer(gray, self.predictor.predict_landmarks(gray, new)):
            if any(same_place(sight, t.observation) for t in seen):
                continue
            hidden = [t for t in self._tracks if t.is_lost]
            others = [t.observation for t in seen]
            track = reidentify(sight, hidden, frame.time, others)
            if track is None and is_expected_track(sight, hidden, frame.time, others):
                continue
            news = True
            if track is not None:
                track.update(sight, frame.time, learn=not is_crowded(sight, others))
            else:
                track = Track(sight, frame.time, self.predictor.model.canonical_points)
                self._tracks.append(track)
            seen.append(track)
        self.searches += 1
        self._searched = frame.index
        gone_by = frame.time - self._searched_at
        self._searched_at = frame.time
        self._pause = 0.0 if news else min(2 * max(min(gone_by, _SELDOM), 1e-3), _SELDOM)

    def _count_missed(self, seen: Sequence[Track], found: Sequence[Detection]) -> None:
        """A model that judges no faces follows anything; then the finder has the last word."""
        for track in seen:
            there = any(iou(f.box, _box(track.observation)) > 0.2 for f in found)
            track.missed = 0 if there else track.missed + 1
        self._tracks = [track for track in self._tracks if track.missed < _UNSEEN]

    def _closer(self, gray: NDArray[np.uint8], faces: Sequence[Face]) -> list[Observation]:
        """Faces that were found, looked at again as they will be from now on: by a crop that
        their points made. Else the points would jump from the first frame to the second."""
        layout = self.predictor.model.canonical_points
        middle = layout.mean(axis=0)
        poses = [fit_pose(face.points, face.radius, layout) for face in faces]
        matrices = [affine.invert(pose_to_similarity(p, middle)) for p in poses if p is not None]
        sights = self._sights(gray, matrices) if matrices else []
        least = self.predictor.min_score if self.predictor.model.has_face_score else 0.0
        return [sight for sight in sights if sight is not None and sight.score >= least]

    def _face(self, track: Track) -> Face:
        sight = track.observation
        points = track.smooth_points() if self.config.smooth else sight.points
        box = affine.bounding_box(points)
        landmarks = self.predictor.landmarks
        return Face(box, sight.score, points, sight.radius, landmarks, track.track_id)


def _box(sight: Observation) -> tuple[float, float, float, float]:
    return affine.bounding_box(sight.points)
