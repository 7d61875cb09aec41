"""A process that has used OpenCV may fork: OpenCV's threads end before."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from waiting import PATIENCE

CODE = """
import os, time
threads = []
os.register_at_fork(before=lambda: threads.append(settled()))
import cv2
import numpy as np
from facepoints.imaging.image_io import to_gray

def settled():
    # a thread that has been joined may be listed a moment longer
    end = time.monotonic() + 20
    while (count := len(os.listdir("/proc/self/task"))) > quiet and time.monotonic() < end:
        time.sleep(0.01)
    return count

cv2.setNumThreads(3)
image = np.zeros((1500, 1500, 3), np.uint8)
quiet = len(os.listdir("/proc/self/task"))
to_gray(image)
used = len(os.listdir("/proc/self/task"))
child = os.fork()
gray = to_gray(image)
if child == 0:
    os._exit(0 if gray.shape == (1500, 1500) and cv2.getNumThreads() == 3 else 1)
status = os.waitpid(child, 0)[1]
print(used - quiet, threads[0] - quiet, status, cv2.getNumThreads())
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted in /proc")
def test_threads_of_opencv_end_before_a_fork_and_start_again() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.stdout.split() == ["2", "0", "0", "3"], done.stderr
