"""Error of the points on held-out people, with face detection: facepoints and the peers.

    python benchmarks/accuracy.py                    # 15 minutes on 2 cores, 1.3 GB of peers
    python benchmarks/accuracy.py --sides facepoints # only facepoints; other rows are kept

Every side gets the image file and nothing else. The prediction that counts is the one whose
points' box overlaps that of the labelled points most (intersection over union above 0.3). In a
photo of several faces, each prediction counts once. A face without one is missed: it counts as
failed in FR and is listed in the results. NME is the mean distance of the labelled points over the
distance of the outer corners of the eyes ("eyes"), over sqrt(width * height) of the labelled
points' box ("box") or over the distance of the pupils, averaged over the detected faces. FR 8:
share of the faces whose first figure is above 8 %. Extra boxes are faces that a side sees where
nobody labelled one. Crops of them go to build/extra-boxes; those that show a real face are listed
by hand in `support/unlabelled.json` and do not count.

Sets (`support/sets.py`): LFPW, HELEN and AFW with 68 points marked by hand, YouTube Faces (68,
marked by a detector), CFP (profiles, the 30 points of the visible half), street and family photos
(five points: pupils, nose tip, corners of the mouth), SCUT portraits (pupils, and the points that
have a counterpart among the 68). Sides without pupils get the means of the six points around each
eye in the five points, and no figure for the pupils alone.

The peers, MediaPipe Face Mesh 0.10.14 and dlib's 68-point predictor, run in an environment
of their own (`support/peers.py`). They mark slightly other places than the labels, so each
gets a linear correction fitted on up to 600 faces of the same set whose people are not held out:
from all points at once ("linear": the most favorable, and the one to compare with) or for each
point alone ("point"). facepoints is compared without a correction ("none"). Its corrected rows
are shown for completeness; it was trained on those faces. dlib was trained on the photos of
LFPW, HELEN and AFW and is meant for frontal faces, so it is measured on YouTube Faces only.

A further table has the signed mean error of each eye and lip point in the sets that people marked,
in percent of the distance of the outer eye corners. Another has how well `Face.visible` tells
visible points from hidden ones: area under the ROC curve over CFP's visible and hidden half and
the points of frontal faces (yaw below 30 degrees).

Predictions of the peers are cached under build/peer-predictions; --fresh computes them again.
Results: benchmarks/results/accuracy.json and accuracy.md.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from support import correction, peers, tables
from support.bias import signed_mean_errors
from support.cli import make_parser
from support.extras import extra_frames, keep_crop
from support.faces import FaceSet, Split, match, measure, read_sets
from support.frames import Frame
from support.ours import about, find_faces, has_pupils, points_of, visible_of
from support.sets import SETS
from support.visibility import auc, known_visibility

from facepoints._util.files import read_json

OURS = "facepoints"
SIDES = (OURS, *peers.PEERS)
TITLES = {OURS: OURS, **peers.PEERS}
ONLY = {"dlib": ("youtube",)}  # sides that are measured on some sets only
BIAS_FLOOR = 0.7
PROFILES = "cfp"  # the set whose labels tell the visible half


@dataclass(frozen=True)
class Predicted:
    """What a side says about N labelled faces.

    Attributes:
        points: (N, 70, 2) in pixels, 0 for faces that it missed.
        detected: (N,), False for those.
        visible: (N, 68), chance that each point is visible; None if the side does not say.
        pupils: True if it has pupils of its own.
        extra: extra boxes, with their images.
        real: number of boxes on real faces that nobody labelled.
    """

    points: NDArray[np.float64]
    detected: NDArray[np.bool_]
    visible: NDArray[np.float64] | None
    pupils: bool
    extra: list[tuple[Path, Frame]]
    real: int


def predict(side: str, faces: FaceSet, model: Path | None) -> Predicted:
    """One side's faces in the photos of a set, matched to the labelled ones."""
    visible = None
    if side == OURS:
        found = find_faces(faces.photos, model)
        detected = [points_of(some) for some in found]
        pupils = any(has_pupils(face) for some in found for face in some)
    else:
        found, pupils = [], peers.has_pupils(side)
        detected = peers.predictions(side, faces.photos, pupils=True)
    photo = faces.photo
    chosen = match(faces.points, detected, faces.labelled, photo)
    hits = np.flatnonzero(chosen >= 0)
    points = np.zeros_like(faces.points)
    for row in hits:
        points[row] = detected[photo[row]][chosen[row]]
    if side == OURS:
        some = visible_of([found[photo[row]][chosen[row]] for row in hits])
        if some is not None:
            visible = np.zeros((len(faces), 68))
            visible[hits] = some
    extra, real = extra_frames(faces, detected, chosen)
    return Predicted(points, chosen >= 0, visible, pupils, extra, real)


