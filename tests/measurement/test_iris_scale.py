"""Millimeters per pixel from the width of irises."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

import facepoints
from facepoints.errors import DataError
from facepoints.inference.eye_closure import EyeClosure
from facepoints.inference.face import Face
from facepoints.inference.mirrored import mirror_face, mirror_image
from facepoints.measurement.iris_factors import WIDTH
from facepoints.measurement.iris_scale import IRIS_MM, IRIS_STD, iris_scale, iris_width


def eye(width: float, x: float = 0.0, gap: float = 26) -> NDArray[np.uint8]:
    """An eye from (50, 60) to (150, 60): lids, white, and an iris of this width."""
    image = np.full((120, 200), 150, np.uint8)
    white = np.zeros_like(image)
    cv2.ellipse(white, (100, 60), (50, int(gap)), 0, 0, 360, 255, -1, cv2.LINE_AA)
    inside = np.full_like(image, 220)
    center = tuple(round(v * 16) for v in (100 + x, 60.0))
    cv2.circle(inside, center, round(width / 2 * 16), 60, -1, cv2.LINE_AA, 4)
    part = white[..., None].astype(float) / 255
    mixed = image[..., None] * (1 - part) + inside[..., None] * part
    return np.asarray(cv2.GaussianBlur(mixed[..., 0].astype(np.uint8), (0, 0), 1.5), np.uint8)


CORNERS = np.array([[50.0, 60.0], [150.0, 60.0]])


@pytest.mark.parametrize("width", [38.0, 44.0, 50.0, 56.0])
@pytest.mark.parametrize("x", [-6.0, 0.0, 5.0])
def test_the_width_of_a_drawn_iris_is_found(width: float, x: float) -> None:
    found = iris_width(eye(width, x), CORNERS, np.array([100 + x + 2, 58.0]))
    assert found == pytest.approx(width, rel=0.04)


def test_lids_that_cover_its_top_and_bottom_do_not_change_it() -> None:
    found = iris_width(eye(48, gap=17), CORNERS, np.array([100.0, 60.0]))
    assert found == pytest.approx(48, rel=0.05)


def test_an_eye_without_an_iris_has_no_width() -> None:
    assert iris_width(np.full((120, 200), 90, np.uint8), CORNERS, np.array([100.0, 60])) is None


WIDE = 44.0
"""Pixels across the irises of the painted photo."""


@pytest.fixture(scope="module")
def photo() -> tuple[NDArray[np.uint8], Face]:
    """The astronaut, six times as large, with painted eyes."""
    enlarged = cv2.resize(data.astronaut()[40:200, 150:310], None, fx=6, fy=6)
    image = np.asarray(enlarged, np.uint8)
    face = facepoints.load(eye_closure=True)(image)[0]
    for side in ("right", "left"):
        gap = np.zeros(image.shape[:2], np.uint8)
        outline = face.region(f"{side}_eye").astype(np.float64)
        tall = outline.mean(axis=0) + (outline - outline.mean(axis=0)) * (1.0, 1.5)
        cv2.fillPoly(gap, [np.rint(tall).astype(np.int32)], 1)
        inside = np.full_like(image, 225)
        center = tuple(np.rint(face[f"{side}_eye_center"] * 16).astype(int).tolist())
        cv2.circle(inside, center, round(WIDE / 2 * 16), (60, 60, 60), -1, cv2.LINE_AA, 4)
        image = np.where(gap[..., None] > 0, inside, image)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 1.5), np.uint8), face


def test_the_scale_is_the_width_of_an_iris_over_its_pixels(
    photo: tuple[NDArray[np.uint8], Face],
) -> None:
    image, face = photo
    found = iris_scale(image, face)
    assert found.mm_per_pixel == pytest.approx(IRIS_MM / WIDTH / WIDE, rel=0.05)
    assert found.eyes == "both"
    share = found.radius / found.mm_per_pixel
    assert 1.645 * IRIS_STD / IRIS_MM < share < 0.25


def test_symmetric_scales_of_mirrored_images_are_equal(
    photo: tuple[NDArray[np.uint8], Face],
) -> None:
    image, face = photo
    here = iris_scale(image, face, symmetric=True)
    there = iris_scale(mirror_image(image), mirror_face(face, image.shape[1]), symmetric=True)
    assert there.mm_per_pixel == pytest.approx(here.mm_per_pixel, rel=1e-3)


def test_eyes_that_cannot_be_used_have_a_reason(photo: tuple[NDArray[np.uint8], Face]) -> None:
    image, face = photo
    closed = replace(face, eye_closure=EyeClosure(0.9, 0.9))
    with pytest.raises(DataError, match="right eye: closed; left eye: closed"):
        iris_scale(image, closed)
    one = iris_scale(image, replace(face, eye_closure=EyeClosure(0.9, 0.1)))
    assert one.eyes == "left"
    hidden = replace(face, visible=np.zeros(len(face.points), np.float32))
    with pytest.raises(DataError, match="hidden"):
        iris_scale(image, hidden)
    small = cv2.resize(image, None, fx=0.1, fy=0.1, interpolation=cv2.INTER_AREA)
    tiny = replace(face, points=face.points * np.float32(0.1))
    with pytest.raises(DataError, match=r"small|closed|no iris"):
        iris_scale(np.asarray(small, np.uint8), tiny)
