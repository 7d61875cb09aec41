"""Recall and time of face detectors: the built-in one, OpenCV's cascade, MediaPipe's.

    python benchmarks/detect.py               # some minutes; needs ../shared/data

On photos of held-out people: share of the labeled faces that are found, extra boxes per photo,
and time per photo. On copies of them: turned photos, and small faces in an image of 640 x 480.

A box counts as the labeled face if its center is within 0.4 face sizes of the face's and its
size within a factor of 1.8. Detectors differ in the box of a face, so the peers' boxes are first
moved and scaled by the medians on 200 faces of other people. Every other box is an extra box. Not
every face is labeled, so crops of the extra boxes go to build/extra-boxes. Those that show a
real face are listed by hand in `support/unlabelled.json` and are not counted. Results:
benchmarks/results/detect.json and detect.md.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from support import tables
from support.cli import ROOT, make_parser
from support.detectors import DETECTORS, Detect, Timed, make_detector
from support.faces import FaceSet, read_sets

from facepoints.detection import Detection
from facepoints.imaging import affine
from facepoints.landmarks.mean_face import MEAN_FACE

REAL = Path(__file__).parent / "support" / "unlabelled.json"
EXTRA = ROOT / "build" / "extra-boxes"
CENTER, SIZE = 0.4, 1.8
TURNS = (-45, -30, -15, 0, 15, 30, 45)
SIZES = (16, 20, 30, 45, 70, 110)
FLOORS = {"recall": 0.995, "extra": 0.05, "time_over_cascade": 0.25}


@dataclass(frozen=True)
class Face:
    """A face: center and longer side of its frame in pixels, and degrees clockwise."""

    x: float
    y: float
    side: float
    angle: float


Move = NDArray[np.float64]
"""Shift right and down in the turned box in shares of its size, and factor of the size, (3,)."""


def frame(points: NDArray[np.float64]) -> Face:
    """Frame of a face: the mean face fitted to its points."""
    matrix = affine.fit_similarity(MEAN_FACE, points)
    angle = affine.rotation_of(matrix)
    x, y = map(float, matrix[:, 2])
    return Face(x, y, float(np.hypot(*matrix[:, 0])), angle)


def moved(detection: Detection, move: Move) -> Face:
    """A detector's box as a frame."""
    x, y, width, height = detection.box
    size = max(width, height)
    turn = affine.rotation_matrix(detection.angle, (0, 0))[:, :2]
    x, y = (x + width / 2, y + height / 2) + turn @ move[:2] * size
    return Face(float(x), float(y), size * float(move[2]), detection.angle)


def same(one: Face, face: Face) -> bool:
    """True if a detected frame is that of a labeled face."""
    far = np.hypot(one.x - face.x, one.y - face.y)
    return bool(far < CENTER * face.side and 1 / SIZE < one.side / face.side < SIZE)


def fit_move(detect: Detect, faces: FaceSet) -> Move:
    """The median move from a detector's boxes to the frames of labeled faces."""
    rows = []
    for file, points in zip(faces.files, faces.points, strict=True):
        face = frame(points)
        for detection in detect(file).detections:
            here = moved(detection, np.array([0, 0, 1.0]))
            far = np.array([face.x - here.x, face.y - here.y])
            if np.hypot(*far) < face.side / 2 and 1 / 3 < here.side / face.side < 3:
                back = affine.rotation_matrix(-detection.angle, (0, 0))[:, :2]
                rows.append([*(back @ far / here.side), face.side / here.side])
    return np.median(rows, axis=0)


@dataclass
class Tally:
    """Counts of one detector on a number of photos."""

    faces: int = 0
    missed: int = 0
    extra: int = 0
    real: int = 0
    seconds: list[float] | None = None
    names: list[str] | None = None

    def dict(self) -> dict[str, Any]:
        """Counts and shares for the results."""
        figures: dict[str, Any] = {
            "faces": self.faces,
            "recall": round(1 - self.missed / max(self.faces, 1), 5),
            "extra": round(self.extra / max(self.faces, 1), 4),
            "unlabelled_real": self.real,
            "missed": self.names or [],
        }
        if self.seconds:
            figures["ms"] = round(1000 * float(np.median(self.seconds)), 2)
        return figures


def count(
    tally: Tally, timed: Timed, face: Face, move: Move, known: Sequence[Sequence[float]], name: str
) -> list[Detection]:
    """Count one photo; returns the extra boxes that are not known as real faces."""
    frames = [moved(detection, move) for detection in timed.detections]
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
            extra.append(timed.detections[k])
    tally.seconds = [*(tally.seconds or []), timed.seconds]
    return extra


def turned(image: NDArray[np.uint8], points: NDArray, degrees: float):
    """An image turned about its center and enlarged to hold all of it, and its points."""
    height, width = image.shape[:2]
    matrix = affine.rotation_matrix(degrees, ((width - 1) / 2, (height - 1) / 2))
    corners = affine.apply(matrix, np.array([[0, 0], [width, 0], [0, height], [width, height]]))
    low, high = corners.min(axis=0), corners.max(axis=0)
    matrix[:, 2] -= low
    new = tuple(int(n) for n in np.ceil(high - low))
    drawn = cv2.warpAffine(image, matrix, new, flags=cv2.INTER_LINEAR)
    return drawn, affine.apply(matrix, points)


