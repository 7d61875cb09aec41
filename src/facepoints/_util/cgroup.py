"""The control groups of this process (Linux): where a container's limits are written.

Version 1 mounts each controller in a folder of its own, version 2 all in one, under other names of
files. See man 7 cgroups.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path, PurePosixPath

__all__ = ["cgroup_folders"]


def cgroup_folders(controller: str, root: Path = Path("/")) -> list[Path]:
    """Folders of the groups that limit this process, each before the group that holds it.

    The limit of a group also holds for the groups inside it. In a container the outermost group
    is its own. The folders of version 1 and of version 2 are in one list: only one of them has
    files of the controller.

    Args:
        controller: "cpu" or "memory".
        root: folder that holds ``proc`` and ``sys``.
    """
    folders: list[Path] = []
    with suppress(OSError, ValueError, IndexError):
        groups = _groups(root)
        for line in (root / "proc/self/mountinfo").read_text().splitlines():
            words = line.split()
            kind, _, options = words[words.index("-") + 1 :][:3]
            names = {"cgroup2": [""], "cgroup": options.split(",")}.get(kind, [])
            own = "" if kind == "cgroup2" else controller
            if own in names and own in groups:
                folders += _upward(root / words[4].lstrip("/"), groups[own], words[3])
    mounted = root / "sys/fs/cgroup"
    return folders or [mounted, mounted / controller]


def _groups(root: Path) -> dict[str, str]:
    """Path of this process's group by controller; by "" that of version 2."""
    groups = {}
    for line in (root / "proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        groups |= dict.fromkeys(controllers.split(","), path)
    return groups


def _upward(mount: Path, group: str, top: str) -> list[Path]:
    """Folders from a group up to the one that is mounted, whose path is `top`."""
    try:
        inner = PurePosixPath(group).relative_to(top)
    except ValueError:  # the group is outside of what this container sees
        return [mount]
    if ".." in inner.parts:
        return [mount]
    return [mount / each for each in (inner, *inner.parents)]
