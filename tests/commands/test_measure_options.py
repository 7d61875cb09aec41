"""facepoints measure with a scale, norms, mirror images, and faces that are partly hidden."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

import facepoints
from facepoints.cli.main import main
from facepoints.commands.measured_faces import FaceSettings, measure_frame
from facepoints.reports.dictionary import column_notes

PHOTO = data.astronaut()[20:300, 80:380]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return saved(tmp_path / "photo.png", PHOTO)


def saved(path: Path, image: NDArray[np.uint8]) -> Path:
    cv2.imwrite(str(path), np.ascontiguousarray(image[..., ::-1]))
    return path


def measured(*words: object) -> list[dict[str, str]]:
    """The rows of the table that these arguments of `measure` write; --out comes last."""
    main(["measure", *map(str, words)])
    with open(str(words[-1]), newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["measure", *map(str, words)])
    assert ended.value.code == 2
    message = capsys.readouterr().err
    assert "Traceback" not in message
    return message.splitlines()[-1]


def masked() -> NDArray[np.uint8]:
    """The photo with a mask over mouth and chin."""
    face = facepoints.load()(PHOTO)[0]
    names = [f"{side}_jaw_{n}" for side, order in (("right", (2, 4, 6)), ("left", (6, 4, 2)))
             for n in order]  # fmt: skip
    outline = [face[name] for name in (*names, "nose_bridge_3")]
    image = PHOTO.copy()
    cv2.fillPoly(image, [np.rint(outline).astype(np.int32)], (160, 190, 210))
    return image


def test_a_mask_leaves_the_mouth_out_and_says_why(tmp_path: Path) -> None:
    path = saved(tmp_path / "mask.png", masked())
    (row,) = measured(path, "--out", tmp_path / "out.csv")
    for name in ("mouth_opening", "mouth_width_ratio", "philtrum_px"):
        assert row[name] == row[f"{name}_r"] == ""
        assert name in row["measures_reason"]
    assert "is hidden: " in row["measures_reason"]
    assert float(row["inner_canthal_ratio"]) > 0.2
    main(["measure", str(path), "--out", str(tmp_path / "out.jsonl")])
    (face,) = json.loads((tmp_path / "out.jsonl").read_text())["faces"]
    assert face["measures_reasons"]["philtrum_px"].endswith(" is hidden")
    assert not face["measures"].keys() & face["measures_reasons"].keys()


def test_symmetric_values_of_a_mirrored_photo_are_mirrored(tmp_path: Path, photo: Path) -> None:
    mirror = saved(tmp_path / "mirror.png", PHOTO[:, ::-1])
    options = ("--symmetric", "--iris-scale", "--convention", "street", "--out")
    (here,), (there,) = (measured(p, *options, tmp_path / f"{p.stem}.csv") for p in (photo, mirror))
    compared = 0
    assert here["convention"] == "street"
    for name, cell in here.items():
        if (
            name.startswith(("file", "transform", "expression", "convention"))
            or "reason" in name
            or not cell
        ):
            continue
        swapped = name.replace("left", "LEFT").replace("right", "left").replace("LEFT", "right")
        sign = -1 if name in ("yaw", "roll", "gaze_yaw", "gaze_head_yaw") else 1
        loose = name.startswith(("gaze", "mm_per")) or name.endswith(("_mm", "_mm_r"))
        wanted = pytest.approx(sign * float(cell), rel=0.02 if loose else 1e-3, abs=5e-3)
        assert float(there[swapped]) == wanted, name
        compared += 1
    assert compared > 30


def test_norms_add_z_scores(tmp_path: Path, photo: Path) -> None:
    norms = tmp_path / "norms.csv"
    norms.write_text("measure,mean,sd,sex\nmouth_width_ratio,0.5,0.1,f\nmouth_width_ratio,9,1,m\n")
    out = tmp_path / "out.csv"
    (row,) = measured(photo, "--norms", norms, "--sex", "female", "--out", out)
    expected = (float(row["mouth_width_ratio"]) - 0.5) / 0.1
    assert float(row["mouth_width_ratio_z"]) == pytest.approx(expected, abs=1e-3)
    wide = float(row["mouth_width_ratio_r"]) / 0.1
    assert float(row["mouth_width_ratio_z_r"]) == pytest.approx(wide, rel=0.01)
    assert [name for name in row if "_z" in name] == [
        "mouth_width_ratio_z",
        "mouth_width_ratio_z_r",
    ]


def test_without_pixels_there_is_no_scale(
    tmp_path: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["predict", str(photo), "--out", str(tmp_path / "faces.jsonl")])
    follow_a_convention(tmp_path)
    lines, last = tmp_path / "faces.jsonl", ("--iris-scale", "--out", tmp_path / "out.csv")
    assert "--iris-scale measures irises in images" in refused(capsys, lines, *last)
    assert not last[-1].exists()
    row, scaled = measured(lines, photo, *last)
    assert "iris too small" in scaled["scale_reason"]
    assert row["mm_per_pixel"] == row["inner_canthal_mm"] == ""
    assert row["scale_reason"] == "no image"
    assert "no scale: no image: inner_canthal_mm" in row["measures_reason"]
    assert float(row["inner_canthal_ratio"]) > 0.2


def follow_a_convention(folder: Path) -> None:
    """Measures of faces.jsonl in a convention are those of the library, in both formats; without
    one, no column speaks of it. Events are found in values without one."""
    result = next(iter(facepoints.read_faces(folder / "faces.jsonl")))
    (face,) = result.faces
    wanted, plain = facepoints.measure(face, "lfpw"), facepoints.measure(face)
    given = ("--convention", "lfpw", "--mm-per-pixel", "0.5", "--out")
    (row,) = measured(folder / "faces.jsonl", *given, folder / "lfpw.csv")
    assert row["convention"] == "lfpw"
    half = wanted["inner_canthal_px"].value / 2
    assert float(row["inner_canthal_mm"]) == pytest.approx(half, rel=1e-3)
    assert wanted["inner_canthal_px"].value != plain["inner_canthal_px"].value
    name = "eye_opening"
    assert float(row[f"{name}_r"]) == pytest.approx(wanted[name].radius, rel=1e-2)
    main(["measure", str(folder / "faces.jsonl"), *given, str(folder / "lfpw.jsonl")])
    line = json.loads((folder / "lfpw.jsonl").read_text())
    assert line["convention"] == "lfpw"
    found = line["faces"][0]["measures"][name]["value"]
    assert found == pytest.approx(wanted[name].value, rel=1e-3)
    (row,) = measured(folder / "faces.jsonl", "--out", folder / "plain.csv")
    assert "convention" not in row
    (followed,) = measure_frame(result, FaceSettings(convention="lfpw")).faces
    assert followed.measures[name] == wanted[name]
    assert followed.value(name) == plain[name].value


def test_every_column_has_a_meaning(tmp_path: Path, photo: Path) -> None:
    norms = tmp_path / "norms.csv"
    norms.write_text("measure,mean,sd\nmouth_width_ratio,0.5,0.1\nyaw,0,5\n")
    out = tmp_path / "out.csv"
    (row,) = measured(photo, "--iris-scale", "--norms", norms, "--convention", "scut", "--out", out)
    notes = column_notes(row)
    assert [note.name for note in notes] == list(row)
    assert [note.name for note in notes if not note.meaning] == []


def test_options_that_exclude_each_other(
    tmp_path: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ("--out", tmp_path / "out.csv")
    both = refused(capsys, photo, "--iris-scale", "--mm-per-pixel", "0.5", *out)
    assert "not both" in both
    assert "--norms FILE" in refused(capsys, photo, "--age", "4", *out)
    norms = tmp_path / "norms.csv"
    norms.write_text("measure,mean,sd\ninner_canthal_mm,30,3\n")
    assert "needs a scale" in refused(capsys, photo, "--norms", norms, *out)
    assert "could not read" in refused(capsys, photo, "--norms", tmp_path / "no.csv", *out)
    lines = tmp_path / "faces.jsonl"
    lines.write_text("")
    assert "give the images" in refused(capsys, lines, "--symmetric", *out)
    assert not (tmp_path / "out.csv").exists()
