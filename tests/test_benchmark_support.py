"""The benchmarks' reading, matching and figures give right values, also for partial labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import end_to_end
import numpy as np
import psutil
import pytest
import radius
import steady
import video
from numpy.typing import NDArray
from support import correction, coverage, labelled_measures, scenes
from support.bias import signed_mean_errors
from support.busy import busy_core
from support.detectors import Timed
from support.faces import FaceSet, match, measure, read_sets
from support.frames import Frame, frame_of
from support.heads import yaw_of
from support.sets import COLUMNS, MIRROR, PUPILS, SETS, columns_of
from support.tally import Tally
from support.turning import Turn, turn_figures
from support.visibility import auc, far_half, known_visibility
from waiting import wait_until

from facepoints.detection import Detection
from facepoints.errors import DataError
from facepoints.landmarks.mean_face import MEAN_FACE
from facepoints.landmarks.mean_head import MEAN_HEAD
from facepoints.measurement.pose_factors import SLOPES

UNMOVED = np.array([0, 0, 1.0])


def face(x: float = 100, y: float = 100, side: float = 80) -> NDArray[np.float64]:
    """Points (70, 2) of the mean face, pupils in the middle of the eyes."""
    points = np.zeros((70, 2))
    points[:68] = MEAN_FACE * side + (x, y)
    points[68], points[69] = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    return points


def face_set(
    points: NDArray[np.float64],
    labelled: NDArray[np.bool_] | None = None,
    files: list[str] | None = None,
) -> FaceSet:
    names = files or [f"{n}.jpg" for n in range(len(points))]
    every = np.ones(points.shape[:2], bool) if labelled is None else labelled
    people = np.array([f"p{n}" for n in range(len(points))])
    return FaceSet(tuple(map(Path, names)), points, every, tuple(names), people)


def only(*names: str) -> NDArray[np.bool_]:
    """Mask (70,) of the points with these names."""
    return np.isin(np.arange(70), columns_of(*names))


def test_a_prediction_belongs_to_one_face_of_a_photo() -> None:
    true = np.stack([face(100), face(130)])
    predicted = [np.stack([face(128), face(500)])]
    photo = np.array([0, 0])
    assert match(true, predicted, np.ones((2, 70), bool), photo).tolist() == [-1, 0]
    both = [np.stack([face(128), face(101)])]
    assert match(true, both, np.ones((2, 70), bool), photo).tolist() == [1, 0]


def test_a_face_is_matched_by_its_labelled_points() -> None:
    labelled = np.tile(MEAN_FACE[:, 0] < 0, 1)
    labelled = np.concatenate([labelled, [True, False]])[None]
    predicted = face()
    predicted[~labelled[0]] += 300  # far off where nothing is labelled
    assert match(face()[None], [predicted[None]]).tolist() == [-1]
    assert match(face()[None], [predicted[None]], labelled).tolist() == [0]


def test_measures_use_labelled_points_only() -> None:
    five = SETS["inthewild21"].measures[0]
    eyes = ("right_eye_outer_corner", "left_eye_outer_corner")
    labelled = only(*eyes, "right_pupil", "nose_bridge_4")[None]
    faces = face_set(face()[None], labelled)
    distance = faces.normalizer("eyes")[0]
    predicted = face()
    predicted[PUPILS[0], 0] += 0.1 * distance
    predicted[columns_of("mouth_left_corner")[0]] += 50  # not labelled
    figures = measure(faces, predicted[None], np.array([True]), [five])
    assert figures["eyes_5"] == pytest.approx(5.0)  # 10 % and 0 %
    assert (figures["fr_8"], figures["missed"]) == (0.0, [])
    missed = measure(faces, predicted[None], np.array([False]), [five])
    assert (missed["fr_8"], missed["missed"]) == (100.0, ["0.jpg"])


def test_a_normalizer_without_labels_is_unknown() -> None:
    faces = face_set(face()[None], only("nose_base", "chin")[None])
    assert faces.normalizer("eyes").tolist() == [0.0]
    assert faces.normalizer("pupils").tolist() == [0.0]


@pytest.mark.parametrize("kind", ["point", "linear"])
def test_corrections_are_fitted_on_labelled_points(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(correction, "STRENGTHS", (0.1, 1.0))
    rng = np.random.default_rng(0)
    predicted = np.stack([face(float(x), float(y)) for x, y in rng.uniform(90, 110, (80, 2))])
    predicted = predicted + rng.normal(0, 0.5, predicted.shape)
    truth = predicted + np.array([3.0, 0.0])
    labelled = np.ones((80, 70), bool)
    labelled[:40, 20:] = False  # half of the faces have the first 20 points only
    labelled[:, 5] = False  # never labelled: it must stay
    truth[~labelled] = 0
    people = np.array([f"p{n}" for n in range(80)])
    correct = correction.fit(kind, predicted, truth, people, labelled)
    shift = correct(predicted) - predicted
    assert shift[:, 5] == pytest.approx(0, abs=1e-9)
    rest = np.delete(shift, 5, axis=1)
    assert rest[..., 0] == pytest.approx(3.0, abs=0.3)
    assert rest[..., 1] == pytest.approx(0.0, abs=0.3)


def test_signed_mean_errors_are_those_of_the_level_face() -> None:
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])  # a face lying on its side
    upright = face_set(np.stack([face()] * 40))
    lying = face_set(np.stack([face() @ turn.T] * 40))
    shift = np.zeros((70, 2))
    shift[columns_of("upper_lip_center")[0]] = (1.0, -2.0)
    shift *= upright.normalizer("eyes")[0] / 100
    detected = np.ones(40, bool)
    for faces, moved in ((upright, shift), (lying, shift @ turn.T)):
        bias = signed_mean_errors(faces, faces.points + moved, detected, pupils=False)
        assert bias["upper_lip_center"][:2] == pytest.approx([1.0, -2.0])
        assert bias["lower_lip_center"][:2] == pytest.approx([0.0, 0.0])
        assert "left_pupil" not in bias


def test_hidden_points_are_the_mirror_images_of_labelled_ones() -> None:
    labelled = np.zeros((1, 70), bool)
    seen = ("right_eye_outer_corner", "right_jaw_3", "chin", "right_brow_1", "nose_base")
    labelled[0] = only(*seen)
    shown, hidden = known_visibility(face_set(face()[None], labelled), profiles=True)
    assert {COLUMNS[k] for k in np.flatnonzero(shown[0])} == set(seen)
    away = {COLUMNS[k] for k in np.flatnonzero(hidden[0])}
    assert away == {"left_eye_outer_corner", "left_jaw_3", "left_brow_1"}


def test_points_of_frontal_faces_are_visible() -> None:
    shown, hidden = known_visibility(face_set(face()[None]), profiles=False)
    assert shown.all()
    assert not hidden.any()


def test_the_half_that_is_turned_away_is_the_one_the_face_turns_to() -> None:
    away = far_half(np.array([70.0, -70.0, 20.0, np.nan]))
    assert away[0, columns_of("left_eye_outer_corner", "left_pupil")].all()
    assert not away[0, columns_of("right_eye_outer_corner", "chin", "right_pupil")].any()
    assert np.array_equal(away[1], away[0][MIRROR])
    assert not away[2:].any()


@pytest.mark.parametrize("degrees", [-40.0, 0.0, 50.0])
def test_yaw_is_read_from_the_labels(degrees: float) -> None:
    angle = np.deg2rad(degrees)
    turned = MEAN_HEAD[:, :1] * np.cos(angle) + MEAN_HEAD[:, 2:] * np.sin(angle)
    points = np.zeros((1, 70, 2))
    points[0, :68] = np.concatenate([turned, MEAN_HEAD[:, 1:2]], axis=1) * 100 + 200
    labelled = np.ones((1, 70), bool)
    assert yaw_of(face_set(points, labelled))[0] == pytest.approx(degrees, abs=2)
    labelled[0, 36:42] = False
    assert yaw_of(face_set(points, labelled))[0] == pytest.approx(degrees, abs=2)
    labelled[0, 5:] = False
    assert np.isnan(yaw_of(face_set(points, labelled))[0])


def test_auc_counts_ties_as_half() -> None:
    assert auc(np.array([0.9, 0.8]), np.array([0.1, 0.8])) == 0.875
    assert auc(np.array([1.0]), np.array([0.0, 0.2])) == 1.0
    assert auc(np.array([0.1]), np.array([0.2])) == 0.0


def errors(count: int = 40) -> coverage.Errors:
    """Faces whose first 9 of 10 labelled points lie within their radius; the half with a yaw of
    45 degrees has 5 of 10 there."""
    labelled = np.zeros((count, 70), bool)
    labelled[:, :10] = True
    error = np.zeros((count, 70))
    error[:, 9] = 2.0
    turned = np.arange(count) % 2 == 1
    error[turned, 5:10] = 2.0
    return coverage.Errors(
        error=error,
        radius=np.ones((count, 70)),
        labelled=labelled,
        away=np.zeros((count, 70), bool),
        side=np.full(count, 50.0),
        yaw=np.where(turned, -45.0, 5.0),
        size=np.full(count, 60.0),
        sharpness=np.arange(count) / count,
    )


def test_coverage_of_all_points_and_of_bands() -> None:
    e = errors()
    figures = coverage.figures(e)
    assert figures["coverage"] == 70.0
    assert figures["least_of_a_point"] == [0.0, COLUMNS[9]]
    assert figures["most_of_a_point"][0] == 100.0
    rows = {(row["kind"], row["band"]): row for row in coverage.bands(e)}
    assert rows["yaw", "0 to 30°"]["coverage"] == 90.0
    assert rows["yaw", "30 to 60°"]["coverage"] == 50.0
    assert rows["yaw", "60 to 90°"]["coverage"] is None
    assert rows["size", "50 to 100 px"]["faces"] == 40
    assert sum(rows["blur", name]["faces"] for name in coverage.BLUR) == 40
    cells = radius.band_table(coverage.bands(e))
    assert cells[2][-2:] == ["50.0%", "2.00"]
    assert cells[3][-2:] == ["-", "-"]


def test_reliability_compares_quantiles_with_radii(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    e = errors(400)
    scale = rng.uniform(1, 10, e.radius.shape)
    error = np.abs(rng.normal(0, scale / 1.645))  # 90 % lie within the scale
    e = coverage.Errors(**{**vars(e), "radius": scale, "error": error})
    rows = coverage.reliability(e, bins=4)
    assert [row["coverage"] for row in rows] == pytest.approx([90] * 4, abs=3)
    assert all(row["error_90"] == pytest.approx(row["radius"], rel=0.2) for row in rows)
    radius.draw({"all": rows, "one": rows[:2]}, tmp_path / "a.png")
    assert cv2.imread(str(tmp_path / "a.png")) is not None


def boxes(*frames: Frame) -> Timed:
    return Timed(
        [Detection((f.x - f.side / 2, f.y - f.side / 2, f.side, f.side), 1, f.angle)
         for f in frames], 0.001,
    )  # fmt: skip


def test_second_boxes_upside_down_answers_and_unlabelled_faces_are_counted() -> None:
    tally = Tally()
    faces = [Frame(100, 100, 50, 0), Frame(300, 100, 50, 0)]
    seen = boxes(
        Frame(102, 100, 50, 170),  # found, upside down
        Frame(100, 108, 50, 0),  # a second one on the same face
        Frame(500, 100, 50, 0),  # listed by hand as real
        Frame(700, 400, 50, 0),  # nothing is there
    )
    extra = tally.add(seen, faces, ["a", "b"], UNMOVED, [Frame(500, 100, 50, 0)])
    found = tally.dict()
    assert found["missed"] == ["b"]
    assert (found["recall"], found["extra"], found["unlabelled_real"]) == (0.5, 2.0, 1)
    assert (found["second"], found["flipped"]) == (1, 1)
    assert len(extra) == 2


@pytest.fixture
def photo(tmp_path: Path) -> FaceSet:
    image = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    file = tmp_path / "photo.png"
    cv2.imwrite(str(file), image)
    return face_set(face()[None], files=[str(file)])


def test_made_pictures_have_their_faces_where_they_say(photo: FaceSet, tmp_path: Path) -> None:
    crowd = scenes.crowds(photo, tmp_path, 1, side=40)
    assert len(crowd.photos) == 1
    assert len(crowd) == scenes.CROWD
    sides = [max(np.ptp(points[:68], axis=0)) for points in crowd.points]
    assert np.median(sides) == pytest.approx(40, rel=0.05)
    inside = (crowd.points[:, :68] > 0) & (crowd.points[:, :68] < (1279, 959))
    assert inside.all()
    large = scenes.in_large(photo, tmp_path, 800, 600, 30)
    assert max(np.ptp(large.points[0, :68], axis=0)) == pytest.approx(30, rel=0.05)
    drawn = cv2.imread(str(large.files[0]))
    assert drawn is not None
    assert drawn.shape == (600, 800, 3)
    x, y = large.points[0, 30].round().astype(int)
    assert drawn[y - 3 : y + 4, x - 3 : x + 4].std() > 10  # the photo, not the gray around it
    turned = scenes.turned_or_shrunk(photo, tmp_path, "turn", 90)
    assert frame_of(turned.points[0]).angle == pytest.approx(90, abs=1)


def test_a_busy_core_is_busy_and_ends() -> None:
    with busy_core() as number:
        process = psutil.Process(number)  # raises an error if there is no such process
        started = process.cpu_times().user
        wait_until(lambda: process.cpu_times().user > started + 0.1)
    assert not psutil.pid_exists(number)


def turn(pan: NDArray[np.float64]) -> Turn:
    count = len(pan)
    return Turn(
        frames=[np.zeros((8, 8, 3), np.uint8)] * count,
        points=np.zeros((count, 0, 68, 2)),
        visible=np.ones((count, 1), bool),
        pan=pan,
        heads=np.tile([200.0, 240.0, 120.0, 120.0], (count, 1)),
        photo=np.ones(count, bool),
    )


def test_a_turn_counts_found_frames_switches_and_yaw(monkeypatch: pytest.MonkeyPatch) -> None:
    from facepoints.inference.face import Face
    from facepoints.landmarks.known_sets import IBUG_68

    monkeypatch.setattr("support.turning._peer_found", lambda clip: np.abs(clip.pan) < 80)
    pan = np.arange(-75.0, 76.0, 15.0)
    clip = turn(pan)
    rows: list[list[Face]] = []
    for degrees in -pan:
        angle = np.deg2rad(degrees)
        x = MEAN_HEAD[:, 0] * np.cos(angle) + MEAN_HEAD[:, 2] * np.sin(angle)
        points = np.stack([x, MEAN_HEAD[:, 1]], axis=1) * 80 + (200, 200)
        track = 1 if degrees > 0 else 2
        one = Face((0, 0, 1, 1), 1.0, points.astype(np.float32), np.ones(68, np.float32), IBUG_68,
                   track_id=track)  # fmt: skip
        rows.append([one] if abs(degrees) < 75 else [])
    figures = turn_figures([clip], {"live": [rows]})
    live, peer = figures["live"], figures["MediaPipe, tracking"]
    assert (live["near"], live["switches"], peer["far"]) == (1.0, 1, 1.0)
    assert live["far"] == pytest.approx(2 / 4)
    # angles are scaled to where people were told to look
    assert live["yaw_slope"] == pytest.approx(SLOPES["yaw"], abs=0.05)
    assert live["yaw_error"] < 2 + 90 * (SLOPES["yaw"] - 1)
    assert steady.turn_table(figures)[1][:4] == ["live", "1", "100.0%", "50.0%"]


def test_video_ratios() -> None:
    rates = {"decoding alone": 900, "facepoints": 300, "facepoints, points + drawing": 210}
    rows: list[dict[str, Any]] = [
        {"width": 640, "height": 480, "faces": 1, "side": side, "fps": fps, "seen": 1.0}
        for side, fps in (rates | {"MediaPipe, tracking": 150}).items()
    ]
    assert video.ratio_table(rows)[1] == ["640x480, 1 face", "2.00", "0.70", "1.40"]


def test_times_are_compared_with_those_of_mediapipe() -> None:
    rows = {"facepoints": {"ms": 2.0, "faces": 3, "peak_mb": 90},
            "mediapipe": {"ms": 4.0, "faces": 3, "peak_mb": 140}}  # fmt: skip
    cells = end_to_end.table("lfpw", rows)
    assert [line[2] for line in cells[1:]] == ["0.50", "1.00"]


def coco(folder: Path, names: list[str], rows: list[tuple[str, str, list[float]]]) -> None:
    """Write a COCO file with images of 64 x 64 pixels: (file, group, flat keypoints)."""
    folder.mkdir(parents=True)
    files = list(dict.fromkeys(file for file, _, _ in rows))
    for file in files:
        cv2.imwrite(str(folder / file), np.full((64, 64), 90, np.uint8))
    content = {
        "images": [{"id": n, "file_name": f, "width": 64, "height": 64}
                   for n, f in enumerate(files)],
        "categories": [{"id": 1, "name": "face", "keypoints": names}],
        "annotations": [
            {"id": n, "image_id": files.index(file), "category_id": 1, "keypoints": flat,
             "facepoints": {"group": group}}
            for n, (file, group, flat) in enumerate(rows)
        ],
    }  # fmt: skip
    (folder / f"{folder.name}.json").write_text(json.dumps(content))


def test_sets_are_read_into_the_70_columns_and_split_by_people(tmp_path: Path) -> None:
    own = list(SETS["inthewild21"].names)
    flat = [float(v) for n in range(len(own)) for v in (n + 1, n + 2, 2)]
    hidden = [*flat[:-3], 0, 0, 0]  # the last point is not labelled
    coco(tmp_path / "inthewild21", own, [("a.png", "a", flat), ("a.png", "a", hidden),
                                         ("b.png", "b", flat)])  # fmt: skip
    (tmp_path / "held-out.txt").write_text("inthewild21 a\n")
    split = read_sets(tmp_path, ["inthewild21"])["inthewild21"]
    assert split.held_out.names == ("a.png", "a.png#2")
    assert split.held_out.files == (tmp_path / "inthewild21" / "a.png",) * 2
    assert split.held_out.photo.tolist() == [0, 0]
    assert split.training.names == ("b.png",)
    columns = columns_of(*SETS["inthewild21"].names.values())
    assert split.held_out.points[0, columns[3]].tolist() == [4.0, 5.0]
    assert split.held_out.labelled.sum(axis=1).tolist() == [len(own), len(own) - 1]


def test_missing_sets_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "held-out.txt").write_text("")
    with pytest.raises(DataError, match="none of scut is in"):
        read_sets(tmp_path, ["scut"])
    assert "left out: scut" in capsys.readouterr().out


def test_a_set_with_other_points_is_refused(tmp_path: Path) -> None:
    coco(tmp_path / "scut", ["nose", "chin"], [("a.png", "a", [1, 2, 2, 5, 9, 2])])
    (tmp_path / "held-out.txt").write_text("scut a\n")
    with pytest.raises(DataError, match="expected other points"):
        read_sets(tmp_path, ["scut"])


def test_coverage_of_measures_has_an_interval_by_person() -> None:
    """Both faces of a person lie within the radius, or none: 45 of 50 people."""
    person = np.repeat(np.arange(50.0), 2)
    off = np.where(person < 45, 0.5, 2.0)
    rows = np.stack([10 + off, np.ones(100), np.full(100, 10.0), person], axis=1)
    name = "mouth_width_px"
    (one,) = labelled_measures.pooled([{name: rows}]).values()
    assert (one["faces"], one["people"], one["coverage"]) == (100, 50, 90.0)
    assert one["std"] == pytest.approx(100 * np.sqrt(0.9 * 0.1 / 50), rel=0.1)
    assert one["interval"] == pytest.approx([82, 96], abs=3)
    alone = rows.copy()
    alone[:, 3] = np.arange(100)
    (other,) = labelled_measures.pooled([{name: alone}]).values()
    assert other["std"] < 0.8 * one["std"]
    found = labelled_measures.chance({name: one, "philtrum_px": {**one, "coverage": 80.0}})
    assert (found["mean"], found["within_2"], found["off"]) == (85.0, 1, pytest.approx(7.1))
    assert labelled_measures.figures(name, rows)["bias"] == pytest.approx(6.5)
