"""A head turns from one profile to the other: one track, and no jump of what can be seen.

The head is the mean head, seen from far away. Its frames show the two discs of `fakes` where it
is, on a background whose gray tells how far it is turned. So the model knows the true points. It
guesses the hidden ones around their places, as a network that was trained on them does: each is
off by much more than its radius says, differently in every frame.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes import DISC_SHAPE, NoisyDiscs, center_of
from numpy.typing import NDArray

from facepoints.api import load
from facepoints.detection import Detection
from facepoints.imaging import affine
from facepoints.imaging.image_io import read_image
from facepoints.inference.face import Face
from facepoints.inference.landmark_model import LandmarkOutput
from facepoints.inference.predictor import Predictor
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_head import MEAN_HEAD
from facepoints.tracking.config import TrackerConfig
from facepoints.tracking.tracker import track_video
from facepoints.video.frame import Frame

SIZE, SIDE, RATE = 60.0, 220, 30
CENTER = np.array([110.0, 105.0])
GRAY_PER_DEGREE = 0.7
RADIUS, NOISE, WRONG = 0.02, 0.004, 0.15  # of visible points; the error of hidden ones; face sizes
STEP = np.array([0.0, 0.45, -0.3])  # moves the middle of the face to the origin


def head(yaw: float) -> NDArray[np.float64]:
    """Points (68, 2) of the head in face sizes, turned by degrees to the image's right."""
    turn = np.deg2rad(yaw)
    x, y, z = ((MEAN_HEAD - STEP) / 1.6).T
    return np.stack([np.cos(turn) * x + np.sin(turn) * z, y], axis=1)


def visibility(yaw: float) -> NDArray[np.float32]:
    """(68,): a point is hidden where the head, taken for a cylinder, faces away."""
    turn = np.deg2rad(yaw)
    x, _, z = np.add(MEAN_HEAD, (0, 0, 0.55)).T
    facing = (np.cos(turn) * z - np.sin(turn) * x) / np.hypot(x, z)
    return (1 / (1 + np.exp(-10 * (facing + 0.1)))).astype(np.float32)


@dataclass
class TurningHead(NoisyDiscs):
    """Reads place, size and turn of the head, and predicts its points.

    Attributes:
        seeing: it predicts the visibility of the points.
        radius: of each point, in face sizes; hidden points have twice that.
    """

    landmarks: LandmarkSet = IBUG_68
    seeing: bool = True
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(3))

    @property
    def canonical_points(self) -> NDArray[np.float32]:
        return (head(0) * 40 + 31.5).astype(np.float32)

    def __call__(self, crops: NDArray[np.uint8]) -> LandmarkOutput:
        count = len(crops)
        points = np.repeat(self.canonical_points[None], count, axis=0)
        radius = np.full((count, 68), 1.0, np.float32)
        score, visible = np.zeros(count, np.float32), np.ones((count, 68), np.float32)
        for row, crop in enumerate(crops):
            fit = self.fit(crop)
            if fit is None:
                continue
            yaw = (float(np.median(crop[32, :8])) - 128) / GRAY_PER_DEGREE
            visible[row] = visibility(yaw)
            wrong = NOISE + WRONG * np.clip(1 - 2 * visible[row], 0, 1)
            off = self.random.normal(0, 1, (68, 2)) * wrong[:, None]
            points[row] = affine.apply(fit, head(yaw) + off)
            radius[row] = RADIUS * np.hypot(*fit[:, 0]) * (2 - visible[row])
            score[row] = 0.99
        return LandmarkOutput(points, radius, score, visible=visible if self.seeing else None)


@dataclass
class Turn:
    """Frames of the head, a video source and a face detector.

    Attributes:
        yaw: (T,) degrees in each frame.
        live: whether the source is a camera.
    """

    yaw: NDArray[np.float64]
    live: bool = False
    fps: float = RATE
    name: str = "turn"
    total: int = 0
    lost: int = 0
    note: str = ""

    def __iter__(self) -> Iterator[Frame]:
        for index, yaw in enumerate(self.yaw):
            gray = round(128 + GRAY_PER_DEGREE * yaw)
            image = np.full((SIDE, SIDE, 3), gray, np.uint8)
            for place, value in zip(DISC_SHAPE[:2], (255, 0), strict=True):
                x, y = np.rint((place * SIZE + CENTER) * 256).astype(int).tolist()
                radius = round(0.14 * SIZE * 256)
                cv2.circle(image, (x, y), radius, (value,) * 3, -1, cv2.LINE_AA, 8)
            yield Frame(image, index, index / self.fps, self.name)

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        middle = np.add(center_of(image[..., 0] > 225), (0, 0.35 * SIZE))
        return [Detection((*(middle - SIZE / 2), SIZE, SIZE), 0.9)]

    def truth(self) -> NDArray[np.float64]:
        """True points (T, 68, 2)."""
        return np.array([head(yaw) * SIZE + CENTER for yaw in self.yaw])


