"""Parses the command line with tyro. A word that cannot be parsed is an error of one line."""

from __future__ import annotations

import difflib
import functools
import io
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from typing import Any

import tyro

from facepoints.cli.help import command_type, wrapped_help
from facepoints.errors import SettingsError

__all__ = ["expand_home", "parse"]

_HOME = re.compile(r"(--[a-z-]+=)?((?:boxes|yunet):)?(~(?:/.*)?)", re.DOTALL)


def expand_home(words: Sequence[str]) -> list[str]:
    """The words of a command line, with the home folder in place of a "~" that begins a path.

    A shell leaves it in quotes, as of the pattern ``'~/photos/*.jpg'``, and after ``--out=``.
    """
    found = [_HOME.fullmatch(word) for word in words]
    return [
        word if one is None else (one[1] or "") + (one[2] or "") + os.path.expanduser(one[3])
        for word, one in zip(words, found, strict=True)
    ]


def parse(
    commands: Mapping[str, Callable[..., None]], arguments: Sequence[str]
) -> Callable[[], None]:
    """The command that the arguments name, ready to be called without arguments.

    Args:
        commands: functions by command name.
        arguments: words after the program's name.

    Raises:
        SettingsError: an unknown command or option, or a value that cannot be parsed.
        SystemExit: the help was printed.
    """
    if not arguments:
        names = ", ".join(commands)
        raise SettingsError(f"expected a command: {names}; see facepoints --help")
    if arguments[0] not in commands and not arguments[0].startswith("-"):
        names = ", ".join(difflib.get_close_matches(arguments[0], commands, 1) or commands)
        raise SettingsError(f"no command '{arguments[0]}'; choose: {names}")
    _check_empty(arguments)
    deferred = {name: _deferred(command) for name, command in commands.items()}
    with wrapped_help(arguments), _one_line(arguments[0]):
        return tyro.cli(
            command_type(deferred, arguments),
            prog="facepoints",
            description="Find, measure and track facial landmarks; train on your own labels.",
            args=arguments,
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
        )


def _check_empty(arguments: Sequence[str]) -> None:
    """Refuse an empty word: it is a variable of the shell without a value, and as a path it would
    mean the current folder. Raises SettingsError."""
    for number, word in enumerate(arguments):
        option, equals, value = word.partition("=")
        if word and not (option.startswith("--") and equals and not value):
            continue
        before = arguments[number - 1] if not word and number else ""
        named = before if before.startswith("--") else option
        where = f" after {named}" if named else ""
        raise SettingsError(f"the argument{where} is empty; give it a value, or leave it out")


def _deferred(command: Callable[..., None]) -> Callable[..., Any]:
    """The same command, but calling it only binds its arguments: tyro calls what it parses."""

    @functools.wraps(command)
    def bind(*arguments: Any, **options: Any) -> Callable[[], None]:
        return functools.partial(command, *arguments, **options)

    return bind


@contextmanager
def _one_line(command: str) -> Iterator[None]:
    """Turn the box of text that tyro prints before it exits with 2 into an error."""
    box = io.StringIO()
    try:
        with redirect_stderr(box):
            yield
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        raise SettingsError(_message(box.getvalue(), command)) from None


_RULE = re.compile(r"[─-]{3,}")
_REWORDED = {
    r"invalid literal for int\(\) with base 10: ": "expected a whole number, got ",
    r"could not convert string to float: ": "expected a number, got ",
    # an option of another command
    r"^Unrecognized or misplaced options:": "unrecognized options:",
    r" +\(applied to facepoints [a-z]+\)": "",
    r" +Arguments are applied to the directly preceding subcommand, so ordering can matter\.": "",
}


_CHOICES = re.compile(r"(?<=Expected one of )\(([^)]*)\)")


def _in_order(choices: re.Match[str]) -> str:
    """The choices of an option, which tyro lists in any order and with None."""
    names = set(re.findall(r"'([^']+)'", choices[1])) - {"None"}
    return ", ".join(sorted(names))


def _message(box: str, command: str) -> str:
    """The first part of tyro's box on one line, and its suggestions."""
    sections: list[list[str]] = [[]]
    for line in _unwrapped(box):
        if _RULE.fullmatch(line.strip()):
            sections.append([])
        else:
            sections[-1].append(line)
    text = " ".join(line.strip() for line in sections[0] if _indent(line) <= _NAME)
    for wrong, right in _REWORDED.items():
        text = re.sub(wrong, right, text)
    text = _CHOICES.sub(_in_order, text)
    misplaced = "misplaced" in "".join(sections[0])  # then the suggestions are of other commands
    for section in sections[1:]:
        if section and section[0].startswith("Perhaps you meant") and not misplaced:
            names = [line.split()[0] for line in section[1:] if line.strip().startswith("--")]
            names = [name for name in names if name not in text.split()]  # of another command
            text += f"; did you mean {' or '.join(dict.fromkeys(names))}" if names else ""
    about = "facepoints" if command.startswith("-") else f"facepoints {command}"
    return f"{text[:1].lower()}{text[1:].rstrip('.')}; see {about} --help"


_NAME = 4  # columns that tyro indents names of options by; their help is indented by more


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _unwrapped(box: str) -> list[str]:
    """The lines in a box, without its border and its title."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", box).splitlines()
    if any(line.startswith("│") for line in lines):
        return [line[2:-1].rstrip() for line in lines if line.startswith("│")]
    return [line[2:].rstrip() for line in lines[2:]]  # of a stream without such characters
