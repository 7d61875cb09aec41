"""Write docs/reference/cli.md from the help of every command.

    python docs/generate_cli.py             # write the page
    python docs/generate_cli.py --check     # exit with 1 if the page is out of date

The help is what `facepoints COMMAND --help` prints at 80 columns, without colors.
"""

from __future__ import annotations

import io
import os
import re
import sys
import textwrap
from contextlib import redirect_stdout
from pathlib import Path

PAGE = Path(__file__).parent / "reference" / "cli.md"

WIDTH = 80

COMMANDS = {
    "Find and measure": ("predict", "merge", "measure", "align", "blur"),
    "Serve": ("serve",),
    "Label": ("label", "audit"),
    "Train": ("train", "evaluate", "compare", "adapt", "export", "submit"),
    "Data": ("convert", "show", "synthetic"),
    "About": ("info",),
}
"""Every command, in the order of the page."""

HEAD = """\
# Command line

This page is generated from `facepoints COMMAND --help` by `python docs/generate_cli.py`.

| exit status | meaning |
|---|---|
| 0 | done |
| 1 | the program that reads the output has closed it, for example `head` |
| 2 | an input, a setting or an output cannot be used; one line on standard error gives the reason |
| 130 | stopped by Ctrl-C; run the same command again to resume (`train`: with `--resume`) |

Results go to standard output or to `--out`. Messages and progress go to standard error.
"""

_STYLES = re.compile(r"\x1b\[[0-9;]*m")


def help_of(*words: str) -> str:
    """The output of `facepoints WORDS --help` at 80 columns."""
    from facepoints.cli.main import main as facepoints

    shown = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")  # frames are drawn in UTF-8 only
    try:
        with redirect_stdout(shown):
            facepoints([*words, "--help"])
    except SystemExit as ended:
        if ended.code:
            raise
    shown.seek(0)
    lines = []
    for line in _STYLES.sub("", shown.read()).splitlines():
        # the frames fit, the description above them is not wrapped by the parser
        lines += (
            textwrap.wrap(line, WIDTH, break_long_words=False)
            if len(line) > WIDTH
            else [line.rstrip()]
        )
    return "\n".join(lines).strip()


def check_complete() -> None:
    """Exit if `COMMANDS` and the program's own list differ."""
    listed = {name for names in COMMANDS.values() for name in names}
    known = set(re.findall(r"• ([a-z]+)", help_of()))
    if known != listed:
        names = ", ".join(sorted(known ^ listed))
        sys.exit(f"{Path(__file__).name}: COMMANDS is out of date; it differs in: {names}")


def page() -> str:
    """The page's Markdown."""
    parts = [HEAD]
    for section, names in COMMANDS.items():
        parts.append(f"## {section}\n")
        for name in names:
            parts.append(f"### facepoints {name}\n\n```text\n{help_of(name)}\n```\n")
    return "\n".join(parts)


def main() -> None:
    """Write the page, or compare it."""
    os.environ |= {"COLUMNS": str(WIDTH), "NO_COLOR": "1", "TERM": "dumb"}
    check_complete()
    text = page()
    if "--check" in sys.argv[1:]:
        if not PAGE.is_file() or PAGE.read_text("utf-8") != text:
            sys.exit(f"{PAGE} is out of date; run: python docs/generate_cli.py")
        return
    PAGE.write_text(text, "utf-8")
    print(f"{PAGE}: {sum(map(len, COMMANDS.values()))} commands")


if __name__ == "__main__":
    main()
