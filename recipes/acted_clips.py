"""Clips of people who blink, yawn, talk, laugh, sleep, look down, nod and turn, made from photos.

Every clip lasts four seconds. `acting` moves lids, jaw and head; the head sways, and the camera
adds noise. A `Setting` is what the camera sees: frames per second, size of the face, light and
compression. `expected` says which events an act shows. `lent_lids` closes the eyes with the real
closed eyes of another photo of the same person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
from acting import acted, closure, gaping, turned
from numpy.typing import NDArray

from facepoints.api import FaceModel
from facepoints.imaging import affine
from facepoints.measurement import events, measure_with_reasons
from facepoints.measurement.pose_factors import SLOPES
from facepoints.video.frame import Frame

__all__ = [
    "ACTS",
    "BLINKS",
    "SETTINGS",
    "Act",
    "Clip",
    "Course",
    "Setting",
    "close_up",
    "course",
    "events_of",
    "expected",
    "lent_lids",
]

Array = NDArray[np.floating]
Image = NDArray[np.uint8]
Act = Callable[[Image, Array, float], Image]
"""From a photo, its 68 points and a time in seconds to a frame."""

SECONDS = 4.0
SIDE, FACE = 260, 140.0
"""Pixels of a clip's sides, and of the longer side of the face in which lids and jaw move."""
BLINKS = (0.8, 2.3)
"""Starts of the blinks in seconds."""
FAST, SLOW = 0.6, 1.4
"""Factors on the third of a second that a blink lasts."""


@dataclass(frozen=True)
class Setting:
    """What the camera sees.

    Attributes:
        fps: frames per second.
        face: longer side of the face in pixels.
        noise: standard deviation in gray levels.
        light: factor on the pixels before the noise.
        quality: of JPEG; None: not compressed.
    """

    fps: float = 20.0
    face: float = FACE
    noise: float = 4.0
    light: float = 1.0
    quality: int | None = None


SETTINGS: dict[str, Setting] = {
    "20 fps": Setting(),
    "15 fps": Setting(fps=15),
    "30 fps": Setting(fps=30),
    "60 fps": Setting(fps=60),
    "face of 50 px": Setting(face=50),
    "dark": Setting(light=0.3, noise=5),
    "compressed": Setting(face=90, quality=25),
}
"""Cameras. The first one films all acts, the others film blinks."""


def wave(time: float, period: float) -> float:
    return float(np.sin(2 * np.pi * time / period))


def held(time: float, begin: float, end: float) -> float:
    """1 from `begin` to `end`, 0 before and after, with ramps of a quarter second."""
    return float(np.interp(time, [begin, begin + 0.25, end - 0.25, end], [0, 1, 1, 0]))


def lids(time: float, factor: float = 1.0) -> float:
    """Closure of the eyes with `BLINKS`, each longer by a factor."""
    return max(round(closure((time - begun) / factor, (0.0,)), 2) for begun in BLINKS)


def glance(time: float) -> float:
    """Closure of the eyes of somebody who glances down twice, for 0.6 seconds."""
    course = ([0, 0.12, 0.48, 0.6], [0, 0.4, 0.4, 0])
    return max(round(float(np.interp(time - begun, *course)), 2) for begun in BLINKS)


def turning(time: float) -> float:
    """Yaw in degrees of a head that turns to the side in 0.4 s while it blinks, and back."""
    return float(np.interp(time, [0.75, 1.15, 2.25, 2.65], [-7, 9, 9, -7]))


ACTS: dict[str, Act] = {
    "blinks": lambda photo, points, t: acted(photo, points, closed=lids(t)),
    "blinks fast": lambda photo, points, t: acted(photo, points, closed=lids(t, FAST)),
    "blinks and turns": lambda photo, points, t: turned(
        acted(photo, points, closed=lids(t)), points, turning(t), 0
    ),
    "blinks and talks": lambda photo, points, t: acted(
        photo, points, closed=lids(t, SLOW), gape=0.12 * (1 - wave(t, 0.25))
    ),
    "blinks and looks down": lambda photo, points, t: acted(
        photo, points, closed=max(lids(t), round(0.45 * held(t, 1.5, 3.2), 2))
    ),
    "yawns": lambda photo, points, t: acted(photo, points, gape=0.6 * gaping(t, (0.2,))),
    "sleeps": lambda photo, points, t: acted(photo, points, closed=round(held(t, 1, 2.8), 2)),
    "talks": lambda photo, points, t: acted(photo, points, gape=0.12 * (1 - wave(t, 0.25))),
    "laughs": lambda photo, points, t: acted(
        photo,
        points,
        closed=round(0.45 * held(t, 1, 3.2), 2),
        gape=held(t, 1, 3.2) * (0.22 + 0.08 * wave(t, 0.25)),
    ),
    "looks down": lambda photo, points, t: acted(
        photo, points, closed=round(0.5 * held(t, 1.2, 2.8), 2)
    ),
    "glances down": lambda photo, points, t: acted(photo, points, closed=glance(t)),
    "shakes": lambda photo, points, t: turned(photo, points, 20 * wave(t, 1), 0),
    "nods": lambda photo, points, t: turned(photo, points, 0, 12 * wave(t, 1)),
    "looks round": lambda p, points, t: turned(p, points, 25 * wave(t, 3), 8 * wave(t + 0.5, 3)),
}
"""What people do."""