def shrunk(image: NDArray[np.uint8], points: NDArray, side: float, rng: np.random.Generator):
    """A photo shrunk so that its face measures `side`, on a blurred copy of 640 x 480."""
    scale = side / frame(points).side
    height, width = image.shape[:2]
    new = max(1, round(width * scale)), max(1, round(height * scale))
    new = min(new[0], 640), min(new[1], 480)
    small = affine.resize(image, *new)
    canvas = cv2.GaussianBlur(cv2.resize(image, (640, 480)), (0, 0), 40)
    left, top = (int(rng.integers(0, n - m + 1)) for n, m in zip((640, 480), new, strict=True))
    canvas[top : top + new[1], left : left + new[0]] = small
    matrix = affine.resize_matrix(new[0] / width, new[1] / height)
    return canvas, affine.apply(matrix, points) + np.array([left, top])


def copies(faces: FaceSet, folder: Path, kind: str, amount: float) -> FaceSet:
    """Changed copies of a set's photos."""
    files, points = [], []
    rng = np.random.default_rng(0)
    for number, (file, true) in enumerate(zip(faces.files, faces.points, strict=True)):
        image = np.asarray(cv2.imread(str(file)), dtype=np.uint8)
        if kind == "turn":
            image, true = turned(image, true, amount)
        else:
            image, true = shrunk(image, true, amount, rng)
        files.append(folder / f"{kind}{amount}-{number}.png")
        cv2.imwrite(str(files[-1]), image)
        points.append(true)
    return FaceSet(tuple(files), np.array(points, dtype=np.float64), faces.names, faces.people)


def keep_extra(name: str, file: Path, photo: str, detections: Sequence[Detection]) -> None:
    """Write crops of extra boxes, to check them by eye."""
    folder = EXTRA / name.replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    image = np.asarray(cv2.imread(str(file)), dtype=np.uint8)
    for one in detections:
        x, y, width, height = one.box
        side = max(width, height)
        crop = affine.warp(image, affine.crop_matrix(one.box, 160, 0.6), 160, 160)
        place = f"{x + width / 2:.0f}_{y + height / 2:.0f}_{side:.0f}"
        stem = photo.replace("/", "_").rpartition(".")[0]
        cv2.imwrite(str(folder / f"{stem}@{place}@{one.score:.2f}.png"), crop)


def run(
    detectors: dict[str, Detect], moves: dict[str, Move], faces: FaceSet, keep: bool
) -> dict[str, Any]:
    """Run every detector on every photo. Detectors take turns photo by photo, so that a busy moment
    of the machine hits all of them."""
    known = json.loads(REAL.read_text(encoding="utf-8")) if REAL.exists() else {}
    tallies = {name: Tally() for name in detectors}
    rows = zip(faces.files, faces.points, faces.names, strict=True)
    for file, points, photo in rows:
        face = frame(points)
        for name, detect in detectors.items():
            timed = detect(file)
            real = known.get(photo, []) if keep else []
            extra = count(tallies[name], timed, face, moves[name], real, photo)
            if keep:
                keep_extra(name, file, photo, extra)
    return {name: tally.dict() for name, tally in tallies.items()}


def subset(faces: FaceSet, size: int) -> FaceSet:
    """At most `size` faces, evenly spread."""
    return faces.take(np.unique(np.linspace(0, len(faces) - 1, size).astype(np.intp)))


def main() -> None:
    """Measure, show and write."""
    parser = make_parser(__doc__, data=True, model=False)
    parser.add_argument("--model", type=Path, help="detector file (default: the built-in one)")
    names = list(DETECTORS)
    parser.add_argument("--detectors", nargs="*", default=names, choices=names)
    parser.add_argument("--copies", type=int, default=120, help="photos of each set to change")
    options = parser.parse_args()
    sets = read_sets(options.data)
    detectors = {name: make_detector(name, options.model) for name in options.detectors}
    moves = {}
    for name, detect in detectors.items():
        # facepoints returns frames already
        ours = name.startswith("facepoints")
        others = [fit_move(detect, subset(s.training, 100)) for s in sets.values() if not ours]
        moves[name] = np.mean(others, axis=0) if others else np.array([0, 0, 1.0])
    report: dict[str, Any] = {"photos": {}, "turn": {}, "size": {}}
    for name, split in sets.items():
        report["photos"][name] = run(detectors, moves, split.held_out, keep=True)
    with tempfile.TemporaryDirectory() as folder:
        for kind, amounts in (("turn", TURNS), ("size", SIZES)):
            for amount in amounts:
                recalls: dict[str, list[float]] = {name: [] for name in detectors}
                for name, split in sets.items():
                    if kind == "size" and name != "lfpw":
                        continue
                    some = copies(
                        subset(split.held_out, options.copies), Path(folder), kind, amount
                    )
                    for who, row in run(detectors, moves, some, keep=False).items():
                        recalls[who].append(row["recall"])
                report[kind][str(amount)] = {
                    who: round(float(np.mean(parts)), 4) for who, parts in recalls.items()
                }
    text = show(report, options.detectors)
    tables.write(options.out, "detect", report, text)


def show(report: dict[str, Any], names: Sequence[str]) -> str:
    """Tables on the terminal and as Markdown."""
    text = ""
    for name, rows in report["photos"].items():
        cells = [["detector", "faces", "found %", "extra boxes per photo", "ms per photo"]]
        for who in names:
            row = rows[who]
            numbers = [f"{100 * row['recall']:.2f}", f"{row['extra']:.3f}", f"{row['ms']:.1f}"]
            cells.append([DETECTORS[who], str(row["faces"]), *numbers])
        tables.show(name, cells)
        text += f"### {name}\n\n{tables.markdown(cells)}\n"
    for kind, title in (("turn", "found %, by turn in degrees"), ("size", "found %, by face size")):
        cells = [[title, *report[kind]]]
        for who in names:
            parts = [f"{100 * row[who]:.1f}" for row in report[kind].values()]
            cells.append([DETECTORS[who], *parts])
        tables.show(title, cells)
        text += f"### {title}\n\n{tables.markdown(cells)}\n"
    return text


if __name__ == "__main__":
    main()
