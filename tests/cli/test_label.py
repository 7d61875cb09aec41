"""`facepoints label` from the command line: from the first request to the data set, and kill -9."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data
from command_server import command_server
from waiting import PATIENCE

import facepoints
from facepoints.cli.main import main


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    cv2.imwrite(str(folder / "astronaut.png"), skimage.data.astronaut()[..., ::-1])
    return folder


def labeling(*words: str | Path) -> AbstractContextManager[tuple[subprocess.Popen[str], str]]:
    """A process of the command that is ready, with its address."""
    return command_server("label", *map(str, words), ready="labels are ready", FACEPOINTS_TOKEN="")


def ask(address: str, path: str, body: Any = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    method, data = ("GET", None) if body is None else ("POST", json.dumps(body).encode())
    headers = {} if body is None else {"Content-Type": "application/json"}
    connection.request(method, f"/v1/labels/{path}", data, headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    return response.status, answer


def first_face(address: str) -> dict[str, Any]:
    _, listed = ask(address, "pictures")
    _, picture = ask(address, f"pictures/{listed['pictures'][0]['id']}")
    return picture["faces"][0]


def move(address: str, face: dict[str, Any], **more: Any) -> tuple[int, dict[str, Any]]:
    kept = {key: face[key] for key in ("points", "state", "hidden", "finished", "deleted")}
    return ask(address, f"faces/{face['id']}", {"base": face["version"], **kept, **more})


def test_a_kill_loses_no_move_that_was_answered_and_the_same_command_goes_on(
    photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "labels.json"
    words = (photos, "--out", out, "--annotator", "anna")
    with labeling(*words) as (process, address):
        face = first_face(address)
        for number in range(4):
            face["points"][30][0] += 1
            face["state"][30] = "confirmed"
            status, face = move(address, face, action="drag", point=30, finished=number == 3)
            assert status == 200
        process.send_signal(signal.SIGKILL)
        process.wait()
    journal = tmp_path / "labels.journal.jsonl"
    with journal.open("ab") as file:
        file.write(b'{"event":"reading","face":"')  # what a kill may leave
    with labeling(*words) as (process, address):
        again = first_face(address)
        assert (again["id"], again["version"], again["by"]) == (face["id"], 4, "anna")
        assert again["points"] == face["points"]
        status, _ = move(address, again, action="reopen", finished=True)
        assert status == 200
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        assert f"labels are in {out}" in err
    faces = facepoints.load_dataset(out)
    assert len(faces) == 1
    assert faces.labelled.all()
    content = json.loads(out.read_text())
    (annotation,) = content["annotations"]
    assert np.allclose(annotation["keypoints"][90:92], face["points"][30], atol=1e-3)
    assert annotation["facepoints"]["annotator"] == "anna"
    assert content["images"][0]["file_name"] == "photos/astronaut.png"


def test_two_servers_share_a_folder(photos: Path, tmp_path: Path) -> None:
    words = (photos, "--out", tmp_path / "labels.json")
    with (
        labeling(*words, "--annotator", "anna") as (_, first),
        labeling(*words, "--annotator", "ben") as (_, second),
    ):
        face = first_face(first)
        assert move(first, face, finished=True)[0] == 200
        shown = first_face(second)
        assert (shown["id"], shown["by"], shown["version"]) == (face["id"], "anna", 0)
        assert move(second, shown, annotator="anna")[0] == 409
        assert move(second, shown, finished=True)[0] == 200
        _, again = ask(first, f"faces/{face['id']}")
        assert [reading["annotator"] for reading in again["readings"]] == ["ben"]


def fails(words: list[str | Path], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["label", *map(str, words)])
    assert ended.value.code == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    return err


def test_what_cannot_be_labeled_is_one_line(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "labels.json"
    cases: list[tuple[list[str | Path], str]] = [
        ([photos, "--out", tmp_path / "a.txt"], "need a name that ends in .json"),
        ([photos, "--out", tmp_path / "a.json", "--format", "cvat"], "ends in .xml"),
        ([tmp_path / "none", "--out", out], "no image or folder"),
        (["-", "--out", out], "name a file or folder"),
        ([photos, "--out", out, "--landmarks", "mine"], "no landmark set 'mine'"),
        ([photos, "--out", out, "--points", tmp_path / "none"], "no file at"),
        ([photos, "--out", out, "--annotator", "x" * 50], "name of an annotator"),
        ([photos, "--out", out, "--model", tmp_path / "none.onnx"], "no model at"),
        ([photos, "--out", out, "--open", "--no-open"], "contradict"),
        ([photos, "--out", out, "--token", ""], "is empty"),
        ([photos, "--out", out, "--host", "no such host"], "is not known"),
        ([photos, "--out", photos], "exists, and its journal"),
    ]
    for words, message in cases:
        assert message in fails([*words, "--port", "0"], capsys)
    out.write_text("{}")
    assert "mend these labels with --labels" in fails([photos, "--out", out, "--port", "0"], capsys)
    assert out.read_text() == "{}"
    (tmp_path / "other.journal.jsonl").write_text("hello\n")
    message = fails([photos, "--out", tmp_path / "other.json", "--port", "0"], capsys)
    assert "is not a journal" in message
