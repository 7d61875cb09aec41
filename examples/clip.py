"""Write a short clip of two rendered people who pass each other, or a strip of a clip's frames.

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
from facepoints.imaging import affine
from facepoints.imaging.image_writer import write_image
from facepoints.video.source import open_video
from facepoints.video.writer import VideoWriter

WIDTH, HEIGHT, RATE, COUNT = 640, 360, 30, 75
SIDE = 256  # pixels of the rendered faces
PEOPLE = ((8, 1.0, -1), (19, 0.8, 1))  # row, scale and direction; the first is in front
NOISE = 2.0  # standard deviation of the camera noise, gray values
COLUMNS, ROWS = 3, 2


def write_clip(path: Path, count: int = COUNT) -> None:
    """Write a clip of two people who nod and cross the image, one in front of the other.

    Args:
        path: the video file.
        count: frames to write; fewer than `COUNT` end before the people have passed each other.
    """
    faces = synthetic.render(max(row for row, _, _ in PEOPLE) + 1, seed=0, size=SIDE)
    random = np.random.default_rng(0)
    with VideoWriter(path, RATE) as writer:
        for index in range(count):
            image = np.full((HEIGHT, WIDTH, 1), 96, np.float32)
            image += np.linspace(-24, 24, HEIGHT)[:, None, None]
            for row, size, direction in reversed(PEOPLE):
                rendered, points = faces.images[row], faces.points[row]
                matrix = _placement(points, size, direction, index / COUNT)
                face = affine.warp(rendered, matrix, WIDTH, HEIGHT).astype(np.float32)
                image += _head_mask(affine.apply(matrix, points)) * (face[..., None] - image)
            image += random.normal(0, NOISE, image.shape)
            gray = np.rint(np.clip(image, 0, 255)).astype(np.uint8)
            writer.add(np.repeat(gray, 3, axis=2), index / RATE)


def _placement(points: NDArray, size: float, direction: int, progress: float) -> affine.Matrix:
    """Affine from a rendered face to the frame; `progress` goes from 0 to 1 over the clip."""
    x = WIDTH / 2 + direction * WIDTH * (progress - 0.5) * 0.62
    y = HEIGHT / 2 - 12 * np.cos(4 * np.pi * progress) * direction
    turn = affine.rotation_matrix(10 * np.sin(2 * np.pi * progress), (0.0, 0.0))[:, :2] * size
    return np.column_stack([turn, np.array([x, y]) - turn @ points.mean(axis=0)])


def _head_mask(points: NDArray) -> NDArray[np.float32]:
    """Share of each pixel that the head covers, (HEIGHT, WIDTH, 1), with a soft edge."""
    left, top, wide, high = affine.bounding_box(points)
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    center = round(left + wide / 2), round(top + 0.38 * high)
    cv2.ellipse(mask, center, (round(0.62 * wide), round(0.85 * high)), 0, 0, 360, 1.0, -1)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), wide / 40), np.float32)[..., None]


def write_strip(clip: Path, path: Path) -> None:
    """Write six frames, evenly spread over the clip, as one image; the first is at the top left."""
    frames = [frame.image for frame in open_video(clip)]
    chosen = np.linspace(0, len(frames) - 1, COLUMNS * ROWS).round().astype(int)
    height, width = frames[0].shape[:2]
    sheet = np.stack([frames[n] for n in chosen]).reshape(ROWS, COLUMNS, height, width, 3)
    sheet = sheet.transpose(0, 2, 1, 3, 4).reshape(ROWS * height, COLUMNS * width, 3)
    write_image(path, sheet)


def main() -> None:
    """Write the clip, or the strip of an existing clip."""
    parser = argparse.ArgumentParser(description="A clip of two people, or a strip of a clip.")
    parser.add_argument("clip", type=Path)
    parser.add_argument(
        "--strip", type=Path, help="image file: write a strip of frames of CLIP instead"
    )
    options = parser.parse_args()
    if options.strip is None:
        write_clip(options.clip)
    else:
        write_strip(options.clip, options.strip)


if __name__ == "__main__":
    main()
