"""Are blinks, yawns and sleep found in clips made of photos, and nothing else?

    python benchmarks/acted_events.py                   # ten minutes on one core
    python benchmarks/acted_events.py --part choose --limits
    python benchmarks/acted_events.py --keep FOLDER     # in pieces: FOLDER keeps what was measured

`recipes/acted_clips.py` makes clips of four seconds: people who blink, and turn, talk or look down
meanwhile, who yawn, sleep, talk, laugh, look down, shake the head, nod and look around; filmed at
15 to 60 frames per second, small, dark, and compressed. benchmarks/data/acted-people.csv names the
people, some with glasses. The limits of `measurement.event_config` may be chosen on its part
"choose", and the results are of its part "report": people of the test set, whom no limit and no
network has seen.

A second kind closes the eyes with real closed eyes: benchmarks/data/eyelid-pairs.csv names pairs of
frames of YouTube Faces that show one person with open and with closed eyes.

A blink is found if an event "blink" overlaps it. All other events are false, but for one "yawn" and
one "eyes_closed" where somebody yawns or sleeps.

Results: benchmarks/results/acted_events.json and acted_events.md.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from support import tables
from support.cli import ROOT, make_parser
from support.ours import about

import facepoints
from facepoints.datasets import readers
from facepoints.datasets.samples import Photos
from facepoints.errors import DataError, FacepointsError
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.measurement.events import EVENT_CONFIG, Event, EventConfig

sys.path.insert(0, str(ROOT / "recipes"))
from acted_clips import (
    ACTS,
    BLINKS,
    SETTINGS,
    Clip,
    Course,
    Setting,
    close_up,
    course,
    events_of,
    expected,
    lent_lids,
    lids,
)

Image = NDArray[np.uint8]
Points = NDArray[np.floating]

PEOPLE = ROOT / "benchmarks" / "data" / "acted-people.csv"
PAIRS = ROOT / "benchmarks" / "data" / "eyelid-pairs.csv"
FOLDERS = {"helen": "helen", "lfpw": "lfpw/train"}
LASTS = 0.45
"""Seconds that the longest blinks last. An event that overlaps them finds the blink."""
PAIRED = "real closed eyes"
PAIR_CAMERAS = ("20 fps", "15 fps", "face of 50 px", "compressed")
LIMITS = tuple(
    EventConfig(narrowing=narrowing, odds_rise=rise)
    for narrowing in (0.15, 0.18, 0.22, 0.26)
    for rise in (2.0, 3.0, 4.0)
)
"""Limits that --limits tries."""


@dataclass
class Count:
    """Events of clips of one kind.

    Attributes:
        clips: number of clips.
        shown: events that they show.
        found: of them.
        false: events that they do not show, by kind.
    """

    clips: int = 0
    shown: int = 0
    found: int = 0
    false: dict[str, int] = field(default_factory=dict)

    def add(self, act: str, seen: list[Event]) -> None:
        """Count the events of a clip."""
        self.clips += 1
        left = list(seen)
        for number, kind in enumerate(expected(act)):
            self.shown += 1
            begun = BLINKS[number] if kind == "blink" else None
            hit = next((event for event in left if _is(event, kind, begun)), None)
            if hit is not None:
                self.found += 1
                left.remove(hit)
        for event in left:
            self.false[event.kind] = self.false.get(event.kind, 0) + 1

    def dict(self) -> dict[str, Any]:
        """The figures."""
        return {"clips": self.clips, "shown": self.shown, "found": self.found, "false": self.false}


def _is(event: Event, kind: str, begun: float | None) -> bool:
    """True for an event of a kind that overlaps a blink that begins at a time."""
    if event.kind != kind or begun is None:
        return event.kind == kind
    return event.start < begun + LASTS and event.start + event.seconds > begun


def read_part(path: Path, part: str) -> list[dict[str, str]]:
    """The rows of one part of a list."""
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["part"] == part]


@lru_cache(maxsize=8)
def _photos(folder: Path, split: str) -> Photos:
    photos = readers.read(folder, split=split)
    assert isinstance(photos, Photos)
    return photos


def photo_of(data: Path, folder: str, name: str, splits: tuple[str, ...]) -> tuple[Image, Points]:
    """One photo and its labeled points (68, 2)."""
    for split in splits:
        photos = _photos(data / folder, split)
        one = photos.take(photos.names == name)
        if len(one):
            return next(iter(one.read_images())), one.points[0]
    raise DataError(f"expected {name} in {data / folder}; --data names the folder of the data sets")


def clips_of(
    data: Path, part: str, names: dict[str, str]
) -> Iterator[tuple[str, str, str, Callable[[], Clip]]]:
    """Key, act, camera, and how to make each clip of a part; `names` are filled with the kinds."""
    model = facepoints.load()
    for row in read_part(PAIRS, part):
        parts = ("training", "test")
        shown = []
        for column in ("open", "closed"):
            photo, points = photo_of(data, "youtube-faces", row[column], parts)
            image, _ = close_up(photo, points)
            (face, *_) = model(image)
            shown += [image, face.as_landmarks(IBUG_68).points.astype(np.float64)]
        for camera in PAIR_CAMERAS:
            name = f"{PAIRED}, {camera}"
            yield row["open"], "blinks", name, _maker(partial(_lend, shown), SETTINGS[camera])
    for row in read_part(PEOPLE, part):
        photo, points = photo_of(data, FOLDERS[row["set"]], row["photo"], ("training",))
        image, place = close_up(photo, points)
        names[row["photo"]] = "glasses" if row["glasses"] == "yes" else "no glasses"
        for act, made in ACTS.items():
            for camera, setting in SETTINGS.items():
                if camera == next(iter(SETTINGS)) or act == "blinks":
                    yield row["photo"], act, camera, _maker(partial(made, image, place), setting)


def _lend(shown: list[Any], time: float) -> Image:
    photo, points, other, there = shown
    return lent_lids(photo, points, other, there, lids(time))


def _maker(of: Callable[[float], Image], setting: Setting) -> Callable[[], Clip]:
    return lambda: Clip(of, setting)


def courses(
    data: Path, part: str, keep: Path | None, names: dict[str, str]
) -> Iterator[tuple[str, str, str, Course]]:
    """Key, act, camera and what is measured of every clip."""
    model = None
    for key, act, camera, make in clips_of(data, part, names):
        file = None if keep is None else keep / f"{key}-{act}-{camera}.npy".replace(" ", "-")
        if file is not None and file.exists():
            yield key, act, camera, np.load(file)
            continue
        model = model or facepoints.load(eye_closure=True)
        known = course(model, make())
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            np.save(file, known)
        yield key, act, camera, known


def counts(
    measured: list[tuple[str, str, str, Course]], names: dict[str, str], config: EventConfig
) -> dict[str, Count]:
    """Counts by act, by camera, and of people with glasses."""
    result: dict[str, Count] = {}
    first = next(iter(SETTINGS))
    for key, act, camera, known in measured:
        seen = events_of(known, config)
        kinds = [f"{act}, {names[key]}"] if act == "blinks" and names.get(key) == "glasses" else []
        kinds += [act if camera == first else f"blinks, {camera}"]
        kinds += [f"blinks, {PAIRED}"] if camera.startswith(PAIRED) else []
        for kind in kinds:
            result.setdefault(kind, Count()).add(act, seen)
    total = result["all"] = Count()
    for _, act, _, known in measured:
        total.add(act, events_of(known, config))
    return result


def table(content: dict[str, dict[str, Any]]) -> tables.Cells:
    """Counts: a row for each kind of clip."""
    rows = [["clips", "number", "events shown", "found", "false events"]]
    for kind, one in content.items():
        false = ", ".join(f"{number} {name}" for name, number in sorted(one["false"].items()))
        numbers = [str(one[key]) for key in ("clips", "shown", "found")]
        rows.append([kind, *numbers, false or "0"])
    return rows


def main() -> None:
    """Measure acted clips."""
    parser = make_parser(__doc__, data=True, model=False)
    parser.add_argument("--part", choices=("choose", "report"), default="report")
    parser.add_argument("--limits", action="store_true", help="count with other limits as well")
    parser.add_argument("--keep", type=Path, help="folder for what was measured")
    chosen = parser.parse_args()
    names: dict[str, str] = {}
    measured = list(courses(chosen.data, chosen.part, chosen.keep, names))
    for config in LIMITS if chosen.limits else ():
        total = counts(measured, names, config)["all"].dict()
        print(f"narrowing {config.narrowing}, odds_rise {config.odds_rise}: {total}")
    content = {kind: one.dict() for kind, one in counts(measured, names, EVENT_CONFIG).items()}
    cells = table(content)
    title = f"Events in clips made of photos, part '{chosen.part}'"
    tables.show(title, cells)
    if chosen.part == "report":
        text = f"{title}\n\n{tables.markdown(cells)}"
        tables.write(chosen.out, "acted_events", {"clips": content, "ours": about(None)}, text)


if __name__ == "__main__":
    try:
        main()
    except FacepointsError as error:
        sys.exit(f"error: {error}")
