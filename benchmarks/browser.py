"""Time of the page in Chromium, beside MediaPipe Face Mesh in the same browser and run.

    python benchmarks/browser.py          # two to three minutes; best on a machine that is idle

Both sides get the same canvases and answer with their landmarks; reading the pixels of the canvas
counts. Ours is the page's own engine, with its worker. The sides take turns, so that a busy moment
hits both. Medians count.

photo    photos with one face, the longer side 640 pixels, after loading: of held-out people of
         LFPW; without the data sets, one in the public domain. MediaPipe forgets the face before
         (`reset`), as it should for photos. Floor: 45 ms.
stream   frames of 640 x 480 with one face that moves: detection where it is due, tracking and
         smoothing. Frames that both sides get through in a second, one after another. Floor: 25.
camera   the whole page with a camera of 640 x 480: frames that are analyzed and drawn in a second,
         with points, edges, radii and the measures of the side panel. The browser plays a film of
         `stream` with 60 frames per second as its camera. Floor: 25.
opening  from the address of the page to the first face of a photo, in a browser that has never
         seen the page. Floor: 2 s.

Ratio: our time over MediaPipe's. Floor: 1.0. MediaPipe runs with useCpuInference and without
minDetectionConfidence, the only way that works without a graphics card. It finds 468 points of one
face, needs WebGL 2 and a page that allows `eval`, and has no error radii and no visibility.

The face of the stream and the photo of the opening are scikit-image's astronaut, a photo in the
public domain.
Results: benchmarks/results/browser.json and browser.md.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.data import astronaut
from support import browser_page, tables
from support.cli import make_parser
from support.faces import read_sets

import facepoints
from facepoints.imaging.image_writer import write_image

FLOORS = {"photo": 45.0, "stream": 25.0, "camera": 25.0, "opening": 2.0, "ratio": 1.0}
CAMERA_SECONDS = 8  # that the camera is counted, after two seconds to settle
SIDE = 640  # pixels of the photos' longer side
FRAMES = 60  # of the stream, played forwards and backwards
OURS, THEIRS = "facepoints", "MediaPipe Face Mesh"

CANVASES = """async ([name, pngs]) => {
    const canvases = window[name] = [];
    for (const png of pngs) {
        const bytes = Uint8Array.from(atob(png), (c) => c.charCodeAt(0));
        const bitmap = await createImageBitmap(new Blob([bytes], {type: 'image/png'}));
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
        canvas.getContext('2d', {willReadFrequently: true}).drawImage(bitmap, 0, 0);
        canvases.push(canvas);
    }
}"""
OUR_START = """async (base) => {
    const { Engine } = await import(`${base}js/app/engine.js`);
    const engine = new Engine();
    await engine.load();
    const pixels = (canvas) =>
        canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    window.photo = async (canvas) => (await engine.predict(pixels(canvas), {})).faces.length;
    window.frame = async (canvas, seconds) => {
        const how = {options: {}, restart: seconds === 0, axes: false};
        return (await engine.track(pixels(canvas), seconds, how)).faces.length;
    };
}"""
THEIR_START = """async (base) => {
    const mesh = new FaceMesh({locateFile: (file) => `${base}mediapipe/${file}`});
    mesh.setOptions({maxNumFaces: 1, refineLandmarks: false, useCpuInference: true});
    let found = 0;
    mesh.onResults((results) => { found = (results.multiFaceLandmarks ?? []).length; });
    await mesh.initialize();
    window.frame = async (canvas) => { await mesh.send({image: canvas}); return found; };
    window.photo = async (canvas) => { mesh.reset(); return frame(canvas); };
}"""
TIME_PHOTO = """async (count) => {
    const [times, found] = [[], []];
    for (let k = 0; k < count; k += 1) {
        const start = performance.now();
        found.push(await photo(photos[k % photos.length]));
        times.push(performance.now() - start);
    }
    return {times, found};
}"""
TIME_STREAM = """async (count) => {
    const [times, found] = [[], []];
    const order = [...clip, ...clip.toReversed()];
    for (let k = 0; k < count; k += 1) {
        const start = performance.now();
        found.push(await frame(order[k % order.length], k / 30));
        times.push(performance.now() - start);
    }
    return {times, found};
}"""

Image = NDArray[np.uint8]


def resized(image: Image) -> Image:
    """An image whose longer side has 640 pixels."""
    factor = SIDE / max(image.shape[:2])
    width, height = round(image.shape[1] * factor), round(image.shape[0] * factor)
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (width, height), interpolation=how), np.uint8)


def photos(data: Path, count: int) -> list[Image]:
    """Photos with one face: it is labelled, and it is the only one that we find."""
    if not (data / "lfpw").is_dir():
        return [resized(astronaut())]
    held = read_sets(data, ["lfpw"], training=0)["lfpw"].held_out
    model, chosen = facepoints.load(), []
    for file in held.photos:
        image = resized(facepoints.read_image(file))
        if len(chosen) < count and held.files.count(file) == 1 and len(model(image)) == 1:
            chosen.append(image)
    return chosen


def stream() -> list[Image]:
    """Frames of 640 x 480: the face moves, turns and comes closer."""
    image, frames = astronaut(), []
    for k in range(FRAMES):
        phase = 2 * np.pi * k / FRAMES
        matrix = cv2.getRotationMatrix2D((224, 120), 8 * np.sin(phase), 1.0 + 0.15 * np.cos(phase))
        matrix[:, 2] += (96 + 60 * np.cos(phase), 100 + 30 * np.sin(2 * phase))
        frame = cv2.warpAffine(image, matrix, (640, 480), borderValue=(128, 128, 128))
        frames.append(np.asarray(frame, np.uint8))
    return frames


NOTE_FACE = """() => {
    // to the millisecond: Playwright itself looks only every half second
    const look = () => {
        const states = [...document.querySelectorAll('#items .state')];
        if (!window.face && states.some((state) => state.textContent.includes('1 face'))) {
            window.face = performance.timeOrigin + performance.now();
        }
    };
    const all = {subtree: true, childList: true, characterData: true};
    new MutationObserver(look).observe(document, all);
}"""


def opening(running: Any, address: str, file: Path, tries: int) -> list[float]:
    """Seconds from the address to the first face, each in a new profile of the browser."""
    seconds = []
    for _ in range(tries):
        context = running.new_context()
        page = context.new_page()
        page.add_init_script(f"({NOTE_FACE})()")
        begin = time.time()
        page.goto(address, wait_until="commit")
        page.set_input_files("#file-input", str(file))
        page.wait_for_selector("#items .state:has-text('1 face')", timeout=60_000)
        seconds.append(page.evaluate("window.face") / 1000 - begin)
        context.close()
    return seconds


COUNT_FRAMES = """() => {
    window.analyzed = 0;
    const next = HTMLVideoElement.prototype.requestVideoFrameCallback;
    HTMLVideoElement.prototype.requestVideoFrameCallback = function (...words) {
        window.analyzed += 1; // the camera asks for a frame when the one before is drawn
        return next.apply(this, words);
    };
}"""


def write_camera(path: Path) -> None:
    """Write the stream as a camera's film: Y4M, 60 frames per second, there and back."""
    frames = stream()
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W640 H480 F60:1 Ip A1:1 C420jpeg\n")
        for frame in [*frames, *reversed(frames)]:
            file.write(b"FRAME\n" + cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420).tobytes())


