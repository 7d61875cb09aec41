"""Are expression coefficients right? On faces whose movements are known, and on judged photos.

    python benchmarks/expressions.py             # two minutes on 2 cores

- rendered faces: people of `synthetic.render_actions` at rest and with one to three movements
  each, heads turned at random. Each is measured against one image of the person at rest: once from
  the true points, once from what the built-in model finds in images of 240 pixels. For each
  coefficient: correlation with the true one, cross-talk (the largest slope by any other movement,
  by linear regression on all movements), and how often the radius holds the true value, where a
  movement is made or seems to be made.
- moved portraits: test people of SCUT-FBP5500, whose photos are moved by the same movements
  (`recipes/moved_photos.py`) and measured with the built-in model against the photo itself; and
  from the true points: those found in the photo, moved. The difference is what the model loses.
  True points come without the chance that an eye is closed.
- mirror images: the largest difference of a coefficient of the true points to that of the other
  side in the mirror image.
- photos: smiles and open mouths of test people of HELEN, judged by looking at the photos
  (benchmarks/data/smile-judgements.csv, blank: unsure), without a picture at rest. AUC: how often
  a face that smiles has more `mouthSmile` (mean of both sides) than one that does not, and how
  often a face with an open mouth has more `jawOpen`.

Results: benchmarks/results/expressions.json and expressions.md.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from support import tables
from support.cli import ROOT, make_parser
from support.ours import about

import facepoints
from facepoints.datasets import readers, synthetic
from facepoints.datasets.people import read_people
from facepoints.datasets.samples import Photos, Samples
from facepoints.datasets.synthetic.actions import ACTIONS, draw_actions
from facepoints.errors import DataError, FacepointsError
from facepoints.imaging import affine
from facepoints.inference.face import Face
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.measurement.expressions import EXPRESSIONS, Expressions, Neutral, expressions

Array = NDArray[np.float64]

FLOOR = {"correlation": 0.9, "cross_talk": 0.2, "auc": 0.9}
SEED = 7
EACH = 4
"""Expressions of each moved portrait."""
SIZE = 240
NEAR = 0.15
"""Mean error of a rendered face's points, over its size, up to which a face is that one."""
TRUE_RADIUS = 0.3
"""Radius in pixels that true points are given."""
RESTS = 0.02
"""Coefficient up to which something does not seem to move."""
JUDGED = ROOT / "benchmarks" / "data" / "smile-judgements.csv"
sys.path.insert(0, str(ROOT / "recipes"))
MOVED = import_module("moved_photos")
Pair = tuple[dict[str, float], Expressions]


def truth_of(name: str, row: dict[str, float]) -> float:
    """The true coefficient of a rendered face."""
    if name == "browInnerUp":
        return sum(row.get(f"{name}{side}", 0.0) for side in ("Left", "Right")) / 2
    return row.get(name, 0.0)


def rendered(people: int) -> tuple[list[dict[str, float]], Samples]:
    """Movements, every fourth row at rest, and their images."""
    rng = np.random.default_rng(SEED)
    rows = [{} if row % 4 == 0 else draw_actions(rng) for row in range(4 * people)]
    return rows, synthetic.render_actions(rows, seed=SEED, size=SIZE)


def true_face(points: NDArray[np.floating]) -> Face:
    radius = np.full(68, TRUE_RADIUS, np.float32)
    return Face(affine.bounding_box(points), 1.0, points.astype(np.float32), radius, IBUG_68)


def true_faces(faces: Samples) -> list[Face | None]:
    return [true_face(points) for points in faces.points]


def found_faces(faces: Samples) -> list[Face | None]:
    """The face that the built-in model finds in each image."""
    model, found = facepoints.load(eye_closure=True), []
    for image, truth in zip(faces.images, faces.points, strict=True):
        off = [
            (float(np.linalg.norm(f.points[:68] - truth, axis=1).mean()), f) for f in model(image)
        ]
        near = [face for error, face in off if error < NEAR * np.ptp(truth)]
        found.append(near[0] if near else None)
    return found


def measured(rows: Sequence[dict[str, float]], faces: Sequence[Face | None]) -> list[Pair]:
    """Movements and coefficients of each face that is not at rest, against its person at rest."""
    pairs: list[Pair] = []
    rest = None
    for number, (row, face) in enumerate(zip(rows, faces, strict=True)):
        if number % 4 == 0:
            rest = rest_of(face)
        elif face is not None and rest is not None:
            pairs.append((row, expressions(face, rest)))
    return pairs


