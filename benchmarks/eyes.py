"""Are eyes open or closed, and are blinks found?

    python benchmarks/eyes.py                # two minutes on 2 cores

- single eyes: the tenth of Closed Eyes in the Wild that benchmarks/data/eyes-held-out.txt names,
  cut by picture and by person, 24 x 24 pixels.
- judged faces: test people of HELEN, LFPW, AFW, CFP and the street photos, whose eyes a person
  judged by looking at them (benchmarks/data/eye-judgements.csv): open, closed, hidden (the other
  side of the head, or behind dark glasses) or unsure, which does not count. The faces are found
  and measured as by `facepoints.load(eye_closure=True)`.
- clips: real videos whose blinks were marked frame by frame. Events are those of
  `facepoints measure --events`, with its limits ("limits" in the results); one that overlaps a
  marked blink finds it. Half blinks do not count, whether they are found or not.

AUC is the area under the receiver operating curve of the probability that an eye is closed: how
often a closed eye gets a higher one than an open eye.

Results: benchmarks/results/eyes.json and eyes.md.
"""

from __future__ import annotations

import csv
import json
import re
import sys
import tempfile
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from support import tables
from support.cli import ROOT, make_parser
from support.ours import about
from support.sets import SETS

import facepoints
from facepoints.commands.inputs import iter_inputs
from facepoints.commands.measure import measure_inputs
from facepoints.datasets import readers
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError, FacepointsError
from facepoints.imaging import affine
from facepoints.inference.eye_closure import EYES
from facepoints.inference.eye_state import SIDE, EyeStateModel
from facepoints.inference.face import Face
from facepoints.measurement.events import EVENT_CONFIG

Array = NDArray[np.float64]

FLOOR = {"auc": 0.99, "blinks": 0.95}
HELD_OUT = ROOT / "benchmarks" / "data" / "eyes-held-out.txt"
JUDGED = ROOT / "benchmarks" / "data" / "eye-judgements.csv"
PARTS = ("single", "judged", "clips")
NEAR = 0.15
"""Mean error of the points of a labeled face, over its size, up to which a face is that one."""


def auc(score: Array, closed: NDArray[np.bool_]) -> float:
    """Area under the receiver operating curve; equal scores count half."""
    above = score[closed][:, None] - score[~closed][None]
    return float((above > 0).mean() + (above == 0).mean() / 2)


