"""The examples of docs/how-to/serve.md, run against a service."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
from service_tools import Client, running
from skimage import data
from waiting import PATIENCE

import facepoints
from facepoints.web.api_errors import CODES
from facepoints.web.limits import ServiceLimits
from facepoints.web.service import ServiceSettings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "serve.md"
ADDRESS = "127.0.0.1:8000"


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with running(facepoints.load(), ServiceSettings(), {}) as client:
        yield client


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("photo.jpg", "other.png"):
        cv2.imwrite(str(tmp_path / name), data.astronaut()[..., ::-1])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def examples(language: str) -> list[str]:
    text = PAGE.read_text("utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_every_curl_command_works(client: Client, folder: Path) -> None:
    lines = [line for block in examples("shell") for line in block.splitlines()]
    commands = [line for line in lines if line.startswith("curl ")]
    assert len(commands) == 6
    for line in commands:
        words = shlex.split(line.replace(ADDRESS, f"127.0.0.1:{client.port}"))
        done = subprocess.run(
            [*words, "--silent", "--fail-with-body"], capture_output=True, timeout=PATIENCE
        )
        assert done.returncode == 0, (line, done.stdout[:500])
        if "-o" not in words and "format=csv" not in words:
            assert json.loads(done.stdout)["images"][0]["faces"]
    assert facepoints.read_image(folder / "face.png").shape == (256, 256, 3)
    assert facepoints.read_image(folder / "hidden.png").shape == (512, 512, 3)


def test_the_python_example_works(
    client: Client, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = examples("python")
    exec(block.replace(ADDRESS, f"127.0.0.1:{client.port}"), {})
    assert "'value'" in capsys.readouterr().out


def test_the_answer_that_is_shown_has_the_keys_of_an_answer(client: Client, folder: Path) -> None:
    shown: dict[str, Any] = json.loads(examples("json")[0])
    answer = client.post("/v1/predict", (folder / "photo.jpg").read_bytes()).json()
    assert shown.keys() == answer.keys()
    assert shown["images"][0].keys() == answer["images"][0].keys()
    assert shown["images"][0]["faces"][0].keys() == answer["images"][0]["faces"][0].keys()


def test_codes_and_limits_that_are_listed_are_those_of_the_service() -> None:
    text = PAGE.read_text("utf-8")
    rows = re.findall(r"^\| (\d+)(?:, \d+)* \| (.*?) \|", text, re.MULTILINE)
    codes = {code for _, cell in rows for code in re.findall(r"`(\w+)`", cell)}
    assert codes == set(CODES)
    limits = ServiceLimits()
    for name in ("max_mb", "max_megapixels", "max_files", "max_waiting", "timeout"):
        option = f"--{name.replace('_', '-')}"
        assert f"| `{option}` | {getattr(limits, name):g} " in text
