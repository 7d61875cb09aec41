"""Clients that are slow, broken or gone do not stop the service for others."""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from service_tools import Client, running
from waiting import PATIENCE, wait_until

import facepoints
from facepoints.api import FaceModel
from facepoints.web import server
from facepoints.web.limits import ServiceLimits
from facepoints.web.page_files import PageFile
from facepoints.web.service import ServiceSettings

IMAGE = cv2.imencode(".png", np.full((60, 80, 3), 90, np.uint8))[1].tobytes()
HEAD = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: "


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return facepoints.load()


@pytest.fixture(scope="module")
def client(model: FaceModel) -> Iterator[Client]:
    with running(model, ServiceSettings()) as client:
        yield client


@pytest.fixture(scope="module")
def strict(model: FaceModel) -> Iterator[Client]:
    """A client of a service whose bodies have to arrive at once."""
    with running(model, ServiceSettings(ServiceLimits(timeout=0.3))) as client:
        yield client


def read_all(connection: socket.socket) -> bytes:
    """What the server sends until it closes the connection."""
    received = b""
    try:
        while more := connection.recv(65536):
            received += more
    except ConnectionResetError:
        pass
    return received


def is_held(client: Client, count: int) -> bool:
    """Whether that many bytes of requests are in memory."""
    return client.metric("facepoints_held_bytes") == count


def test_heads_and_bodies_that_do_not_end_stop_nobody(client: Client) -> None:
    slow = [client.open() for _ in range(40)]
    for number, connection in enumerate(slow):
        connection.sendall(HEAD[:40] if number % 2 else HEAD + b"100000\r\n\r\n" + IMAGE)
    wait_until(lambda: client.connections >= 40 and is_held(client, 20 * len(IMAGE)))
    assert client.post("/v1/predict", IMAGE).status == 200
    for connection in slow:
        connection.close()
    wait_until(lambda: is_held(client, 0))


def test_a_head_that_does_not_end_or_trickles_is_cut_off(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_HEAD_SECONDS", 0.3)
    with client.open() as connection:
        connection.sendall(HEAD[:40])
        assert read_all(connection) == b""
    with client.open() as connection, pytest.raises(OSError, match=r"reset|pipe"):
        wait_until(lambda: connection.sendall(b"x"), pause=0.05)


def test_bodies_that_do_not_end_get_an_answer(strict: Client) -> None:
    slow = [strict.open() for _ in range(3)]
    for connection in slow:
        connection.sendall(HEAD + b"100000\r\n\r\n" + IMAGE)
    for connection in slow:
        answer = read_all(connection)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"code": "timeout"' in answer
        connection.close()
    wait_until(lambda: is_held(strict, 0))


def test_clients_that_leave_free_what_they_held(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[int] = []
    predict, all_left = FaceModel.predict_batch, threading.Event()

    def wait(self: FaceModel, images: Any, names: Any) -> Any:
        computed.append(len(images))
        assert all_left.wait(PATIENCE)
        return predict(self, images, names)

    monkeypatch.setattr("facepoints.api.FaceModel.predict_batch", wait)
    for _ in range(30):
        with client.open() as connection:
            connection.sendall(HEAD + str(len(IMAGE)).encode() + b"\r\n\r\n" + IMAGE)
    with client.open() as connection:  # half a body
        connection.sendall(HEAD + b"5000\r\n\r\n" + IMAGE[:50])
    try:
        wait_until(lambda: computed and client.metric("facepoints_waiting_requests") == 0)
        wait_until(lambda: is_held(client, 0))
    finally:
        all_left.set()
    assert client.post("/v1/predict", IMAGE).status == 200
    assert sum(computed) < 31  # most were left out


def test_a_client_that_does_not_read_is_cut_off(
    model: FaceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_WRITE_SECONDS", 0.3)
    large = PageFile("image/png", np.random.default_rng(0).bytes(15_000_000), None, "x")
    with running(model, ServiceSettings(), {"large": large}) as other, other.open() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        assert other.get("/healthz").status == 200
        assert connection.recv(1, socket.MSG_PEEK)  # its answer has begun
        wait_until(lambda: other.connections == 0)


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_quietly(
    client: Client, request_: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with client.open() as connection:
        connection.sendall(request_)
        answer = read_all(connection)
    assert answer[:12] in (b"", b"HTTP/1.1 400", b"HTTP/1.1 404")
    assert client.get("/healthz").status == 200
    assert capfd.readouterr().err == ""


def test_too_many_connections_drop_the_oldest_idle_one(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_CONNECTIONS", 5)
    idle = [client.open() for _ in range(8)]
    assert client.post("/v1/predict", IMAGE).status == 200
    assert read_all(idle[0]) == b""
    for connection in idle:
        connection.close()


def test_an_upload_never_touches_the_disk(
    model: FaceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("a temporary file")

    for name in ("TemporaryFile", "NamedTemporaryFile", "SpooledTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, refuse)
    noise = np.random.default_rng(0).integers(0, 255, (800, 800, 3), np.uint8)
    large = cv2.imencode(".bmp", noise)[1].tobytes()
    assert len(large) > 1_900_000
    with running(model, ServiceSettings()) as client:
        answer = client.form("/v1/predict", [("file", "a.bmp", large), ("file", "b.png", IMAGE)])
    assert answer.status == 200
    assert [one["width"] for one in answer.json()["images"]] == [800, 80]


def test_the_memory_of_all_requests_is_limited(
    model: FaceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ServiceLimits, "max_memory", property(lambda self: 1000))
    with running(model, ServiceSettings()) as client:
        with client.open() as holder:
            holder.sendall(HEAD + b"900\r\n\r\n" + b"x" * 899)
            wait_until(lambda: is_held(client, 899))
            answer = client.post("/v1/predict", IMAGE)
            assert answer.status == 429
            assert int(answer.headers["retry-after"]) > 0
        wait_until(lambda: is_held(client, 0))
        assert client.post("/v1/predict", IMAGE).status == 200
