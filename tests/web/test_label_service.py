"""The service of the label page over HTTP: every address, and what it refuses."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from service_tools import Answer, Client, running_app

import facepoints
from facepoints.api import FaceModel
from facepoints.commands.label import LabelSettings, open_session
from facepoints.imaging.image_io import read_image
from facepoints.labeling.point_set import PointSet
from facepoints.labeling.session import Session
from facepoints.web.gate import Access
from facepoints.web.label_service import make_label_app
from facepoints.web.page_files import label_files, page_files

JSON = {"Content-Type": "application/json"}
EYES = [[207.0, 101.0], [244.0, 101.0]]  # of the astronaut


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return facepoints.load()


@pytest.fixture(scope="module")
def astronaut() -> NDArray[np.uint8]:
    return skimage.data.astronaut()


@pytest.fixture
def photos(tmp_path: Path, astronaut: NDArray[np.uint8]) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    cv2.imwrite(str(folder / "astronaut.png"), astronaut[..., ::-1])
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    return folder


@contextmanager
def serving(session: Session, token: str = "") -> Iterator[Client]:
    with running_app(make_label_app(session, label_files(), Access(token))) as client:
        yield client


def opened(photos: Path, model: FaceModel, **settings: Any) -> Session:
    chosen = LabelSettings(annotator="anna", **settings)
    return open_session([str(photos)], photos.parent / "labels.json", lambda: model, chosen)


@pytest.fixture
def client(photos: Path, model: FaceModel) -> Iterator[Client]:
    with serving(opened(photos, model)) as client:
        yield client


def post(client: Client, path: str, body: Any, headers: dict[str, str] | None = None) -> Answer:
    return client.request("POST", path, json.dumps(body).encode(), headers or JSON)


@pytest.fixture(scope="module")
def steady(
    tmp_path_factory: pytest.TempPathFactory, model: FaceModel, astronaut: NDArray[np.uint8]
) -> Iterator[tuple[Client, Path]]:
    """A client and the journal of a session that no test changes."""
    folder = tmp_path_factory.mktemp("steady") / "photos"
    folder.mkdir()
    cv2.imwrite(str(folder / "astronaut.png"), astronaut[..., ::-1])
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    with serving(opened(folder, model)) as client:
        the_face(client)
        yield client, folder.parent / "labels.journal.jsonl"


def the_face(client: Client) -> dict[str, Any]:
    """The face of the astronaut, which is searched at once."""
    pictures = client.get("/v1/labels/pictures").json()["pictures"]
    assert [p["file"] for p in pictures] == ["photos/astronaut.png", "photos/broken.jpg"]
    return client.get(f"/v1/labels/pictures/{pictures[0]['id']}").json()["faces"][0]


def move_of(face: dict[str, Any], **more: Any) -> dict[str, Any]:
    kept = {key: face[key] for key in ("points", "state", "hidden", "finished", "deleted")}
    return {"base": face["version"], **kept, **more}


def test_a_face_is_found_moved_finished_and_written(client: Client, photos: Path) -> None:
    face = the_face(client)
    assert (face["version"], face["by"], len(face["points"])) == (0, None, 68)
    assert face["state"] == ["predicted"] * 68
    assert all(r > 0 for r in face["radius"])
    face["points"][30][0] += 5
    face["state"][30], face["hidden"][0], face["state"][16] = "confirmed", True, "absent"
    face["points"][16] = None
    moved = post(client, f"/v1/labels/faces/{face['id']}", move_of(face, action="drag", point=30))
    assert moved.status == 200
    again = client.get(f"/v1/labels/faces/{face['id']}").json()
    assert again == moved.json()
    assert (again["version"], again["by"], again["points"]) == (1, "anna", face["points"])
    done = post(client, f"/v1/labels/faces/{face['id']}", move_of(again, finished=True))
    assert done.json()["finished"]
    counts = client.get("/v1/labels/project").json()["counts"]
    assert counts == {
        "pictures": 2, "searched": 1, "unreadable": 1, "faces": 1, "finished": 1, "reviewed": 0,
    }  # fmt: skip


def test_the_label_file_is_read_as_a_data_set(photos: Path, model: FaceModel) -> None:
    with serving(opened(photos, model)) as client:
        face = the_face(client)
        post(client, f"/v1/labels/faces/{face['id']}", move_of(face, finished=True))
    faces = facepoints.load_dataset(photos.parent / "labels.json")
    assert len(faces) == 1
    assert faces.labelled.all()
    with serving(opened(photos, model)) as client:  # the same command goes on
        again = the_face(client)
        assert (again["id"], again["version"], again["finished"]) == (face["id"], 1, True)


def test_two_tabs_conflict_and_nothing_is_overwritten(
    client: Client, together: Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]]
) -> None:
    face = the_face(client)

    def send(number: int) -> Answer:
        body = move_of(face, action="drag", id=f"tab{number}")
        body["points"] = [[number, number], *face["points"][1:]]
        return post(client.fresh(), f"/v1/labels/faces/{face['id']}", body)

    answers = together(send, range(6))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 5
    winner = next(number for number, answer in enumerate(answers) if answer.status == 200)
    for answer in answers:
        if answer.status == 409:
            assert answer.json()["error"]["code"] == "conflict"
            assert answer.json()["face"]["points"][0] == [winner, winner]
    assert send(winner).status == 200  # the same move again
    assert client.get(f"/v1/labels/faces/{face['id']}").json()["version"] == 1


def test_two_annotators_work_on_one_face(client: Client) -> None:
    face = the_face(client)
    for who in ("anna", "ben"):
        shown = client.get(f"/v1/labels/faces/{face['id']}?annotator={who}").json()
        assert shown["version"] == 0
        shown["points"][30][0] += 4 if who == "ben" else 0
        body = move_of(shown, annotator=who, action="finish") | {"finished": True}
        assert post(client, f"/v1/labels/faces/{face['id']}", body).json()["by"] == who
    found = client.get("/v1/labels/disagreement").json()
    assert found["annotators"] == ["anna", "ben"]
    assert found["faces"][0]["worst"] == "nose_bridge_4" or found["faces"][0]["mean"] > 0
    table = client.get("/v1/labels/disagreement?format=csv")
    assert table.headers["content-type"].startswith("text/csv")
    assert client.get("/v1/labels/project").json()["annotators"] == ["anna", "ben"]


def test_a_new_face_by_its_eyes_can_be_deleted_and_restored(client: Client) -> None:
    face = the_face(client)
    place = f"/v1/labels/pictures/{face['picture']}"
    added = post(client, f"{place}/faces", {"eyes": EYES[::-1], "id": "k1"})
    assert added.status == 201
    new = added.json()
    assert post(client, f"{place}/faces", {"eyes": EYES, "id": "k1"}).json()["id"] == new["id"]
    assert (new["source"], new["version"]) == ("clicks", 0)
    away = np.array(new["points"]) - np.array(face["points"])
    assert np.abs(away).max() < 6  # the model sees the same face
    assert -15 < new["angle"] < 15
    gone = post(
        client, f"/v1/labels/faces/{new['id']}", move_of(new, deleted=True, action="delete")
    )
    assert gone.json()["deleted"]
    assert [f["id"] for f in client.get(place).json()["faces"]] == [face["id"]]
    back = move_of(gone.json(), deleted=False, action="undo")
    assert post(client, f"/v1/labels/faces/{new['id']}", back).status == 200
    assert len(client.get(place).json()["faces"]) == 2


def test_points_are_named_in_the_page(photos: Path, model: FaceModel) -> None:
    session = opened(photos, model, points=PointSet(), editable=True)
    with serving(session) as client:
        face = the_face(client)
        assert face["points"] == []
        revision = client.get("/v1/labels/project").json()["points"]["revision"]
        names = ["left_dot", "right_dot", "tip"]
        body = {"base": revision, "names": names, "edges": [[0, 2]], "mirror": [[0, 1]]}
        project = post(client, "/v1/labels/points", body).json()
        assert project["points"]["names"] == names
        assert project["points"]["mirror"] == [[0, 1]]
        assert project["points"]["mirrorable"]
        old = post(client, "/v1/labels/points", body)
        assert old.status == 409
        assert old.json()["project"]["points"]["names"] == names
        wrong = post(client, "/v1/labels/points", body | {"base": revision + 1, "mirror": [[0, 2]]})
        assert wrong.status == 400
        assert "named by their sides" in wrong.json()["error"]["message"]
        assert client.get(f"/v1/labels/faces/{face['id']}").json()["state"] == ["unplaced"] * 3


def test_points_of_a_known_set_stay(steady: tuple[Client, Path]) -> None:
    client, _ = steady
    body = {"base": 1, "names": ["a"]}
    answer = post(client, "/v1/labels/points", body)
    assert answer.status == 400
    assert "fixed" in answer.json()["error"]["message"]


def test_pictures_are_sent_as_a_person_sees_them(
    photos: Path, model: FaceModel, astronaut: NDArray[np.uint8]
) -> None:
    from PIL import Image

    turned = Image.fromarray(astronaut)
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(photos / "turned.jpg", exif=exif)
    Image.fromarray(astronaut).save(photos / "plain.jpg", quality=90)
    Image.fromarray(astronaut).save(photos / "deep.tif")
    with serving(opened(photos, model)) as client:
        pictures = client.get("/v1/labels/pictures").json()["pictures"]
        for picture in pictures:
            answer = client.get(f"/v1/labels/pictures/{picture['id']}/image")
            name = picture["file"].removeprefix("photos/")
            if name == "broken.jpg":
                assert (answer.status, answer.json()["error"]["code"]) == (422, "unreadable_image")
                continue
            shown = read_image(answer.body)
            expected = np.rot90(astronaut, -1) if name == "turned.jpg" else astronaut
            assert np.abs(shown.astype(int) - expected).mean() < 4
            if name == "plain.jpg":
                assert answer.body == (photos / name).read_bytes()
            small = client.get(f"/v1/labels/pictures/{picture['id']}/image?size=64")
            assert small.headers["content-type"] == "image/jpeg"
            assert read_image(small.body).shape == (64, 64, 3)
            same = {"If-None-Match": answer.headers["etag"]}
            path = f"/v1/labels/pictures/{picture['id']}/image"
            assert client.get(path, same).status == 304


def test_labels_are_downloaded_in_every_format(client: Client) -> None:
    assert client.get("/v1/labels/export/coco").status == 400  # nothing is finished
    face = the_face(client)
    post(client, f"/v1/labels/faces/{face['id']}", move_of(face, finished=True))
    for name in client.get("/v1/labels/project").json()["formats"]:
        answer = client.get(f"/v1/labels/export/{name}")
        assert answer.status == 200
        assert answer.headers["content-disposition"].startswith('attachment; filename="labels.')
    files = zipfile.ZipFile(io.BytesIO(client.get("/v1/labels/export/pts").body)).namelist()
    assert sorted(files) == ["photos/astronaut.png", "photos/astronaut.pts"]
    assert client.get("/v1/labels/export/elan").status == 404


def test_changes_and_the_queue_follow_the_work(client: Client) -> None:
    face = the_face(client)
    since = client.get("/v1/labels/project").json()["revision"]
    post(client, f"/v1/labels/faces/{face['id']}", move_of(face))
    news = client.get(f"/v1/labels/changes?since={since}").json()
    assert face["id"] in news["faces"]
    assert face["picture"] in news["pictures"]
    assert client.get("/v1/labels/changes?since=1").json()["points"]
    row = client.get("/v1/labels/queue").json()["faces"][0]
    assert (row["id"], row["touched"], row["finished"]) == (face["id"], True, False)
    reviewed = post(client, f"/v1/labels/pictures/{face['picture']}", {"reviewed": True})
    assert reviewed.json()["reviewed"]
    shape = client.get("/v1/labels/shape").json()
    assert set(shape) == {"revision", "model"}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("faces/FACE", {"base": 0}, 400),
        ("faces/FACE", {"base": "0"}, 400),
        ("faces/FACE", {"base": -1}, 400),
        ("faces/FACE", {"base": 0, "action": "explode"}, 400),
        ("faces/FACE", {"base": 0, "action": 5}, 400),
        ("faces/FACE", {"base": 0, "annotator": ""}, 400),
        ("faces/FACE", {"base": 0, "annotator": ["x"]}, 400),
        ("faces/FACE", {"base": 0, "id": "x" * 101}, 400),
        ("faces/FACE", {"base": 0, "point": -3}, 400),
        ("faces/none", {"base": 0}, 404),
        ("faces/FACE", [], 400),
        ("faces/FACE", "text", 400),
        ("pictures/PICTURE", {"reviewed": "yes"}, 400),
        ("pictures/none", {"reviewed": True}, 404),
        ("pictures/PICTURE/faces", {"eyes": [[1, 2]]}, 400),
        ("pictures/PICTURE/faces", {"eyes": [[1, 2], [1, 2]]}, 400),
        ("pictures/PICTURE/faces", {"eyes": [[1, 2], [5000, 2]]}, 400),
        ("pictures/PICTURE/faces", {"eyes": [[1, None], [50, 2]]}, 400),
        ("pictures/BROKEN/faces", {"eyes": EYES}, 422),
        ("points", {"base": 1, "names": "a"}, 400),
    ],
)
def test_a_wrong_request_is_one_error_and_changes_nothing(
    path: str, body: Any, status: int, steady: tuple[Client, Path]
) -> None:
    client, journal = steady
    face = the_face(client)
    broken = client.get("/v1/labels/pictures").json()["pictures"][1]["id"]
    before = journal.read_bytes()
    if path == "faces/FACE" and isinstance(body, dict) and len(body) > 1:
        body = move_of(face) | body
    for word, name in (("FACE", face["id"]), ("PICTURE", face["picture"]), ("BROKEN", broken)):
        path = path.replace(word, name)
    answer = post(client, f"/v1/labels/{path}", body)
    assert answer.status == status
    error = answer.json()["error"]
    assert error["message"]
    assert "\n" not in error["message"]
    assert journal.read_bytes() == before


@pytest.mark.parametrize(
    "path",
    [
        "/v1/labels/pictures/..%2f..%2fetc%2fpasswd/image",
        "/v1/labels/pictures/../../../etc/passwd/image",
        "/v1/labels/pictures/%00/image",
        "/..%2flabels.json",
        "/photos/astronaut.png",
        "/labels.json",
        "/v1/labels/export/..%2f..%2fx",
        "/v1/predict",
        "/index.html",
    ],
)
def test_no_path_leads_to_another_file(path: str, steady: tuple[Client, Path]) -> None:
    assert steady[0].get(path).status == 404


def test_requests_of_other_sites_are_refused(steady: tuple[Client, Path]) -> None:
    client, _ = steady
    host = f"127.0.0.1:{client.port}"
    assert client.get("/v1/labels/project", {"Host": "evil.example"}).status == 401
    assert client.get("/v1/labels/project", {"Origin": "https://evil.example"}).status == 401
    for origin in ("null", "http://[", "", f"http://{host}.evil.example", f"http://{host}@evil"):
        assert client.get("/v1/labels/project", {"Origin": origin, "Host": host}).status == 401
    own = {"Origin": f"http://{host}", "Host": host}
    assert client.get("/v1/labels/project", own).status == 200
    face = the_face(client)
    place = f"/v1/labels/faces/{face['id']}"
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        assert post(client, place, move_of(face), {"Content-Type": kind}).status == 415
    assert client.request("POST", place, b"x" * 1_000_001, JSON).status == 413
    assert client.request("POST", place, b"\xff{", JSON).status == 400
    assert client.request("POST", place, b"[" * 100_000, JSON).status == 400
    assert client.request("POST", place, b'{"base": NaN}', JSON).status == 400
    assert client.request("DELETE", place).status == 405


def test_a_token_is_asked_for(photos: Path, model: FaceModel) -> None:
    with serving(opened(photos, model), token="geheim") as client:
        assert client.get("/v1/labels/project").status == 401
        assert client.get("/v1/labels/project", {"Authorization": "Bearer no"}).status == 401
        right = {"Authorization": "Bearer geheim"}
        assert client.get("/v1/labels/project", right).status == 200
        assert client.get("/label.html").status == 200


def test_the_page_is_served_here_and_not_by_serve(steady: tuple[Client, Path]) -> None:
    client, _ = steady
    for path in ("/", "/label", "/label/"):
        answer = client.get(path)
        assert answer.status == 307
        assert answer.headers["location"].endswith("label.html")
    page = client.get("/label.html")
    assert page.status == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]
    others = page_files()
    assert not [name for name in others if name.startswith(("label.", "js/label/"))]
    assert "index.html" in others
