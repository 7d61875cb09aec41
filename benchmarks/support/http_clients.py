"""Light HTTP clients for the benchmark of the service: good, slow and broken ones."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

__all__ = ["Tally", "hammer", "soak"]

_WAIT = 120.0  # seconds after which a request counts as lost


@dataclass
class Tally:
    """What became of the requests.

    Attributes:
        statuses: answers by kind of request and status, such as "predict 200".
        wrong: good requests whose answer was not the expected one.
        lost: good requests without an answer.
        seconds: time of each good request of one image.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    wrong: int = 0
    lost: int = 0
    seconds: list[float] = field(default_factory=list)

    @property
    def answered(self) -> int:
        """Number of answers."""
        return sum(self.statuses.values())

    @property
    def faults(self) -> int:
        """Answers with a status of 500 and more."""
        return sum(n for key, n in self.statuses.items() if key.rsplit(" ", 1)[1] >= "500")


def request_bytes(path: str, body: bytes, kind: str = "image/jpeg") -> bytes:
    """A whole request."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Connection:
    """A connection that is kept, and opened again when it was closed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def writer(self) -> asyncio.StreamWriter:
        """The open connection."""
        if self._writer is None or self._writer.is_closing():
            opened = await asyncio.open_connection("127.0.0.1", self._port, limit=2**24)
            self._reader, self._writer = opened
        return self._writer

    async def answer(self) -> tuple[int, bytes]:
        """Status and body of the next answer."""
        assert self._reader is not None
        head = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), _WAIT)
        lower = head.lower()
        length = int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
        body = await asyncio.wait_for(self._reader.readexactly(length), _WAIT)
        if b"connection: close" in lower:
            self.close()
        return int(head[9:12]), body

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request at once, and read its answer."""
        (await self.writer()).write(request)
        return await self.answer()

    def close(self) -> None:
        """Close the connection at once."""
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None


def faces_in(body: bytes) -> int:
    """Faces in an answer of /v1/predict."""
    return sum(len(image["faces"]) for image in json.loads(body)["images"])


async def hammer(port: int, images: list[bytes], clients: int, seconds: float) -> Tally:
    """Send one image after another from several clients.

    Args:
        port: of the service.
        images: JPEG files, each with one face.
        clients: connections.
        seconds: for how long; requests that began are waited for.
    """
    tally, end = Tally(), time.perf_counter() + seconds
    requests = [request_bytes("/v1/predict", image) for image in images]

    async def client(number: int) -> None:
        connection, turn = Connection(port), number
        while time.perf_counter() < end:
            begin = time.perf_counter()
            status, body = await connection.ask(requests[turn % len(requests)])
            tally.seconds.append(time.perf_counter() - begin)
            tally.statuses[f"predict {status}"] += 1
            tally.wrong += b'"score"' not in body
            turn += 1
        connection.close()

    await asyncio.gather(*(client(number) for number in range(clients)))
    return tally


async def soak(
    port: int,
    images: list[bytes],
    clients: int,
    seconds: float,
    note: Callable[[], None],
) -> Tally:
    """Many kinds of requests for a long time, a tenth of them broken or slow.

    Args:
        port, images, clients, seconds: see `hammer`.
        note: called every second.
    """
    tally, end = Tally(), time.perf_counter() + seconds

    async def client(number: int) -> None:
        draw, connection = random.Random(number), Connection(port)
        while time.perf_counter() < end:
            image = draw.choice(images)
            if draw.random() < 0.1:
                await _rude(port, draw, image, tally)
            else:
                await _good(connection, draw, image, tally)
        connection.close()

    async def clock() -> None:
        while True:
            note()
            await asyncio.sleep(1)

    ticking = asyncio.create_task(clock())
    await asyncio.gather(*(client(number) for number in range(clients)))
    ticking.cancel()
    return tally


def form(images: list[bytes]) -> tuple[bytes, str]:
    """A form of several images, and its type."""
    parts = []
    for number, image in enumerate(images):
        name = f'name="file"; filename="{number}.jpg"'
        head = f"--soak\r\nContent-Disposition: form-data; {name}\r\n\r\n"
        parts += [head.encode(), image, b"\r\n"]
    return b"".join([*parts, b"--soak--\r\n"]), "multipart/form-data; boundary=soak"


async def _good(connection: Connection, draw: random.Random, image: bytes, tally: Tally) -> None:
    kind = draw.choices(("predict", "measure", "form", "csv", "align", "blur"), (6, 1, 1, 1, 1, 1))[
        0
    ]
    path = {
        "measure": "/v1/predict?measure=true",
        "csv": "/v1/predict?format=csv",
        "align": "/v1/align?size=64",
        "blur": "/v1/blur?format=jpeg",
    }.get(kind, "/v1/predict")
    request = request_bytes(path, image)
    if kind == "form":
        request = request_bytes(path, *form([image] * 3))
    begin = time.perf_counter()
    try:
        status, body = await connection.ask(request)
    except (OSError, EOFError, TimeoutError, asyncio.IncompleteReadError):
        tally.lost += 1
        connection.close()
        return
    tally.statuses[f"{kind} {status}"] += 1
    if kind == "predict":
        tally.seconds.append(time.perf_counter() - begin)
    tally.wrong += status != 200 or not _as_expected(kind, body)


def _as_expected(kind: str, body: bytes) -> bool:
    if kind in ("predict", "measure", "form"):
        measured = kind != "measure" or b'"yaw"' in body
        return measured and faces_in(body) == (3 if kind == "form" else 1)
    if kind == "csv":
        return body.count(b"\n") == 2
    if kind == "align":
        return b'"matrix"' in body
    return body[:3] == b"\xff\xd8\xff"


async def _rude(port: int, draw: random.Random, image: bytes, tally: Tally) -> None:
    """A client that sends half a request, words, too much, trickles, or goes away."""
    kind = draw.choice(("half", "gone", "trickle", "words", "large", "no http"))
    request = request_bytes("/v1/predict", image)
    connection = Connection(port)
    try:
        writer = await connection.writer()
        if kind == "half":
            writer.write(request[: len(request) // 2])
            await asyncio.sleep(draw.uniform(0, 2))
            tally.statuses["half 0"] += 1
        elif kind == "gone":
            writer.write(request)
            await asyncio.sleep(draw.uniform(0, 0.05))
            tally.statuses["gone 0"] += 1
        elif kind == "trickle":
            step = len(request) // 20
            for at in range(0, len(request), step):
                writer.write(request[at : at + step])
                await asyncio.sleep(0.1)
            status, body = await connection.answer()
            tally.statuses[f"trickle {status}"] += 1
            tally.wrong += status != 200 or faces_in(body) != 1
        else:
            content = {"words": b"words" * 100, "large": image, "no http": b""}[kind]
            ask = request_bytes("/v1/predict", content)
            if kind == "large":
                ask = ask.replace(b"Content-Length: ", b"Content-Length: 9999", 1)
            if kind == "no http":
                ask = b"\x16\x03\x01\x02\x00\r\n\r\n"
            writer.write(ask)
            status, _ = await connection.answer() if kind != "no http" else (400, b"")
            tally.statuses[f"{kind} {status}"] += 1
            tally.wrong += status != {"words": 422, "large": 413}.get(kind, 400)
    except (OSError, EOFError, TimeoutError, asyncio.IncompleteReadError):
        tally.lost += kind in ("trickle", "words", "large")
    finally:
        with suppress(OSError):
            connection.close()