def expected(act: str) -> tuple[events.Kind, ...]:
    """The events that an act shows. All blinks begin at `BLINKS`."""
    others: dict[str, tuple[events.Kind, ...]] = {"yawns": ("yawn",), "sleeps": ("eyes_closed",)}
    return ("blink",) * len(BLINKS) if act.startswith("blinks") else others.get(act, ())


def lent_lids(photo: Image, points: Array, other: Image, there: Array, closed: float) -> Image:
    """The photo with the eyes of another photo, in which they are closed.

    Lids that are half way are moved as `acted` moves them; from a closure of 0.8 they fade to the
    other photo's.

    Args:
        photo: (H, W, 3) uint8, with open eyes.
        points: (68, 2) in it.
        other: of the same person, with closed eyes.
        there: (68, 2) in `other`.
        closed: closure of the eyes, 0 to 1.
    """
    shown = acted(photo, points, closed=min(closed, 0.9)) if closed else photo
    weight = float(np.clip((closed - 0.6) / 0.3, 0, 1))
    if not weight:
        return shown
    height, width = photo.shape[:2]
    result = shown.astype(np.float32)
    for first, brow in ((36, 17), (42, 22)):
        rows = [first, first + 3, *range(brow, brow + 5)]
        matrix = affine.fit_similarity(there[rows], points[rows])
        borrowed = affine.warp(other, matrix, width, height).astype(np.float32)
        corners = points[[first, first + 3]]
        length = float(np.hypot(*(corners[1] - corners[0])))
        x, y = corners.mean(axis=0)
        mask = np.zeros((height, width), np.float32)
        center = round(float(x)), round(float(y - 0.05 * length))
        axes = round(0.75 * length), round(0.42 * length)
        cv2.ellipse(mask, center, axes, 0, 0, 360, 1.0, -1)
        inside = mask > 0
        mask = cv2.GaussianBlur(mask, (0, 0), 0.08 * length)[..., None] * weight
        shift = result[inside].mean(axis=0) - borrowed[inside].mean(axis=0)  # the same light
        result += mask * (borrowed + shift - result)
    return np.clip(result, 0, 255).astype(np.uint8)


@dataclass
class Clip:
    """Frames made one by one; see `video.VideoSource`."""

    of: Callable[[float], Image]
    setting: Setting = field(default_factory=Setting)
    name: str = "clip"
    live: bool = False
    lost: int = 0
    note: str = ""

    fps: float = field(init=False)
    total: int = field(init=False)

    def __post_init__(self) -> None:
        self.fps = self.setting.fps
        self.total = round(self.fps * SECONDS)

    def __iter__(self) -> Iterator[Frame]:
        random = np.random.default_rng(0)
        size = self.setting.face / FACE
        for index in range(self.total):
            time = index / self.fps
            sway = affine.rotation_matrix(3 * wave(time, 3), (SIDE / 2, SIDE / 2)) * size
            sway[:, 2] += (1 - size) * SIDE / 2
            sway[:, 2] += 6 * size * wave(time, 2.3), 4 * size * wave(time, 1.7)
            shown = affine.warp(self.of(time), sway, SIDE, SIDE) * self.setting.light
            noisy = np.clip(shown + random.normal(0, self.setting.noise, shown.shape), 0, 255)
            image = noisy.astype(np.uint8)
            if self.setting.quality is not None:
                quality = [cv2.IMWRITE_JPEG_QUALITY, self.setting.quality]
                _, data = cv2.imencode(".jpg", image, quality)
                image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
            yield Frame(image, index, time, self.name)


def close_up(photo: Image, points: Array) -> tuple[Image, Array]:
    """The face and its points in the middle of an image of `SIDE` pixels, (SIDE, SIDE, 3)."""
    x, y, width, height = affine.bounding_box(points)
    size = min(FACE / max(width, height), 1.5)
    middle = np.array([x + width / 2, y + height / 2])
    matrix = np.column_stack([size * np.eye(2), SIDE / 2 - size * middle])
    shown = affine.warp(photo, matrix, SIDE, SIDE)
    color = shown if shown.ndim == 3 else np.repeat(shown[..., None], 3, axis=2)
    return color, affine.apply(matrix, points)


Course = NDArray[np.float64]
"""(T, 6): time in seconds, opening of eyes and mouth, yaw, pitch, chance of closed eyes (NaN where
no eye is seen)."""


def course(model: FaceModel, clip: Clip) -> Course:
    """Measure the frames of a clip in which the face is found."""
    names = ("eye_opening", "mouth_opening", "yaw", "pitch")
    rows = []
    for frame, faces in model.track(clip):
        for face in faces[:1]:
            measured = measure_with_reasons(face)
            measures = measured.guesses | measured.measures  # as `facepoints measure --events`
            closed = None if face.eye_closure is None else face.eye_closure.mean
            chance = np.nan if closed is None else closed
            rows.append([frame.time, *(measures[name].value for name in names), chance])
    return np.array(rows, dtype=np.float64).reshape(-1, 6)


def events_of(known: Course, config: events.EventConfig) -> list[events.Event]:
    """The events of a course, as `facepoints measure --events` finds them."""
    time, eyes, mouth, yaw, pitch, closed = known.T
    pose = np.stack([yaw, pitch], axis=1) / (SLOPES["yaw"], SLOPES["pitch"])
    wide = events.yawns(time, mouth, config=config)
    shut = events.eye_events(time, eyes, pose, closed, config=config)
    return [*wide, *(event for event in shut if not event.is_part_of_yawn(wide))]
