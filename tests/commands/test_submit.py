"""Submissions: the right column for every requested row, the file, the score, bad tables."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from fakes import mean_face_rule
from hypothesis import given, settings
from hypothesis import strategies as st

from facepoints.commands.submit import SubmitReport, submit
from facepoints.datasets import readers, synthetic
from facepoints.errors import DataError, DataWarning, FacepointsError, RunError
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.models.loading import load_model
from facepoints.training.missing_labels import MISSING

if TYPE_CHECKING:
    from facepoints.models.run import Run

CORE = ("left_eye_center", "right_eye_center", "nose_tip", "mouth_center_bottom_lip")
SCHEMES = {"15-point": KAGGLE_15.names, "4-point": CORE}
ALL = LandmarkSet((*KAGGLE_15.names, *(f"{name}@4-point" for name in CORE)), eyes=KAGGLE_15.eyes)
SIDE = 8


def fake_run(
    landmarks: LandmarkSet = ALL,
    sources: dict[str, tuple[str, ...]] | None = None,
    points: np.ndarray | None = None,
) -> Run:
    """A run that predicts the same points for every image: column k is at (k / 4, k / 4 + 0.1)."""
    if points is None:
        column = np.arange(len(landmarks)) / 4
        points = np.stack([column, column + 0.1], axis=1)

    def predict(images: np.ndarray) -> SimpleNamespace:
        shade = images[:, 0, 0].astype(np.float32)[:, None, None] / 1000  # distinguishes the images
        return SimpleNamespace(points=(points + shade).astype(np.float32))

    fields = SimpleNamespace(
        landmarks=landmarks, schemes=SCHEMES if sources is None else sources, predict=predict
    )
    return cast("Run", fields)


@pytest.fixture
def images_csv(tmp_path: Path) -> Path:
    """A test table of three images, not in the order of their ids; image n has gray value n."""
    path = tmp_path / "test.csv"
    rows = [f"{i},{' '.join([str(i)] * SIDE * SIDE)}\n" for i in (2, 5, 1)]
    path.write_text("ImageId,Image\n" + "".join(rows))
    return path


def lookup_of(folder: Path, rows: list[tuple[int, int, str]], end: str = "\n") -> Path:
    path = folder / "IdLookupTable.csv"
    lines = ["RowId,ImageId,FeatureName,Location", *(f"{r},{i},{f}," for r, i, f in rows), ""]
    path.write_bytes(end.join(lines).encode())
    return path


def written(path: Path) -> list[tuple[int, float]]:
    with path.open() as file:
        assert file.readline() == "RowId,Location\n"
        return [(int(row), float(value)) for row, value in csv.reader(file)]


def test_rows_are_joined_by_name_in_the_order_of_the_lookup(
    images_csv: Path, tmp_path: Path
) -> None:
    rows = [
        (7, 5, "nose_tip_y"),
        (3, 1, "nose_tip_x"),
        (4, 5, "left_eye_center_x"),
        (1, 1, "left_eyebrow_inner_end_y"),
    ]
    out = tmp_path / "out.csv"
    report = submit(fake_run(), images_csv, lookup_of(tmp_path, rows), out)
    nose, brow = KAGGLE_15.names.index("nose_tip"), KAGGLE_15.names.index(rows[3][2][:-2])
    narrow_nose = ALL.names.index("nose_tip@4-point")
    assert written(out) == [
        (7, pytest.approx(narrow_nose / 4 + 0.105, abs=1e-5)),  # image 5: core points only
        (3, pytest.approx(nose / 4 + 0.001, abs=1e-5)),  # image 1: a brow, too
        (4, pytest.approx(ALL.names.index("left_eye_center@4-point") / 4 + 0.005, abs=1e-5)),
        (1, pytest.approx(brow / 4 + 0.101, abs=1e-5)),
    ]
    assert report == SubmitReport(
        str(out), rows=4, images=2, schemes={"4-point": 1, "15-point": 1}, clipped=0
    )
    assert json.loads(json.dumps(report.to_dict()))["rows"] == 4


@given(st.permutations([(i, n, a) for i in (1, 2, 5) for n in CORE for a in "xy"]))
@settings(max_examples=15, deadline=None)
def test_the_order_of_the_lookup_changes_no_value(
    tmp_path_factory: pytest.TempPathFactory, requests: list[tuple[int, str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("order")
    path = folder / "test.csv"
    path.write_text("ImageId,Image\n" + "".join(f"{i},{i} 0 0 {i}\n" for i in (1, 2, 5)))
    landmarks = LandmarkSet(CORE)
    points = np.random.default_rng(0).uniform(0, 0.9, (4, 2))
    run = fake_run(landmarks, {"4-point": CORE}, points)
    rows = [(100 + k, image, f"{name}_{axis}") for k, (image, name, axis) in enumerate(requests)]
    submit(run, path, lookup_of(folder, rows), folder / "out.csv")
    rows_written = written(folder / "out.csv")
    assert [row for row, _ in rows_written] == [row for row, _, _ in rows]
    for (image, name, axis), (_, value) in zip(requests, rows_written, strict=True):
        expected = points[CORE.index(name), "xy".index(axis)] + image / 1000
        assert value == pytest.approx(expected, abs=1e-5)


def test_values_are_clipped_to_the_pixels_of_the_image(images_csv: Path, tmp_path: Path) -> None:
    points = np.array([[-3.0, 99.0], [2.5, 3.5]])
    landmarks = LandmarkSet(("left_eye_center", "right_eye_center"))
    rows = [
        (k, 1, f"{n}_{a}")
        for k, (n, a) in enumerate([(n, a) for n in landmarks.names for a in "xy"])
    ]
    out = tmp_path / "out.csv"
    report = submit(fake_run(landmarks, {}, points), images_csv, lookup_of(tmp_path, rows), out)
    assert [value for _, value in written(out)] == [0, SIDE - 1, 2.501, 3.501]
    assert report.clipped == 2


def test_a_68_point_model_predicts_both_schemes_at_the_place_of_the_face(
    tmp_path: Path,
) -> None:
    """A run that predicts the mean face for every crop gives the mean of the labels of the
    competition, in each of its two schemes."""
    rule = mean_face_rule(IBUG_68, (64, 64))

    def predict(crops: np.ndarray) -> SimpleNamespace:
        n = len(crops)
        points = np.repeat(rule.canonical_points[None], n, axis=0)
        ones = np.ones((n, 68), np.float32)
        return SimpleNamespace(points=points, radius=ones, score=ones[:, 0], visible=ones)

    sources = {"ibug": IBUG_68.names}
    run = SimpleNamespace(
        landmarks=IBUG_68, schemes=sources, size=(64, 64), crop_rule=rule, predict=predict
    )
    test, out = tmp_path / "test.csv", tmp_path / "out.csv"
    pixels = " ".join(["9"] * 96 * 96)
    test.write_text(f"ImageId,Image\n1,{pixels}\n2,{pixels}\n")
    wide = [(k, 1, f"{name}_{axis}") for k, name in enumerate(KAGGLE_15.names) for axis in "y"]
    narrow = [(20 + k, 2, f"{name}_{axis}") for k, name in enumerate(CORE) for axis in "y"]
    report = submit(cast("Run", run), test, lookup_of(tmp_path, wide + narrow), out)
    assert report.schemes == {"15-point": 1, "4-point": 1}
    submitted = dict(written(out))
    mean = {"left_eye_center": 36.9, "nose_tip": 57.4, "mouth_left_corner": 76.0}
    for name, y in mean.items():  # means of the competition's labels
        assert submitted[KAGGLE_15.names.index(name)] == pytest.approx(y, abs=2.5)
    assert submitted[20 + CORE.index("nose_tip")] == pytest.approx(65.3, abs=2.5)
    assert submitted[20 + CORE.index("mouth_center_bottom_lip")] == pytest.approx(77.3, abs=2.5)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_quotes_byte_order_marks_and_zips_are_read(
    images_csv: Path, tmp_path: Path, end: str
) -> None:
    plain = lookup_of(tmp_path, [(1, 5, "nose_tip_x"), (2, 5, "nose_tip_y")], end)
    submit(fake_run(), images_csv, plain, tmp_path / "plain.csv")
    text = "﻿" + plain.read_text().replace("nose_tip_x", '"nose_tip_x"')
    odd = tmp_path / "odd.csv"
    odd.write_bytes(text.encode())
    submit(fake_run(), images_csv, odd, tmp_path / "odd-out.csv")
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(odd, "IdLookupTable.csv")
        archive.writestr("SampleSubmission.csv", "RowId,Location\n")
    submit(fake_run(), images_csv, packed, tmp_path / "packed-out.csv")
    texts = {(tmp_path / f"{n}.csv").read_text() for n in ("plain", "odd-out", "packed-out")}
    assert len(texts) == 1


def test_the_score_is_the_rmse_of_the_written_values(images_csv: Path, tmp_path: Path) -> None:
    rows = [(1, 5, "nose_tip_x"), (2, 5, "nose_tip_y"), (3, 1, "left_eyebrow_inner_end_x")]
    lookup, out = lookup_of(tmp_path, rows), tmp_path / "out.csv"
    submit(fake_run(), images_csv, lookup, out)
    values = dict(written(out))
    solution = tmp_path / "solution.csv"
    truth = {3: values[3] + 5, 1: values[1] - 1, 2: values[2] + 2}
    solution.write_text("RowId,Location\n" + "".join(f"{k},{v}\n" for k, v in truth.items()))
    score = submit(fake_run(), images_csv, lookup, out, score=solution).score
    assert score is not None
    assert score.rmse == pytest.approx(np.sqrt(30 / 3))
    assert score.schemes == pytest.approx({"4-point": np.sqrt(5 / 2), "15-point": 5})
    assert score.points == pytest.approx({"nose_tip": np.sqrt(5 / 2), "left_eyebrow_inner_end": 5})


HEAD = "RowId,ImageId,FeatureName,Location\n"
BAD_LOOKUPS = {
    "": "is empty; expected a header with RowId",
    HEAD: "has a header and no rows",
    "RowId,ImageId,Location\n1,1,\n": "no column FeatureName; its columns are RowId, ImageId",
    HEAD + "1,1,nose_tip_x,\n1,1,nose_tip_y,\n": "line 3: RowId 1 is there more than once",
    HEAD + "1,one,nose_tip_x,\n": "line 2: ImageId should be a whole number, is 'one'",
    HEAD + "1.5,1,nose_tip_x,\n": "line 2: RowId should be a whole number, is '1.5'",
    HEAD + "1,1,nose_tip,\n": "line 2: unknown feature name 'nose_tip', expected",
    HEAD + "1,1,chin_x,\n": r"unknown feature name 'chin_x' \(RowId 1\).*left_eye_center",
    HEAD + "1,1\n": "line 2: expected 4 fields as in the header, found 2",
    HEAD + "1,1,nose_tip_x,,\n": "line 2: expected 4 fields as in the header, found 5",
    HEAD + '1,1,"nose\ntip_x",\n': "unknown feature name",
    HEAD + "1,1,nose_tip_x,\n2,9,nose_tip_x,\n3,7,nose_tip_x,\n3": "expected 4 fields",
    HEAD + "1,1,nose_tip_x,\n2,9,nose_tip_x,\n3,7,nose_tip_x,\n": "2 images .*: ImageId 9, 7$",
    HEAD + '1,1,"nose_tip_x,\n': "should be a CSV table and is not",
}


@pytest.mark.parametrize("text", list(BAD_LOOKUPS), ids=range(len(BAD_LOOKUPS)))
def test_a_bad_lookup_is_one_line_and_writes_nothing(
    images_csv: Path, tmp_path: Path, text: str
) -> None:
    lookup, out = tmp_path / "lookup.csv", tmp_path / "out.csv"
    lookup.write_text(text)
    with pytest.raises(DataError, match=BAD_LOOKUPS[text]) as caught:
        submit(fake_run(), images_csv, lookup, out)
    assert "\n" not in str(caught.value)
    assert not out.exists()


BAD_SOLUTIONS = {
    "RowId,Location\n1,5\n": "lacks 1 rows that the lookup table asks for: RowId 2",
    "RowId,Location\n1,5\n2,5\n3,5\n": "has 1 rows that the lookup table does not: RowId 3",
    "RowId,Location\n1,5\n2,\n": "line 3: Location should be a number, is ''",
    "RowId,Location\n1,nan\n2,1\n": "line 2: Location should be a number, is 'nan'",
    "RowId,Location\n1,5\n1,5\n": "line 3: RowId 1 is there more than once",
    "RowId\n1\n": "no column Location",
}


@pytest.mark.parametrize("text", list(BAD_SOLUTIONS), ids=range(len(BAD_SOLUTIONS)))
def test_a_bad_solution_is_one_line_and_writes_nothing(
    images_csv: Path, tmp_path: Path, text: str
) -> None:
    solution, out = tmp_path / "solution.csv", tmp_path / "out.csv"
    solution.write_text(text)
    lookup = lookup_of(tmp_path, [(1, 1, "nose_tip_x"), (2, 1, "nose_tip_y")])
    with pytest.raises(DataError, match=BAD_SOLUTIONS[text]):
        submit(fake_run(), images_csv, lookup, out, score=solution)
    assert not out.exists()


def test_a_point_that_no_model_predicts_is_named(images_csv: Path, tmp_path: Path) -> None:
    run = fake_run(LandmarkSet(("left_ear", "right_ear")), {"2-point": ("left_ear", "right_ear")})
    lookup = lookup_of(tmp_path, [(1, 1, "left_ear_x"), (2, 1, "chin_strap_x")])
    with pytest.raises(DataError, match=r"unknown feature name 'chin_strap_x'"):
        submit(run, images_csv, lookup, tmp_path / "out.csv")


def face_table(folder: Path) -> Path:
    """A test table of two rendered faces, with the image ids 1 and 2."""
    faces = synthetic.render(2, seed=4, size=96)
    rows = [f"{n},{' '.join(map(str, image.ravel()))}\n" for n, image in enumerate(faces.images, 1)]
    path = folder / "faces.csv"
    path.write_text("ImageId,Image\n" + "".join(rows))
    return path


def requests_of_both_schemes(folder: Path) -> Path:
    """All points of image 1, the four of the narrow scheme of image 2."""
    wanted = [(1, name) for name in KAGGLE_15.names] + [(2, name) for name in CORE]
    rows = [(n, image, f"{name}_x") for n, (image, name) in enumerate(wanted, start=1)]
    return lookup_of(folder, rows)


@pytest.mark.parametrize(
    ("scheme", "points", "own_rows", "text"),
    [
        ("15-point", KAGGLE_15.names, range(1, 16), "no row of the marking scheme '4-point'"),
        ("4-point", CORE, range(16, 20), "no row of the marking scheme '15-point'"),
        (
            "14-point",
            KAGGLE_15.names[:-1],
            range(1, 15),
            "no label of mouth_center_bottom_lip in the marking scheme '15-point'",
        ),
    ],
)
def test_what_the_training_rows_never_showed_comes_from_the_builtin_model(
    tmp_path: Path, scheme: str, points: tuple[str, ...], own_rows: range, text: str
) -> None:
    """Even a run with a column for each point predicts only what its training rows show."""
    lookup, table = requests_of_both_schemes(tmp_path), face_table(tmp_path)
    submit(load_model(), table, lookup, tmp_path / "builtin.csv")
    builtin = dict(written(tmp_path / "builtin.csv"))
    run = fake_run(KAGGLE_15, {scheme: points})
    with pytest.warns(DataWarning) as caught:
        report = submit(run, table, lookup, tmp_path / "out.csv")
    assert any(text in str(warning.message) for warning in caught)
    names = [*KAGGLE_15.names, *CORE]
    shade = synthetic.render(2, seed=4, size=96).images[:, 0, 0] / 1000
    for row, value in written(tmp_path / "out.csv"):
        own = KAGGLE_15.names.index(names[row - 1]) / 4 + shade[0 if row < 16 else 1]
        assert value == pytest.approx(own if row in own_rows else builtin[row], abs=1e-4)
    assert report.builtin == 19 - len(own_rows)
    assert report.schemes == {"15-point": 1, "4-point": 1}


def test_a_lookup_of_one_kind_of_images_needs_no_other_model(
    images_csv: Path, tmp_path: Path
) -> None:
    lookup = lookup_of(tmp_path, [(1, 1, "nose_tip_x"), (2, 5, "nose_tip_x")])
    report = submit(
        fake_run(KAGGLE_15, {"15-point": KAGGLE_15.names}), images_csv, lookup, tmp_path / "o.csv"
    )
    assert (report.builtin, report.schemes) == (0, {"15-point": 2})


def test_a_run_that_diverged_writes_nothing(images_csv: Path, tmp_path: Path) -> None:
    run = fake_run(points=np.full((len(ALL), 2), np.nan))
    with pytest.raises(RunError, match="not finite"):
        submit(run, images_csv, lookup_of(tmp_path, [(1, 1, "nose_tip_x")]), tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_missing_files_and_repeated_images_are_one_line(images_csv: Path, tmp_path: Path) -> None:
    lookup, out = lookup_of(tmp_path, [(1, 1, "nose_tip_x")]), tmp_path / "out.csv"
    with pytest.raises(DataError, match=r"no-such\.csv"):
        submit(fake_run(), images_csv, tmp_path / "no-such.csv", out)
    twice = tmp_path / "twice.csv"
    twice.write_text("ImageId,Image\n1,0 0 0 0\n1,0 0 0 0\n")
    with pytest.raises(DataError, match="ImageId 1 is there more than once"):
        submit(fake_run(), twice, lookup, out)
    unnamed = tmp_path / "unnamed.csv"
    unnamed.write_text("Image\n0 0 0 0\n")
    with pytest.raises(DataError, match="ImageId"):
        submit(fake_run(), unnamed, lookup, out)


def test_an_unwritable_place_is_one_line(images_csv: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    lookup = lookup_of(tmp_path, [(1, 1, "nose_tip_x")])
    with pytest.raises(FacepointsError, match="could not write"):
        submit(fake_run(), images_csv, lookup, tmp_path / "file" / "out.csv")


@pytest.mark.parametrize(("strategy", "below"), [("mask", 4.30), ("per-scheme", 4.16)])
def test_mean_points_score_as_they_should_on_real_faces(
    shared: Path, solution: Path, tmp_path: Path, strategy: str, below: float
) -> None:
    """The means of both schemes' labels, each in its columns, beat the mixed mean."""
    folder = shared / "kaggle-like"
    training = readers.load(folder / "training.csv.zip")
    data = MISSING[strategy](training).parts[0].samples
    mean = (data.points.sum(axis=0) / data.labelled.sum(axis=0)[:, None]).astype(np.float32)

    def predict(images: np.ndarray) -> SimpleNamespace:
        return SimpleNamespace(points=np.repeat(mean[None], len(images), axis=0))

    run = SimpleNamespace(landmarks=data.landmarks, schemes=data.schemes, predict=predict)
    out = tmp_path / "out.csv"
    report = submit(
        cast("Run", run),
        folder / "test.csv.zip",
        folder / "IdLookupTable.csv",
        out,
        score=solution,
    )
    assert (report.rows, report.images) == (9742, 646)
    assert report.schemes == {"15-point": 210, "4-point": 436}
    assert [row for row, _ in written(out)] == list(range(1, 9743))
    assert report.score is not None
    assert below - 0.1 < report.score.rmse < below


