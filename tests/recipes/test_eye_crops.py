"""Training crops of the eye state, on a made-up zip and on drawn eyes."""

from __future__ import annotations

import zipfile
from pathlib import Path

import cv2
import eye_augment
import eye_crops
import eye_state
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.inference.eye_state import SIDE


def an_eye(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 255, (24, 24), dtype=np.uint8)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Eyes of three closed pictures and of three people; copies of a test picture."""
    (tmp_path / "eyes").mkdir()
    (tmp_path / "held-out.txt").write_text("youtube-faces Held_Out\n")
    names = {
        "closedLeftEyes/closed_eye_0001.jpg_face_1_L.jpg": 1,
        "closedRightEyes/closed_eye_0001.jpg_face_1_R.jpg": 2,
        "closedLeftEyes/closed_eye_0002.BMP_face_1_L.jpg": 3,
        "closedLeftEyes/closed_eye_0003.jpg_face_2_L.jpg": 1,  # a copy of the first
        "openLeftEyes/Ann_Example_0001_L.jpg": 4,
        "openRightEyes/Ann_Example_0002_R.jpg": 5,
        "openRightEyes/Bob_0001_R.jpg": 6,
        "openRightEyes/Held_Out_0001_R.jpg": 7,
    }
    with zipfile.ZipFile(tmp_path / "eyes" / "eyes.zip", "w") as archive:
        archive.writestr("closedLeftEyes/", "")
        for name, seed in names.items():
            archive.writestr(name, cv2.imencode(".png", an_eye(seed))[1].tobytes())
    return tmp_path


def test_eyes_belong_to_pictures_and_people(data: Path) -> None:
    rows = list(eye_crops.eyes_of_zip(data / "eyes" / "eyes.zip"))
    assert [(group, closed) for _, group, closed, _ in rows] == [
        ("closed_eye_0001", 1),
        ("closed_eye_0002", 1),
        ("closed_eye_0003", 1),
        ("closed_eye_0001", 1),
        ("Ann_Example", 0),
        ("Ann_Example", 0),
        ("Bob", 0),
        ("Held_Out", 0),
    ]
    np.testing.assert_array_equal(rows[0][3], an_eye(1))
    with pytest.raises(DataError, match="eyes"):
        list(eye_crops.eyes_of_zip(data / "eyes.zip"))


def test_the_test_set_and_its_copies_are_not_trained_on(data: Path) -> None:
    eyes = eye_crops.single_eyes(data, {"closed_eye_0001", "Bob"})
    assert len(eyes.images) == 3
    assert eyes.closed.tolist() == [1, 0, 0]
    wide = (eye_crops.widened(an_eye(seed)) for seed in (3, 4, 5))
    for stored, expected in zip(eyes.images, wide, strict=True):
        np.testing.assert_array_equal(stored, expected)


def test_the_network_sees_the_whole_of_a_single_eye() -> None:
    """The middle of a stored crop is the eye itself, enlarged."""
    image = np.asarray(cv2.GaussianBlur(an_eye(0), (0, 0), 2), dtype=np.uint8)
    stored = torch.from_numpy(eye_crops.widened(image))[None]
    view = eye_augment.plain(stored)[0, 0].numpy()
    enlarged = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    assert np.abs(view - enlarged)[2:-2, 2:-2].mean() < 2


def test_views_differ_and_covered_eyes_are_not_seen() -> None:
    images = torch.from_numpy(np.stack([eye_crops.widened(an_eye(1))] * 400))
    seen = torch.tensor([1] * 300 + [0] * 50 + [-1] * 50)
    generator = torch.Generator().manual_seed(0)
    views, left = eye_augment.augmented(images, seen, images.flip(1), generator)
    assert views.shape == (400, 1, SIDE, SIDE)
    assert float(views.min()) >= 0
    assert float(views.max()) <= 255
    covered = int((left[:300] == 0).sum())
    assert 300 * eye_augment.COVERED < covered < 300 * 4 * eye_augment.COVERED
    assert left[300:].tolist() == seen[300:].tolist()
    assert float(views.std(dim=0).mean()) > 20


def test_lid_heights_and_the_area_under_the_curve() -> None:
    points = np.zeros((70, 2))
    points[36:42] = [[0, 0], [3, -1], [7, -1], [10, 0], [7, 1], [3, 1]]
    points[42:48] = [[20, 0], [23, 0], [27, 0], [30, 0], [27, 0], [23, 0]]
    np.testing.assert_allclose(eye_crops.lid_heights(points), [0.2, 0])
    score = np.array([0.9, 0.5, 0.5, 0.1])
    assert eye_state.auc(score, np.array([True, True, False, False])) == pytest.approx(0.875)
    assert eye_state.auc(score, np.array([False, False, True, True])) == pytest.approx(0.125)


def test_the_loss_leaves_unknown_answers_out() -> None:
    odds = torch.tensor([[4.0, 4.0], [-4.0, 4.0], [9.0, -4.0]])
    known = eye_state.loss(odds[:2], torch.tensor([1, 0]), torch.tensor([1, 1]))
    more = eye_state.loss(odds, torch.tensor([1, 0, -1]), torch.tensor([1, 1, 0]))
    assert float(more) == pytest.approx(float(known), abs=0.01)
    wrong = eye_state.loss(odds[:2], torch.tensor([0, 1]), torch.tensor([1, 1]))
    assert float(wrong) > float(known) + 3


def test_a_run_continues_where_it_stopped(tmp_path: Path) -> None:
    recipe = eye_state.Recipe(out=tmp_path, steps=8, batch=4)
    generator = torch.Generator().manual_seed(1)
    views = torch.rand(4, 1, SIDE, SIDE, generator=generator) * 255
    closed, seen = torch.tensor([1, 0, 1, 0]), torch.ones(4, dtype=torch.int64)
    whole = eye_state.Run(recipe)
    for step in range(6):
        if step == 3:
            whole.save()
        whole.learn(recipe, views, closed, seen)
    again = eye_state.Run(recipe)
    assert again.step == 3
    for _ in range(3):
        again.learn(recipe, views, closed, seen)
    for one, other in zip(whole.mean.parameters(), again.mean.parameters(), strict=True):
        torch.testing.assert_close(one, other)
