"""The help of every command at 80 columns: complete, wrapped, and the same words for the same."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest

from facepoints.cli.main import main
from facepoints.results.formats import FORMATS

COMMANDS = [
    "predict",
    "merge",
    "measure",
    "align",
    "blur",
    "serve",
    "label",
    "audit",
    "train",
    "evaluate",
]
COMMANDS += ["compare", "adapt", "export", "submit", "convert", "show", "synthetic", "info"]

DIFFER = {
    # options whose meaning differs between commands
    "--out": set(COMMANDS),
    "--count": {"show", "synthetic"},  # of faces that are drawn, and that are rendered
    "--missing": {"train", "compare"},  # one strategy, and a list to compare
    "--format": {"label"},  # of labels, and not of predictions
    "--landmarks": {"label"},  # may also be named in the page
    "--model": {"export"},  # has no ONNX file to export
}


def help_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def options_of(text: str) -> dict[str, tuple[str, str]]:
    """Metavar and help text of every option of a help page."""
    options: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        row = (" " + line.strip("│╭╮╰╯─") if line[:1] in "│╭╰" else line).rstrip()
        start = re.match(r"  (--[a-z0-9-]+)(.*)", row)
        if start:
            name, rest = start.groups()
            options[name] = list(re.split(r" {2,}", rest.strip(), maxsplit=1))
            if len(options[name]) == 1 and rest.startswith("  "):
                options[name].insert(0, "")  # no metavar
        elif not row.startswith("   "):
            name = ""
        elif name:
            options[name].append(row.strip())
    return {name: (first, " ".join(rest)) for name, (first, *rest) in options.items()}


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    monkeypatch.setenv("COLUMNS", "80")
    return {name: help_of([name], capsys) for name in COMMANDS}


def test_the_list_of_commands_has_a_short_line_for_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    page = help_of([], capsys)
    assert re.findall(r"• ([a-z]+)", page) == COMMANDS
    assert max(map(len, page.splitlines())) <= 80
    assert len(page.splitlines()) < 2 * len(COMMANDS) + 12  # two lines a command at most


def test_help_fits_the_terminal(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        assert max(map(len, page.splitlines())) <= 80, name
        assert page.startswith(f"usage: facepoints {name} "), name


@pytest.mark.parametrize("columns", ["1", "7", "39"])
def test_the_help_in_a_narrow_terminal_has_40_columns(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)  # tyro alone never ends where there are fewer than 8
    page = help_of(["merge"], capsys)
    assert 30 < max(map(len, page.splitlines())) <= 40


def test_every_option_has_a_help_text(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        options = options_of(page)
        assert options, name
        for option, (_, text) in options.items():
            assert re.match(r"[a-zA-Z0-9]", text), (name, option)
            without_hint = re.sub(r"\([^()]*\)$", "", text).strip()
            assert without_hint.endswith("."), (name, option, text)


def test_every_option_states_its_default(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        for option, (_, text) in options_of(page).items():
            assert re.search(r"\((default: \S|required).*\)$", text), (name, option, text)


def test_help_is_not_written_in_python(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        for word in ("None", "True", "False", "``", "Attributes:", "STR", "PATH|"):
            assert word not in page, (name, word)


def test_help_of_switches_that_turn_something_off_is_not_reversed(pages: dict[str, str]) -> None:
    switches = {
        option: text
        for page in pages.values()
        for option, (_, text) in options_of(page).items()
        if option.startswith("--no-")
    }
    assert set(switches) == {"--no-smooth", "--no-onnx", "--no-open", "--no-report"}
    for text in switches.values():
        assert text.startswith("Do not ")
        assert "default: on" not in text


def test_the_same_option_has_the_same_help_everywhere(pages: dict[str, str]) -> None:
    texts: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for name, page in pages.items():
        for option, (metavar, text) in options_of(page).items():
            if name not in DIFFER.get(option, ()):
                texts[option].add((metavar, re.sub(r" \([^()]*\)$", "", text)))
    assert {option: wordings for option, wordings in texts.items() if len(wordings) > 1} == {}


def test_help_that_the_output_cannot_encode_is_replaced() -> None:
    import os
    import subprocess
    import sys

    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "facepoints", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert "predict" in done.stdout


def test_the_help_of_predict_names_a_suffix_of_every_format(pages: dict[str, str]) -> None:
    _, text = options_of(pages["predict"])["--out"]
    for name, each in FORMATS.items():
        assert each.suffixes[0] in text, name