def test_every_row_of_the_competitions_lookup_table_is_predicted(
    shared: Path, tmp_path: Path
) -> None:
    test = tmp_path / "test.csv"
    test.write_text("ImageId,Image\n" + "".join(f"{i},0 0 0 0\n" for i in range(1, 1784)))
    out = tmp_path / "out.csv"
    report = submit(fake_run(), test, shared / "kaggle" / "IdLookupTable.csv", out)
    assert report.rows == 27124
    assert report.images == 1783
    assert report.schemes == {"15-point": 591, "4-point": 1192}
    assert [row for row, _ in written(out)] == list(range(1, 27125))


@pytest.mark.parametrize("which", ["test.csv", "lookup.csv", "solution.csv"])
def test_a_submission_never_replaces_its_inputs(
    which: str, images_csv: Path, tmp_path: Path
) -> None:
    (tmp_path / "lookup.csv").write_text("RowId,ImageId,FeatureName\n1,1,nose_tip_x\n")
    (tmp_path / "solution.csv").write_text("RowId,Location\n1,3\n")
    out = tmp_path / which
    before = out.read_bytes()
    with pytest.raises(FacepointsError, match="would destroy it"):
        submit(
            fake_run(), images_csv, tmp_path / "lookup.csv", out, score=tmp_path / "solution.csv"
        )
    assert out.read_bytes() == before


def test_a_training_table_is_refused_as_a_test_table(tmp_path: Path) -> None:
    table, lookup = tmp_path / "training.csv", tmp_path / "lookup.csv"
    table.write_text("nose_tip_x,nose_tip_y,Image\n2,1,1 2 3 4\n")
    lookup.write_text("RowId,ImageId,FeatureName\n1,1,nose_tip_x\n")
    with pytest.raises(DataError, match="no column ImageId"):
        submit(fake_run(), table, lookup, tmp_path / "out.csv")
