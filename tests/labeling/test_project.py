"""A project: conflicts, annotators, several processes, first guesses, and what is shown."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from facepoints.errors import SettingsError
from facepoints.labeling.disagreement import disagreement_csv, disagreement_of
from facepoints.labeling.face_changes import write_found
from facepoints.labeling.guesses import REFIT_EVERY, refit_due
from facepoints.labeling.label_files import labels_of
from facepoints.labeling.point_set import PointSet
from facepoints.labeling.project import ConflictError, Project, checked_annotator
from facepoints.labeling.reading import Reading
from facepoints.labeling.state import Seen
from facepoints.labeling.views import Views
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_face import MEAN_FACE

MINE = LandmarkSet(("left_dot", "right_dot", "chin_dot"), eyes=("left_dot", "right_dot"))


def opened(path: Path, points: LandmarkSet = IBUG_68, *, blind: bool = False) -> Project:
    project = Project(path / "labels.journal.jsonl", blind=blind)
    if not project.state.points_revision:
        project.set_points(PointSet.of_landmarks(points), 0, "anna", editable=points is MINE)
    return project


def face_points(number: int) -> NDArray[np.float64]:
    """Points (68, 2) of a face, each a little different."""
    random = np.random.default_rng(number)
    shape = MEAN_FACE * (1 + random.normal(0, 0.05, 2)) + random.normal(0, 0.003, (68, 2))
    return shape * random.uniform(90, 110) + random.uniform(200, 220, 2)


def add_face(project: Project, number: int = 0) -> str:
    """A picture with a face that a model sees. Returns the face's id."""
    key = project.set_model("test-model", IBUG_68)
    picture = project.add_picture(f"{number}.jpg", f"/tmp/{number}.jpg")
    points = face_points(number)
    seen = Seen(key, points, np.full(68, 2.0), np.linspace(0, 1, 68))
    low, size = points.min(axis=0), np.ptp(points, axis=0)
    box = (float(low[0]), float(low[1]), float(size[0]), float(size[1]))
    write_found(project, picture.id, (400, 400), key, [(box, 0.9, seen)])
    return picture.faces[0]


def reading(project: Project, face: str, shift: float = 0.0, **more: Any) -> Reading:
    """The guess of a face, moved, with all points confirmed."""
    points = project.guess(project.state.faces[face]).points + shift
    count = len(points)
    return Reading(points, ("confirmed",) * count, np.zeros(count, dtype=bool), **more)


def test_a_move_on_an_old_version_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    project = opened(tmp_path)
    face = add_face(project)
    project.move(face, "anna", 0, reading(project, face, 1))
    size = project.journal.path.stat().st_size
    for base in (0, 2, 99):
        with pytest.raises(ConflictError) as conflict:
            project.move(face, "anna", base, reading(project, face, 5))
        assert conflict.value.face is not None
        assert conflict.value.face.readings["anna"].version == 1
    assert project.journal.path.stat().st_size == size
    project.move(face, "anna", 1, reading(project, face, 2))
    assert project.state.faces[face].readings["anna"].version == 2


def test_a_move_that_is_sent_twice_counts_once(tmp_path: Path) -> None:
    project = opened(tmp_path)
    face = add_face(project)
    for _ in range(2):
        project.move(face, "anna", 0, reading(project, face), action="drag", key="tab1-1")
    own = project.state.faces[face].readings["anna"]
    assert (own.version, own.moves) == (1, 1)
    project.move(face, "ben", 0, reading(project, face), action="drag", key="tab1-1")
    assert project.state.faces[face].readings["ben"].version == 1
    project.close()
    again = opened(tmp_path)  # the journal knows the key, too
    again.move(face, "anna", 0, reading(again, face), action="drag", key="tab1-1")
    assert again.state.faces[face].readings["anna"].version == 1


