"""Runs command lines in the process of the tests."""

from __future__ import annotations

from facepoints.cli.main import main

__all__ = ["exit_status"]


def exit_status(*words: object) -> int:
    """Run a command line, and return its exit status.

    Args:
        words: after the program's name; paths and numbers become text.
    """
    try:
        main([str(word) for word in words])
    except SystemExit as ended:
        return int(str(ended.code or 0))
    return 0
