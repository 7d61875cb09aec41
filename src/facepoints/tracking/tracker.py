"""Tracks faces through a video: the detector runs when it must, the landmark model every frame.

In each frame, every tracked face is cropped once, where its motion so far predicts it. All crops
go through the model together. The model's own score tells when a face is gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facepoints._util.prefetch import prefetch
from facepoints.detection import BoxFileDetector, Detection, iou
from facepoints.errors import DataError, SettingsError
from facepoints.imaging import affine
from facepoints.imaging.image_input import check_array
from facepoints.imaging.image_io import to_gray
from facepoints.inference.face import Face
from facepoints.inference.predictor import Predictor
from facepoints.tracking.association import (
    is_crowded,
    is_expected_track,
    is_same_face,
    reidentify,
    reject_occlusion_drift,
    resolve_conflicts,
)
from facepoints.tracking.config import TrackerConfig
from facepoints.tracking.detection_schedule import DetectionSchedule
from facepoints.tracking.observation import Observation
from facepoints.tracking.offline_smoothing import smooth_offline
from facepoints.tracking.track import Track
from facepoints.tracking.track_observer import TrackObserver
from facepoints.video.frame import Frame, VideoSource

__all__ = ["FaceTracker", "track_video"]


def track_video(
    predictor: Predictor, source: VideoSource, config: TrackerConfig | None = None
) -> Iterator[tuple[Frame, list[Face]]]:
    """Track faces through a video.

    A frame of a camera or stream is yielded as soon as it is processed; its landmarks are
    smoothed with the frames before it. A frame of a recorded video is yielded some frames later;
    its landmarks are smoothed with the frames before and after it.

    Args:
        predictor: detects faces and predicts their landmarks.
        source: frames, read ahead by a background thread.
        config: settings; None: the defaults.

    Returns:
        An iterator of each frame with its faces, oldest track first.

    Raises:
        SettingsError: the predictor's detector reads boxes from a file.
        DataError: from the source, while iterating, after the frames before the error.
    """
    config = config or TrackerConfig()
    # the live smoother runs for live sources only
    tracker = FaceTracker(predictor, replace(config, smooth=config.smooth and source.live))
    frames = prefetch(_with_gray(iter(source)), config.prefetch_frames, newest=source.live)
    tracked = ((frame, tracker(frame, gray)) for frame, gray in frames)
    if source.live or not config.smooth:
        return tracked
    return smooth_offline(tracked, predictor.model.canonical_points, config.offline_smoothing)


def _with_gray(frames: Iterator[Frame]) -> Iterator[tuple[Frame, NDArray[np.uint8]]]:
    """The frames, each with its image in gray, so that the thread that reads them converts it."""
    try:
        for frame in frames:
            yield frame, _gray(frame)
    finally:
        close = getattr(frames, "close", None)
        if close is not None:
            close()


def _gray(frame: Frame) -> NDArray[np.uint8]:
    """A frame's image in gray. Raises DataError if it is not an array of an image."""
    if not isinstance(frame.image, np.ndarray):
        kind = "None" if frame.image is None else type(frame.image).__name__
        raise DataError(f"frame {frame.index} needs an image (H, W, 3), RGB and uint8; got {kind}")
    check_array(frame.image, ((), (3,), (4,)))
    return to_gray(frame.image)


