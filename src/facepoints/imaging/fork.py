"""Lets processes fork that have used OpenCV.

OpenCV keeps a pool of threads. A fork copies its locks, but not its threads: if one of them held a
lock at that moment, the child would wait for it forever when it first uses the pool. So the pool is
closed before a fork, and OpenCV opens another one when it next needs it, in both processes.
"""

from __future__ import annotations

import os

import cv2

__all__ = ["close_pools_before_forks"]


def close_pools_before_forks() -> None:
    """Close OpenCV's threads before each fork of this process from now on."""
    before: list[int] = []

    def close() -> None:
        before.append(cv2.getNumThreads())
        cv2.setNumThreads(1)

    def restore() -> None:
        cv2.setNumThreads(before.pop())

    if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
        os.register_at_fork(before=close, after_in_parent=restore, after_in_child=restore)
