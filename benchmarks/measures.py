"""How far measures of faces are from hand labels, whether their radius covers that, and how
repeatable they are.

    python benchmarks/measures.py               # three minutes on 2 cores

- Hand labels: faces of held-out people of the five sets that people labelled, found and matched as
  in `accuracy.py`. The measure of the labels is the true one. Bias is the mean of the measures over
  the mean of the true ones, minus 1 (for slants, the mean difference in degrees; for openings, in
  hundredths). Coverage is the share of the true measures within the 90 % radius. Measures that are
  left out, because a point is hidden or the head is turned, do not count.
- Mirror: the same faces of SCUT with `symmetric=True`: mean change of the values, and coverage.
- Test-retest: frames of one clip of a held-out person (YouTube Faces, 3 frames of a clip), and the
  two photos of a person who was told twice to look in the same direction within 15 degrees of the
  camera (Pointing'04, 4 people). The standard error of measurement (SEM) is the root of the mean
  variance within such a group, and the minimal detectable change MDC = 1.96 * sqrt(2) * SEM (Weir
  2005, doi:10.1519/15184.1). It holds errors of the points, of the pose and of expressions, but no
  bias. Photos with a yaw or pitch of more than 20 degrees are left out.

Results: benchmarks/results/measures.json and measures.md.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from support import tables
from support.cli import make_parser
from support.faces import FaceSet, match, read_sets
from support.ours import BATCH, about, points_of
from support.sets import COLUMNS, SETS

import facepoints
from facepoints.datasets.people import read_people
from facepoints.errors import FacepointsError
from facepoints.inference.face import Face
from facepoints.measurement import DEFINITIONS, MEASURES, measure
from facepoints.measurement.pose import ANGLES

Array = NDArray[np.float64]

FLOOR = {"bias": 2.0, "coverage": (88, 92)}
HAND_LABELLED = ("lfpw", "helen", "scut", "inthewild21", "afw")
CAREFUL = ("lfpw", "helen", "scut")
"""Sets of large faces. Labels of small faces in AFW and street photos are coarse."""
FEWEST = 20
"""Faces that a figure needs."""
FRONTAL = 20.0
"""Degrees of yaw and pitch up to which a frame counts."""
NEAR = 15
"""Degrees of the poses of Pointing'04 that are near frontal."""
FRAMES = 2
"""Photos that a group needs."""
REPEATED = (
    *ANGLES,
    "asymmetry",
    *(name for name, definition in DEFINITIONS.items() if definition.unit != "px"),
)
"""Measures of the test-retest: distances in pixels depend on how near the camera is."""


def detected(faces: FaceSet, model: Path | None, symmetric: bool = False) -> list[tuple[Face, int]]:
    """Each face that is found, with its row."""
    find = facepoints.load(model or "builtin", symmetric=symmetric)
    found: list[list[Face]] = []
    for start in range(0, len(faces.photos), BATCH):
        found += find(faces.photos[start : start + BATCH])
    points = [points_of(some) for some in found]
    chosen = match(faces.points, points, faces.labelled, faces.photo)
    photo = faces.photo
    return [(found[photo[row]][chosen[row]], int(row)) for row in np.flatnonzero(chosen >= 0)]


def against_labels(faces: FaceSet, found: Sequence[tuple[Face, int]]) -> dict[str, dict[str, Any]]:
    """Bias and coverage of each measure of a set."""
    rows: dict[str, list[tuple[float, float, float]]] = {}
    for face, row in found:
        here = measure(face)
        for name, definition in DEFINITIONS.items():
            columns = [COLUMNS.index(point) for point in definition.points]
            if name in here and faces.labelled[row, columns].all():
                truth = float(definition.function(faces.points[row, columns]))
                rows.setdefault(name, []).append((here[name].value, here[name].radius, truth))
    return {
        name: figures(name, np.array(some)) for name, some in rows.items() if len(some) >= FEWEST
    }


def figures(name: str, rows: Array) -> dict[str, Any]:
    """Figures of rows (N, 3): value, radius, true value."""
    value, radius, truth = rows.T
    off = value - truth
    relative = DEFINITIONS[name].relative
    scale = 1.0 if DEFINITIONS[name].unit == "degrees" else 100.0
    bias = 100 * off.mean() / truth.mean() if relative else scale * off.mean()
    error = (
        100 * off.std() / truth.mean() / np.sqrt(len(off))
        if relative
        else (scale * off.std() / np.sqrt(len(off)))
    )
    middle = np.median(radius / value) * 100 if relative else scale * np.median(radius)
    return {
        "faces": len(rows),
        "bias": round(float(bias), 2),
        "bias_error": round(float(error), 2),
        "within": int((np.abs(off) <= radius).sum()),
        "coverage": round(float((np.abs(off) <= radius).mean()) * 100, 1),
        "radius": round(float(middle), 2),
    }


