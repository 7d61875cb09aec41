"""The notebooks of examples/ run. What is stored in them is whole, small and names no machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from run_notebooks import NOTEBOOKS, executed

CHECKS = {
    "use": """
assert len(faces) == 1 and faces[0].score > 0.9
assert np.abs(face["nose_tip"] - (223, 121)).max() < 15
assert len(model(upside_down)) == 0 and len(anywhere(upside_down)) == 1
assert crop.image.shape == (200, 200, 3)
""",
    "train_your_own_points": """
assert faces.landmarks.names == NAMES
assert not faces.labelled.all() and faces.labelled[:, 0].all()
spread = others.points - faces.points.mean(axis=0)
constant = float(np.sqrt((spread ** 2).sum(axis=-1).mean()))
print(report["rmse"], constant)
assert report["points"]["nose_tip"]["rmse"] < constant
assert predicted.shape == (8, 4, 2)
""",
    "measure_video": """
assert set(table["track"]) == {0} and len(table) == FPS * SECONDS
still, open_ = table["time"] < 1.8, table["time"].between(3.2, 4.3)
assert table["mouth_opening"][open_].min() > table["mouth_opening"][still].max() + 0.3
lean = 12 * np.sin(2 * np.pi * table["time"] / 3.5)
assert np.corrcoef(table["roll"], lean)[0, 1] > 0.95
assert table["distance"].iloc[-5:].mean() < 0.95 * table["distance"].iloc[:5].mean()
assert (pd.read_csv("events.csv")["event"] == "yawn").sum() == 1
""",
}
"""What must hold at the end of each notebook."""


def test_every_notebook_is_checked() -> None:
    assert {path.stem for path in NOTEBOOKS} == set(CHECKS)


IN_KERNEL = "use"
"""This one runs as in Jupyter. The others run in the process of the tests, which has imported
PyTorch already."""


@pytest.mark.slow
def test_a_notebook_runs_in_a_kernel() -> None:
    (path,) = (path for path in NOTEBOOKS if path.stem == IN_KERNEL)
    executed(path, CHECKS[path.stem])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch", "ignore::UserWarning:torch")
@pytest.mark.parametrize("name", sorted(CHECKS.keys() - {IN_KERNEL}))
def test_notebook_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = (path for path in NOTEBOOKS if path.stem == name)
    import matplotlib.pyplot as plt

    monkeypatch.chdir(path.parent)  # notebooks go to another folder, the test returns
    plt.switch_backend("agg")
    cells = [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, source in enumerate([*cells, CHECKS[name]], start=1):
        exec(compile(source, f"{path.name}, code cell {number}", "exec"), names)
    plt.close("all")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_outputs(path: Path) -> None:
    assert path.stat().st_size < 500_000
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert "error" not in {output.output_type for output in outputs}
    assert sum(
        "image/jpeg" in o.get("data", {}) or "image/png" in o.get("data", {}) for o in outputs
    )
    texts = [o.get("text", "") + str(o.get("data", {}).get("text/plain", "")) for o in outputs]
    # no folder of the machine that ran it, and no warning
    assert not re.search(r"(^|[\s'\"(])/(home|root|work|tmp|usr)/|Warning", "\n".join(texts))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_lead_to_files(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    words = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for link in re.findall(r"\]\(([^)#]+)", words):
        assert (path.parent / link).is_file(), link