def camera(address: str, film: Path) -> float:
    """Frames per second of the page with a camera, drawn, in a browser of its own."""
    flags = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    flags += [f"--use-file-for-fake-video-capture={film}"]
    with browser_page.browser(*flags) as running:
        context = running.new_context(viewport={"width": 1280, "height": 800})
        context.grant_permissions(["camera"], origin=address.rstrip("/"))
        page = context.new_page()
        page.add_init_script(f"({COUNT_FRAMES})()")
        page.goto(address)
        page.wait_for_selector("body[data-ready]", timeout=60_000)
        page.click("[data-action=camera]")
        page.wait_for_selector("#rate:has-text('frames per second')", timeout=60_000)
        page.wait_for_timeout(2000)
        now = "() => [window.analyzed, performance.now()]"
        before = page.evaluate(now)
        page.wait_for_timeout(1000 * CAMERA_SECONDS)
        after = page.evaluate(now)
        return 1000 * (after[0] - before[0]) / (after[1] - before[1])


def measure(images: list[Image], turns: int, frames: int) -> dict[str, Any]:
    """The times of both sides."""
    mediapipe = browser_page.fetch_mediapipe()
    scratch = tempfile.TemporaryDirectory()
    with scratch as folder, browser_page.serve(mediapipe) as site:
        file, film = Path(folder) / "photo.png", Path(folder) / "camera.y4m"
        write_image(file, resized(astronaut()))
        write_camera(film)
        with browser_page.browser() as running:
            content = both_sides(running, site, images, turns, frames)
            content["opening"] = opening(running, site, file, max(turns, 5))
        return content | {"camera": camera(site, film), "floors": FLOORS}


