"""How far off the 68 points are on held-out people, the face found first: ours and the peers'.

    python benchmarks/accuracy.py                    # ten minutes on 2 cores, 1.3 GB of peers
    python benchmarks/accuracy.py --sides facepoints # only ours, beside what was measured

Every side gets the picture file and nothing else. Its face is the one whose points' box
overlaps that of the true points best (intersection over union above 0.3); a face without
one is missed: it counts as failed in FR and is listed in the results. NME is the mean
distance of the points over the distance of the outer corners of the eyes ("eyes") or over
sqrt(width * height) of the true points' box ("box"), mean over the faces that the side found,
for all 68 points and for the 51 without the jaw. FR 8: part of the faces with an NME (68,
eyes) above 8%.

The peers, MediaPipe Face Mesh 0.10.14 and dlib's 68-point predictor, run in an environment
of their own (`support/peers.py`). Their points are not quite those of the labels, so each
gets a linear correction fitted on 600 faces of the same set whose people are not held out:
from all its points at once ("linear": the most favourable, and the one to compare with) or
each point for itself ("point"). Ours is compared as it is ("none"); the others are for the
curious, and flatter it little, as it was trained on those 600 faces. dlib learned from the
photos of LFPW, so it is measured on YouTube Faces only.

The peers' answers are kept under build/peer-answers; --fresh computes them again. Results:
benchmarks/results/accuracy.json and accuracy.md.
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
from support.faces import DATA, FaceSet, Split, match, measure, read_sets
from support.ours import about, find_faces

from facepoints._util.files import read_json, write_json, write_text

RESULTS = Path(__file__).parent / "results"
OURS = "facepoints"
SIDES = (OURS, *peers.PEERS)
LEARNED_FROM = {("dlib", "lfpw")}  # side and set: not measured, it has seen the answers
FIGURES = ("eyes_68", "eyes_51", "box_68", "box_51", "fr_8", "fr_10")
HEADS = ("NME eyes, 68", "eyes, 51", "box, 68", "box, 51", "FR 8", "FR 10")


def answers(side: str, faces: FaceSet, model: Path | None) -> tuple[NDArray, NDArray[np.bool_]]:
    """One side's points (N, 68, 2) of every face, and which it found (N,)."""
    if side == OURS:
        found = [np.array([f.points for f in some]) for some in find_faces(faces.files, model)]
    else:
        found = peers.answers(side, faces.files)
    chosen = match(faces.points, found)
    points = np.zeros_like(faces.points)
    for row, index in enumerate(chosen):
        if index >= 0:
            points[row] = found[row][index]
    return points, chosen >= 0


def measure_side(side: str, split: Split, model: Path | None) -> list[dict[str, Any]]:
    """A row per correction."""
    points, found = answers(side, split.held_out, model)
    known, seen = answers(side, split.training, model)
    rows = [{"correction": "none"} | measure(split.held_out, points, found)]
    for kind in correction.KINDS:
        correct = correction.fit(
            kind, known[seen], split.training.points[seen], split.training.people[seen]
        )
        better = np.where(found[:, None, None], points, 0.0)
        better[found] = correct(points[found])
        row = {"correction": kind, "fitted_on": int(seen.sum())}
        rows.append(row | measure(split.held_out, better, found))
    return rows


def shown(rows: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """The rows of one set: first what is to be compared, then the other corrections."""
    mine = [row for row in rows if row["set"] == name]
    main = {OURS: "none"}

    def place(row: dict[str, Any]) -> tuple[bool, int]:
        return row["correction"] != main.get(row["side"], "linear"), SIDES.index(row["side"])

    return sorted(mine, key=place)


def table(rows: Sequence[dict[str, Any]], name: str) -> tables.Cells:
    """Heads and rows of one set."""
    lines = [
        [
            {OURS: OURS, **peers.PEERS}[row["side"]],
            row["correction"],
            *(f"{row[figure]:.2f}" for figure in FIGURES),
            f"{len(row['missed'])} of {row['faces']}",
        ]
        for row in shown(rows, name)
    ]
    return [["side", "correction", *HEADS, "missed"], *lines]


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--model", type=Path, help="ONNX file or run; default: the shipped model")
    parser.add_argument("--sides", nargs="*", choices=SIDES, default=SIDES)
    parser.add_argument("--fresh", action="store_true", help="forget the peers' kept answers")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the results")
    return parser.parse_args()


def main() -> None:
    """Measure what is asked for, beside what was measured before."""
    chosen = options()
    if chosen.fresh:
        shutil.rmtree(peers.BUILD / "peer-answers", ignore_errors=True)
    sets, kept = read_sets(chosen.data), chosen.out / "accuracy.json"
    new = [
        {"set": name, "side": side} | row
        for name, split in sets.items()
        for side in chosen.sides
        if (side, name) not in LEARNED_FROM
        for row in measure_side(side, split, chosen.model)
    ]
    # read as late as can be: another run may have written its sides meanwhile
    measured = {(row["set"], row["side"]) for row in new}
    before = read_json(kept) if kept.exists() else {"rows": [], "ours": None}
    rows = [row for row in before["rows"] if (row["set"], row["side"]) not in measured] + new
    ours = about(chosen.model) if OURS in chosen.sides else before["ours"]
    content = {"unit": "percent", "rows": rows, "ours": ours}
    write_json(kept, content | {"peers": peers.versions()})
    texts = []
    for name, split in sets.items():
        cells = table(rows, name)
        title = f"{name}: {len(split.held_out)} held-out faces, percent"
        tables.show(title, cells)
        texts.append(f"{title}\n\n{tables.markdown(cells)}")
    write_text(chosen.out / "accuracy.md", "\n".join(texts))
    for row in rows:
        if row["missed"] and row["correction"] == "none":
            print(f"missed by {row['side']} in {row['set']}: {', '.join(row['missed'])}")


if __name__ == "__main__":
    main()
