"""Sessions of `facepoints label`: points, labels of files, the worklist, what ends and goes on."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fakes import FixedDetector, MeanModel
from waiting import PATIENCE, wait_until

import facepoints
from facepoints.api import FaceModel
from facepoints.commands.label import LabelSettings, open_session, write_disagreement
from facepoints.datasets.fixes import Change, suggest_fixes, write_fixes
from facepoints.datasets.mending import set_names
from facepoints.datasets.picture_labels import FaceLabels, PictureLabels, coco_labels
from facepoints.datasets.writers import write_kaggle
from facepoints.detection import Detection
from facepoints.errors import DataError, FacepointsError, SettingsError, WriteError
from facepoints.labeling import session as label_session
from facepoints.labeling.face_changes import write_found
from facepoints.labeling.imported import file_annotator
from facepoints.labeling.point_set import PointSet
from facepoints.labeling.reading import Reading
from facepoints.labeling.session import Session
from facepoints.labeling.state import OwnReading
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_face import mean_points

BOX = (50.0, 50.0, 100.0, 98.0)


def a_model() -> FaceModel:
    """Finds one face, the mean face, at the same place in every picture."""
    return FaceModel(MeanModel(), FixedDetector([Detection(BOX)]))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        image = np.full((200, 200, 3), 60 + 20 * number, np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), image)
    return folder


def opened(photos: list[Path], out: Path, to: str | None = None, **settings: Any) -> Session:
    chosen = LabelSettings(annotator="anna", **settings)
    return open_session([str(p) for p in photos], out, a_model, chosen, to)


def search(session: Session) -> list[str]:
    """Search all pictures; the ids of the faces in the order of the pictures."""
    state = session.project.state
    for picture in sorted(state.pictures.values(), key=lambda p: p.file):
        session.picture(picture.id)
    listed = sorted(state.pictures.values(), key=lambda p: p.file)
    return [face for picture in listed for face in picture.faces]


def labels_of(photos: Path, out: Path) -> list[FaceLabels]:
    """COCO labels of the 15 Kaggle points of each picture; one point is missing, one hidden."""
    shape, _ = mean_points(KAGGLE_15)
    faces = []
    for number in range(3):
        labelled, hidden = np.ones(15, bool), np.zeros(15, bool)
        labelled[12], hidden[3] = False, number == 0
        points = shape * 100 + (100, 99) + number
        faces.append(FaceLabels(points.round(3), labelled, hidden))
    pictures = [PictureLabels(f"photos/{n}.png", (200, 200), [f]) for n, f in enumerate(faces)]
    out.write_text(json.dumps(coco_labels(pictures, KAGGLE_15)))
    return faces


def test_labels_of_a_file_are_the_start_and_stay_as_they_are(photos: Path, tmp_path: Path) -> None:
    faces = labels_of(photos, tmp_path / "old.json")
    before = (tmp_path / "old.json").read_bytes()
    out = tmp_path / "new.json"
    session = opened([], out, labels=(tmp_path / "old.json",))
    assert session.project.state.points.names == KAGGLE_15.names
    ids = search(session)
    assert len(ids) == 3  # the model finds the same faces
    view = session.views.face(session.project.state.faces[ids[1]], "anna")
    assert (view["by"], view["finished"], view["version"]) == ("file old.json", True, 0)
    assert view["source"] == "labels"
    known = faces[1].labelled
    shown = np.array([p or (np.nan, np.nan) for p in view["points"]])
    np.testing.assert_allclose(shown[known], faces[1].points[known], atol=2e-3)
    assert view["state"][12] == "absent"
    assert session.views.face(session.project.state.faces[ids[0]], "anna")["hidden"][3]
    assert view["prediction"]["points"][0] is not None
    moved = Reading.from_dict(view | {"points": [[1, 1], *view["points"][1:]]}, 15)
    session.project.move(ids[1], "anna", 0, moved)
    session.save()
    session.project.close()
    assert (tmp_path / "old.json").read_bytes() == before
    samples = facepoints.load_dataset(out)
    assert len(samples) == 3
    content = json.loads(out.read_text())["annotations"]
    assert content[1]["keypoints"][:3] == [1, 1, 2]
    assert content[0]["keypoints"][9:12][2] == 1  # still hidden
    who = [a["facepoints"]["annotator"] for a in content]
    assert who == ["file old.json", "anna", "file old.json"]
    again = opened([], out, labels=(tmp_path / "old.json",))  # nothing is taken twice
    assert len(again.project.state.faces) == 3
    again.project.close()


def test_the_worklist_of_an_audit_comes_first_with_its_suggestion(
    photos: Path, tmp_path: Path
) -> None:
    old = tmp_path / "old.json"
    faces = labels_of(photos, old)
    samples = facepoints.load_dataset(old)
    row = samples.names.tolist().index("photos/1.png")
    left, right = "left_eye_center", "right_eye_center"
    numbers = np.zeros(3, np.int64)
    fixes = suggest_fixes(
        samples, [row], [Change("reorder", {left: right, right: left})],
        cause="left and right swapped", evidence="the eyes are crossed",
        sets=(set_names([old]), numbers),
    )  # fmt: skip
    fixes += suggest_fixes(
        samples, [row], [Change("unlabel", ["nose_tip"])], cause="point far off",
        sets=(set_names([old]), numbers),
    )  # fmt: skip
    write_fixes(tmp_path / "fixes.json", fixes)
    session = opened([], tmp_path / "new.json", labels=(old,), worklist=tmp_path / "fixes.json")
    ids = search(session)
    queue = session.views.queue("anna")
    assert queue[0]["id"] == ids[1]
    assert (queue[0]["notes"], queue[0]["finished"]) == (2, True)
    assert queue[0]["reason"] == "left and right swapped: the eyes are crossed"
    notes = session.views.face(session.project.state.faces[ids[1]], "anna")["notes"]
    a, b = KAGGLE_15.columns([left, right])
    assert sorted(notes[0]["points"]) == sorted([a, b])
    np.testing.assert_allclose(notes[0]["suggestion"][a], faces[1].points[b], atol=2e-3)
    assert notes[1]["points"] == KAGGLE_15.columns(["nose_tip"])
    assert notes[1]["suggestion"] is None
    view = session.views.face(session.project.state.faces[ids[1]], "anna")
    session.project.move(ids[1], "anna", 0, Reading.from_dict(view, 15))
    assert session.views.queue("anna")[0]["id"] != ids[1]  # looked at: no longer first
    session.project.close()


def test_a_table_of_crops_becomes_pictures(photos: Path, tmp_path: Path) -> None:
    labels_of(photos, tmp_path / "old.json")
    write_kaggle(facepoints.load_dataset(tmp_path / "old.json"), tmp_path / "table.csv")
    session = opened([], tmp_path / "new.json", labels=(tmp_path / "table.csv",))
    assert len(session.project.state.faces) == 3
    (folder,) = tmp_path.glob("new-table-*")
    files = sorted(p.name for p in folder.iterdir())
    assert files == ["000001.png", "000002.png", "000003.png"]
    session.save()
    session.project.close()
    again = facepoints.load_dataset(tmp_path / "new.json")
    assert len(again) == 3


@pytest.mark.parametrize("table", [False, True])
def test_files_of_one_name_in_two_folders_are_two_sets(table: bool, tmp_path: Path) -> None:
    files = []
    for shade, name in ((60, "train"), (200, "test")):
        folder = tmp_path / name / "photos"
        folder.mkdir(parents=True)
        for number in range(3):
            cv2.imwrite(str(folder / f"{number}.png"), np.full((200, 200, 3), shade, np.uint8))
        labels_of(folder, folder.parent / "labels.json")
        files.append(folder.parent / "labels.json")
        if table:
            write_kaggle(facepoints.load_dataset(files[-1]), files[-1].with_suffix(".csv"))
            files[-1] = files[-1].with_suffix(".csv")
    for _ in range(2):  # the same command goes on with the same faces
        session = opened([], tmp_path / "new.json", labels=tuple(files))
        assert len(session.project.state.faces) == 6
        session.save()
        session.project.close()
    again = facepoints.load_dataset(tmp_path / "new.json")
    assert len(again) == 6
    assert sorted(int(image.mean().round(-1)) for image in again.images) == [60] * 3 + [200] * 3


def test_a_label_file_that_changed_is_taken_anew_where_nobody_worked(
    photos: Path, tmp_path: Path
) -> None:
    old = tmp_path / "old.json"
    labels_of(photos, old)
    session = opened([], tmp_path / "new.json", labels=(old,))
    ids = list(session.project.state.faces)
    view = session.views.face(session.project.state.faces[ids[0]], "anna")
    mine = Reading.from_dict(view, 15)
    session.project.move(ids[0], "anna", 0, mine)
    session.project.close()
    content = json.loads(old.read_text())
    for annotation in content["annotations"]:
        annotation["keypoints"][0] += 5
    old.write_text(json.dumps(content))
    for _ in range(2):
        session = opened([], tmp_path / "new.json", labels=(old,))
        faces = [session.project.state.faces[face] for face in ids]
        newest = [face.newest() for face in faces]
        session.project.close()
        x = [own.reading.points[0, 0] for own in map(_some, newest)]
        assert x[0] == mine.points[0, 0]
        assert x[1:] == [a["keypoints"][0] for a in content["annotations"][1:]]
        assert [own.version for own in map(_some, newest)] == [1, 2, 2]


def _some(newest: tuple[str, OwnReading] | None) -> OwnReading:
    assert newest is not None
    return newest[1]


def test_a_file_of_others_beside_a_journal_of_the_same_name_stays(
    photos: Path, tmp_path: Path
) -> None:
    opened([photos], tmp_path / "labels.json").project.close()
    (tmp_path / "labels.csv").write_text("precious")
    with pytest.raises(WriteError, match=r"labels\.csv exists and was not made from"):
        opened([photos], tmp_path / "labels.csv")
    assert (tmp_path / "labels.csv").read_text() == "precious"
    for out in ("labels.xml", "labels.xml", "labels.json"):  # its own in another format
        opened([photos], tmp_path / out).project.close()
        (tmp_path / out).touch()


def test_points_of_labels_are_learned_as_their_pictures_are_searched(
    photos: Path, tmp_path: Path
) -> None:
    """Points that the model cannot give: their first guesses need what the model sees."""
    own = LandmarkSet(("left_dot", "right_dot"))
    every, none = np.ones(2, bool), np.zeros(2, bool)
    face = FaceLabels(np.array([[80.0, 80], [120, 140]]), every, none)
    pictures = [PictureLabels(f"photos/{n}.png", (200, 200), [face]) for n in range(3)]
    (tmp_path / "old.json").write_text(json.dumps(coco_labels(pictures, own)))
    session = opened([], tmp_path / "new.json", labels=(tmp_path / "old.json",))
    assert not session.project.refit_if_due()
    ids = search(session)
    assert session.project.refit_if_due()
    view = session.views.face(session.project.state.faces[ids[0]], "anna")
    np.testing.assert_allclose(view["prediction"]["points"], face.points, atol=0.5)
    session.project.close()


def test_points_of_a_project_stay_and_may_grow(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "labels.json"
    mine = PointSet(("left_dot", "right_dot"))
    session = opened([photos], out, points=mine, editable=True)
    (first, *_) = search(session)
    none = np.zeros(2, bool)
    states = ("confirmed", "confirmed")
    done = Reading(np.array([[1.0, 2], [3, 4]]), states, none, finished=True)
    session.project.move(first, "anna", 0, done)
    session.project.close()
    session = opened([], out)  # without naming them, and the photos
    assert [p.path for p in session.project.state.pictures.values()] == [
        str(photos / f"{number}.png") for number in range(3)
    ]
    assert session.project.state.points == mine
    assert session.project.state.editable
    session.project.close()
    more = PointSet(("left_dot", "right_dot", "tip"))
    session = opened([photos], out, points=more, editable=True)
    assert session.project.state.points == more
    session.project.close()
    with pytest.raises(SettingsError, match="are labeled with 3 points"):
        opened([photos], out, points=PointSet.of_landmarks(IBUG_68))


def test_the_points_are_ibugs_or_those_of_the_labels(photos: Path, tmp_path: Path) -> None:
    session = opened([photos], tmp_path / "a.json")
    assert session.project.state.points == PointSet.of_landmarks(IBUG_68)
    assert not session.project.state.editable
    session.project.close()


def test_what_runs_in_the_background_writes_the_labels(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "labels"
    session = opened([photos], out)
    session.start()
    ids = search(session)
    view = session.views.face(session.project.state.faces[ids[0]], "anna")
    session.project.move(ids[0], "anna", 0, Reading.from_dict(view | {"finished": True}, 68))
    session.changed()
    session.close()
    assert session.save_error == ""
    assert sorted(p.name for p in (out / "photos").iterdir()) == ["0.png", "0.pts"]
    assert session.shape[0] > 0
    faces = facepoints.load_dataset(out)
    assert faces.landmarks.names == IBUG_68.names


def test_a_search_that_cannot_be_written_is_said_and_goes_on_later(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, on which there is room again."""
    full, tried = threading.Event(), threading.Event()
    full.set()

    def write(*given: Any) -> None:
        if full.is_set():
            tried.set()
            raise WriteError("no space left")
        write_found(*given)

    monkeypatch.setattr(label_session, "write_found", write)
    monkeypatch.setattr(label_session, "_RETRY", 0.01)
    session = opened([photos], tmp_path / "labels.json")
    session.start()
    pictures = session.project.state.pictures.values()
    try:
        assert tried.wait(PATIENCE)
        wait_until(lambda: session.save_error == "no space left")
        assert not any(picture.searched for picture in pictures)
        full.clear()
        wait_until(lambda: all(picture.searched for picture in pictures))
        wait_until(lambda: session.save_error == "")
    finally:
        session.close()


