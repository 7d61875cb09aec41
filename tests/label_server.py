"""The label page and its service on a port for tests, which can be stopped and started again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ports import free_port
from waiting import PATIENCE

from facepoints.api import FaceModel
from facepoints.commands.label import LabelSettings, open_session
from facepoints.web.gate import Access
from facepoints.web.label_service import LABEL_PAGE, make_label_app
from facepoints.web.page_files import label_files
from facepoints.web.server import Server, listen, make_config, url_of

__all__ = ["LabelServer", "serve_labels"]


class LabelServer:
    """`facepoints label` in this process.

    Attributes:
        address: of the page, the same after another start.
    """

    def __init__(
        self,
        photos: Path | None,
        out: Path,
        model: FaceModel,
        settings: LabelSettings | None = None,
        token: str = "",
    ) -> None:
        self.photos, self.out, self.model = photos, out, model
        self.settings = settings or LabelSettings(annotator="anna")
        self.token, self.port = token, 0
        self.address = ""
        self.start()

    def start(self) -> None:
        """Start, and wait until requests are accepted."""
        pictures = [] if self.photos is None else [str(self.photos)]
        self.session = open_session(pictures, self.out, lambda: self.model, self.settings)
        listener = listen("127.0.0.1", self.port or free_port())
        self.port = listener.getsockname()[1]
        self.address = url_of(listener) + LABEL_PAGE
        app = make_label_app(self.session, label_files(), Access(self.token))
        ready = threading.Event()
        self._server = Server(make_config(app), ready.set)
        self._thread = threading.Thread(target=self._server.run, args=[[listener]], daemon=True)
        self._thread.start()
        assert ready.wait(PATIENCE)

    def stop(self) -> None:
        """Stop as Ctrl-C does: the labels are written."""
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


@contextmanager
def serve_labels(
    photos: Path | None,
    out: Path,
    model: FaceModel,
    settings: LabelSettings | None = None,
    token: str = "",
) -> Iterator[LabelServer]:
    """Serve the label page of a folder while the context lasts."""
    server = LabelServer(photos, out, model, settings, token)
    try:
        yield server
    finally:
        server.stop()