def rest_of(face: Face | None) -> Neutral | None:
    try:
        return None if face is None else Neutral.of(face)
    except DataError:  # turned too far
        return None


def moved_portraits(data: Path) -> tuple[list[Pair], list[Pair]]:
    """Movements and coefficients of portraits of test people, by true points and by those that the
    model finds; empty if SCUT is not there."""
    if not (data / "scut").is_dir():
        print(f"left out: moved portraits, because {data / 'scut'} is not there")
        return [], []
    photos = readers.read(data / "scut")
    if not isinstance(photos, Photos):
        raise DataError(f"{data / 'scut'} should hold photos with points")
    photos = photos.take(np.isin(photos.group, sorted(read_people(data / "held-out.txt"))))
    model, rng = facepoints.load(eye_closure=True), np.random.default_rng(SEED)
    true_pairs: list[Pair] = []
    pairs: list[Pair] = []
    for image in photos.read_images():
        faces = model(image)
        rest = rest_of(faces[0]) if len(faces) == 1 else None
        if rest is None:
            continue
        true_rest = Neutral.of(true_face(MOVED.moved_points(faces[0], {})))
        rows = [draw_actions(rng) for _ in range(EACH)]
        found = model([MOVED.moved_photo(image, faces[0], row) for row in rows])
        for row, seen in zip(rows, found, strict=True):
            if len(seen) == 1:
                truth = true_face(MOVED.moved_points(faces[0], row))
                true_pairs.append((row, expressions(truth, true_rest)))
                pairs.append((row, expressions(seen[0], rest)))
    return true_pairs, pairs


def figures(pairs: Sequence[Pair]) -> dict[str, dict[str, Any]]:
    """Correlation, cross-talk and coverage of each coefficient."""
    made = np.array([[row.get(name, 0.0) for name in ACTIONS] for row, _ in pairs])
    result = {}
    for name in EXPRESSIONS:
        has = np.array([name in seen.values for _, seen in pairs])
        truth = np.array([truth_of(name, row) for row, _ in pairs])[has]
        some = [seen.values[name] for _, seen in pairs if name in seen.values]
        value, radius = np.array([[m.value, m.radius] for m in some]).T
        columns = np.column_stack([made[has], np.ones(has.sum())])
        slopes = np.linalg.lstsq(columns, value, rcond=None)[0][:-1]
        own = [action.startswith(name) for action in ACTIONS]
        others = np.where(own, 0, np.abs(slopes))
        moves = (truth > 0) | (value > RESTS)
        result[name] = {
            "faces": int(has.sum()),
            "correlation": float(np.corrcoef(truth, value)[0, 1]),
            "cross_talk": float(others.max()),
            "from": ACTIONS[int(others.argmax())],
            "error": float(np.abs(truth - value)[moves].mean()),
            "radius": float(np.median(radius[moves])),
            "coverage": float((np.abs(truth - value) <= radius)[moves].mean()),
        }
    return result


def mirror_difference(rows: Sequence[dict[str, float]], faces: Sequence[Face | None]) -> float:
    """Largest difference between a coefficient and that of the other side in the mirror image."""
    swap, worst = {"Left": "Right", "Right": "Left"}, 0.0
    there = [None if face is None else mirrored(face) for face in faces]
    for (_, one), (_, other) in zip(measured(rows, faces), measured(rows, there), strict=True):
        for name, value in one.values.items():
            side = next((s for s in swap if name.endswith(s)), "")
            partner = other.values[name.removesuffix(side) + swap.get(side, "")]
            worst = max(worst, abs(partner.value - value.value))
    return worst


def mirrored(face: Face) -> Face:
    points = face.points[IBUG_68.mirror].copy()
    points[:, 0] = SIZE - 1 - points[:, 0]
    return replace(face, points=points, box=affine.bounding_box(points))


def auc(score: Array, positive: NDArray[np.bool_]) -> float:
    """Share of pairs in which a positive has a higher score than a negative one."""
    high, low = score[positive][:, None], score[~positive]
    return float(((high > low) + 0.5 * (high == low)).mean())


