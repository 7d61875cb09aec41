"""Kaggle tables: dialects, zips, marking schemes and errors."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepoints.datasets.readers import load, read
from facepoints.datasets.readers.kaggle_schemes import find_marking_schemes
from facepoints.datasets.readers.pixels import parse_pixels
from facepoints.datasets.samples import Samples
from facepoints.errors import DataError
from facepoints.landmarks.known_sets import KAGGLE_15, KAGGLE_SCHEMES

SIDE = 4
HEADER = "left_eye_center_x,left_eye_center_y,right_eye_center_x,right_eye_center_y,Image"
PIXELS = " ".join(str(v) for v in range(0, 256, 16))
ROWS = [f"3,1,0.5,1.25,{PIXELS}", f",,1,2,{PIXELS}", f"3,,1,2,{PIXELS}"]


def table(*rows: str, header: str = HEADER, end: str = "\n") -> bytes:
    return (end.join([header, *rows]) + end).encode()


def put(folder: Path, content: bytes, name: str = "training.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return file.getvalue()


def samples(path: Path, split: str = "training") -> Samples:
    data = read(path, split=split)
    assert isinstance(data, Samples)
    return data


def check_rows(data: Samples) -> None:
    assert data.landmarks.names == ("left_eye_center", "right_eye_center")
    assert data.images.shape == (3, SIDE, SIDE)
    np.testing.assert_array_equal(data.images[0].ravel(), np.arange(0, 256, 16))
    np.testing.assert_array_equal(data.points[0], [[3, 1], [0.5, 1.25]])
    # a point needs both coordinates
    np.testing.assert_array_equal(data.labelled, [[True, True], [False, True], [False, True]])
    assert (data.points[~data.labelled] == 0).all()
    assert data.names.tolist() == ["row-1", "row-2", "row-3"]
    assert len(set(data.group)) == 1  # the same image three times


def test_a_plain_table_is_read(tmp_path: Path) -> None:
    check_rows(samples(put(tmp_path, table(*ROWS))))


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + table(*ROWS),
        table(*ROWS, end="\r\n"),
        table(*ROWS).rstrip(b"\n"),
        table(*ROWS) + b"\n\n",
        table(
            *(f'"{a}",{b},{c},"{d}","{e}"' for a, b, c, d, e in (r.split(",") for r in ROWS)),
            header=",".join(f'"{n}"' for n in HEADER.split(",")),
            end="\r\n",
        ),
        table(*(r.replace(PIXELS, '"' + PIXELS.replace(" 16 ", "\n16  ") + '"') for r in ROWS)),
        table(ROWS[0], f"nan,NaN,1,2,{PIXELS}", f"3, ,1,2,{PIXELS}"),
    ],
    ids=["bom", "crlf", "no end", "blank lines", "quoted", "line ends in quotes", "nan"],
)
def test_dialects_of_csv_give_the_same_samples(tmp_path: Path, content: bytes) -> None:
    check_rows(samples(put(tmp_path, content)))


TEST_TABLE = table(f"1,{PIXELS}", f"22,{PIXELS}", header="ImageId,Image")


def check_test(data: Samples) -> None:
    assert data.names.tolist() == ["1", "22"]
    assert data.landmarks == KAGGLE_15
    assert not data.labelled.any()
    assert data.schemes == {"15-point": KAGGLE_15.names}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("training.csv.zip", zipped(training__csv=table(*ROWS))),
        ("misnamed.dat", zipped(some__csv=table(*ROWS))),
        (
            "all.zip",
            zipped(training__csv=table(*ROWS), test__csv=TEST_TABLE, IdLookupTable__csv=b"x"),
        ),
        (
            "all.zip",
            zipped(
                IdLookupTable__csv=b"RowId",
                SampleSubmission__csv=b"RowId",
                training__zip=zipped(training__csv=table(*ROWS)),
                test__zip=zipped(test__csv=TEST_TABLE),
            ),
        ),
    ],
)
def test_zips_give_the_same_samples_as_tables(tmp_path: Path, name: str, content: bytes) -> None:
    path = put(tmp_path, content, name)
    check_rows(samples(path))
    if name == "all.zip":
        check_test(samples(path, "test"))


def test_a_folder_gives_the_table_of_the_split(tmp_path: Path) -> None:
    put(tmp_path, zipped(training__csv=table(*ROWS)), "training.zip")
    put(tmp_path, TEST_TABLE, "test.csv")
    check_rows(samples(tmp_path))
    check_test(samples(tmp_path, "test"))
    (tmp_path / "test.csv").unlink()
    with pytest.raises(DataError, match=r"no test\.csv"):
        read(tmp_path, split="test")


def rejects(path: Path, *parts: str) -> None:
    """Both `read` and `load` raise one line that contains the parts and the name of the file."""
    for way in (read, load):
        with pytest.raises(DataError) as caught:
            way(path)
        text = str(caught.value)
        assert "\n" not in text
        assert path.name in text
        for part in parts:
            assert part in text


GOOD = f"3,1,0,1,{PIXELS}"


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"", ("empty",)),
        (b"\n\n", ("nothing but white space",)),
        (table(), ("no rows",)),
        (table(GOOD, f"3,1,0,1,{PIXELS} 7"), ("row 2", "line 3", "expected 16", "found 17")),
        (table(GOOD, GOOD, GOOD[:-4]), ("row 3", "line 4", "expected 16", "found 15")),
        (table(f"3,1,0,1,{PIXELS} 7"), ("row 1", "17 pixels", "square")),
        (table("3,1,0,1,"), ("row 1", "0 pixels")),
        (table(GOOD, GOOD.replace(" 16 ", " x ")), ("row 2", "pixel 2", "'x'")),
        (table(GOOD, GOOD.replace(" 16 ", " 1.5 ")), ("row 2", "pixel 2", "'1.5'")),
        (table(GOOD, GOOD.replace(" 16 ", " -1 ")), ("row 2", "pixel 2", "'-1'")),
        (table(GOOD, GOOD.replace(" 16 ", " 256 ")), ("row 2", "pixel 2", "'256'")),
        (table(GOOD, GOOD.replace(" 16 ", " 999 ")), ("row 2", "pixel 2", "'999'")),
        (table(GOOD, GOOD.replace(" 16 ", " 16000 ")), ("row 2", "pixel 2", "'16000'")),
        (table(GOOD, f"3,one,0,1,{PIXELS}"), ("row 2", "left_eye_center_y", "'one'")),
        (table(GOOD, f"3,inf,0,1,{PIXELS}"), ("row 2", "left_eye_center_y", "inf")),
        (table(GOOD, f"3,900,0,1,{PIXELS}"), ("row 2", "left_eye_center_y", "900")),
        (table(GOOD, "3,1,0,1"), ("row 2", "expected 5 columns", "found 4")),
        (table(GOOD, GOOD + ",9"), ("row 2", "expected 5 columns", "found 6")),
        (table(GOOD, f'3,1,0,1,"{PIXELS}'), ("line 3", "never closes")),
        (table("1,2", header="left_eye_center_x,left_eye_center_y"), ("no column 'Image'",)),
        (table(f"1,{PIXELS}", header="nose_tip_x,Image"), ("'nose_tip_x'", "'nose_tip_y'")),
        (table(f"1,2,{PIXELS}", header="Age,ImageId,Image"), ("unknown column 'Age'",)),
        (table(f"1,1,{PIXELS}", header="ImageId,ImageId,Image"), ("'ImageId'", "more than once")),
        (table(f",{PIXELS}", header="ImageId,Image"), ("row 1", "ImageId is blank")),
        (b"RowId,Location\n1,2\n", ("no known format", "COCO", ".pts")),
        (bytes(range(128, 256)) * 9, ("no known format",)),
        (zipped(training__csv=table(*ROWS))[:200], ("damaged or truncated zip",)),
        (b"PK\x03\x04 and then nothing of a zip", ("damaged or truncated zip",)),
        (zipped(a__txt=b"x"), ("holds no training table", "a.txt")),
        (zipped(training__csv=b""), ("empty",)),
        (zipped(training__zip=zipped(training__csv=table(*ROWS))[:99]), ("truncated zip",)),
    ],
)
def test_a_bad_table_is_an_error_of_one_line(
    tmp_path: Path, content: bytes, parts: tuple[str, ...]
) -> None:
    rejects(put(tmp_path, content), *parts)


def test_damage_inside_a_zip_raises_an_error(tmp_path: Path) -> None:
    content = bytearray(zipped(training__csv=table(*[GOOD] * 500)))
    content[60:90] = bytes(30)
    rejects(put(tmp_path, bytes(content), "training.zip"), "damaged or truncated zip")


def test_a_missing_file_raises_an_error(tmp_path: Path) -> None:
    rejects(tmp_path / "nothing.csv", "no file or folder")


def test_an_unknown_split_raises_an_error_that_lists_the_splits(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="one of training, test"):
        read(put(tmp_path, TEST_TABLE), split="validation")


@given(st.lists(st.integers(0, 255), min_size=1, max_size=60), st.sampled_from([" ", "  ", "\t"]))
def test_pixels_are_parsed_with_any_white_space(values: list[int], separator: str) -> None:
    text = separator.join(map(str, values)).encode()
    np.testing.assert_array_equal(parse_pixels(text, len(values)), values)


@given(st.text("0123456789 .-a", max_size=24))
def test_pixels_are_whole_numbers_to_255_and_other_text_raises_an_error(text: str) -> None:
    tokens = text.split()
    good = all(re.fullmatch(r"\d+(\.0+)?", t) and float(t) <= 255 for t in tokens)
    if good:
        assert parse_pixels(text.encode(), len(tokens)).tolist() == [float(t) for t in tokens]
    else:
        with pytest.raises(ValueError, match="expected a whole number"):
            parse_pixels(text.encode(), len(tokens))


def test_rows_with_core_labels_only_are_the_narrow_scheme() -> None:
    core = KAGGLE_15.columns(["left_eye_center", "nose_tip"])
    labelled = np.zeros((100, 15), dtype=bool)
    labelled[:, core] = True
    labelled[:30] = True
    labelled[3, core[0]] = False  # a hole in the core changes nothing
    labelled[50, core] = False
    scheme, schemes = find_marking_schemes(labelled, KAGGLE_15)
    assert schemes == {"15-point": KAGGLE_15.names, "2-point": ("left_eye_center", "nose_tip")}
    np.testing.assert_array_equal(scheme, np.arange(100) >= 30)


def _with_holes(rows: int, points: int, missing: Callable[[int], Sequence[int]]) -> bytes:
    """A table of `rows` rows; `missing` gives the unlabelled points of a row."""
    names = KAGGLE_15.names[:points]
    cells = [
        ",".join("," if k in missing(row) else "1,2" for k in range(points)) for row in range(rows)
    ]
    header = ",".join(f"{name}_{axis}" for name in names for axis in "xy")
    pixels = [" ".join(str((7 * row + n) % 256) for n in range(4)) for row in range(rows)]
    lines = [f"{cell},{text}" for cell, text in zip(cells, pixels, strict=True)]
    return "\n".join([f"{header},Image", *lines, ""]).encode()


MOUTH = range(11, 15)


@pytest.mark.parametrize(
    ("rows", "missing"),
    [
        (5, lambda row: [3] * (row == 2)),  # one hole in few rows
        (9, lambda row: range(1, 15) if row == 2 else []),  # a row with one label
        (100, lambda row: [row % 3] if row < 40 else []),  # single points
        (100, lambda row: [10] if row < 40 else []),  # one point often hidden
        (100, lambda row: MOUTH if row % 4 == 0 else []),  # mouths behind masks
        (
            100,
            lambda row: [k for k in range(2, 15) if (row * (k + 3)) % 29 < 14],
        ),  # scattered
        (100, lambda row: range(2, 15) if row % 12 == 0 else []),  # rows with eyes only
    ],
)
def test_holes_are_not_a_marking_scheme(
    rows: int, missing: Callable[[int], Sequence[int]], tmp_path: Path
) -> None:
    data = samples(put(tmp_path, _with_holes(rows, 15, missing)))
    assert data.schemes == {"15-point": KAGGLE_15.names}
    assert not data.scheme.any()


def test_an_eye_that_is_often_hidden_is_not_a_marking_scheme(tmp_path: Path) -> None:
    data = samples(put(tmp_path, _with_holes(100, 2, lambda row: [1] * (row % 2))))
    assert list(data.schemes) == ["2-point"]
    assert not data.scheme.any()


@pytest.mark.parametrize("rows", [30, 300])
def test_an_extract_of_the_competition_keeps_both_schemes(rows: int, tmp_path: Path) -> None:
    def missing(row: int) -> Sequence[int]:
        if row >= rows / 3:
            return [k for k in range(15) if k not in KAGGLE_15.columns(KAGGLE_SCHEMES["4-point"])]
        return [4] * (row == 1)

    data = samples(put(tmp_path, _with_holes(rows, 15, missing)))
    assert data.schemes == KAGGLE_SCHEMES
    np.testing.assert_array_equal(data.scheme, np.arange(rows) >= rows / 3)


def test_the_labels_of_the_competition_have_two_schemes(shared: Path) -> None:
    with (shared / "kaggle" / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    labelled = np.array([[row[f"{name}_x"] != "" for name in KAGGLE_15.names] for row in rows])
    scheme, schemes = find_marking_schemes(labelled, KAGGLE_15)
    assert schemes == KAGGLE_SCHEMES
    assert (len(scheme), scheme.sum(), scheme[:2284].sum()) == (7049, 4765, 0)


def test_a_single_scheme_is_named_after_the_number_of_its_points() -> None:
    everything = np.ones((5, 15), dtype=bool)
    assert find_marking_schemes(everything, KAGGLE_15)[1] == {"15-point": KAGGLE_15.names}
    few = np.zeros((5, 15), dtype=bool)
    few[:, :2] = True
    scheme, schemes = find_marking_schemes(few, KAGGLE_15)
    assert schemes == {"2-point": KAGGLE_15.names[:2]}
    assert not scheme.any()


def test_left_is_the_subjects_left_in_real_labels(shared: Path) -> None:
    data = samples(shared / "kaggle" / "sample.csv")
    assert data.size == (96, 96)
    assert data.landmarks == KAGGLE_15
    left = data.points[:, KAGGLE_15.columns(["left_eye_center"])[0]]
    right = data.points[:, KAGGLE_15.columns(["right_eye_center"])[0]]
    assert (left[:, 0] > right[:, 0] + 20).all()  # the subject's left is at the larger x


def test_a_file_of_real_size_is_memory_mapped(shared: Path) -> None:
    file = shared / "kaggle-like" / "training.csv.zip"
    with zipfile.ZipFile(file) as archive:
        text = io.TextIOWrapper(archive.open("training.csv"), encoding="utf-8")
        rows = [{k: v for k, v in row.items() if k != "Image"} for row in csv.DictReader(text)]
    core = {f"{name}_{axis}" for name in KAGGLE_SCHEMES["4-point"] for axis in "xy"}
    narrow = [not any(row[column] for column in row.keys() - core) for row in rows]
    data = load(file)
    assert data.images.shape == (len(rows), 96, 96)
    assert list(data.schemes) == ["15-point", "4-point"]
    np.testing.assert_array_equal(data.scheme, narrow)
    assert not data.images.flags.writeable


@pytest.mark.parametrize("text", ["NAN", " nan ", "-nan", "NA", " "])
def test_every_spelling_of_a_missing_label_is_unlabelled(text: str, tmp_path: Path) -> None:
    path = put(tmp_path, table(ROWS[0], f"{text},{text},1,2,{PIXELS}", "   "))
    assert samples(path).labelled.tolist() == [[True, True], [False, True]]
