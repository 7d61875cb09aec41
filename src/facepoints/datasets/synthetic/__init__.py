"""Synthetic gray faces with exact points, for demos, tests and benchmarks.

A 3-D head of 68 points gets the shape of a person and an expression. It is rotated, projected, and
drawn feature by feature at its points: skin, hair, beard, glasses, light from one side, a cluttered
background, objects in front, then the blur and grain of a camera. Seed and row number determine
everything; no image of a real person is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.samples import Samples
from facepoints.datasets.synthetic import light, paint, scene
from facepoints.datasets.synthetic.actions import ACTIONS, Movers, act, with_real_depth
from facepoints.datasets.synthetic.canvas import Canvas
from facepoints.datasets.synthetic.shape import (
    Expression,
    Projection,
    express,
    neutral_shape,
    pose,
)
from facepoints.errors import SettingsError
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15

__all__ = [
    "ACTIONS",
    "NARROW_POINTS",
    "ROWS_PER_PERSON",
    "kaggle_like",
    "render",
    "render_actions",
    "render_gaze",
]

ROWS_PER_PERSON = 4
"""Consecutive rows that show the same person in other poses, expressions and light."""

NARROW_POINTS = ("left_eye_center", "right_eye_center", "nose_tip", "mouth_center_bottom_lip")
"""The points of the narrow marking scheme. Nearly every row of Kaggle's file has all of them."""

_EYE_RADIUS = 10.5 / 63  # from the center of an eye to its pupil, in head units of 63 mm
_PERSON, _SHOT, _BLANKS, _MOVERS = 1, 2, 3, 4  # uses of the random streams


def render(count: int, *, seed: int = 0, size: int = 96) -> Samples:
    """Render faces with 68 exact points, all inside the image.

    Row i depends only on `seed`, `size` and i, not on `count`. Points hidden by glasses, hair or
    a hand are labeled too. `as_landmarks(KAGGLE_15)` gives Kaggle's 15 points.

    Args:
        count: number of faces. Four consecutive rows show one person, which is their group.
        seed: random seed, 0 or more.
        size: side of the square images in pixels, at least 24.

    Raises:
        SettingsError: count, seed or size is out of range.
    """
    if count < 0 or seed < 0 or size < 24:
        raise SettingsError(
            f"synthetic faces need count >= 0, seed >= 0 and size >= 24; "
            f"got count {count}, seed {seed}, size {size}"
        )
    return _samples([None] * count, seed, size)


def render_actions(
    actions: Sequence[Mapping[str, float]], *, seed: int = 0, size: int = 96
) -> Samples:
    """Render faces whose expression is known, as `render` does, a row for each of `actions`.

    Nothing hides them: no glasses, beard, fringe or hand.

    Args:
        actions: how far each movement of `ACTIONS` goes, 0 to 1, by name; those left out are 0.
            Four consecutive rows show one person, whose movements go somewhat farther or less far
            than those of others.
        seed: random seed, 0 or more.
        size: side of the square images in pixels, at least 24.

    Raises:
        SettingsError: seed or size is out of range, or there is no such movement.
    """
    if seed < 0 or size < 24:
        raise SettingsError(
            f"synthetic faces need seed >= 0 and size >= 24; got seed {seed}, size {size}"
        )
    return _samples(actions, seed, size)


def render_gaze(
    directions: Sequence[tuple[float, float]], *, seed: int = 0, size: int = 192
) -> Samples:
    """Render faces with open eyes whose direction is known, as `render` does, a row for each.

    The irises turn about centers that lie 10.5 mm behind the middle of the lids, on a head whose
    eyes are 63 mm apart. The upper lids follow them up and down, as they do in people.

    Args:
        directions: yaw and pitch of the eyes in degrees, relative to the line from the camera:
            positive to the right of the image and up.
        seed: random seed, 0 or more.
        size: side of the square images in pixels, at least 24.

    Raises:
        SettingsError: seed or size is out of range, or a direction is more than 60 degrees off.
    """
    if seed < 0 or size < 24 or any(max(map(abs, one)) > 60 for one in directions):
        raise SettingsError(
            f"synthetic gazes need seed >= 0, size >= 24 and angles of up to 60 degrees; got seed "
            f"{seed}, size {size}"
        )
    return _samples([_following_lids(pitch) for _, pitch in directions], seed, size, directions)


def _following_lids(pitch: float) -> dict[str, float]:
    """The movement of the lids of eyes that look up or down by `pitch` degrees."""
    name, reach = ("eyeWide", 0.03) if pitch > 0 else ("eyeBlink", 0.02)
    return {f"{name}{side}": min(abs(pitch) * reach, 0.7) for side in ("Left", "Right")}


def _samples(
    actions: Sequence[Mapping[str, float] | None],
    seed: int,
    size: int,
    directions: Sequence[tuple[float, float]] | None = None,
) -> Samples:
    """Render a row for each entry; None: with a random expression. `directions` of the eyes."""
    count = len(actions)
    images = np.empty((count, size, size), dtype=np.uint8)
    points = np.empty((count, len(IBUG_68), 2), dtype=np.float32)
    for row in range(count):
        direction = None if directions is None else directions[row]
        images[row], points[row] = _face(row, seed, size, actions[row], direction)
    people = np.arange(count) // ROWS_PER_PERSON
    return Samples(
        images=images,
        points=points,
        labelled=np.ones(points.shape[:2], dtype=bool),
        landmarks=IBUG_68,
        group=np.array([f"person-{seed}-{p}" for p in people], dtype=np.str_),
        names=np.array([f"synthetic-{row:06d}" for row in range(count)], dtype=np.str_),
        scheme=np.zeros(count, dtype=np.int16),
        schemes={"synthetic": IBUG_68.names},
    )