def test_two_processes_on_one_folder_see_each_other_and_overwrite_nobody(tmp_path: Path) -> None:
    """Two projects on one journal, as two servers have."""
    first = opened(tmp_path)
    face = add_face(first)
    second = opened(tmp_path)
    first.move(face, "anna", 0, reading(first, face, 1))
    with pytest.raises(ConflictError):  # a tab of the same person at the other server
        second.move(face, "anna", 0, reading(second, face, 2))
    second.move(face, "ben", 0, reading(second, face, 3))
    second.move(face, "anna", 1, reading(second, face, 4))
    with first.reading() as state:
        readings = state.faces[face].readings
        assert {who: own.version for who, own in readings.items()} == {"anna": 2, "ben": 1}
        start = first.guess(state.faces[face]).points[0]
        np.testing.assert_allclose(readings["anna"].reading.points[0], start + 4, atol=0.01)
        np.testing.assert_allclose(readings["ben"].reading.points[0], start + 3, atol=0.01)


def test_a_picture_that_two_processes_search_has_its_faces_once(tmp_path: Path) -> None:
    first, second = opened(tmp_path), opened(tmp_path)
    face = add_face(first)
    assert add_face(second) == face
    assert len(second.state.faces) == 1


def test_a_search_by_another_model_keeps_faces_and_readings(tmp_path: Path) -> None:
    project = opened(tmp_path)
    face = add_face(project)
    project.move(face, "anna", 0, reading(project, face, 1, finished=True))
    record = project.state.faces[face]
    key = project.set_model("another-model", KAGGLE_15)
    seen = Seen(key, np.arange(30.0).reshape(15, 2), np.ones(15), None)
    x, y, width, height = record.box
    write_found(project, record.picture, (400, 400), key, [((x + 2, y, width, height), 0.8, seen)])
    assert project.state.pictures[record.picture].faces == [face]
    assert project.state.faces[face].readings["anna"].reading.finished
    guess = project.guess(project.state.faces[face])
    assert np.isfinite(guess.points[30]).all() == ("nose_tip" in IBUG_68.names)


def test_the_newest_finished_reading_counts(tmp_path: Path) -> None:
    project = opened(tmp_path)
    face = add_face(project)
    record = project.state.faces[face]
    project.move(face, "anna", 0, reading(project, face, 1, finished=True))
    project.move(face, "ben", 0, reading(project, face, 2))  # newer, and not finished
    assert project.finished()[0][1] == "anna"
    project.move(face, "ben", 1, reading(project, face, 2, finished=True))
    assert project.finished()[0][1] == "ben"
    project.move(face, "ben", 2, reading(project, face, 2, deleted=True))
    assert project.finished()[0][1] == "anna"  # one's deletion does not delete another's work
    project.move(face, "anna", 1, reading(project, face, 2, deleted=True))
    assert project.finished() == []
    assert set(record.readings) == {"anna", "ben"}


def test_annotators_see_their_own_reading_first_and_the_blind_see_no_other(tmp_path: Path) -> None:
    project = opened(tmp_path)
    face = add_face(project)
    start = project.guess(project.state.faces[face]).points[0]
    project.move(face, "anna", 0, reading(project, face, 1, finished=True))
    seen_by_ben = Views(project).face(project.state.faces[face], "ben")
    assert (seen_by_ben["by"], seen_by_ben["version"], seen_by_ben["finished"]) == ("anna", 0, True)
    np.testing.assert_allclose(seen_by_ben["points"][0], start + 1, atol=0.01)
    assert seen_by_ben["readings"][0]["annotator"] == "anna"
    project.blind = True
    blind = Views(project).face(project.state.faces[face], "ben")
    assert (blind["by"], blind["finished"], blind["readings"]) == (None, False, [])
    np.testing.assert_allclose(blind["points"][0], start, atol=0.01)
    assert blind["state"] == ["predicted"] * 68
    assert blind["hidden"][0]  # the model says so
    assert not blind["hidden"][67]
    assert Views(project).queue("ben")[0]["finished_by"] == []


