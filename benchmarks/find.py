"""How well and how fast faces are found: our finder, OpenCV's cascade, MediaPipe's detectors.

    python benchmarks/find.py                 # some minutes; needs ../shared/data

On the photos of the held-out people: which labelled faces are found, how many further boxes a
photo has, and the time per photo. On copies of them: what turning the photo does, and faces that
are small in a picture of 640 x 480.

A box counts as the labelled face if its middle is within 0.4 face sizes of the face's and its
size within a factor of 1.8. What each finder calls a face's box differs, so the peers' boxes are
first moved and scaled by the medians on 200 faces of other people. All else that is found is an
extra box. Not every face is labelled, so the pictures of extra boxes go to build/find-extra;
those that show a real face are listed in `support/unlabelled.json` after a look at them and are
not counted. Results: benchmarks/results/find.json and find.md.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from support import tables
from support.detectors import FINDERS, Finder, Seen, finder
from support.faces import DATA, FaceSet, read_sets

from facepoints._util.files import write_json, write_text
from facepoints.detection import Detection
from facepoints.imaging import affine
from facepoints.landmarks.mean_face import MEAN_FACE

RESULTS = Path(__file__).parent / "results"
REAL = Path(__file__).parent / "support" / "unlabelled.json"
EXTRA = Path(__file__).resolve().parents[1] / "build" / "find-extra"
MIDDLE, SIZE = 0.4, 1.8
TURNS = (-45, -30, -15, 0, 15, 30, 45)
SIZES = (16, 20, 30, 45, 70, 110)
FLOORS = {"recall": 0.995, "extra": 0.05, "time_over_cascade": 0.25}


@dataclass(frozen=True)
class Face:
    """A labelled face: middle and longer side of its frame in pixels, degrees clockwise."""

    x: float
    y: float
    side: float
    angle: float


Move = NDArray[np.float64]
"""Shift right and down in the turned box as parts of its size, and factor of the size (3,)."""


def frame(points: NDArray[np.float64]) -> Face:
    matrix = affine.fit_similarity(MEAN_FACE, points)
    angle = float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))
    x, y = map(float, matrix[:, 2])
    return Face(x, y, float(np.hypot(*matrix[:, 0])), angle)


def moved(found: Detection, move: Move) -> Face:
    """A finder's box as a frame."""
    x, y, width, height = found.box
    size = max(width, height)
    turn = affine.rotation_matrix(found.angle, (0, 0))[:, :2]
    x, y = (x + width / 2, y + height / 2) + turn @ move[:2] * size
    return Face(float(x), float(y), size * float(move[2]), found.angle)


def same(found: Face, face: Face) -> bool:
    far = np.hypot(found.x - face.x, found.y - face.y)
    return bool(far < MIDDLE * face.side and 1 / SIZE < found.side / face.side < SIZE)


def fitted(find: Finder, faces: FaceSet) -> Move:
    """What brings a finder's boxes onto the frames of labelled faces."""
    rows = []
    for file, points in zip(faces.files, faces.points, strict=True):
        face = frame(points)
        for found in find(file).found:
            here = moved(found, np.array([0, 0, 1.0]))
            far = np.array([face.x - here.x, face.y - here.y])
            if np.hypot(*far) < face.side / 2 and 1 / 3 < here.side / face.side < 3:
                back = affine.rotation_matrix(-found.angle, (0, 0))[:, :2]
                rows.append([*(back @ far / here.side), face.side / here.side])
    return np.median(rows, axis=0)


@dataclass
class Tally:
    """What came of one finder on a number of pictures."""

    faces: int = 0
    missed: int = 0
    extra: int = 0
    real: int = 0
    seconds: list[float] | None = None
    names: list[str] | None = None

    def dict(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "faces": self.faces,
            "recall": round(1 - self.missed / max(self.faces, 1), 5),
            "extra": round(self.extra / max(self.faces, 1), 4),
            "unlabelled_real": self.real,
            "missed": self.names or [],
        }
        if self.seconds:
            told["ms"] = round(1000 * float(np.median(self.seconds)), 2)
        return told


