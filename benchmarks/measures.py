"""How far measures of faces are from hand labels, whether their radius covers that, and how
repeatable they are.

    python benchmarks/measures.py               # three minutes on 2 cores

- Hand labels: faces of held-out people of the five sets that people labelled, found and matched as
  in `accuracy.py`. The measure of the labels is the true one. Bias is the mean of the measures over
  the mean of the true ones, minus 1 (for slants, the mean difference in degrees; for openings, in
  hundredths). Coverage is the share of the true measures within the 90 % radius. By chance: 90 %
  of draws of as many people, with replacement, have a coverage in this interval (bootstrap by
  person). Measures that are left out, because a point is hidden or the head is turned, do not
  count.
- Conventions: the same, each set measured in its own convention (`measure --convention`).
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
from support.labelled_measures import (
    against_labels,
    chance,
    convention_table,
    figures,
    label_table,
    pooled,
)
from support.ours import BATCH, about, points_of

import facepoints
from facepoints.datasets.people import read_people
from facepoints.errors import FacepointsError
from facepoints.inference.face import Face
from facepoints.measurement import DEFINITIONS, MEASURES, Convention, measure
from facepoints.measurement.pose import ANGLES

Array = NDArray[np.float64]

FLOOR: dict[str, Any] = {"bias": 2.0, "coverage": (88, 92)}
CONVENTION_OF: dict[str, Convention] = {
    "lfpw": "lfpw",
    "helen": "helen",
    "scut": "scut",
    "inthewild21": "street",
    "afw": "afw",
}
"""Name of the convention of each set."""
CAREFUL = ("lfpw", "helen", "scut")
"""Sets of large faces. Labels of small faces in AFW and street photos are coarse."""
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


def symmetric_change(
    faces: FaceSet, plain: Sequence[tuple[Face, int]], model: Path | None
) -> dict[str, Any]:
    """Figures of what averaging over the mirror image changes."""
    mirrored = {row: face for face, row in detected(faces, model, symmetric=True)}
    change: dict[str, list[float]] = {}
    for face, row in plain:
        if row in mirrored:
            here, there = measure(face), measure(mirrored[row])
            for name in here.keys() & there.keys():
                share = abs(here[name].value - there[name].value) / max(here[name].radius, 1e-9)
                change.setdefault(name, []).append(share)
    rows = against_labels(faces, [(face, row) for row, face in mirrored.items()])
    labels = {name: figures(name, some) for name, some in rows.items()}
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


def convention_figures(sets: Mapping[str, dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """Count the small biases of measures in the convention of their set."""
    some = [(one["bias"], one["bias_error"]) for rows in sets.values() for one in rows.values()]
    bias, error = np.abs(np.array(some)).T
    return {
        "biases": len(bias),
        "below_2": int((bias < FLOOR["bias"]).sum()),
        "above_2_for_sure": int((bias - 2 * error > FLOOR["bias"]).sum()),
    }


def summary(content: Mapping[str, Any]) -> str:
    """The coverage of all measures in words."""
    one, other = content["chance"], chance(content["convention_coverage"])
    bias = content["convention_figures"]
    return (
        f"All measures, all sets: {one['mean']} % within the radius, {one['within_2']} of "
        f"{one['measures']} measures between 88 and 92 %. Measures are off 90 % by {one['off']} % "
        f"(root of the mean square); chance alone makes {one['off_by_chance']} %. For "
        f"{one['intervals_that_hold']} of {one['measures']} measures, 90 % lies in the interval by "
        f"chance.\n\n"
        f"In the conventions of the sets: {other['mean']} % within the radius, "
        f"{other['within_2']} of {other['measures']} measures between 88 and 92 %, off by "
        f"{other['off']} %, {other['off_by_chance']} % by chance. {bias['below_2']} of "
        f"{bias['biases']} biases are below 2 (percent, degrees or hundredths), "
        f"{bias['above_2_for_sure']} are above by more than two standard errors.\n"
    )


def main() -> None:
    """Measure the measures."""
    chosen = make_parser(__doc__, data=True).parse_args()
    held = {
        n: s.held_out for n, s in read_sets(chosen.data, tuple(CONVENTION_OF), training=0).items()
    }
    found = {name: detected(faces, chosen.model) for name, faces in held.items()}
    rows = {name: against_labels(held[name], found[name]) for name in held}
    follows = {name: against_labels(held[name], found[name], CONVENTION_OF[name]) for name in held}
    coverage = pooled(list(rows.values()))
    content: dict[str, Any] = {
        "labels": {k: {n: figures(n, some) for n, some in v.items()} for k, v in rows.items()},
        "coverage": coverage,
        "coverage_careful": pooled([rows[name] for name in CAREFUL if name in rows]),
        "chance": chance(coverage),
        "conventions": {
            k: {n: figures(n, some) for n, some in v.items()} for k, v in follows.items()
        },
        "convention_coverage": pooled(list(follows.values())),
        "symmetric": symmetric_change(held["scut"], found["scut"], chosen.model),
        "retest": {
            "clips": repeated(clips(chosen.data), chosen.model),
            "poses": repeated(poses(chosen.data), chosen.model),
        },
        "floors": FLOOR,
        "ours": about(chosen.model),
    }
    content |= {"convention_figures": convention_figures(content["conventions"])}
    mirror_title = "SCUT portraits with the mean over each image and its mirror image"
    text = tables.show_titled([
        ("Measures and hand labels, held-out people", label_table(content)),
        ("The same, each set in its own convention", convention_table(content)),
        (mirror_title, mirror_table(content)),
        ("Test and retest", retest_table(content)),
    ])  # fmt: skip
    one = content["retest"]["clips"]["yaw"], content["retest"]["poses"]["yaw"]
    text += (
        f"One clip: {one[0]['photos']} frames of {one[0]['groups']} clips of YouTube Faces. One "
        f"pose: {one[1]['photos']} photos of {one[1]['groups']} poses of Pointing'04.\n\n"
    )
    text += summary(content)
    tables.write(chosen.out, "measures", content, text)


if __name__ == "__main__":
    try:
        main()
    except FacepointsError as error:
        sys.exit(f"error: {error}")
