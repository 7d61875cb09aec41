"""Where the eyes look: painted eyes that turn, mirrored faces, synthetic people, and reasons."""

from __future__ import annotations

import csv
import json
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

import facepoints
from facepoints.cli.main import main
from facepoints.datasets import synthetic
from facepoints.errors import DataError, SettingsError
from facepoints.imaging import affine
from facepoints.inference.eye_closure import EyeClosure
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15
from facepoints.landmarks.mean_head import MEAN_HEAD
from facepoints.measurement.gaze import CAMERA_ANGLE, EYE_RADIUS, TURN_FORMS, gaze, turns_of
from facepoints.measurement.gaze_factors import OFFSET, SHIFT, TURN_FORM
from facepoints.measurement.head_position import MM_PER_UNIT
from facepoints.measurement.pose import head_pose

UNIT = 200.0  # pixels between the outer eye corners
EYES = {-1.0: slice(36, 42), 1.0: slice(42, 48)}


def painted(yaw: float, pitch: float, turn: float = 0.0) -> tuple[NDArray[np.uint8], Face]:
    """The mean head, turned by a yaw in degrees, with eyes that look at a yaw and pitch."""
    angle = np.deg2rad(turn)
    rotation = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    points = (MEAN_HEAD @ rotation.T)[:, :2] * UNIT + (220, 160)
    image = np.full((480, 440), 140, np.uint8)
    mm = UNIT / MM_PER_UNIT
    a, b = np.deg2rad([yaw, pitch])
    looks = EYE_RADIUS * np.array([np.sin(a) * np.cos(b), -np.sin(b)])
    for sign, eye in EYES.items():
        outline = points[eye]
        middle = (outline[0] + outline[3]) / 2
        found = rotation[:2] @ (np.array(OFFSET) * (sign, 1, 1)) + (SHIFT, 0)
        center = middle + mm * (found + looks)
        mask, iris = np.zeros_like(image), np.zeros_like(image)
        fixed = np.rint(outline * 16).astype(np.int32)
        cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, 4)
        place = tuple(np.rint(center * 16).astype(int).tolist())
        cv2.circle(iris, place, round(5.85 * mm * 16), 255, -1, cv2.LINE_AA, 4)
        image[mask > 0] = 225
        image[(mask > 0) & (iris > 127)] = 50
    box = affine.bounding_box(points)
    radius = np.full(68, 1.0, np.float32)
    return image, Face(box, 1.0, points.astype(np.float32), radius, IBUG_68)


@pytest.mark.parametrize(
    ("yaw", "pitch"), [(0, 0), (10, 0), (-20, 0), (25, 0), (0, 8), (0, -8), (-18, 5)]
)
def test_painted_eyes_look_where_they_were_turned(yaw: float, pitch: float) -> None:
    seen = gaze(*painted(yaw, pitch))
    assert seen.yaw == pytest.approx(yaw, abs=4)
    assert seen.pitch == pytest.approx(pitch, abs=6)  # the lids hide a part of the iris
    assert seen.eyes == "both"
    assert seen.looks_at_camera == (seen.camera_angle <= CAMERA_ANGLE)
    assert seen.looks_at_camera == (np.hypot(yaw, pitch) < 12)
    x, y, z = seen.vector
    assert x**2 + y**2 + z**2 == pytest.approx(1)
    assert np.degrees(np.arctan2(x, -z)) == pytest.approx(seen.yaw)
    assert np.degrees(np.arcsin(-y)) == pytest.approx(seen.pitch)
    assert seen.radius[0] >= 0.13 * abs(seen.yaw)
    assert 2 < seen.radius[0] < 12


def test_what_can_add_to_the_radius() -> None:
    pose = head_pose(painted(0, 0, 30)[1])
    assert abs(pose.yaw) > 15
    head = np.hypot(pose.yaw, pose.pitch)
    turns = turns_of(np.array([-40.0, 0.0]), pose)
    assert tuple(turns) == TURN_FORMS
    assert turns["none"] == pytest.approx([0, 0])
    assert turns["constant"] == pytest.approx([1, 1])
    assert turns["gaze"] == pytest.approx([40, 40])
    assert turns["head"] == pytest.approx([head, head])
    assert turns["larger"] == pytest.approx([40, 40])
    assert turns["both"] == pytest.approx(np.full(2, np.hypot(40, head)))
    assert turns["own"] == pytest.approx([40, abs(pose.pitch)])
    assert TURN_FORM in TURN_FORMS


@pytest.mark.parametrize("turn", [-25, 25])
def test_the_head_turns_and_the_eyes_stay_on_the_camera(turn: float) -> None:
    seen = gaze(*painted(0, 0, turn))
    assert seen.yaw == pytest.approx(0, abs=5)
    assert seen.looks_at_camera
    assert seen.head_yaw == pytest.approx(-turn, abs=9)  # the eyes turn back
    assert seen.head_radius[0] > seen.radius[0]
    along = gaze(*painted(turn, 0, turn))
    assert along.head_yaw == pytest.approx(0, abs=9)