def judge(
    tally: Tally, seen: Seen, face: Face, move: Move, known: Sequence[Sequence[float]], name: str
) -> list[Detection]:
    """Count one picture; gives the extra boxes that are not known as real faces."""
    frames = [moved(found, move) for found in seen.found]
    hits = [k for k, f in enumerate(frames) if same(f, face)]
    tally.faces += 1
    if not hits:
        tally.missed += 1
        tally.names = [*(tally.names or []), name]
    extra = []
    for k, f in enumerate(frames):
        if k in hits[:1]:
            continue
        if any(same(f, Face(x, y, side, 0)) for x, y, side in known):
            tally.real += 1
        else:
            tally.extra += 1
            extra.append(seen.found[k])
    tally.seconds = [*(tally.seconds or []), seen.seconds]
    return extra


def turned(picture: NDArray[np.uint8], points: NDArray, degrees: float):
    """A picture turned about its middle, large enough for all of it, and its points."""
    height, width = picture.shape[:2]
    matrix = affine.rotation_matrix(degrees, ((width - 1) / 2, (height - 1) / 2))
    corners = affine.apply(matrix, np.array([[0, 0], [width, 0], [0, height], [width, height]]))
    low, high = corners.min(axis=0), corners.max(axis=0)
    matrix[:, 2] -= low
    new = tuple(int(n) for n in np.ceil(high - low))
    drawn = cv2.warpAffine(picture, matrix, new, flags=cv2.INTER_LINEAR)
    return drawn, affine.apply(matrix, points)


def shrunk(picture: NDArray[np.uint8], points: NDArray, side: float, rng: np.random.Generator):
    """A photo made so small that its face measures `side`, on a picture of 640 x 480 that is
    the photo, blurred."""
    scale = side / frame(points).side
    height, width = picture.shape[:2]
    new = max(1, round(width * scale)), max(1, round(height * scale))
    new = min(new[0], 640), min(new[1], 480)
    small = affine.resize(picture, *new)
    canvas = cv2.GaussianBlur(cv2.resize(picture, (640, 480)), (0, 0), 40)
    left, top = (int(rng.integers(0, n - m + 1)) for n, m in zip((640, 480), new, strict=True))
    canvas[top : top + new[1], left : left + new[0]] = small
    matrix = affine.resize_matrix(new[0] / width, new[1] / height)
    return canvas, affine.apply(matrix, points) + np.array([left, top])


def copies(faces: FaceSet, folder: Path, kind: str, amount: float) -> FaceSet:
    """Changed copies of a set's pictures."""
    files, points = [], []
    rng = np.random.default_rng(0)
    for number, (file, true) in enumerate(zip(faces.files, faces.points, strict=True)):
        picture = np.asarray(cv2.imread(str(file)), dtype=np.uint8)
        if kind == "turn":
            picture, true = turned(picture, true, amount)
        else:
            picture, true = shrunk(picture, true, amount, rng)
        files.append(folder / f"{kind}{amount}-{number}.png")
        cv2.imwrite(str(files[-1]), picture)
        points.append(true)
    return FaceSet(tuple(files), np.array(points, dtype=np.float64), faces.names, faces.people)


def keep_extra(name: str, file: Path, photo: str, found: Sequence[Detection]) -> None:
    """Pictures of extra boxes, to be looked at."""
    folder = EXTRA / name.replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    picture = np.asarray(cv2.imread(str(file)), dtype=np.uint8)
    for one in found:
        x, y, width, height = one.box
        side = max(width, height)
        crop = affine.warp(picture, affine.crop_matrix(one.box, 160, 0.6), 160, 160)
        place = f"{x + width / 2:.0f}_{y + height / 2:.0f}_{side:.0f}"
        stem = photo.replace("/", "_").rpartition(".")[0]
        cv2.imwrite(str(folder / f"{stem}@{place}@{one.score:.2f}.png"), crop)


