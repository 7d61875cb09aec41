"""Makes a folder ready for the parts of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from facepoints._util.words import count_noun
from facepoints.errors import WriteError
from facepoints.results.parts import (
    MANIFEST,
    Manifest,
    ManifestError,
    is_part_name,
    read_manifest,
    write_manifest,
)
from facepoints.sources import stores

__all__ = ["settle"]


def settle(folder: str, manifest: Manifest, own: Iterable[int], overwrite: bool) -> None:
    """Make a folder one of a run: write its manifest, or check the one that is there.

    Args:
        folder: path or address.
        manifest: of the run.
        own: numbers of the parts of this process.
        overwrite: remove parts of another run, also where its manifest is damaged; of the same run
            those of this process.

    Raises:
        WriteError: the folder holds parts of another run or other files, or cannot be written.
        ManifestError: its manifest is damaged.
        StoreError: a store cannot be read now.
    """
    try:
        there = read_manifest(folder)
    except ManifestError as error:
        if not overwrite:
            raise ManifestError(f"{error}; begin again with `overwrite`") from error
        there = None
    if there is None:
        _empty(folder, overwrite)
    elif there.run != manifest.run:
        if not overwrite:
            differences = "; ".join(there.differences(manifest))
            raise WriteError(
                f"{folder} holds parts of another run: {differences}; name another folder, or "
                f"begin again with `overwrite`"
            )
        names = [entry.name for entry in stores.list_folder(folder)]
        _remove(folder, [name for name in names if is_part_name(name)])
    else:
        if overwrite:
            _remove(folder, [manifest.name(number) for number in own])
        return
    write_manifest(folder, manifest)


def _empty(folder: str, overwrite: bool) -> None:
    """Remove parts of an unknown run, if that is allowed. Raises WriteError for other files."""
    names = [e.name for e in stores.list_folder(folder) if not e.name.startswith(".")]
    mine = {name for name in names if overwrite and (is_part_name(name) or name == MANIFEST)}
    if strange := [name for name in names if name not in mine]:
        raise WriteError(
            f"{folder} holds {count_noun(len(strange), 'file')} ({strange[0]}"
            f"{', ...' if len(strange) > 1 else ''}) and no {MANIFEST} of facepoints; "
            f"name a new or empty folder for the parts"
        )
    _remove(folder, [name for name in names if name != MANIFEST])  # it is replaced


def _remove(folder: str, names: Sequence[str]) -> None:
    for name in names:
        stores.remove(stores.join(folder, name))
