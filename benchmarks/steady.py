"""Steadiness of the points of a video, and of the track numbers.

    python benchmarks/steady.py          # a quarter of an hour on 2 cores

Photos of held-out people are moved by known motion (pan at walking speed, stroll, zoom, turn,
changing light, standing still), each frame with the noise of a camera, so that the truth is
known in every frame. Four ways are compared: prediction of each frame alone, tracking without
smoothing ("tracked"), tracking with the smoother of cameras, which knows the past only ("live"),
and with the smoother of video files, which also knows what comes next ("recorded").

Jitter: root mean square, over points and frames, of the change of the error from a frame to the
next, in percent of the distance of the outer eye corners. The error is first turned and scaled
back by the true motion, so a point that is always off by the same part of the face is steady.
Lag: delay of the points' center in frames, by least squares along the true motion. "Added lag" is
the difference to the prediction of each frame alone, whose constant error looks like lag, too.
Error: mean distance of the points, in percent of the same distance.

Identity: two faces cross, and one hides the other; or a face is behind a board for half a second.
A switch is a change of a true face's track number.

Turn: heads of Pointing'04 (persons 3 and 4) turn from one profile to the other, at 90 degrees per
second. Between the photos, which are 15 degrees apart, frames are interpolated by optical flow.
"Found" is the share of frames with a face at the head, up to 45 and beyond 45 degrees; "yaw off" is
the mean error of the yaw in the photos, and "slope" that of yaw over pan by least squares, up to
60 degrees. Jitter is the root mean square of the second difference of the points over sqrt(6), in
percent of the head's width. MediaPipe runs in its tracking mode.

Results: benchmarks/results/steady.json and steady.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from support import tables
from support.cli import make_parser
from support.faces import FaceSet, read_sets
from support.motion import MOTIONS, Clip, crossing, hidden, moved
from support.ours import about
from support.turning import TURN_WAYS, turn_clips, turn_figures

from facepoints import load, weights
from facepoints.imaging import affine
from facepoints.imaging.image_io import read_image
from facepoints.inference.face import Face
from facepoints.inference.predictor import Predictor
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.tracking.config import TrackerConfig
from facepoints.tracking.tracker import FaceTracker, track_video

WAYS = ("frame by frame", "tracked", "live", "recorded")
OUTER_EYES = [36, 45]


def faces_of(predictor: Predictor, clip: Clip, way: str) -> list[list[Face]]:
    """The faces of each frame, 68 points each."""
    if way == "frame by frame":
        faces = [predictor.predict_batch([frame.image], [""])[0] for frame in clip]
    elif way == "recorded":
        faces = [detected for _, detected in track_video(predictor, clip)]
    else:  # as from a camera, but no frame is dropped
        tracker = FaceTracker(predictor, TrackerConfig(smooth=way == "live"))
        faces = [tracker(frame) for frame in clip]
    return [[face.as_landmarks(IBUG_68) for face in row] for row in faces]


def nearest(faces: Sequence[Face], truth: NDArray) -> Face | None:
    """The face at the true points (68, 2); None if there is none."""
    size = np.ptp(truth, axis=0).max()
    near = [(float(np.hypot(*(f.points - truth).mean(axis=0))), f) for f in faces]
    near = [(off, face) for off, face in near if off < 0.35 * size]
    return min(near, key=lambda pair: pair[0])[1] if near else None


def motion_figures(clip: Clip, predictions: Sequence[Sequence[Face]]) -> dict[str, float]:
    """Jitter and error (percent), lag (frames) and share of missed frames of the clip's face."""
    truth = clip.points[:, 0]
    eyes = np.hypot(*(truth[:, OUTER_EYES[0]] - truth[:, OUTER_EYES[1]]).T)
    faces = [nearest(f, t) for f, t in zip(predictions, truth, strict=True)]
    error = np.full(truth.shape, np.nan)
    for row, face in enumerate(faces):
        if face is not None:
            error[row] = face.points - truth[row]
    back = [affine.fit_similarity(t, truth[0])[:, :2] for t in truth]
    carried = np.stack([e @ turn.T for e, turn in zip(error, back, strict=True)])
    change = np.diff(carried, axis=0) / eyes[0]
    speed = np.diff(truth.mean(axis=1), axis=0)
    off = error.mean(axis=1)[1:]
    known = ~np.isnan(off[:, 0])
    moving = float((speed[known] ** 2).sum())
    lag = -float((off[known] * speed[known]).sum()) / moving if moving > len(off) else 0.0
    far = np.linalg.norm(error, axis=-1).mean(axis=1) / eyes
    return {
        "jitter": float(np.sqrt(np.nanmean((change**2).sum(axis=-1)))) * 100,
        "error": float(np.nanmean(far)) * 100,
        "lag": lag,
        "missed": float(np.mean([face is None for face in faces])),
    }


def identity_figures(clip: Clip, predictions: Sequence[Sequence[Face]]) -> dict[str, int]:
    """Number of changes of a true face's track, and of frames in which a face was missed."""
    last: dict[int, int | None] = {}
    switches = missed = 0
    for row, faces in enumerate(predictions):
        for person in range(clip.points.shape[1]):
            if not clip.visible[row, person]:
                continue
            face = nearest(faces, clip.points[row, person])
            if face is None:
                missed += 1
                continue
            switches += last.get(person, face.track_id) != face.track_id
            last[person] = face.track_id
    return {"switches": switches, "missed": missed}