def pooled(sets: Mapping[str, dict[str, dict[str, Any]]], names: Sequence[str]) -> dict[str, float]:
    """Coverage of each measure over several sets, all faces alike."""
    result = {}
    for name in DEFINITIONS:
        some = [sets[each][name] for each in names if name in sets[each]]
        if some:
            faces = sum(one["faces"] for one in some)
            result[name] = round(100 * sum(one["within"] for one in some) / faces, 1)
    return result


def symmetric_change(
    faces: FaceSet, plain: Sequence[tuple[Face, int]], model: Path | None
) -> dict[str, Any]:
    """What averaging over the mirror image changes."""
    mirrored = {row: face for face, row in detected(faces, model, symmetric=True)}
    change: dict[str, list[float]] = {}
    for face, row in plain:
        if row in mirrored:
            here, there = measure(face), measure(mirrored[row])
            for name in here.keys() & there.keys():
                share = abs(here[name].value - there[name].value) / max(here[name].radius, 1e-9)
                change.setdefault(name, []).append(share)
    labels = against_labels(faces, [(face, row) for row, face in mirrored.items()])
    return {
        "change_over_radius": {n: round(float(np.mean(c)), 3) for n, c in change.items()},
        "coverage": {name: one["coverage"] for name, one in labels.items()},
        "bias": {name: one["bias"] for name, one in labels.items()},
    }


def clips(data: Path) -> dict[str, list[Path]]:
    """Frames of each clip of the held-out people of YouTube Faces."""
    held, found = read_people(data / "held-out.txt"), {}
    for file in sorted((data / "youtube-faces").glob("*/*.jpg")):
        person, _, number = file.stem.rpartition("_")  # the first digit is the clip
        if person in held:
            found.setdefault(f"{person} {number[:-1]}", []).append(file)
    return found


