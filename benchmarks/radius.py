"""Calibration of the radius of every point: sets, turned, small and blurred faces, hidden points.

    python benchmarks/radius.py                 # five minutes on 2 cores

Faces of held-out people are detected and matched as in `accuracy.py`. Errors are distances to the
labels, of the points that `accuracy.py` measures in each set.

- coverage: share of the points within their radius, which should be 90 %; of all points, and of
  each of them (least and most).
- sorting: points are ordered by radius over the side of the face's box. Mean error of the tenth
  with the largest radii over that of the tenth with the smallest.
- bands: coverage by the head's turn (yaw of the mean head fitted to the labels; at least 60 degrees
  in CFP, which are profiles by definition), by the size of the face and by its blur (thirds by the
  strength of its edges). Labels of the half that is turned
  away from 60 degrees on are guesses; they are left out and counted in a row of their own.
- reliability: all points, sorted by radius into tenths. The 90 % quantile of the errors of a
  tenth should be its radius.
- hidden points: every face with 68 labels once more with a patch as large as a hand (0.4 x 0.6 of
  the face) over a part of it, a random texture in the gray values of the face. Both images are
  predicted with the box of the true points, so that only the points differ. Median ratio of the
  radii with and without the patch, below the patch and elsewhere; and the share of hidden points
  within their radius.
- unlike: radii on pictures unlike any in training (drawings, stone, inverted colors, heavy blur, a
  cat, no face at all), over those on the photos they are made of.

Results: benchmarks/results/radius.json and radius.md, and radius-reliability.png.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from support import tables
from support.cli import RESULTS, ROOT, make_parser
from support.coverage import Errors, bands, figures, joined, reliability
from support.faces import FaceSet, match, read_sets
from support.frames import frame_of
from support.heads import sharpness_of, yaw_of
from support.ours import about, find_faces, points_of, radius_of
from support.patch import PATCH, figures_of_hidden, hide, joined_hidden
from support.sets import SETS
from support.unlike import growth
from support.visibility import PROFILE, far_half

from facepoints import weights
from facepoints._util.files import atomic_file
from facepoints.inference.landmark_model import LandmarkModel

FLOORS = {"all": (88, 92), "each_set": (85, 95), "each_band": (85, 95), "sorting": 3.0}
PICTURE = "radius-reliability.png"
PROFILES = "cfp"
ALL_LABELLED = ("lfpw", "helen", "afw", "youtube")  # all 68 points, for the patch
UNLIKE = 60  # photos of each kind


def measure(name: str, faces: FaceSet, model: Path | None) -> Errors:
    """Errors and radii of all detected faces of a set."""
    detected = find_faces(faces.photos, model)
    photo = faces.photo
    points = [points_of(row) for row in detected]
    chosen = match(faces.points, points, faces.labelled, photo)
    rows = np.flatnonzero(chosen >= 0)
    some = faces.take(rows)
    radius = radius_of([detected[photo[row]][chosen[row]] for row in rows])
    predicted = np.array([points[photo[row]][chosen[row]] for row in rows])
    measured = np.isin(
        np.arange(some.points.shape[1]), [c for m in SETS[name].measures for c in m.columns]
    )
    labelled = some.labelled & np.isfinite(radius) & measured
    yaw = yaw_of(some)
    if name == PROFILES:  # half of the points is too little for a sure angle
        yaw = np.copysign(np.maximum(np.abs(yaw), PROFILE), yaw)
    away = labelled & far_half(yaw)
    pairs = list(zip(some.files, some.points, some.labelled, strict=True))
    return Errors(
        error=np.linalg.norm(predicted - some.points, axis=2),
        radius=np.nan_to_num(radius),
        labelled=labelled & ~away,
        away=away,
        side=some.box_side,
        yaw=yaw,
        size=np.array([frame_of(true, known).side for _, true, known in pairs]),
        sharpness=np.array([sharpness_of(file, true[known]) for file, true, known in pairs]),
    )


def table(results: dict[str, Any]) -> tables.Cells:
    """A row per set."""
    heads = ["set", "faces", "points within radius", "least of a point", "most of a point"]
    heads += ["error, largest over smallest tenth", "radius times, hidden", "elsewhere"]
    heads += ["hidden within radius"]
    cells = [heads]
    for name, row in results.items():
        behind = row.get("hidden")
        keys = ("larger_where_hidden", "larger_elsewhere")
        cells.append(
            [
                name,
                str(row["faces"]),
                f"{row['coverage']:.1f}%",
                *(f"{row[f'{w}_of_a_point'][0]:.1f}%" for w in ("least", "most")),
                f"{row['sorting']:.2f}",
                *(f"{behind[key]:.2f}" if behind else "-" for key in keys),
                f"{behind['hidden_within_radius']:.1f}%" if behind else "-",
            ]
        )
    return cells


def band_table(rows: Sequence[dict[str, Any]]) -> tables.Cells:
    """A row per band of turn, size and blur."""
    cells = [["by", "band", "faces", "points", "within radius", "median radius, % of box"]]
    for row in rows:
        known = row["coverage"] is not None
        figures_ = [f"{row['coverage']:.1f}%", f"{row['median_radius']:.2f}"] if known else "--"
        counts = [str(row["faces"]), str(row["points"])]
        cells.append([row["kind"], row["band"], *counts, *figures_])
    return cells


def reliability_table(rows: Sequence[dict[str, float]]) -> tables.Cells:
    """A row per tenth of the points."""
    heads = ["points by radius", "median radius, % of box", "90 % quantile of errors"]
    cells = [[*heads, "within radius"]]
    for number, row in enumerate(rows, 1):
        shares = [f"{row['radius']:.2f}", f"{row['error_90']:.2f}", f"{row['coverage']:.1f}%"]
        cells.append([f"tenth {number}", *shares])
    return cells


def unlike_table(rows: dict[str, dict[str, Any]]) -> tables.Cells:
    """A row per kind of pictures."""
    heads = ["pictures", "count", "median radius, % of box", "times that of photos"]
    cells = [[*heads, "90 % quantile of errors, times", "within radius"]]
    for kind, row in rows.items():
        line = [kind, str(row["pictures"])]
        line += ["-" if row[k] is None else f"{row[k]:.2f}" for k in ("radius", "times")]
        line.append("-" if row["error_times"] is None else f"{row['error_times']:.2f}")
        line.append("-" if row["coverage"] is None else f"{row['coverage']:.1f}%")
        cells.append(line)
    return cells


def draw(rows: Mapping[str, Sequence[dict[str, float]]], path: Path) -> None:
    """Draw the 90 % quantile of the errors over the radius, a line per set; the diagonal is right.

    Args:
        rows: the reliability of each set, see `coverage.reliability`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    values = [row[key] for some in rows.values() for row in some for key in ("radius", "error_90")]
    ends = (0.8 * min(values), 1.25 * max(values))
    axes.plot(ends, ends, color="#555555", linewidth=1, label="right")
    for name, some in rows.items():
        x, y = [row["radius"] for row in some], [row["error_90"] for row in some]
        style = {"color": "black", "linewidth": 2.2} if name == "all" else {"linewidth": 1.2}
        axes.plot(x, y, marker="o", markersize=3, label=name, **style)  # pyright: ignore
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends, aspect="equal")
    axes.set_xlabel("radius, % of the face's box (tenths of the points)")
    axes.set_ylabel("90 % quantile of the errors, % of the face's box")
    ticks = [t for t in (0.5, 1, 2, 5, 10, 20, 50, 100) if ends[0] < t < ends[1]]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(ticks, [f"{t:g}" for t in ticks])
        axis.set_ticks([], minor=True)
    axes.legend(frameon=False, fontsize=8)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110, facecolor="white")


