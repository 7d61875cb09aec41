"""Faces that `facepoints blur` covers, and places that it covers by mistake: plain and careful.

    python benchmarks/blur.py               # half an hour; needs ../shared/data

A face counts as covered if all its labelled points without the jaw lie in covered regions: brows,
eyes, nose and mouth. On held-out people:

- photos of every labelled set, and the covered share by the size of the face;
- made pictures: a face of 12 to 45 pixels in 640 x 480, crowds of 57 faces of 12 to 44 pixels in
  1280 x 960, photos turned by 45 to 180 degrees;
- heads of Pointing'04 (persons 3 and 4) by the angle between the head and the camera; the last
  band holds heads that look straight up or down. There are no points: the middle of the labelled
  face must be covered, an ellipse of 0.6 times its box;
- the same persons turning from profile to profile in video, one frame in three with a gray bar
  over the face: frames in which the face is covered, frame by frame and with the tracks;
- `negatives`, pictures without a face: covered places per picture.

Results: benchmarks/results/blur.json and blur.md.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from support import tables
from support.cli import make_parser
from support.cover import Cover, covered_parts, ellipse, heads_by_angle, turning_video
from support.faces import FaceSet, read_sets
from support.scenes import CROWD, crowds, subset, turned_or_shrunk
from support.sets import INNER, PUPILS, SETS

from facepoints.api import load
from facepoints.commands.blur_search import BlurSearch, make_search
from facepoints.imaging.image_io import read_image

WAYS = {"plain": "plain", "careful": "`--careful`"}
SIZES, CROWDS, TURNS = (12, 16, 20, 30, 45), (12, 16, 22, 30, 44), (45, 90, 180)
BANDS = ((0, 24), (24, 48), (48, 96), (96, 10_000))
"""Sizes of faces in pixels: the square root of the area of the box of their labelled points."""
_COLUMNS = [*INNER, *PUPILS]


def of_set(searches: Mapping[str, BlurSearch], faces: FaceSet) -> dict[str, Cover]:
    """What each way covers in the photos of a set, with the size of every face."""
    photo, sizes = faces.photo, faces.box_side
    covers = {way: Cover() for way in searches}
    for number, file in enumerate(faces.photos):
        image = read_image(file)
        rows = np.flatnonzero(photo == number)
        points = [faces.points[row, _COLUMNS][faces.labelled[row, _COLUMNS]] for row in rows]
        for way, search in searches.items():
            started = time.perf_counter()
            regions = covered_parts(search, image)
            covers[way].seconds.append(time.perf_counter() - started)
            covers[way].add(points, regions, sizes[rows], [faces.names[row] for row in rows])
    return covers


def of_heads(searches: Mapping[str, BlurSearch], data: Path, count: int) -> dict[str, Any]:
    """Covered heads of Pointing'04, by the angle between the head and the camera."""
    report: dict[str, Any] = {}
    for band, heads in heads_by_angle(data, count).items():
        covers = {way: Cover() for way in searches}
        for file, box in heads:
            image = read_image(file)
            for way, search in searches.items():
                regions = covered_parts(search, image)
                covers[way].add([ellipse(box)], regions, [box[2]], [file.name])
        report[band] = {way: cover.dict() for way, cover in covers.items()}
    return report


def of_negatives(searches: Mapping[str, BlurSearch], files: Sequence[Path]) -> dict[str, Any]:
    """Covered places in pictures without a face."""
    report = {}
    for way, search in searches.items():
        found = [len(covered_parts(search, read_image(file))) for file in files]
        report[way] = {
            "pictures": len(files),
            "with_a_cover": sum(n > 0 for n in found),
            "covers": sum(found),
        }
    return report


