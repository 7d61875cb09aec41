"""`--device` in every command that runs a network: the same names, and an error for another.

There is no GPU here: the CPU takes the place of PyTorch's (`torch_gpu`)."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

from facepoints.cli.main import main
from facepoints.datasets import synthetic
from facepoints.datasets.writers import write_kaggle

COMMANDS = (
    "predict photo.png",
    "measure photo.png --out m.csv",
    "align photo.png --out aligned",
    "blur photo.png --out blurred.png",
    "label photo.png --out labels.json --no-open",
    "audit training.csv --out audit",
    "adapt training.csv --out adapted.onnx",
    "evaluate training.csv",
    "show training.csv --out shown.png --model builtin",
    "submit test.csv lookup.csv --out submission.csv --model builtin",
    "train training.csv --out run --no-onnx",
    "compare training.csv --out compared --networks lenet5",
    "serve --port 0",
)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photo and a label file in the current folder."""
    monkeypatch.chdir(tmp_path)
    faces = synthetic.kaggle_like(12, seed=2, size=96)
    write_kaggle(faces, tmp_path / "training.csv")
    for name in ("test.csv", "lookup.csv"):
        (tmp_path / name).write_text((tmp_path / "training.csv").read_text())
    cv2.imwrite("photo.png", synthetic.render(1, seed=8, size=200).images[0])
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_a_device_that_no_command_knows_is_an_error(
    command: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--device", "gpu"])
    assert ended.value.code == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("error: no device 'gpu'; choose auto, cpu, cuda"), message


def test_commands_run_on_a_gpu(files: Path, torch_gpu: list[str]) -> None:
    main(["predict", "photo.png", "--device", "cuda:0", "--out", "faces.jsonl"])
    (line,) = Path("faces.jsonl").read_text().splitlines()
    assert len(json.loads(line)["faces"]) == 1
    main(["adapt", "training.csv", "--out", "adapted.onnx", "--device", "cuda"])
    main(["audit", "training.csv", "--out", "audit", "--device", "auto"])
    assert torch_gpu == ["cuda:0", "cuda", "auto"]
    assert Path("adapted.onnx").is_file()
    assert Path("audit/audit.html").is_file()