def measure_side(
    name: str, side: str, split: Split, model: Path | None
) -> tuple[list[dict[str, Any]], Predicted]:
    """A row per correction; and the predictions for the held-out faces."""
    faces, others = split.held_out, split.training
    predicted, fitted = (predict(side, some, model) for some in (faces, others))
    measures = [m for m in SETS[name].measures if predicted.pupils or m.by != "pupils"]
    for file, frame in predicted.extra:
        keep_crop(f"{name}-{side}", file, frame)
    first: dict[str, Any] = {"correction": "none", "photos": len(faces.photos)}
    first |= measure(faces, predicted.points, predicted.detected, measures)
    first |= {"extra": len(predicted.extra), "unlabelled_real": predicted.real}
    if SETS[name].by_hand:
        first["bias"] = signed_mean_errors(
            faces, predicted.points, predicted.detected, predicted.pupils
        )
    rows = [first]
    hit = fitted.detected
    for kind in correction.KINDS:
        correct = correction.fit(
            kind, fitted.points[hit], others.points[hit], others.people[hit], others.labelled[hit]
        )
        corrected = np.array(predicted.points)
        corrected[predicted.detected] = correct(predicted.points[predicted.detected])
        row = {"correction": kind, "fitted_on": int(hit.sum())}
        rows.append(row | measure(faces, corrected, predicted.detected, measures))
    return rows, predicted


def visibility_figures(sets: dict[str, Split], ours: dict[str, Predicted]) -> dict[str, Any] | None:
    """Area under the ROC curve of `Face.visible`; None if the model or the sets lack it.

    "profiles": CFP's visible points against its hidden ones. "all": with the points of frontal
    faces of the other sets as further visible ones.
    """
    seen: dict[str, NDArray[np.float64]] = {}
    hidden = np.zeros(0)
    for name, predicted in ours.items():
        if predicted.visible is None:
            return None
        shown, away = known_visibility(sets[name].held_out, name == PROFILES)
        hit = predicted.detected[:, None]
        seen[name] = predicted.visible[shown & hit]
        hidden = np.concatenate([hidden, predicted.visible[away & hit]])
    if PROFILES not in seen or not len(hidden):
        return None
    every = np.concatenate(list(seen.values()))
    return {
        "profiles": round(auc(seen[PROFILES], hidden), 4),
        "all": round(auc(every, hidden), 4),
        "visible_points": len(every),
        "hidden_points": len(hidden),
        "visible_above_half": round(float((every > 0.5).mean()) * 100, 2),
        "hidden_below_half": round(float((hidden < 0.5).mean()) * 100, 2),
    }


