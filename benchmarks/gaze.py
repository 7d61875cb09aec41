"""Where do the eyes look, how often does the radius hold it, and who looks at the camera?

    python benchmarks/gaze.py               # a minute on one core; needs ../shared/data

- portraits: held-out people of SCUT-FBP5500, who look at the camera. The true angles are 0.
- the same portraits mirrored: the yaw should change its sign, and the pitch should stay.
- people who look at marks: persons 3 and 4 of Pointing'04 were told to look at marks on the walls,
  up to 45 degrees aside and 30 degrees up and down, so the marks are the true directions. Nobody
  measured whether the eyes obeyed. The faces are about 90 pixels wide, and an eye about 20.
- rendered faces (`datasets.synthetic.render_gaze`): irises turned by a known angle, of up to 25
  degrees. Painted lids lie otherwise around the eye than those of people, which shifts all angles
  by the same amount, so the median error is taken off.

The radius should hold 88 to 92 % of the true angles, as a mean of the three kinds.
recipes/gaze_fit.py fits it on other portraits and on the other two persons of Pointing'04.

Results: benchmarks/results/gaze.json and gaze.md.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from support import tables
from support.cli import ROOT, make_parser
from support.ours import about

import facepoints
from facepoints.api import FaceModel
from facepoints.errors import DataError, FacepointsError
from facepoints.measurement.gaze import CAMERA_ANGLE, Gaze, gaze

sys.path.insert(0, str(ROOT / "recipes"))
from gaze_data import MARKS, PAINTED, PERSONS, PORTRAITS, Sight, of_marks, of_portraits, painted

Array = NDArray[np.float64]

FLOOR = {"radius_low": 0.88, "radius_high": 0.92}
ANGLES = ("yaw", "pitch")
AWAY = 25.0
"""Degrees from the camera from which somebody surely looks elsewhere."""


def seen_of(model: FaceModel, sights: Iterator[Sight]) -> list[tuple[Sight, Gaze | None]]:
    """The gaze of the largest face of each image; None if there is none."""
    found: list[tuple[Sight, Gaze | None]] = []
    for one in sights:
        faces = model(one.image)
        try:
            best = max(faces, key=lambda face: face.box[2]) if faces else None
            found.append((one, None if best is None else gaze(one.image, best)))
        except DataError:
            found.append((one, None))
    return found


def figures(found: list[tuple[Sight, Gaze | None]], take_off: bool) -> dict[str, Any]:
    """Errors, coverage and slopes of one kind of images."""
    known = [(one, seen) for one, seen in found if seen is not None]
    true = np.array([(one.yaw, one.pitch) for one, _ in known])
    value = np.array([(seen.yaw, seen.pitch) for _, seen in known])
    radius = np.array([seen.radius for _, seen in known])
    bias = np.median(value - true, axis=0)
    error = np.abs(value - true - (bias if take_off else 0))
    result: dict[str, Any] = {"images": len(found), "gazes": len(known)}
    for column, name in enumerate(ANGLES):
        angle = {
            "bias": round(float(bias[column]), 2),
            "half_within": round(float(np.median(error[:, column])), 2),
            "90_within": round(float(np.percentile(error[:, column], 90)), 2),
            "radius": round(float(np.median(radius[:, column])), 2),
            "held": round(float((error[:, column] <= radius[:, column]).mean()), 4),
        }
        if np.ptp(true[:, column]) > 1:
            slope = np.polyfit(true[:, column], value[:, column], 1)[0]
            angle["slope"] = round(float(slope), 3)
            together = np.corrcoef(true[:, column], value[:, column])[0, 1]
            angle["correlation"] = round(float(together), 3)
        result[name] = angle
    return result


def at_camera(found: list[tuple[Sight, Gaze | None]]) -> dict[str, int]:
    """Count those who do, and who do not, and are said to look at the camera."""
    counts = {"do": 0, "do_yes": 0, "away": 0, "away_yes": 0, "unknown": 0}
    for one, seen in found:
        kind = "do" if one.angle < 1 else "away" if one.angle >= AWAY else ""
        if kind:
            told = None if seen is None else seen.looks_at_camera
            counts[kind] += 1
            counts[f"{kind}_yes"] += told is True
            counts["unknown"] += told is None
    return counts


def mirrored(model: FaceModel, found: list[tuple[Sight, Gaze | None]]) -> dict[str, Any]:
    """Angles between the gaze of mirrored images and the mirrored gaze, in degrees."""
    flipped = (one._replace(image=np.ascontiguousarray(one.image[:, ::-1])) for one, _ in found)
    pairs = zip(found, seen_of(model, flipped), strict=True)
    both = [(a, b) for (_, a), (_, b) in pairs if a is not None and b is not None]
    off = np.abs([(a.yaw + b.yaw, a.pitch - b.pitch) for a, b in both])
    radius = np.array([a.radius for a, _ in both])
    return {
        "pairs": len(both),
        **{
            name: {
                "half_within": round(float(np.median(off[:, k])), 2),
                "90_within": round(float(np.percentile(off[:, k], 90)), 2),
                "within_radius": round(float((off[:, k] <= radius[:, k]).mean()), 4),
            }
            for k, name in enumerate(ANGLES)
        },
    }


def angle_table(content: dict[str, dict[str, Any]]) -> tables.Cells:
    """Errors of each kind."""
    keys = ("bias", "half_within", "90_within", "radius", "held", "slope", "correlation")
    heads = ["bias", "half within", "90 % within", "radius", "radius holds", "slope", "correlation"]
    rows = [["images", "angle", "gazes", *heads]]
    for kind, one in content.items():
        for name in ANGLES:
            values = [one[name].get(key) for key in keys]
            texts = ["" if v is None else f"{v:.1f}" for v in values[:4]]
            texts.append(f"{100 * values[4]:.0f} %")
            texts += ["" if v is None else f"{v:.2f}" for v in values[5:]]
            rows.append([kind, name, f"{one['gazes']} of {one['images']}", *texts])
    return rows


def camera_table(content: dict[str, dict[str, int]]) -> tables.Cells:
    """Who looks at the camera."""
    rows = [["images", "look at it", "of them yes", f"look {AWAY:.0f}° aside or more",
             "of them yes", "not told"]]  # fmt: skip
    keys = ("do", "do_yes", "away", "away_yes", "unknown")
    return rows + [[kind, *(str(one[key]) for key in keys)] for kind, one in content.items()]


def mirror_table(one: dict[str, Any]) -> tables.Cells:
    """Mirrored pairs."""
    rows = [["angle", "pairs", "half within", "90 % within", "within the radius"]]
    for name in ANGLES:
        row = one[name]
        texts = [f"{row[key]:.1f}" for key in ("half_within", "90_within")]
        rows.append([name, str(one["pairs"]), *texts, f"{100 * row['within_radius']:.0f} %"])
    return rows


def measure(data: Path, count: int, painted_count: int) -> dict[str, Any]:
    """All figures."""
    model = facepoints.load()
    kinds = {
        PORTRAITS: seen_of(model, of_portraits(data, count, held_out=True)),
        MARKS: seen_of(model, of_marks(data, PERSONS[True])),
        PAINTED: seen_of(model, painted(painted_count)),
    }
    angles = {kind: figures(found, kind == PAINTED) for kind, found in kinds.items()}
    held = {n: round(float(np.mean([a[n]["held"] for a in angles.values()])), 4) for n in ANGLES}
    return {
        "angles": angles,
        "held": held,
        "camera": {kind: at_camera(found) for kind, found in kinds.items() if kind != PAINTED},
        "mirrored": mirrored(model, kinds[PORTRAITS]),
        "camera_angle": CAMERA_ANGLE,
        "floors": FLOOR,
        "ours": about(None),
    }


def main() -> None:
    """Measure, show and write."""
    parser = make_parser(__doc__, data=True, model=False)
    parser.add_argument("--count", type=int, default=100, help="most portraits")
    parser.add_argument("--painted", type=int, default=100, help="rendered faces")
    chosen = parser.parse_args()
    content = measure(chosen.data, chosen.count, chosen.painted)
    shares = ", ".join(f"{100 * share:.0f} % ({name})" for name, share in content["held"].items())
    text = f"The radius holds {shares} of the true angles, the mean of the three kinds.\n\n"
    print(text)
    mirrored_title = "Mirrored portraits: off the mirrored gaze, in degrees"
    text += tables.show_titled([
        ("Angles, in degrees", angle_table(content["angles"])),
        ("Who looks at the camera", camera_table(content["camera"])),
        (mirrored_title, mirror_table(content["mirrored"])),
    ])  # fmt: skip
    tables.write(chosen.out, "gaze", content, text)


if __name__ == "__main__":
    try:
        main()
    except FacepointsError as error:
        sys.exit(f"error: {error}")
