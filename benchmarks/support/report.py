"""One page over all results: every table of benchmarks/results/, sortable, with its pictures.

    python benchmarks/support/report.py                        # build/benchmarks/report.html
    python benchmarks/support/report.py --out FILE.html --results FOLDER

`make bench` runs it at its end.
"""

from __future__ import annotations

import base64
import re
from argparse import ArgumentParser
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from facepoints.reports.page import write_page

__all__ = ["main", "section", "write_report"]

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "build" / "benchmarks" / "report.html"


def write_report(results: Path, out: Path) -> None:
    """Write the page.

    Args:
        results: folder with a Markdown file for each benchmark, and the pictures that it shows.
        out: HTML file to write.

    Raises:
        FileNotFoundError: there is no result.
    """
    files = sorted(results.glob("*.md"))
    if not files:
        raise FileNotFoundError(f"no result in {results}; run make bench")
    sections = [(file.stem, _title(file.stem), section(file)) for file in files]
    write_page(out, "benchmarks.html", sections=sections, stamp=[("results", results.name)])


def _title(stem: str) -> str:
    return stem.replace("_", " ").replace("-", " ").capitalize()


def section(file: Path) -> Markup:
    """The HTML of a Markdown file. Markup in it is text, pictures are inside, links are text."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(file.read_text(encoding="utf-8"))
    for token in tokens:
        _adapt(token, file.parent)
    html = parser.renderer.render(tokens, parser.options, {})
    html = html.replace("<table", '<div class="scroll" tabindex="0"><table class="sortable"')
    return Markup(html.replace("</table>", "</table></div>"))


def _adapt(token: Token, folder: Path) -> None:
    """Make a token fit the page: its style as a class, no address, pictures as data."""
    if token.attrs.pop("style", None) == "text-align:right":
        token.attrs["class"] = "n"
    if re.fullmatch("h[1-4]", token.tag):
        token.tag = f"h{min(6, int(token.tag[1]) + 2)}"
    if token.type in ("link_open", "link_close"):
        token.tag, token.attrs = "span", {}
    if token.type == "image":
        picture = folder / str(token.attrs["src"])
        data = base64.b64encode(picture.read_bytes()).decode() if picture.is_file() else ""
        token.attrs["src"] = f"data:image/png;base64,{data}"
    for child in token.children or ():
        _adapt(child, folder)


def main(words: list[str] | None = None) -> None:
    """Write the page that the command line names."""
    parser = ArgumentParser(description="One page over all results of the benchmarks.")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--out", type=Path, default=PAGE)
    given = parser.parse_args(words)
    write_report(given.results, given.out)
    print(f"report over {given.results}: {given.out}")


if __name__ == "__main__":
    main()
