"""Shared by the commands that run a server: their options, the token, the browser."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

from facepoints._util.option_help import flag, option
from facepoints.cli.output import note, say
from facepoints.errors import MissingExtraError, SettingsError

if TYPE_CHECKING:
    import socket

    from starlette.types import ASGIApp

__all__ = [
    "Host",
    "NoOpen",
    "Open",
    "Port",
    "Token",
    "check_packages",
    "opens_browser",
    "run_server",
    "secret_of",
]

_TOKEN = "FACEPOINTS_TOKEN"
_LOOPBACK = ("127.", "::1", "localhost")


Host = Annotated[
    str,
    option(
        "Address of this machine to listen on. 0.0.0.0 or :: lets other machines in.",
        metavar="HOST",
    ),
]

Port = Annotated[int, option("Port to listen on. 0 takes any that is free.", metavar="PORT")]

Token = Annotated[
    str | None,
    option(
        "Secret that requests to /v1 and /metrics must bring: 'Authorization: Bearer TOKEN'. "
        f"Other users of this machine can see it here; the environment variable {_TOKEN} "
        "hides it.",
        metavar="TOKEN",
        default_text="default: none",
    ),
]

Open = Annotated[
    bool,
    option("Open the page in a browser.", default_text="default: on a terminal with a screen"),
]

NoOpen = Annotated[bool, flag("Do not open the page in a browser.")]


def check_packages(command: str) -> None:
    """Raises MissingExtraError if a package of the extra is not installed.

    Args:
        command: that needs it.
    """
    from importlib.util import find_spec

    for module, package in (
        ("starlette", "starlette"),
        ("uvicorn", "uvicorn"),
        ("python_multipart", "python-multipart"),
    ):
        if find_spec(module) is None:
            raise MissingExtraError(package, "web", command)


def secret_of(token: str | None) -> str:
    """The token of the command line or of the environment; empty: none. Raises SettingsError."""
    if token is None:
        return os.environ.get(_TOKEN, "")
    if not token:
        raise SettingsError("--token is empty; give a secret, or leave the option out")
    return token


def opens_browser(wanted: bool, unwanted: bool) -> bool:
    """True if a browser should open: as told, else on a terminal of a person in front of a screen.

    Args:
        wanted: --open was given.
        unwanted: --no-open was given.

    Raises:
        SettingsError: both were given.
    """
    if wanted and unwanted:
        raise SettingsError("--open and --no-open contradict each other; give one of them")
    if wanted or unwanted:
        return wanted
    screen = sys.platform in ("win32", "darwin") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    remote = any(os.environ.get(name) for name in ("SSH_CONNECTION", "SSH_TTY"))
    return screen and not remote and sys.stderr is not None and sys.stderr.isatty()


def run_server(
    app: ASGIApp,
    listener: socket.socket,
    token: str,
    *,
    ready: str,
    page: str = "",
    stranger: str,
) -> None:
    """Serve until Ctrl-C or SIGTERM, and say when requests are accepted.

    Args:
        app: the application.
        listener: socket that listens; it is closed.
        token: that requests must bring; empty: none. A note warns if other machines reach the
            server without one.
        ready: line that says that requests are accepted.
        page: address to open in a browser; empty: none.
        stranger: what anyone can do who reaches a server without a token, for that note.
    """
    from facepoints.web.server import serve_app

    if not str(listener.getsockname()[0]).startswith(_LOOPBACK) and not token:
        note(f"anyone who reaches this port can {stranger}; --token asks for a secret")

    def when_ready() -> None:
        say(ready)
        if page:
            import threading
            import webbrowser

            threading.Thread(target=webbrowser.open, args=[page], daemon=True).start()

    serve_app(app, listener, when_ready)