def poses(data: Path) -> dict[str, list[Path]]:
    """Both photos of each near-frontal pose of each person of Pointing'04."""
    folder, found = data / "pointing04", {}
    with open(folder / "poses.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if abs(int(row["tilt"])) <= NEAR and abs(int(row["pan"])) <= NEAR:
                key = " ".join(row[name] for name in ("person", "tilt", "pan"))
                found.setdefault(key, []).append(folder / row["file"])
    return found


def repeated(groups: Mapping[str, Sequence[Path]], model: Path | None) -> dict[str, dict[str, Any]]:
    """SEM and MDC of each measure over groups of photos of one person each."""
    find = facepoints.load(model or "builtin")
    files = [(key, file) for key, some in groups.items() if len(some) >= FRAMES for file in some]
    values: dict[str, dict[str, list[float]]] = {name: {} for name in REPEATED}
    for start in range(0, len(files), BATCH):
        batch = files[start : start + BATCH]
        for (key, _), found in zip(batch, find([file for _, file in batch]), strict=True):
            if not found:
                continue
            measures = measure(max(found, key=lambda face: face.box[2] * face.box[3]))
            turns = [abs(measures[name].value) for name in ("yaw", "pitch") if name in measures]
            if len(turns) < 2 or max(turns) > FRONTAL:
                continue
            for name in REPEATED:
                if name in measures:
                    values[name].setdefault(key, []).append(measures[name].value)
    return {name: reliability(list(some.values())) for name, some in values.items()}


def reliability(groups: Sequence[Sequence[float]]) -> dict[str, Any]:
    """SEM, MDC and spread between people of repeated values.

    Args:
        groups: the values of one person each; those with fewer than `FRAMES` values do not count.
    """
    used = [np.array(some) for some in groups if len(some) >= FRAMES]
    freedom = sum(len(some) - 1 for some in used)
    within = sum(float(((some - some.mean()) ** 2).sum()) for some in used)
    sem = float(np.sqrt(within / max(freedom, 1)))
    means = np.array([some.mean() for some in used])
    return {
        "groups": len(used),
        "photos": sum(map(len, used)),
        "mean": float(means.mean()),
        "between": float(means.std(ddof=1)) if len(means) > 1 else 0.0,
        "sem": sem,
        "mdc": float(1.96 * np.sqrt(2) * sem),
    }


def label_table(content: Mapping[str, Any]) -> tables.Cells:
    """A row per measure: bias in each set, coverage in each set and in all, median radius."""
    sets = content["labels"]
    heads = ["measure", *(f"bias, {SETS[name].title}" for name in sets)]
    heads += [*(f"within radius, {SETS[name].title}" for name in sets), "within radius, all"]
    cells = [[*heads, "median radius, SCUT or HELEN"]]
    for name, whole in content["coverage"].items():
        one = [sets[key].get(name) for key in sets]
        unit = "°" if DEFINITIONS[name].unit == "degrees" else ""
        unit = unit or ("%" if DEFINITIONS[name].relative else "")
        shown = sets["scut"].get(name) or sets["helen"][name]
        cells.append(
            [
                name,
                *(f"{o['bias']:+.1f}{unit} ± {o['bias_error']:.1f}" if o else "-" for o in one),
                *(f"{o['coverage']:.0f}%" if o else "-" for o in one),
                f"{whole:.1f}%",
                f"{shown['radius']:.1f}{unit}",
            ]
        )
    return cells


def mirror_table(content: Mapping[str, Any]) -> tables.Cells:
    """A row per measure of what `--symmetric` changes on SCUT."""
    cells = [["measure", "mean change over radius", "bias", "within radius"]]
    mirrored = content["symmetric"]
    for name in (name for name in MEASURES if name in mirrored["change_over_radius"]):
        change = mirrored["change_over_radius"][name]
        bias, within = mirrored["bias"].get(name), mirrored["coverage"].get(name)
        shown = [
            "-" if bias is None else f"{bias:+.1f}",
            "-" if within is None else f"{within:.0f}%",
        ]
        cells.append([name, f"{change:.2f}", *shown])
    return cells


def retest_table(content: Mapping[str, Any]) -> tables.Cells:
    """A row per measure: SEM and MDC of both sets."""
    cells = [["measure", "unit"]]
    for title in ("one clip", "one pose"):
        cells[0] += [f"mean, {title}", f"SEM, {title}", f"MDC, {title}"]
    for name in REPEATED:
        unit = DEFINITIONS[name].unit if name in DEFINITIONS else "degrees"
        unit = "ratio" if name == "asymmetry" else unit
        digits = 1 if unit == "degrees" else 3
        row = [name, unit]
        for key in ("clips", "poses"):
            one = content["retest"][key][name]
            row += [f"{one[figure]:.{digits}f}" for figure in ("mean", "sem", "mdc")]
        cells.append(row)
    return cells


def main() -> None:
    """Measure the measures."""
    chosen = make_parser(__doc__, data=True).parse_args()
    held = {n: s.held_out for n, s in read_sets(chosen.data, HAND_LABELLED, training=0).items()}
    found = {name: detected(faces, chosen.model) for name, faces in held.items()}
    labels = {name: against_labels(held[name], found[name]) for name in held}
    content: dict[str, Any] = {
        "labels": labels,
        "coverage": pooled(labels, list(labels)),
        "coverage_careful": pooled(labels, [name for name in CAREFUL if name in labels]),
        "symmetric": symmetric_change(held["scut"], found["scut"], chosen.model),
        "retest": {
            "clips": repeated(clips(chosen.data), chosen.model),
            "poses": repeated(poses(chosen.data), chosen.model),
        },
        "floors": FLOOR,
        "ours": about(chosen.model),
    }
    content["mean_coverage"] = round(float(np.mean(list(content["coverage"].values()))), 1)
    mirror_title = "SCUT portraits with the mean over each image and its mirror image"
    text = tables.show_titled([
        ("Measures and hand labels, held-out people", label_table(content)),
        (mirror_title, mirror_table(content)),
        ("Test and retest", retest_table(content)),
    ])  # fmt: skip
    one = content["retest"]["clips"]["yaw"], content["retest"]["poses"]["yaw"]
    text += (
        f"One clip: {one[0]['photos']} frames of {one[0]['groups']} clips of YouTube Faces. One "
        f"pose: {one[1]['photos']} photos of {one[1]['groups']} poses of Pointing'04. All "
        f"measures, all sets: {content['mean_coverage']} % within the radius.\n"
    )
    tables.write(chosen.out, "measures", content, text)


if __name__ == "__main__":
    try:
        main()
    except FacepointsError as error:
        sys.exit(f"error: {error}")
