"""Computes the images of all requests with a few threads, fairly.

Requests take turns image by image, so that a request of many images does not hold up one of a
single image. If it is allowed, a thread takes several images of the same settings at once when more
wait than there are threads; their crops then go through the landmark model together. That pays on a
GPU; on a CPU, threads that compute an image each are faster.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facepoints._util.memory import is_out_of_memory
from facepoints.api import FaceModel
from facepoints.errors import DataError
from facepoints.imaging.decoding import decode
from facepoints.imaging.image_header import read_header
from facepoints.imaging.opencv_decoder import out_of_memory
from facepoints.inference.face import Face
from facepoints.web.parameters import DetectParameters
from facepoints.web.uploads import Upload

__all__ = ["Job", "Picture", "PictureQueue", "QueueFullError"]


class QueueFullError(Exception):
    """Too many requests wait. `seconds`: when to try again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"try again in {seconds} s")
        self.seconds = seconds


class Picture(NamedTuple):
    """An image of a request, with its faces.

    Attributes:
        name: what the client calls it.
        image: (H, W, 3) RGB; None if it could not be read.
        faces: in the image.
        note: what was left out of the file; empty if nothing was.
        error: why it could not be read; empty if it could.
    """

    name: str
    image: NDArray[np.uint8] | None = None
    faces: Sequence[Face] = ()
    note: str = ""
    error: str = ""


@dataclass(eq=False)
class Job:
    """The images of a request.

    Attributes:
        uploads: the images.
        detect: which faces are found.
        finish: makes the result of one image; called in a thread, with the image's pixels.
        render: makes the answer of the results of all images, in their order; called in a thread.
        future: the answer; an error of `finish` or `render` is its exception.
    """

    uploads: Sequence[Upload]
    detect: DetectParameters
    finish: Callable[[Picture], Any]
    render: Callable[[list[Any]], Any]
    future: Future[Any] = field(default_factory=Future)
    results: dict[int, Any] = field(default_factory=dict)
    next: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _settled: bool = False

    @property
    def ended(self) -> bool:
        """True if nothing is left to do: answered, failed, or no longer wanted."""
        return self._settled or self.future.done()

    def add(self, number: int, result: Any) -> bool:
        """Keep the result of an image. True for the last one: the caller then renders."""
        with self._lock:
            self.results[number] = result
            if self._settled or len(self.results) < len(self.uploads):
                return False
            self._settled = True
            return True

    def succeed(self, answer: Any) -> None:
        """Set the answer, unless it is no longer wanted."""
        if self.future.set_running_or_notify_cancel():
            self.future.set_result(answer)

    def fail(self, error: Exception, *, rendering: bool = False) -> None:
        """Set an error, unless there is one or it is no longer wanted."""
        with self._lock:
            if self._settled and not rendering:
                return
            self._settled = True
        if self.future.set_running_or_notify_cancel():
            self.future.set_exception(error)