def ordered(rows: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Rows of one set: first those to compare, then the other corrections."""
    of_set = [row for row in rows if row["set"] == name]
    main = {OURS: "none"}

    def place(row: dict[str, Any]) -> tuple[bool, int]:
        return row["correction"] != main.get(row["side"], "linear"), SIDES.index(row["side"])

    return sorted(of_set, key=place)


def table(rows: Sequence[dict[str, Any]], name: str) -> tables.Cells:
    """Table of one set."""
    of_set, measures = ordered(rows, name), SETS[name].measures
    keys = [*(m.key for m in measures), "fr_8", "fr_10"]
    heads = ["side", "correction", *(m.title for m in measures), "FR 8", "FR 10", "missed"]
    counts = any("extra" in row for row in of_set)
    cells = [heads + ["extra boxes per photo"] * counts]
    for row in of_set:
        line = [TITLES[row["side"]], row["correction"]]
        line += [f"{row[key]:.2f}" if key in row else "-" for key in keys]
        line.append(f"{len(row['missed'])} of {row['faces']}")
        extra = f"{row['extra'] / row['photos']:.3f}" if "extra" in row else ""
        cells.append(line + [extra] * counts)
    return cells


def bias_table(rows: Sequence[dict[str, Any]], side: str = OURS) -> tables.Cells:
    """Signed mean errors of one side: a row per point, two columns per set, and the largest."""
    by_set = {r["set"]: r["bias"] for r in rows if r["side"] == side and r.get("bias")}
    points = list(dict.fromkeys(p for bias in by_set.values() for p in bias))
    heads = [f"{SETS[name].title}, {way}" for name in by_set for way in ("right", "down")]
    cells = [["point", *heads]]
    for point in points:
        pairs = [bias[point][:2] if point in bias else None for bias in by_set.values()]
        parts = [[f"{v:+.2f}" for v in pair] if pair else ["-", "-"] for pair in pairs]
        cells.append([point, *(text for part in parts for text in part)])
    largest = [
        max(abs(values[axis]) for values in bias.values())
        for bias in by_set.values()
        for axis in (0, 1)
    ]
    return [*cells, ["largest", *(f"{value:.2f}" for value in largest)]]


def visibility_table(figures: dict[str, Any]) -> tables.Cells:
    """Table of how often the network is right about whether a point is visible or hidden."""
    heads = ["points", "area under the ROC curve", "visible points above 0.5"]
    heads += ["hidden points below 0.5"]
    shares = [f"{figures[k]:.1f}%" for k in ("visible_above_half", "hidden_below_half")]
    return [
        heads,
        ["CFP profiles", f"{figures['profiles']:.4f}", "", ""],
        ["CFP profiles and frontal faces", f"{figures['all']:.4f}", *shares],
    ]


def options() -> argparse.Namespace:
    parser = make_parser(__doc__, data=True)
    parser.add_argument("--sides", nargs="*", choices=SIDES, default=SIDES)
    parser.add_argument("--sets", nargs="*", choices=list(SETS), default=list(SETS))
    parser.add_argument("--fresh", action="store_true", help="ignore the peers' cached predictions")
    return parser.parse_args()


def report(content: dict[str, Any], sizes: dict[str, Split]) -> str:
    """Show all tables; returns them as Markdown."""
    texts, rows = [], content["rows"]

    def add(title: str, cells: tables.Cells) -> None:
        tables.show(title, cells)
        texts.append(f"{title}\n\n{tables.markdown(cells)}")

    for name, split in sizes.items():
        faces = split.held_out
        count = f"{len(faces)} held-out faces in {len(faces.photos)} photos"
        add(f"{SETS[name].title}: {count}, percent", table(rows, name))
    for side in (OURS, "mediapipe-refined"):
        if any(row.get("bias") for row in rows if row["side"] == side):
            title = f"Signed mean error of eye and lip points: {TITLES[side]}, no correction, "
            add(f"{title}percent of the distance of the outer eye corners", bias_table(rows, side))
    if content.get("visibility"):
        add("Visible or hidden", visibility_table(content["visibility"]))
    return "\n".join(texts)


def main() -> None:
    """Measure the chosen sides; keep the rows of the others."""
    chosen = options()
    if chosen.fresh:
        shutil.rmtree(peers.BUILD / "peer-predictions", ignore_errors=True)
    sets, kept = read_sets(chosen.data, chosen.sets), chosen.out / "accuracy.json"
    new: list[dict[str, Any]] = []
    ours: dict[str, Predicted] = {}
    for name, split in sets.items():
        for side in chosen.sides:
            if name not in ONLY.get(side, sets):
                continue
            print(f"{name}: {TITLES[side]}", flush=True)
            rows, predicted = measure_side(name, side, split, chosen.model)
            new += [{"set": name, "side": side} | row for row in rows]
            if side == OURS:
                ours[name] = predicted
    # read late, because another run may have written its sides in the meantime
    measured = {(row["set"], row["side"]) for row in new}
    before = read_json(kept) if kept.exists() else {"rows": [], "ours": None}
    rows = [row for row in before["rows"] if (row["set"], row["side"]) not in measured] + new
    content = {"unit": "percent", "rows": rows, "bias_floor": BIAS_FLOOR}
    content["ours"] = about(chosen.model) if ours else before["ours"]
    content["visibility"] = visibility_figures(sets, ours) if ours else before.get("visibility")
    measured_peers = set(chosen.sides) & set(peers.PEERS)
    content["peers"] = peers.versions() if measured_peers else before.get("peers")
    shown = sets if set(chosen.sets) == set(SETS) else read_sets(chosen.data)
    shown = {name: split for name, split in shown.items() if any(r["set"] == name for r in rows)}
    tables.write(chosen.out, "accuracy", content, report(content, shown))
    for row in rows:
        if row["missed"] and row["correction"] == "none":
            print(f"missed by {row['side']} in {row['set']}: {', '.join(row['missed'])}")


if __name__ == "__main__":
    main()
