"""The page's operations on pixels give what OpenCV gives, to the last bit."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from page_modules import run_modules

from facepoints.imaging import affine
from facepoints.imaging.image_io import to_gray
from facepoints.inference.cropping import crop

GRAY_IMAGE = "predict/gray_image.js"
RANDOM = np.random.default_rng(0)


def noise(height: int, width: int, *channels: int) -> NDArray[np.uint8]:
    return RANDOM.integers(0, 256, (height, width, *channels), dtype=np.uint8)


def plain(image: NDArray[np.uint8]) -> dict[str, Any]:
    return {
        "data": image.ravel().tolist(),
        "width": image.shape[1],
        "height": image.shape[0],
    }


def as_array(image: dict[str, Any]) -> NDArray[np.uint8]:
    return np.array(image["data"], np.uint8).reshape(image["height"], image["width"])


def test_colors_become_gray_as_in_opencv() -> None:
    image = noise(40, 60, 3)
    rgba = np.concatenate([image, np.full((40, 60, 1), 255, np.uint8)], axis=2)
    body = "const g = toGray(data); return {...g, data: [...g.data]};"
    gray = run_modules({GRAY_IMAGE: "toGray"}, body, plain(rgba))
    np.testing.assert_array_equal(as_array(gray), to_gray(image))


@pytest.mark.parametrize("factor", [2, 3, 4, 7, 50])
def test_shrinking_averages_as_in_opencv(factor: int) -> None:
    image = noise(45, 121)
    body = "const g = shrink(data[0], data[1]); return {...g, data: [...g.data]};"
    small = run_modules({GRAY_IMAGE: "shrink"}, body, [plain(image), factor])
    np.testing.assert_array_equal(as_array(small), affine.shrink(image, factor))


@pytest.mark.parametrize("size", [(50, 40), (61, 37), (120, 90), (1, 1), (200, 33)])
def test_resizing_interpolates_as_in_opencv(size: tuple[int, int]) -> None:
    image = noise(75, 99)
    body = "const g = resizeLinear(data[0], ...data[1]); return {...g, data: [...g.data]};"
    resized = run_modules({GRAY_IMAGE: "resizeLinear"}, body, [plain(image), size])
    wanted = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(as_array(resized), wanted)


@pytest.mark.parametrize("scale", [0.11, 0.24, 0.25, 0.37, 0.5, 0.7, 1.0, 2.3])
def test_crops_are_cut_as_in_python(scale: float) -> None:
    """Turned, beyond the border, and from far away: shrunk first."""
    image = noise(260, 310)
    matrices = []
    for turn, center in ((0.3, (150, 120)), (-2.0, (5, 250)), (1.2, (330, -20))):
        cos, sin = scale * math.cos(turn), scale * math.sin(turn)
        linear = np.array([[cos, -sin], [sin, cos]])
        matrices.append(np.column_stack([linear, 31.5 - linear @ center]))
    body = """const image = {...data.image, data: Uint8Array.from(data.image.data)};
    return data.matrices.map((matrix) => {
        const target = new Uint8Array(64 * 64);
        cropInto(target, 0, image, matrix.flat(), 64, 64);
        return [...target];
    });"""
    data = {"image": plain(image), "matrices": [matrix.tolist() for matrix in matrices]}
    crops = run_modules({GRAY_IMAGE: "cropInto"}, body, data)
    for cut, matrix in zip(crops, matrices, strict=True):
        wanted = crop(image, matrix, (64, 64))
        np.testing.assert_array_equal(np.array(cut).reshape(64, 64), wanted)
