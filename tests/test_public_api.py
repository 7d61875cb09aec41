"""`import facepoints` is quick, and every name it offers exists and is documented."""

from __future__ import annotations

import inspect
import subprocess
import sys
from types import ModuleType

import pytest

import facepoints
from facepoints import errors

PROMISED = {
    "DEFINITIONS", "IBUG_68", "KAGGLE_15", "KNOWN_SETS", "MEASURES", "OPENPOSE_70",
    "CropConfig", "Detection", "Face", "FaceModel", "FrameResult", "LandmarkSet", "TrackerConfig",
    "TrainSettings", "__version__", "adapt", "align", "draw", "evaluate", "export", "load",
    "load_dataset", "measure", "read_faces", "read_image", "to_dataframe", "train", "write_faces",
}  # fmt: skip
HEAVY = {"torch", "cv2", "onnxruntime", "onnx", "matplotlib", "pandas", "numpy", "rich", "tyro"}
CONSTANTS = {
    *("DEFINITIONS", "IBUG_68", "KAGGLE_15", "KNOWN_SETS", "MEASURES", "OPENPOSE_70"),
    "__version__",
}


def modules_after(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after `code`."""
    show = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; {show}"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_import_loads_nothing_heavy() -> None:
    assert HEAVY & modules_after("import facepoints") == set()


def test_prediction_needs_no_torch() -> None:
    names = (
        "facepoints.load, facepoints.Face, facepoints.draw, facepoints.measure, facepoints.align"
    )
    assert "torch" not in modules_after(f"import facepoints; {names}")


def test_import_is_quick() -> None:
    """At most 0.15 s, by the interpreter's own count, even on a busy machine."""
    command = [sys.executable, "-X", "importtime", "-c", "import facepoints"]
    times = []
    for _ in range(5):  # the quickest of five, as the machine may be busy
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stderr
        (cells,) = [c for c in map(_cells, lines.splitlines()) if c[-1] == "facepoints"]
        times.append(int(cells[1]))
    assert min(times) < 150_000  # microseconds


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("|")]


def test_the_promised_names_are_there() -> None:
    assert PROMISED - set(facepoints.__all__) == set()
    assert len(facepoints.__all__) == len(set(facepoints.__all__))


def test_every_error_is_offered() -> None:
    assert set(errors.__all__) - set(facepoints.__all__) == set()


@pytest.mark.parametrize("name", facepoints.__all__)
def test_every_name_exists_and_is_documented(name: str) -> None:
    value = getattr(facepoints, name)
    assert not isinstance(value, ModuleType)
    if name in CONSTANTS:
        assert value
        return
    assert inspect.getdoc(value)
    members = vars(value) if inspect.isclass(value) else {}
    bare = [
        member
        for member, item in members.items()
        if not member.startswith("_")
        and (inspect.isfunction(item) or isinstance(item, property))
        and not inspect.getdoc(item)
    ]
    assert bare == []


def test_dir_lists_the_names() -> None:
    assert set(facepoints.__all__) <= set(dir(facepoints))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        facepoints.nothing  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]
