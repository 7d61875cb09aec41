"""The page's tracker on real pixels, in Chromium: the same people and points as Python's."""

from __future__ import annotations

import base64
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from page_server import chromium, serve_page
from skimage.data import astronaut

import facepoints
from facepoints.tracking.tracker import FaceTracker
from facepoints.video.frame import Frame

pytestmark = pytest.mark.slow

COUNT, FPS, WIDTH, HEIGHT = 24, 15, 320, 240

TRACK = """async ([frames, times, width, height]) => {
    const { FacePredictor } = await import("./js/predict/predictor.js");
    const { VideoTracker } = await import("./js/tracking/video_tracker.js");
    const predictor = await FacePredictor.load(new URL(".", document.baseURI).href);
    const tracker = new VideoTracker(predictor.settings);
    const output = [];
    for (const [index, text] of frames.entries()) {
      const data = Uint8ClampedArray.from(atob(text), (letter) => letter.charCodeAt(0));
      const frame = predictor.frame(new ImageData(data, width, height));
      output.push(await tracker.update(frame, times[index]));
    }
    return output;
}"""


def frames() -> list[NDArray[np.uint8]]:
    """A head that moves, leans and comes nearer, is gone for three frames, and comes back."""
    head = np.ascontiguousarray(astronaut()[:260, 90:370])
    random = np.random.default_rng(0)
    images = []
    for index in range(COUNT):
        angle, size = 12 * np.sin(index / 4), 0.75 + 0.01 * index
        matrix = cv2.getRotationMatrix2D((140, 120), angle, size)
        matrix[:, 2] += (WIDTH / 2 - 140 + 4 * index - 40, HEIGHT / 2 - 120)
        gone = 14 <= index < 17
        shown = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
        if not gone:
            shown = cv2.warpAffine(head, matrix, (WIDTH, HEIGHT), borderValue=(120, 120, 120))
        noisy = shown + random.normal(0, 2, shown.shape)
        images.append(np.clip(noisy, 0, 255).astype(np.uint8))
    return images


def in_browser(images: list[NDArray[np.uint8]], times: list[float]) -> list[list[dict[str, Any]]]:
    opaque = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
    texts = [base64.b64encode(np.dstack([image, opaque]).tobytes()).decode() for image in images]
    with serve_page() as server, chromium() as browser:
        page = browser.new_page()
        page.goto(server.address)
        return page.evaluate(TRACK, [texts, times, WIDTH, HEIGHT])


def test_a_clip_is_tracked_as_in_python() -> None:
    images, times = frames(), [index / FPS for index in range(COUNT)]
    tracker = FaceTracker(facepoints.load())
    expected = [
        tracker(Frame(image, index, time, "clip"))
        for index, (image, time) in enumerate(zip(images, times, strict=True))
    ]
    found = in_browser(images, times)
    numbers = [[face.track_id for face in faces] for faces in expected]
    assert [[face["track"] for face in faces] for faces in found] == numbers
    assert numbers[0] == numbers[13] == numbers[-1] == [0]
    assert numbers[15] == []
    far = [
        np.linalg.norm(np.subtract(page["points"], face.points), axis=1)
        for here, faces in zip(found, expected, strict=True)
        for page, face in zip(here, faces, strict=True)
    ]
    # 8-bit arithmetic of another processor may round a value to the next step
    assert np.max(far) < 0.5
    assert np.median(far) < 0.1
