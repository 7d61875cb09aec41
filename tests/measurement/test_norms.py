"""z-scores against a table of norms that the user gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from facepoints.errors import DataError, DataWarning, SettingsError
from facepoints.measurement import Measurement
from facepoints.measurement.norms import read_norms, z_scores

NAMES = ("inner_canthal_ratio", "inner_canthal_mm", "mouth_width_ratio")


def table(folder: Path, text: str) -> Path:
    path = folder / "norms.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_z_score_is_the_distance_from_the_mean_in_standard_deviations(tmp_path: Path) -> None:
    path = table(tmp_path, "measure,mean,sd,source\ninner_canthal_ratio,0.35,0.02,mine\n\n")
    norms = read_norms(path, NAMES)
    scores = z_scores({"inner_canthal_ratio": Measurement(0.40, 0.01)}, norms)
    assert scores["inner_canthal_ratio"].value == pytest.approx(2.5)
    assert scores["inner_canthal_ratio"].radius == pytest.approx(0.5)
    assert z_scores({}, norms) == {}


BY_AGE = """measure,mean,sd,age_min,age_max,sex
inner_canthal_mm,26,2,0,5,f
inner_canthal_mm,27,2,0,5,Male
inner_canthal_mm,30,2,5,,female
mouth_width_ratio,0.5,0.1,,,
"""


@pytest.mark.parametrize(
    ("age", "sex", "mean"),
    [(3, "female", 26), (3, "m", 27), (5, "F", 30), (80, "female", 30)],
)
def test_age_and_sex_choose_rows(tmp_path: Path, age: float, sex: str, mean: float) -> None:
    """Where one age ends as the next begins, the next one counts."""
    norms = read_norms(table(tmp_path, BY_AGE), NAMES, age=age, sex=sex)
    assert norms["mouth_width_ratio"].mean == 0.5
    assert norms["inner_canthal_mm"].mean == mean


def test_a_measure_without_a_norm_for_the_person_is_named(tmp_path: Path) -> None:
    path = table(tmp_path, BY_AGE)
    with pytest.warns(DataWarning, match=r"no z-score of inner_canthal_mm: .* age 9 and sex male"):
        assert list(read_norms(path, NAMES, age=9, sex="male")) == ["mouth_width_ratio"]


@pytest.mark.parametrize("rest", ["", "mouth_width_ratio,0.5,0.1,\n"])
def test_a_sex_that_the_table_does_not_have_is_an_error(tmp_path: Path, rest: str) -> None:
    """Also where the table has no ages, or other rows that hold for both sexes."""
    text = f"measure,mean,sd,sex\ninner_canthal_mm,26,2,f\ninner_canthal_mm,27,2,m\n{rest}"
    with pytest.raises(SettingsError, match="sex 'boy'; choose one of: female, male"):
        read_norms(table(tmp_path, text), NAMES, sex="boy")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no column measure"),
        ("measure,mean\nx,1\n", "no column sd"),
        ("measure,mean,sd,agemin\n", "unknown column 'agemin'"),
        ("measure,mean,sd\n", "holds no norms"),
        ("measure,mean,sd\ninner_cantal_ratio,1,1\n", "choose one of: inner_canthal_ratio"),
        ("measure,mean,sd\nmouth_width_px,1,1\n", "no measure 'mouth_width_px'"),
        ("measure,mean,sd\ninner_canthal_px,1,1\n", "use inner_canthal_mm"),
        ("measure,mean,sd\nmouth_width_ratio,one,1\n", "mean of mouth_width_ratio is a number"),
        ("measure,mean,sd\nmouth_width_ratio,nan,1\n", "line 2: mean"),
        ("measure,mean,sd\nmouth_width_ratio,1,\n", "sd of mouth_width_ratio is a number"),
        ("measure,mean,sd\nmouth_width_ratio,1,0\n", "sd of mouth_width_ratio is above 0"),
        ("measure,mean,sd\nmouth_width_ratio,1\n", "line 2: expected 3 cells, got 2"),
        ("measure,mean,sd\nmouth_width_ratio,1,1\nmouth_width_ratio,2,1\n", "lines 2 and 3"),
        ("measure,mean,sd,age_min,age_max\nmouth_width_ratio,1,1,9,2\n", "age_min"),
        ("measure,mean,sd,mean\nmouth_width_ratio,1,1,2\n", "two columns of the same name"),
    ],
)
def test_a_wrong_table_is_one_clear_error(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read_norms(table(tmp_path, text), NAMES)


def test_files_that_are_no_table(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="could not read"):
        read_norms(tmp_path / "none.csv", NAMES)
    (tmp_path / "norms.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(DataError, match="CSV in UTF-8"):
        read_norms(tmp_path / "norms.csv", NAMES)


def test_norms_by_age_need_an_age(tmp_path: Path) -> None:
    path = table(tmp_path, BY_AGE)
    with pytest.raises(SettingsError, match="say --age"):
        read_norms(path, NAMES, sex="f")
    with pytest.raises(SettingsError, match="one of: female, male"):
        read_norms(path, NAMES, age=3)
    with pytest.raises(SettingsError, match="0 to 150"):
        read_norms(path, NAMES, age=-3, sex="f")
    adult = table(tmp_path, "measure,mean,sd,age_min\nmouth_width_ratio,1,1,18\n")
    with pytest.raises(SettingsError, match=r"no row .* fits age 3"):
        read_norms(adult, NAMES, age=3)


def test_distances_in_millimeters_need_a_scale(tmp_path: Path) -> None:
    path = table(tmp_path, "measure,mean,sd\ninner_canthal_mm,30,2\n")
    with pytest.raises(DataError, match="--iris-scale"):
        read_norms(path, ["inner_canthal_px"])