def _iris_shifts(
    turned: NDArray[np.float64], project: Projection, direction: tuple[float, float]
) -> NDArray[np.float64]:
    """Shifts (2, 2) of the right and left iris from the mean of the lids, in eye widths."""
    yaw, pitch = np.deg2rad(direction)
    seen = [np.sin(yaw) * np.cos(pitch), -np.sin(pitch), np.cos(yaw) * np.cos(pitch)]
    ahead = np.array([0, 0, _EYE_RADIUS])
    shifts = []
    for eye in (turned[36:42], turned[42:48]):
        iris = eye.mean(axis=0) - ahead + _EYE_RADIUS * (project.turn.T @ seen)
        lids = project(eye)
        wide = np.hypot(*(lids[3] - lids[0]))
        shifts.append((project(iris) - lids.mean(axis=0)) / wide)
    return np.array(shifts)


def _face(
    row: int,
    seed: int,
    size: int,
    actions: Mapping[str, float] | None = None,
    direction: tuple[float, float] | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Render the image (size, size) and the points (68, 2) of one row."""
    who = np.random.default_rng([seed, _PERSON, row // ROWS_PER_PERSON])
    rng = np.random.default_rng([seed, _SHOT, row])
    look, shape = paint.Look.draw(who), neutral_shape(who)
    mood = Expression.draw(rng)
    smile, closed = mood.smile, (mood.close_eyes, mood.close_eyes)
    if actions is None:
        moved = express(shape, mood)
    else:
        moves = np.random.default_rng([seed, _MOVERS, row // ROWS_PER_PERSON])
        movers, shape = Movers.draw(moves), with_real_depth(shape, moves)
        look = replace(look, beard=0.0)
        moved = act(shape, actions, movers)
        right, left = (actions.get(f"eyeBlink{side}", 0.0) for side in ("Right", "Left"))
        smile = max(actions.get(f"mouthSmile{side}", 0.0) for side in ("Right", "Left"))
        closed = (right, left)
    turned, project = pose(moved, rng, size)
    points = project(turned)
    unit = project.scale
    canvas = Canvas(size, max(2, -(-160 // size)))
    scene.background(canvas, rng)
    scene.hair_behind(canvas, project, look, rng)
    outline = paint.head(canvas, points, project, look)
    paint.beard(canvas, points, look, unit, rng)
    paint.folds(canvas, points, look, smile)
    paint.nose(canvas, points, look, unit)
    paint.mouth(canvas, points, look, unit)
    gaze = np.clip(rng.normal(scale=(0.03, 0.012)), -0.06, 0.06)
    if direction is not None:
        gaze = _iris_shifts(turned, project, direction)
    paint.eyes(canvas, points, look, gaze, closed)
    paint.brows(canvas, points, look, unit)
    light.shine(canvas, outline, points, project, light.Light(rng), look, rng)
    if actions is None:
        scene.hair_in_front(canvas, project, look, rng)
        scene.glasses(canvas, points, project, look, rng)
        if rng.random() < 0.15:
            scene.obstacle(canvas, points, look, rng)
    return light.camera(canvas, rng), points


def kaggle_like(count: int, *, seed: int = 0, size: int = 96) -> Samples:
    """Render faces labeled as in Kaggle's training.csv: two marking schemes, missing labels.

    The first third of the rows has 15 points ("15-point"). The other rows have only the four
    points of the narrow scheme ("4-point"). Their nose tip is 7 px lower and their bottom lip 5 px
    higher (in images of 96 px), as in the competition's file. About 1 % of all labels are blank.

    Arguments and errors are those of `render`.
    """
    whole = render(count, seed=seed, size=size).as_landmarks(KAGGLE_15)
    columns = KAGGLE_15.columns(NARROW_POINTS)
    narrow_rows = np.arange(count) >= -(-count // 3)
    points = whole.points.copy()
    unit = size / 96
    points[narrow_rows, columns[2], 1] += 7 * unit
    points[narrow_rows, columns[3], 1] -= 5 * unit
    rng = np.random.default_rng([seed, _BLANKS])
    labelled = rng.random((count, len(KAGGLE_15))) >= 0.01
    outside = np.ones(len(KAGGLE_15), dtype=bool)
    outside[columns] = False
    labelled[np.ix_(narrow_rows, outside)] = False
    labelled[:, columns[2]] = True  # the real file has the nose tip in every row
    marked = whole.with_points(points, labelled)
    return Samples(
        images=marked.images,
        points=marked.points,
        labelled=marked.labelled,
        landmarks=KAGGLE_15,
        group=marked.group,
        names=marked.names,
        scheme=narrow_rows.astype(np.int16),
        schemes={"15-point": KAGGLE_15.names, "4-point": NARROW_POINTS},
    )
