"""facepoints predict and merge with S3 as source and destination: a server on loopback that also
slows down, cuts connections and refuses keys."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from s3_server import S3Server, s3_server
from skimage import data

from facepoints.cli.main import main
from facepoints.results import read_faces
from facepoints.sources import faults, filesystems

s3fs = pytest.importorskip("s3fs")
pytest.importorskip("moto")


def picture(shift: int) -> bytes:
    """A JPEG file with one face."""
    photo = data.astronaut()[:300, 60 + shift : 360 + shift, ::-1]
    return cv2.imencode(".jpg", np.ascontiguousarray(photo))[1].tobytes()


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        yield running


@pytest.fixture(autouse=True)
def _as_a_new_process(monkeypatch: pytest.MonkeyPatch, server: S3Server) -> None:
    """Credentials in the environment, nothing kept of earlier tests, and short waits."""
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # botocore's own tries
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    monkeypatch.setattr(filesystems, "_opened", {})
    monkeypatch.setattr(faults, "RETRIES", faults.Retries(tries=3, first_wait=0.01))
    s3fs.S3FileSystem.clear_instance_cache()
    server.throttled = 0


@pytest.fixture(scope="module")
def bucket(server: S3Server) -> str:
    """A bucket with three pictures, one of them broken, and a tar archive of two pictures."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment().items():
            patch.setenv(name, value)
        store = s3fs.S3FileSystem(skip_instance_cache=True)
        store.mkdir("photos")
        for number in range(2):
            store.pipe_file(f"photos/in/{number}.jpg", picture(10 * number))
        store.pipe_file("photos/in/2.jpg", b"no picture")
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as archive:
            for number in range(2):
                member = tarfile.TarInfo(f"{number}.jpg")
                member.size = len(picture(10 * number))
                archive.addfile(member, io.BytesIO(picture(10 * number)))
        store.pipe_file("photos/shard-000.tar", stream.getvalue())
    return "s3://photos"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """The exit status of a command, and what it says."""
    status: Any = 0
    try:
        main(list(words))
    except SystemExit as ended:
        status = ended.code or 0
    return status, capsys.readouterr().err


def predict(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    return run(capsys, "predict", "--part-size", "2", *words)


def test_pictures_and_archives_become_parts_that_merge_and_read_faces_read(
    bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = [f"{bucket}/in/", f"{bucket}/shard-000.tar"]
    status, said = predict(capsys, *inputs, "--out", f"{bucket}/faces/")
    assert (status, "3 of 3 parts done; 5 images: 4 faces, 1 unreadable" in said) == (0, True)
    assert run(capsys, "merge", f"{bucket}/faces/")[0] == 0
    results = list(read_faces(f"{bucket}/faces/"))
    assert [len(result.faces) for result in results] == [1, 1, 0, 1, 1]
    assert results[2].error
    here = [result.faces[0].points for result in results[:2]]
    packed = [result.faces[0].points for result in results[3:]]
    np.testing.assert_allclose(here, packed, atol=1e-3)

    status, said = predict(capsys, *inputs, "--out", f"{bucket}/faces/")
    assert (status, "3 of 3 parts done, 3 of them before" in said) == (0, True)


def test_a_store_that_slows_down_is_asked_again(
    bucket: str, server: S3Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.throttled = 2
    status, said = predict(capsys, f"{bucket}/in/", "--out", f"{bucket}/slow/")
    assert (status, server.throttled) == (0, 0)
    assert "2 of 2 parts done" in said


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["s3://nothing/in/", "--out", "s3://photos/o1/"], "bucket"),
        (["s3://photos/in/", "--out", "s3://nothing/o2/"], "bucket"),
        (["s3://photos/none/", "--out", "s3://photos/o3/"], "s3://photos/none/"),
    ],
)
def test_what_is_not_there_is_one_line(
    bucket: str, capsys: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    status, said = predict(capsys, *words)
    assert status == 2
    assert said.startswith("error: ")
    assert expected in said
    assert len(said.splitlines()) == 1


def test_a_wrong_key_is_one_line(
    bucket: str,
    server: S3Server,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody-else")
    status, said = predict(capsys, f"{bucket}/in/", "--out", f"{bucket}/o4/")
    assert status == 2
    assert len(said.splitlines()) == 1
    assert "refused" in said
    assert "; check " in said


def test_a_store_that_keeps_slowing_down_is_one_line_and_a_rerun_goes_on(
    bucket: str, server: S3Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.throttled = 10_000
    status, said = predict(capsys, f"{bucket}/in/", "--out", f"{bucket}/o5/")
    server.throttled = 0
    assert status == 2
    assert len(said.splitlines()) == 1
    assert "after 3 tries" in said
    assert "run the same command again later" in said
    assert predict(capsys, f"{bucket}/in/", "--out", f"{bucket}/o5/")[0] == 0