def test_points_are_added_and_renamed_and_labels_stay(tmp_path: Path) -> None:
    project = opened(tmp_path, MINE)
    face = add_face(project)
    points = np.array([[1.0, 2], [3, 4], [5, 6]])
    none = np.zeros(3, dtype=bool)
    done = Reading(points, ("confirmed", "confirmed", "confirmed"), none, finished=True)
    project.move(face, "anna", 0, done)
    with pytest.raises(ConflictError):
        project.set_points(PointSet(("a",)), 0, "ben")
    with pytest.raises(SettingsError, match="not left out; got 2"):
        project.set_points(PointSet(("left_dot", "right_dot")), 1, "ben")
    project.set_points(PointSet(("left_dot", "right_dot", "beard", "new")), 1, "ben")
    view = Views(project).face(project.state.faces[face], "anna")
    assert view["points"] == [[1, 2], [3, 4], [5, 6], None]
    assert view["state"] == ["confirmed", "confirmed", "confirmed", "unplaced"]
    assert not view["finished"]
    assert project.finished() == []
    # the label file keeps what was finished
    (picture,) = labels_of(project).pictures
    assert picture.faces[0].labelled.tolist() == [True, True, True, False]
    np.testing.assert_array_equal(picture.faces[0].points[:3], points)


def test_guesses_of_new_points_come_from_the_first_finished_face_on(tmp_path: Path) -> None:
    """Points that the model cannot give: the middles of some of its points."""
    project = opened(tmp_path, MINE)
    faces = [add_face(project, number) for number in range(REFIT_EVERY + 5)]
    views = Views(project)
    assert views.face(project.state.faces[faces[0]], "anna")["state"] == ["unplaced"] * 3

    def truth(number: int) -> NDArray[np.float64]:
        p = face_points(number)
        return np.array([p[36:42].mean(axis=0), p[42:48].mean(axis=0), (p[8] + p[57]) / 2])

    errors = []
    for number, face in enumerate(faces[:REFIT_EVERY]):
        confirmed = ("confirmed",) * 3
        done = Reading(truth(number), confirmed, np.zeros(3, dtype=bool), finished=True)
        project.move(face, "anna", 0, done)
        assert project.refit_if_due()
        rest = [
            np.linalg.norm(project.guess(project.state.faces[f]).points - truth(k), axis=1).mean()
            for k, f in enumerate(faces[-5:], start=REFIT_EVERY)
        ]
        errors.append(np.mean(rest))
    assert errors[0] < 12  # of some 100 pixels
    assert errors[-1] < 1.5
    view = views.face(project.state.faces[faces[-1]], "anna")
    assert view["state"] == ["predicted"] * 3
    assert all(0 < r < 15 for r in view["radius"])
    assert not project.refit_if_due()


def test_refits_come_after_each_20_faces_and_for_new_points_after_each() -> None:
    direct = [n for n in range(1, 100) if refit_due(n, n - 1, direct=True)]
    assert direct == [20, 40, 60, 80]
    assert [n for n in range(1, 60) if refit_due(n, n - 1, direct=False)] == [*range(1, 21), 40]
    assert refit_due(25, 19, direct=True)


def test_a_constant_habit_of_the_annotator_is_learned_after_20_faces(tmp_path: Path) -> None:
    project = opened(tmp_path)
    faces = [add_face(project, number) for number in range(REFIT_EVERY + 1)]
    last = project.state.faces[faces[-1]]
    before = project.guess(last).points
    for face in faces[:REFIT_EVERY]:
        guess = project.guess(project.state.faces[face]).points.copy()
        guess[8] += (0, 6)  # the chin is lower here
        hidden = np.zeros(68, dtype=bool)
        done = Reading(guess, ("confirmed",) * 68, hidden, finished=True)
        project.move(face, "anna", 0, done)
    assert project.refit_if_due()
    begun = Views(project).face(project.state.faces[faces[0]], "anna")["prediction"]["points"]
    assert abs(begun[8][1] - face_points(0)[8][1]) < 0.01  # as when its labeling began
    moved = project.guess(last).points - before
    assert 4.5 < moved[8][1] < 7.5
    assert np.abs(np.delete(moved, 8, axis=0)).max() < 0.5


