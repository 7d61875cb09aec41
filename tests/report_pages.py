"""Reads the HTML of a report for tests: its tables, its texts and its addresses."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

__all__ = ["Page", "read_page"]

_VOID = {"meta", "link", "br", "img", "input", "hr", "path", "circle", "rect", "line", "image"}
_ADDRESSES = {"src", "href", "srcset", "action", "formaction", "data", "poster", "background"}


@dataclass
class Page(HTMLParser):
    """What a page holds.

    Attributes:
        tags: names of all elements, in order.
        addresses: values of attributes that a browser may load or open.
        handlers: attributes that run a script or set a style, such as onclick.
        tables: rows of cells with their texts, the heading first, per table.
        text: all text outside of style and script.
        styles, scripts: their contents.
        policy: the content policy.
    """

    tags: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    handlers: list[str] = field(default_factory=list)
    tables: list[list[list[str]]] = field(default_factory=list)
    text: str = ""
    styles: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    policy: str = ""
    _open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in _ADDRESSES or name.endswith(":href"):
                self.addresses.append(value or "")
            if name.startswith("on") or name == "style":
                self.handlers.append(name)
        values = dict(attrs)
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values.get("content") or ""
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif tag in ("style", "script"):
            (self.styles if tag == "style" else self.scripts).append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self._open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            self.styles[-1] += data
        elif "script" in self._open:
            self.scripts[-1] += data
        else:
            self.text += data
            if "td" in self._open or "th" in self._open:
                self.tables[-1][-1][-1] += data

    def table_with(self, heading: str) -> list[dict[str, str]]:
        """The rows of the first table with this heading, as dictionaries."""
        for names, *rows in self.tables:
            if heading in names:
                return [dict(zip(names, row, strict=True)) for row in rows]
        raise AssertionError(f"no table has the heading {heading}: {[t[0] for t in self.tables]}")

    @property
    def words(self) -> str:
        """The text with single blanks."""
        return re.sub(r"\s+", " ", self.text)

    def check(self) -> None:
        """Assert that every element is closed, nothing loads from elsewhere, and the content
        policy allows the page's own style and script only."""
        assert self._open == [], f"not closed: {self._open}"
        outside = [a for a in self.addresses if not a.startswith(("#", "data:"))]
        assert outside == []
        assert self.handlers == []
        assert "url(" not in self.styles[0]
        assert "@import" not in self.styles[0]
        assert len(self.styles) == len(self.scripts) == 1
        assert "default-src 'none'" in self.policy
        for text in (*self.styles, *self.scripts):
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in self.policy
        assert "unsafe" not in self.policy


def read_page(path: Path) -> Page:
    """Parse a report."""
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    return page
