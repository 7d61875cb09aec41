"""Heads that turn from profile to profile: photos of Pointing'04, with frames in between."""

from __future__ import annotations

import csv
import itertools
import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facepoints.errors import DataError
from facepoints.inference.face import Face
from facepoints.measurement.pose import head_pose
from facepoints.video.writer import VideoWriter

from . import peers
from .motion import NOISE, RATE, Clip

__all__ = ["TURN_WAYS", "Turn", "turn_clips", "turn_figures"]

TURN_WAYS = ("frame by frame", "live", "recorded")
PEOPLE = ("3", "4")  # the test persons
BETWEEN = 5  # frames from a photo to the next, 15 degrees on: 90 degrees per second
NEAR, SLOPE = 45.0, 60.0  # degrees of pan
WORKER = Path(__file__).with_name("video_worker.py")


@dataclass(eq=False)
class Turn(Clip):
    """A clip of a head that turns.

    Attributes:
        pan: (T,) degrees, + turns the face to the left side of the picture.
        heads: (T, 4) box of the head: center x and y, width, height in pixels.
        photo: (T,) whether the frame is a photo, not interpolated.
    """

    pan: NDArray[np.float64] = None  # type: ignore[assignment]
    heads: NDArray[np.float64] = None  # type: ignore[assignment]
    photo: NDArray[np.bool_] = None  # type: ignore[assignment]


def turn_clips(data: Path) -> list[Turn]:
    """Both series of both test persons. Empty, with a word, if the data set is not there."""
    folder = data / "pointing04"
    table = folder / "poses.csv"
    if not table.is_file():
        print(f"left out: a turn from profile to profile, because {table} does not exist")
        return []
    with table.open(newline="", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["person"] in PEOPLE and int(r["tilt"]) == 0]
    series: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        series.setdefault(row["file"][: len("person031")], []).append(row)
    clips = []
    for number, (name, some) in enumerate(sorted(series.items())):
        some.sort(key=lambda row: int(row["pan"]))
        images = [cv2.imread(str(folder / row["file"])) for row in some]
        pans = np.array([float(row["pan"]) for row in some])
        keys = ("face_centre_x", "face_centre_y", "face_width", "face_height")
        boxes = np.array([[float(row[key]) for key in keys] for row in some])
        clips.append(_clip(name, images, pans, boxes, number))
    return clips


def _clip(name: str, images: Sequence[Any], pans: NDArray, boxes: NDArray, seed: int) -> Turn:
    random = np.random.default_rng(seed)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    frames, places = [], []
    for number in range(len(images) - 1):
        one, other = images[number], images[number + 1]
        gray = [cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in (one, other)]
        there, back = flow.calc(gray[0], gray[1], None), flow.calc(gray[1], gray[0], None)  # pyright: ignore
        for step in range(BETWEEN):
            t = step / BETWEEN
            frames.append((1 - t) * _warped(one, there, t) + t * _warped(other, back, 1 - t))
            places.append(number + t)
    frames.append(images[-1].astype(np.float32))
    places.append(len(images) - 1)
    noisy = [np.clip(f + random.normal(0, NOISE, f.shape), 0, 255) for f in frames]
    at = np.array(places)
    every = np.arange(len(images))
    return Turn(
        frames=[np.ascontiguousarray(np.rint(f).astype(np.uint8)[..., ::-1]) for f in noisy],
        points=np.zeros((len(frames), 0, 68, 2)),
        visible=np.ones((len(frames), 1), bool),
        name=name,
        pan=np.interp(at, every, pans),
        heads=np.stack([np.interp(at, every, column) for column in boxes.T], axis=1),
        photo=at == np.round(at),
    )


