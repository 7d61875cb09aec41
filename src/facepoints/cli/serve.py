"""The command that opens the page in a browser and runs the REST service."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from facepoints import weights
from facepoints._util.option_help import flag, option
from facepoints.cli.options import AnyModel, Device, group
from facepoints.cli.output import note, say, working
from facepoints.cli.outputs import Output, Overwrite, model_files, outputs
from facepoints.errors import MissingExtraError, SettingsError
from facepoints.web.limits import ServiceLimits

if TYPE_CHECKING:
    from facepoints.web.service import ServiceSettings

__all__ = ["Host", "Port", "Token", "check_packages", "opens_browser", "secret", "serve"]

_LIMITS = ServiceLimits()
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


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    token: Token = None,
    cors: Annotated[
        tuple[str, ...],
        option(
            "Origins of other sites whose pages may call the service, such as "
            "https://example.org; * for all.",
            metavar="ORIGIN [ORIGIN ...]",
            default_text="default: none",
        ),
    ] = (),
    open: Annotated[
        bool,
        option(
            "Open the page in a browser.",
            default_text="default: on a terminal with a screen",
        ),
    ] = False,
    no_open: Annotated[bool, flag("Do not open the page in a browser.")] = False,
    export: Annotated[
        Path | None,
        option(
            "Write the page as static files for any web server to this folder, and end. The files "
            "_headers and README.txt name the headers that it wants.",
            metavar="FOLDER",
            default_text="default: serve",
        ),
    ] = None,
    model: AnyModel = weights.BUILTIN,
    device: Device = "cpu",
    overwrite: Overwrite = False,
    limits: Annotated[ServiceLimits, group("limits")] = _LIMITS,
) -> None:
    """Open a page that finds faces in the browser, and run a REST service.

    The page uploads nothing: photos, videos and the camera are computed in the browser. The
    service takes images over HTTP: /v1/predict, /v1/align, /v1/blur; /docs describes it. Images
    are never written to disk, and nothing about them is logged. Ctrl-C or SIGTERM ends it when the
    requests at hand are answered.
    """
    if open and no_open:
        raise SettingsError("--open and --no-open contradict each other; give one of them")
    check_packages("facepoints serve")
    if export is not None:
        _export(export, model, overwrite)
        return
    settings = _settings(limits, token, cors, device)
    from facepoints.web.server import listen

    listener = listen(host, port)
    with listener:
        _run(listener, settings, model, device, opens_browser(open, no_open))


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


def _export(folder: Path, model: str, overwrite: bool) -> None:
    from facepoints.web.static_site import export_site

    read = model_files(model)
    with (
        outputs(Output(folder, whole=True), inputs=read, overwrite=overwrite),
        working("writing the page"),
    ):
        size = export_site(folder, model)
    say(f"{folder}: {size / 1e6:.1f} MB; put the files on any web server ({folder}/README.txt)")


def secret(token: str | None) -> str:
    """The token of the command line or of the environment; empty: none. Raises SettingsError."""
    if token is None:
        return os.environ.get(_TOKEN, "")
    if not token:
        raise SettingsError("--token is empty; give a secret, or leave the option out")
    return token


def _settings(
    limits: ServiceLimits, token: str | None, cors: tuple[str, ...], device: str
) -> ServiceSettings:
    from facepoints.web.gate import Access
    from facepoints.web.service import ServiceSettings

    token = secret(token)
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    batch = 1 if device == "cpu" else 8
    return ServiceSettings(limits, Access(token, cors), workers=usable or 1, batch=batch)


def opens_browser(wanted: bool, unwanted: bool) -> bool:
    """Whether to open a browser: on a terminal of a person in front of a screen, if not told."""
    if wanted or unwanted:
        return wanted
    screen = sys.platform in ("win32", "darwin") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    remote = any(os.environ.get(name) for name in ("SSH_CONNECTION", "SSH_TTY"))
    return screen and not remote and sys.stderr is not None and sys.stderr.isatty()


def _run(listener, settings: ServiceSettings, model: str, device: str, browser: bool) -> None:
    from facepoints.api import load
    from facepoints.web.page_files import missing_runtime, page_files
    from facepoints.web.server import serve_app, url_of
    from facepoints.web.service import make_app
    from facepoints.web.static_site import RUNTIME_MISSING

    with working("loading the model"):
        loaded = load(model, device)
        app = make_app(loaded, page_files(model), settings)
    if missing_runtime():
        note(f"the page cannot compute: {RUNTIME_MISSING}")
    address = url_of(listener)
    host = listener.getsockname()[0]
    if not host.startswith(_LOOPBACK) and not settings.access.token:
        note("anyone who reaches this port can use the service; --token asks for a secret")

    def ready() -> None:
        say(f"facepoints is ready: {address} (REST: {address}docs); Ctrl-C ends it")
        if browser:
            import threading
            import webbrowser

            threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()

    serve_app(app, listener, ready)
    note("ended")
