"""The description of the service for people: a page without scripts, made from OpenAPI."""

from __future__ import annotations

import json
from html import escape
from typing import Any

__all__ = ["DOCS_CSS", "docs_html"]

Json = dict[str, Any]

DOCS_CSS = """\
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font: 0.9em ui-monospace, monospace; }
pre { overflow-x: auto; padding: 0.75rem; border: 1px solid #8886; border-radius: 6px; }
table { border-collapse: collapse; width: 100%; margin: 0.5rem 0 1.5rem; }
th, td { text-align: left; vertical-align: top; padding: 0.35rem 0.6rem; border: 1px solid #8886; }
h2 { margin-top: 2.5rem; }
.method { border: 1px solid currentColor; border-radius: 4px; padding: 0 0.4rem; font-size: 0.8em; }
"""
"""The style sheet of the page."""


def docs_html(document: Json) -> str:
    """The page of an OpenAPI document."""
    info = document["info"]
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        f"<title>{escape(info['title'])}: REST</title><link rel='stylesheet' href='docs.css'>",
        f"</head><body><main><h1>{escape(info['title'])} {escape(info['version'])}: REST</h1>",
        f"<p>{escape(info['summary'])}</p><p>{escape(info['description'])}</p>",
        "<p>For programs: <a href='openapi.json'>openapi.json</a>. "
        "The page for people: <a href='./'>open</a>.</p>",
    ]
    for address, methods in document["paths"].items():
        for method, operation in methods.items():
            parts += _operation(address, method, operation)
    return "\n".join([*parts, "</main></body></html>"])


def _operation(address: str, method: str, operation: Json) -> list[str]:
    head = f"<span class='method'>{method.upper()}</span> <code>{escape(address)}</code>"
    parts = [f"<h2>{head}</h2><p>{escape(operation['summary'])}.</p>"]
    if "requestBody" in operation:
        body = operation["requestBody"]
        kinds = ", ".join(f"<code>{escape(kind)}</code>" for kind in body["content"])
        parts.append(f"<p>Body: {escape(body['description'])} Types: {kinds}.</p>")
        parts.append(f"<pre>{escape(_curl(address))}</pre>")
    if operation.get("parameters"):
        rows = [
            (f"<code>{escape(p['name'])}</code>", _values(p["schema"]), escape(p["description"]))
            for p in operation["parameters"]
        ]
        parts.append(_table(("parameter", "values", "meaning"), rows))
    rows = [
        (status, ", ".join(escape(kind) for kind in response.get("content", {})), _code(response))
        for status, response in operation["responses"].items()
    ]
    parts.append(_table(("status", "type", "meaning"), rows))
    for response in operation["responses"].values():
        example = response.get("content", {}).get("application/json", {}).get("example")
        if example:
            parts.append(f"<pre>{escape(json.dumps(example, indent=1))}</pre>")
    return parts


def _curl(address: str) -> str:
    return (
        f"curl --data-binary @photo.jpg http://127.0.0.1:8000{address}\n"
        f"curl -F file=@a.jpg -F file=@b.jpg http://127.0.0.1:8000{address}"
    )


def _values(schema: Json) -> str:
    if "enum" in schema:
        text = ", ".join(schema["enum"])
    elif "minimum" in schema:
        text = f"{schema['type']}, {schema['minimum']:g} to {schema['maximum']:g}"
    else:
        text = "true, false"
    if "default" in schema:
        text += f" (default: {json.dumps(schema['default']).strip(chr(34))})"
    return escape(text)


def _code(response: Json) -> str:
    """A description with its `code` marked."""
    pieces = escape(response["description"]).split("`")
    return "".join(f"<code>{p}</code>" if n % 2 else p for n, p in enumerate(pieces))


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    cells = "".join(f"<th>{name}</th>" for name in head)
    lines = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table>"
