"""Faces that `facepoints blur` covers, and places that it covers by mistake: plain and careful.

    python benchmarks/blur.py                   # an hour; needs ../shared/data
    python benchmarks/blur.py --keep FOLDER     # in pieces: FOLDER keeps what was measured

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

import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from support import tables
from support.cli import make_parser
from support.cover import Cover, covered_parts, ellipse, heads_by_angle, turning_video
from support.faces import FaceSet, Split, read_sets
from support.scenes import CROWD, crowds, subset, turned_or_shrunk
from support.sets import INNER, PUPILS, SETS

from facepoints._util.files import write_json
from facepoints.api import load
from facepoints.commands.blur_search import BlurSearch, make_search
from facepoints.commands.blur_settings import COVER_SCORE
from facepoints.imaging.image_io import read_image

WAYS = {"plain": "plain", "careful": "`--careful`"}
SIZES, CROWDS, TURNS = (12, 16, 20, 30, 45), (12, 16, 22, 30, 44), (45, 90, 180)
BANDS = ((0, 24), (24, 48), (48, 96), (96, 10_000))
"""Sizes of faces in pixels: the square root of the area of the box of their labelled points."""
_COLUMNS = [*INNER, *PUPILS]


def kept(folder: Path | None, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what `make` returns, from a file of the folder if it was made before."""
    if folder is None:
        return make()
    file = folder / f"{name}.json".replace(" ", "-")
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_json(file, make())
    return json.loads(file.read_text(encoding="utf-8"))


def of_set(search: BlurSearch, faces: FaceSet) -> dict[str, Any]:
    """Measure what is covered in the photos of a set, by size of face: a `Cover` as JSON."""
    photo, sizes = faces.photo, faces.box_side
    cover = Cover()
    for number, file in enumerate(faces.photos):
        image = read_image(file)
        rows = np.flatnonzero(photo == number)
        points = [faces.points[row, _COLUMNS][faces.labelled[row, _COLUMNS]] for row in rows]
        started = time.perf_counter()
        regions = covered_parts(search, image)
        cover.seconds.append(time.perf_counter() - started)
        cover.add(points, regions, sizes[rows], [faces.names[row] for row in rows])
    return asdict(cover)


def of_heads(search: BlurSearch, heads: Sequence[tuple[Path, list[float]]]) -> dict[str, Any]:
    """Covered heads of Pointing'04, as `of_set`."""
    cover = Cover()
    for file, box in heads:
        regions = covered_parts(search, read_image(file))
        cover.add([ellipse(box)], regions, [box[2]], [file.name])
    return asdict(cover)


def of_negatives(search: BlurSearch, files: Sequence[Path]) -> dict[str, Any]:
    """Covered places in pictures without a face."""
    found = [len(covered_parts(search, read_image(file))) for file in files]
    return {
        "pictures": len(files),
        "with_a_cover": sum(n > 0 for n in found),
        "covers": sum(found),
        "files": [file.name for file, n in zip(files, found, strict=True) if n],
    }


@dataclass(frozen=True)
class Counts:
    """How much is measured.

    Attributes:
        faces: most faces of a set, heads of an angle, pictures without a face.
        made: made pictures of a kind.
    """

    faces: int
    made: int


