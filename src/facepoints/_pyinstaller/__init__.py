"""Tells PyInstaller what a program with facepoints needs: the model files of the package.

PyInstaller finds this by the entry point ``pyinstaller40`` in pyproject.toml
(https://pyinstaller.org/en/stable/hooks.html#providing-pyinstaller-hooks-with-your-package).
"""

from __future__ import annotations

import os

__all__ = ["hook_folders"]


def hook_folders() -> list[str]:
    """Folders with hooks for PyInstaller."""
    return [os.path.dirname(__file__)]
