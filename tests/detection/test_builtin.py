"""The built-in face detector: training targets, decoding, detection on photos, model file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from detector_scenes import SIDE, Scene, draw_scene, scene_photo
from detector_targets import Targets, loss
from numpy.typing import NDArray
from skimage import data

from facepoints import weights
from facepoints.detection import Detection, builtin, iou
from facepoints.detection.builtin import BuiltinDetector, decode
from facepoints.errors import ModelError, SettingsError
from facepoints.imaging import affine
from facepoints.landmarks.mean_face import MEAN_BOX
from facepoints.models.networks.face_detector import DetectorGraph, DetectorMaps, FaceNet, cells

FACE = (180.0, 76.0, 93.0, 101.0)
"""Box of the face on `skimage.data.astronaut()`, brows to chin and ear to ear, by hand."""
FIVE = np.array([(204, 102), (247, 104), (223, 127), (203, 142), (243, 144)], float)
"""Eyes, nose tip and corners of the mouth of that face, by hand."""


@pytest.fixture(scope="module")
def photo() -> NDArray[np.uint8]:
    return data.astronaut()


@pytest.fixture(scope="module")
def own() -> BuiltinDetector:
    return BuiltinDetector.load(threads=1)


def middle(box: tuple[float, float, float, float]) -> NDArray[np.float64]:
    return np.array([box[0] + box[2] / 2, box[1] + box[3] / 2])


# -- training targets ---------------------------------------------------------------------


def a_face(x: float, y: float, side: float, degrees: float) -> NDArray[np.float64]:
    turn = affine.rotation_matrix(degrees, (0, 0))[:, :2]
    five = (np.array([(-0.2, -0.2), (0.2, -0.2), (0, 0), (-0.2, 0.2), (0.2, 0.2)]) * side) @ turn.T
    angle = np.radians(degrees)
    return np.array([x, y, side, np.cos(angle), np.sin(angle), *(five + np.array([x, y])).ravel()])


FACES = [
    a_face(40, 50, 14, 0),
    a_face(90.3, 30.7, 25, 40),
    a_face(200, 60, 34, -45),
    a_face(60, 190, 90, 20),
    a_face(180, 180, 120, -10),
]


def maps_of(targets: Targets) -> DetectorMaps:
    """The output of a network that predicts its targets exactly."""
    face, place = targets.face, targets.place
    reference = targets.reference[None, :, None]
    return DetectorMaps(
        logit=torch.logit(targets.quality, eps=1e-6),
        shift=(face[..., :2] - place) / reference,
        size=(face[..., 2] / targets.reference).log(),
        turn=face[..., 3:5],
        points=(face[..., 5:].unflatten(2, (5, 2)) - place[:, None]) / reference[..., None],
    )


def as_file(maps: DetectorMaps) -> NDArray[np.float32]:
    """The output of the model file for the same maps: (16, N) in pixels."""
    reference = cells(SIDE, SIDE)[1]
    rows = [maps.logit, *(maps.shift * reference[:, None]).unbind(-1)]
    rows += [maps.size + reference.log(), *maps.turn.unbind(-1)]
    rows += [
        part.squeeze(0) for part in (maps.points * reference[:, None, None]).flatten(2).unbind(-1)
    ]
    return torch.stack([row.reshape(-1) for row in rows]).numpy()


def test_a_network_that_outputs_its_targets_detects_every_face_and_has_no_loss() -> None:
    targets = Targets([Scene(np.zeros((SIDE, SIDE), np.uint8), FACES)])
    whole, parts = loss(maps_of(targets), targets)
    assert float(whole) < 1e-3, parts
    detections = decode(as_file(maps_of(targets)), (SIDE, SIDE), 0.5, (0.5, 0.5))
    assert len(detections) == len(FACES)
    for face in FACES:
        expected = affine.apply(
            affine.resize_matrix(2, 2), face[[0, 1, *range(5, 15)]].reshape(6, 2)
        )
        one, five = min(
            detections, key=lambda f: float(np.hypot(*(middle(f[0].box) - expected[0])))
        )
        assert middle(one.box) == pytest.approx(expected[0], abs=0.1)
        assert one.box[2] == pytest.approx(2 * face[2] * MEAN_BOX[2], rel=1e-3)
        assert one.angle == pytest.approx(np.degrees(np.arctan2(face[4], face[3])), abs=0.1)
        assert five == pytest.approx(expected[1:], abs=0.1)


def test_cells_without_finite_numbers_are_ignored() -> None:
    output = np.zeros((16, 84), np.float32)
    output[0], output[3], output[4] = -5.0, 3.0, 1.0
    output[0, [3, 20, 40]] = 4.0, 3.0, 2.0
    output[1, 3] = np.nan
    output[4:6, 20] = 0.0  # no direction
    ((detection, _),) = decode(output, (64, 64), 0.5, (1.0, 1.0))
    assert detection.score == pytest.approx(1 / (1 + np.exp(-2.0)))


def test_the_graph_of_a_network_has_the_same_output_in_pixels() -> None:
    net = FaceNet().eval()
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, SIDE, SIDE), np.uint8))
    with torch.no_grad():
        maps, output = net(images[:, None].float()), DetectorGraph(net, threshold=0.7)(images)
    expected = as_file(maps)
    expected[0] -= 0.7
    np.testing.assert_allclose(output[0].numpy(), expected, rtol=1e-4, atol=1e-3)


def test_ignored_regions_have_no_loss_except_for_faces_on_them() -> None:
    plain = Targets([Scene(np.zeros((SIDE, SIDE), np.uint8), FACES[:1])])
    beside = Scene(np.zeros((SIDE, SIDE), np.uint8), FACES[:1], [(180.0, 180.0, 60.0)])
    upon = Scene(np.zeros((SIDE, SIDE), np.uint8), FACES[:1], [(40.0, 50.0, 40.0)])
    place = cells(SIDE, SIDE)[0]
    near = (place - torch.tensor([180.0, 180.0])).abs().amax(-1) < 25
    assert plain.counts[0, near].all()
    assert not Targets([beside]).counts[0, near].any()
    assert Targets([upon]).counts[0, plain.quality[0] > 0].all()


def test_labels_of_scenes_follow_the_image() -> None:
    """Bright dots that are drawn at the labels of a dark photo stay at the labels."""
    from facepoints.landmarks.mean_face import MEAN_FACE

    points = (MEAN_FACE * 160 + (150, 140)).astype(np.float64)
    dark = np.full((300, 320), 20, np.uint8)
    photo = scene_photo(dark, points[None], MEAN_FACE.astype(np.float64))
    drawn = dark.copy()
    for x, y in photo.points[0]:
        cv2.circle(drawn, (round(float(x)), round(float(y))), 9, 255, -1)
    photo = scene_photo(drawn, points[None], MEAN_FACE.astype(np.float64))
    rng = np.random.default_rng(0)
    empty = [scene_photo(np.full((64, 64), 20, np.uint8))]
    on, off = [], []
    for _ in range(60):
        scene = draw_scene(rng, [[photo]], empty)
        for face in scene.faces:
            x, y, side, cos, sin = face[:5]
            if side < 30:
                continue
            for at in face[5:].reshape(5, 2):
                on.append(_gray(scene.image, *at))
            # below the mouth, where nothing was drawn
            off.append(_gray(scene.image, x - sin * side * 0.62, y + cos * side * 0.62))
            eyes = face[5:9].reshape(2, 2)
            along = (eyes[1] - eyes[0]) / np.linalg.norm(eyes[1] - eyes[0])
            assert along @ (cos, sin) > 0.99
    assert len(on) > 100
    assert np.median(on) > np.median(off) + 100
    assert np.mean(np.array(on) > np.median(off) + 40) > 0.85  # the rest is covered


def _gray(image: NDArray[np.uint8], x: float, y: float) -> float:
    column, row = (int(np.clip(round(float(v)), 0, SIDE - 1)) for v in (x, y))
    return float(image[row, column])


# -- detection on photos ------------------------------------------------------------------


@pytest.mark.parametrize("gray", [False, True])
def test_a_face_is_detected_with_eyes_nose_and_mouth(
    own: BuiltinDetector, photo: NDArray[np.uint8], gray: bool
) -> None:
    image = np.asarray(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), dtype=np.uint8) if gray else photo
    ((detection, five),) = own.detect_points(image)
    assert iou(detection.box, FACE) > 0.6
    assert abs(detection.angle) < 12
    assert np.linalg.norm(five - FIVE, axis=1).max() < 10


@pytest.mark.parametrize("degrees", [-45, -30, 30, 45])
def test_a_rotated_face_is_detected_with_its_angle(
    own: BuiltinDetector, photo: NDArray[np.uint8], degrees: float
) -> None:
    (upright,) = own.detect(photo)
    center = middle(FACE)
    turned = affine.warp(photo, affine.rotation_matrix(degrees, (center[0], center[1])), 512, 512)
    (detection,) = own.detect(turned)
    assert np.hypot(*(middle(detection.box) - middle(upright.box))) < 12
    assert detection.angle - upright.angle == pytest.approx(degrees, abs=12)


@pytest.mark.parametrize("side", [18, 24, 50, 110, 200])
def test_faces_of_every_size_are_detected(
    own: BuiltinDetector, photo: NDArray[np.uint8], side: float
) -> None:
    """In most places: one of 18 pixels may lie badly on the grid of the network."""
    matrix = affine.crop_matrix(FACE, 256, 256 / side - 1)
    found = 0
    for shift in (0.0, 2.5, -5.0):
        moved = affine.compose(matrix, np.array([[1.0, 0, shift], [0, 1, shift]]))
        detections = own.detect(affine.warp(photo, moved, 256, 256))
        assert len(detections) <= 2  # so small, something else may look like a face
        near = [one for one in detections if off_center(one, 127.5 + shift) < 0.25 * side]
        assert len(near) <= 1
        found += sum(abs(one.box[3] / side - 1) < 0.4 for one in near)
    assert found >= 2


def off_center(detection: Detection, at: float) -> float:
    return float(np.hypot(*(middle(detection.box) - at)))


def test_several_faces_are_detected_once_each(
    own: BuiltinDetector, photo: NDArray[np.uint8]
) -> None:
    row = np.hstack([photo[:250, 100:350], photo[:250, 100:350][:, ::-1]])
    detections = own.detect(np.vstack([row, row]))
    assert len(detections) == 4


@pytest.mark.parametrize("name", ["grass", "coins", "brick", "text", "coffee"])
def test_images_without_a_face_have_no_detection(own: BuiltinDetector, name: str) -> None:
    assert own.detect(getattr(data, name)()) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (33, 7), (31, 65, 3), (2000, 3, 3)])
def test_images_of_any_size_are_accepted(own: BuiltinDetector, shape: tuple[int, ...]) -> None:
    assert own.detect(np.full(shape, 90, np.uint8)) == []


def test_detections_of_a_large_image_are_in_its_own_pixels(
    own: BuiltinDetector, photo: NDArray[np.uint8]
) -> None:
    (once,) = own.detect(photo)
    (detection,) = own.detect(affine.resize(photo, 2048, 2048))
    assert np.divide(detection.box, 4) == pytest.approx(once.box, abs=4)


def test_a_small_face_calls_for_a_pass_with_more_pixels(
    own: BuiltinDetector, photo: NDArray[np.uint8]
) -> None:
    crowd = np.full((960, 1280, 3), 128, np.uint8)
    truth = []
    for place, side in enumerate(np.geomspace(24, 110, 12)):
        scale = side / FACE[2]
        head = affine.resize(photo[20:260, 90:350], *(round(n * scale) for n in (260, 240)))
        x, y = 20 + 310 * (place % 4), 20 + 310 * (place // 4)
        crowd[y : y + head.shape[0], x : x + head.shape[1]] = head
        truth.append((x + (FACE[0] + FACE[2] / 2 - 90) * scale, y + (FACE[1] + 50 - 20) * scale))
    detections = own.detect(crowd)
    for x, y in truth:
        near = [f for f in detections if np.hypot(*(middle(f.box) - (x, y))) < 0.3 * max(f.box[2:])]
        assert len(near) == 1
    assert len(detections) <= 14


# -- decoding -----------------------------------------------------------------------------


def test_further_searches_add_their_faces(
    photo: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def found(network: object, gray: object, side: int, min_score: float) -> list:
        asked.append(side)
        boxes = {320: [(0, 0, 50, 50)], 640: [(2, 1, 50, 50), (200, 0, 9, 9)], 960: []}
        score = 0.6 if side == 320 else 0.9
        return [(Detection(box, score), np.zeros((5, 2), np.float32)) for box in boxes[side]]

    monkeypatch.setattr(builtin, "search", found)
    both = BuiltinDetector.load(side=320, more_sides=(640, 960)).detect(photo)
    assert asked == [320, 640, 960]
    assert [one.box for one in both] == [(2, 1, 50, 50), (200, 0, 9, 9)]
    with pytest.raises(SettingsError, match="got side 16"):
        BuiltinDetector.load(more_sides=(640, 16))


def test_cells_of_one_face_are_merged_and_those_of_two_are_not() -> None:
    frames = np.array(
        [(50, 50, 20, 0), (51, 50, 20, 1), (90, 50, 20, 0), (50, 50, 9, 0), (60, 40, 4, 0)],
        np.float32,
    )
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.01], np.float32)
    output = np.zeros((16, len(cells(SIDE, SIDE)[0])), np.float32)
    output[0] = -20
    places = cells(SIDE, SIDE)[0].numpy()
    output[0, :5] = np.log(scores / (1 - scores))
    output[1:3, :5] = (frames[:, :2] - places[:5]).T
    output[3, :5] = np.log(np.hypot(frames[:, 2], frames[:, 3]))
    output[4:6, :5] = 3 * frames[:, 2:].T  # its length does not count
    detections = decode(output, (SIDE, SIDE), 0.05, (1.0, 1.0))
    assert [f.score for f, _ in detections] == pytest.approx([0.9, 0.7])
    assert middle(detections[0][0].box) == pytest.approx((50.5, 50), abs=0.2)


# -- model file ---------------------------------------------------------------------------


def test_the_file_takes_images_of_any_size_alone_and_in_batches(own: BuiltinDetector) -> None:
    assert own._session is not None
    rng = np.random.default_rng(0)
    for height, width in ((32, 32), (96, 160)):
        images = rng.integers(0, 256, (2, height, width), dtype=np.uint8)
        both = own._session.run(builtin.OUTPUTS, builtin.INPUT, images)
        assert np.asarray(both[0]).shape == (2, 16, len(cells(height, width)[0]))
        for row in range(2):
            alone = own._session.run(builtin.OUTPUTS, builtin.INPUT, images[row : row + 1])
            for a, b in zip(both, alone, strict=True):
                assert np.asarray(a)[row] == pytest.approx(np.asarray(b)[0], abs=1e-2)


def test_a_damaged_file_is_reported(tmp_path: Path) -> None:
    whole = weights.DETECTOR.read_bytes()
    path = tmp_path / "detector.onnx"
    path.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    with pytest.raises(ModelError, match="damaged"):
        BuiltinDetector.load(path)
    with pytest.raises(ModelError, match="could not read"):
        BuiltinDetector.load(tmp_path / "none.onnx")
    with pytest.raises(SettingsError, match="make it by `load`"):
        BuiltinDetector().detect(np.zeros((40, 40), dtype=np.uint8))


def test_the_shipped_file_is_small() -> None:
    assert weights.DETECTOR.stat().st_size < 2_000_000


@pytest.mark.parametrize(("side", "min_score"), [(8, 0.5), (256, 0.0), (256, 1.5)])
def test_settings_out_of_range_are_refused(side: int, min_score: float) -> None:
    with pytest.raises(SettingsError):
        BuiltinDetector.load(side=side, min_score=min_score)


def test_detect_returns_detections_of_python_numbers(
    own: BuiltinDetector, photo: NDArray[np.uint8]
) -> None:
    (detection,) = own.detect(photo)
    assert isinstance(detection, Detection)
    values = (*detection.box, detection.score, detection.angle)
    assert [type(value) for value in values] == [float] * 6
    assert 0.5 <= detection.score <= 1
    assert abs(detection.angle) < 45