def measure_way(
    search: BlurSearch,
    way: str,
    data: Path,
    counts: Counts,
    sets: dict[str, Split],
    keep: Path | None,
) -> dict[str, dict[str, Any]]:
    """All figures of one way."""

    def covers(name: str, faces: Callable[[], FaceSet]) -> Cover:
        print(way, name, flush=True)
        return Cover(**kept(keep, f"{way} {name}", lambda: of_set(search, faces())))

    report: dict[str, dict[str, Any]] = {"sets": {}, "made": {}, "heads": {}}
    every = Cover()
    for name, split in sets.items():
        cover = covers(SETS[name].title, lambda one=split: subset(one.held_out, counts.faces))
        report["sets"][SETS[name].title] = cover.dict()
        every.join(cover)
    report["by_size"] = {"bands": every.by_size(BANDS)}
    whole = sets["lfpw"].held_out if "lfpw" in sets else next(iter(sets.values())).held_out
    some = subset(whole, counts.made)
    with tempfile.TemporaryDirectory() as folder:
        for kind, amounts in (("size", SIZES), ("turn", TURNS)):
            for amount in amounts:
                title = f"{amount} px" if kind == "size" else f"turned by {amount}°"
                cover = covers(
                    title, lambda k=kind, a=amount: turned_or_shrunk(some, Path(folder), k, a)
                )
                report["made"][title] = cover.dict()
        for side in CROWDS:
            title, count = f"crowd of {side} px", max(1, counts.made // CROWD)
            cover = covers(title, lambda s=side, n=count: crowds(whole, Path(folder), n, s))
            report["made"][title] = cover.dict()
    for band, heads in heads_by_angle(data, counts.faces).items():
        found = kept(keep, f"{way} heads {band}", lambda h=heads: of_heads(search, h))
        report["heads"][band] = Cover(**found).dict()
    report["video"] = kept(keep, f"{way} video", lambda: turning_video({way: search}, data)[way])
    files = sorted((data / "negatives").glob("*.jpg"))
    some_files = files[:: max(1, len(files) // counts.faces)]
    report["negatives"] = kept(keep, f"{way} negatives", lambda: of_negatives(search, some_files))
    return report


def measure(
    data: Path, counts: Mapping[str, Counts], names: Sequence[str], keep: Path | None
) -> dict[str, Any]:
    """All figures of each way in `counts`."""
    model = load(min_score=COVER_SCORE)
    sets = read_sets(data, names)
    ways = {
        way: measure_way(make_search(model, careful=way == "careful"), way, data, some, sets, keep)
        for way, some in counts.items()
    }
    report: dict[str, Any] = {}
    for part in ("sets", "made", "heads"):
        titles = next(iter(ways.values()))[part]
        report[part] = {t: {way: one[part][t] for way, one in ways.items()} for t in titles}
    report["by_size"] = {way: one["by_size"]["bands"] for way, one in ways.items()}
    for part in ("video", "negatives"):
        report[part] = {way: one[part] for way, one in ways.items()}
    return report


def join_earlier(report: dict[str, Any], earlier: dict[str, Any]) -> None:
    """Add the figures of --careful of an earlier result."""
    for part in ("sets", "made", "heads"):
        for title, ways in report[part].items():
            if "careful" in earlier[part].get(title, {}):
                ways["careful"] = earlier[part][title]["careful"]
    for part in ("by_size", "video", "negatives"):
        report[part]["careful"] = earlier[part]["careful"]


def cover_table(rows: dict[str, dict[str, Any]], first: str) -> tables.Cells:
    """Covered faces: a row per set or kind, columns for each way."""
    keys = ("faces", "covered %", "missed", "ms")
    some = next(iter(rows.values()))
    cells = [[first, *(f"{WAYS[way]}: {key}" for way in some for key in keys)]]
    for title, ways in rows.items():
        line = [title]
        for row in ways.values():
            line += [str(row["faces"]), f"{100 * row['covered']:.2f}"]
            line += [str(row["faces"] - row["whole"])]
            line.append("" if row["ms"] is None else f"{row['ms']:.0f}")
        cells.append(line)
    return cells


def size_table(rows: dict[str, list[dict[str, Any]]]) -> tables.Cells:
    """Covered faces of all sets by their size."""
    bands = next(iter(rows.values()))
    cells = [["size of the face, px", *(b["band"] for b in bands)]]
    for way, parts in rows.items():
        shares = ["" if b["covered"] is None else f"{100 * b['covered']:.2f}" for b in parts]
        cells.append([f"{WAYS[way]}: faces", *(str(b["faces"]) for b in parts)])
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
    return tables.show_titled(titled, "### ")


def main() -> None:
    """Measure, show and write."""
    parser = make_parser(__doc__, data=True, model=False)
    parser.add_argument("--sets", nargs="*", choices=list(SETS), default=list(SETS))
    parser.add_argument("--count", type=int, default=150, help="most faces of a set")
    parser.add_argument("--made", type=int, default=60, help="made pictures of a kind")
    parser.add_argument("--careful-count", type=int, help="the same for --careful; 0: without it")
    parser.add_argument("--careful-made", type=int, help="the same for --careful")
    parser.add_argument(
        "--careful-from", type=Path, help="earlier blur.json with the figures of --careful"
    )
    parser.add_argument("--keep", type=Path, help="folder for what was measured")
    options = parser.parse_args()
    careful = Counts(
        options.count if options.careful_count is None else options.careful_count,
        options.made if options.careful_made is None else options.careful_made,
    )
    counts = {"plain": Counts(options.count, options.made)}
    if careful.faces:
        counts["careful"] = careful
    report = measure(options.data, counts, options.sets, options.keep)
    if options.careful_from is not None:
        join_earlier(report, json.loads(options.careful_from.read_text(encoding="utf-8")))
    tables.write(options.out, "blur", report, show(report))


if __name__ == "__main__":
    main()