def test_labels_that_cannot_be_written_are_said_and_lose_nothing(
    photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "labels.json"
    session = opened([photos], out)
    ids = search(session)
    view = session.views.face(session.project.state.faces[ids[0]], "anna")
    out.mkdir()
    session.project.move(ids[0], "anna", 0, Reading.from_dict(view | {"finished": True}, 68))
    session.save()
    assert "it is a folder" in session.save_error
    out.rmdir()
    session.save()
    assert session.save_error == ""
    assert len(json.loads(out.read_text())["annotations"]) == 1
    session.project.close()


def test_disagreement_is_written_as_a_page_and_a_table(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "labels.json"
    session = opened([photos], out)
    ids = search(session)
    view = session.views.face(session.project.state.faces[ids[0]], "anna")
    for who in ("anna", "<b>ben"):
        done = Reading.from_dict(view | {"finished": True}, 68)
        done.points[30] += len(who)
        session.project.move(ids[0], who, 0, done)
    session.project.close()
    assert write_disagreement(out, None, tmp_path / "d.html") == 1
    page = (tmp_path / "d.html").read_text()
    assert "&lt;b&gt;ben" in page
    assert "nose_bridge_4" in page
    assert write_disagreement(out, None, tmp_path / "d.csv") == 1
    assert (tmp_path / "d.csv").read_text().count("\n") == 2


def test_what_cannot_be_compared_is_one_line(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "labels.json"
    with pytest.raises(DataError, match="no journal at"):
        write_disagreement(out, None, tmp_path / "d.csv")
    opened([photos], out).project.close()
    with pytest.raises(DataError, match="no face was finished by two"):
        write_disagreement(out, None, tmp_path / "d.csv")
    with pytest.raises(SettingsError, match=r"an \.html or \.csv"):
        write_disagreement(out, None, tmp_path / "d.pdf")
    table = tmp_path / "table.csv"
    opened([photos], table).project.close()
    table.write_text("x")
    with pytest.raises(WriteError, match="is an input"):
        write_disagreement(table, None, table)


@pytest.mark.parametrize(
    ("words", "settings", "message"),
    [
        ([], {}, "expected photos to label"),
        (["photos"], {"worklist": Path("f.json")}, "is about labels"),
        (["photos"], {"labels": (Path("none.json"),)}, "none.json"),
        (["-"], {}, "name a file or folder"),
    ],
)
def test_what_cannot_be_opened_is_one_line(
    words: list[str], settings: dict[str, Any], message: str, photos: Path, tmp_path: Path
) -> None:
    with pytest.raises(FacepointsError, match=message) as caught:
        open_session(
            [str(photos) if word == "photos" else word for word in words],
            tmp_path / "labels.json",
            a_model,
            LabelSettings(annotator="anna", **settings),
        )
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "labels.journal.jsonl").exists()


def test_a_file_is_an_annotator_by_its_name() -> None:
    assert file_annotator(Path("x/labels.json")) == "file labels.json"
    assert len(file_annotator(Path("x" * 200))) <= 40
