"""The tracker: faces keep their identity behind obstacles, and their points are steady.

A "face" is a bright disc above a dark one, with a cheek of its own. The model reads the two discs,
with noise if asked. So the true position is known in every frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import cv2
import numpy as np
import pytest
from fakes import DISC_SHAPE, NoisyDiscs
from numpy.typing import NDArray

from facepoints.detection import BoxFileDetector, Detection
from facepoints.errors import DataError, SettingsError
from facepoints.inference.face import Face
from facepoints.inference.predictor import Predictor
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.tracking.association import is_part_of, reject_occlusion_drift
from facepoints.tracking.config import AcceptanceConfig, AssociationConfig, TrackerConfig
from facepoints.tracking.observation import Observation, appearance_descriptor
from facepoints.tracking.offline_smoothing import smooth_offline
from facepoints.tracking.one_euro import OneEuroFilter
from facepoints.tracking.pose2d import fit_pose
from facepoints.tracking.track import Track
from facepoints.tracking.tracker import FaceTracker, track_video
from facepoints.video.frame import Frame

WIDTH, HEIGHT, RATE = 320, 160, 30


@dataclass
class Actor:
    """A face in a clip.

    Attributes:
        path: (T, 2) center in each frame.
        size: pixels.
        cheek: position of the mark that distinguishes it, in face sizes.
        stripes: paint it all over, so that it resembles no other.
        visible: (T,) True where it is in the image; None: always.
    """

    path: NDArray[np.float64]
    size: float = 60
    cheek: tuple[float, float] = (-0.3, -0.1)
    stripes: bool = False
    visible: NDArray[np.bool_] | None = None

    def is_visible(self, index: int) -> bool:
        return self.visible is None or bool(self.visible[index])

    def points(self, index: int) -> NDArray[np.float64]:
        return DISC_SHAPE * self.size + self.path[index]


def paint(image: NDArray[np.uint8], actor: Actor, index: int) -> None:
    middle = actor.path[index]

    def disc(place: Sequence[float], radius: float, value: int) -> None:
        x, y = np.rint((np.array(place) * actor.size + middle) * 256).astype(int)
        size = round(radius * actor.size * 256)
        cv2.circle(image, (int(x), int(y)), size, (value,) * 3, -1, cv2.LINE_AA, 8)

    disc((0, 0), 0.62, 110)
    for side in (-0.45, 0.0, 0.45) if actor.stripes else ():
        disc((side, 0.05), 0.12, 220)
        disc((side, 0.28), 0.1, 50)
    disc(actor.cheek, 0.2, 190)
    disc((-actor.cheek[0], actor.cheek[1]), 0.2, 60)
    disc((0, -0.35), 0.14, 255)
    disc((0, 0.35), 0.14, 0)


@dataclass
class Clip:
    """Frames of actors, the first in front. It is a video source and a face detector, too."""

    actors: Sequence[Actor]
    count: int
    fps: float = RATE
    live: bool = False
    name: str = "clip"
    total: int = 0
    lost: int = 0
    note: str = ""
    detector_runs: int = 0
    boards: dict[int, tuple[int, int]] = field(default_factory=dict)
    _numbers: dict[bytes, int] = field(default_factory=dict)

    def image(self, index: int) -> NDArray[np.uint8]:
        image = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
        for actor in reversed(self.actors):
            if actor.is_visible(index):
                paint(image, actor, index)
        if index in self.boards:
            left, right = self.boards[index]
            image[:, left:right] = 128
        return image

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.count):
            image = self.image(index)
            self._numbers[image.tobytes()] = index
            yield Frame(image, index, index / self.fps, self.name)

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """As a detector: the actors in a frame of this clip that are not hidden."""
        self.detector_runs += 1
        now = self._numbers[image.tobytes()] if self.actors else 0
        detections = []
        for actor in self.actors:
            x, y = actor.path[now]
            left, right = self.boards.get(now, (0, 0))
            if actor.is_visible(now) and not left < x < right:
                side = actor.size
                detections.append(Detection((x - side / 2 + 2, y - side / 2 - 1, side, side), 0.9))
        return detections


def line(start: float, step: float, count: int, y: float = 80) -> NDArray[np.float64]:
    return np.stack([start + step * np.arange(count), np.full(count, y)], axis=1)


def run(
    clip: Clip, config: TrackerConfig | None = None, **model: object
) -> tuple[list[list[Face]], NoisyDiscs]:
    """The faces of each frame, and the model."""
    discs = NoisyDiscs(**model)  # type: ignore[arg-type]
    predictor = Predictor(discs, clip)
    tracker = FaceTracker(predictor, config)
    return [tracker(frame) for frame in clip], discs


def identities(clip: Clip, frames: Sequence[Sequence[Face]]) -> list[list[int | None]]:
    """For each actor, the identity of the face that lies on it in each frame."""
    out: list[list[int | None]] = []
    for actor in clip.actors:
        row: list[int | None] = []
        for index, faces in enumerate(frames):
            offs = [(np.abs(f.points - actor.points(index)).max(), f.track_id) for f in faces]
            near = min(offs, default=(np.inf, None), key=lambda pair: pair[0])
            row.append(near[1] if near[0] < 4 and actor.is_visible(index) else None)
        out.append(row)
    return out


def test_a_face_at_walking_speed_needs_one_crop_per_frame() -> None:
    clip = Clip([Actor(line(50, 18, 13))], 13)  # nine face widths a second
    tracked, discs = run(clip)
    assert identities(clip, tracked) == [[0] * 13]
    assert sum(discs.calls) <= 13 + 2 + 4  # two crops at first, some again until the speed is known
    assert clip.detector_runs <= 5


def test_several_faces_go_through_the_model_together() -> None:
    clip = Clip([Actor(line(60 + 100 * n, 0.5, 10)) for n in range(3)], 10)
    tracked, discs = run(clip, TrackerConfig(detect_every=100))
    assert [sorted(f.track_id or 0 for f in faces) for faces in tracked] == [[0, 1, 2]] * 10
    # the first frame is cropped again, as in later frames; so may be the next few
    assert discs.calls == [3] * len(discs.calls)
    assert 11 <= len(discs.calls) <= 11 + 5


@pytest.mark.parametrize("step", [2.0, 3.0, 4.5, 6.0, 11.0])
def test_two_faces_that_cross_keep_their_identities(step: float) -> None:
    count = round(220 / step)
    front = Actor(line(50, step, count), cheek=(-0.32, 0.0))
    back = Actor(line(270, -step, count, 82), cheek=(0.32, 0.0))
    clip = Clip([front, back], count)
    tracked, _ = run(clip)
    mine, others = identities(clip, tracked)
    assert set(mine) == {mine[0]}
    apart = np.abs(front.path - back.path)[:, 0] > 10
    assert {n for n, far in zip(others, apart, strict=True) if far} <= {others[0], None}
    assert others[-1] == others[0]
    assert {f.track_id for faces in tracked for f in faces} == {0, 1}


def pair() -> tuple[list[Track], list[Observation]]:
    """Two faces side by side that stood still for some frames: their tracks and observations."""
    observations = []
    for middle, cheek in ((120.0, -0.3), (165.0, 0.3)):
        points = (DISC_SHAPE * 60 + (middle, 80)).astype(np.float32)
        appearance = appearance_descriptor(
            crop_of(Actor(np.array([(middle, 80.0)]), cheek=(cheek, 0.0))), side=24
        )
        pose = fit_pose(points, np.ones(4), NoisyDiscs().canonical_points)
        assert pose is not None
        observations.append(Observation(points, np.ones(4, np.float32), 0.99, pose, appearance))
    tracks = [
        Track(observation, 0.0, NoisyDiscs().canonical_points, TrackerConfig())
        for observation in observations
    ]
    for index in range(1, 10):
        for track, observation in zip(tracks, observations, strict=True):
            track.update(observation, index / RATE)
    return tracks, observations


def crop_of(actor: Actor) -> NDArray[np.uint8]:
    image = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    paint(image, actor, 0)
    x, y = actor.path[0].astype(int)
    return image[y - 40 : y + 40, x - 40 : x + 40, 0]


def moved(observation: Observation, by: Sequence[float]) -> Observation:
    return replace(observation, pose=observation.pose + np.array(by))


@pytest.mark.parametrize("by", [(18, 0, 0, 0), (0, 0, 0.35, 0)])
def test_an_observation_that_drifts_to_another_face_is_rejected(by: Sequence[float]) -> None:
    tracks, observations = pair()
    kept = reject_occlusion_drift(
        tracks, [moved(observations[0], by), observations[1]], 10 / RATE, AssociationConfig()
    )
    assert kept == [None, observations[1]]


@pytest.mark.parametrize("by", [(30, 10, 0, 0), (0, 0, 0.4, 0)])
def test_faces_side_by_side_are_kept_when_the_camera_jolts(by: Sequence[float]) -> None:
    tracks, observations = pair()
    jolted = [moved(observation, by) for observation in observations]
    assert reject_occlusion_drift(tracks, jolted, 10 / RATE, AssociationConfig()) == jolted


@pytest.mark.parametrize(
    ("score", "later", "place", "part"),
    [(0.4, 0, 0.0, True), (0.99, 0, 0.0, False), (0.4, 9, 0.0, False), (0.4, 0, 40.0, False)],
)
def test_a_doubtful_young_face_inside_a_new_one_was_a_part_of_it(
    score: float, later: int, place: float, part: bool
) -> None:
    _, (small, _) = pair()
    small = replace(small, score=score)
    track = Track(small, 0.0, NoisyDiscs().canonical_points, TrackerConfig())
    for index in range(later):
        track.update(small, (index + 1) / RATE)
    middle = small.points.mean(axis=0)
    points = (small.points - middle) * 1.8 + middle + np.float32(place)
    assert is_part_of(track, replace(small, points=points, score=1.0), TrackerConfig()) == part


def test_a_hidden_face_is_predicted_at_its_last_clear_size() -> None:
    tracks, observations = pair()
    track, observation = tracks[0], observations[0]
    for index in range(3):  # its last observations are wrong
        track.update(moved(observation, (0, 0, 0.2 * index, 0)), (10 + index) / RATE, alone=False)
    for index in range(13, 30):
        track.mark_missed(index / RATE)
    assert track.predict_pose(1.0)[2] == pytest.approx(observation.pose[2], abs=0.1)


def test_a_face_hidden_for_half_a_second_keeps_its_identity() -> None:
    clip = Clip([Actor(line(60, 4, 45))], 45)
    clip.boards = dict.fromkeys(range(15, 30), (100, 300))
    tracked, _ = run(clip)
    (numbers,) = identities(clip, tracked)
    assert numbers[14] == numbers[33] == numbers[44] == 0
    assert numbers[15:30] == [None] * 15


def test_a_face_that_returns_after_lost_track_seconds_gets_a_new_identity() -> None:
    visible = np.ones(90, bool)
    visible[20:65] = False  # one and a half seconds
    clip = Clip([Actor(line(160, 0, 90), visible=visible)], 90)
    tracked, _ = run(clip)
    (numbers,) = identities(clip, tracked)
    assert set(numbers[:20]) == {0}
    assert set(numbers[72:]) == {1}
    assert {f.track_id for faces in tracked[20:65] for f in faces} == set()


def test_another_face_in_the_same_place_after_a_cut_gets_a_new_identity() -> None:
    first = Actor(line(160, 0, 20), visible=np.arange(20) < 10)
    second = Actor(line(160, 0, 20), cheek=(0.3, -0.1), stripes=True, visible=np.arange(20) >= 10)
    clip = Clip([first, second], 20)
    tracked, _ = run(clip)
    assert [faces[0].track_id for faces in tracked] == [0] * 10 + [1] * 10


def test_a_large_face_after_a_cut_does_not_continue_a_small_young_one() -> None:
    small = Actor(line(160, 0, 10), size=24, visible=np.arange(10) < 5)
    large = Actor(line(160, 0, 10), size=90, stripes=True, visible=np.arange(10) >= 5)
    config = TrackerConfig(acceptance=AcceptanceConfig(instant_score=1.0, min_observations=3))
    tracked, _ = run(Clip([small, large], 10), config)
    ids = [[face.track_id for face in faces] for faces in tracked]
    assert ids == [[], [], [0], [0], [0], [], [], [1], [1], [1]]


def test_a_newcomer_is_detected_within_half_a_second() -> None:
    resident = Actor(line(70, 0, 60))
    newcomer = Actor(line(240, 0, 60), cheek=(0.3, -0.1), visible=np.arange(60) >= 35)
    clip = Clip([resident, newcomer], 60)
    tracked, _ = run(clip)
    _, numbers = identities(clip, tracked)
    assert 1 in numbers[35:51]
    assert clip.detector_runs < 20
    every = Clip([resident, newcomer], 60)
    tracked, _ = run(every, TrackerConfig(detect_every=1))
    assert identities(every, tracked)[1][35] == 1
    assert every.detector_runs == 60


def test_with_a_model_without_face_scores_the_detector_ends_tracks() -> None:
    clip = Clip([Actor(line(160, 0, 90), visible=np.arange(90) < 10)], 90)
    tracked, _ = run(clip, has_face_score=False)
    assert len(tracked[5]) == 1
    assert tracked[-1] == []


def test_points_of_a_still_face_are_steady() -> None:
    clip = Clip([Actor(line(160, 0, 60))], 60)
    rough = points_of(run(clip, TrackerConfig(smooth=False), noise=0.5)[0])
    smooth = points_of(run(clip, noise=0.5)[0])
    assert jitter(smooth[10:]) < 0.35 * jitter(rough[10:])


@pytest.mark.parametrize("live", [True, False])
def test_points_of_a_walker_do_not_lag(live: bool) -> None:
    step = 8.0
    actor = Actor(line(40, step, 30))
    clip = Clip([actor], 30)
    tracked = live_or_recorded(clip, live, noise=0.3)
    behind = [(actor.points(i) - f[0].points)[:, 0].mean() for i, f in enumerate(tracked) if i > 3]
    assert len(behind) == 26
    assert abs(float(np.mean(behind))) < 0.1 * step  # a tenth of a frame


def test_offline_smoothing_is_steadier_and_keeps_the_motion() -> None:
    count = 60
    path = line(60, 2.5, count) + np.stack(
        [np.zeros(count), 10 * np.sin(np.arange(count) / 6)], axis=1
    )
    actor = Actor(path)
    truth = np.array([actor.points(i) for i in range(count)])
    errors = {}
    for live in (True, False):
        clip = Clip([actor], count)
        errors[live] = points_of(live_or_recorded(clip, live, noise=0.4)) - truth
    clip = Clip([actor], count)
    rough = points_of(run(clip, TrackerConfig(smooth=False), noise=0.4)[0]) - truth
    assert jitter(errors[False]) < 0.25 * jitter(rough)
    assert jitter(errors[True]) < jitter(rough)
    assert np.abs(errors[False]).max() < np.abs(rough).max()


@pytest.mark.parametrize(("live", "late", "least"), [(True, 2, 0.7), (False, 1, 0.8)])
def test_a_blink_of_a_few_frames_survives_smoothing(live: bool, late: int, least: float) -> None:
    """Two points of a still face move down by three radii within three frames, and back."""
    count, random = 60, np.random.default_rng(0)
    canonical_points = random.uniform(0, 100, (40, 2))
    closed = np.interp(np.arange(count), [25, 28, 33, 36], [0, 1, 1, 0])
    radius = np.full(40, 3.0, np.float32)
    points = canonical_points + random.normal(0, 0.1, (count, 40, 2))
    points[:, :2, 1] += 9 * closed[:, None]
    points = points.astype(np.float32)
    if live:
        track = None
        smoothed = []
        for index, now in enumerate(points):
            pose = fit_pose(now, radius, canonical_points)
            assert pose is not None
            observation = Observation(now, radius, 0.99, pose, np.zeros(1, np.float32))
            if track is None:
                track = Track(observation, 0.0, canonical_points, TrackerConfig())
            else:
                track.update(observation, index / RATE)
            smoothed.append(track.points())
    else:
        names = LandmarkSet(tuple(f"p{n}" for n in range(40)))
        blank = np.zeros((1, 1, 3), np.uint8)
        frames = [
            (Frame(blank, i, i / RATE, "clip"), [Face((0, 0, 1, 1), 1.0, p, radius, names, 0)])
            for i, p in enumerate(points)
        ]
        smoothed = [faces[0].points for _, faces in smooth_offline(frames, canonical_points)]
    down = (np.array(smoothed) - canonical_points)[:, :2, 1].mean(axis=1) / 9
    assert least < down.max() < 1.1
    begun = int(np.argmax(down > 0.5)) - int(np.argmax(closed > 0.5))
    assert abs(begun) <= late
    assert np.abs(down[:20]).max() < 0.1


def test_tracking_depends_on_time_and_not_on_the_frame_rate() -> None:
    """The same frames, at a quarter of the frame rate."""
    actor = Actor(line(40, 8, 25))
    slow = Clip([actor], 25, fps=15.0)
    fast = Clip([actor], 25, fps=60.0)
    for clip in (slow, fast):
        tracked, _ = run(clip)
        assert identities(clip, tracked) == [[0] * 25]


def test_a_frame_in_another_resolution_shows_the_same_faces() -> None:
    clip = Clip([Actor(line(160, 1, 20))], 20)
    tracker = FaceTracker(Predictor(NoisyDiscs(), clip), TrackerConfig(detect_every=1000))
    for frame in clip:
        image = frame.image
        if frame.index >= 10:
            image = cv2.resize(image, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
        (face,) = tracker(Frame(np.asarray(image, np.uint8), frame.index, frame.time, "clip"))
        assert face.track_id == 0


def test_a_lost_face_returns_in_another_resolution() -> None:
    """It returns more than a face size beside its place, which is near enough after its absence."""
    path = line(100, 0, 30)
    path[15:] += (70, 0)
    seen = np.ones(30, bool)
    seen[9:16] = False
    clip = Clip([Actor(path, visible=seen)], 30)

    class Enlarged:
        def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
            factor = image.shape[1] // WIDTH
            detections = clip.detect(np.ascontiguousarray(image[::factor, ::factor]))
            return [replace(d, box=tuple(factor * side for side in d.box)) for d in detections]

    tracker = FaceTracker(Predictor(NoisyDiscs(), Enlarged()))
    tracked = []
    for frame in clip:
        factor = 1 if frame.index < 12 else 2
        image = frame.image.repeat(factor, axis=0).repeat(factor, axis=1)
        tracked.append(tracker(replace(frame, image=image)))
    assert [face.track_id for face in tracked[-1]] == [0]


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (3, 2)])
def test_tiny_frames_have_no_faces(size: tuple[int, int]) -> None:
    clip = Clip([], 3)
    tracker = FaceTracker(Predictor(NoisyDiscs(), clip))
    for index in range(3):
        assert tracker(Frame(np.zeros((*size, 3), np.uint8), index, index / 30, "clip")) == []


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (None, "frame 7 needs an image .* got None"),
        ("a.jpg", "frame 7 needs an image .* got str"),
        (np.zeros((0, 0, 3), np.uint8), r"one pixel or more, this one is \(0, 0, 3\)"),
        (np.zeros((0, 9), np.uint8), r"one pixel or more, this one is \(0, 9\)"),
        (np.zeros((9, 9, 3)), "an image is uint8, .* got float64"),
        (np.zeros((9, 9, 2), np.uint8), r"an image is uint8, .* got uint8 \(9, 9, 2\)"),
    ],
)
def test_a_frame_without_an_image_raises_data_error(image: Any, message: str) -> None:
    tracker = FaceTracker(Predictor(NoisyDiscs(), Clip([], 1)))
    with pytest.raises(DataError, match=message):
        tracker(Frame(image, 7, 0.0, "clip"))


def test_settings_out_of_range_raise_settings_error() -> None:
    with pytest.raises(SettingsError, match="detect_every"):
        TrackerConfig(detect_every=0)
    with pytest.raises(SettingsError, match="lost_track_seconds"):
        TrackerConfig(lost_track_seconds=-1)
    boxes = BoxFileDetector(path=None, _boxes={})  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="boxes from a file"):
        FaceTracker(Predictor(NoisyDiscs(), boxes))


def live_or_recorded(clip: Clip, live: bool, noise: float) -> list[list[Face]]:
    if live:  # without the thread that drops frames for a slow consumer
        return run(clip, noise=noise)[0]
    return [faces for _, faces in track_video(Predictor(NoisyDiscs(noise=noise), clip), clip)]


def points_of(tracked: Sequence[Sequence[Face]]) -> NDArray[np.float64]:
    assert all(len(faces) == 1 for faces in tracked)
    return np.array([faces[0].points for faces in tracked], dtype=np.float64)


def jitter(points: NDArray) -> float:
    """Root mean square of the change from frame to frame."""
    return float(np.sqrt((np.diff(points, axis=0) ** 2).mean()))


def test_the_live_smoother_runs_for_live_sources_only(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    smooth = OneEuroFilter.__call__

    def counted(self: OneEuroFilter, *observed: object) -> NDArray:
        calls.append(observed)
        return smooth(self, *observed)  # type: ignore[arg-type]

    monkeypatch.setattr(OneEuroFilter, "__call__", counted)
    for live in (False, True):
        clip = Clip([Actor(line(160, 0, 8))], 8, live=live)
        # for a live source, all frames fit into the queue, so none is dropped
        config = TrackerConfig(prefetch_frames=8)
        for _ in track_video(Predictor(NoisyDiscs(), clip), clip, config):
            pass
        assert len(calls) == (7 if live else 0)


def test_track_video_checks_its_arguments_before_the_first_frame() -> None:
    boxes = BoxFileDetector(path=None, _boxes={})  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="boxes from a file"):
        track_video(Predictor(NoisyDiscs(), boxes), Clip([], 0))


@dataclass
class Damaged(Clip):
    """A clip that raises an error after its last frame."""

    def __iter__(self) -> Iterator[Frame]:
        yield from super().__iter__()
        raise DataError("the clip is damaged")


def test_the_frames_before_an_error_of_a_recorded_source_are_yielded() -> None:
    whole, damaged = (kind([Actor(line(160, 1, 20))], 20) for kind in (Clip, Damaged))
    expected = [faces for _, faces in track_video(Predictor(NoisyDiscs(), whole), whole)]
    tracked = track_video(Predictor(NoisyDiscs(), damaged), damaged)
    for (_, faces), (face,) in zip(islice(tracked, 20), expected, strict=True):
        assert (faces[0].points == face.points).all()
    with pytest.raises(DataError, match="the clip is damaged"):
        next(tracked)


@dataclass
class Held(Clip):
    """A clip that is its own iterator, as a camera of a user may be."""

    index: int = 0
    closed: int = 0

    def __iter__(self) -> Held:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self

    def __next__(self) -> Frame:
        if self.index == self.count:
            raise StopIteration
        self.index += 1
        image = self.image(self.index - 1)
        self._numbers[image.tobytes()] = self.index - 1
        return Frame(image, self.index - 1, (self.index - 1) / self.fps, self.name)

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("frames", [1, 40])
def test_the_iterator_of_a_source_is_closed_at_its_end_and_before(frames: int) -> None:
    clip = Held([Actor(line(160, 0, 40))], 40)
    tracked = track_video(Predictor(NoisyDiscs(), clip), clip)
    assert len(list(islice(tracked, frames))) == frames
    del tracked
    assert clip.closed == 1


def test_identities_are_numbered_from_0() -> None:
    clip = Clip([Actor(line(60 + 100 * n, 0.5, 4)) for n in range(3)], 4)
    tracker = FaceTracker(Predictor(NoisyDiscs(), clip))
    faces = [face for frame in clip for face in tracker(frame)]
    assert {face.track_id for face in faces} == {0, 1, 2}
    assert tracker.next_id == 3


def test_a_tentative_track_gets_its_identity_after_some_observations() -> None:
    clip = Clip([Actor(line(160, 0, 6))], 6)
    config = TrackerConfig(acceptance=AcceptanceConfig(instant_score=1.0, min_observations=3))
    tracked, _ = run(clip, config)
    assert [len(faces) for faces in tracked] == [0, 0, 1, 1, 1, 1]
