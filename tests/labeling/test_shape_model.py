"""One move mends many: conditional means and doubts of a face while it is labeled."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from page_modules import run_modules

from facepoints.errors import DataError
from facepoints.labeling.drawn_lines import rows_of
from facepoints.labeling.face_state import FaceState
from facepoints.labeling.shape_learning import builtin_errors
from facepoints.labeling.shape_model import ShapeModel
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.mean_face import MEAN_FACE

Array = NDArray[np.float64]
K = 7
MIRROR = np.array([1, 0, 2, 4, 3, 6, 5])
"""Partners of seven points that a mirror swaps."""
SEEDS = st.integers(0, 2**32 - 1)


def random_model(rng: np.random.Generator, symmetric: bool = False, k: int = K) -> ShapeModel:
    shape = rng.normal(size=(k, 2))
    factor = rng.normal(size=(2 * k, 2 * k + 3))
    covariance = factor @ factor.T / (2 * k)
    if symmetric:
        shape = (shape + shape[MIRROR] * (-1, 1)) / 2
        flip = np.kron(np.eye(k)[MIRROR], np.diag([-1.0, 1.0]))
        covariance = (covariance + flip @ covariance @ flip.T) / 2
    return ShapeModel(tuple(f"p{i}" for i in range(k)), shape, covariance)


def random_face(rng: np.random.Generator, model: ShapeModel) -> tuple[Array, Array]:
    angle, scale = rng.uniform(-3, 3), rng.uniform(20, 400)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shape = model.mean_shape + rng.normal(scale=0.1, size=model.mean_shape.shape)
    points = shape @ turn.T * scale + rng.uniform(-500, 500, 2)
    return points, rng.uniform(0.02, 0.2, len(model)) * scale


def moved(rng: np.random.Generator, points: Array, radius: Array, index: int) -> Array:
    return points[index] + rng.normal(size=2) * radius[index]


def directly(state: FaceState, places: dict[int, Array], points: Array, radius: Array) -> Array:
    """The conditional mean by one formula in pixels of the picture, without rank-2 updates."""
    model = state.model
    mean = model.mean_shape - model.mean_shape.mean(axis=0)
    centered = points - points.mean(axis=0)
    real, imaginary = (mean * centered).sum(), np.linalg.det(np.stack([mean, centered], 1)).sum()
    length = np.hypot(real, imaginary)
    size = length / (mean**2).sum() * np.ptp(model.mean_shape, axis=0).max()
    turn = np.array([[real, -imaginary], [imaginary, real]]) / length
    to_pixels = np.kron(np.diag(radius), turn)
    covariance = to_pixels @ model.covariance @ to_pixels.T
    rows = np.array([2 * i + axis for i in places for axis in (0, 1)])
    noise = (model.placed_noise * size) ** 2 * np.eye(len(rows))
    errors = np.concatenate([places[i] - points[i] for i in places])
    gain = covariance[:, rows] @ np.linalg.inv(covariance[np.ix_(rows, rows)] + noise)
    expected = points + (gain @ errors).reshape(-1, 2)
    expected[list(places)] = list(places.values())
    return expected


@settings(deadline=None, max_examples=40)
@given(SEEDS, st.integers(1, K))
def test_points_move_to_the_conditional_mean(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    model = random_model(rng)
    points, radius = random_face(rng, model)
    state = FaceState(model, points, radius)
    places = {int(i): moved(rng, points, radius, i) for i in rng.permutation(K)[:count]}
    for index, place in places.items():
        state.place(index, place)
    expected = directly(state, places, points, radius)
    np.testing.assert_allclose(state.points, expected, atol=1e-6 * radius.max())


@settings(deadline=None, max_examples=40)
@given(SEEDS)
def test_settled_points_never_move_and_radii_never_grow(seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = random_model(rng)
    points, radius = random_face(rng, model)
    state = FaceState(model, points, radius)
    np.testing.assert_allclose(state.points, points)
    np.testing.assert_allclose(state.radii, radius)
    settled: dict[int, Array] = {}
    for index in map(int, rng.permutation(K)):
        before, place = state.radii, moved(rng, points, radius, index)
        if rng.random() < 0.5:
            preview = state.drag(index, place)
            state.place(index, place)
            np.testing.assert_allclose(state.points, preview)
        else:
            place = state.points[index]
            rest = state.points
            state.confirm(index)
            np.testing.assert_allclose(state.points, rest, atol=1e-7 * radius.max())
        settled[index] = place
        assert (state.radii <= before + 1e-9).all()
        assert state.radii[index] < before[index]
        np.testing.assert_array_equal(state.points[list(settled)], list(settled.values()))


@settings(deadline=None, max_examples=25)
@given(SEEDS, st.booleans())
def test_turning_resizing_and_mirroring_a_face_changes_nothing(seed: int, mirror: bool) -> None:
    rng = np.random.default_rng(seed)
    model = random_model(rng, symmetric=True)
    points, radius = random_face(rng, model)
    angle, scale = rng.uniform(-3, 3), rng.uniform(0.1, 10)
    matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    columns = MIRROR if mirror else np.arange(K)
    matrix = matrix @ np.diag([-1.0 if mirror else 1.0, 1.0])
    here = FaceState(model, points, radius)
    there = FaceState(model, points[columns] @ matrix.T + 7, radius[columns] * scale)
    for index in rng.permutation(K)[:3]:
        place = moved(rng, points, radius, index)
        here.place(index, place)
        there.place(int(columns[index]), place @ matrix.T + 7)
    tolerance = 1e-6 * scale * radius.max()
    np.testing.assert_allclose(there.points, here.points[columns] @ matrix.T + 7, atol=tolerance)
    np.testing.assert_allclose(there.radii, here.radii[columns] * scale, atol=tolerance)
    following = here.next()
    assert following is not None
    assert there.next() == columns[following]


def test_the_order_of_moves_does_not_matter_and_moves_can_be_taken_back() -> None:
    rng = np.random.default_rng(5)
    model = random_model(rng)
    points, radius = random_face(rng, model)
    a, b = FaceState(model, points, radius), FaceState(model, points, radius)
    places = [moved(rng, points, radius, i) for i in range(3)]
    a.place(0, places[0])
    saved = json.loads(json.dumps(a.snapshot()))
    first = a.points
    for index in (1, 2):
        a.place(index, places[index])
    for index in (2, 0, 1):
        b.place(index, points[index])  # another place first: the last one counts
        b.place(index, places[index])
    np.testing.assert_allclose(a.points, b.points)
    np.testing.assert_allclose(a.drag(1, places[0]), b.drag(1, places[0]))
    a.release(1)
    a.release(2)
    np.testing.assert_allclose(a.points, first)
    b.restore(saved)
    np.testing.assert_allclose(b.points, first)
    np.testing.assert_allclose(b.radii, a.radii)


@settings(deadline=None, max_examples=20)
@given(SEEDS)
def test_a_drawn_line_takes_its_points_and_leaves_them_free_along_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = random_model(rng)
    points, radius = random_face(rng, model)
    state, ends_only = FaceState(model, points, radius), FaceState(model, points, radius)
    size = float(np.ptp(points, axis=0).max())
    fixed = moved(rng, points, radius, 2)
    for one in (state, ends_only):
        one.place(2, fixed)
    # a straight line: the direction is the same everywhere
    ends = points[[0, 4]] + rng.normal(scale=0.02 * size, size=(2, 2))
    line = ends[0] + np.linspace(-1, 2, 7)[:, None] * (ends[1] - ends[0])
    state.draw([0, 1, 2, 3, 4], line, (True, False))
    ends_only.place(0, line[0])
    np.testing.assert_array_equal(state.points[[0, 2]], [line[0], fixed])
    assert set(state.placed) == {0, 2}
    direction = (line[1] - line[0]) / np.linalg.norm(line[1] - line[0])
    across = np.array([-direction[1], direction[0]])
    inside = [1, 3, 4]
    off = (state.points[inside] - line[0]) @ across
    np.testing.assert_allclose(off, 0, atol=1e-9 * size)
    assert (state.radii <= ends_only.radii + 1e-9).all()
    assert (state.radii[inside] < ends_only.radii[inside]).all()
    assert (state.radii[inside] > 0).all()
    again = FaceState(model, points, radius)
    again.restore(json.loads(json.dumps(state.snapshot())))
    np.testing.assert_allclose(again.points, state.points)
    along = state.points[3] + 0.01 * size * direction
    preview = state.drag(3, along)
    state.place(3, along)  # it leaves the line, and shows where along it the others are
    np.testing.assert_allclose(state.points, preview)
    for index in (0, 1, 3, 4):
        state.release(index)
    ends_only.release(0)
    np.testing.assert_allclose(state.points, ends_only.points)
    with pytest.raises(DataError, match="drawn from one place to another"):
        state.draw([0, 1, 2], line[[0, 0]])


def test_lines_are_drawn_along_rows_of_points() -> None:
    edges = IBUG_68.edge_columns
    rows = rows_of(edges, MEAN_FACE.astype(float))
    assert [(row[0], row[-1], len(row)) for row in rows] == [
        *((0, 16, 17), (17, 21, 5), (22, 26, 5), (27, 30, 4), (31, 35, 5)),
        *((36, 39, 4), (39, 36, 4), (42, 45, 4), (45, 42, 4)),
        *((48, 54, 7), (54, 48, 7), (60, 64, 5), (64, 60, 5)),
    ]
    branches = [(0, 1), (1, 2), (2, 3), (2, 4), (4, 5), (6, 7), (2, 1), (5, 5)]
    assert rows_of(branches, np.zeros((8, 2))) == [[0, 1, 2], [2, 4, 5]]
    jaw = 100 * MEAN_FACE[:17].astype(float)
    lines = [jaw[::-1] + 2, jaw[3:12] + 1, 100 * MEAN_FACE[[17, 19, 21]] - 3, jaw + 900]
    data = {
        "cases": [[[list(e) for e in edges], MEAN_FACE.tolist()], [branches, [[0, 0]] * 8]],
        "points": (100 * MEAN_FACE).tolist(),
        "lines": [line.tolist() for line in lines],
    }
    body = """
      const rows = data.cases.map((each) => rowsOf(...each));
      const along = data.lines.map((line) => rowAlong(rows[0], data.points, line));
      const some = data.points.map((at, k) => ([0, 8].includes(k) ? null : at));
      return { rows, along, absent: rowAlong(rows[0], some, data.lines[0]) };
    """
    page = run_modules({"label/lines.js": "rowsOf, rowAlong"}, body, data)
    assert page["rows"] == [rows, rows_of(branches, np.zeros((8, 2)))]
    assert page["along"] == [
        {"row": list(range(16, -1, -1)), "ends": [True, True]},
        {"row": list(range(3, 12)), "ends": [False, False]},  # a piece of the jaw
        {"row": list(range(17, 22)), "ends": [True, True]},
        None,
    ]
    # two points of the jaw have no place, one of them an end
    left = [k for k in range(16, 0, -1) if k != 8]
    assert page["absent"] == {"row": left, "ends": [True, False]}


def test_next_removes_most_doubt() -> None:
    rng = np.random.default_rng(6)
    model = random_model(rng)
    points, radius = random_face(rng, model)
    state = FaceState(model, points, radius)
    state.skip(0)

    def left(index: int) -> float:
        other = FaceState(model, points, radius)
        other.confirm(index)
        covariance = other._now  # pyright: ignore[reportPrivateUsage]
        return float(np.diagonal(covariance) @ np.repeat(radius**2, 2))

    assert state.next() == min(range(1, K), key=left)
    assert state.doubtful() == [i for i in np.argsort(-radius) if i != 0]
    state.confirm_all()
    assert state.next() is None
    assert state.placed == tuple(range(1, K))


def test_points_without_a_prediction_wait_until_they_are_placed() -> None:
    rng = np.random.default_rng(7)
    model = random_model(rng)
    points, radius = random_face(rng, model)
    points[2] = np.nan
    state = FaceState(model, points, radius)
    assert state.next() == state.doubtful()[0] == 2
    with pytest.raises(DataError, match="'p2' has no place"):
        state.confirm(2)
    others = np.arange(K) != 2
    before = state.points[others]
    state.place(2, (3.0, 4.0))
    np.testing.assert_array_equal(state.points[2], (3, 4))
    np.testing.assert_allclose(state.points[others], before)
    assert state.radii[2] == 0
    np.testing.assert_allclose(state.radii[others], radius[others])


def test_a_model_survives_json_and_says_what_is_wrong() -> None:
    model = random_model(np.random.default_rng(8))
    again = ShapeModel.from_dict(json.loads(json.dumps(model.to_dict())))
    np.testing.assert_allclose(again.covariance, model.covariance, atol=1e-5)
    assert again.names == model.names
    with pytest.raises(DataError, match="not a shape model"):
        ShapeModel.from_dict({"names": ["a"]})
    with pytest.raises(DataError, match=r"points \(7, 2\)"):
        FaceState(model, np.zeros((6, 2)), np.ones(6))


SCRIPT = """
  const model = new ShapeModel(data.shape, data.face);
  const seen = [];
  const look = () => seen.push({ points: model.points, radii: model.radii, next: model.next(),
                                 doubtful: model.doubtful() });
  look();
  for (const [what, index, place] of data.moves) {
    if (what === "draw") model.draw(index, place, [true, false]);
    if (what === "draw") look();
    if (what === "draw") continue;
    if (what === "place") { seen.push({ dragged: model.drag(index, place) }); }
    model[what](...(place ? [index, place] : index === null ? [] : [index]));
    look();
  }
  const again = ShapeModel.of(data.shape, data.face, model.snapshot());
  return { seen, again: again.points, snapshot: model.snapshot() };
