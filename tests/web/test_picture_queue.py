"""The queue of images: batches of the same settings, turns of requests, faults, the end."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from waiting import PATIENCE, wait_until

from facepoints.web.parameters import DetectParameters
from facepoints.web.picture_queue import Job, Picture, PictureQueue, QueueFullError
from facepoints.web.uploads import Upload


class Recorder:
    """Stands for a face model: notes the widths of each batch, and waits until it may go on."""

    model = detector = crop_config = None

    def __init__(self) -> None:
        self.batches: list[tuple[bool, list[int]]] = []
        self.go_on = threading.Event()


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()

    class Model:
        def __init__(self, *_: Any, any_angle: bool, **__: Any) -> None:
            self.any_angle = any_angle

        def predict_batch(self, images: list[NDArray[np.uint8]], names: list[str]) -> list[Any]:
            assert recorder.go_on.wait(PATIENCE)
            widths = [image.shape[1] for image in images]
            recorder.batches.append((self.any_angle, widths))
            if 13 in widths:
                raise RuntimeError("a fault")
            if 14 in widths and len(widths) > 1:
                raise MemoryError
            return [[] for _ in images]

    monkeypatch.setattr("facepoints.web.picture_queue.FaceModel", Model)
    return recorder


def job(*widths: int, any_angle: bool = False) -> Job:
    images = [np.zeros((4, width), np.uint8) for width in widths]
    uploads = [Upload(f"{i.shape[1]}", cv2.imencode(".png", i)[1].tobytes()) for i in images]

    def finish(picture: Picture) -> str:
        return picture.error or picture.name

    return Job(uploads, DetectParameters(any_angle=any_angle), finish, " ".join)


def queue_of(recorder: Recorder, workers: int = 1, **settings: Any) -> PictureQueue:
    return PictureQueue(
        recorder,  # pyright: ignore[reportArgumentType] (stands for a model)
        workers,
        **{"max_jobs": 9, "max_pixels": 1000, **settings},
    )


def submit_all(queue: PictureQueue, jobs: list[Job]) -> None:
    """Queue jobs while the thread holds the first image of the first one."""
    queue.submit(jobs[0])
    wait_until(lambda: queue.waiting < len(jobs[0].uploads))
    for one in jobs[1:]:
        queue.submit(one)


def test_requests_take_turns_image_by_image(recorder: Recorder) -> None:
    queue = queue_of(recorder)
    jobs = [job(1), job(21, 22, 23), job(31), job(41, 42)]
    submit_all(queue, jobs)
    recorder.go_on.set()
    assert [one.future.result(PATIENCE) for one in jobs] == ["1", "21 22 23", "31", "41 42"]
    order = [width for _, widths in recorder.batches for width in widths]
    assert order == [1, 21, 31, 41, 22, 42, 23]
    assert queue.jobs == 0
    queue.close()


def test_batches_hold_images_of_the_same_settings(recorder: Recorder) -> None:
    queue = queue_of(recorder, batch=3)
    jobs = [job(1), job(2, 3), job(4, any_angle=True), job(5), job(6)]
    submit_all(queue, jobs)
    recorder.go_on.set()
    for one in jobs:
        one.future.result(PATIENCE)
    assert recorder.batches[0] == (False, [1])
    assert all(len(widths) <= 3 for _, widths in recorder.batches)
    assert (True, [4]) in recorder.batches
    assert (False, [2, 5, 6]) in recorder.batches
    queue.close()


def test_a_fault_ends_its_request_alone(recorder: Recorder) -> None:
    queue = queue_of(recorder)
    recorder.go_on.set()
    bad, good = job(5, 13, 6), job(7)
    queue.submit(bad)
    queue.submit(good)
    with pytest.raises(RuntimeError, match="a fault"):
        bad.future.result(PATIENCE)
    assert good.future.result(PATIENCE) == "7"
    assert queue.alive
    queue.close()
    assert not queue.alive


def test_short_memory_makes_images_come_one_by_one(recorder: Recorder) -> None:
    queue = queue_of(recorder, batch=4)
    first, second = job(1), job(2, 14, 3)
    submit_all(queue, [first, second])
    recorder.go_on.set()
    assert second.future.result(PATIENCE) == "2 14 3"
    queue.close()


def test_what_nobody_waits_for_is_left_out(recorder: Recorder) -> None:
    queue = queue_of(recorder)
    jobs = [job(1), job(2, 3), job(4)]
    submit_all(queue, jobs)
    assert jobs[1].future.cancel()
    assert queue.jobs == 2
    recorder.go_on.set()
    assert jobs[2].future.result(PATIENCE) == "4"
    assert [widths for _, widths in recorder.batches] == [[1], [4]]
    queue.close()


def test_a_full_queue_refuses(recorder: Recorder) -> None:
    queue = queue_of(recorder, max_jobs=2)
    jobs = [job(1), job(2)]
    for one in jobs:
        queue.submit(one)
    with pytest.raises(QueueFullError) as full:
        queue.submit(job(3))
    assert 1 <= full.value.seconds <= 60
    recorder.go_on.set()
    for one in jobs:
        one.future.result(PATIENCE)
    queue.submit(last := job(4))
    assert last.future.result(PATIENCE) == "4"
    queue.close()


def test_images_that_cannot_be_read_are_told(recorder: Recorder) -> None:
    queue = queue_of(recorder)
    recorder.go_on.set()
    mixed = job(5, 400)
    queue.submit(mixed)
    assert mixed.future.result(PATIENCE).startswith("5 400 claims 400 x 4 pixels")
    queue.close()


def test_many_threads_answer_once(recorder: Recorder) -> None:
    queue = queue_of(recorder, workers=4, max_jobs=100)
    recorder.go_on.set()
    jobs = [job(*range(20, 28)) for _ in range(40)]
    for one in jobs:
        queue.submit(one)
    expected = " ".join(map(str, range(20, 28)))
    assert [one.future.result(PATIENCE) for one in jobs] == [expected] * 40
    assert isinstance(jobs[0].future, Future)
    queue.close()
