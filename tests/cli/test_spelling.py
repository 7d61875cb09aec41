"""Arguments in messages: as Python spells them in Python, as options on the command line."""

from __future__ import annotations

import pytest

from facepoints.cli.data import show
from facepoints.cli.main import main
from facepoints.cli.predict import predict
from facepoints.cli.spelling import option_names, spelled_as_options
from facepoints.cli.training import train
from facepoints.errors import SettingsError
from facepoints.training.settings import TrainSettings


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("min_score must lie in [0, 1], is 2", "--min-score must lie in [0, 1], is 2"),
        ("TrackerConfig.detect_every must be 1", "--detect-every must be 1"),
        (
            "use `min_score` or `detector=yunet:a.onnx`",
            "use --min-score or --detector yunet:a.onnx",
        ),
        ("no file at min_score must.csv", "no file at min_score must.csv"),
        ("`unknown` and threads must be 1", "`unknown` and threads must be 1"),
    ],
)
def test_arguments_become_options(text: str, spelled: str) -> None:
    assert spelled_as_options(text, option_names(predict)) == spelled


def test_the_options_of_a_command_are_found_in_its_groups() -> None:
    assert {"out", "resume", "learning_rate", "exclude_people"} <= option_names(
        train(TrainSettings())
    )
    assert "learning_rate" not in option_names(show)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("train a.csv --out b --epochs 0", "--epochs must be from 1 to 1000000, is 0"),
        ("train a.csv --out b --minutes inf", "--minutes must be a finite number, is inf"),
        ("synthetic --out b --count 12 --test 3 --seed -1", "seed"),
        ("export", "name a file to write with --out"),
    ],
)
def test_an_error_names_the_option(
    words: str, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    assert ended.value.code == 2
    assert named in capsys.readouterr().err


def test_python_keeps_its_spelling() -> None:
    with pytest.raises(SettingsError, match=r"^learning_rate must be from 0 to 10, is 11$"):
        TrainSettings(learning_rate=11)
