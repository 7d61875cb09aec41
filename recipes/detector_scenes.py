"""Synthetic training images ("scenes") of the face detector, composed of photos.

A scene is a gray image of a fixed size. It contains one photo, or a mosaic of up to 49 (Bochkovskiy
et al. 2020, https://arxiv.org/abs/2004.10934), each rotated, mirrored and scaled so that the
logarithm of the size of one of its faces is uniform. Possible unlabelled faces are marked as
unknown: they count neither as face nor as background. A few photos are turned by 90 degrees or
more. Their faces count as background: the network shall tell the right way up.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.imaging import affine

__all__ = ["SIDE", "Scene", "ScenePhoto", "draw_scene", "scene_photo"]

SIDE = 256
"""Side of a scene, pixels."""
PADDING = 128
"""Gray value around images that do not fill the network input; 0 after normalization."""
SMALLEST, LARGEST = 9.0, 250.0  # pixels: faces of other sizes are unknown
MOST_TILES = 7
"""Most rows and most columns of a mosaic."""
EMPTY_SHARE = 0.15
"""Share of tiles that show a picture without a face."""
TURNED_SHARE, TURNED = 0.07, (85.0, 275.0)
"""Share of tiles whose faces lie on their side or upside down, and by how many degrees."""
INVERTED_SHARE = 0.03
"""Share of tiles that are shown as a negative."""
TIGHT_SHARE, TIGHT = 0.25, 0.45
"""Share of the scenes of one photo that are tight crops: the face is larger than this fraction."""
_VISIBLE, _GLIMPSE = (
    0.55,
    0.1,
)  # minimum visible fraction of a face, and of an unknown
_EYES_NOSE_MOUTH = (slice(36, 42), slice(42, 48), slice(30, 31), slice(48, 49), slice(54, 55))

Gray = NDArray[np.uint8]


@dataclass(frozen=True)
class ScenePhoto:
    """A photo to compose scenes of.

    Attributes:
        levels: the photo, its half, its quarter, ...
        faces: frames (M, 2, 3) of the labelled faces as similarities from the mean face, whose
            box is about 0 with a longer side of 1, to the photo.
        points: (M, 5, 2) in the photo.
        unknown: (M, 3) center and side of squares that may show other faces.
    """

    levels: tuple[Gray, ...]
    faces: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2, 3)))
    points: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 5, 2)))
    unknown: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 3)))


@dataclass
class Scene:
    """An image (SIDE, SIDE) uint8 with its faces, in its pixels.

    Attributes:
        faces: for each face (x, y, longer side, cosine and sine of its turn clockwise, and its
            five points).
        unknown: squares (x, y, side) that may show a face.
    """

    image: Gray
    faces: list[NDArray[np.float64]] = field(default_factory=list)
    unknown: list[tuple[float, float, float]] = field(default_factory=list)


def scene_photo(
    image: Gray,
    points: NDArray[np.float64] | None = None,
    shape: NDArray | None = None,
    unknown: NDArray[np.float64] | None = None,
) -> ScenePhoto:
    """A photo with the points (M, 68, 2) of its faces, aligned to the mean shape (68, 2)."""
    levels = [image]
    while min(levels[-1].shape) >= 32:
        height, width = levels[-1].shape
        levels.append(affine.resize(levels[-1], -(-width // 2), -(-height // 2)))
    if points is None or shape is None:
        return ScenePhoto(tuple(levels))
    five = np.stack([points[:, part].mean(axis=1) for part in _EYES_NOSE_MOUTH], axis=1)
    frames = np.stack([affine.fit_similarity(shape, face) for face in points])
    return ScenePhoto(tuple(levels), frames, five, np.zeros((0, 3)) if unknown is None else unknown)


def draw_scene(
    rng: np.random.Generator,
    faces: list[list[ScenePhoto]],
    empty: list[ScenePhoto],
    shares: NDArray[np.float64] | None = None,
) -> Scene:
    """A random scene.

    Args:
        faces: sets of photos with faces.
        empty: photos without one.
        shares: how likely a photo comes from each set; None: all sets are equally likely.
    """
    scene = Scene(_background(rng, empty))
    kind = rng.random()
    if kind < 0.5:
        tiles = [(0, 0, SIDE, SIDE)]
    else:
        most = 5 if kind < 0.9 else MOST_TILES + 1
        grid = (2, 2) if kind < 0.7 else (int(rng.integers(2, most)), int(rng.integers(2, most)))
        tiles = _cut(rng, grid)
    if kind < 0.5 and rng.random() < 0.4:  # an image that does not fill the network input
        short = int(SIDE * rng.uniform(0.5, 0.97))
        start = 0 if rng.random() < 0.5 else int(rng.integers(SIDE - short + 1))
        upright = rng.random() < 0.5
        tiles = [(start, 0, short, SIDE) if upright else (0, start, SIDE, short)]
        scene.image[:] = PADDING
    for tile in tiles:
        if rng.random() < EMPTY_SHARE:
            _fill(rng, scene, empty[rng.integers(len(empty))], tile)
        else:
            chosen = faces[rng.choice(len(faces), p=shares)]
            _fill(rng, scene, chosen[rng.integers(len(chosen))], tile)
    inside = scene.image
    if len(tiles) == 1:
        x, y, width, height = tiles[0]
        inside = scene.image[y : y + height, x : x + width]
    _degrade(rng, inside)
    return scene


Tile = tuple[int, int, int, int]


def _cut(rng: np.random.Generator, grid: tuple[int, int]) -> list[Tile]:
    """Tiles (x, y, width, height) of rows and columns of random widths."""
    edges = []
    for count in grid:
        parts = rng.uniform(0.6, 1.4, count)
        edges.append([0, *np.rint(np.cumsum(parts) / parts.sum() * SIDE).astype(int)])
    rows, columns = edges
    return [
        (int(x), int(y), int(right - x), int(bottom - y))
        for y, bottom in itertools.pairwise(rows)
        for x, right in itertools.pairwise(columns)
    ]


def _background(rng: np.random.Generator, empty: list[ScenePhoto]) -> Gray:
    """Background around the photos: a texture or one gray level."""
    if rng.random() < 0.5:
        return np.full((SIDE, SIDE), rng.integers(256), np.uint8)
    return _patch(rng, empty, SIDE, SIDE)


def _patch(rng: np.random.Generator, empty: list[ScenePhoto], width: int, height: int) -> Gray:
    """A random part of an image without a face."""
    levels = empty[rng.integers(len(empty))].levels
    level = levels[rng.integers(min(3, len(levels)))]
    least = max(width / level.shape[1], height / level.shape[0])
    scale = least * float(np.exp(rng.uniform(0, 0.7)))
    room = np.array(level.shape[::-1]) * scale - (width, height)
    shift = -rng.uniform(0, np.maximum(room, 1e-6))
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    return affine.warp(level, matrix, width, height)


def _fill(rng: np.random.Generator, scene: Scene, photo: ScenePhoto, tile: Tile) -> None:
    """Draw a photo into a tile of the scene, and add its faces."""
    left, top, width, height = tile
    fallen = rng.random() < TURNED_SHARE
    chosen = int(rng.integers(len(photo.faces))) if len(photo.faces) else None
    matrix = _placement(rng, photo, chosen, (width, height), fallen)
    view = scene.image[top : top + height, left : left + width]
    _draw_photo(rng, photo.levels, matrix, view)
    _relight(rng, view)
    if fallen:
        return
    shift = np.array([left, top], dtype=float)
    for x, y, side in photo.unknown:
        right, down = map(float, affine.apply(matrix, np.array([x, y])) + shift)
        scene.unknown.append((right, down, side * float(np.hypot(*matrix[:, 0]))))
    for number, (face, points) in enumerate(zip(photo.faces, photo.points, strict=True)):
        frame = affine.compose(face, matrix)
        if _shown(rng, scene, view, frame, (left, top), changed=number == chosen):
            scene.faces.append(_target(frame, affine.apply(matrix, points), shift))


def _shown(
    rng: np.random.Generator,
    scene: Scene,
    view: Gray,
    frame: NDArray[np.float64],
    corner: tuple[int, int],
    changed: bool,
) -> bool:
    """True if a face of the tile counts as one. A face that is cut off or has another size is
    unknown. A few of those that may be changed are covered in part, or replaced."""
    side = float(np.hypot(*frame[:, 0]))
    middle = frame[:, 2]
    height, width = view.shape
    visible = _visible(middle, side, width, height)
    if changed and visible > _VISIBLE:
        if rng.random() < 0.05:
            _empty_face(rng, view, frame, side)
            return False
        if rng.random() < 0.25:
            _cover(rng, view, middle, side)
    if visible < _VISIBLE or not SMALLEST < side < LARGEST:
        if visible > _GLIMPSE:
            right, down = map(float, middle + corner)
            scene.unknown.append((right, down, side * 1.1))
        return False
    return True


def _target(
    frame: NDArray[np.float64], points: NDArray[np.floating], shift: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A face as in `Scene.faces`. In a mirrored photo the frame's x axis points to the left; the
    face's to the right."""
    side = float(np.hypot(*frame[:, 0]))
    mirrored = np.linalg.det(frame[:, :2]) < 0
    axis = frame[:, 0] / side * (-1 if mirrored else 1)
    points = points[[1, 0, 2, 4, 3]] if mirrored else points
    return np.array([*(frame[:, 2] + shift), side, *axis, *(points + shift).ravel()])


