"""Photos per second from files in memory to faces, the landmark network on a device."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import facepoints
from facepoints import weights
from facepoints.api import FaceModel
from facepoints.datasets import synthetic
from facepoints.detection import LOW_SCORE_THRESHOLD, BuiltinDetector
from facepoints.imaging.decoding import decode
from facepoints.inference.landmark_model import LandmarkModel

__all__ = ["make_photos", "photo_rates", "read_photos"]

BATCH = 16
"""Photos in a batch of one worker."""
WIDTH, HEIGHT, FACES = 1280, 960, 3


def make_photos(count: int, seed: int = 0) -> list[bytes]:
    """JPEG files of `WIDTH` x `HEIGHT` pixels with `FACES` synthetic faces each."""
    rng = np.random.default_rng(seed)
    faces = synthetic.render(36, seed=seed, size=256).images
    photos = []
    for _ in range(count):
        coarse = rng.integers(40, 200, (12, 16, 3)).astype(np.uint8)
        photo = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        photo = cv2.add(photo, rng.integers(0, 12, photo.shape, dtype=np.uint8))
        for place in range(FACES):
            side = int(rng.integers(160, 380))
            face = cv2.resize(faces[rng.integers(len(faces))], (side, side))
            x, y = 20 + place * 420, int(rng.integers(20, HEIGHT - side - 20))
            photo[y : y + side, x : x + side] = face[..., None]
        photos.append(cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes())
    return photos


def read_photos(folder: Path, count: int) -> list[bytes]:
    """The bytes of the first `count` image files of a folder and those below."""
    names = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in (".jpg", ".jpeg", ".png")]
    return [name.read_bytes() for name in names[:count]]


def load(device: str) -> FaceModel:
    """The built-in model with one thread for each caller. The detector is on the CPU."""
    detector = BuiltinDetector.load(min_score=LOW_SCORE_THRESHOLD, threads=1)
    if device == "cpu":
        return FaceModel(LandmarkModel.load(weights.BUILTIN, device, threads=1), detector)
    return FaceModel(LandmarkModel.load(weights.BUILTIN, device), detector)


def _predict(model: FaceModel, photos: list[bytes]) -> int:
    images = [decode(photo, "photo")[0] for photo in photos]
    return sum(map(len, model.predict_batch(images, [""] * len(images))))


def _batches(photos: list[bytes]) -> list[list[bytes]]:
    return [photos[at : at + BATCH] for at in range(0, len(photos), BATCH)]


def _work(device: str, files: list[str], ready: Any, go: Any, results: Any) -> None:
    """Body of a worker process: predict all photos once `go` is set; put (faces, seconds)."""
    cv2.setNumThreads(1)
    read = {file: Path(file).read_bytes() for file in dict.fromkeys(files)}
    photos = [read[file] for file in files]
    if device != "cpu":
        import torch

        torch.set_num_threads(1)
    try:
        model = load(device)
        _predict(model, photos[:BATCH])
        ready.release()
        go.wait(120)
        begin = time.perf_counter()
        faces = sum(_predict(model, batch) for batch in _batches(photos))
        results.put((faces, time.perf_counter() - begin))
    except Exception as error:
        ready.release()
        results.put(f"{type(error).__name__}: {str(error)[:200]}")


def write_photos(photos: list[bytes], folder: Path) -> list[str]:
    """Write each distinct photo to a file. Returns the file of every photo."""
    files: dict[int, str] = {}
    for photo in photos:
        if id(photo) not in files:
            path = folder / f"{len(files)}.jpg"
            path.write_bytes(photo)
            files[id(photo)] = str(path)
    return [files[id(photo)] for photo in photos]


def by_processes(device: str, files: list[str], workers: int) -> dict[str, Any]:
    """Rate of `workers` processes that share the photos. They get names, not photos: a process
    begins to read what it is given when it has imported its modules, and the next one would wait
    for it."""
    spawn = get_context("spawn")
    ready, go, results = spawn.Semaphore(0), spawn.Event(), spawn.Queue()
    shares = [files[start::workers] for start in range(workers)]
    processes = [
        spawn.Process(target=_work, args=(device, share, ready, go, results), daemon=True)
        for share in shares
    ]
    for process in processes:
        process.start()
    try:
        for _ in processes:
            if not ready.acquire(timeout=120):
                return {"error": "a worker did not start within 120 s"}
        go.set()
        found = [results.get(timeout=120) for _ in processes]
    finally:
        for process in processes:
            process.join(5)
            if process.is_alive():
                process.terminate()
    wrong = [each for each in found if isinstance(each, str)]
    if wrong:
        return {"error": wrong[0]}
    slowest = max(seconds for _, seconds in found)
    faces = sum(count for count, _ in found)
    return {"photos_per_s": round(len(files) / slowest, 1), "faces": faces}


def by_threads(device: str, photos: list[bytes], workers: int) -> dict[str, Any]:
    """Rate of one process, called as users call it: it predicts batches at a time in threads."""
    cv2.setNumThreads(1)
    model = facepoints.load(device=device, threads=workers)
    model(photos[: BATCH * workers])
    begin = time.perf_counter()
    faces = sum(map(len, model(photos)))
    seconds = time.perf_counter() - begin
    return {"photos_per_s": round(len(photos) / seconds, 1), "faces": faces}


def decoding(photos: list[bytes], workers: int) -> dict[str, Any]:
    """Rate of decoding alone, by threads."""
    cv2.setNumThreads(1)
    with ThreadPoolExecutor(workers) as pool:
        begin = time.perf_counter()
        list(pool.map(lambda photo: decode(photo, "photo")[0].size, photos))
        return {"photos_per_s": round(len(photos) / (time.perf_counter() - begin), 1), "faces": 0}


def photo_rates(
    device: str, photos: list[bytes], workers: int, few: int
) -> Iterator[dict[str, Any]]:
    """A row per way: decoding alone, threads of one process and processes, the landmark network on
    the device and on the CPU; `few` is a smaller number of processes. Processes take long to start,
    so they come last."""
    yield {"what": "decoding alone", "workers": workers} | decoding(photos, workers)
    kinds = tuple(dict.fromkeys((device, "cpu")))
    for kind in kinds:
        row = {"what": f"threads of one process, landmarks on {kind}", "workers": workers}
        yield row | by_threads(kind, photos, workers)
    with tempfile.TemporaryDirectory() as folder:
        files = write_photos(photos, Path(folder))
        for kind, number in dict.fromkeys((kind, n) for kind in kinds for n in (few, workers)):
            row = {"what": f"processes, landmarks on {kind}", "workers": number}
            yield row | by_processes(kind, files, number)
