"""Recall and time of face detectors: the built-in one, OpenCV's cascade, MediaPipe's.

    python benchmarks/detect.py               # twenty minutes; needs ../shared/data

On photos of held-out people (LFPW, HELEN, AFW, YouTube Faces, profiles, street photos, portraits):
share of the labelled faces that are found, extra boxes per photo, and time per photo. Further:

- pictures without a face (`negatives`): share in which a face is seen, and the time of one over
  that of a photo of LFPW, resized to the same number of pixels;
- crowds: 57 held-out faces in rows in one photo of 1280 x 960, as in a class photo;
- one small face on a large gray picture: 30 px in 4000 x 3000, 60 px in 6000 x 4000, 93 px in
  12000 x 8000;
- `--any-angle` against plain on upright faces: found, second boxes on a face, upside-down answers;
  and both on photos turned by 90 and 180 degrees;
- turned photos, and small faces in an image of 640 x 480.

A box counts as the labelled face if its center is within 0.4 face sizes of the face's and its
size within a factor of 1.8. Detectors differ in the box of a face, so the peers' boxes are first
moved and scaled by the medians on 300 faces of other people. Every other box is an extra box. Not
every face is labelled, so crops of the extra boxes go to build/extra-boxes. Those that show a
real face are listed by hand in `support/unlabelled.json` and are not counted. Results:
benchmarks/results/detect.json and detect.md.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from support import tables
from support.cli import make_parser
from support.detectors import DETECTORS, Detect, make_detector
from support.faces import FaceSet, Split, read_sets
from support.frames import Move, frame_of, moved
from support.scenes import CROWD, LARGE, crowds, in_large, subset, turned_or_shrunk
from support.sets import SETS
from support.tally import run

from facepoints.imaging import affine

TURNS = (-45, -30, -15, 0, 15, 30, 45)
SIZES = (16, 20, 30, 45, 70, 110)
ANY_ANGLE = ("facepoints", "facepoints any-angle")
SLOW = ("cascade",)  # not run on pictures of many megapixels
FLOORS = {
    "recall": 0.995,
    "extra": 0.02,
    "time_over_cascade": 0.25,
    "negatives_with_a_face": 0.005,
    "time_without_a_face": 2.0,
}
_UNMOVED = np.array([0, 0, 1.0])


def fit_move(detect: Detect, faces: FaceSet) -> list[list[float]]:
    """Moves from a detector's boxes to the frames of labelled faces, a row per box on a face."""
    rows = []
    for file, points, labelled in zip(faces.files, faces.points, faces.labelled, strict=True):
        face = frame_of(points, labelled)
        for detection in detect(file).detections:
            here = moved(detection, _UNMOVED)
            far = np.array([face.x - here.x, face.y - here.y])
            if np.hypot(*far) < face.side / 2 and 1 / 3 < here.side / face.side < 3:
                back = affine.rotation_matrix(-detection.angle, (0, 0))[:, :2]
                rows.append([*(back @ far / here.side), face.side / here.side])
    return rows


def fit_moves(detectors: dict[str, Detect], sets: dict[str, Split]) -> dict[str, Move]:
    """The median move of each detector, on people who are not held out."""
    moves = {}
    for name, detect in detectors.items():
        others = [
            row
            for known in ("lfpw", "helen", "youtube")
            if known in sets and not name.startswith("facepoints")  # returns frames already
            for row in fit_move(detect, subset(sets[known].training, 100))
        ]
        moves[name] = np.median(others, axis=0) if others else _UNMOVED
    return moves