def _warped(image: Any, flow: NDArray, share: float) -> NDArray[np.float32]:
    """An image moved along a share of a flow field."""
    height, width = image.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    moved = cv2.remap(
        image, x - share * flow[..., 0], y - share * flow[..., 1], cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(moved, dtype=np.float32)


def turn_figures(
    clips: Sequence[Turn], ways: Mapping[str, Sequence[Sequence[Sequence[Face]]]]
) -> dict[str, dict[str, Any]]:
    """Figures of each way, and of MediaPipe's tracking mode.

    Args:
        ways: for each way and clip the faces of every frame.
    """
    rows = {}
    for way, predictions in ways.items():
        parts = [_of_clip(clip, faces) for clip, faces in zip(clips, predictions, strict=True)]
        found = np.concatenate([part["found"] for part in parts])
        yaw = np.concatenate([part["yaw"] for part in parts])
        change = np.concatenate([part["change"] for part in parts])
        rows[way] = _shares(clips, found) | {
            "switches": sum(p["switches"] for p in parts) if way != "frame by frame" else None,
            "jitter": round(100 * float(np.sqrt(np.mean(change**2) * 2 / 6)), 3)
            if len(change) else None,
            **_yaw_figures(np.concatenate([clip.pan for clip in clips]), yaw),
        }  # fmt: skip
    found = np.concatenate([_peer_found(clip) for clip in clips])
    nothing = dict.fromkeys(("switches", "jitter", "yaw_error", "yaw_slope"))
    rows["MediaPipe, tracking"] = _shares(clips, found) | nothing
    return rows


def _shares(clips: Sequence[Turn], found: NDArray[np.bool_]) -> dict[str, Any]:
    near = np.concatenate([np.abs(clip.pan) <= NEAR for clip in clips])
    shares = {name: round(float(found[rows].mean()), 4) for name, rows in
              (("near", near), ("far", ~near))}  # fmt: skip
    return {"clips": len(clips), "frames": len(found), **shares}


def _at(faces: Sequence[Face], head: NDArray[np.float64]) -> Face | None:
    """The face whose points lie nearest to the head's center, if within 0.6 of its width."""
    x, y, width, _ = head
    near = [(float(np.hypot(*(face.points[17:].mean(axis=0) - (x, y)))), face) for face in faces]
    near = [pair for pair in near if pair[0] < 0.6 * width]
    return min(near, key=lambda pair: pair[0])[1] if near else None


def _of_clip(clip: Turn, predictions: Sequence[Sequence[Face]]) -> dict[str, Any]:
    faces = [_at(row, head) for row, head in zip(predictions, clip.heads, strict=True)]
    ids = [face.track_id for face in faces if face is not None]
    points = np.full((len(faces), 68, 2), np.nan)
    yaw = np.full(len(faces), np.nan)
    for row, face in enumerate(faces):
        if face is None:
            continue
        points[row] = face.points
        if clip.photo[row]:
            try:
                yaw[row] = head_pose(face).yaw
            except DataError:
                continue
    change = np.diff(points, n=2, axis=0) / clip.heads[1:-1, 2, None, None]
    return {
        "found": np.array([face is not None for face in faces]),
        "switches": sum(a != b for a, b in itertools.pairwise(ids)),
        "change": change[np.isfinite(change)],
        "yaw": yaw,
    }


def _yaw_figures(pan: NDArray, yaw: NDArray) -> dict[str, float | None]:
    known = np.isfinite(yaw)
    if known.sum() < 3:
        return {"yaw_error": None, "yaw_slope": None}
    near = known & (np.abs(pan) <= SLOPE)
    slope = float(np.polyfit(-pan[near], yaw[near], 1)[0])
    error = float(np.abs(yaw[known] + pan[known]).mean())
    return {"yaw_error": round(error, 2), "yaw_slope": round(slope, 3)}


def _peer_found(clip: Turn) -> NDArray[np.bool_]:
    """Frames in which MediaPipe's tracking mode has a face."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "turn.mp4"
        with VideoWriter(path, RATE) as writer:
            for index, image in enumerate(clip.frames):
                writer.add(image, index / RATE)
        command = [str(peers.python()), str(WORKER), str(path), "1", "each"]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"MediaPipe, tracking failed:\n{done.stderr[-2000:]}")
    each = json.loads(done.stdout.splitlines()[-1])["each"]
    return np.array(each, dtype=bool)
