"""All settings of the face tracker, with their meaning and units.

Those of its smoothers are in `smoother_config`.

Lengths are in *face sizes* (the longer side of the box of a face's landmarks) unless a field
says otherwise. A *log scale* is the natural logarithm of a ratio of sizes: 0.1 is about 10 %.
"Crowded" means that another face is so near that it may hide a part of this one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from numbers import Integral

from facepoints._util.checked_config import CheckedConfig, positive, within
from facepoints.errors import SettingsError
from facepoints.tracking.smoother_config import KalmanConfig, OfflineSmoothingConfig, OneEuroConfig

__all__ = [
    "AcceptanceConfig",
    "AppearanceConfig",
    "AssociationConfig",
    "DetectionConfig",
    "RecropConfig",
    "TrackerConfig",
]


@dataclass(frozen=True)
class DetectionConfig(CheckedConfig):
    """Schedule of the face detector, and rules by which its boxes start and end tracks.

    Attributes:
        quiet_interval: longest time between two runs while all faces are tracked, in seconds.
            Larger: fewer runs, new faces appear later.
        busy_interval: the same while no face is tracked or a track is lost. Larger: fewer runs, new
            and lost faces appear later. No effect above `quiet_interval`.
        new_face_iou: a detection whose box overlaps a tracked face by at least this
            intersection over union is that face, not a new one. Larger: more detections are
            examined as new faces.
        confirmation_iou: overlap above which a detection confirms a track. Not used if the
            landmark model predicts a face score, since the score then ends wrong tracks.
            Larger: tracks end sooner.
        max_missed: a track ends after this many runs in a row that do not confirm it. Not used
            if the landmark model predicts a face score. Larger: wrong tracks live longer.
    """

    quiet_interval: float = within(0.5, 0, 3600)
    busy_interval: float = within(0.1, 0, 3600)
    new_face_iou: float = within(0.3, 0, 1)
    confirmation_iou: float = within(0.2, 0, 1)
    max_missed: int = within(3, 1, math.inf)


@dataclass(frozen=True)
class AcceptanceConfig(CheckedConfig):
    """Conditions for a track to accept an observation, and to get its identity.

    Attributes:
        instant_score: face score in [0, 1] from which a track gets its identity at once.
            Larger: fewer false faces, true ones appear later.
        min_observations: number of observations from which any other track gets its identity.
            Larger: fewer false faces, doubtful ones appear later.
        tracked_score_factor: factor on the lowest accepted score for a face that is tracked
            already. Larger: tracks are lost sooner when the score drops.
        min_similarity: appearance similarity to the previous frame, in [-1, 1], below which the
            observation is somebody else (a cut in the film). Larger: more new tracks.
        same_scene_similarity: appearance similarity of a face's surroundings to those in the
            previous frame, in [-1, 1], from which there was no cut. A face at its predicted place
            (`crowded_reid_distance`) then belongs to its track, however it looks: a head that
            turns quickly looks different from frame to frame. Larger: more tracks break when a
            head turns.
        max_distance: largest distance from the predicted place, in face sizes. Larger: jumps
            are accepted.
        max_log_scale: largest change of size against the prediction, a log scale. Larger:
            jumps in size are accepted.
        min_size: smallest face, in pixels. Larger: distant faces are dropped.
    """

    instant_score: float = within(0.95, 0, 1)
    min_observations: int = within(3, 1, math.inf)
    tracked_score_factor: float = within(0.5, 0, 1)
    min_similarity: float = within(0.35, -1, 1)
    same_scene_similarity: float = within(0.7, -1, 1)
    max_distance: float = positive(1.0)
    max_log_scale: float = positive(0.7)
    min_size: float = positive(4.0)


@dataclass(frozen=True)
class RecropConfig(CheckedConfig):
    """Limits of motion above which a face is cropped and measured again.

    Landmarks are exact only if the face lies in its crop as faces did in training. A
    face that moved further from its predicted pose than a limit is cropped again.

    Attributes:
        max_offset: allowed distance from the crop's center, as a fraction of the crop's side.
            Larger: less time, less accuracy in fast motion.
        max_log_scale: allowed difference in size, a log scale. Larger: as for `max_offset`.
        max_turn: allowed rotation, in radians. Larger: as for `max_offset`.
        young_observations: a track with fewer observations than this is young: its speed is
            not well known yet. Larger: new tracks are cropped again for longer, which takes time.
        young_factor: factor on the three limits for a young track. Larger: young tracks are
            cropped again less often, which saves time and costs accuracy.
    """

    max_offset: float = positive(0.08)
    max_log_scale: float = positive(0.12)
    max_turn: float = positive(0.14)
    young_observations: int = within(6, 0, math.inf)
    young_factor: float = within(0.05, 0, 1)


@dataclass(frozen=True)
class AppearanceConfig(CheckedConfig):
    """Description and memory of the appearance of a face.

    Attributes:
        side: side of the small image that describes a face, in pixels. Larger: finer detail,
            more sensitive to changes of pose.
        averaging_seconds: time constant of a track's mean appearance. Larger: a face is
            remembered for longer, slow changes are learned later.
    """

    side: int = within(24, 4, 1024)
    averaging_seconds: float = positive(0.5)


@dataclass(frozen=True)
class AssociationConfig(CheckedConfig):
    """Rules that assign observations to tracks.

    Attributes:
        same_face_distance: two observations closer than this, in face sizes, show one face.
            Larger: near faces are merged.
        same_face_log_scale: largest difference in size of two such observations, a log scale.
            Larger: faces of different sizes in one place are merged.
        part_overlap: share of a young, doubtful face from which it is taken for a part of a new
            face that covers it. Larger: its track ends more often, and the face gets a new
            identity.
        near_distance: two faces are near, and thus crowded, if their centers are closer than
            this times the sum of their sizes. Larger: more faces count as crowded, and their
            appearance is not learned.
        swap_margin: two tracks swap faces only if the crossed assignment improves appearance
            similarity by at least this much per face. Larger: fewer swaps.
        visible_bonus: added to the match score of a track that was visible in the last frame
            when several tracks match one face. Larger: lost tracks win less often.
        match_distance_weight: subtracted from the match score per face size of distance.
            Larger: place counts more, appearance less.
        match_max_distance: distance in face sizes above which the match score falls no further.
            Larger: distant matches get lower scores.
        drift_threshold: an observation is rejected if its prediction error exceeds that of a near
            face by this much, in face sizes or as a log scale: its landmarks have then drifted
            to the other face. Larger: fewer rejections.
        reid_distance: a lost face may return this far from its predicted place, in face
            sizes. Larger: more returns are recognized, more confusions.
        reid_distance_growth: growth of `reid_distance` in face sizes per second of absence.
            Larger: more returns after a long absence are recognized, more confusions.
        reid_similarity: least appearance similarity, in [-1, 1], of a face that returns.
            Larger: more new identities, fewer confusions.
        reid_log_scale: largest difference in size of a face that returns, a log scale. Larger:
            more returns are recognized, more confusions.
        reid_distance_weight: subtracted from the similarity per face size of distance when
            several lost tracks fit. Larger: place counts more, appearance less.
        crowded_reid_distance: a crowded face that is closer than this to the predicted place of
            a lost track, in face sizes, needs only `crowded_reid_similarity`. Larger: more
            half-hidden faces are recognized, more confusions.
        crowded_reid_similarity: smallest appearance similarity of such a face, in [-1, 1]. It is
            low because a half-hidden face resembles nobody. Larger: fewer half-hidden faces are
            recognized, fewer confusions.
        crowded_reid_log_scale: largest difference in size of a crowded face that returns, a log
            scale. Larger: more crowded faces are recognized, more confusions.
    """

    same_face_distance: float = positive(0.3)
    same_face_log_scale: float = positive(0.6)
    part_overlap: float = within(0.75, 0, 1)
    near_distance: float = positive(0.6)
    swap_margin: float = within(0.15, 0, 2)
    visible_bonus: float = within(0.05, 0, 2)
    match_distance_weight: float = within(0.3, 0, math.inf)
    match_max_distance: float = positive(2.0)
    drift_threshold: float = positive(0.2)
    reid_distance: float = positive(1.0)
    reid_distance_growth: float = within(2.5, 0, math.inf)
    reid_similarity: float = within(0.55, -1, 1)
    reid_log_scale: float = positive(0.6)
    reid_distance_weight: float = within(0.2, 0, math.inf)
    crowded_reid_distance: float = positive(0.4)
    crowded_reid_similarity: float = within(-0.2, -1, 1)
    crowded_reid_log_scale: float = positive(0.3)


@dataclass(frozen=True)
class TrackerConfig(CheckedConfig):
    """Settings of the face tracker. The defaults suit people in front of ordinary cameras.

    Attributes:
        smooth: smooth the landmarks (default). False: landmarks as the model predicts them.
        detect_every: run the face detector every so many frames, 1 or more. None (default): in
            every frame while anything changes, then less often, down to twice a second. Larger:
            less time, new faces appear later.
        lost_track_seconds: time for which a face that is not visible keeps its identity, in
            seconds. Larger: longer absences are bridged, more confusions.
        max_frame_gap: longest time between two frames, in seconds. After a longer gap all
            tracks end. Larger: tracks survive longer gaps, more confusions.
        prefetch_frames: number of frames that are read ahead. Larger: more memory.
        detection: when the face detector runs.
        acceptance: conditions for a track to accept an observation.
        recrop: when a face is cropped again.
        appearance: how appearance is remembered.
        association: how observations are assigned to tracks.
        kalman: motion filters; also the live smoother of the pose.
        one_euro: live smoother of the shape.
        offline_smoothing: smoother of recorded video.

    Raises:
        SettingsError: a number out of range.
    """

    smooth: bool = True
    detect_every: int | None = None
    lost_track_seconds: float = 1.0
    max_frame_gap: float = positive(60.0)
    prefetch_frames: int = within(4, 1, 10_000)
    detection: DetectionConfig = field(default_factory=DetectionConfig)
    acceptance: AcceptanceConfig = field(default_factory=AcceptanceConfig)
    recrop: RecropConfig = field(default_factory=RecropConfig)
    appearance: AppearanceConfig = field(default_factory=AppearanceConfig)
    association: AssociationConfig = field(default_factory=AssociationConfig)
    kalman: KalmanConfig = field(default_factory=KalmanConfig)
    one_euro: OneEuroConfig = field(default_factory=OneEuroConfig)
    offline_smoothing: OfflineSmoothingConfig = field(default_factory=OfflineSmoothingConfig)

    def __post_init__(self) -> None:
        every = self.detect_every
        if every is not None and (not isinstance(every, Integral) or every < 1):
            raise SettingsError(f"detect_every must be 1 or more, a whole number, got {every!r}")
        if not 0 <= self.lost_track_seconds < 3600:
            raise SettingsError(
                f"lost_track_seconds must be from 0 to below 3600, is {self.lost_track_seconds}"
            )
        super().__post_init__()