def measure(data: Path, count: int, made: int, names: Sequence[str]) -> dict[str, Any]:
    """All figures.

    Args:
        count: most faces of a set, heads of an angle, pictures without a face.
        made: made pictures of a kind.
    """
    model = load()
    searches = {way: make_search(model, careful=way == "careful") for way in WAYS}
    sets = read_sets(data, names)
    report: dict[str, Any] = {"sets": {}, "made": {}}
    every = {way: Cover() for way in WAYS}
    for name, split in sets.items():
        print(name, flush=True)
        covers = of_set(searches, subset(split.held_out, count))
        report["sets"][SETS[name].title] = {way: cover.dict() for way, cover in covers.items()}
        for way, cover in covers.items():
            every[way].join(cover)
    report["by_size"] = {way: cover.by_size(BANDS) for way, cover in every.items()}
    whole = sets["lfpw"].held_out if "lfpw" in sets else next(iter(sets.values())).held_out
    some = subset(whole, made)
    with tempfile.TemporaryDirectory() as name:
        for kind, amounts in (("size", SIZES), ("turn", TURNS)):
            for amount in amounts:
                faces = turned_or_shrunk(some, Path(name), kind, amount)
                title = f"{amount} px" if kind == "size" else f"turned by {amount}°"
                report["made"][title] = {w: c.dict() for w, c in of_set(searches, faces).items()}
        for side in CROWDS:
            print(f"crowd of {side} px", flush=True)
            faces = crowds(whole, Path(name), max(1, made // CROWD), side)
            report["made"][f"crowd of {side} px"] = {
                w: c.dict() for w, c in of_set(searches, faces).items()
            }
    report["heads"] = of_heads(searches, data, count)
    report["video"] = turning_video(searches, data)
    negatives = sorted((data / "negatives").glob("*.jpg"))
    report["negatives"] = of_negatives(searches, negatives[:: max(1, len(negatives) // count)])
    return report


def cover_table(rows: dict[str, dict[str, Any]], first: str) -> tables.Cells:
    """Covered faces: a row per set or kind, columns for both ways."""
    heads = [f"{text}: {what}" for text in WAYS.values() for what in ("covered %", "missed")]
    times = [f"{text}: ms" for text in WAYS.values()]
    cells = [[first, "faces", *heads, *times]]
    for title, ways in rows.items():
        line = [title, str(next(iter(ways.values()))["faces"])]
        for row in ways.values():
            line += [f"{100 * row['covered']:.2f}", str(row["faces"] - row["whole"])]
        for row in ways.values():
            line.append("" if row["ms"] is None else f"{row['ms']:.0f}")
        cells.append(line)
    return cells


def size_table(rows: dict[str, list[dict[str, Any]]]) -> tables.Cells:
    """Covered faces of all sets by their size."""
    bands = next(iter(rows.values()))
    cells = [["size of the face, px", *(b["band"] for b in bands)]]
    cells.append(["faces", *(str(b["faces"]) for b in bands)])
    for way, parts in rows.items():
        shares = ["" if b["covered"] is None else f"{100 * b['covered']:.2f}" for b in parts]
        cells.append([f"{WAYS[way]}: covered %", *shares])
    return cells


def video_table(rows: dict[str, dict[str, Any]]) -> tables.Cells:
    """Frames of turning heads in which the face is covered."""
    cells = [["", "frames", "frame by frame, %", "with the tracks, %", "frames not covered"]]
    for way, row in rows.items():
        shares = [f"{100 * row[key]:.2f}" for key in ("each", "tracks")]
        cells.append([WAYS[way], str(row["frames"]), *shares, str(row["left"])])
    return cells


def negative_table(rows: dict[str, dict[str, Any]]) -> tables.Cells:
    """Pictures without a face."""
    cells = [["", "pictures", "with a covered place", "covered places"]]
    for way, row in rows.items():
        numbers = [str(row[key]) for key in ("pictures", "with_a_cover", "covers")]
        cells.append([WAYS[way], *numbers])
    return cells


def show(report: dict[str, Any]) -> str:
    """Tables on the terminal and as Markdown."""
    titled = [
        ("Photos of held-out people", cover_table(report["sets"], "photos")),
        ("By size", size_table(report["by_size"])),
        ("Made pictures", cover_table(report["made"], "picture")),
        ("Turned heads", cover_table(report["heads"], "angle to the camera")),
        ("Heads that turn in video, with gaps", video_table(report["video"])),
        ("Pictures without a face", negative_table(report["negatives"])),
    ]
    for title, cells in titled:
        tables.show(title, cells)
    return "".join(f"### {title}\n\n{tables.markdown(cells)}\n" for title, cells in titled)


def main() -> None:
    """Measure, show and write."""
    parser = make_parser(__doc__, data=True, model=False)
    parser.add_argument("--sets", nargs="*", choices=list(SETS), default=list(SETS))
    parser.add_argument("--count", type=int, default=150, help="most faces of a set")
    parser.add_argument("--made", type=int, default=60, help="made pictures of a kind")
    options = parser.parse_args()
    report = measure(options.data, options.count, options.made, options.sets)
    tables.write(options.out, "blur", report, show(report))


if __name__ == "__main__":
    main()
