"""The parts of the label page that show nothing, in Node: undo, moves on their way, a face that is
edited."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from page_modules import run_modules

STORAGE = """
const storage = {
    getItem(name) { return this[name] ?? null; },
    setItem(name, text) { this[name] = text; },
    removeItem(name) { delete this[name]; },
};
for (const name of ['getItem', 'setItem', 'removeItem'])
    Object.defineProperty(storage, name, { enumerable: false });
const rest = () => new Promise((done) => setTimeout(done, 5));
"""


def test_moves_are_sent_in_order_and_a_lost_answer_doubles_none() -> None:
    body = (
        STORAGE
        + """
    const service = { face: { id: 'f', version: 0 }, seen: new Map(), order: [] };
    let lose = true;
    const post = async (path, body) => {
        if (!service.seen.has(body.id)) {
            if (body.base !== service.face.version) throw new Refused(409, { face: service.face });
            service.face = { id: 'f', version: body.base + 1 };
            service.seen.set(body.id, 1);
            service.order.push(body.point);
        }
        if (lose) { lose = false; throw new ServerGone('the answer was lost'); }
        return service.face;
    };
    const outbox = new Outbox(post, storage, 'project', 'tab');
    const states = [];
    outbox.addEventListener('state', ({ detail }) => states.push(detail.gone));
    outbox.know('f', 0);
    for (const point of [4, 2, 7]) outbox.add('f', { action: 'drag', point }, '');
    const kept = JSON.parse(storage['project/tab']).length;
    for (let k = 0; k < 400 && !outbox.isEmpty; k += 1) await rest();
    const { order, face } = service;
    const [gone, left] = [states.includes(true), Object.keys(storage)];
    return { order, version: face.version, kept, gone, left };
    """
    )
    imports = {"label/outbox.js": "Outbox", "label/api.js": "Refused, ServerGone"}
    result = run_modules(imports, body, None)
    assert result == {"order": [4, 2, 7], "version": 3, "kept": 3, "gone": True, "left": []}


def test_moves_of_another_project_stay_in_the_storage() -> None:
    body = (
        STORAGE
        + """
    storage['p/a'] = JSON.stringify([{ face: 'mine' }, { face: 'theirs' }]);
    storage['p/b'] = JSON.stringify([{ face: 'mine', second: true }]);
    storage['q/a'] = '[{"face": "mine"}]';
    const found = leftChanges(storage, 'p', (face) => face === 'mine');
    return { found, storage: { ...storage } };
    """
    )
    result = run_modules({"label/outbox.js": "leftChanges"}, body, None)
    assert result["found"] == [{"face": "mine"}, {"face": "mine", "second": True}]
    assert result["storage"] == {"p/a": '[{"face":"theirs"}]', "q/a": '[{"face": "mine"}]'}


@settings(max_examples=5, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_undo_goes_back_to_the_start_and_redo_to_the_end(values: list[int]) -> None:
    body = """
    const history = new History();
    let now = -1;
    for (const value of data) {
        history.push({ face: 'f', point: 0, action: 'drag', before: now, after: value });
        now = value;
    }
    const back = [];
    for (let entry = history.undo(); entry; entry = history.undo()) back.push(entry.before);
    const forth = [];
    for (let entry = history.redo(); entry; entry = history.redo()) forth.push(entry.after);
    return { back, forth };
    """
    result = run_modules({"label/history.js": "History"}, body, values)
    assert result["forth"] == values
    assert result["back"] == [*reversed(values[:-1]), -1]


def face(count: int = 4) -> dict[str, Any]:
    points = [[10.0 * k, 5.0 * (k % 2)] for k in range(count)]
    prediction = {"points": points, "radius": [3.0, 1.0, 2.0, 4.0], "hidden": [False] * count}
    state = ["predicted"] * count
    return {
        "id": "f",
        "version": 0,
        "points": points,
        "state": state,
        "hidden": [False] * count,
        "prediction": prediction,
        "finished": False,
        "deleted": False,
        "notes": [],
    }


def shape() -> dict[str, Any]:
    """Four points whose errors all go together."""
    together = np.full((4, 4), 0.9) + 0.1 * np.eye(4)
    covariance = np.kron(together, np.eye(2)) / 4.6
    mean = [[10.0 * k, 5.0 * (k % 2)] for k in range(4)]
    lower = covariance[np.tril_indices(8)].tolist()
    noise = {"placed_noise": 0.003, "confirmed_noise": 0.005}
    return {"names": list("abcd"), "mean_shape": mean, "covariance": lower, **noise}


def test_a_face_without_a_shape_model_moves_single_points() -> None:
    body = """
    const edit = new FaceEdit(data, null);
    const order = edit.doubtful(1.5);
    edit.place(2, [50, 60]);
    edit.setAbsent(0, true);
    const missing = edit.finish();
    const drawn = new FaceEdit(data, null);
    drawn.draw([0, 1, 3], [[0, 2], [30, 2]], [true, true]);
    return { order, missing, reading: edit.reading, drawn: drawn.reading };
    """
    result = run_modules({"label/face_edit.js": "FaceEdit"}, body, face())
    assert result["order"] == [3, 0, 2]  # by radius; 1 is sure enough
    reading = result["reading"]
    assert reading["points"] == [None, [10, 5], [50, 60], [30, 5]]
    assert reading["state"] == ["absent", "confirmed", "confirmed", "confirmed"]
    assert (result["missing"], reading["finished"]) == ([], True)
    drawn = result["drawn"]
    assert [drawn["points"][k] for k in (0, 1, 3)] == [[0, 2], [10, 2], [30, 2]]
    assert [drawn["state"][k] for k in (0, 1, 3)] == ["confirmed", "along", "confirmed"]


def test_points_follow_those_that_are_placed_and_confirmed_ones_never() -> None:
    body = """
    const edit = new FaceEdit(data.face, data.shape);
    edit.confirm(0);
    const before = edit.reading;
    const preview = edit.drag(2, [22, 0]);
    const same = edit.reading === before;
    edit.place(2, [22, 0]);
    const { reading } = edit;
    const again = new FaceEdit({ ...data.face, ...reading }, data.shape);
    again.release(2);
    const line = new FaceEdit(data.face, data.shape);
    line.draw([0, 1, 2], [[-1, 1], [12, 9], [21, 9]], [true, false]);
    const drawn = line.reading;
    const same_again = new FaceEdit({ ...data.face, ...drawn }, data.shape);
    const slid = [line, same_again].map((each) => each.drag(1, [12, 8])[2]);
    line.finish();
    const seen = { drawn, slid, lines: line.reading.lines };
    return { ...seen, preview, same, reading, radii: edit.radii, released: again.reading };
    """
    given = {"face": face(), "shape": shape()}
    result = run_modules({"label/face_edit.js": "FaceEdit"}, body, given)
    points = np.array(result["reading"]["points"])
    assert result["same"]
    np.testing.assert_allclose(result["preview"], points, atol=1e-9)
    np.testing.assert_array_equal(points[[0, 2]], [[0, 0], [22, 0]])
    assert 0.1 < points[3, 0] - 30 < 4  # radius 4 against 2: it follows
    assert result["reading"]["state"] == ["confirmed", "along", "confirmed", "along"]
    assert result["radii"][0] == result["radii"][2] == 0
    assert result["radii"][3] < 4
    drawn = result["drawn"]
    assert drawn["state"] == ["confirmed", "along", "along", "along"]
    assert drawn["points"][0] == [-1, 1]
    assert drawn["points"][2][1] == pytest.approx(9, abs=1e-6)
    assert [line is not None for line in drawn["lines"]] == [False, True, True, False]
    np.testing.assert_allclose(*result["slid"])  # a reading that is opened again knows its lines
    assert result["lines"] == [None] * 4
    released = result["released"]
    np.testing.assert_allclose(released["points"], face()["points"], atol=1e-6)
    assert released["state"] == ["confirmed", "predicted", "predicted", "predicted"]


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (["left_brow", "right_brow", "chin"], [[0, 1]]),
        (["chin", "right_a", "nose", "left_a"], [[1, 3]]),
        (["leftover", "rightful"], []),
        (["left_a", "left_b"], []),
    ],
)
def test_mirror_pairs_follow_from_names(names: list[str], pairs: list[list[int]]) -> None:
    body = "return mirrorOf(data, []);"
    assert run_modules({"label/mirror.js": "mirrorOf"}, body, names) == pairs
