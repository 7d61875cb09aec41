"""The web service as an ASGI application: the page and the addresses below /v1.

Nothing about an image is logged, and nothing of a request is written to disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from facepoints import __version__
from facepoints._util.memory import return_freed_memory
from facepoints.api import FaceModel
from facepoints.errors import DataError
from facepoints.inference.alignment import TEMPLATES
from facepoints.inference.eye_state import EyeStateModel
from facepoints.landmarks.conversion import check_convertible
from facepoints.landmarks.known_sets import KAGGLE_15, KNOWN_SETS
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.web.answers import Answer, Context, model_json
from facepoints.web.api_errors import ApiError
from facepoints.web.docs_page import DOCS_CSS, docs_html
from facepoints.web.gate import Access, Gate
from facepoints.web.headers import PAGE_HEADERS
from facepoints.web.image_answers import align_job, blur_job
from facepoints.web.limits import ServiceLimits
from facepoints.web.metrics import CONTENT_TYPE, Metrics, resident_bytes
from facepoints.web.openapi import openapi
from facepoints.web.page_files import PageFile, page_routes
from facepoints.web.parameters import (
    ALIGN,
    BLUR,
    PREDICT,
    AlignParameters,
    BlurParameters,
    DetectParameters,
    Parameter,
    PredictParameters,
    parse_parameters,
)
from facepoints.web.picture_queue import Job, PictureQueue, QueueFullError
from facepoints.web.predict_answer import predict_job
from facepoints.web.uploads import MemoryBudget, Reservation, Upload, receive_uploads

__all__ = ["ServiceSettings", "make_app"]


_TRIM_SECONDS = 10.0  # between two times that freed memory is given back


@dataclass(frozen=True)
class ServiceSettings:
    """Settings of the service.

    Attributes:
        limits: of requests.
        access: who may use it.
        workers: threads that compute images.
        batch: images that a thread computes at once, at most. With 1, an answer never depends on
            the other requests: the 8-bit network rounds a face a little differently in a batch.
    """

    limits: ServiceLimits = field(default_factory=ServiceLimits)
    access: Access = field(default_factory=Access)
    workers: int = 2
    batch: int = 1


class _Task(NamedTuple):
    """The work of an address below /v1 on images."""

    parameters: Sequence[Parameter]
    into: type[DetectParameters]
    job: Callable[[Sequence[Upload], Any, Context], Job]


_TASKS: dict[str, _Task] = {
    "/v1/predict": _Task(PREDICT, PredictParameters, predict_job),
    "/v1/align": _Task(ALIGN, AlignParameters, align_job),
    "/v1/blur": _Task(BLUR, BlurParameters, blur_job),
}


def make_app(
    model: FaceModel,
    files: dict[str, PageFile],
    settings: ServiceSettings | None = None,
) -> ASGIApp:
    """The application. Its lifespan starts and ends the threads.

    Args:
        model: finds the faces.
        files: of the page (`page_files.page_files`); empty: the service has no page.
        settings: None: the defaults.
    """
    service = _Service(model, settings or ServiceSettings())
    page = page_routes(files)
    routes = [
        *(Route(path, service.handler(path), methods=["POST"]) for path in _TASKS),
        Route("/v1/model", service.describe_model, methods=["GET"]),
        Route("/healthz", service.health, methods=["GET"]),
        Route("/readyz", service.ready, methods=["GET"]),
        Route("/metrics", service.show_metrics, methods=["GET"]),
        Route("/openapi.json", service.openapi, methods=["GET"]),
        Route("/docs", service.docs, methods=["GET"]),
        Route("/docs.css", service.docs_style, methods=["GET"]),
        *page,
    ]
    router = Router(routes, redirect_slashes=False, lifespan=service.lifespan)
    labels = {route.path: route.path for route in routes}
    labels |= {route.path: "page" for route in page}
    return Gate(router, service.settings.access, service.metrics, labels)


class _Service:
    """The handlers, and what they share."""

    def __init__(self, model: FaceModel, settings: ServiceSettings) -> None:
        self.settings, self.model = settings, model
        self.queue: PictureQueue | None = None
        self.budget = MemoryBudget(settings.limits.max_memory)
        checksum = str(model.describe()["model"])
        stamp = {"version": __version__, "model": checksum}
        self.context = Context(model.landmarks, stamp, settings.limits, EyeStateModel.load())
        self.metrics = Metrics(
            {
                "waiting_requests": ("requests that wait or are computed", self._jobs),
                "waiting_images": ("images that no thread has taken", self._waiting),
                "held_bytes": ("bytes of requests in memory", lambda: self.budget.used),
                "resident_bytes": ("memory of the process", resident_bytes),
            },
            stamp,
        )

    def _jobs(self) -> int:
        return 0 if self.queue is None else self.queue.jobs

    def _waiting(self) -> int:
        return 0 if self.queue is None else self.queue.waiting

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[None]:
        """Run the threads while the application runs."""
        limits = self.settings.limits
        self.queue = PictureQueue(
            self.model,
            self.settings.workers,
            limits.max_waiting,
            limits.max_pixels,
            self.settings.batch,
            self.metrics.batch,
        )
        trimming = asyncio.create_task(_return_memory())
        try:
            yield
        finally:
            trimming.cancel()
            queue, self.queue = self.queue, None
            await asyncio.to_thread(queue.close)

    def handler(self, path: str) -> Callable[[Request], Any]:
        """The handler of an address that takes images."""
        task = _TASKS[path]

        async def handle(request: Request) -> Response:
            answer = await self._answer(request, task)
            self.metrics.add("images", answer.images)
            self.metrics.add("unreadable_images", answer.unreadable)
            self.metrics.add("faces", answer.faces)
            return Response(answer.body, 200, answer.headers, answer.media_type)

        return handle

    async def _answer(self, request: Request, task: _Task) -> Answer:
        # parameters of the address first: a wrong one is refused before the body arrives
        given = request.query_params.multi_items()
        self._parameters(task, given)
        limits = self.settings.limits
        with Reservation(self.budget) as reservation:
            received = await receive_uploads(request, limits, reservation)
            self.metrics.add("received_bytes", reservation.taken)
            parameters = self._parameters(task, [*given, *received.fields])
            job = task.job(received.uploads, parameters, self.context)
            del received
            return await self._computed(request, job)

    def _parameters(self, task: _Task, given: Sequence[tuple[str, str]]) -> DetectParameters:
        parameters = parse_parameters(task.into, task.parameters, given)
        wanted: LandmarkSet | None = None
        if isinstance(parameters, PredictParameters) and parameters.landmarks:
            wanted = KNOWN_SETS[parameters.landmarks]
        if isinstance(parameters, AlignParameters):
            wanted = KAGGLE_15.subset(tuple(TEMPLATES[parameters.template](100)))
        if wanted is not None:
            try:
                check_convertible(self.model.landmarks, wanted)
            except DataError as error:
                raise ApiError(
                    "bad_parameter", str(error), "points that the model of this service gives"
                ) from None
        return parameters

    async def _computed(self, request: Request, job: Job) -> Answer:
        """The answer of a job, unless the client goes away or the time is over before."""
        limits = self.settings.limits
        if self.queue is None or not self.queue.alive:
            raise _unavailable("the service ends", 10)
        try:
            self.queue.submit(job)
        except QueueFullError as full:
            raise ApiError(
                "busy",
                f"{limits.max_waiting} requests wait already",
                f"another try after {full.seconds} seconds",
                {"Retry-After": str(full.seconds)},
            ) from None
        gone = asyncio.ensure_future(_disconnected(request))
        answer = asyncio.wrap_future(job.future)
        try:
            done, _ = await asyncio.wait(
                {gone, answer}, timeout=limits.timeout, return_when=asyncio.FIRST_COMPLETED
            )
            if answer in done:
                return answer.result()
            if gone in done:
                raise ClientDisconnect
            raise _unavailable(f"no answer within {limits.timeout:g} seconds", 10)
        except DataError as error:
            expected = "images with faces that the model can place"
            raise ApiError("unreadable_image", str(error), expected) from error
        finally:
            gone.cancel()
            _give_up(answer, job.future)

    async def describe_model(self, request: Request) -> Response:
        """GET /v1/model."""
        return Response(model_json(self.model, self.context), media_type="application/json")

    async def health(self, request: Request) -> Response:
        """GET /healthz: the process answers."""
        return Response("ok\n", media_type="text/plain")

    async def ready(self, request: Request) -> Response:
        """GET /readyz: images can be computed."""
        if self.queue is None or not self.queue.alive:
            raise _unavailable("the service starts or ends", 1)
        return Response("ready\n", media_type="text/plain")

    async def show_metrics(self, request: Request) -> Response:
        """GET /metrics."""
        return Response(self.metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    async def openapi(self, request: Request) -> Response:
        """GET /openapi.json."""
        return Response(json.dumps(self._document()), media_type="application/json")

    async def docs(self, request: Request) -> Response:
        """GET /docs."""
        headers = PAGE_HEADERS | {"Content-Type": "text/html; charset=utf-8"}
        return Response(docs_html(self._document()), headers=headers)

    async def docs_style(self, request: Request) -> Response:
        """GET /docs.css."""
        return Response(DOCS_CSS, headers=PAGE_HEADERS, media_type="text/css")

    def _document(self) -> dict[str, Any]:
        return openapi(self.settings.limits, token=bool(self.settings.access.token))


async def _return_memory() -> None:
    """Keep the memory of the process flat."""
    while True:
        await asyncio.sleep(_TRIM_SECONDS)
        await asyncio.to_thread(return_freed_memory)


def _unavailable(message: str, seconds: int) -> ApiError:
    expected = f"another try after {seconds} seconds"
    return ApiError("unavailable", message, expected, {"Retry-After": str(seconds)})


async def _disconnected(request: Request) -> None:
    """Wait until the client goes away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _give_up(answer: asyncio.Future[Any], future: Future[Any]) -> None:
    """Let the threads leave out what nobody waits for."""
    if not answer.done():
        answer.cancel()
    future.cancel()