def without_a_face(
    detectors: dict[str, Detect], files: Sequence[Path], photos: FaceSet, folder: Path
) -> dict[str, Any]:
    """Share of pictures without a face in which one is seen, and their time over that of photos.

    Args:
        files: the pictures without a face.
        photos: photos with a face, which are brought to the median number of pixels of `files`.
    """
    sizes = [np.asarray(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)).shape for file in files]
    pixels = float(np.median([h * w for h, w in sizes]))
    with_face = []
    for number, file in enumerate(photos.photos):
        image = np.asarray(cv2.imread(str(file)), dtype=np.uint8)
        scale = (pixels / image[..., 0].size) ** 0.5
        size = [max(1, round(n * scale)) for n in image.shape[1::-1]]
        with_face.append(folder / f"same-size-{number}.png")
        cv2.imwrite(str(with_face[-1]), affine.resize(image, *size))
    rows = {}
    for name, detect in detectors.items():
        seconds = [detect(file).seconds for file in with_face]
        seen, took = [], []
        for file in files:
            timed = detect(file)
            took.append(timed.seconds)
            if timed.detections:
                seen.append(file.name)
        ms, ms_with = (1000 * float(np.median(part)) for part in (took, seconds))
        rows[name] = {
            "pictures": len(files),
            "with_a_face": round(len(seen) / len(files), 5),
            "ms": round(ms, 2),
            "ms_with_a_face": round(ms_with, 2),
            "times": round(ms / ms_with, 2),
            "seen": seen,
        }
    return rows


def any_angle(sets: dict[str, Split], model: Path | None, folder: Path, count: int) -> Any:
    """Plain and `--any-angle` on upright photos, and on photos turned by 90 and 180 degrees."""
    detectors = {name: make_detector(name, model) for name in ANY_ANGLE}
    moves = dict.fromkeys(detectors, _UNMOVED)
    report: dict[str, Any] = {}
    for name in ("lfpw", "helen", "afw", "youtube"):
        if name in sets:
            report[SETS[name].title] = run(detectors, moves, sets[name].held_out, "any-angle")
    if "lfpw" in sets:
        some = subset(sets["lfpw"].held_out, count)
        for degrees in (90, 180):
            turned = turned_or_shrunk(some, folder, "turn", degrees)
            report[f"LFPW turned by {degrees}°"] = run(detectors, moves, turned)
    return report


def changed(
    detectors: dict[str, Detect],
    moves: dict[str, Move],
    sets: dict[str, Split],
    folder: Path,
    count: int,
) -> dict[str, dict[str, Any]]:
    """Recall on turned photos of LFPW and YouTube Faces, and on small faces of LFPW."""
    report: dict[str, dict[str, Any]] = {"turn": {}, "size": {}}
    for kind, amounts, of in (("turn", TURNS, ("lfpw", "youtube")), ("size", SIZES, ("lfpw",))):
        for amount in amounts:
            recalls: dict[str, list[float]] = {name: [] for name in detectors}
            for name in of:
                if name not in sets:
                    continue
                some = turned_or_shrunk(subset(sets[name].held_out, count), folder, kind, amount)
                for who, row in run(detectors, moves, some).items():
                    recalls[who].append(row["recall"])
            report[kind][str(amount)] = {
                who: round(float(np.mean(parts)), 4) for who, parts in recalls.items() if parts
            }
    return report


def main() -> None:
    """Measure, show and write."""
    parser = make_parser(__doc__, data=True, model=False)
    parser.add_argument("--model", type=Path, help="detector file (default: the built-in one)")
    names = [name for name in DETECTORS if name != ANY_ANGLE[1]]
    parser.add_argument("--detectors", nargs="*", default=names, choices=names)
    parser.add_argument("--sets", nargs="*", choices=list(SETS), default=list(SETS))
    parser.add_argument("--copies", type=int, default=120, help="photos of each set to change")
    parser.add_argument("--crowds", type=int, default=6, help="photos of crowds")
    parser.add_argument("--large", type=int, default=8, help="large pictures of each size")
    parser.add_argument("--negatives", type=int, default=400, help="pictures without a face")
    options = parser.parse_args()
    sets = read_sets(options.data, options.sets)
    detectors = {name: make_detector(name, options.model) for name in options.detectors}
    moves = fit_moves(detectors, sets)
    report: dict[str, Any] = {"photos": {}, "floors": FLOORS}
    for name, split in sets.items():
        print(f"{name}: {len(split.held_out)} faces", flush=True)
        report["photos"][name] = run(detectors, moves, split.held_out, name)
    quick = {name: detect for name, detect in detectors.items() if name not in SLOW}
    faces = sets["lfpw"].held_out if "lfpw" in sets else next(iter(sets.values())).held_out
    negatives = sorted((options.data / "negatives").glob("*.jpg"))[: options.negatives]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if negatives:
            some = subset(faces, options.copies)
            report["negatives"] = without_a_face(detectors, negatives, some, folder)
        report["crowds"] = run(detectors, moves, crowds(faces, folder, options.crowds))
        report["large"] = {
            f"{side} px in {width} x {height}": run(
                quick, moves, in_large(subset(faces, options.large), folder, width, height, side)
            )
            for width, height, side in LARGE
        }
        report["any_angle"] = any_angle(sets, options.model, folder, options.copies)
        report |= changed(detectors, moves, sets, folder, options.copies)
    tables.write(options.out, "detect", report, show(report, options.detectors))