class FaceTracker:
    """Tracks faces frame by frame: each call takes the next frame and returns its tracked faces.

    If `config.smooth` is True, the live smoother (`kalman`, `one_euro`) smooths the landmarks.

    Args:
        predictor: detects faces and predicts their landmarks.
        config: settings; None: the defaults.

    Raises:
        SettingsError: the predictor's detector reads boxes from a file.
    """

    def __init__(self, predictor: Predictor, config: TrackerConfig | None = None) -> None:
        if isinstance(predictor.detector, BoxFileDetector):
            raise SettingsError(
                "boxes from a file are for images; a video needs a face detector: "
                "choose another detector"
            )
        self.predictor = predictor
        self.config = config or TrackerConfig()
        self.next_id = 0
        """Identity of the next new person: the number of identities given so far."""
        self._tracks: list[Track] = []
        self._size = (0, 0)
        self._schedule = DetectionSchedule(self.config.detection, self.config.detect_every)
        self._observer = TrackObserver(predictor, self.config)

    def __call__(self, frame: Frame, gray: NDArray[np.uint8] | None = None) -> list[Face]:
        """The visible faces of the next frame, oldest track first.

        Args:
            gray: (H, W) the frame's image in gray, if the caller has it. It is compared with
                that of the next frame, so it must not change until then.

        Raises:
            DataError: the frame's image is not an array of an image.
        """
        config, now = self.config, frame.time
        gray = _gray(frame) if gray is None else gray
        self._resize(gray.shape)
        self._tracks = [t for t in self._tracks if now - t.time < config.max_frame_gap]
        tracks = self._tracks
        # Step 1: observe every tracked face at its predicted place, and give each face one track
        observations = self._observer.observe(gray, tracks, now)
        observations = reject_occlusion_drift(tracks, observations, now, config.association)
        observations = resolve_conflicts(tracks, observations, now, config.association)
        # Step 2: update the tracks. Drop tentative tracks as soon as they are missed once
        any_lost = self._update_tracks(tracks, observations, now)
        self._tracks = [
            t
            for t in tracks
            if now - t.last_seen <= (config.lost_track_seconds if t.track_id is not None else 0)
        ]
        if len(self._tracks) < len(tracks) or any_lost:
            self._schedule.record_loss()
        # Step 3: detect new faces and faces that return
        searching = not self._tracks or any(track.is_lost for track in self._tracks)
        if self._schedule.is_due(frame, searching=searching):
            self._detect(frame, gray)
        visible = [track for track in self._tracks if not track.is_lost]
        for track in visible:
            self._confirm(track)
        return [self._face(track) for track in visible if track.track_id is not None]

    def _confirm(self, track: Track) -> None:
        """Give a track its identity: at once if its score is high, else after some observations."""
        config = self.config.acceptance
        certain = (
            track.observation.score >= config.instant_score
            or not self.predictor.model.has_face_score
        )
        if track.track_id is None and (certain or track.observations >= config.min_observations):
            track.track_id = self.next_id
            self.next_id += 1

    def _resize(self, shape: tuple[int, ...]) -> None:
        """Adapt to a new frame size.

        With the same proportions it is the same scene in another resolution, and the tracks
        continue. Otherwise it is a new scene, and they end.
        """
        height, width = shape[:2]
        old_height, old_width = self._size
        if (height, width) != self._size:
            if old_width and abs(width / old_width - height / old_height) < 0.02:
                for track in self._tracks:
                    track.rescale(width / old_width)
            else:
                self._tracks = []
            self._size = (height, width)

    def _update_tracks(
        self, tracks: Sequence[Track], observations: Sequence[Observation | None], now: float
    ) -> bool:
        """Update each track, or mark it as missed. Returns True if one was lost in this frame."""
        any_lost = False
        visible = [observation for observation in observations if observation is not None]
        for track, observation in zip(tracks, observations, strict=True):
            if observation is not None:
                crowded = is_crowded(observation, visible, self.config.association)
                track.update(observation, now, alone=not crowded)
            else:
                any_lost |= not track.is_lost and track.track_id is not None
                track.mark_missed(now)
        return any_lost

    def _detect(self, frame: Frame, gray: NDArray[np.uint8]) -> None:
        """Start tracks for new faces and continue lost tracks whose faces return."""
        config, association = self.config.detection, self.config.association
        detections = self.predictor.detect(frame.image)
        visible = [track for track in self._tracks if not track.is_lost]
        if not self.predictor.model.has_face_score:
            self._count_missed_detections(visible, detections)
        new = [
            d
            for d in detections
            if all(iou(d.box, _box(t.observation)) < config.new_face_iou for t in visible)
        ]
        any_new = False
        faces = self.predictor.predict_landmarks(gray, new)
        for observation in self._observer.observe_new(gray, faces):
            others = [t.observation for t in visible]
            if any(is_same_face(observation, other, association) for other in others):
                continue
            lost = [t for t in self._tracks if t.is_lost]
            track = reidentify(observation, lost, frame.time, others, association) or next(
                (t for t in lost if self._observer.was_seen_as(t, observation)), None
            )
            if track is not None:
                crowded = is_crowded(observation, others, association)
                track.update(observation, frame.time, alone=not crowded)
            elif is_expected_track(observation, lost, frame.time, others, association):
                continue
            else:
                canonical_points = self.predictor.model.canonical_points
                track = Track(observation, frame.time, canonical_points, self.config)
                self._tracks.append(track)
            any_new = True
            visible.append(track)
        self._schedule.record_run(frame, any_new)

    def _count_missed_detections(
        self, visible: Sequence[Track], detections: Sequence[Detection]
    ) -> None:
        """End tracks that the detector does not confirm. A model without a face score would
        otherwise track anything."""
        config = self.config.detection
        for track in visible:
            box = _box(track.observation)
            confirmed = any(iou(d.box, box) > config.confirmation_iou for d in detections)
            track.missed_detections = 0 if confirmed else track.missed_detections + 1
        self._tracks = [t for t in self._tracks if t.missed_detections < config.max_missed]

    def _face(self, track: Track) -> Face:
        points, observation = track.points(), track.observation
        return Face(
            affine.bounding_box(points),
            observation.score,
            points,
            observation.radius,
            self.predictor.landmarks,
            track.track_id,
            observation.visible,
        )


def _box(observation: Observation) -> tuple[float, float, float, float]:
    return affine.bounding_box(observation.points)