def run(
    finders: dict[str, Finder], moves: dict[str, Move], faces: FaceSet, keep: bool
) -> dict[str, Any]:
    """Every finder on every picture, one after the other picture by picture, so that a busy
    moment of the machine hits all of them."""
    known = json.loads(REAL.read_text(encoding="utf-8")) if REAL.exists() else {}
    tallies = {name: Tally() for name in finders}
    rows = zip(faces.files, faces.points, faces.names, strict=True)
    for file, points, photo in rows:
        face = frame(points)
        for name, find in finders.items():
            seen = find(file)
            real = known.get(photo, []) if keep else []
            extra = judge(tallies[name], seen, face, moves[name], real, photo)
            if keep:
                keep_extra(name, file, photo, extra)
    return {name: tally.dict() for name, tally in tallies.items()}


def subset(faces: FaceSet, count: int) -> FaceSet:
    return faces.take(np.unique(np.linspace(0, len(faces) - 1, count).astype(np.intp)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--model", type=Path, help="finder to measure; default: the shipped one")
    parser.add_argument("--include-people", nargs="*", default=list(FINDERS), choices=list(FINDERS))
    parser.add_argument("--copies", type=int, default=120, help="pictures of each set to change")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    sets = read_sets(options.data)
    finders = {name: finder(name, options.model) for name in options.only}
    moves = {}
    for name, find in finders.items():
        # ours gives frames as they are
        ours = name.startswith("facepoints")
        others = [fitted(find, subset(s.training, 100)) for s in sets.values() if not ours]
        moves[name] = np.mean(others, axis=0) if others else np.array([0, 0, 1.0])
    report: dict[str, Any] = {"cores": os.cpu_count(), "photos": {}, "turn": {}, "size": {}}
    for name, split in sets.items():
        report["photos"][name] = run(finders, moves, split.held_out, keep=True)
    with tempfile.TemporaryDirectory() as folder:
        for kind, amounts in (("turn", TURNS), ("size", SIZES)):
            for amount in amounts:
                told: dict[str, list[float]] = {name: [] for name in finders}
                for name, split in sets.items():
                    if kind == "size" and name != "lfpw":
                        continue
                    some = copies(
                        subset(split.held_out, options.copies), Path(folder), kind, amount
                    )
                    for who, row in run(finders, moves, some, keep=False).items():
                        told[who].append(row["recall"])
                report[kind][str(amount)] = {
                    who: round(float(np.mean(parts)), 4) for who, parts in told.items()
                }
    text = show(report, options.only)
    write_json(options.out / "find.json", report)
    write_text(options.out / "find.md", text)


def show(report: dict[str, Any], names: Sequence[str]) -> str:
    """Tables on the terminal and as Markdown."""
    text = ""
    for name, rows in report["photos"].items():
        cells = [["finder", "faces", "found %", "extra boxes per photo", "ms per photo"]]
        for who in names:
            row = rows[who]
            numbers = [f"{100 * row['recall']:.2f}", f"{row['extra']:.3f}", f"{row['ms']:.1f}"]
            cells.append([FINDERS[who], str(row["faces"]), *numbers])
        tables.show(name, cells)
        text += f"### {name}\n\n{tables.markdown(cells)}\n"
    for kind, title in (("turn", "found %, by turn in degrees"), ("size", "found %, by face size")):
        cells = [[title, *report[kind]]]
        for who in names:
            parts = [f"{100 * row[who]:.1f}" for row in report[kind].values()]
            cells.append([FINDERS[who], *parts])
        tables.show(title, cells)
        text += f"### {title}\n\n{tables.markdown(cells)}\n"
    return text


if __name__ == "__main__":
    main()