class PictureQueue:
    """Threads that compute jobs.

    Args:
        model: finds the faces.
        workers: number of threads.
        max_jobs: jobs that may wait or be computed at once.
        max_pixels: of the largest image that is decoded.
        batch: images that a thread takes at once, at most.
        on_batch: called with the number of images and the seconds of each batch.
    """

    def __init__(
        self,
        model: FaceModel,
        workers: int,
        max_jobs: int,
        max_pixels: int,
        batch: int = 1,
        on_batch: Callable[[int, float], None] = lambda count, seconds: None,
    ) -> None:
        self._model, self._max_pixels, self._batch = model, max_pixels, batch
        self._max_jobs, self._on_batch = max_jobs, on_batch
        self._jobs: deque[Job] = deque()  # those with images that no thread has taken
        self._open: set[Job] = set()
        self._changed = threading.Condition()
        self._closed = False
        self._seconds = 0.05  # running mean per image
        self._threads = [
            threading.Thread(target=self._work, name=f"facepoints-{n}", daemon=True)
            for n in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def jobs(self) -> int:
        """Jobs that wait or are computed."""
        return len(self._open)

    @property
    def waiting(self) -> int:
        """Images that no thread has taken."""
        with self._changed:
            return sum(len(job.uploads) - job.next for job in self._jobs)

    @property
    def alive(self) -> bool:
        """True if jobs are accepted and computed."""
        return not self._closed and all(thread.is_alive() for thread in self._threads)

    def submit(self, job: Job) -> None:
        """Queue a job. Cancel its future if it is no longer wanted.

        Raises:
            QueueFullError: too many jobs wait.
        """
        with self._changed:
            if len(self._open) >= self._max_jobs:
                left = sum(len(one.uploads) - one.next for one in self._jobs)
                seconds = self._seconds * left / max(len(self._threads), 1)
                raise QueueFullError(max(1, min(60, round(seconds + 0.5))))
            self._open.add(job)
            self._jobs.append(job)
            self._changed.notify()
        job.future.add_done_callback(lambda _: self._forget(job))

    def close(self) -> None:
        """Stop the threads after the images at hand."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout=10)

    def _forget(self, job: Job) -> None:
        with self._changed:
            self._open.discard(job)

    def _work(self) -> None:
        while True:
            batch = self._take()
            if not batch:
                return
            begin = time.perf_counter()
            self._compute(batch)
            seconds = time.perf_counter() - begin
            self._seconds += 0.1 * (seconds / len(batch) - self._seconds)
            self._on_batch(len(batch), seconds)

    def _take(self) -> list[tuple[Job, int]]:
        """Images for one thread, of the same settings; empty at the end."""
        with self._changed:
            while True:
                self._jobs = deque(job for job in self._jobs if not job.ended)
                if self._closed:
                    return []
                if self._jobs:
                    break
                self._changed.wait()
            left = sum(len(job.uploads) - job.next for job in self._jobs)
            share = -(-left // len(self._threads))
            detect = self._jobs[0].detect
            taken: list[tuple[Job, int]] = []
            for _ in range(min(self._batch, share)):
                job = next((one for one in self._jobs if one.detect == detect), None)
                if job is None:
                    break
                taken.append((job, job.next))
                job.next += 1
                self._jobs.remove(job)
                if job.next < len(job.uploads):  # its next image waits behind other requests
                    self._jobs.append(job)
                    self._changed.notify()
            return taken

    def _compute(self, batch: list[tuple[Job, int]]) -> None:
        pictures = [self._decode(job.uploads[number]) for job, number in batch]
        try:
            pictures = self._predict(pictures, batch[0][0].detect)
        except Exception as error:
            for job in {id(job): job for job, _ in batch}.values():
                job.fail(error)
            return
        for (job, number), picture in zip(batch, pictures, strict=True):
            if job.ended:
                continue
            last = False
            try:
                last = job.add(number, job.finish(picture))
                if last:
                    answer = job.render([job.results[n] for n in range(len(job.uploads))])
                    job.succeed(answer)
            except Exception as error:
                job.fail(error, rendering=last)

    def _decode(self, upload: Upload) -> Picture:
        data = bytes(upload.data)
        header = read_header(data)
        if header is not None and header.width * header.height == 0:
            # its decoder may find a size, of any number of pixels
            reason = f"{upload.name} could not be decoded: its {header.kind} head is damaged"
            return Picture(upload.name, error=reason)
        try:
            image, note = decode(data, upload.name, self._max_pixels)
        except DataError as error:
            return Picture(upload.name, error=str(error))
        return Picture(upload.name, image, note=note.replace(" (--video reads all)", ""))

    def _predict(self, pictures: list[Picture], detect: DetectParameters) -> list[Picture]:
        """The images with their faces. If memory is short for all of them, they come one by
        one."""
        model = FaceModel(
            self._model.model,
            self._model.detector,
            min_score=detect.min_score,
            any_angle=detect.any_angle,
            crop_config=self._model.crop_config,
        )
        images = [picture.image for picture in pictures if picture.image is not None]
        try:
            faces = iter(model.predict_batch(images, [""] * len(images)))
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if len(pictures) > 1:
                return [each for one in pictures for each in self._predict([one], detect)]
            height, width = images[0].shape[:2]
            reason = str(out_of_memory(pictures[0].name, width, height))
            return [Picture(pictures[0].name, error=reason)]
        return [
            picture if picture.image is None else picture._replace(faces=next(faces))
            for picture in pictures
        ]