def judged_photos(data: Path) -> dict[str, Any] | None:
    """AUC of smiles and open mouths on judged photos; None if there are none."""
    if not JUDGED.is_file() or not (data / "helen").is_dir():
        print("left out: judged photos, because HELEN or the judgements are not there")
        return None
    with JUDGED.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    model = facepoints.load(eye_closure=True)
    smiles, jaws = [], []
    for row in rows:
        faces = sorted(model(data / "helen" / row["file"]), key=lambda f: -f.box[2])
        if not faces:
            continue
        seen = expressions(faces[0])
        sides = [seen.values.get(f"mouthSmile{side}") for side in ("Left", "Right")]
        known = [side.value for side in sides if side is not None]
        if row["smile"] and len(known) == len(sides):
            smiles.append((sum(known) / len(known), row["smile"] == "1", bool(seen.smiles)))
        if row["open"] and "jawOpen" in seen.values:
            jaws.append((seen["jawOpen"].value, row["open"] == "1"))
    score, smile, said = np.array(smiles).T
    jaw, opened = np.array(jaws).T
    return {
        "judged": len(rows),
        "smiling": int(smile.sum()),
        "not_smiling": int((1 - smile).sum()),
        "open_mouths": int(opened.sum()),
        "other_mouths": int((1 - opened).sum()),
        "smile_auc": auc(score, smile > 0),
        "open_auc": auc(jaw, opened > 0),
        "smile_right": float((smile == said).mean()),
    }


def cells(kinds: dict[str, dict[str, dict[str, Any]]]) -> tables.Cells:
    heads = ["coefficient"]
    for kind in kinds:
        heads += [f"{kind}: correlation", "cross-talk", "error", "radius", "holds"]
    rows = []
    for name in EXPRESSIONS:
        row = [name]
        for some in kinds.values():
            one = some[name]
            row += [f"{one['correlation']:.2f}", f"{one['cross_talk']:.2f}", f"{one['error']:.2f}"]
            row += [f"{one['radius']:.2f}", f"{one['coverage']:.0%}"]
        rows.append(row)
    return [heads, *rows]


def main() -> None:
    parser = make_parser(__doc__, data=True, model=False)
    parser.add_argument("--people", type=int, default=120, help="rendered people (default: 120)")
    parser.add_argument("--no-photos", action="store_true", help="leave out the judged photos")
    given = parser.parse_args()
    rows, images = rendered(given.people)
    truly = true_faces(images)
    kinds = {"rendered, true points": figures(measured(rows, truly))}
    true_moved, moved = ([], []) if given.no_photos else moved_portraits(given.data)
    if moved:
        kinds["moved portraits, true points"] = figures(true_moved)
        kinds["moved portraits, found points"] = figures(moved)
    drawn = figures(measured(rows, found_faces(images)))
    content: dict[str, Any] = {"model": about(), "floor": FLOOR, "people": given.people}
    content |= {"kinds": kinds, "rendered_found": drawn, "portraits": len(moved)}
    content |= {"mirror": mirror_difference(rows, truly)}
    table = cells(kinds)
    tables.show("faces whose movements are known", table)
    text = (
        f"Rendered faces of {given.people} people against one image of each at rest, and "
        f"{len(moved)} moved portraits of test people against the portrait itself.\n\n"
    )
    text += tables.markdown(table)
    middle = float(np.median([one["correlation"] for one in drawn.values()]))
    text += f"\nFound in rendered faces, which are drawings: median correlation {middle:.2f}.\n"
    text += f"\nLargest difference in mirror images of true points: {content['mirror']:.1e}.\n"
    photos = None if given.no_photos else judged_photos(given.data)
    if photos is not None:
        content["photos"] = photos
        text += (
            f"\nPhotos of test people of HELEN, judged by looking, without a picture at rest: "
            f"{photos['smiling']} smile, {photos['not_smiling']} do not: AUC "
            f"{photos['smile_auc']:.3f}, 'smile' is right for {photos['smile_right']:.0%}. "
            f"{photos['open_mouths']} mouths are wide open, {photos['other_mouths']} are not: AUC "
            f"{photos['open_auc']:.3f}.\n"
        )
    print(text.splitlines()[-1])
    tables.write(given.out, "expressions", content, text)


if __name__ == "__main__":
    try:
        main()
    except FacepointsError as error:
        sys.exit(f"error: {error}")
