"""A short clip of two rendered people who pass each other, and a strip of any clip's frames.

    python examples/clip.py clip.mp4
    facepoints predict clip.mp4 --out clip.csv --draw clip-points.mp4
    python examples/clip.py clip-points.mp4 --strip clip-points.png

Writing the clip needs PyAV: pip install 'facepoints[video]'.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.datasets import synthetic
from facepoints.drawing import save_picture
from facepoints.imaging import affine
from facepoints.video.source import open_video
from facepoints.video.writer import VideoWriter

WIDTH, HEIGHT, RATE, COUNT = 640, 360, 30, 75
SIDE = 256  # pixels of the rendered pictures
PEOPLE = ((8, 1.0, -1), (19, 0.8, 1))  # row, size and direction; the first in front
NOISE = 2.0  # gray values, standard deviation of a camera's
COLUMNS, ROWS = 3, 2


def write_clip(path: Path) -> None:
    """Two people go through the picture, nod, and one passes before the other."""
    faces = synthetic.render(max(row for row, _, _ in PEOPLE) + 1, seed=0, size=SIDE)
    random = np.random.default_rng(0)
    with VideoWriter(path, RATE) as writer:
        for index in range(COUNT):
            image = np.full((HEIGHT, WIDTH, 1), 96, np.float32)
            image += np.linspace(-24, 24, HEIGHT)[:, None, None]
            for row, size, direction in reversed(PEOPLE):
                picture, points = faces.images[row], faces.points[row]
                matrix = _placed(points, size, direction, index / COUNT)
                face = affine.warp(picture, matrix, WIDTH, HEIGHT).astype(np.float32)
                image += _head(affine.apply(matrix, points)) * (face[..., None] - image)
            image += random.normal(0, NOISE, image.shape)
            whole = np.rint(np.clip(image, 0, 255)).astype(np.uint8)
            writer.add(np.repeat(whole, 3, axis=2), index / RATE)


def _placed(points: NDArray, size: float, direction: int, part: float) -> affine.Matrix:
    """Where a rendered picture lies when so large a part of the clip is over."""
    x = WIDTH / 2 + direction * WIDTH * (part - 0.5) * 0.62
    y = HEIGHT / 2 - 12 * np.cos(4 * np.pi * part) * direction
    turn = affine.rotation_matrix(10 * np.sin(2 * np.pi * part), (0.0, 0.0))[:, :2] * size
    return np.column_stack([turn, np.array([x, y]) - turn @ points.mean(axis=0)])


def _head(points: NDArray) -> NDArray[np.float32]:
    """(HEIGHT, WIDTH, 1) how much of each pixel is head, with a soft edge."""
    left, top, wide, high = affine.bounding_box(points)
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    center = round(left + wide / 2), round(top + 0.38 * high)
    cv2.ellipse(mask, center, (round(0.62 * wide), round(0.85 * high)), 0, 0, 360, 1.0, -1)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), wide / 40), np.float32)[..., None]


def write_strip(clip: Path, path: Path) -> None:
    """Frames of the whole clip side by side, the first at the top left."""
    frames = [frame.image for frame in open_video(clip)]
    chosen = np.linspace(0, len(frames) - 1, COLUMNS * ROWS).round().astype(int)
    height, width = frames[0].shape[:2]
    sheet = np.stack([frames[n] for n in chosen]).reshape(ROWS, COLUMNS, height, width, 3)
    sheet = sheet.transpose(0, 2, 1, 3, 4).reshape(ROWS * height, COLUMNS * width, 3)
    save_picture(path, sheet)


def main() -> None:
    """Write what is asked for."""
    parser = argparse.ArgumentParser(description="A clip of two people, or a strip of a clip.")
    parser.add_argument("clip", type=Path)
    parser.add_argument("--strip", type=Path, help="picture to write of a clip that is there")
    options = parser.parse_args()
    if options.strip is None:
        write_clip(options.clip)
    else:
        write_strip(options.clip, options.strip)


if __name__ == "__main__":
    main()
