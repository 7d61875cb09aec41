"""The command that reports about the installation: info."""

from __future__ import annotations

from typing import Annotated

from facepoints._util.option_help import flag
from facepoints.cli.output import say

__all__ = ["info"]


def info(
    clear_cache: Annotated[
        bool, flag("Remove the cached data sets. They are read again when they are needed.")
    ] = False,
) -> None:
    """Print versions, the processor, devices, installed extras and the cache.

    Add the output to a bug report.
    """
    from facepoints.commands.info import cache_state, collect_info
    from facepoints.commands.info import clear_cache as clear

    if clear_cache:
        before = clear()
        freed = before.size - cache_state().size
        say(f"removed {freed / 1e6:.1f} MB from {before.folder}")
        return
    for line in collect_info().lines():
        say(line)