def single_eyes(path: Path, state: EyeStateModel) -> dict[str, Any]:
    """The held-out tenth of the single eyes."""
    if not path.exists():
        raise DataError(f"expected {path}; --data names the folder with eyes")
    held = set(HELD_OUT.read_text(encoding="utf-8").split())
    images, closed = [], []
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            folder, _, file = name.partition("/")
            shut = folder.startswith("closed")
            group = file[:15] if shut else re.sub(r"_\d{4}_[LR]\.jpg$", "", file)
            if group in held:
                pixels = np.frombuffer(archive.read(name), np.uint8)
                image = np.asarray(cv2.imdecode(pixels, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
                images.append(affine.resize(image, SIDE, SIDE))
                closed.append(shut)
    score, seen = state(np.stack(images))
    truth = np.array(closed)
    return figures(score.astype(np.float64), truth) | {"not_seen": int((seen < 0.5).sum())}


def figures(score: Array, closed: NDArray[np.bool_]) -> dict[str, Any]:
    """AUC, and errors at the threshold 0.5."""
    return {
        "open": int((~closed).sum()),
        "closed": int(closed.sum()),
        "auc": auc(score, closed),
        "open_missed": int((score[~closed] >= 0.5).sum()),
        "closed_missed": int((score[closed] < 0.5).sum()),
    }


def judged_faces(data: Path, model: Path | None) -> dict[str, dict[str, Any]]:
    """The judged eyes by set, and all together."""
    with open(JUDGED, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    network = facepoints.load(model or "builtin", eye_closure=True)
    found: dict[str, list[tuple[str, float | None]]] = {}
    for name in dict.fromkeys(row["set"] for row in rows):
        truths = {row["face"]: [row[eye] for eye in EYES] for row in rows if row["set"] == name}
        photos = readers.read(data / SETS[name].folder)
        assert isinstance(photos, Photos)
        photos = photos.take(np.isin(photos.names, list(truths)))
        found[name] = []
        for row, image in enumerate(photos.read_images()):
            labelled = photos.labelled[row]
            names = [n for n, own in zip(photos.landmarks.names, labelled, strict=True) if own]
            closure = matching(network(image), names, photos.points[row][labelled], name)
            values = [None, None] if closure is None else [closure.of(eye)[0] for eye in EYES]
            found[name] += zip(truths[str(photos.names[row])], values, strict=True)
    found = {"all": [pair for pairs in found.values() for pair in pairs]} | found
    return {name: judged(pairs) for name, pairs in found.items()}


def matching(faces: list[Face], names: list[str], points: NDArray, set_name: str) -> Any:
    """The closure of the eyes of the face that has these points; None if it was not found."""
    own = SETS[set_name].names or {name: name for name in names}
    rows = [k for k, name in enumerate(names) if name in own]
    truth = points[rows]
    size = float(np.ptp(truth, axis=0).max())
    best, nearest = None, NEAR * size
    for face in faces:
        there = np.array([face[own[names[k]]] for k in rows])
        off = float(np.linalg.norm(there - truth, axis=1).mean())
        if off < nearest:
            best, nearest = face.eye_closure, off
    return best


def judged(pairs: list[tuple[str, float | None]]) -> dict[str, Any]:
    """Figures of judged eyes: pairs of the judgement and the probability."""
    known = [(truth, value) for truth, value in pairs if truth in ("open", "closed")]
    score = np.array([value for _, value in known if value is not None])
    closed = np.array([truth == "closed" for truth, value in known if value is not None], bool)
    hidden = [value for truth, value in pairs if truth == "hidden"]
    result: dict[str, Any] = {
        "not_seen": len(known) - len(score),
        "hidden": len(hidden),
        "hidden_not_seen": sum(value is None for value in hidden),
    }
    if closed.any() and not closed.all():
        result = figures(score, closed) | result
    return result


def clips(folder: Path, model: Path | None) -> dict[str, dict[str, Any]]:
    """Blinks of the clips: marked, found, false; and other eye events."""
    marks = json.loads((folder / "blinks.json").read_text(encoding="utf-8"))
    result = {}
    for name, marked in marks.items():
        with tempfile.TemporaryDirectory() as temporary:
            table, events = Path(temporary) / "a.csv", Path(temporary) / "events.csv"
            stream = iter_inputs(
                [str(folder / name)], lambda: facepoints.load(model or "builtin"), video=True
            )
            measure_inputs(stream, table, events=events)
            with open(events, encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
        result[name] = counted(rows, marked)
    total = {key: sum(one[key] for one in result.values()) for key in ("marked", "found", "false")}
    return {"all": total | {"eyes_closed": sum(r["eyes_closed"] for r in result.values())}} | result


def counted(rows: list[dict[str, str]], marked: dict[str, Any]) -> dict[str, Any]:
    """Blinks of one clip by their marks."""
    blinks = [(int(r["first_frame"]), int(r["last_frame"])) for r in rows if r["event"] == "blink"]

    def meets(mark: list[int], blink: tuple[int, int]) -> bool:
        return blink[0] <= mark[1] and blink[1] >= mark[0]

    found = sum(any(meets(mark, blink) for blink in blinks) for mark in marked["blinks"])
    others = [*marked["blinks"], *marked["half"]]
    return {
        "marked": len(marked["blinks"]),
        "found": found,
        "false": sum(not any(meets(mark, blink) for mark in others) for blink in blinks),
        "eyes_closed": sum(row["event"] == "eyes_closed" for row in rows),
    }


def eye_table(content: dict[str, Any]) -> tables.Cells:
    """The table of eyes."""
    rows = [["eyes", "open", "closed", "AUC", "open called closed", "closed called open",
             "not seen", "hidden", "of them not seen"]]  # fmt: skip
    named: dict[str, dict[str, Any]] = {"single eyes, held-out tenth": content["single"]}
    named |= {f"judged faces, {name}": some for name, some in content["judged"].items()}
    for name, some in named.items():
        auc_text = f"{some['auc']:.4f}" if "auc" in some else ""
        keys = ("open_missed", "closed_missed", "not_seen", "hidden", "hidden_not_seen")
        counts = [str(some.get(key, "")) for key in keys]
        rows.append(
            [name, str(some.get("open", "")), str(some.get("closed", "")), auc_text, *counts]
        )
    return rows


def clip_table(content: dict[str, Any]) -> tables.Cells:
    """The table of blinks."""
    keys = ("marked", "found", "false", "eyes_closed")
    rows = [["clip", "full blinks", "found", "false blinks", "closed for longer"]]
    return rows + [
        [name, *(str(one[key]) for key in keys)] for name, one in content["clips"].items()
    ]


def main() -> None:
    """Measure eyes and blinks."""
    parser = make_parser(__doc__, data=True)
    parser.add_argument(
        "--only", nargs="*", choices=PARTS, default=PARTS,
        help="parts to measure; the others are taken from the earlier results",
    )  # fmt: skip
    chosen = parser.parse_args()
    state = EyeStateModel.load()
    measures = {
        "single": lambda: single_eyes(chosen.data / "eyes" / "eyes.zip", state),
        "judged": lambda: judged_faces(chosen.data, chosen.model),
        "clips": lambda: clips(chosen.data / "clips", chosen.model),
    }
    earlier = chosen.out / "eyes.json"
    kept = json.loads(earlier.read_text("utf-8")) if set(chosen.only) != set(PARTS) else {}
    content = {part: measures[part]() if part in chosen.only else kept[part] for part in PARTS}
    content |= {
        "floors": FLOOR,
        "limits": asdict(EVENT_CONFIG),
        "ours": about(chosen.model) | {"eye_state": state.checksum[:16]},
    }
    titled = [
        ("Eyes open or closed, people and pictures not trained on", eye_table(content)),
        ("Blinks in real clips", clip_table(content)),
    ]
    tables.write(chosen.out, "eyes", content, tables.show_titled(titled))


if __name__ == "__main__":
    try:
        main()
    except FacepointsError as error:
        sys.exit(f"error: {error}")
