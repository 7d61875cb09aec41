"""Draw docs/images/eye-events.png: an eye over time, its opening and closure, and the events.

    python docs/draw_eye_events.py

The clip is made of the public-domain photo of an astronaut, whose lids `recipes/acting.py` moves.
Uses the built-in models, so run it again when the weights change.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from skimage import data

import facepoints
from facepoints.imaging import affine
from facepoints.inference.eye_state import eye_matrix
from facepoints.landmarks.known_sets import IBUG_68
from facepoints.measurement.events import eye_events

matplotlib.use("Agg")
from matplotlib import pyplot

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "recipes"))
acting = import_module("acting")

PICTURE = ROOT / "docs" / "images" / "eye-events.png"
RATE, SECONDS = 25, 6.0
BLINKS, ASLEEP = (0.8, 2.0), (3.4, 4.6)
"""Start of each blink, and start and end of the closed eyes, in seconds."""
SHOWN = 12
"""Number of eyes in the strip."""
COLORS = {"blink": "tab:blue", "eyes_closed": "tab:orange"}


def closed_at(time: float) -> float:
    """Closure of the lids, 0 to 1."""
    asleep = np.interp(time, [ASLEEP[0] - 0.2, ASLEEP[0], ASLEEP[1], ASLEEP[1] + 0.2], [0, 1, 1, 0])
    return max(acting.closure(time, BLINKS), float(asleep))


def main() -> None:
    """Make the clip, measure it and draw."""
    photo = np.ascontiguousarray(data.astronaut()[20:240, 100:330])
    model = facepoints.load(eye_closure=True)
    points = model(photo)[0].as_landmarks(IBUG_68).points
    rows: list[list[float]] = []
    eyes: list[NDArray[np.uint8]] = []
    for index in range(round(RATE * SECONDS)):
        time = index / RATE
        frame = acting.acted(photo, points, closed=round(closed_at(time), 2))
        face = model(frame)[0]
        measures = facepoints.measure(face)
        values = [measures[name].value for name in ("eye_opening", "yaw", "pitch")]
        mean = None if face.eye_closure is None else face.eye_closure.mean
        rows.append([time, *values, np.nan if mean is None else mean])
        eyes.append(affine.warp(frame, eye_matrix(face, "left", 72, 0.6), 72, 72))
    time, opening, yaw, pitch, closed = np.array(rows).T
    events = eye_events(time, opening, np.stack([yaw, pitch], axis=1), closed)
    figure, (strip, chart) = pyplot.subplots(
        2, 1, figsize=(9, 3.6), height_ratios=(1, 2.4), layout="constrained"
    )
    step = len(eyes) / SHOWN
    strip.imshow(np.hstack([eyes[int((k + 0.5) * step)] for k in range(SHOWN)]), aspect="auto")
    strip.axis("off")
    chart.plot(time, opening / np.median(opening), color="black", label="opening / median")
    chart.plot(time, closed, color="tab:red", label="probability that the eyes are closed")
    for event in events:
        chart.axvspan(
            event.start, event.start + event.seconds, color=COLORS[event.kind], alpha=0.25
        )
        chart.text(event.start, 1.22, event.kind, color=COLORS[event.kind])
    chart.set(xlim=(0, SECONDS), ylim=(0, 1.4), xlabel="seconds")
    chart.legend(loc="upper right", fontsize=8)
    figure.savefig(PICTURE, dpi=90)
    print(f"{PICTURE}: {[(e.kind, round(e.start, 2), round(e.seconds, 2)) for e in events]}")


if __name__ == "__main__":
    main()