def photo_table(rows: dict[str, dict[str, Any]], names: Sequence[str]) -> tables.Cells:
    """Found faces, extra boxes and time: a row per detector."""
    cells = [["detector", "faces", "found %", "extra boxes per photo", "ms per photo"]]
    for who in names:
        row = rows[who]
        numbers = [f"{100 * row['recall']:.2f}", f"{row['extra']:.3f}", f"{row['ms']:.1f}"]
        cells.append([DETECTORS[who], str(row["faces"]), *numbers])
    return cells


def negative_table(rows: dict[str, dict[str, Any]]) -> tables.Cells:
    """Pictures without a face: a row per detector."""
    cells = [["detector", "pictures", "with a face, %", "ms", "ms of a photo with a face", "times"]]
    for who, row in rows.items():
        share, ms = f"{100 * row['with_a_face']:.2f}", f"{row['ms']:.1f}"
        line = [share, ms, f"{row['ms_with_a_face']:.1f}", f"{row['times']:.2f}"]
        cells.append([DETECTORS[who], str(row["pictures"]), *line])
    return cells


def large_table(report: dict[str, dict[str, dict[str, Any]]]) -> tables.Cells:
    """Small faces in large pictures: a row per detector, two columns per size."""
    heads = [f"{kind}, {what}" for kind in report for what in ("found", "extra", "ms")]
    cells = [["detector", *heads]]
    for who in next(iter(report.values())):
        line = [DETECTORS[who]]
        for rows in report.values():
            row = rows[who]
            found = f"{row['faces'] - len(row['missed'])} of {row['faces']}"
            line += [found, f"{row['extra'] * row['photos']:.0f}", f"{row['ms']:.0f}"]
        cells.append(line)
    return cells


def any_angle_table(report: dict[str, dict[str, dict[str, Any]]]) -> tables.Cells:
    """Plain and any-angle: a row per set and way."""
    heads = ["photos", "way", "faces", "found %", "extra boxes per photo"]
    cells = [[*heads, "second boxes on a face", "upside down", "ms"]]
    for kind, rows in report.items():
        for who, row in rows.items():
            counts = [f"{100 * row['recall']:.2f}", f"{row['extra']:.3f}", str(row["second"])]
            line = [kind, DETECTORS[who], str(row["faces"]), *counts, str(row["flipped"])]
            cells.append([*line, f"{row['ms']:.1f}"])
    return cells


def show(report: dict[str, Any], names: Sequence[str]) -> str:
    """Tables on the terminal and as Markdown."""
    titled = [
        (SETS[name].title, photo_table(rows, names)) for name, rows in report["photos"].items()
    ]
    if "negatives" in report:
        titled.append(("Pictures without a face", negative_table(report["negatives"])))
    titled.append((f"Crowds of {CROWD} faces", photo_table(report["crowds"], names)))
    titled.append(("One small face in a large picture", large_table(report["large"])))
    titled.append(("At any angle", any_angle_table(report["any_angle"])))
    for kind, title in (("turn", "found %, by turn in degrees"), ("size", "found %, by face size")):
        cells = [[title, *report[kind]]]
        for who in names:
            parts = [f"{100 * row[who]:.1f}" for row in report[kind].values()]
            cells.append([DETECTORS[who], *parts])
        titled.append((title, cells))
    return tables.show_titled(titled, "### ")


if __name__ == "__main__":
    main()
