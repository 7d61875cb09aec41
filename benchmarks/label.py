"""Moves of a simulated annotator: how many it takes until all points of a face are right.

    python benchmarks/label.py                  # four minutes on one core
    python benchmarks/label.py --sets lfpw      # one set; the figures of the others are kept

Faces of held-out people are predicted as `facepoints label` predicts them. The annotator drags the
point that is farthest from its label exactly there, again and again, until every point is within
3 % of the distance of the outer eye corners. Four ways to label are compared on the same faces:

- clicks: every point is clicked, without a model;
- each alone: every wrong point is dragged, and no other point follows;
- one mends many: the other points follow (`facepoints.labeling.face_state`);
- with lines: a move may also draw the true line of a row of points, such as the jaw, from end to
  end (`FaceState.draw`), if that leaves less error than dragging the farthest point.

Labels of outlines slide: nobody sees how far along the jaw a point belongs. So the moves are also
counted until every point lies near its true place or, in a row, near its true line ("along the
lines"). And they are counted with the covariance of the errors of these very faces, which nobody
can know: the best that another covariance could bring ("best covariance").

Point sets:

- the 68 points of LFPW and HELEN, without any finished face, and after 20 finished faces of other
  people of the set (guesses are corrected by them, and the covariance learns from them);
- a new set of 21 points after 20 finished faces of other people: the points of `inthewild21`
  (photos from the street) under their own names, and twice 21 of SCUT's 86 points that the built-in
  model does not have: outlines of the brows, lids and sides of the nose with one point on the
  hairline; and the same with seven points on the hairline. The 20 faces are drawn three times.

A point is never right if it would be off by more even if all other points were in their true
places: what no covariance of points can know, only a better prediction from the picture. What such
a prediction would bring is shown by moving every first guess a part of the way to its label.

Results: benchmarks/results/label.json and label.md.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from support import tables
from support.annotator import (
    Labeled,
    Placing,
    Seen,
    after,
    moves_needed,
    never_right,
    read,
    see,
)
from support.cli import make_parser
from support.ours import about

from facepoints.errors import FacepointsError
from facepoints.labeling.drawn_lines import rows_of
from facepoints.labeling.shape_learning import upright_errors
from facepoints.labeling.shape_model import ShapeModel
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.landmarks.mean_face import MEAN_FACE

FLOORS = {"68": 5, "21": 4}
"""Largest median number of moves."""
PARTS = (0.03, 0.04, 0.05)
"""Tolerances, as fractions of the eye distance; the first one is that of the floors."""
SHRUNK = (0.85, 0.5)
"""Factors of the errors of better predictions."""
FINISHED = 20
DRAWS = 3
"""Times that the finished faces are drawn."""
POOL = 120
"""Faces of other people that they are drawn from."""
EYES_68 = ("right_eye_outer_corner", "left_eye_outer_corner")
SCUT_INNER = (
    *(24, 27, 29, 31, 34, 37, 39, 41),  # outlines of the brows
    *(43, 44, 48, 52, 53, 56),  # lids
    *(62, 63, 64, 68, 69, 70),  # sides of the nose
    0,  # middle of the hairline
)
SCUT_HAIR = (
    *(0, 1, 2, 3, 19, 20, 21),  # hairline
    *(24, 27, 29, 34, 39, 41),  # outlines of the brows
    *(44, 48, 52, 56),  # lids
    *(62, 64, 68, 70),  # sides of the nose
)
EYES_SCUT = ("scut_46", "scut_50")
LINES_INTHEWILD = (
    ("right_brow_outer", "right_brow_middle", "right_brow_inner"),
    ("left_brow_inner", "left_brow_middle", "left_brow_outer"),
    ("right_nose_wing", "nose_base", "left_nose_wing"),
    ("right_mouth_corner", "upper_lip", "left_mouth_corner"),
)
LINES_SCUT = tuple(
    tuple(f"scut_{k}" for k in row)
    for row in (
        (19, 20, 21, 0, 1, 2, 3),  # hairline
        *((27, 29, 31), (37, 39, 41)),  # lower outlines of the brows
        *((62, 63, 64), (68, 69, 70)),  # sides of the nose
    )
)
"""Rows of points that a person would join, of the sets without edges."""
DIAGONAL = 0.05
"""Part of the best covariance that is replaced by its diagonal, as `recipes/label_covariance.py`
does."""
SETS: dict[str, tuple[str, str, tuple[str, ...], tuple[str, str]]] = {
    "lfpw": ("LFPW", "lfpw/train", IBUG_68.names, EYES_68),
    "helen": ("HELEN", "helen", IBUG_68.names, EYES_68),
    "inthewild21": ("street photos", "inthewild21", (), ("right_eye_outer", "left_eye_outer")),
    "scut": ("SCUT", "scut", tuple(f"scut_{k}" for k in SCUT_INNER), EYES_SCUT),
    "scut-hair": ("SCUT, hairline", "scut", tuple(f"scut_{k}" for k in SCUT_HAIR), EYES_SCUT),
}
"""Title, folder, points (none: all of the set) and outer eye corners of each set."""

Array = NDArray[np.float64]
Results = dict[str, Any]


def rows_along(landmarks: LandmarkSet) -> list[list[int]]:
    """The rows of points along which a line can be drawn."""
    if landmarks is IBUG_68:
        return rows_of(landmarks.edge_columns, MEAN_FACE.astype(np.float64))
    names = landmarks.names
    lines = [row for row in (*LINES_INTHEWILD, *LINES_SCUT) if set(row) <= set(names)]
    return [[names.index(name) for name in row] for row in lines]


def best_covariance(
    model: ShapeModel, points: Array, radius: Array, labeled: Labeled
) -> ShapeModel:
    """The shape model with the second moments of the errors of these very faces."""
    errors, _ = upright_errors(model.mean_shape, points, labeled.points, labeled.known, radius)
    moments = errors.T @ errors / len(errors)
    own = (1 - DIAGONAL) * moments + DIAGONAL * np.diag(np.diagonal(moments))
    return replace(model, covariance=(own + own.T) / 2)


def figures(placings: Sequence[Placing], labeled: Labeled, seen: Seen, draws: int) -> Results:
    """Moves that labeling the found faces takes, over all draws of finished faces."""
    rows = np.flatnonzero(seen.found)
    some, faces = labeled.take(rows), seen.take(rows)
    counts: dict[str, list[NDArray[np.int64]]] = {}
    drawn = rows_along(placings[0].landmarks)
    for number, placing in enumerate(placings):
        points, radius = placing.guess(faces)
        off = np.linalg.norm(points - some.points, axis=2) / some.eyes[:, None]
        alone = ((off > PARTS[0]) & some.known).sum(axis=1)
        counts.setdefault("alone", []).append(alone)
        counts.setdefault("off", []).append(np.round(1e4 * np.nanmean(off, axis=1)).astype(int))
        if placing.model is None:
            raise FacepointsError(f"no shape model for {placing.landmarks.names[:3]}")
        for part in PARTS:
            moves = moves_needed(placing.model, points, radius, some, part)
            counts.setdefault(f"moves_{100 * part:g}", []).append(moves)
        given = (points, radius, some, PARTS[0])
        counts.setdefault("lines", []).append(moves_needed(placing.model, *given, drawn))
        if number == 0:  # one draw is enough to show what is possible
            best = best_covariance(placing.model, *given[:3])
            counts["slid"] = [moves_needed(placing.model, *given, sliding=drawn)]
            counts["slid_lines"] = [moves_needed(placing.model, *given, drawn, sliding=drawn)]
            counts["best"] = [moves_needed(best, *given)]
        for factor in SHRUNK:
            nearer = some.points + factor * (points - some.points)
            moves = moves_needed(placing.model, nearer, radius, some, PARTS[0])
            counts.setdefault(f"errors_{factor:g}", []).append(moves)
        never = never_right(placing.model, points, radius, some, PARTS[0])
        counts.setdefault("never", []).append(never)
    joined = {name: np.concatenate(values) for name, values in counts.items()}
    moves = joined[f"moves_{100 * PARTS[0]:g}"]
    return {
        "points": len(placings[0].landmarks),
        "faces": len(rows),
        "missed": int((~seen.found).sum()),
        "finished": placings[0].finished,
        "draws": draws,
        "error": round(float(joined.pop("off").mean()) / 100, 2),
        **{name: round(float(np.median(values)), 1) for name, values in joined.items()},
        "alone_mean": round(float(joined["alone"].mean()), 2),
        "mean": round(float(moves.mean()), 2),
        "p90": round(float(np.quantile(moves, 0.9)), 1),
        "lines_mean": round(float(joined["lines"].mean()), 2),
    }


def placings_of(landmarks: LandmarkSet, pool: Labeled, seen: Seen, draws: int) -> list[Placing]:
    """After `FINISHED` faces out of the pool, drawn several times."""
    usable = np.flatnonzero(seen.found)
    placings = []
    for draw in range(draws):
        rows = np.random.default_rng(draw).permutation(usable)[:FINISHED]
        placings.append(after(landmarks, pool.take(rows), seen.take(rows)))
    return placings


def measure(data: Path, name: str, model: Path | None) -> dict[str, Results]:
    """The figures of one set, by number of finished faces."""
    _, folder, names, eyes = SETS[name]
    labeled, landmarks = read(data, folder, names, eyes, held_out=True)
    if names == IBUG_68.names:
        landmarks = IBUG_68
    others, _ = read(data, folder, names, eyes, held_out=False)
    pool = others.take(np.random.default_rng(0).permutation(len(others.files))[:POOL])
    seen, pool_seen = see(labeled, model), see(pool, model)
    results = {}
    if landmarks is IBUG_68:
        start = after(landmarks, pool.take(np.arange(0)), pool_seen.take(np.arange(0)))
        results["0"] = figures([start], labeled, seen, 1)
    placings = placings_of(landmarks, pool, pool_seen, DRAWS)
    results[str(FINISHED)] = figures(placings, labeled, seen, DRAWS)
    return results


def table(results: dict[str, dict[str, Results]]) -> tables.Cells:
    """A row per set and number of finished faces."""
    heads = ["faces of", "finished before", "points", "faces", "mean error, % of eyes", "clicks"]
    heads += ["each alone", "mean", "one mends many", "mean", "90 % of faces"]
    heads += ["with lines", "mean", "along the lines", "the same with lines", "best covariance"]
    heads += [f"at {100 * p:g} %" for p in PARTS[1:]]
    cells = [[*heads, *(f"errors x {f:g}" for f in SHRUNK), "never right"]]
    for name, by_count in results.items():
        for row in by_count.values():
            cells.append(
                [
                    SETS[name][0],
                    str(row["finished"]),
                    str(row["points"]),
                    str(row["faces"]),
                    f"{row['error']:.2f}",
                    str(row["points"]),
                    f"{row['alone']:g}",
                    f"{row['alone_mean']:.1f}",
                    f"{row[f'moves_{100 * PARTS[0]:g}']:g}",
                    f"{row['mean']:.1f}",
                    f"{row['p90']:g}",
                    f"{row['lines']:g}",
                    f"{row['lines_mean']:.1f}",
                    *(f"{row[name]:g}" for name in ("slid", "slid_lines", "best")),
                    *(f"{row[f'moves_{100 * p:g}']:g}" for p in PARTS[1:]),
                    *(f"{row[f'errors_{factor:g}']:g}" for factor in SHRUNK),
                    f"{row['never']:g}",
                ]
            )
    return cells


def kept(path: Path, ours: dict[str, Any]) -> dict[str, dict[str, Results]]:
    """Figures of an earlier run with the same model and the same columns, by set."""
    if not path.is_file():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    if content["ours"] != ours:
        return {}
    return {
        name: by_count
        for name, by_count in content["sets"].items()
        if all("lines" in row for row in by_count.values())
    }


def main() -> None:
    """Measure the test people of every set."""
    parser = make_parser(__doc__, data=True)
    parser.add_argument("--sets", nargs="*", choices=list(SETS), default=list(SETS))
    chosen = parser.parse_args()
    ours = about(chosen.model)
    measured = {name: measure(chosen.data, name, chosen.model) for name in chosen.sets}
    before = kept(chosen.out / "label.json", ours)
    every = before | measured
    results = {name: every[name] for name in SETS if name in every}
    title = "Moves until all points are within 3 % of the eye distance (medians over faces)"
    cells = table(results)
    tables.show(title, cells)
    content = {"sets": results, "floors": FLOORS, "parts": PARTS, "ours": ours}
    tables.write(chosen.out, "label", content, f"{title}\n\n{tables.markdown(cells)}")


if __name__ == "__main__":
    try:
        main()
    except FacepointsError as error:
        sys.exit(f"error: {error}")
