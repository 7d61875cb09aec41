"""The service of the label page as an ASGI application: addresses below /v1/labels."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from facepoints import __version__
from facepoints.errors import DataError, SettingsError, WriteError
from facepoints.labeling.guesses import REFIT_EVERY
from facepoints.labeling.label_files import LABEL_FORMATS
from facepoints.labeling.point_set import PointSet
from facepoints.labeling.project import ConflictError
from facepoints.labeling.reading import Reading
from facepoints.labeling.session import Session
from facepoints.web.api_errors import ApiError
from facepoints.web.gate import Access, Gate
from facepoints.web.label_files import LabelDownloads
from facepoints.web.label_images import picture_response
from facepoints.web.label_requests import annotator_of, body_of, check_origin, integer, text
from facepoints.web.metrics import Metrics, resident_bytes
from facepoints.web.page_files import PageFile, page_routes

__all__ = ["LABEL_PAGE", "make_label_app"]

LABEL_PAGE = "label.html"
"""Address of the page."""

_Handler = Callable[[Request], Awaitable[Response]]


def make_label_app(
    session: Session,
    files: dict[str, PageFile],
    access: Access | None = None,
    *,
    host: str = "127.0.0.1",
) -> ASGIApp:
    """The application. Its lifespan starts and closes the session.

    Args:
        session: that is labeled.
        files: of the page (`page_files.label_files`).
        access: who may use it; None: whoever reaches it.
        host: that the server listens on.
    """
    service = _Service(session, access or Access(), host)
    downloads = LabelDownloads(session)
    routes = [
        *(
            Route(path, service.guarded(handler), methods=[method])
            for method, path, handler in service.addresses(downloads)
        ),
        *(Route(path, _to_page, methods=["GET"]) for path in ("/", "/label", "/label/")),
        *page_routes(files),
    ]
    router = Router(routes, redirect_slashes=False, lifespan=service.lifespan)
    labels = {route.path: route.path for route in routes if "{" not in route.path}
    metrics = Metrics(
        {"resident_bytes": ("memory of the process", resident_bytes)}, {"version": __version__}
    )
    return Gate(router, service.access, metrics, labels)


async def _to_page(request: Request) -> Response:
    up = "../" if request.url.path.endswith("label/") else "./"
    return RedirectResponse(f"{up}{LABEL_PAGE}", 307)


class _Service:
    """The handlers, and what they share."""

    def __init__(self, session: Session, access: Access, host: str) -> None:
        self.session, self.access, self.host = session, access, host

    def addresses(self, downloads: LabelDownloads) -> list[tuple[str, str, _Handler]]:
        """Method, path and handler of each address."""
        return [
            ("GET", "/v1/labels/project", self.project),
            ("POST", "/v1/labels/points", self.name_points),
            ("GET", "/v1/labels/pictures", self.pictures),
            ("GET", "/v1/labels/queue", self.queue),
            ("GET", "/v1/labels/changes", self.changes),
            ("GET", "/v1/labels/pictures/{id}/image", self.image),
            ("GET", "/v1/labels/pictures/{id}", self.picture),
            ("POST", "/v1/labels/pictures/{id}", self.review),
            ("POST", "/v1/labels/pictures/{id}/faces", self.new_face),
            ("GET", "/v1/labels/faces/{id}", self.face),
            ("POST", "/v1/labels/faces/{id}", self.move),
            ("GET", "/v1/labels/shape", self.shape),
            ("GET", "/v1/labels/export/{format}", downloads.export),
            ("GET", "/v1/labels/disagreement", downloads.disagreement),
        ]

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[None]:
        """Run the session while the application runs."""
        self.session.start()
        try:
            yield
        finally:
            await asyncio.to_thread(self.session.close)

    def guarded(self, handler: _Handler) -> _Handler:
        """A handler whose errors are answers."""

        async def handle(request: Request) -> Response:
            check_origin(request, self.host, bool(self.access.token))
            try:
                return await handler(request)
            except ConflictError as conflict:
                return await asyncio.to_thread(self._conflict, conflict, request)
            except SettingsError as error:
                raise ApiError("bad_parameter", str(error), "see docs/how-to/label.md") from None
            except DataError as error:
                raise ApiError(
                    "unreadable_image", str(error), "a picture that can be read"
                ) from None
            except WriteError as error:
                raise ApiError(
                    "unavailable", str(error), "room on the disk, and another try"
                ) from None

        return handle

    def _conflict(self, conflict: ConflictError, request: Request) -> Response:
        error = {
            "status": 409,
            "code": "conflict",
            "message": "this was changed meanwhile, so nothing was written",
            "expected": "a change of the version that comes with this answer",
        }
        who = getattr(request.state, "annotator", self.session.annotator)
        with self.session.project.reading():
            if conflict.face is None:
                present = {"project": self._project(who)}
            else:
                present = {"face": self.session.views.face(conflict.face, who)}
        return _json({"error": error, **present}, 409)

    def _who(self, request: Request, body: dict[str, Any] | None = None) -> str:
        given = request.query_params.get("annotator")
        if body is not None and "annotator" in body:
            given = body["annotator"]
        request.state.annotator = annotator_of(given, self.session.annotator)
        return request.state.annotator

    async def _shown(self, view: Callable[[], Any], status: int = 200) -> Response:
        """An answer that is computed from the state."""

        def compute() -> bytes:
            with self.session.project.reading():
                return _encoded(view())

        return _json_bytes(await asyncio.to_thread(compute), status)

    async def project(self, request: Request) -> Response:
        """GET /v1/labels/project."""
        who = self._who(request)
        return await self._shown(lambda: self._project(who))

    def _project(self, who: str) -> dict[str, Any]:
        session = self.session
        state = session.project.state
        points = state.points
        at = {name: k for k, name in enumerate(points.names)}
        others = {name for face in state.faces.values() for name in face.readings}
        return {
            "title": session.output.path.name,
            "annotator": who,
            "annotators": [who] if session.project.blind else sorted({*others, who}),
            "blind": session.project.blind,
            "points": {
                "names": list(points.names),
                "mirror": [list(pair) for pair in points.mirror],
                "edges": [[at[a], at[b]] for a, b in points.edges],
                "eyes": [at[name] for name in points.eyes] or None,
                "mirrorable": points.mirrorable,
                "editable": state.editable,
                "revision": state.points_revision,
            },
            "formats": list(LABEL_FORMATS),
            **self._news(who),
        }

    def _news(self, who: str) -> dict[str, Any]:
        session = self.session
        return {
            "revision": session.project.revision,
            "counts": session.views.counts(who),
            "refit": {
                "every": REFIT_EVERY,
                "finished": session.project.guesser.finished,
                "running": session.refitting,
            },
            "shape": session.shape[0],
            "saved": not session.save_error,
            "save_error": session.save_error,
        }

    async def name_points(self, request: Request) -> Response:
        """POST /v1/labels/points."""
        body = await body_of(request)
        who, base = self._who(request, body), integer(body, "base")
        if not self.session.project.state.editable:
            raise SettingsError(
                "the points of this project are fixed; start it with a file of names or a known set"
            )
        points = PointSet.from_dict(body)
        await asyncio.to_thread(self.session.project.set_points, points, base, who)
        self.session.changed()
        return await self._shown(lambda: self._project(who))

    async def pictures(self, request: Request) -> Response:
        """GET /v1/labels/pictures."""
        who, session = self._who(request), self.session
        return await self._shown(
            lambda: {
                "revision": session.project.revision,
                "pictures": session.views.pictures(who),
            }
        )

    async def queue(self, request: Request) -> Response:
        """GET /v1/labels/queue."""
        who, session = self._who(request), self.session
        return await self._shown(
            lambda: {"revision": session.project.revision, "faces": session.views.queue(who)}
        )

    async def changes(self, request: Request) -> Response:
        """GET /v1/labels/changes."""
        who, project = self._who(request), self.session.project
        since = request.query_params.get("since", "")
        if not since.isascii() or not since.isdecimal() or len(since) > 17:
            raise ApiError("bad_parameter", f"since is {since!r:.40}", "since: a revision")

        def news() -> dict[str, Any]:
            changed = project.changed_since(int(since))
            return {
                "faces": [one for one in changed if one in project.state.faces],
                "pictures": [one for one in changed if one in project.state.pictures],
                "points": "" in changed,
                **self._news(who),
            }

        return await self._shown(news)

    async def picture(self, request: Request) -> Response:
        """GET /v1/labels/pictures/{id}."""
        return await self._picture(request, self._who(request))

    async def _picture(self, request: Request, who: str) -> Response:
        picture = await self._found(self.session.picture, request)
        return await self._shown(lambda: self.session.views.picture(picture, who))

    async def _found(self, find: Callable[[str], Any], request: Request) -> Any:
        """Return what the id in the address names. Raises ApiError if there is nothing."""
        try:
            return await asyncio.to_thread(find, request.path_params["id"])
        except KeyError:
            raise ApiError(
                "not_found", "there is nothing with this id", "an id of a list"
            ) from None

    async def image(self, request: Request) -> Response:
        """GET /v1/labels/pictures/{id}/image."""
        picture = await self._found(self.session.picture, request)
        return await asyncio.to_thread(picture_response, request, self.session, picture)

    async def review(self, request: Request) -> Response:
        """POST /v1/labels/pictures/{id}."""
        body = await body_of(request)
        who, reviewed = self._who(request, body), body.get("reviewed")
        if not isinstance(reviewed, bool):
            raise ApiError("bad_parameter", f"reviewed is {reviewed!r:.40}", "true or false")
        picture = await self._found(self.session.picture, request)
        await asyncio.to_thread(self.session.project.review, picture.id, reviewed, who)
        self.session.changed()
        return await self._picture(request, who)

    async def new_face(self, request: Request) -> Response:
        """POST /v1/labels/pictures/{id}/faces."""
        body = await body_of(request)
        who, eyes = self._who(request, body), _eyes(body)
        picture = await self._found(self.session.picture, request)
        key = text(body, "id")
        face = await asyncio.to_thread(self.session.face_at_eyes, picture, eyes, who, key)
        return await self._shown(lambda: self.session.views.face(face, who), 201)

    async def face(self, request: Request) -> Response:
        """GET /v1/labels/faces/{id}."""
        who = self._who(request)
        face = await self._found(self.session.project.state.faces.__getitem__, request)
        return await self._shown(lambda: self.session.views.face(face, who))

    async def move(self, request: Request) -> Response:
        """POST /v1/labels/faces/{id}."""
        body = await body_of(request)
        who, session = self._who(request, body), self.session
        face = await self._found(session.project.state.faces.__getitem__, request)
        reading = Reading.from_dict(body, len(session.project.state.points))
        point = None if body.get("point") is None else integer(body, "point")
        base, action, key = integer(body, "base"), text(body, "action", "other"), text(body, "id")

        def write() -> None:
            session.project.move(face.id, who, base, reading, action=action, point=point, key=key)

        await asyncio.to_thread(write)
        session.changed()
        return await self._shown(lambda: session.views.face(face, who))

    async def shape(self, request: Request) -> Response:
        """GET /v1/labels/shape."""
        revision, model = self.session.shape
        return await self._shown(lambda: {"revision": revision, "model": model})


def _eyes(body: dict[str, Any]) -> list[list[float]]:
    """The two clicked eyes, the one at the left first unless the face is upside down."""
    eyes = body.get("eyes")
    expected = '"eyes": [[x, y], [x, y]] in pixels of the picture'
    pair = isinstance(eyes, list) and len(eyes) == 2 and all(_is_point(eye) for eye in eyes)
    if not pair:
        raise ApiError("bad_parameter", f"eyes are {eyes!r:.60}", expected)
    assert isinstance(eyes, list)
    return sorted(eyes, key=lambda eye: eye[0], reverse=body.get("upside") is True)


def _is_point(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(v, int | float) and not isinstance(v, bool) for v in value)
        and all(abs(v) < 1e6 for v in value)
    )


def _encoded(data: Any) -> bytes:
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace")


def _json_bytes(data: bytes, status: int = 200) -> Response:
    return Response(data, status, media_type="application/json")


def _json(data: Any, status: int = 200) -> Response:
    return _json_bytes(_encoded(data), status)