def turn(seconds: float) -> NDArray[np.float64]:
    """From one profile to the other, with a rest of half a second at both ends."""
    part = np.linspace(0, 1, round(seconds * RATE))
    return np.concatenate([np.full(15, -90.0), -90 * np.cos(np.pi * part), np.full(15, 90.0)])


def track(clip: Turn, model: TurningHead, smooth: bool = True) -> list[list[Face]]:
    config = TrackerConfig(smooth=smooth, prefetch_frames=len(clip.yaw))
    return [faces for _, faces in track_video(Predictor(model, clip), clip, config)]


def errors(clip: Turn, frames: list[list[Face]]) -> NDArray[np.float64]:
    """Distances (n,) of clearly visible points from the truth, in face sizes."""
    points = np.array([faces[0].points for faces in frames])
    visible = np.array([visibility(yaw) for yaw in clip.yaw]) > 0.75
    return np.linalg.norm(points - clip.truth(), axis=2)[visible] / SIZE


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("seconds", [3.0, 1.0, 0.5])
def test_a_head_keeps_its_track_and_its_visible_points_from_profile_to_profile(
    seconds: float, live: bool
) -> None:
    clip = Turn(turn(seconds), live)
    frames = track(clip, TurningHead())
    assert [[face.track_id for face in faces] for faces in frames] == [[0]] * len(clip.yaw)
    found = errors(clip, frames)
    assert found.max() < 0.05, "no jump"
    assert found.mean() < 0.007


@pytest.mark.parametrize(
    ("seconds", "live"), [(3.0, True), (1.0, False), (1.0, True), (0.5, False), (0.5, True)]
)
def test_guesses_of_hidden_points_pull_less_at_visible_ones(seconds: float, live: bool) -> None:
    """A slow turn in a file is not among these: it is fitted to so many frames that guesses that
    differ in every frame average out."""
    clip = Turn(turn(seconds), live)
    found = errors(clip, track(clip, TurningHead()))
    blind = errors(clip, track(clip, TurningHead(seeing=False)))
    mean_square, without = (float((each**2).mean()) for each in (found, blind))
    assert without > 1.15 * mean_square


def test_smoothing_does_not_change_the_visibility() -> None:
    clip = Turn(turn(1.0))
    for live in (False, True):
        clip.live = live
        for yaw, (face,) in zip(clip.yaw, track(clip, TurningHead()), strict=True):
            assert face.visible is not None
            # the gray of a frame holds the turn to about one degree
            np.testing.assert_allclose(face.visible, visibility(yaw), atol=0.09)
    assert all(face.visible is None for (face,) in track(clip, TurningHead(seeing=False)))


@dataclass
class Photos:
    """Photos as the frames of a video; in each, the person looks elsewhere."""

    files: Sequence[Path]
    live: bool = False
    fps: float = 25
    name: str = "photos"
    total: int = 0
    lost: int = 0
    note: str = ""

    def __iter__(self) -> Iterator[Frame]:
        for index, file in enumerate(self.files):
            yield Frame(read_image(file), index, index / self.fps, self.name)


def turning_person(shared: Path, series: str) -> list[Path]:
    """Photos of a person of Pointing'04 who looks from one side to the other, 15 degrees apart."""
    folder = shared / "pointing04"
    if not folder.is_dir():
        pytest.skip(f"needs the photos in {folder}")
    with (folder / "poses.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if int(row["tilt"]) == 0]
    rows = [row for row in rows if row["file"].startswith(series)]
    return [folder / row["file"] for row in sorted(rows, key=lambda row: int(row["pan"]))]


@pytest.mark.parametrize("series", ["person011", "person012", "person021", "person022"])
@pytest.mark.parametrize("repeated", [1, 3])
def test_a_person_who_turns_in_large_steps_keeps_the_track(
    series: str, repeated: int, shared: Path
) -> None:
    files = turning_person(shared, series)
    assert len(files) == 13
    model = load(threads=1)
    for order in (files, files[::-1]):
        frames = [file for file in order for _ in range(repeated)]
        found = [faces for _, faces in model.track(Photos(frames))]
        assert {face.track_id for faces in found for face in faces} == {0}
        lost = sum(not faces for faces in found)  # a full profile may not be detected
        assert lost <= 3 * repeated


def test_another_person_after_a_cut_is_another_track(shared: Path) -> None:
    one, other = (turning_person(shared, series)[6] for series in ("person011", "person021"))
    found = [faces for _, faces in load(threads=1).track(Photos([one] * 4 + [other] * 4))]
    ids = [[face.track_id for face in faces] for faces in found]
    assert ids == [[0]] * 4 + [[1]] * 4
