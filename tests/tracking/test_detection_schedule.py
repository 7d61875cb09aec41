"""When the face detector runs in a video."""

from __future__ import annotations

import numpy as np

from facepoints.tracking.config import DetectionConfig
from facepoints.tracking.detection_schedule import DetectionSchedule
from facepoints.video.frame import Frame

CONFIG = DetectionConfig(quiet_interval=0.5, busy_interval=0.1)


def runs(
    schedule: DetectionSchedule,
    frames: int,
    *,
    new: tuple[int, ...] = (),
    lost: tuple[int, ...] = (),
    searching: bool = False,
) -> list[int]:
    """The frames, of 20 a second, in which the detector runs."""
    ran = []
    for index in range(frames):
        frame = Frame(np.zeros((2, 2, 3), np.uint8), index, index / 20, "")
        if index in lost:
            schedule.record_loss()
        if schedule.is_due(frame, searching=searching):
            schedule.record_run(frame, index in new)
            ran.append(index)
    return ran


def test_intervals_double_after_a_new_face_up_to_the_quiet_one() -> None:
    assert runs(DetectionSchedule(CONFIG, None), 40, new=(0,)) == [0, 1, 3, 7, 15, 25, 35]


def test_a_loss_makes_it_run_in_the_next_frame() -> None:
    assert runs(DetectionSchedule(CONFIG, None), 12, new=(0,), lost=(5,)) == [0, 1, 3, 5, 9]


def test_while_it_searches_it_runs_at_the_busy_interval() -> None:
    assert runs(DetectionSchedule(CONFIG, None), 9, new=(0,), searching=True) == [0, 1, 3, 5, 7]


def test_a_fixed_number_of_frames() -> None:
    schedule = DetectionSchedule(CONFIG, 4)
    assert runs(schedule, 13, new=(0, 4), lost=(6,), searching=True) == [0, 4, 8, 12]
