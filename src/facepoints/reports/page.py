"""Renders a report: one HTML file with its style, script and pictures inside.

The page has a content policy that allows nothing but its own style, its own script (by their
hashes) and pictures inside the file. So it makes no request, and a file name with markup in it can
neither run anything nor load anything. Jinja2 escapes every text that is not a template's own.
"""

from __future__ import annotations

import base64
import hashlib
import warnings
from datetime import UTC, datetime
from functools import lru_cache
from importlib.resources import files as package_files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facepoints._util import files
from facepoints._util.text_files import escape_controls
from facepoints._version import __version__
from facepoints.errors import DataWarning, MissingExtraError, SettingsError

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = [
    "REPORT",
    "can_write_report",
    "check_report_path",
    "missing_extra",
    "render",
    "write_page",
]

REPORT = "report.html"
"""Name of the report in the output folder of a command."""

_SCRIPTS = {"audit.html": ("audit.js",)}
"""Scripts of pages that need more than ``page.js``."""

_TEMPLATES = package_files("facepoints.reports") / "templates"


def missing_extra(what_for: str = "a report", package: str = "jinja2") -> MissingExtraError | None:
    """The error of a package that a report needs and that is not installed; None if it is there.

    Args:
        what_for: what is not written, for the message.
        package: "jinja2" for pages, "openpyxl" for spreadsheets.
    """
    if find_spec(package) is not None:
        return None
    return MissingExtraError(package, "report", what_for)


def can_write_report() -> bool:
    """True if reports can be written. If not, a `DataWarning` says how to get them.

    For reports that a command writes beside its main results.
    """
    missing = missing_extra()
    if missing is not None:
        warnings.warn(f"no {REPORT} is written: {missing}", DataWarning, stacklevel=3)
    return missing is None


def check_report_path(path: Path) -> None:
    """Raises SettingsError if a report cannot have this name."""
    if path.suffix.lower() not in (".html", ".htm"):
        raise SettingsError(f"a report is a file in .html, got {path}")


def write_page(path: Path, template: str, /, **values: Any) -> None:
    """Render a page and write it whole or not at all.

    Args:
        path: HTML file to write.
        template: name of a file in ``templates/``.
        values: what the template needs.

    Raises:
        MissingExtraError: Jinja2 is not installed.
        WriteError: the file cannot be written.
    """
    files.write_bytes(path, render(template, **values).encode("utf-8", "backslashreplace"))


def render(template: str, /, **values: Any) -> str:
    """The HTML of a page. Arguments and errors as in `write_page`."""
    if (missing := missing_extra()) is not None:
        raise missing
    from markupsafe import Markup

    style = _text("style.css")
    script = "".join(map(_text, ("page.js", *_SCRIPTS.get(template, ()))))
    policy = (
        "default-src 'none'; img-src data:; "
        f"style-src {_digest(style)}; script-src {_digest(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        _environment()
        .get_template(template)
        .render(
            policy=policy,
            style=Markup(style),
            script=Markup(script),
            version=__version__,
            written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            **values,
        )
    )


@lru_cache
def _text(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """The source expression of a content policy for an inline text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@lru_cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    return Environment(
        loader=FunctionLoader(_text),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_harmless,
    )


def _harmless(value: Any) -> Any:
    """A value of a template without control characters and changes of the writing direction."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return escape_controls(value)
    return value
