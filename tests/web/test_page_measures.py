"""The measures of the page equal those of `facepoints.measure`, value, radius, unit and order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from page_modules import run_modules
from skimage.data import astronaut

import facepoints
from facepoints.imaging import affine
from facepoints.inference.face import Face
from facepoints.landmarks.conversion import convert
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15, KNOWN_SETS
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_head import MEAN_HEAD
from facepoints.measurement import MEASURES, Convention, head_pose, head_transform
from facepoints.measurement.definitions import DEFINITIONS
from facepoints.measurement.descriptions import DESCRIPTIONS
from facepoints.measurement.head_fit import rotation
from facepoints.web.measure_settings import measure_settings
from facepoints.web.page_settings import page_settings

OPENPOSE = KNOWN_SETS["openpose-70"]
MODULE = {"measure/measure.js": "measureFace, headPose, headTransform"}


def head_face(angles: tuple[float, float, float], seed: int, landmarks: LandmarkSet) -> Face:
    """The mean head, turned by (yaw, pitch, roll) degrees, with noise and hidden points."""
    random = np.random.default_rng(seed)
    turn = np.eye(3)
    for angle, axis in zip(np.deg2rad(angles), np.eye(3)[[1, 0, 2]], strict=True):
        turn = rotation((angle * axis)[None])[0] @ turn
    scale = random.uniform(20, 300)
    points, _ = convert(
        (MEAN_HEAD @ turn.T).astype(np.float32)[None], np.ones((1, 68), bool), IBUG_68, landmarks
    )
    hidden = points[0, :, 2] < -0.35 * abs(np.sin(np.deg2rad(angles[0])))
    pixels = points[0, :, :2] * scale + random.uniform(100, 400, 2)
    pixels += random.normal(0, 0.015 * scale, pixels.shape)
    return Face(
        affine.bounding_box(pixels),
        0.99,
        pixels.astype(np.float32),
        random.uniform(0.02, 0.08, len(points[0])).astype(np.float32) * np.float32(scale),
        landmarks,
        visible=np.where(hidden, 0.04, 0.97).astype(np.float32),
    )


def turned_faces(landmarks: LandmarkSet = OPENPOSE) -> list[Face]:
    poses = [
        (yaw, pitch, roll)
        for yaw in (-85.0, -50.0, -15.0, 0.0, 30.0, 70.0)
        for pitch, roll in ((0.0, 0.0), (20.0, -30.0), (-25.0, 100.0))
    ]
    return [head_face(pose, seed, landmarks) for seed, pose in enumerate(poses)]


def in_page(face: Face) -> dict[str, Any]:
    """A face as the page has it: with all digits."""
    visible = None if face.visible is None else face.visible.tolist()
    return {"points": face.points.tolist(), "radius": face.radius.tolist(), "visible": visible}


def settings_of(landmarks: LandmarkSet) -> dict[str, Any]:
    class Model:
        def __init__(self) -> None:
            self.landmarks = landmarks

    return {"measures": measure_settings(Model())}  # pyright: ignore[reportArgumentType]


def in_node(
    faces: list[Face],
    settings: dict[str, Any],
    size: dict[str, int],
    convention: Convention | None = None,
) -> list[Any]:
    body = """
        return data.faces.map((face) => {
          const pose = headPose(face, data.size, data.settings);
          const transform = headTransform(face, data.size, data.settings);
          const measures = measureFace(face, data.size, data.settings, pose, data.convention);
          return { pose, transform, measures };
        });
    """
    data = {"faces": [in_page(face) for face in faces], "settings": settings, "size": size}
    data["convention"] = convention or ""
    return run_modules(MODULE, body, data)


def check(
    faces: list[Face],
    found: list[Any],
    size: tuple[int, int],
    convention: Convention | None = None,
) -> None:
    for face, page in zip(faces, found, strict=True):
        expected = facepoints.measure(face, convention)
        assert [m["name"] for m in page["measures"]] == list(expected)
        for measure in page["measures"]:
            name, want = measure["name"], expected[measure["name"]]
            rel, least = (0.0, 0.01) if measure["unit"] == "degrees" else (1e-3, 1e-6)
            assert measure["value"] == pytest.approx(want.value, rel=rel, abs=least), name
            assert measure["radius"] == pytest.approx(want.radius, rel=1e-3, abs=1e-6), name
        if "yaw" in expected:
            pose = head_pose(face)
            np.testing.assert_allclose(page["pose"]["turn"], pose.turn, atol=1e-5)
            np.testing.assert_allclose(page["pose"]["pointRadius"], pose.point_radius, rtol=1e-3)
            transform = head_transform(face, size)
            np.testing.assert_allclose(page["transform"], transform, rtol=1e-4, atol=1e-3)


def test_measures_of_a_photo() -> None:
    image = astronaut()
    faces = facepoints.load()(image)
    found = in_node(faces, page_settings(), {"width": 512, "height": 512})
    check(faces, found, image.shape[:2])
    assert len(found[0]["measures"]) == len(MEASURES)


def test_measures_of_turned_heads() -> None:
    faces = turned_faces()
    found = in_node(faces, page_settings(), {"width": 800, "height": 600})
    check(faces, found, (600, 800))
    # all kinds of heads are among them: turned ones and hidden points leave measures out
    counts = {len(page["measures"]) for page in found}
    assert max(counts) == len(MEASURES)
    assert min(counts) < len(MEASURES) // 2


@pytest.mark.parametrize("landmarks", [IBUG_68, KAGGLE_15], ids=["68", "15"])
def test_measures_of_other_points(landmarks: LandmarkSet) -> None:
    faces = turned_faces(landmarks)[6:9]
    convention: Convention = "street"
    if landmarks == IBUG_68:  # a closed mouth
        convention, lips = "afw", IBUG_68.columns(DEFINITIONS["mouth_opening"].points)
        faces[0].points[lips[3::2]] = faces[0].points[lips[2::2]]
    found = in_node(faces, settings_of(landmarks), {"width": 800, "height": 600}, convention)
    check(faces, found, (600, 800), convention)
    openings = [m["value"] for m in found[0]["measures"] if m["name"] == "mouth_opening"]
    assert openings == ([0] if landmarks == IBUG_68 else [])


def test_points_without_a_pose_and_visibility() -> None:
    two = IBUG_68.subset(("left_eye_outer_corner", "right_eye_outer_corner"))
    points: NDArray[np.float32] = np.array([[30, 10], [10, 10]], np.float32)
    face = Face(affine.bounding_box(points), 1, points, np.ones(2, np.float32), two)
    found = in_node([face], settings_of(two), {"width": 40, "height": 20})
    assert found[0]["pose"] is None
    (only,) = found[0]["measures"]
    assert (only["name"], only["value"], only["unit"]) == ("outer_canthal_px", 20, "px")
    assert only["radius"] == pytest.approx(facepoints.measure(face)["outer_canthal_px"].radius)


def test_points_on_a_line_have_no_pose() -> None:
    face = turned_faces()[0]
    line = np.stack([np.arange(70.0), np.arange(70.0)], axis=1).astype(np.float32)
    flat = Face(face.box, 1, line, face.radius, OPENPOSE, visible=face.visible)
    found = in_node([flat], page_settings(), {"width": 80, "height": 80})
    assert found[0]["pose"] is None
    assert "yaw" not in {m["name"] for m in found[0]["measures"]}


def test_a_face_of_other_points_is_an_error() -> None:
    body = """
        try { measureFace(data.face, { width: 9, height: 9 }, data.settings); }
        catch (error) { return `${error.name}: ${error.message}`; }
    """
    data = {"face": in_page(turned_faces(IBUG_68)[0]), "settings": page_settings()}
    message = run_modules(MODULE, body, data)
    assert message == "RangeError: a face to measure needs 70 points, got 68"


def test_axes_of_the_head_are_lines_in_the_image() -> None:
    faces = [head_face((0, 0, 0), 1, OPENPOSE), head_face((60, 0, 0), 2, OPENPOSE)]
    front, turned = in_node(faces, page_settings(), {"width": 800, "height": 600})
    ends = []
    for page in (front, turned):
        lines = {axis["name"]: axis for axis in page["pose"]["axes"]}
        assert set(lines) == {"x", "y", "z"}
        here = {n: np.subtract(line["to"], line["from"]) for n, line in lines.items()}
        ends.append({n: line / page["pose"]["scale"] for n, line in here.items()})
    np.testing.assert_allclose(ends[0]["x"], (1, 0), atol=0.1)
    np.testing.assert_allclose(ends[0]["y"], (0, 1), atol=0.1)
    # turned toward the subject's left: the nose points to the image's right
    assert ends[1]["z"][0] > 0.7


def test_every_measure_is_defined_in_words() -> None:
    settings = page_settings()["measures"]
    assert settings["names"] == list(MEASURES) == list(DESCRIPTIONS)
    for name in MEASURES:
        defined = settings["definitions"][name]
        assert defined["meaning"]
        assert defined["source"]
        assert defined["radius"]
        assert defined["unit"] in ("px", "ratio", "degrees")
        if name in DEFINITIONS:
            names = [settings["landmarks"][column] for column in defined["columns"]]
            assert names == list(DEFINITIONS[name].points) == defined["points"]