def _visible(middle: NDArray[np.float64], side: float, width: int, height: int) -> float:
    """Fraction of the square around a face that lies in the tile."""
    low = np.maximum(middle - side / 2, -0.5)
    high = np.minimum(middle + side / 2, (width - 0.5, height - 0.5))
    return float(np.clip(high - low, 0, None).prod()) / side**2


def _placement(
    rng: np.random.Generator,
    photo: ScenePhoto,
    chosen: int | None,
    tile: tuple[int, int],
    fallen: bool,
) -> NDArray[np.float64]:
    """Similarity, mirrored or not, from the photo to a tile (width, height), that shows the chosen
    face."""
    width, height = tile
    size = min(width, height)
    rows, columns = photo.levels[0].shape
    small = rng.random() < 0.5
    turn = np.deg2rad(rng.normal(0, 8) if small else rng.uniform(-50, 50))
    if fallen:
        turn = np.deg2rad(rng.uniform(*TURNED))
    if chosen is None:
        scale = float(np.exp(rng.uniform(np.log(0.7), np.log(2)))) * size / min(rows, columns)
        if rng.random() < 0.3:  # a part of it, enlarged
            scale *= rng.uniform(1.5, 3)
        about = np.array([columns / 2, rows / 2]) + rng.uniform(-0.35, 0.35, 2) * (columns, rows)
        place = np.array([width / 2, height / 2])
    else:
        face = photo.faces[chosen]
        side = float(np.hypot(*face[:, 0]))
        least = max(10.0, 0.1 * size)
        if rng.random() < 0.85:  # tiny photos on a large background teach little
            covers = 0.6 * size / min(rows, columns) * side
            least = max(least, min(0.6 * size, covers))
        largest = max(0.95 * size, least)
        scale = float(np.exp(rng.uniform(np.log(least), np.log(largest))))
        if size > 200 and rng.random() < 0.35:  # as in real photos
            whole = min(width / columns, height / rows) * side
            scale = float(np.clip(whole * np.exp(rng.uniform(-0.15, 0.15)), least, largest))
        elif size > 200 and rng.random() < TIGHT_SHARE:
            scale = float(np.exp(rng.uniform(np.log(TIGHT * size), np.log(largest))))
        margin = 0.5 * scale * rng.choice([1.0, 0.7, 0.3], p=[0.8, 0.15, 0.05])
        room = np.maximum(np.array([width, height]) - 2 * margin, 1)
        place = margin + rng.random(2) * room
        about = face[:, 2]
        scale = scale / side
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    linear = np.array([[cos, -sin], [sin, cos]])
    if rng.random() < 0.5:
        linear = linear @ np.diag([-1.0, 1.0])
    return np.column_stack([linear, place - linear @ about])