def chosen(faces: FaceSet, count: int, seed: int) -> list[tuple[NDArray[np.uint8], NDArray]]:
    """`count` photos whose faces are large enough to be moved, with their points."""
    rows = np.random.default_rng(seed).permutation(len(faces))
    large = [r for r in rows if np.ptp(faces.points[r, :68], axis=0).max() > 90][:count]
    return [(read_image(faces.files[r]), faces.points[r, :68]) for r in large]


def measure(predictor: Predictor, photos: Sequence[tuple[NDArray, NDArray]]) -> dict[str, Any]:
    """All figures."""
    motion: dict[str, Any] = {}
    for name in MOTIONS:
        rows: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for seed, (photo, points) in enumerate(photos):
            clip = moved(photo, points, name, seed)
            for way in WAYS:
                rows[way].append(motion_figures(clip, faces_of(predictor, clip, way)))
        motion[name] = {
            way: {key: float(np.mean([r[key] for r in some])) for key in some[0]}
            for way, some in rows.items()
        }
        print(name, {w: {k: round(v, 3) for k, v in r.items()} for w, r in motion[name].items()})
    identity: dict[str, Any] = {}
    pairs = [(photos[n], photos[n - 1]) for n in range(len(photos))]
    crossings = [(c, crossing(a, b, n, s)) for n, (a, b) in enumerate(pairs) for c, s in _SPEEDS]
    boards = [("hidden for 0.5 s", hidden(*photo, n)) for n, photo in enumerate(photos)]
    for name, clip in [*crossings, *boards]:
        counts = identity_figures(clip, faces_of(predictor, clip, "live"))
        row = identity.setdefault(name, {"clips": 0, "frames": 0, "switches": 0, "missed": 0})
        row["clips"] += 1
        row["frames"] += int(clip.visible.sum())
        row["switches"] += counts["switches"]
        row["missed"] += counts["missed"]
    print(identity)
    return {"motion": motion, "identity": identity}


_SPEEDS = (("crossing at 180 px/s each", 6.0), ("crossing at 330 px/s each", 11.0))


def motion_table(motion: dict[str, Any]) -> tables.Cells:
    """A row per motion."""
    cells = [["motion", *(f"jitter, {way}" for way in WAYS)]]
    cells[0] += [f"{way} / frame by frame" for way in WAYS[2:]]
    cells[0] += [f"added lag, {way}" for way in WAYS[2:]]
    cells[0] += [f"error, {way}" for way in (WAYS[0], *WAYS[2:])]
    for name, row in motion.items():
        base = row[WAYS[0]]
        line = [name, *(f"{row[way]['jitter']:.2f}" for way in WAYS)]
        line += [f"{row[way]['jitter'] / max(base['jitter'], 1e-9):.2f}" for way in WAYS[2:]]
        line += [f"{row[way]['lag'] - base['lag']:.2f}" for way in WAYS[2:]]
        line += [f"{row[way]['error']:.2f}" for way in (WAYS[0], *WAYS[2:])]
        cells.append(line)
    return cells


def identity_table(identity: dict[str, Any]) -> tables.Cells:
    """A row per kind of clip."""
    keys = ("clips", "frames", "switches", "missed")
    rows = [[name, *(str(row[key]) for key in keys)] for name, row in identity.items()]
    return [["clips of", "clips", "visible faces", "identity switches", "missed"], *rows]


def turn_table(turn: dict[str, Any]) -> tables.Cells:
    """A row per way to follow a turning head."""
    heads = ["found up to 45°", "found beyond", "identity switches", "jitter", "yaw off", "slope"]
    cells = [["way", "clips", *heads]]
    for way, row in turn.items():
        line = [way, str(row["clips"]), *(f"{100 * row[k]:.1f}%" for k in ("near", "far"))]
        line.append("-" if row["switches"] is None else str(row["switches"]))
        keys = ("jitter", "yaw_error", "yaw_slope")
        cells.append(line + ["-" if row[k] is None else f"{row[k]:.2f}" for k in keys])
    return cells


def main() -> None:
    """Measure, show and write."""
    parser = make_parser(__doc__, data=True, detector=True)
    parser.add_argument("--photos", type=int, default=12, help="number of photos")
    parser.add_argument(
        "--training", action="store_true", help="photos of people who are not held out"
    )
    options = parser.parse_args()
    split = read_sets(options.data, ["lfpw"])["lfpw"]
    photos = chosen(split.training if options.training else split.held_out, options.photos, 0)
    predictor = load(options.model or weights.BUILTIN, detector=options.detector)
    figures = measure(predictor, photos)
    titled = [
        ("Steadiness", motion_table(figures["motion"])),
        ("Identity", identity_table(figures["identity"])),
    ]
    if clips := turn_clips(options.data):
        follow = {way: [faces_of(predictor, clip, way) for clip in clips] for way in TURN_WAYS}
        figures["turn"] = turn_figures(clips, follow)
        titled.append(("A turn from profile to profile", turn_table(figures["turn"])))
    text = tables.show_titled(titled)
    head = {"photos": len(photos), "detector": options.detector}
    tables.write(options.out, "steady", about(options.model) | head | figures, text)


if __name__ == "__main__":
    main()
