"""The command that opens the page in a browser and runs the REST service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from facepoints import weights
from facepoints._util.option_help import option
from facepoints._util.processors import processor_count
from facepoints.cli.options import AnyModel, Device, group
from facepoints.cli.output import note, say, working
from facepoints.cli.outputs import Output, Overwrite, model_files, outputs
from facepoints.cli.serving import (
    Host,
    NoOpen,
    Open,
    Port,
    Token,
    check_packages,
    opens_browser,
    run_server,
    secret_of,
)
from facepoints.web.limits import ServiceLimits

if TYPE_CHECKING:
    from facepoints.web.service import ServiceSettings

__all__ = ["serve"]

_LIMITS = ServiceLimits()


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
    open: Open = False,
    no_open: NoOpen = False,
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
    browser = opens_browser(open, no_open)
    check_packages("facepoints serve")
    if export is not None:
        _export(export, model, overwrite)
        return
    settings = _settings(limits, token, cors, device)
    from facepoints.web.server import listen

    listener = listen(host, port)
    with listener:
        _run(listener, settings, model, device, browser)


def _export(folder: Path, model: str, overwrite: bool) -> None:
    from facepoints.web.static_site import export_site

    read = model_files(model)
    with (
        outputs(Output(folder, whole=True), inputs=read, overwrite=overwrite),
        working("writing the page"),
    ):
        size = export_site(folder, model)
    say(f"{folder}: {size / 1e6:.1f} MB; put the files on any web server ({folder}/README.txt)")


def _settings(
    limits: ServiceLimits, token: str | None, cors: tuple[str, ...], device: str
) -> ServiceSettings:
    from facepoints.web.gate import Access
    from facepoints.web.service import ServiceSettings

    batch = 1 if device == "cpu" else 8
    return ServiceSettings(
        limits, Access(secret_of(token), cors), workers=processor_count(), batch=batch
    )


def _run(listener, settings: ServiceSettings, model: str, device: str, browser: bool) -> None:
    from facepoints.api import load
    from facepoints.web.page_files import missing_runtime, page_files
    from facepoints.web.server import url_of
    from facepoints.web.service import make_app
    from facepoints.web.static_site import RUNTIME_MISSING

    with working("loading the model"):
        loaded = load(model, device)
        app = make_app(loaded, page_files(model), settings)
    if missing_runtime():
        note(f"the page cannot compute: {RUNTIME_MISSING}")
    address = url_of(listener)
    run_server(
        app,
        listener,
        settings.access.token,
        ready=f"facepoints is ready: {address} (REST: {address}docs); Ctrl-C ends it",
        page=address if browser else "",
        stranger="use the service",
    )
    note("ended")
