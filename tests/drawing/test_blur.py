"""Faces made unrecognizable: what is covered, what is left of a face, and what stays."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from fakes import DISC_LANDMARKS, DISC_SHAPE
from numpy.typing import NDArray
from skimage import data

import facepoints
from facepoints.drawing.blur import BLUR_STYLES, BlurStyle, blur_faces
from facepoints.drawing.face_region import FaceRegion, face_region
from facepoints.errors import DataError, SettingsError
from facepoints.imaging import affine
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_head import MEAN_HEAD

PHOTO = data.astronaut()
UNIT = 60.0  # pixels between the outer eye corners


@pytest.fixture(scope="module")
def model() -> facepoints.FaceModel:
    return facepoints.load()


@pytest.fixture(scope="module")
def face(model: facepoints.FaceModel) -> Face:
    return model(PHOTO)[0]


def head(yaw: float = 0.0, radius: float = 0.0, landmarks: LandmarkSet = IBUG_68) -> Face:
    """The mean head in the middle of a picture of 300 x 300, turned by a yaw in degrees."""
    points = seen(MEAN_HEAD, yaw)
    whole = Face(affine.bounding_box(points), 1.0, points, np.full(68, radius, np.float32), IBUG_68)
    return whole.as_landmarks(landmarks)


def seen(points: NDArray, yaw: float) -> NDArray[np.float32]:
    angle = np.deg2rad(yaw)
    x = np.cos(angle) * points[:, 0] + np.sin(angle) * points[:, 2]
    return np.stack([x * UNIT + 150, points[:, 1] * UNIT + 130], axis=1).astype(np.float32)


def region_of(face: Face, margin: float = 0.0) -> FaceRegion:
    region = face_region(face, margin)
    assert region is not None
    return region


def inside(region: FaceRegion, points: NDArray) -> NDArray[np.bool_]:
    corners = region.polygon().astype(np.float32)
    return np.array([cv2.pointPolygonTest(corners, (float(x), float(y)), True) > -1e-3
                     for x, y in points])  # fmt: skip


@pytest.mark.parametrize("yaw", [-80, -40, 0, 40, 80])
@pytest.mark.parametrize("landmarks", [IBUG_68, KAGGLE_15])
def test_a_region_reaches_from_the_chin_to_the_hair_line(
    yaw: float, landmarks: LandmarkSet
) -> None:
    if landmarks is KAGGLE_15 and abs(yaw) > 60:
        return  # its 15 points lie in a plane, nearly
    region = region_of(head(yaw, landmarks=landmarks), margin=0.1)
    hair_line = np.array([[0.0, -0.75, 0.05], [-0.4, -0.7, 0.0], [0.4, -0.7, 0.0]])
    covered = seen(np.concatenate([MEAN_HEAD, hair_line]), yaw)
    assert inside(region, covered).all()
    top, bottom = region.polygon()[:, 1].min(), region.polygon()[:, 1].max()
    assert top > 130 - 1.35 * UNIT  # and not far above
    assert bottom < 130 + 1.65 * UNIT


def test_a_region_covers_the_radius_of_every_point_and_the_margin() -> None:
    plain, sure = region_of(head()), region_of(head(radius=5.0))
    np.testing.assert_allclose(sure.reach - plain.reach, 5.0, atol=0.2)
    wide = region_of(head(), margin=0.3)
    np.testing.assert_allclose(wide.reach - plain.reach, 0.3 * plain.size, atol=1e-6)
    spread = replace(head(), radius=np.where(np.arange(68) == 8, 40.0, 0.0).astype(np.float32))
    chin = spread.points[8]
    around = chin + 39 * np.array([(0, 1), (0.7, 0.7), (-0.7, 0.7), (1, 0), (-1, 0)])
    assert inside(region_of(spread), around).all()


def test_a_region_turns_and_grows_with_the_face() -> None:
    face = head(25.0, radius=2.0)
    matrix = affine.compose(affine.rotation_matrix(90, (0, 0)), affine.resize_matrix(2, 2))
    turned = replace(face, points=affine.apply(matrix, face.points), radius=2 * face.radius)
    before = affine.apply(matrix, region_of(face, 0.1).polygon())
    after = region_of(turned, 0.1).polygon()
    apart = np.abs(after[:, None] - before[None]).sum(axis=2).min(axis=1)
    assert apart.max() < 4.0  # the face's size is that of an upright box


def test_points_that_no_head_has_get_a_wide_margin() -> None:
    points = (DISC_SHAPE * 80 + 150).astype(np.float32)
    face = Face((118, 122, 64, 56), 1.0, points, np.zeros(4, np.float32), DISC_LANDMARKS)
    box = region_of(face).polygon()
    assert box.min(axis=0) == pytest.approx([118 - 32, 122 - 32], abs=1)


def test_faces_without_a_finite_point_have_no_region() -> None:
    points = np.full((68, 2), np.nan, np.float32)
    face = Face((0, 0, 1, 1), 0.9, points, np.ones(68, np.float32), IBUG_68)
    assert face_region(face) is None
    assert np.array_equal(blur_faces(PHOTO, face), PHOTO)
    far = replace(head(), points=(head().points + 1e5).astype(np.float32))
    assert np.array_equal(blur_faces(PHOTO, far), PHOTO)


@pytest.mark.parametrize("style", BLUR_STYLES)
def test_nothing_of_a_face_is_left_and_everything_else_stays(
    style: BlurStyle, model: facepoints.FaceModel, face: Face
) -> None:
    before = PHOTO.copy()
    hidden = blur_faces(PHOTO, [face], style=style)
    assert np.array_equal(PHOTO, before)
    assert model(hidden) == []
    corners = region_of(face, 0.1).polygon()
    low, high = np.floor(corners.min(axis=0)) - 2, np.ceil(corners.max(axis=0)) + 2
    x, y = np.meshgrid(np.arange(512), np.arange(512))
    outside = (x < low[0]) | (x > high[0]) | (y < low[1]) | (y > high[1])
    assert np.array_equal(hidden[outside], PHOTO[outside])
    eyes = face.region("left_eye").astype(int)
    if style in ("mask", "box"):
        assert (hidden[eyes[:, 1], eyes[:, 0]] == 0).all()


@pytest.mark.parametrize(
    ("style", "cycles", "left"),
    [
        ("blur", 1, 0.578),
        ("blur", 2, 0.111),
        ("blur", 3, 0.007),
        ("blur", 8, 0),
        ("pixelate", 5, 0),
    ],
)  # the Gaussian filter leaves exp(-2 (pi cycles / 6)^2) of a wave
def test_what_is_left_of_a_wave_over_the_face(
    style: BlurStyle, cycles: int, left: float, face: Face
) -> None:
    size = region_of(face).size
    x, y = (int(n) for n in region_of(face).center)
    half = int(0.55 * size)
    wave = 127 + 120 * np.sin(2 * np.pi * cycles * np.arange(512) / size)
    image = np.repeat(wave[None], 512, axis=0).astype(np.uint8)
    row = blur_faces(image, face, style=style)[y, x - half : x + half].astype(int)
    assert np.ptp(row) / 240 == pytest.approx(left, abs=0.015)


def test_a_known_blur_cannot_be_undone(model: facepoints.FaceModel, face: Face) -> None:
    size = region_of(face).size
    hidden = blur_faces(PHOTO, [face], style="blur").astype(float)
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(512), np.fft.fftfreq(512)))
    kernel = np.exp(-2 * (np.pi * f * size / 6) ** 2)
    for noise in (1e-6, 1e-4, 1e-2):
        wiener = (kernel / (kernel**2 + noise))[..., None]
        back = np.fft.ifft2(np.fft.fft2(hidden, axes=(0, 1)) * wiener, axes=(0, 1)).real
        assert model(np.clip(back, 0, 255).astype(np.uint8)) == []


def test_cells_have_a_fifth_of_the_faces_size_at_any_size(face: Face) -> None:
    for scale in (0.5, 2.0):
        image = affine.resize(PHOTO, round(512 * scale), round(512 * scale))
        points = affine.apply(affine.resize_matrix(scale, scale), face.points)
        larger = replace(face, points=points, radius=face.radius * np.float32(scale))
        hidden = blur_faces(image, larger, style="pixelate").astype(int)
        x, y = np.rint(region_of(larger).center).astype(int)
        row = hidden[y, x - int(50 * scale) : x + int(50 * scale)].sum(axis=1)
        steps = np.flatnonzero(np.diff(row))
        assert np.diff(steps) == pytest.approx(region_of(larger).size / 5, abs=1.01)


def test_a_stronger_filter_leaves_less(face: Face) -> None:
    x, y = np.rint(region_of(face).center).astype(int)
    left = [blur_faces(PHOTO, face, strength=s) for s in (1, 2, 4)]
    spreads = [part[y - 40 : y + 40, x - 30 : x + 30].std(axis=0).mean() for part in left]
    assert spreads == sorted(spreads, reverse=True)
    assert spreads[-1] < 0.6 * spreads[0]


def test_gray_transparent_and_named_images(face: Face, tmp_path) -> None:
    gray = PHOTO.mean(axis=2).astype(np.uint8)
    assert blur_faces(gray, face).shape == (512, 512, 3)
    assert blur_faces(np.dstack([PHOTO, np.full((512, 512), 255, np.uint8)]), face).shape[2] == 3
    cv2.imwrite(str(tmp_path / "a.png"), PHOTO[..., ::-1])
    assert np.array_equal(blur_faces(tmp_path / "a.png", face), blur_faces(PHOTO, face))
    red = blur_faces(PHOTO, face, style="mask", color=(200, 0, 9))
    x, y = face["nose_tip"].astype(int)
    assert red[y, x].tolist() == [200, 0, 9]


def test_regions_mix_grow_and_move() -> None:
    one, two = region_of(head()), region_of(replace(head(), points=head().points + 20))
    np.testing.assert_allclose(one.mixed(two, 0.25).center, one.center + 5, atol=1e-3)
    np.testing.assert_allclose(
        one.moved(np.array([3.0, 4.0])).center, one.center + np.array([3, 4])
    )
    near = np.linalg.norm(one.grown(7).polygon() - one.polygon(), axis=1)
    assert near.min() >= 7 - 1e-6


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        ({"style": "smudge"}, SettingsError, "blur, pixelate, mask, box"),
        ({"strength": 0.5}, SettingsError, "could be recognized"),
        ({"strength": float("nan")}, SettingsError, "from 1 to 10"),
        ({"strength": "much"}, SettingsError, "from 1 to 10"),
        ({"margin": -1}, SettingsError, "face sizes from 0 to 5"),
        ({"color": "red"}, DataError, "a color is three whole numbers"),
    ],
)
def test_wrong_arguments(wrong: dict, error: type[Exception], text: str, face: Face) -> None:
    with pytest.raises(error, match=text):
        blur_faces(PHOTO, face, **wrong)
    with pytest.raises(DataError):
        blur_faces(PHOTO, "face")  # type: ignore[arg-type]