def _draw_photo(
    rng: np.random.Generator,
    levels: tuple[Gray, ...],
    matrix: NDArray[np.float64],
    view: Gray,
) -> None:
    """Draw a photo into `view` by an affine map. Outside of it the background stays, the border
    of the photo is repeated, or one gray level is used."""
    scale = float(np.hypot(*matrix[:, 0]))
    number = int(np.clip(np.floor(-np.log2(scale) + 0.25), 0, len(levels) - 1))
    level = levels[number]
    factors = np.array(level.shape[::-1]) / levels[0].shape[::-1]
    matrix = affine.compose(affine.invert(affine.resize_matrix(*factors)), matrix)
    border = rng.choice([cv2.BORDER_TRANSPARENT, cv2.BORDER_REPLICATE, cv2.BORDER_CONSTANT])
    even = PADDING if rng.random() < 0.3 else int(rng.integers(256))
    drawn = cv2.warpAffine(
        level,
        matrix,
        view.shape[::-1],
        dst=np.ascontiguousarray(view),
        flags=cv2.INTER_LINEAR,
        borderMode=int(border),
        borderValue=even,
    )
    view[:] = drawn


def _empty_face(
    rng: np.random.Generator, view: Gray, frame: NDArray[np.float64], side: float
) -> None:
    """Replace a face by another part of the image, by its blur, or by noise."""
    height, width = view.shape
    mask = np.zeros(view.shape, np.uint8)
    middle = tuple(int(v) for v in np.rint(frame[:, 2]))
    angle = affine.rotation_of(frame)
    axes = (int(side * 0.5) + 2, int(side * rng.uniform(0.58, 0.7)) + 2)
    cv2.ellipse(mask, middle, axes, angle, 0, 360, 255, -1)
    soft = cv2.GaussianBlur(mask, (0, 0), max(0.5, side * rng.uniform(0.01, 0.06)))
    kind = rng.integers(3)
    if kind == 0:
        filler = np.roll(view, (int(side * 1.3), int(side * 1.4)), (0, 1))
    elif kind == 1:
        filler = cv2.GaussianBlur(view, (0, 0), side * 0.25)
    else:
        coarse = max(2, int(rng.integers(2, 12)))
        small = rng.normal(view.mean(), rng.uniform(5, 60), (coarse, coarse)).clip(0, 255)
        filler = cv2.resize(small.astype(np.uint8), (width, height))
    part = soft.astype(np.float32) / 255
    view[:] = (view * (1 - part) + np.asarray(filler) * part).astype(np.uint8)


