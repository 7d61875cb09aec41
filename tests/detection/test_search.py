"""The search for faces of all sizes: its rules with a network that sees discs of some sizes only,
and the built-in detector on large photos."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from facepoints.detection import BuiltinDetector, Detection, iou
from facepoints.detection.base import DetectorOutput
from facepoints.detection.search import WINDOW, Network, Window, search
from facepoints.detection.views import resized
from facepoints.imaging import affine

FACE = (180.0, 76.0, 93.0, 101.0)
"""Box of the face on `skimage.data.astronaut()`, brows to chin and ear to ear, by hand."""


@dataclass
class Eye:
    """Sees the faces (x, y, side) of an image that measure 6 to 250 pixels after resizing. It is
    sure from 12 pixels on.

    Attributes:
        sides: longer side of each pass.
        windows: every window.
    """

    faces: list[tuple[float, float, float]]
    longest: int
    sides: list[int] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)

    def whole(self, gray: NDArray[np.uint8], side: int, min_score: float) -> DetectorOutput:
        self.sides.append(side)
        zoom = side / self.longest
        return [found for f in self.faces if (found := self._see(f, zoom))]

    def look(
        self, gray: NDArray[np.uint8], windows: list[Window], min_score: float
    ) -> list[DetectorOutput]:
        self.windows += windows
        return [
            [
                found
                for f in self.faces
                if np.hypot(f[0] - x, f[1] - y) * zoom < WINDOW / 4
                and (found := self._see(f, zoom))
            ]
            for x, y, zoom in windows
        ]

    def _see(
        self, face: tuple[float, float, float], zoom: float
    ) -> tuple[Detection, NDArray[np.float32]] | None:
        x, y, side = face
        if not 6 <= side * zoom <= 250:
            return None
        score = 0.9 if side * zoom >= 12 else 0.25
        box = (x - side / 2, y - side / 2, side, side)
        return Detection(box, score), np.zeros((5, 2), np.float32)


def searched(
    faces: list[tuple[float, float, float]], longest: int, side: int = 320
) -> tuple[list[Detection], Eye]:
    eye = Eye(faces, longest)
    gray = np.zeros((longest * 3 // 4, longest), np.uint8)
    found = search(Network(eye.whole, eye.look), gray, side, 0.15)
    return [detection for detection, _ in found], eye


def rows_of(side: float, count: int, longest: int) -> list[tuple[float, float, float]]:
    step = longest / count
    return [
        ((column + 0.5) * step, (row + 0.5) * step, side)
        for column in range(count)
        for row in range(count * 3 // 4)
    ]


def test_an_image_without_a_face_takes_two_passes() -> None:
    for longest, sides in (
        (300, [300]),
        (640, [320, 560]),
        (2000, [320, 900]),
        (9000, [320, 1600]),
    ):
        found, eye = searched([], longest)
        assert (found, eye.sides, eye.windows) == ([], sides, [])


def test_an_image_with_one_large_face_takes_one_pass() -> None:
    found, eye = searched([(800, 600, 300)], 1600)
    assert len(found) == 1
    assert eye.sides == [320]
    assert eye.windows == []


@pytest.mark.parametrize(("side", "longest"), [(40, 1600), (20, 1600), (14, 640), (45, 4000)])
def test_every_face_of_a_crowd_is_found_once(side: float, longest: int) -> None:
    """The first pass sees none of them."""
    faces = rows_of(side, 8, longest)
    found, _ = searched(faces, longest)
    assert len(found) == len(faces)
    for x, y, size in faces:
        box = (x - size / 2, y - size / 2, size, size)
        assert max(iou(box, one.box) for one in found) > 0.9


def test_further_passes_add_to_the_faces_of_the_first() -> None:
    """One face is near, some are smaller, most are tiny."""
    faces = [(800, 600, 500.0), (200, 200, 90), (200, 900, 60), (1500, 100, 16), (1500, 900, 18)]
    found, eye = searched(faces, 1600)
    assert sorted(one.box[2] for one in found) == pytest.approx([16, 18, 60, 90, 500])
    assert eye.sides == [320, 640, 1280, 1600]


def test_a_small_face_that_is_not_sure_is_looked_at_again_with_more_pixels() -> None:
    found, eye = searched([(1000, 800, 25)], 4000)  # 10 pixels of 1600
    ((x, y, zoom),) = eye.windows
    assert (x, y) == (1000, 800)
    assert 25 * zoom > 20
    assert eye.sides == [320, 1600, 3200]  # now that it is sure, it may be one of a crowd
    assert [one.score for one in found] == [0.9]


@pytest.mark.parametrize(
    ("longest", "sides"),
    [(448, [320, 448, 896]), (800, [320, 560, 800, 1280]), (1200, [320, 560, 1120])],
)
def test_a_small_image_with_tiny_faces_is_enlarged(longest: int, sides: list[int]) -> None:
    """Some of the faces are sure only in an image with more pixels than it has."""
    faces = [(0.2 * longest, 0.3 * longest, 16.0), (0.6 * longest, 0.5 * longest, 8.0)]
    found, eye = searched([(0.5 * longest, 0.1 * longest, 24), *faces], longest)
    assert eye.sides == sides
    assert len(found) == 3
    sure = [one for one in found if one.box[2] == 8 and one.score > 0.5]
    assert bool(sure) == (sides[-1] > 1.5 * longest)


def test_an_image_is_resized_to_a_larger_and_a_smaller_side() -> None:
    image = np.full((90, 120), 50, np.uint8)
    image[30:60, 40:80] = 200
    for side, shape in ((60, (64, 64)), (120, (96, 128)), (240, (192, 256))):
        small, (across, down) = resized(image, side)
        assert small.shape == shape
        assert across == pytest.approx(side / 120)
        assert down == pytest.approx(side / 120)
        inside = small[: round(90 * down), : round(120 * across)]
        bright = inside > 125
        assert bright.sum() == pytest.approx(30 * 40 * across * down, rel=0.02)


def test_a_face_that_is_not_seen_again_is_dropped() -> None:
    """The log odds of a face are the mean of both looks."""

    def whole(gray: NDArray[np.uint8], side: int, min_score: float) -> DetectorOutput:
        boxes = (100.0, 100.0, 30.0, 30.0), (500.0, 300.0, 30.0, 30.0)
        return [(Detection(box, 0.3), np.zeros((5, 2), np.float32)) for box in boxes]

    def look(
        gray: NDArray[np.uint8], windows: list[Window], min_score: float
    ) -> list[DetectorOutput]:
        seen = Detection((101.0, 99.0, 28.0, 28.0), 0.6)
        return [[(seen, np.zeros((5, 2), np.float32))] if w.x < 200 else [] for w in windows]

    ((detection, _),) = search(Network(whole, look), np.zeros((900, 1200), np.uint8), 320, 0.15)
    assert detection.box == (101.0, 99.0, 28.0, 28.0)
    odds = math.sqrt(0.3 / 0.7 * 0.6 / 0.4)
    assert detection.score == pytest.approx(odds / (1 + odds))


def test_a_first_pass_with_many_pixels_does_not_lose_large_faces() -> None:
    faces = [(1000, 800, 1500.0), (100, 100, 20)]
    found, eye = searched(faces, 2500, side=2500)
    assert len(found) == 2
    assert eye.sides[-1] == 2500


# -- the built-in detector ----------------------------------------------------------------


@pytest.fixture(scope="module")
def own() -> BuiltinDetector:
    return BuiltinDetector.load(threads=1)


def pasted(
    size: tuple[int, int],
    faces: list[tuple[int, int, float]],
    texture: NDArray[np.uint8] = data.gravel(),  # noqa: B008
) -> NDArray[np.uint8]:
    """A textured photo (height, width) with the astronaut's head, its face `side` pixels high, at
    corners (x, y)."""
    wall = cv2.resize(texture, size[::-1], interpolation=cv2.INTER_LINEAR)
    photo = (np.asarray(wall, np.float32) * 0.4 + 80).astype(np.uint8)
    head = cv2.cvtColor(data.astronaut()[20:260, 90:350], cv2.COLOR_RGB2GRAY)
    for x, y, side in faces:
        scale = side / FACE[3]
        small = affine.resize(np.asarray(head, np.uint8), *(round(n * scale) for n in (260, 240)))
        photo[y : y + small.shape[0], x : x + small.shape[1]] = small
    return photo


def center(x: int, y: int, side: float) -> tuple[float, float]:
    scale = side / FACE[3]
    return x + (FACE[0] + FACE[2] / 2 - 90) * scale, y + (FACE[1] + FACE[3] / 2 - 20) * scale


def hits(found: list[Detection], x: int, y: int, side: float) -> int:
    at = center(x, y, side)
    return sum(
        np.hypot(d.box[0] + d.box[2] / 2 - at[0], d.box[1] + d.box[3] / 2 - at[1]) < 0.35 * side
        for d in found
    )


@pytest.mark.parametrize(("size", "side"), [((3000, 4000), 30.0), ((4000, 6000), 60.0)])
def test_a_single_small_face_of_a_large_photo_is_found(
    own: BuiltinDetector, size: tuple[int, int], side: float
) -> None:
    place = size[1] // 2, size[0] // 3
    photo = pasted(size, [(*place, side)], data.brick())
    assert hits(own.detect(photo), *place, side) == 1


def test_all_faces_of_a_class_photo_are_found(own: BuiltinDetector) -> None:
    sides = np.geomspace(26, 40, 57)
    faces = [(30 + 150 * (k % 10), 20 + 150 * (k // 10), float(s)) for k, s in enumerate(sides)]
    photo = pasted((960, 1600), faces)
    assert sum(d.score >= 0.5 for d, _ in own._whole(photo, 320, 0.5)) < 10
    found = own.detect(photo)
    assert sum(hits(found, *face) == 1 for face in faces) >= 56
    assert len(found) <= 60


def test_a_pass_in_tiles_finds_what_a_pass_over_the_whole_finds(
    own: BuiltinDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = [(40 + 240 * (k % 5), 30 + 220 * (k // 5), 30.0 + 3 * k) for k in range(20)]
    photo = pasted((960, 1280), faces)
    once = own._whole(photo, 1280, 0.5)
    monkeypatch.setattr("facepoints.detection.views.TILE", 512)
    monkeypatch.setattr("facepoints.detection.builtin.TILE", 512)
    tiled = own._whole(photo, 1280, 0.5)
    assert len(once) == len(tiled) >= 20
    for detection, points in tiled:
        same, five = max(once, key=lambda face: iou(face[0].box, detection.box))
        assert iou(same.box, detection.box) > 0.8
        assert np.linalg.norm(five - points, axis=1).max() < 0.15 * detection.box[2]