def test_the_queue_begins_with_doubtful_faces_and_ends_with_finished_ones(tmp_path: Path) -> None:
    project = opened(tmp_path)
    faces = [add_face(project, number) for number in range(6)]
    doubtful = project.state.faces[faces[3]]
    assert doubtful.seen is not None
    doubtful.seen.radius[:] = 20
    views = Views(project)
    queue = views.queue("anna")
    assert queue[0]["id"] == faces[3]
    assert queue[0]["reason"] == "large radius"
    project.move(faces[3], "anna", 0, reading(project, faces[3], finished=True))
    project.move(faces[0], "anna", 0, reading(project, faces[0], deleted=True))
    queue = views.queue("anna")
    assert queue[-1]["id"] == faces[3]
    assert faces[0] not in [row["id"] for row in queue]
    assert views.counts("anna") == {
        "pictures": 6, "searched": 6, "unreadable": 0, "faces": 5, "finished": 1, "reviewed": 0,
    }  # fmt: skip


def test_changes_name_what_changed_since_a_revision(tmp_path: Path) -> None:
    project = opened(tmp_path)
    face = add_face(project)
    since = project.revision
    assert project.changed_since(since) == set()
    project.move(face, "anna", 0, reading(project, face))
    assert project.changed_since(since) == {face, project.state.faces[face].picture}
    everything = project.changed_since(0)
    assert {"", face} <= everything


def test_disagreement_is_measured_on_faces_that_two_finished(tmp_path: Path) -> None:
    project = opened(tmp_path)
    faces = [add_face(project, number) for number in range(3)]
    for face, away in zip(faces, (0.0, 3.0, 6.0), strict=True):
        project.move(face, "anna", 0, reading(project, face, finished=True))
        other = reading(project, face, finished=True)
        other.points[30] += (away, 0)
        project.move(face, "ben", 0, other)
    project.move(faces[0], "clara", 0, reading(project, faces[0], deleted=True))
    found = disagreement_of(project)
    assert found.annotators == ("anna", "ben", "clara")
    shown = found.to_dict()
    assert [pair["faces"] for pair in shown["pairs"]] == [3, 1, 1]
    first = next(face for face in shown["faces"] if not face["deleted_by"])
    assert (first["id"], first["worst"]) == (faces[2], IBUG_68.names[30])
    eyes = project.guess(project.state.faces[faces[2]]).points[list(IBUG_68.eye_columns)]
    wanted = 6 / np.hypot(*(eyes[0] - eyes[1]))
    assert first["worst_distance"] == pytest.approx(wanted, abs=1e-3)
    assert {face["deleted_by"] for face in shown["faces"]} == {None, "clara"}
    table = disagreement_csv(found).splitlines()
    assert len(table) == 1 + 5
    assert table[0].startswith("file,face,a,b,deleted_by,mean,worst,right_jaw_1")


def mutated(value: Any, random: Random) -> Any:
    """A JSON value with some parts left out or replaced."""
    if random.random() < 0.03:
        return random.choice([None, True, -1, 1e300, "x", [], {}, [[None]]])
    if isinstance(value, dict):
        return {k: mutated(v, random) for k, v in value.items() if random.random() > 0.02}
    if isinstance(value, list) and len(value) < 20:
        return [mutated(one, random) for one in value]
    return value[:-1] if isinstance(value, list) and random.random() < 0.1 else value


def test_a_damaged_journal_is_read_as_far_as_it_makes_sense(tmp_path: Path) -> None:
    project = opened(tmp_path)
    faces = [add_face(project, number) for number in range(3)]
    for face in faces[:2]:
        project.move(face, "anna", 0, reading(project, face, finished=True))
    project.close()
    path, random = project.journal.path, Random(1)
    head, *lines = path.read_bytes().splitlines()
    noted = 0
    for _ in range(40):
        changed = [
            json.dumps(mutated(json.loads(line), random)).encode()
            if random.random() < 0.4
            else line
            for line in lines
        ]
        path.write_bytes(b"\n".join([head, *changed, b""]))
        damaged = Project(path)
        views = Views(damaged)
        views.queue("anna")
        views.counts("anna")
        for face in damaged.state.faces.values():
            views.face(face, "anna")
        if len(damaged.state.points):
            labels_of(damaged)
        damaged.refit_if_due()
        noted += bool(damaged.notes)
        damaged.close()
    assert noted > 5


@pytest.mark.parametrize("name", ["", "  ", "a" * 41, "a\nb", "\x00"])
def test_names_that_are_none_are_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="name of an annotator"):
        checked_annotator(name)
