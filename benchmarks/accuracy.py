"""Error of the 68 points on held-out people, with face detection: facepoints and the peers.

    python benchmarks/accuracy.py                    # ten minutes on 2 cores, 1.3 GB of peers
    python benchmarks/accuracy.py --sides facepoints # only facepoints; other rows are kept

Every side gets the image file and nothing else. The prediction that counts is the one whose
points' box overlaps that of the true points most (intersection over union above 0.3). A face
without one is missed: it counts as failed in FR and is listed in the results. NME is the mean
distance of the points over the distance of the outer corners of the eyes ("eyes") or over
sqrt(width * height) of the true points' box ("box"), averaged over the detected faces, for all
68 points and for the 51 without the jaw. FR 8: share of the faces with an NME (68, eyes) above 8 %.

The peers, MediaPipe Face Mesh 0.10.14 and dlib's 68-point predictor, run in an environment
of their own (`support/peers.py`). They mark slightly other places than the labels, so each
gets a linear correction fitted on 600 faces of the same set whose people are not held out:
from all points at once ("linear": the most favorable, and the one to compare with) or for each
point alone ("point"). facepoints is compared without a correction ("none"). Its corrected rows
are shown for completeness; it was trained on those 600 faces. dlib was trained on the photos of
LFPW, so it is measured on YouTube Faces only.

Predictions of the peers are cached under build/peer-predictions; --fresh computes them again.
Results: benchmarks/results/accuracy.json and accuracy.md.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from support import correction, peers, tables
from support.cli import make_parser
from support.faces import FaceSet, Split, match, measure, read_sets
from support.ours import about, find_faces

from facepoints._util.files import read_json

OURS = "facepoints"
SIDES = (OURS, *peers.PEERS)
TRAINED_ON = {("dlib", "lfpw")}  # side and set: not measured
FIGURES = ("eyes_68", "eyes_51", "box_68", "box_51", "fr_8", "fr_10")
HEADS = ("NME eyes, 68", "eyes, 51", "box, 68", "box, 51", "FR 8", "FR 10")


def predictions(side: str, faces: FaceSet, model: Path | None) -> tuple[NDArray, NDArray[np.bool_]]:
    """One side's points (N, 68, 2) of every face, and True for each face that it detected (N,)."""
    if side == OURS:
        detected = [np.array([f.points for f in some]) for some in find_faces(faces.files, model)]
    else:
        detected = peers.predictions(side, faces.files)
    chosen = match(faces.points, detected)
    points = np.zeros_like(faces.points)
    for row, index in enumerate(chosen):
        if index >= 0:
            points[row] = detected[row][index]
    return points, chosen >= 0


def measure_side(side: str, split: Split, model: Path | None) -> list[dict[str, Any]]:
    """A row per correction."""
    points, detected = predictions(side, split.held_out, model)
    fit_points, fit_detected = predictions(side, split.training, model)
    rows = [{"correction": "none"} | measure(split.held_out, points, detected)]
    for kind in correction.KINDS:
        correct = correction.fit(
            kind,
            fit_points[fit_detected],
            split.training.points[fit_detected],
            split.training.people[fit_detected],
        )
        corrected = np.where(detected[:, None, None], points, 0.0)
        corrected[detected] = correct(points[detected])
        row = {"correction": kind, "fitted_on": int(fit_detected.sum())}
        rows.append(row | measure(split.held_out, corrected, detected))
    return rows


def ordered(rows: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Rows of one set: first those to compare, then the other corrections."""
    of_set = [row for row in rows if row["set"] == name]
    main = {OURS: "none"}

    def place(row: dict[str, Any]) -> tuple[bool, int]:
        return row["correction"] != main.get(row["side"], "linear"), SIDES.index(row["side"])

    return sorted(of_set, key=place)


def table(rows: Sequence[dict[str, Any]], name: str) -> tables.Cells:
    """Table of one set."""
    lines = [
        [
            {OURS: OURS, **peers.PEERS}[row["side"]],
            row["correction"],
            *(f"{row[figure]:.2f}" for figure in FIGURES),
            f"{len(row['missed'])} of {row['faces']}",
        ]
        for row in ordered(rows, name)
    ]
    return [["side", "correction", *HEADS, "missed"], *lines]


def options() -> argparse.Namespace:
    parser = make_parser(__doc__, data=True)
    parser.add_argument("--sides", nargs="*", choices=SIDES, default=SIDES)
    parser.add_argument("--fresh", action="store_true", help="ignore the peers' cached predictions")
    return parser.parse_args()


def main() -> None:
    """Measure the chosen sides; keep the rows of the others."""
    chosen = options()
    if chosen.fresh:
        shutil.rmtree(peers.BUILD / "peer-predictions", ignore_errors=True)
    sets, kept = read_sets(chosen.data), chosen.out / "accuracy.json"
    new = [
        {"set": name, "side": side} | row
        for name, split in sets.items()
        for side in chosen.sides
        if (side, name) not in TRAINED_ON
        for row in measure_side(side, split, chosen.model)
    ]
    # read late, because another run may have written its sides in the meantime
    measured = {(row["set"], row["side"]) for row in new}
    before = read_json(kept) if kept.exists() else {"rows": [], "ours": None}
    rows = [row for row in before["rows"] if (row["set"], row["side"]) not in measured] + new
    ours = about(chosen.model) if OURS in chosen.sides else before["ours"]
    content = {"unit": "percent", "rows": rows, "ours": ours}
    texts = []
    for name, split in sets.items():
        cells = table(rows, name)
        title = f"{name}: {len(split.held_out)} held-out faces, percent"
        tables.show(title, cells)
        texts.append(f"{title}\n\n{tables.markdown(cells)}")
    measured_peers = set(chosen.sides) & set(peers.PEERS)
    content["peers"] = peers.versions() if measured_peers else before.get("peers")
    tables.write(chosen.out, "accuracy", content, "\n".join(texts))
    for row in rows:
        if row["missed"] and row["correction"] == "none":
            print(f"missed by {row['side']} in {row['set']}: {', '.join(row['missed'])}")


if __name__ == "__main__":
    main()
