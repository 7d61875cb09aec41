"""Faces that `facepoints blur` covers: counts by size, heads by angle, turning heads in video."""

from __future__ import annotations

import csv
import itertools
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from facepoints._util.progress import StopRequest
from facepoints.commands.blur_search import BlurSearch
from facepoints.commands.blur_settings import BlurSettings
from facepoints.commands.blur_video import find_regions
from facepoints.drawing.face_region import FaceRegion
from facepoints.video.source import VideoInput

from .turning import PEOPLE, Turn, turn_clips

__all__ = ["Cover", "covered_parts", "ellipse", "heads_by_angle", "turning_video"]

_WHOLE = 0.98  # share of a face's points that lie in covered regions
_ANGLES = (0, 15, 30, 45, 60, 75, 90)
_EVERY, _BAR = 12, 4  # of 12 frames of a video, 4 have a bar over the face
_SETTINGS = BlurSettings()


@dataclass
class Cover:
    """Counts of covered faces.

    Attributes:
        shares: share of the points of each face that are covered.
        sizes: of the faces in pixels.
        missed: names of the faces that are not covered whole.
        extra: covered places that touch no labelled face; some show faces without labels.
        photos: number of photos.
        seconds: of each photo.
    """

    shares: list[float] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    extra: int = 0
    photos: int = 0
    seconds: list[float] = field(default_factory=list)

    def add(
        self,
        faces: Sequence[NDArray],
        regions: Sequence[FaceRegion],
        sizes: Sequence[float] | NDArray,
        names: Sequence[str],
    ) -> None:
        """Add a photo: the points (n, 2) of each face, what was covered, sizes and names."""
        inside = [np.array([_inside(region, points) for region in regions]) for points in faces]
        for hits, size, name in zip(inside, sizes, names, strict=True):
            share = float(hits.any(axis=0).mean()) if len(hits) else 0.0
            self.shares.append(share)
            self.sizes.append(float(size))
            if share < _WHOLE:
                self.missed.append(name)
        self.extra += sum(
            not any(hits[number].any() for hits in inside) for number in range(len(regions))
        )
        self.photos += 1

    def join(self, other: Cover) -> None:
        """Add the faces of another count."""
        self.shares += other.shares
        self.sizes += other.sizes

    def dict(self) -> dict[str, Any]:
        """Counts and shares for the results."""
        whole = int((np.array(self.shares) >= _WHOLE).sum())
        return {
            "faces": len(self.shares),
            "whole": whole,
            "covered": round(whole / max(1, len(self.shares)), 5),
            "untouched": int((np.array(self.shares) < 0.5).sum()),
            "extra": round(self.extra / max(1, self.photos), 4),
            "missed": self.missed,
            "ms": round(1000 * float(np.median(self.seconds)), 1) if self.seconds else None,
        }

    def by_size(self, bands: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
        """Faces and the covered share in bands of sizes."""
        sizes, whole = np.array(self.sizes), np.array(self.shares) >= _WHOLE
        rows = []
        for low, high in bands:
            here = (sizes >= low) & (sizes < high)
            share = round(float(whole[here].mean()), 5) if here.any() else None
            text = f"{low} to {high}" if high < 10_000 else f"{low} and more"
            rows.append({"band": text, "faces": int(here.sum()), "covered": share})
        return rows


def covered_parts(search: BlurSearch, image: NDArray[np.uint8]) -> list[FaceRegion]:
    """The regions that are covered in an image."""
    faces = search.covered(search.model(image))
    return [region for face in faces if (region := _SETTINGS.region(face)) is not None]


def _inside(region: FaceRegion, points: NDArray) -> NDArray[np.bool_]:
    corners = region.polygon().astype(np.float32)
    return np.array([cv2.pointPolygonTest(corners, (float(x), float(y)), False) >= 0
                     for x, y in points])  # fmt: skip


def ellipse(box: Sequence[float]) -> NDArray[np.float64]:
    """Points (49, 2) of the middle of a face, of which (center x, center y, width, height) is
    known: an ellipse of 0.6 times the box."""
    x, y, width, height = box
    angle = np.arange(16) * np.pi / 8
    rings = [np.stack([np.cos(angle), np.sin(angle)], axis=1) * r for r in (0.2, 0.4, 0.6)]
    unit = np.concatenate([np.zeros((1, 2)), *rings])
    return np.array([x, y]) + unit * np.array([width, height]) / 2


def heads_by_angle(data: Path, count: int) -> dict[str, list[tuple[Path, list[float]]]]:
    """Heads of the test persons of Pointing'04 in bands of the angle to the camera, each with the
    box of its face."""
    table = data / "pointing04" / "poses.csv"
    bands: dict[str, list[tuple[Path, list[float]]]] = {}
    if not table.is_file():
        print(f"left out: turned heads, because {table} does not exist")
        return bands
    with table.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["person"] in PEOPLE]
    for low, high in itertools.pairwise(_ANGLES):
        heads = []
        for row in rows:
            pan, tilt = (math.radians(float(row[key])) for key in ("pan", "tilt"))
            angle = math.degrees(math.acos(math.cos(pan) * math.cos(tilt)))
            if low <= round(angle, 3) < high or (high == 90 and round(angle, 3) == 90):
                keys = ("face_centre_x", "face_centre_y", "face_width", "face_height")
                heads.append((table.parent / row["file"], [float(row[key]) for key in keys]))
        step = max(1, len(heads) // count)
        bands[f"{low} to {high}°"] = heads[::step]
    return bands


def turning_video(searches: Mapping[str, BlurSearch], data: Path) -> dict[str, dict[str, Any]]:
    """Frames of turning heads in which the middle of the face is covered.

    A gray bar over the eyes hides the face from the search in every third frame. The bar is not
    there when the frames are written: the face must be covered in these frames too.
    """
    clips = turn_clips(data)
    report = {}
    for way, search in searches.items():
        each, tracks = [], []
        for clip in clips:
            barred = _with_bars(clip)
            found = find_regions(
                search, VideoInput(clip.name, lambda b=barred: b), _SETTINGS,
                Console(quiet=True, file=sys.stderr), StopRequest(),
            )  # fmt: skip
            for seen, filled, head in zip(found.seen, found.covered, clip.heads, strict=True):
                middle = ellipse(head)
                for places, hits in (
                    ([one.region for one in seen], each),
                    ([one.region for one in filled], tracks),
                ):
                    inside = [_inside(region, middle) for region in places]
                    hits.append(bool(inside) and np.any(inside, axis=0).mean() >= _WHOLE)
        report[way] = {
            "frames": len(each),
            "each": round(float(np.mean(each)), 5),
            "tracks": round(float(np.mean(tracks)), 5),
            "left": int(np.sum(~np.array(tracks))),
        }
    return report


def _with_bars(clip: Turn) -> Turn:
    frames = []
    for number, (image, (x, y, width, height)) in enumerate(
        zip(clip.frames, clip.heads, strict=True)
    ):
        image = image.copy()
        if number % _EVERY < _BAR:
            top, bottom = int(y - 0.6 * height), int(y + 0.6 * height)
            image[max(0, top) : bottom, max(0, int(x - 0.6 * width)) : int(x + 0.6 * width)] = 127
        frames.append(image)
    return Turn(frames, clip.points, clip.visible, clip.name)
