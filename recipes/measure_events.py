"""Count the detected blinks and yawns of people who blink, yawn, talk, laugh, sleep, nod and turn.

    python recipes/measure_events.py --data DATA          # three minutes on one core

DATA holds the sets of `points_data.SETS` and `held-out.txt`. Clips of four seconds are made from
photos of HELEN, of people
whom `points.py` keeps to calibrate on (see `acting`), with a sway of the head and the noise of a
camera, and go through the networks of the package as any video. The limits in
`facepoints.measurement.events` were set by what this prints, and by two real clips
(`benchmarks/eyes.py`). To be run again when the networks change; --limits tries others. Expected:
two blinks a person in "blinks", a yawn in "yawns", closed eyes in "sleeps", and nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import tyro
from acting import acted, closure, gaping, turned
from eye_crops import lid_heights
from measure_factors import photos_of
from numpy.typing import NDArray

import facepoints
from facepoints.api import FaceModel
from facepoints.errors import FacepointsError
from facepoints.imaging import affine
from facepoints.measurement import events, measure
from facepoints.measurement.pose_factors import SLOPES
from facepoints.video.frame import Frame

Array = NDArray[np.floating]
Image = NDArray[np.uint8]

RATE, SECONDS = 20.0, 4.0
SIDE, FACE = 260, 140.0
"""Pixels of a clip's sides, and of the face's longer one."""
NOISE = 4.0
"""Standard deviation, in gray levels."""
EVERY = 6
"""One photo in so many."""
BLINKS = (0.8, 2.3)
OPEN_EYES = 0.12
"""Height over length of labeled lids; eyes below are closed in the photo, and cannot blink."""
LIMITS = (
    ((0.15, 3.0), (0.2, 4.0), (0.25, 3.0), (0.25, 4.0), (0.25, 5.0), (0.3, 4.0)),
    ((0.6, 0.4), (0.45, 0.3), (0.3, 0.2), (0.15, 0.08)),
)
"""Limits that --limits tries: pairs of `narrowing` and `odds_rise`, and of `yawn_peak` and
`yawn_opening`."""


@dataclass(frozen=True)
class Recipe:
    """Count blinks and yawns."""

    data: Path = Path("../shared/data")
    """Folder with the sets of `points_data.SETS` and held-out.txt."""
    limits: bool = False
    """Count with other limits as well."""


def wave(time: float, period: float) -> float:
    return float(np.sin(2 * np.pi * time / period))


def held(time: float, begin: float, end: float) -> float:
    """1 from `begin` to `end`, 0 before and after, with ramps of a quarter second."""
    return float(np.interp(time, [begin, begin + 0.25, end - 0.25, end], [0, 1, 1, 0]))


CLIPS: dict[str, Callable[[Image, Array, float], Image]] = {
    "blinks": lambda photo, points, t: acted(photo, points, closed=round(closure(t, BLINKS), 2)),
    "yawns": lambda photo, points, t: acted(photo, points, gape=0.6 * gaping(t, (0.2,))),
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
    "sleeps": lambda photo, points, t: acted(photo, points, closed=round(held(t, 1, 2.8), 2)),
    "shakes": lambda photo, points, t: turned(photo, points, 20 * wave(t, 1), 0),
    "nods": lambda photo, points, t: turned(photo, points, 0, 12 * wave(t, 1)),
    "looks round": lambda p, points, t: turned(p, points, 25 * wave(t, 3), 8 * wave(t + 0.5, 3)),
    "is still": lambda photo, points, t: photo,
}


@dataclass
class Clip:
    """Frames made one by one; see `video.VideoSource`."""

    of: Callable[[float], Image]
    name: str = "clip"
    fps: float = RATE
    total: int = round(RATE * SECONDS)
    live: bool = False
    lost: int = 0
    note: str = ""

    def __iter__(self) -> Iterator[Frame]:
        random = np.random.default_rng(0)
        for index in range(self.total):
            time = index / self.fps
            sway = affine.rotation_matrix(3 * wave(time, 3), (SIDE / 2, SIDE / 2))
            sway[:, 2] += 6 * wave(time, 2.3), 4 * wave(time, 1.7)
            shown = affine.warp(self.of(time), sway, SIDE, SIDE)
            noisy = shown + random.normal(0, NOISE, shown.shape)
            yield Frame(np.clip(noisy, 0, 255).astype(np.uint8), index, time, self.name)


def close_up(photo: Image, points: Array) -> tuple[Image, Array]:
    """The face and its points in the middle of an image of `SIDE` pixels."""
    x, y, width, height = affine.bounding_box(points)
    size = min(FACE / max(width, height), 1.5)
    middle = np.array([x + width / 2, y + height / 2])
    matrix = np.column_stack([size * np.eye(2), SIDE / 2 - size * middle])
    shown = affine.warp(photo, matrix, SIDE, SIDE)
    return np.repeat(shown[..., None], 3, axis=2), affine.apply(matrix, points)


def course(model: FaceModel, of: Callable[[float], Image]) -> Array:
    """(T, 6) of one clip: time, opening of eyes and mouth, yaw, pitch, chance of closed eyes (NaN
    where no eye is seen)."""
    names = ("eye_opening", "mouth_opening", "yaw", "pitch")
    rows = []
    for frame, faces in model.track(Clip(of)):
        for face in faces[:1]:
            measures = measure(face)
            closed = None if face.eye_closure is None else face.eye_closure.mean
            chance = np.nan if closed is None else closed
            rows.append([frame.time, *(measures[name].value for name in names), chance])
    return np.array(rows).reshape(-1, 6)


def counted(courses: list[Array], config: events.EventConfig) -> list[int]:
    """Blinks, times of closed eyes, and yawns in all of them."""
    kinds: list[str] = []
    for time, eyes, mouth, yaw, pitch, closed in (c.T for c in courses):
        pose = np.stack([yaw, pitch], axis=1) / (SLOPES["yaw"], SLOPES["pitch"])
        wide = events.yawns(time, mouth, config=config)
        shut = events.eye_events(time, eyes, pose, closed, config=config)
        kinds += [e.kind for e in wide]
        kinds += [e.kind for e in shut if not e.is_part_of_yawn(wide)]
    return [kinds.count(kind) for kind in events.KINDS]


def main(recipe: Recipe) -> None:
    (photos,) = photos_of(recipe.data, held_out=False)["helen"]
    model = facepoints.load(eye_closure=True)
    courses: dict[str, list[Array]] = {name: [] for name in CLIPS}
    for photo, points in list(zip(photos.read_images(), photos.points, strict=True))[::EVERY]:
        if lid_heights(points).min() < OPEN_EYES:
            continue
        image, place = close_up(photo, points)
        for name, made in CLIPS.items():
            courses[name].append(course(model, partial(made, image, place)))
    people = len(courses["blinks"])
    print(f"{people} people, {len(BLINKS) * people} blinks, {people} yawns")
    default = events.EVENT_CONFIG
    chosen = (
        ((default.narrowing, default.odds_rise),),
        ((default.yawn_peak, default.yawn_opening),),
    )
    for eyes, mouth in product(*(LIMITS if recipe.limits else chosen)):
        config = events.EventConfig(
            narrowing=eyes[0],
            odds_rise=eyes[1],
            yawn_peak=mouth[0],
            yawn_opening=mouth[1],
        )
        print(f"eyes {eyes}, mouth {mouth}: " + ", ".join(events.KINDS))
        for name, clips in courses.items():
            print(f"    {name:12}", *(f"{count:4}" for count in counted(clips, config)))


if __name__ == "__main__":
    try:
        main(tyro.cli(Recipe))
    except FacepointsError as error:
        sys.exit(f"error: {error}")
