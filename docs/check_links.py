"""Check the built documentation: no dead link inside it, no resource loaded from outside.

    zensical build --strict
    python docs/check_links.py build/site

Three checks on every HTML and CSS file below the folder:

- A relative link leads to a file that exists, and its #fragment to an id in that file.
- No script, style, font, image, frame or preload comes from another host. Links that a reader
  clicks may lead outside.
- The theme's JavaScript holds addresses that it loads on demand (`ON_DEMAND`). No page may
  contain the element that triggers one, and no other outside address may be in a script.

Exit status 0: all is well; 1: a problem, one a line on standard error.
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ON_DEMAND = {
    "unpkg.com/glightbox": "glightbox",
    "unpkg.com/mermaid": "mermaid",
    "unpkg.com/ace-builds": "data-md-exec",
    "unpkg.com/pyodide": "data-md-exec",
    "cdn.jsdelivr.net/pyodide": "data-md-exec",
    "api.github.com": 'data-md-component="source"',
    "unpkg.com/resize-observer-polyfill": None,
}
"""Addresses in the theme's scripts and the text of a page that makes the theme load them. None:
only browsers from before 2020 load it."""

NAMES_ONLY = ("www.w3.org", "fontawesome.com")
"""Hosts in names of XML namespaces and in license comments, which nothing loads."""

LOADING = {
    "script": ("src",),
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "iframe": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "video": ("src", "poster"),
    "audio": ("src",),
    "track": ("src",),
    "input": ("src",),
    "image": ("href", "xlink:href"),
    "use": ("href", "xlink:href"),
}
"""Attributes, by element, that make a browser load something at once."""

LOADING_RELATIONS = {
    "stylesheet", "icon", "preload", "prefetch", "modulepreload", "preconnect", "dns-prefetch",
    "manifest", "apple-touch-icon",
}  # fmt: skip
"""Values of `rel` for which a browser loads, or prepares to load, what <link> names."""

_STYLE = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")
_SCRIPT = re.compile(r"(?:https?:|wss?:|[\"'`])//([a-z0-9-]+(?:\.[a-z0-9-]+)+[^\s\"'`\\)<>]*)")


class Page(HTMLParser):
    """Ids, links and loaded resources of one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.scripts: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._inside = tag
        self.ids.update(values[name] for name in ("id", "name") if values.get(name))
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag == "link" and LOADING_RELATIONS.intersection(values.get("rel", "").split()):
            self.loaded.append(values.get("href", ""))
        for name in LOADING.get(tag, ()):
            if name == "srcset":
                parts = values.get(name, "").split(",")
                self.loaded += [part.split()[0] for part in parts if part.split()]
            elif name in values:
                self.loaded.append(values[name])
        self.loaded += _in_style(values.get("style", ""))

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self.loaded += _in_style(data)
        elif self._inside == "script":
            self.scripts.append(data)


def _in_style(text: str) -> list[str]:
    return [one or other for one, other in _STYLE.findall(text)]


def check(site: Path) -> list[str]:
    """Problems of a built site, one line each."""
    pages = {path: Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}
    if not pages:
        return [f"no HTML file in {site}; build the site first"]
    problems = []
    for path, page in pages.items():
        name = path.relative_to(site)
        # 404.html is served at any depth, so its links are absolute
        for link in page.links if name.name != "404.html" else []:
            problems += [f"{name}: {why}" for why in _dead(link, path, site, pages)]
        for address in page.loaded:
            if _outside(address):
                problems.append(f"{name}: loads {address} from outside")
            elif name.name != "404.html":
                problems += [f"{name}: {why}" for why in _dead(address, path, site, pages)]
        problems += [f"{name}: {why}" for text in page.scripts for why in _foreign(text)]
    for path in sorted(site.rglob("*.css")):
        addresses = _in_style(path.read_text("utf-8"))
        name = path.relative_to(site)
        problems += [f"{name}: loads {a} from outside" for a in addresses if _outside(a)]
    for path in sorted(site.rglob("*.js")):
        name = path.relative_to(site)
        problems += [f"{name}: {why}" for why in _foreign(path.read_text("utf-8"), on_demand=True)]
    for path in pages:
        text = path.read_text("utf-8")
        for address, trigger in ON_DEMAND.items():
            if trigger is not None and trigger in text:
                problems.append(
                    f"{path.relative_to(site)}: '{trigger}' makes the theme load {address}"
                )
    return problems


def _outside(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme in ("http", "https", "ftp", "ws", "wss")


def _dead(link: str, page: Path, site: Path, pages: dict[Path, Page]) -> list[str]:
    """The problem of a dead link of a page; empty if the link works or leads outside."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return []
    target = page
    if parts.path:
        base = site if parts.path.startswith("/") else page.parent
        target = (base / unquote(parts.path).lstrip("/")).resolve()
        if target.is_dir():
            target /= "index.html"
    if not target.is_relative_to(site) or not target.is_file():
        return [f"dead link {link}"]
    fragment = unquote(parts.fragment)
    if fragment and target in pages and fragment not in pages[target].ids:
        return [f"no anchor for {link}"]
    return []


def _foreign(script: str, on_demand: bool = False) -> list[str]:
    """Outside addresses in a script."""
    problems = []
    for address in dict.fromkeys(_SCRIPT.findall(script)):
        known = NAMES_ONLY + (tuple(ON_DEMAND) if on_demand else ())
        if not address.startswith(known):
            problems.append(f"a script holds the outside address {address}")
    return problems


def main() -> None:
    """Check the folder that the command line names."""
    site = Path(sys.argv[1] if len(sys.argv) > 1 else "build/site").resolve()
    problems = check(site)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        sys.exit(1)
    pages = len(list(site.rglob("*.html")))
    print(f"{pages} pages: every link inside leads somewhere, nothing is loaded from outside")


if __name__ == "__main__":
    main()
