"""Shades a synthetic face by a light, and turns the canvas into a camera image."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.datasets.synthetic.canvas import GRID, Canvas, noise
from facepoints.datasets.synthetic.paint import Look
from facepoints.datasets.synthetic.shape import Projection

__all__ = ["Light", "camera", "shine"]

Array = NDArray[np.float64]
Field = NDArray[np.float32]


class Light:
    """A light: the unit vector towards it (x, y, z), and the share of ambient light."""

    def __init__(self, rng: np.random.Generator) -> None:
        n = rng.normal(size=3)
        towards = np.array([0.65 * n[0], -0.35 + 0.35 * n[1], 1.0])
        self.towards = towards / np.linalg.norm(towards)
        self.ambient = float(rng.uniform(0.3, 0.7))


# Bumps (height, horizontal and vertical reach) in head units, at points of the face.
_BRIDGE = ((0.05, 0.13, 0.18), (0.14, 0.14, 0.18), (0.22, 0.16, 0.18), (0.26, 0.17, 0.16))


def _bumps(points: Array) -> tuple[Array, Array]:
    """The bumps that shape the face: centers (n, 2) in pixels; (height, reach in x, reach in y)
    (n, 3) in head units."""
    eyes = [points[36:42].mean(axis=0), points[42:48].mean(axis=0)]
    brows = [points[18:21].mean(axis=0), points[23:26].mean(axis=0)]
    cheeks = [points[36] * 0.5 + points[48] * 0.5, points[45] * 0.5 + points[54] * 0.5]
    rows = [(points[27 + i], _BRIDGE[i]) for i in range(4)]
    rows += [(points[i], (0.12, 0.10, 0.10)) for i in (31, 35)]
    rows += [(eye, (-0.20, 0.27, 0.14)) for eye in eyes]
    rows += [(eye, (0.09, 0.14, 0.09)) for eye in eyes]
    rows += [(brow, (0.10, 0.30, 0.11)) for brow in brows]
    rows += [(cheek, (0.13, 0.26, 0.26)) for cheek in cheeks]
    rows += [(points[51], (0.07, 0.25, 0.08)), (points[66], (0.08, 0.22, 0.08))]
    rows += [(points[57] + (points[57] - points[51]) * 0.4, (-0.08, 0.25, 0.08))]
    rows += [(points[8] * 0.8 + points[57] * 0.2, (0.16, 0.24, 0.20))]
    return np.array([r[0] for r in rows]), np.array([r[1] for r in rows])


def _sum_of_blobs(centers: Array, shapes: Array, size: int, unit: float) -> Field:
    """Sum (GRID, GRID) of upright Gaussians; centers in pixels, shapes in head units."""
    step = size / GRID
    axis = ((np.arange(GRID) + 0.5) * step - 0.5).astype(np.float32)
    across = np.exp(-0.5 * ((axis - centers[:, :1]) / (shapes[:, 1:2] * unit)) ** 2)
    down = np.exp(-0.5 * ((axis - centers[:, 1:]) / (shapes[:, 2:] * unit)) ** 2)
    return ((down * shapes[:, :1]).T @ across).astype(np.float32)


def shine(
    canvas: Canvas,
    face: Array,
    points: Array,
    project: Projection,
    light: Light,
    look: Look,
    rng: np.random.Generator,
) -> None:
    """Shade the face inside its outline: a rounded head with relief, shadows and highlights."""
    size, unit = canvas.size, project.scale
    relief = _sum_of_blobs(*_bumps(points), size, unit)
    middle = project(np.array([[0.0, 0.25, -0.8]]))[0]
    axis = ((np.arange(GRID) + 0.5) * size / GRID - 0.5).astype(np.float32)
    u = (axis - middle[0]) / (1.32 * unit)
    v = (axis - middle[1]) / (1.85 * unit)
    round_head = np.sqrt(np.maximum(1.03 - u[None] ** 2 - v[:, None] ** 2, 0.04))
    height = (round_head * 1.15 + relief).astype(np.float32)
    step = size / GRID / unit
    slope_y, slope_x = np.gradient(height, step)
    length = np.sqrt(slope_x**2 + slope_y**2 + 1)
    lx, ly, lz = light.towards
    facing = (lz - lx * slope_x - ly * slope_y) / length
    bright = light.ambient + (1 - light.ambient) * np.maximum(facing, 0) * 1.15
    # Half vector of light and view, for highlights on nose, forehead and lip.
    half = light.towards + np.array([0, 0, 1])
    hx, hy, hz = half / np.linalg.norm(half)
    gloss = np.maximum((hz - hx * slope_x - hy * slope_y) / length, 0) ** 24
    bright = bright + gloss * 0.16
    # Dark places: eye sockets, under the nose and the lip, beside the nose.
    away = np.array([-lx, max(0.35, -ly)]) * unit * 0.16
    dark = np.array([points[39], points[42], points[33] + away, points[57] + away])
    depth = np.array([(0.16, 0.14, 0.14)] * 2 + [(0.17, 0.20, 0.07), (0.15, 0.22, 0.07)])
    bright = bright * (1 - _sum_of_blobs(dark, depth, size, unit))
    side = len(canvas.pixels)
    whole = cv2.resize(bright.astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR)
    where = canvas.window(face)
    lit = canvas.pixels[where] * whole[where]
    lit += (0.016 * look.skin) * noise("soft", lit.shape[0], lit.shape[1], rng)
    canvas.blend(canvas.mask(face)[where], lit, where)


def camera(canvas: Canvas, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The image (size, size) that a camera takes: with blur, exposure, contrast and noise."""
    size = canvas.size
    unit = size / 96
    canvas.soften(float(0.25 + 0.9 * rng.random() ** 2.5) * unit)
    small = cv2.resize(canvas.pixels, (size, size), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.12:  # taken from a distance
        coarse = int(size * rng.uniform(0.4, 0.7))
        small = cv2.resize(small, (coarse, coarse), interpolation=cv2.INTER_AREA)
        small = cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR)
    tones = np.arange(256, dtype=np.float32) / 255
    # Exposure for the center of the image, roughly, as in cameras.
    third = size // 3
    metered = float(small[third:-third, third:-third].mean()) / 255
    gamma, wanted = np.exp(0.2 * rng.normal()), rng.uniform(0.27, 0.68)
    gain = (0.7 * wanted + 0.3 * metered) / max(metered**gamma, 0.02)
    low = rng.uniform(0, 25)
    table = low + np.power(tones, gamma) * gain * (255 - low)
    image = table.astype(np.float32)[small]
    image += noise("fine", size, size, rng) * float(7.5 * rng.random() ** 2 + 0.6)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)
