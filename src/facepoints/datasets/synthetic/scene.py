"""Draws the surroundings of a synthetic face: background, hair, glasses, hands."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.synthetic.canvas import Canvas, blob, curve, noise
from facepoints.datasets.synthetic.paint import Look
from facepoints.datasets.synthetic.shape import Projection

__all__ = ["background", "cap", "glasses", "hair_behind", "hair_in_front", "obstacle"]

Array = NDArray[np.float64]


def background(canvas: Canvas, rng: np.random.Generator) -> None:
    """Draw soft clouds of light with shapes that are not a face."""
    side = len(canvas.pixels)
    tone, contrast = rng.uniform(20, 220), rng.uniform(4, 40)
    coarse = noise("soft", 64, 64, rng) * contrast
    slope = np.linspace(-0.5, 0.5, 64, dtype=np.float32) * rng.uniform(-90, 90)
    coarse = tone + coarse + (slope[:, None] if rng.random() < 0.5 else slope[None])
    field = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_LINEAR)
    canvas.pixels[:] = np.clip(field, 0, 255)
    size = canvas.size
    for _ in range(int(rng.integers(0, 9))):
        middle, reach = rng.uniform(0, size, 2), rng.uniform(0.03, 0.3, 2) * size
        shade, kind, angle = rng.uniform(0, 255), rng.random(), rng.uniform(0, np.pi)
        if kind < 0.35:
            canvas.fill(blob(middle, float(reach[0]), float(reach[1]), angle), shade)
        elif kind < 0.45:  # a shape like an eye
            canvas.fill(blob(middle, 0.06 * size, 0.035 * size, angle), 220)
            canvas.fill(blob(middle, 0.03 * size, 0.03 * size), 20)
        elif kind < 0.7:
            cos, sin = np.cos(angle), np.sin(angle)
            corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * reach
            canvas.fill(middle + corners @ np.array([[cos, sin], [-sin, cos]]), shade)
        else:
            ends = middle + np.outer([-1, 1], [np.cos(angle), np.sin(angle)]) * size
            canvas.line(ends, shade, float(rng.uniform(0.5, 5)) * size / 96)
    canvas.soften(float(rng.uniform(0.3, 2.0)) * size / 96)


_SHORT = np.array(
    [
        (1.20, 0.05, -1.1),
        (1.28, -0.5, -1.1),
        (1.18, -1.1, -1.0),
        (0.80, -1.55, -0.9),
        (0.0, -1.75, -0.9),
    ]
)
_LONG = np.array(
    [
        (1.25, 2.5, -1.0),
        (1.45, 1.6, -1.1),
        (1.45, 0.6, -1.2),
        (1.38, -0.5, -1.1),
        (1.20, -1.15, -1.0),
        (0.80, -1.6, -0.9),
        (0.0, -1.8, -0.9),
    ]
)
_FLIP = np.array([-1, 1, 1])


def _both_sides(left: Array) -> Array:
    """An outline from the left side over the top to the right side, mirrored from the left half."""
    return np.concatenate([left, (left[:-1] * _FLIP)[::-1]])


def _strands(
    canvas: Canvas, cover: NDArray, outline: Array, tone: float, rng: np.random.Generator
) -> None:
    """Draw hair with visible strands inside an outline; `cover` [0, 255] is its mask."""
    where = canvas.window(outline)
    piece = cover[where]
    if 0 in piece.shape:
        return
    grain = tone + (5 + 0.09 * tone) * noise("strands", piece.shape[0], piece.shape[1], rng)
    canvas.blend(piece, grain, where)


def hair_behind(canvas: Canvas, project: Projection, look: Look, rng: np.random.Generator) -> None:
    """Draw the hair behind the face, and the shoulders."""
    body = np.array([(-2.6, 3.2, -1.2), (-1.6, 2.25, -1.0), (1.6, 2.25, -1.0), (2.6, 3.2, -1.2)])
    canvas.fill(project(body), float(rng.uniform(15, 235)))
    if look.style in ("bald", "cap"):
        return
    shape = _LONG if look.style == "long" else _SHORT
    path = curve(project(_both_sides(shape)), 3)
    _strands(canvas, canvas.mask(path), path, look.hair * 0.85, rng)


def hair_in_front(
    canvas: Canvas, project: Projection, look: Look, rng: np.random.Generator
) -> None:
    """Draw the hair on the forehead and beside the cheeks."""
    if look.style == "cap":
        cap(canvas, project, rng)
    if look.style in ("bald", "cap"):
        return
    line = -min(look.fringe, 1.15)
    if look.style == "fringe":
        line = -0.42 - 0.15 * (look.fringe - 0.6)
    temple = 0.25 if look.style == "short" else 0.05
    part = float(rng.uniform(-0.5, 0.5))  # position of the parting
    hairline = np.array(
        [
            (1.13, -0.02, -0.96),
            (1.02, line + temple + 0.18, -0.72),
            (0.72, line + 0.06, -0.40),
            (0.36 + part * 0.3, line - 0.04, -0.25),
            (part * 0.6, line - (0.0 if look.style == "fringe" else 0.10), -0.22),
            (-0.36 + part * 0.3, line - 0.04, -0.25),
            (-0.72, line + 0.06, -0.40),
            (-1.02, line + temple + 0.18, -0.72),
            (-1.13, -0.02, -0.96),
        ]
    )
    top = _both_sides(_SHORT[1:])[::-1]
    path = np.concatenate([curve(project(hairline), 3), curve(project(top), 3)])
    outlines = [path]
    if look.style == "long":
        for sign in (1, -1):
            lock = np.array(
                [
                    (1.02, line, -0.75),
                    (1.10, 0.2, -0.85),
                    (1.10, 0.9, -0.80),
                    (1.15, 2.2, -0.8),
                    (1.50, 2.2, -0.9),
                    (1.45, 0.6, -1.1),
                    (1.30, line - 0.2, -1.0),
                ]
            ) * (sign, 1, 1)
            outlines.append(curve(project(project.nearer(lock)), 3, closed=True))
    for one in outlines:
        _strands(canvas, canvas.mask(one), one, look.hair, rng)


def cap(canvas: Canvas, project: Projection, rng: np.random.Generator) -> None:
    """Draw a cap with a brim, low on the forehead."""
    low, tone = float(rng.uniform(-0.85, -0.62)), float(rng.uniform(10, 220))
    crown = _both_sides(np.array([(1.22, low + 0.1, -0.9), (1.2, -1.2, -0.8), (0.7, -1.8, -0.7)]))
    front = np.array([(-0.7, low, -0.2), (0, low - 0.02, 0.0), (0.7, low, -0.2)])
    canvas.fill(np.concatenate([curve(project(crown), 3), curve(project(front), 3)]), tone)
    brim = np.array(
        [(-1.0, low, -0.4), (-0.5, low + 0.10, 0.35), (0.5, low + 0.10, 0.35), (1.0, low, -0.4)]
    )
    back = np.array([(0.5, low - 0.12, 0.0), (-0.5, low - 0.12, 0.0)])
    canvas.fill(curve(project(np.concatenate([brim, back])), 3, closed=True), tone * 0.7)


_LENS = np.array(
    [
        (-0.30, -0.16),
        (0.0, -0.20),
        (0.30, -0.17),
        (0.33, 0.05),
        (0.2, 0.25),
        (-0.2, 0.25),
        (-0.33, 0.05),
    ]
)


def glasses(
    canvas: Canvas, points: Array, project: Projection, look: Look, rng: np.random.Generator
) -> None:
    """Draw glasses; dark ones hide the eyes."""
    if not look.glasses:
        return
    unit, tone = project.scale, float(rng.uniform(10, 70))
    width = {"thin": 0.6, "thick": 1.7, "dark": 1.2}[look.glasses] * canvas.size / 96
    right, left = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    ahead = project(np.array([[0.0, 0.1, 0.16]]))[0] - project(np.array([[0.0, 0.1, -0.03]]))[0]
    across = (left - right) / max(float(np.hypot(*(left - right))), 1e-6)
    turn = np.array([across, [-across[1], across[0]]])
    squeeze = np.array([float(np.hypot(*(left - right))) / unit, 1.0])
    lenses = [curve(m + ahead + (_LENS * squeeze * unit) @ turn, 3, True) for m in (right, left)]
    ears = project(np.array([(-1.12, 0.05, -1.0), (1.12, 0.05, -1.0)]))
    for lens, ear, end in zip(lenses, ears, (18, 9), strict=True):
        if look.glasses == "dark":
            canvas.fill(lens, tone * 0.6)
            canvas.line(lens[[1, 4]] + (0, 0.08 * unit), tone * 0.6 + 40, width)
        canvas.line(np.stack([lens[end], ear]), tone, width)
        canvas.line(lens, tone, width, closed=True)
    canvas.line(np.stack([lenses[0][9], lenses[1][18]]), tone, width)


def obstacle(canvas: Canvas, points: Array, look: Look, rng: np.random.Generator) -> None:
    """Draw an object in front of the face: a hand, a lock of hair, a microphone or a box."""
    unit = canvas.size / 96
    kind, tone = rng.random(), float(rng.uniform(10, 245))
    spot = points[int(rng.integers(0, 68))]
    if kind < 0.35:  # a hand from below: fingers side by side
        skin = look.skin * float(rng.uniform(0.8, 1.0))
        lean, step = float(rng.uniform(-0.5, 0.5)), 8.5 * unit
        palm = spot + np.array([lean * 40, 40]) * unit
        canvas.fill(blob(palm + np.array([lean, 1]) * 14 * unit, 19 * unit, 20 * unit), skin * 0.9)
        for finger in range(4):
            tip = spot + np.array([(finger - 1.5) * step, abs(finger - 1.3) * 4 * unit])
            root = palm + np.array([(finger - 1.5) * step * 0.8, 0])
            canvas.line(np.stack([tip, root]), skin * 0.7, 9 * unit)
            canvas.line(np.stack([tip, root]), skin, 7.6 * unit)
    elif kind < 0.6:  # a lock of hair
        start = points[27] + np.array([rng.uniform(-25, 25), -50]) * unit
        aside = np.array([1, 0]) * unit
        path = curve(np.stack([start, (start + spot) / 2 + aside * 4, spot]), 6)
        for strand in range(int(rng.integers(2, 6))):
            canvas.line(path + aside * 1.6 * strand, look.hair, 1.6 * unit)
    elif kind < 0.8:  # a microphone
        ball = spot + np.array([0, 4]) * unit
        end = ball + np.array([rng.uniform(-0.6, 0.6), 1.0]) * 70 * unit
        canvas.line(np.stack([ball, end]), tone * 0.6, 6 * unit)
        canvas.fill(blob(ball, 8 * unit, 9 * unit), tone * 0.5)
    else:
        reach = rng.uniform(5, 14, 2) * unit
        corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * reach
        canvas.fill(spot + corners, tone)