"""


def test_the_page_computes_the_same() -> None:
    rng = np.random.default_rng(9)
    for missing in (False, True):
        model = ShapeModel.from_dict(random_model(rng).to_dict())
        points, radius = random_face(rng, model)
        if missing:
            points[4] = np.nan
        face = {
            "points": [None if np.isnan(p).any() else p.tolist() for p in points],
            "radius": [
                None if np.isnan(p).any() else r for p, r in zip(points, radius, strict=True)
            ],
        }
        line = (points[[5, 6, 2]] + radius[[5, 6, 2], None] / 2).tolist()
        moves: list[tuple[str, Any, Any]] = [
            ("draw", [5, 6, 4, 2], line),
            ("place", 1, (points[1] + radius[1]).tolist()),
            ("confirm", 3, None),
            ("skip", 0, None),
            ("place", 4, (rng.normal(size=2) * 50).tolist()),
            ("place", 1, (points[1] - radius[1]).tolist()),
            ("release", 3, None),
            ("release", 2, None),
            ("confirmAll", None, None),
        ]
        data = {"shape": model.to_dict(), "face": face, "moves": moves}
        page = run_modules({"label/shape_model.js": "ShapeModel"}, SCRIPT, data)
        state, seen = FaceState(model, points, radius), iter(page["seen"])
        check(state, next(seen))
        for what, index, place in moves:
            if what == "draw":
                state.draw(index, np.array(place), (True, False))
            elif place is not None and index is not None:
                dragged = next(seen)["dragged"]
                same(dragged, state.drag(index, np.array(place)))
                state.place(index, np.array(place))
            elif index is None:
                state.confirm_all()
            else:
                getattr(state, what)(index)
            check(state, next(seen))
        same(page["again"], state.points)
        assert page["snapshot"]["skipped"] == [0]
        assert page["snapshot"]["lines"] == []  # all points are confirmed
        assert [row[0] for row in page["snapshot"]["placed"]] == list(state.placed)


def same(page: list[list[float] | None], points: Array) -> None:
    here = [[np.nan, np.nan] if place is None else place for place in page]
    np.testing.assert_allclose(np.array(here), points, atol=1e-6)


def check(state: FaceState, seen: dict[str, list]) -> None:
    same(seen["points"], state.points)
    radii = np.array([np.nan if r is None else r for r in seen["radii"]])
    # what is left of a placed point's radius is a difference of nearly equal numbers
    np.testing.assert_allclose(radii, state.radii, atol=1e-4)
    assert seen["next"] == state.next()
    assert seen["doubtful"] == state.doubtful()


def test_the_page_follows_a_drag_of_the_built_in_points_many_times_a_frame() -> None:
    model = builtin_errors().model
    points, radius = model.mean_shape * 200 + 300, np.full(70, 6.0)
    script = """
      const model = new ShapeModel(data.shape, data.face);
      for (const [index, place] of data.placed) model.place(index, place);
      const begin = performance.now();
      let points;
      for (let frame = 0; frame < 500; frame++) points = model.drag(8, [300 + frame / 50, 400]);
      const took = (performance.now() - begin) / 500;
      model.place(8, [300 + 499 / 50, 400]);
      return { took, points, after: model.points, radii: model.radii, next: model.next() };
    """
    placed = [(index, (points[index] + 3).tolist()) for index in range(20, 50, 3)]
    data = {
        "shape": model.to_dict(),
        "face": {"points": points.tolist(), "radius": radius.tolist()},
        "placed": placed,
    }
    page = run_modules({"label/shape_model.js": "ShapeModel"}, script, data)
    state = FaceState(model, points, radius)
    for index, place in placed:
        state.place(index, np.array(place))
    state.place(8, (300 + 499 / 50, 400))
    same(page["points"], state.points)
    same(page["after"], state.points)
    np.testing.assert_allclose(page["radii"], state.radii, atol=1e-3)
    assert page["next"] == state.next()
    assert page["took"] < 8  # ms of a frame of 16; 0.02 ms on an idle machine
