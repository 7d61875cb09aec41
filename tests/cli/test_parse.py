"""Words that cannot be parsed: one line that says what came and what is expected."""

from __future__ import annotations

from typing import get_args

import pytest

from facepoints.cli.main import main
from facepoints.cli.measure import ConventionName
from facepoints.cli.parse import expand_home
from facepoints.measurement import CONVENTIONS, Convention

WRONG = {
    "train a.csv": "error: missing from facepoints train: --out FOLDER; see",
    "submit": "error: missing from facepoints submit: TEST LOOKUP --out FILE; see",
    "train a.csv --out b --epochs many": "--epochs: expected a whole number, got 'many'",
    "predict a.jpg --min-score high": "--min-score: expected a number, got 'high'",
    "train a.csv --out b --network net9": "invalid choice 'net9' for argument '--network'",
    "measure a.jpg --out b.csv --convention ibug": "one of afw, helen, lfpw, scut, street; see",
    "predict a.jpg --detect-evry 3": "--detect-evry, 3; did you mean --detect-every",
    "merge faces --ray local": "error: unrecognized options: --ray local; see facepoints merge",
    "predict a.jpg --out": "missing value for argument '--out'",
    "tarin a.csv --out b": "error: no command 'tarin'; choose: train",
    "--hlep": "unrecognized options: --hlep; see facepoints --help",
    "": "error: expected a command: predict, merge, measure, align, blur, serve, label, audit",
}


@pytest.mark.parametrize("words", WRONG)
def test_a_wrong_word_is_an_error_of_one_line(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert WRONG[words] in captured.err
    assert captured.err.count("\n") == 1


def test_the_conventions_of_the_command_are_those_of_the_library() -> None:
    assert get_args(ConventionName) == tuple(CONVENTIONS) == get_args(Convention)


def test_control_characters_of_a_wrong_word_are_escaped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["predict", "a.jpg", "--\x1b[2J\nerror: forged"])
    message = capsys.readouterr().err
    assert "\x1b" not in message
    assert message.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["predict", "a.png", "--draw", ""], "the argument after --draw is empty"),
        (["predict", "a.png", "--draw="], "the argument after --draw is empty"),
        (["predict", ""], "the argument is empty"),
        (["show", "a.csv", "--out", "", "--count", "3"], "the argument after --out is empty"),
    ],
)
def test_an_empty_argument_is_not_the_current_folder(
    words: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(f"error: {named}; give it a value")


def test_the_home_folder_is_found_where_the_shell_leaves_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    words = ["predict", "~/a/*.jpg", "--out=~/b.csv", "--detector", "boxes:~/c.csv", "~", "./~/a"]
    home = ["/home/me/a/*.jpg", "--out=/home/me/b.csv", "--detector", "boxes:/home/me/c.csv"]
    assert expand_home(words) == ["predict", *home, "/home/me", "./~/a"]
    kept = ["~old.jpg", "a~/b", "--annotator=me", "--out", "s3://~/a"]
    assert expand_home(kept) == kept
