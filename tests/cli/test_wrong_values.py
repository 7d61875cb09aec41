"""Values that cannot be meant: one clear line, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from skimage import data

from facepoints import FrameResult, read_faces, write_faces
from facepoints.cli.main import main
from facepoints.errors import DataError, FacepointsError, SettingsError

WRONG = {
    "predict {photo} --draw {out}.mp4": "is the name of a file; name a folder",
    "predict {photo} --detect-every 0": "--detect-every must be 1 or more",
    "predict {photo} --radius": "--radius is for drawings; name a folder for them too: --draw",
    "predict {photo} --visible-only": "--visible-only is for drawings; name a folder for them too",
    "predict {photo} --format csv": "--format csv is for a file; name it too: --out FILE",
    "predict {photo} --detect-every 5": "--detect-every is for videos, and these are images",
    "predict {photo} --no-smooth": "--no-smooth is for videos, and these are images",
    "predict {photo} --fps 10": "--fps is for images that are the frames of one video",
    "align {photo} --out {out} --size 100000": "--size must be",
    "align {photo} --out {out}.zip": "is the name of a file; name a folder",
    "convert {labels} --to kaggle --out {out}.txt": "a Kaggle table is a .csv file",
    "convert {labels} --to pts --out {out}.txt": "is the name of a file",
    "convert {labels} --to coco --out {out} --crop-size 100000": "--crop-size must be from 16 to",
    "audit {labels} --out {out}.html": "--out is a folder, ",
    "synthetic --out {out}.csv": "is the name of a file; name a folder",
    "evaluate {labels} --out {out}.html": "is the name of a file; name a folder",
    "train {labels} --out {out}.onnx": "is the name of a file; name a folder",
    "adapt {labels} --out {out}.txt": "ends in .onnx",
    "export --out {out}.txt": "ends in .onnx",
    "train {labels} --out {out} --minutes inf": "--minutes must be a finite number",
    "train {labels} --out {out} --epochs 0": "--epochs must be from 1 to 1000000, is 0",
}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("inputs")
    cv2.imwrite(str(folder / "a.png"), data.astronaut()[16:240:2, 116:340:2, ::-1])
    main(["synthetic", "--out", str(folder), "--count", "12", "--test", "3"])
    return {"photo": folder / "a.png", "labels": folder / "training.csv"}


@pytest.mark.parametrize("words", WRONG)
def test_a_wrong_value_is_one_line_and_nothing_is_written(
    words: str, places: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [word.format(**places, out=tmp_path / "out") for word in words.split()]
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(filled)
    message = capsys.readouterr().err
    assert ended.value.code == 2
    assert WRONG[words] in message
    assert message.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_training_keeps_the_files_of_others(
    places: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.onnx").write_text("mine")
    with pytest.raises(SystemExit):
        main(["train", str(places["labels"]), "--out", str(tmp_path), "--network", "lenet5"])
    assert "holds files that a training would replace (model.onnx)" in capsys.readouterr().err
    assert (tmp_path / "model.onnx").read_text() == "mine"


def test_empty_and_missing_paths_of_results(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected the path of a file or folder, got an empty one"):
        read_faces("")
    for name in ("missing", "missing.pts"):
        with pytest.raises(DataError, match=f"no file or folder at .*{name}"):
            read_faces(tmp_path / name)
    with pytest.raises(SettingsError, match="can hold one face, none was found"):
        write_faces([FrameResult("a.jpg")], tmp_path / "x.pts")


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('"track": 3', '"track": 1.7'),
        ('"track": 3', '"track": true'),
        ('"score": 0.5', '"score": 1e308'),
        ('"box": [1.0', '"box": [1e308'),
        ('"frame": 7', '"frame": 7.5'),
        ('"width": 9', '"width": 1e400'),
    ],
)
def test_impossible_numbers_of_a_results_file_are_refused(
    right: str, wrong: str, tmp_path: Path
) -> None:
    line = (
        '{"file": "a.jpg", "frame": 7, "width": 9, "height": 9, "landmarks": ["tip"], "faces": '
        '[{"box": [1.0, 1, 2, 2], "score": 0.5, "track": 3, "points": [[1, 1]], "radius": [1]}]}\n'
    )
    path = tmp_path / "faces.jsonl"
    path.write_text(line)
    assert read_faces(path)[0].faces[0].track_id == 3
    assert right in line
    path.write_text(line.replace(right, wrong))
    with pytest.raises(FacepointsError, match="line 1: expected a record written by facepoints"):
        read_faces(path)
