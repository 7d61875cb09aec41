"""Frames per second on video: facepoints, MediaPipe's tracking mode, and decoding alone.

    python benchmarks/video.py           # five minutes on 2 cores

Clips of 1 and 5 faces (photos of held-out people that sway gently before a wall) at 640x480
and 1280x720, H.264, 30 frames per second. Every side reads the file with OpenCV in a process
of its own, may use all cores, and processes each frame after the first. Sides take turns, and
the median of the rounds counts. "Faces seen" is the number of faces per frame. MediaPipe Face Mesh
0.10.14 runs with static_image_mode=False, its tracking mode (`support/peers.py` makes its
environment). "points + drawing" is the work of `facepoints predict CLIP --draw`: track, draw
and encode. A second table has the rates over MediaPipe's, and drawn over undrawn. Results:
benchmarks/results/video.json and video.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from support import peers, tables
from support.cli import make_parser
from support.faces import read_sets
from support.motion import head_mask
from support.ours import about

from facepoints import load, weights
from facepoints.commands.predict_video import predict_videos
from facepoints.imaging import affine
from facepoints.imaging.image_io import read_image
from facepoints.tracking.tracker import track_video
from facepoints.video.source import VideoInput, open_video
from facepoints.video.writer import VideoWriter

WORKER = Path(__file__).parent / "support" / "video_worker.py"
SIZES = ((640, 480), (1280, 720))
FACES = (1, 5)
FRAMES = 120
SIDES = ("decoding alone", "facepoints", "facepoints, points + drawing", "MediaPipe, tracking")

FLOORS = {"over_mediapipe": 1.5, "drawn_over_undrawn": 0.6}

Photo = tuple[NDArray[np.uint8], NDArray[np.float64]]


def make_clip(path: Path, photos: Sequence[Photo], width: int, height: int) -> None:
    """Write a clip of faces that sway before a wall, each a quarter of the image's height."""
    random = np.random.default_rng(0)
    grain = random.normal(0, 3, (height, width, 3))
    with VideoWriter(path, 30) as writer:
        for index in range(FRAMES):
            image = np.full((height, width, 3), 120, np.float32)
            for place, (photo, points) in enumerate(photos):
                left, top, wide, high = affine.bounding_box(points)
                scale = height / 4.5 / max(wide, high)
                turn = affine.rotation_matrix(4 * np.sin(index / 15 + place), (0, 0))[:, :2]
                turn = turn * scale * (1 + 0.04 * np.sin(index / 20))
                x = width * (place + 1) / (len(photos) + 1) + height / 40 * np.sin(index / 9)
                y = height * (0.4 + 0.2 * (place % 2)) + height / 60 * np.sin(index / 7 + place)
                middle = np.array([left + wide / 2, top + high / 2])
                matrix = np.column_stack([turn, np.array([x, y]) - turn @ middle])
                here = points @ matrix[:, :2].T + matrix[:, 2]
                mask = head_mask(here, width, height)
                image += mask * (affine.warp(photo, matrix, width, height) - image)
            rolled = np.roll(grain, 37 * index, axis=1)
            writer.add(np.rint(np.clip(image + rolled, 0, 255)).astype(np.uint8), index / 30)


def track_once(clip: Path, model: Path | None, detector: str, draw: bool) -> None:
    """One round of facepoints in a process of its own; prints the same as `video_worker.py`."""
    predictor = load(model or weights.BUILTIN, detector=detector)
    first = next(iter(open_video(clip)))
    predictor.predict_batch([first.image], [""])  # loads what is loaded on first use
    start = time.perf_counter()
    if draw:
        with tempfile.TemporaryDirectory() as folder:
            videos = [VideoInput(str(clip), lambda: open_video(clip))]
            report = predict_videos(predictor, videos, drawn=[Path(folder) / "o.mp4"])
        frames, faces = report.images, report.faces
    else:
        tracked = [faces for _, faces in track_video(predictor, open_video(clip))]
        frames, faces = len(tracked), sum(map(len, tracked))
    seconds = time.perf_counter() - start
    print(json.dumps({"frames": frames, "faces": faces, "seconds": seconds}))


def once(side: str, clip: Path, faces: int, options: argparse.Namespace) -> dict[str, float]:
    """One round of one side."""
    if side.startswith("facepoints"):
        command = [sys.executable, __file__, "--once", str(clip)]
        command += ["--model", str(options.model)] if options.model else []
        command += ["--detector", options.detector]
        command += ["--draw"] if "drawing" in side else []
    else:
        count = faces if "MediaPipe" in side else 0
        command = [str(peers.python()), str(WORKER), str(clip), str(count)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{side} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(photos: Sequence[Photo], options: argparse.Namespace) -> list[dict[str, Any]]:
    """A row per clip and side."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for width, height in SIZES:
            for faces in FACES:
                clip = Path(folder) / f"{width}-{faces}.mp4"
                make_clip(clip, photos[:faces], width, height)
                rounds: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
                for _ in range(options.rounds):
                    for side in SIDES:
                        rounds[side].append(once(side, clip, faces, options))
                for side, results in rounds.items():
                    rates = [r["frames"] / r["seconds"] for r in results]
                    row = {"width": width, "height": height, "faces": faces, "side": side}
                    row["fps"] = statistics.median(rates)
                    row["fps_all"] = rates
                    row["seen"] = results[0]["faces"] / results[0]["frames"]
                    rows.append(row)
                    print(row, flush=True)
    return rows


def table(rows: Sequence[dict[str, Any]]) -> tables.Cells:
    """A row per clip."""
    cells = [["clip", *SIDES, "faces seen: facepoints", "MediaPipe"]]
    for start in range(0, len(rows), len(SIDES)):
        some = {row["side"]: row for row in rows[start : start + len(SIDES)]}
        first = rows[start]
        name = f"{first['width']}x{first['height']}, {first['faces']} face"
        cells.append(
            [
                name + ("s" if first["faces"] > 1 else ""),
                *(f"{some[side]['fps']:.0f}" for side in SIDES),
                *(f"{some[side]['seen']:.2f}" for side in (SIDES[1], SIDES[3])),
            ]
        )
    return cells


def ratio_table(rows: Sequence[dict[str, Any]]) -> tables.Cells:
    """Rates over MediaPipe's, and drawn over undrawn: a row per clip."""
    heads = ["facepoints over MediaPipe", "points + drawing over points"]
    cells = [["clip", *heads, "points + drawing over MediaPipe"]]
    for line, start in zip(table(rows)[1:], range(0, len(rows), len(SIDES)), strict=True):
        _, ours, drawn, peer = (row["fps"] for row in rows[start : start + len(SIDES)])
        cells.append([line[0], *(f"{v:.2f}" for v in (ours / peer, drawn / ours, drawn / peer))])
    return cells


def main() -> None:
    """Measure, show and write."""
    parser = make_parser(__doc__, data=True, detector=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--once", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--draw", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once is not None:
        track_once(options.once, options.model, options.detector, options.draw)
        return
    faces = read_sets(options.data, ["lfpw"])["lfpw"].held_out
    rows = [r for r in range(len(faces)) if np.ptp(faces.points[r, :68], axis=0).max() > 120]
    photos = [(read_image(faces.files[r]), faces.points[r, :68]) for r in rows[: max(FACES)]]
    figures = measure(photos, options)
    titled = [
        ("Frames per second", table(figures)),
        ("Frames per second, ratios", ratio_table(figures)),
    ]
    content = {**about(options.model), "floors": FLOORS, "rows": figures}
    tables.write(options.out, "video", content, tables.show_titled(titled))


if __name__ == "__main__":
    main()