def both_sides(
    running: Any, site: str, images: list[Image], turns: int, frames: int
) -> dict[str, Any]:
    """The times of photos and of the stream, in turns."""
    pngs = {"photos": images, "clip": stream()}
    pages = {OURS: f"{site}settings.json", THEIRS: f"{site}mediapipe/"}
    sides: dict[str, Any] = {}
    for side, address in pages.items():
        page = sides[side] = running.new_page()
        page.goto(address)
        for name, pictures in pngs.items():
            page.evaluate(CANVASES, [name, [browser_page.png(one) for one in pictures]])
        page.evaluate(OUR_START if side == OURS else THEIR_START, site)
        page.evaluate(TIME_PHOTO, 5)
        page.evaluate(TIME_STREAM, 30)
    times: dict[str, dict[str, list[float]]] = {side: {"photo": [], "stream": []} for side in sides}
    found: dict[str, list[int]] = {side: [] for side in sides}
    for _ in range(turns):
        for side, page in sides.items():
            page.bring_to_front()
            for task, script, count in (
                ("photo", TIME_PHOTO, len(images)),
                ("stream", TIME_STREAM, frames),
            ):
                result = page.evaluate(script, count)
                times[side][task] += result["times"]
                found[side] += result["found"]
    for page in sides.values():
        page.close()
    return {
        "browser": f"Chromium {running.version}",
        "flags": list(browser_page.FLAGS),
        "turns": turns,
        "photos": len(images),
        "frames": frames,
        "sides": {side: summary(times[side], found[side]) for side in sides},
    }


def summary(times: dict[str, list[float]], found: list[int]) -> dict[str, float]:
    """Medians in milliseconds, frames per second, and the share of images with one face."""
    return {
        "photo": statistics.median(times["photo"]),
        "frame": statistics.median(times["stream"]),
        "frames_per_second": 1000 * len(times["stream"]) / sum(times["stream"]),
        "found": sum(count == 1 for count in found) / len(found),
    }


def table(content: dict[str, Any]) -> tables.Cells:
    """A row for each task."""
    ours, theirs = content["sides"][OURS], content["sides"][THEIRS]
    floors = content["floors"]
    opened = statistics.median(content["opening"])
    ratios = [ours["photo"] / theirs["photo"], ours["frame"] / theirs["frame"]]
    return [
        ["", OURS, "floor", THEIRS, "ratio", "floor"],
        [
            "photo of 640 px, one face, ms",
            f"{ours['photo']:.1f}",
            f"{floors['photo']:.0f} or less",
            f"{theirs['photo']:.1f}",
            f"{ratios[0]:.2f}",
            f"{floors['ratio']:.2f}",
        ],
        [
            "frame of 640 x 480, one face, ms",
            f"{ours['frame']:.1f}",
            "-",
            f"{theirs['frame']:.1f}",
            f"{ratios[1]:.2f}",
            f"{floors['ratio']:.2f}",
        ],
        [
            "frames per second",
            f"{ours['frames_per_second']:.1f}",
            f"{floors['stream']:.0f} or more",
            f"{theirs['frames_per_second']:.1f}",
            "-",
            "-",
        ],
        [
            "camera with drawing, frames per second",
            f"{content['camera']:.1f}",
            f"{floors['camera']:.0f} or more",
            *("-", "-", "-"),
        ],
        [
            "opening to first face, s",
            f"{opened:.2f}",
            f"{floors['opening']:.0f} or less",
            *("-", "-", "-"),
        ],
        [
            "images with one face, %",
            f"{100 * ours['found']:.0f}",
            "-",
            f"{100 * theirs['found']:.0f}",
            *("-", "-"),
        ],
    ]


def parser() -> argparse.ArgumentParser:
    options = make_parser(__doc__, data=True, model=False)
    options.add_argument("--turns", type=int, default=5, help="turns of each side (default: 5)")
    options.add_argument("--photos", type=int, default=30, help="photos of a turn (default: 30)")
    options.add_argument("--frames", type=int, default=120, help="frames of a turn (default: 120)")
    options.add_argument("--note", default="", help="a sentence for the top of the result")
    return options


def main() -> None:
    args = parser().parse_args()
    content = measure(photos(args.data, args.photos), args.turns, args.frames)
    cells = table(content)
    tables.show("The page in Chromium", cells)
    settings = (
        f"{content['browser']} with {' '.join(content['flags'])}, headless. Medians of "
        f"{content['photos']} photos and {content['frames']} frames, in {content['turns']} turns; "
        f"the page was opened {len(content['opening'])} times."
    )
    text = "\n\n".join(part for part in (args.note, settings, tables.markdown(cells)) if part)
    tables.write(args.out, "browser", content | {"note": args.note}, text)
    print(settings)


if __name__ == "__main__":
    main()