def main() -> None:
    """Measure every set, and all together."""
    parser = make_parser(__doc__, data=True)
    parser.add_argument(
        "--unlike", type=int, default=UNLIKE, help="photos to change, and negatives"
    )
    parser.add_argument("--sets", nargs="*", choices=list(SETS), default=list(SETS))
    chosen = parser.parse_args()
    model = LandmarkModel.load(chosen.model or weights.BUILTIN)
    sets = {name: s.held_out for name, s in read_sets(chosen.data, chosen.sets).items()}
    measured = {name: measure(name, faces, chosen.model) for name, faces in sets.items()}
    behind = {name: hide(sets[name], model) for name in ALL_LABELLED if name in sets}
    every = joined(list(measured.values()))
    hidden = {name: figures_of_hidden(h) for name, h in behind.items()}
    if behind:
        hidden["all"] = figures_of_hidden(joined_hidden(list(behind.values())))
    results = {
        name: figures(part) | ({"hidden": hidden[name]} if name in hidden else {})
        for name, part in ({"all": every} | measured).items()
    }
    content: dict[str, Any] = {"sets": results, "bands": bands(every), "floors": FLOORS}
    curves = {name: reliability(part) for name, part in ({"all": every} | measured).items()}
    content |= {"reliability": curves, "patch": PATCH, "ours": about(chosen.model)}
    titled = [("The 90 % radius on held-out people", table(results))]
    titled.append(("By turn, size and blur, all sets", band_table(content["bands"])))
    titled.append(("All points, by their radius", reliability_table(curves["all"])))
    negatives = sorted((chosen.data / "negatives").glob("*.jpg"))[: chosen.unlike]
    if "lfpw" in sets and chosen.unlike:
        rows = np.unique(np.linspace(0, len(sets["lfpw"]) - 1, chosen.unlike).astype(np.intp))
        content["unlike"] = growth(sets["lfpw"].take(rows), negatives, model)
        title = "Pictures unlike those of training, with a known box"
        titled.append((title, unlike_table(content["unlike"])))
    text = tables.show_titled(titled)
    draw(curves, chosen.out / PICTURE)
    if chosen.out.resolve() == RESULTS.resolve():
        shutil.copyfile(chosen.out / PICTURE, ROOT / "docs" / PICTURE)  # for docs/benchmarks.md
    words = "90 % quantile of the errors over the radius, by set; the diagonal is right"
    tables.write(chosen.out, "radius", content, f"{text}![{words}]({PICTURE})\n")


if __name__ == "__main__":
    main()