def _cover(rng: np.random.Generator, view: Gray, middle: NDArray[np.float64], side: float) -> None:
    """Cover a part of a face, at most half of it."""
    half = side * rng.uniform(0.1, 0.3, 2)
    way = rng.uniform(0, 2 * np.pi)
    x, y = middle + side * rng.uniform(0.2, 0.5) * np.array([np.cos(way), np.sin(way)])
    left, right = np.clip([x - half[0], x + half[0]], 0, view.shape[1]).astype(int)
    top, bottom = np.clip([y - half[1], y + half[1]], 0, view.shape[0]).astype(int)
    part = view[top:bottom, left:right]
    if not part.size:
        return
    if rng.random() < 0.5:
        part[:] = rng.integers(256)
    else:
        part[:] = np.roll(view, view.shape[0] // 2, 0)[top:bottom, left:right]


def _relight(rng: np.random.Generator, view: Gray) -> None:
    """Change gamma, contrast and brightness of one photo, by a lookup table. One in seven becomes
    very dark, very bright or very flat; a few become negatives; one in eight is lit from a
    side."""
    values = np.linspace(0, 1, 256) ** np.exp(rng.normal(0, 0.3))
    gain = np.exp(rng.normal(0, 0.25))
    mean = float(view.mean()) / 255
    values = (values - mean) * gain + mean + rng.normal(0, 0.1)
    strong = rng.random()
    if strong < 0.05:
        values = values * rng.uniform(0.12, 0.5)
    elif strong < 0.10:
        values = 1 - (1 - values) * rng.uniform(0.3, 0.6)
    elif strong < 0.14:
        values = values * rng.uniform(0.2, 0.5) + rng.uniform(0, 0.5)
    if rng.random() < INVERTED_SHARE:
        values = 1 - values
    view[:] = cv2.LUT(view, (values * 255).clip(0, 255).astype(np.uint8))
    if rng.random() < 0.12:
        _light_from_a_side(rng, view)


def _light_from_a_side(rng: np.random.Generator, view: Gray) -> None:
    """Multiply by a soft edge between light and shade in a random direction."""
    height, width = view.shape
    way = rng.uniform(0, 2 * np.pi)
    ys, xs = np.mgrid[:height, :width].astype(np.float32)
    along = (xs / width - rng.uniform(0.3, 0.7)) * np.cos(way)
    along += (ys / height - rng.uniform(0.3, 0.7)) * np.sin(way)
    light = 1 / (1 + np.exp(-along * rng.uniform(2, 14)))
    least = rng.uniform(0.15, 0.7)
    view[:] = (view * (least + (rng.uniform(1, 1.4) - least) * light)).clip(0, 255)


def _degrade(rng: np.random.Generator, image: Gray) -> None:
    """Degrade an image in place: low resolution, blur, noise, JPEG artifacts."""
    height, width = image.shape
    if rng.random() < 0.15:
        part = rng.uniform(0.3, 0.9)
        small = cv2.resize(image, None, fx=part, fy=part, interpolation=cv2.INTER_AREA)
        image[:] = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.2:
        strong = 3.0 if rng.random() < 0.2 else 1.6
        image[:] = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, strong))
    if rng.random() < 0.2:
        noise = np.empty((height, width), np.int16)
        cv2.setRNGSeed(int(rng.integers(2**31)))
        cv2.randn(noise, 0, rng.uniform(2, 14))  # pyright: ignore[reportCallIssue, reportArgumentType]
        image[:] = cv2.add(image, noise, dtype=cv2.CV_8U)
    if rng.random() < 0.2:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 80))]
        done, data = cv2.imencode(".jpg", image, quality)
        if done:
            image[:] = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))