def test_a_mirrored_face_looks_the_other_way(monkeypatch: pytest.MonkeyPatch) -> None:
    # a painted face has none of the network's errors to one side
    monkeypatch.setattr(sys.modules["facepoints.measurement.gaze"], "SHIFT", 0.0)
    image, face = painted(14, 4, 10)
    columns = [IBUG_68.names.index(IBUG_68.names[k]) for k in IBUG_68.mirror]
    points = affine.apply(affine.mirror_matrix(image.shape[1]), face.points)[columns]
    other = gaze(np.ascontiguousarray(image[:, ::-1]), replace(face, points=points))
    here = gaze(image, face)
    assert other.yaw == pytest.approx(-here.yaw, abs=0.5)
    assert other.pitch == pytest.approx(here.pitch, abs=0.5)
    assert other.head_yaw == pytest.approx(-here.head_yaw, abs=0.7)


def test_turned_eyes_of_synthetic_people() -> None:
    """Rendered eyes turn to both sides, and up and down with their lids."""
    model = facepoints.load()
    directions = [*((float(yaw), 0.0) for yaw in np.linspace(-25, 25, 24)),
                  *((0.0, float(pitch)) for pitch in np.linspace(-15, 15, 12))]  # fmt: skip
    images = synthetic.render_gaze(directions, seed=7).images
    aside, upward = [], []
    for image, (yaw, pitch) in zip(images, directions, strict=True):
        for face in model(image)[:1]:
            with suppress(DataError):
                seen = gaze(image, face)
                (upward if yaw == 0 else aside).append(
                    (yaw + pitch, seen.yaw if yaw else seen.pitch)
                )
    for values, correlation, slope in ((aside, 0.7, 0.5), (upward, 0.3, 0.1)):
        true, found = np.array(values).T
        assert len(values) >= 10
        assert np.corrcoef(true, found)[0, 1] > correlation
        assert np.polyfit(true, found, 1)[0] > slope


def test_the_direction_of_rendered_eyes_is_checked() -> None:
    with pytest.raises(SettingsError, match="angles of up to 60 degrees"):
        synthetic.render_gaze([(70, 0)])


def test_a_photo_of_somebody_who_looks_at_the_camera() -> None:
    photo = data.astronaut()
    (face,) = facepoints.load()(photo)
    seen = facepoints.gaze(photo, face)
    assert seen.looks_at_camera
    assert seen.camera_angle < CAMERA_ANGLE


def test_one_eye_is_enough_and_reasons_are_given() -> None:
    image, face = painted(10, 0)
    columns = range(36, 42)
    half = np.ones(68, np.float32)
    half[list(columns)] = 0.1
    one = gaze(image, replace(face, visible=half))
    assert one.eyes == "left"
    assert one.yaw == pytest.approx(10, abs=5)
    assert one.radius[0] > gaze(image, face).radius[0]
    winks = replace(face, visible=half, eye_closure=EyeClosure(0.1, 0.9))
    with pytest.raises(DataError, match="right eye: hidden; left eye: closed"):
        gaze(image, winks)
    with pytest.raises(DataError, match="no iris seen"):
        gaze(np.full_like(image, 140), face)
    small = replace(face, points=face.points * np.float32(0.1))
    with pytest.raises(DataError, match="too small"):
        gaze(image, small)
    shut = face.points.copy()
    for eye in EYES.values():
        shut[eye, 1] = shut[eye, 1].mean()
    with pytest.raises(DataError, match="closed"):
        gaze(image, replace(face, points=shut))
    with pytest.raises(DataError, match="no outline among the points"):
        gaze(image, face.as_landmarks(KAGGLE_15))


def test_the_table_of_measures_has_the_gaze_or_a_reason(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), data.astronaut()[..., ::-1])
    main(["predict", str(tmp_path / "a.png"), "--out", str(tmp_path / "a.jsonl")])
    for name, seen in (("a.png", True), ("a.jsonl", False)):
        out = tmp_path / f"{name}.csv"
        main(["measure", str(tmp_path / name), "--out", str(out)])
        with out.open(newline="") as file:
            (row,) = csv.DictReader(file)
        assert (row["gaze_yaw"] != "") == seen
        assert row["looks_at_camera"] == ("1" if seen else "")
        assert row["gaze_reason"] == ("" if seen else "no image")
        if seen:
            assert abs(float(row["gaze_yaw"])) < CAMERA_ANGLE
            assert float(row["gaze_head_yaw_r"]) > float(row["gaze_yaw_r"]) > 0
    lines = tmp_path / "o.jsonl"
    main(["measure", str(tmp_path / "a.png"), "--out", str(lines)])
    told = json.loads(lines.read_text())["faces"][0]["gaze"]
    assert told["looks_at_camera"] is True
    assert told["yaw"]["radius"] > 0
