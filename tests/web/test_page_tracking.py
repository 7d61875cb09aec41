"""The tracker of the page gives the same track numbers and points as Python's live tracker.

The clips are tables: for every frame, the faces that a model would find, with noise, a score and
an appearance. Both trackers get them in place of images.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from page_modules import run_modules

from facepoints.detection import Detection
from facepoints.imaging import affine
from facepoints.inference.face import Face
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.tracking import track_observer
from facepoints.tracking.config import TrackerConfig
from facepoints.tracking.observation import Observation, appearance_descriptor
from facepoints.tracking.pose2d import fit_pose, pose_to_similarity
from facepoints.tracking.tracker import FaceTracker
from facepoints.video.frame import Frame
from facepoints.web.page_settings import page_settings

WIDTH, HEIGHT, FPS = 640, 480, 30.0
MODEL = LandmarkModel.load()
SHAPE = (MODEL.canonical_points - MODEL.canonical_points.mean(axis=0)) / np.ptp(
    MODEL.canonical_points, axis=0
).max()


@dataclass
class Actor:
    """A person of a clip.

    Attributes:
        path: (T, 2) center of the face.
        size: (T,) pixels.
        roll: (T,) radians.
        visible: (T,) False where another hides the face, or it is not in the image.
        score: of the face.
    """

    path: NDArray[np.float64]
    size: NDArray[np.float64]
    roll: NDArray[np.float64]
    visible: NDArray[np.bool_]
    score: float = 0.99


def actor(
    path: NDArray[np.float64],
    size: float = 120,
    *,
    roll: float = 0,
    score: float = 0.99,
    **gone: Any,
) -> Actor:
    count = len(path)
    visible = np.ones(count, bool)
    for first, last in gone.get("gone", ()):
        visible[first:last] = False
    sway = roll * np.sin(np.arange(count) / 6)
    return Actor(path, np.full(count, size) * (1 + 0.1 * sway), sway, visible, score)


def line(start: Sequence[float], step: Sequence[float], count: int) -> NDArray[np.float64]:
    return np.asarray(start, np.float64) + np.arange(float(count))[:, None] * np.asarray(
        step, np.float64
    )


def short(value: Any) -> Any:
    """A value with few digits, so that JSON is short."""
    return value if isinstance(value, float) else np.round(value.astype(float), 4).tolist()


@dataclass
class Clip:
    """The faces of every frame, as a model finds them."""

    actors: Sequence[Actor]
    times: NDArray[np.float64]
    seed: int = 0
    frames: list[list[dict[str, Any]]] = field(init=False)

    def __post_init__(self) -> None:
        random = np.random.default_rng(self.seed)
        looks = random.normal(size=(len(self.actors), 64))
        self.frames = []
        for index in range(len(self.times)):
            faces = []
            for number, who in enumerate(self.actors):
                cos, sin = np.cos(who.roll[index]), np.sin(who.roll[index])
                shape = SHAPE @ np.array([[cos, sin], [-sin, cos]]) * who.size[index]
                talk = 0.02 * who.size[index] * max(0, np.sin(index / 3 + number))
                shape[48:68, 1] += talk
                noise = random.normal(0, 0.006 * who.size[index], shape.shape)
                radius = 0.03 * who.size[index] * random.uniform(0.5, 2, 70)
                hidden = random.random(70) < 0.1
                look = looks[number] + random.normal(0, 0.3, 64)
                if who.visible[index]:
                    faces.append(
                        {
                            "points": (shape + who.path[index] + noise).astype(np.float32),
                            "radius": np.round(radius, 4).astype(np.float32),
                            "score": who.score,
                            "visible": np.where(hidden, 0.1, 0.95).astype(np.float32),
                            "appearance": (look / np.linalg.norm(look)).astype(np.float32),
                        }
                    )
            self.frames.append(faces)

    def plain(self) -> list[list[dict[str, Any]]]:
        return [[{k: short(v) for k, v in f.items()} for f in faces] for faces in self.frames]


def moving() -> Clip:
    circle = np.stack([np.cos(np.arange(60) / 9), np.sin(np.arange(60) / 7)], axis=1)
    return Clip([actor(circle * 60 + (300, 240), 150, roll=0.3)], np.arange(60) / FPS)


def crossing(step: float, *, regular: bool = True) -> Clip:
    """Two faces pass each other. The one in front hides the other where they overlap."""
    count = round(400 / step)
    front, back = line((100, 240), (step, 0), count), line((500, 232), (-step, 0), count)
    near = np.flatnonzero(np.abs(front - back)[:, 0] < 70)
    actors = [actor(front, 120), actor(back, 110, gone=[(near[0], near[-1] + 1)])]
    random = np.random.default_rng(1)
    times = np.arange(count) / FPS
    return Clip(actors, times if regular else times + random.uniform(-0.01, 0.01, count))


def vanishing() -> Clip:
    """One returns after half a second, one after two; one comes later; one is rarely sure."""
    count = 60
    actors = [
        actor(line((120, 120), (3, 0.8), count), 90, gone=[(10, 17)]),
        actor(line((450, 140), (0, 0.4), count), 100, gone=[(15, 46)]),
        actor(line((140, 380), (2, 0), count), 80, gone=[(0, 20)]),
        actor(line((470, 380), (0, 0), count), 90, score=0.7, gone=[(0, 5), (6, 25)]),
    ]
    return Clip(actors, np.arange(count) / 15)


CLIPS = {
    "moving": moving(),
    "crossing slowly": crossing(6),
    "crossing": crossing(9),
    "crossing fast": crossing(16),
    "crossing, frames irregular": crossing(7, regular=False),
    "vanishing": vanishing(),
}


def in_python(clip: Clip) -> Iterator[list[Face]]:
    """The faces of Python's live tracker. It looks at the tables in place of images."""
    now = {"frame": 0}

    def see(face: dict[str, Any]) -> Observation:
        pose = fit_pose(face["points"], face["radius"], MODEL.canonical_points, face["visible"])
        assert pose is not None
        radius, look = face["radius"].astype(float), face["appearance"]
        return Observation(face["points"], radius, face["score"], pose, look, face["visible"])

    def nearest(center: NDArray, reach: float) -> Observation | None:
        seen = [see(face) for face in clip.frames[now["frame"]]]
        far = [float(np.hypot(*(o.pose[:2] - center))) for o in seen]
        return seen[int(np.argmin(far))] if far and min(far) < reach else None

    def observe_crops(_: Any, __: Any, matrices: Sequence[NDArray], ___: Any) -> list[Any]:
        center, side = MODEL.canonical_points.mean(axis=0), max(MODEL.size)
        places = [affine.apply(affine.invert(m), center) for m in matrices]
        scales = [side / float(np.hypot(*m[:, 0])) for m in matrices]
        return [nearest(p, s / 2) for p, s in zip(places, scales, strict=True)]

    def observe_poses(_: Any, __: Any, poses: Sequence[NDArray], ___: Any) -> list[Any]:
        center = MODEL.canonical_points.mean(axis=0)
        matrices = [affine.invert(pose_to_similarity(pose, center)) for pose in poses]
        return observe_crops(None, None, matrices, None)

    def detect(_: Any) -> list[Detection]:
        return [
            Detection(affine.bounding_box(face["points"]), face["score"])
            for face in clip.frames[now["frame"]]
        ]

    def predict_landmarks(_: Any, detections: Sequence[Detection]) -> list[Face]:
        faces = []
        for detection in detections:
            for f in clip.frames[now["frame"]]:
                if affine.bounding_box(f["points"]) == detection.box:
                    faces.append(
                        Face(detection.box, f["score"], f["points"], f["radius"],
                             MODEL.landmarks, visible=f["visible"])
                    )  # fmt: skip
        return faces

    predictor = SimpleNamespace(
        model=MODEL,
        detector=None,
        min_score=0.5,
        landmarks=MODEL.landmarks,
        detect=detect,
        predict_landmarks=predict_landmarks,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(track_observer, "observe_crops", observe_crops)
        patch.setattr(track_observer, "observe_poses", observe_poses)
        tracker = FaceTracker(predictor, TrackerConfig())  # type: ignore[arg-type]
        image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        for index, time in enumerate(clip.times):
            now["frame"] = index
            yield tracker(Frame(image, index, float(time), "clip"))


VIDEO = """
    const center = meanPoint(data.settings.model.canonical_points);
    const side = Math.max(...data.settings.model.size);
    const nothing = { points: [[NaN, NaN]], radius: [1], score: 0 };
    const output = [];
    const tracker = new VideoTracker(data.settings);
    const enlarged = (face, k) => ({
      ...face,
      points: face.points.map((point) => point.map((value) => (value + 0.5) * k - 0.5)),
      radius: face.radius.map((radius) => radius * k),
    });
    for (const [index, originals] of data.frames.entries()) {
      const [width, height] = data.sizes?.[index] ?? [640, 480];
      const faces = originals.map((face) => enlarged(face, width / 640));
      const poses = faces.map((face) => observe(face, data.settings).pose);
      const eyes = {
        width, height, sceneSimilarity: () => -1,
        async detect() { return faces.map((face) => ({ box: boundingBox(face.points), face })); },
        async predictLandmarks(detections) { return detections.map(({ face }) => face); },
        async observe(matrices) {
          return matrices.map((matrix) => {
            const place = apply(invert(matrix), center);
            const far = poses.map(([x, y]) => Math.hypot(x - place[0], y - place[1]));
            const least = Math.min(...far);
            const face = least < side / scaleOf(matrix) / 2 ? faces[far.indexOf(least)] : nothing;
            return { face, appearance: face.appearance };
          });
        },
      };
      output.push(await tracker.track(eyes, data.times[index]));
    }
    return output;
"""


def in_page(
    clip: Clip, body: str, sizes: list[tuple[int, int]] | None = None
) -> list[list[dict[str, Any]]]:
    """The faces of the page's tracker. `sizes`: (width, height) of each frame."""
    imports = {
        "tracking/video_tracker.js": "VideoTracker",
        "tracking/observation.js": "observe",
        "tracking/pose2d.js": "meanPoint",
        "predict/affine.js": "apply, boundingBox, invert, scaleOf",
    }
    data = {"frames": clip.plain(), "times": clip.times.tolist(), "settings": page_settings()}
    return run_modules(imports, body, data | {"sizes": sizes})


def check_equal(expected: Sequence[Sequence[Face]], found: list[list[dict[str, Any]]]) -> None:
    for index, (want, page) in enumerate(zip(expected, found, strict=True)):
        assert [f["track"] for f in page] == [f.track_id for f in want], f"frame {index}"
        for face, here in zip(want, page, strict=True):
            np.testing.assert_allclose(here["points"], face.points, atol=0.1)
            np.testing.assert_allclose(here["box"], face.box, atol=0.2)
            np.testing.assert_allclose(here["radius"], face.radius, rtol=1e-4)
            assert here["score"] == pytest.approx(face.score)


@pytest.mark.parametrize("name", CLIPS)
def test_frames_are_tracked_as_in_python(name: str) -> None:
    clip = CLIPS[name]
    expected = list(in_python(clip))
    check_equal(expected, in_page(clip, VIDEO))


@pytest.mark.parametrize(("scene", "identities"), [(1, {0}), (-1, {0, 1})])
def test_a_face_that_was_seen_in_part_keeps_its_track_unless_there_is_a_cut(
    scene: int, identities: set[int]
) -> None:
    place = line((300, 240), (0, 0), 8)
    part = actor(place, 60, score=0.7, gone=[(4, 8)])
    clip = Clip([part, actor(place, 114, gone=[(0, 4)])], np.arange(8) / FPS)
    found = in_page(clip, VIDEO.replace("() => -1", f"() => {scene}"))
    assert {face["track"] for faces in found for face in faces} == identities
    assert all(len(faces) == 1 for faces in found[3:])


def test_tracked_faces_are_records_of_files() -> None:
    faces = in_page(CLIPS["moving"], VIDEO)[3]
    python = list(in_python(CLIPS["moving"]))[3]
    assert list(faces[0]) == list(python[0].to_dict())
    assert faces[0]["visible"] == python[0].to_dict()["visible"]
    assert faces[0]["radius"] == python[0].to_dict()["radius"]


def test_time_that_runs_back_starts_new_tracks() -> None:
    clip = CLIPS["moving"]
    again = Clip(clip.actors, np.concatenate([clip.times[:20], clip.times[:40]]))
    numbers = [[face["track"] for face in faces] for faces in in_page(again, VIDEO)]
    assert numbers == [[0]] * 20 + [[1]] * 40


def test_a_time_that_is_no_number_is_an_error() -> None:
    body = """
        const eyes = { width: 640, height: 480, sceneSimilarity: () => -1 };
        try { await new VideoTracker(data.settings).track(eyes, NaN); }
        catch (error) { return `${error.name}: ${error.message}`; }
    """
    imports = {"tracking/video_tracker.js": "VideoTracker"}
    message = run_modules(imports, body, {"settings": page_settings()})
    assert message == "RangeError: a frame needs a time in seconds, got NaN"


def test_a_frame_of_another_resolution_continues_tracks_and_one_of_another_shape_does_not() -> None:
    sizes = [(640, 480)] * 20 + [(1280, 960)] * 20 + [(1280, 700)] * 20
    frames = in_page(CLIPS["moving"], VIDEO, sizes)
    numbers = [[face["track"] for face in faces] for faces in frames]
    assert numbers == [[0]] * 40 + [[1]] * 20


@pytest.mark.parametrize("side", [96, 80, 72])
def test_appearance_is_that_of_python(side: int) -> None:
    random = np.random.default_rng(side)
    crop = np.cumsum(random.normal(0, 4, (side, side)), axis=1) + 120
    crop = np.clip(crop, 0, 255).astype(np.uint8)
    body = """
        const crop = { ...data.crop, data: Uint8Array.from(data.crop.data) };
        return Array.from(appearanceDescriptor(crop, 24));
    """
    data = {"crop": {"data": crop.ravel().tolist(), "width": side, "height": side}}
    found = run_modules({"tracking/appearance.js": "appearanceDescriptor"}, body, data)
    # one gray level, where the mean of pixels lies halfway between two
    np.testing.assert_allclose(found, appearance_descriptor(crop, 24), atol=5e-3)


def test_a_face_below_the_least_score_is_not_tracked() -> None:
    strict = VIDEO.replace(
        "new VideoTracker(data.settings);",
        "new VideoTracker(data.settings); tracker.tracks.minScore = 0.8;",
    )
    clip = CLIPS["vanishing"]
    ids = [{face["track"] for face in faces} for faces in in_page(clip, strict)]
    usual = [{face["track"] for face in faces} for faces in in_page(clip, VIDEO)]
    assert len(set().union(*usual)) == len(set().union(*ids)) + 1
