"""A folder of parts: what `facepoints predict` writes when several processes share the work.

The folder, local or on a store, holds ``manifest.json`` and a file for every part of the source,
``part-00000.parquet`` (or ``.jsonl``) and so on. The manifest says what the parts come from, so
that parts of another model, setting or source never get into the folder. It is the first file to
be written. Each part is written whole or not at all: a part that is there is done.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from pathlib import Path
from typing import Any

from facepoints._util.words import count_noun
from facepoints.errors import DataError
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.from_records import in_videos, result_from_record
from facepoints.results.jsonl import iter_jsonl_records
from facepoints.results.parquet import iter_parquet_records
from facepoints.results.records import FrameResult, Record, landmarks_from_json
from facepoints.sources import MissingFile, stores

__all__ = [
    "MANIFEST",
    "PART",
    "SUFFIXES",
    "Manifest",
    "ManifestError",
    "existing_parts",
    "holds_parts",
    "is_part_name",
    "iter_parts",
    "iter_records",
    "manifest_checksum",
    "part_name",
    "read_manifest",
    "write_manifest",
]

MANIFEST = "manifest.json"
"""Name of the manifest."""

PART = "facepoints.part"
"""Key of the metadata of a Parquet part: JSON with its number and `Manifest.run`."""

SUFFIXES = {"parquet": ".parquet", "jsonl": ".jsonl"}
"""Formats of parts, and their suffixes. Other formats do not hold everything; the parts are joined
into them."""

_MOST_PARTS = 100_000_000
_DIGITS = 5  # of a part's number; more if there are more parts
_NAMED = re.compile(r"part-\d+\.(parquet|jsonl)")
_SHORT = 12  # digits of a checksum that are shown


@dataclass(frozen=True)
class Manifest:
    """What the parts of a folder come from.

    Attributes:
        facepoints: version of the program.
        model: name and checksum of the model's file.
        settings: what predictions depend on besides the model and the picture.
        landmarks: name of the landmark set of all faces, or the names of its points.
        inputs: as the user named them.
        digest: of the source (`sources.Listing.digest`).
        part_size: pictures of a part at most.
        format: key of `SUFFIXES`.
        pictures: how many each part holds; None where only reading tells. Its length is the number
            of parts.
        kinds: of the parts (`sources.Part.kind`), each once.
        command: command line that computes what is missing, without its shard.
        shards: number of shards of the command that began; 1 if it had none.
    """

    facepoints: str
    model: dict[str, str]
    settings: dict[str, Any]
    landmarks: str | list[str]
    inputs: list[str]
    digest: str
    part_size: int
    format: str
    pictures: list[int | None]
    kinds: list[str]
    command: str = ""
    shards: int = 1

    @property
    def parts(self) -> int:
        """Number of parts."""
        return len(self.pictures)

    @property
    def may_repeat(self) -> bool:
        """True if the source may name a picture twice, as lists and tables of paths may."""
        return not {"list", "parquet"}.isdisjoint(self.kinds)

    @property
    def run(self) -> str:
        """Digest of all that the parts depend on: the same for every shard."""
        compared = {name: value for name, value in vars(self).items() if name not in _INFORMS}
        compared["pictures"] = _run_lengths(self.pictures)
        text = json.dumps(compared, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def landmark_set(self, place: str) -> LandmarkSet:
        """The points of all faces. `place` names the manifest in errors (DataError)."""
        return landmarks_from_json(self.landmarks, place)

    def name(self, number: int) -> str:
        """The file of a part."""
        return part_name(number, self.parts, self.format)

    def shard_command(self, shard: int, shards: int) -> str:
        """The command line that computes what a shard (from 0) lacks."""
        return f"{self.command} --shard {shard + 1}/{shards}" if shards > 1 else self.command

    def differences(self, other: Manifest) -> list[str]:
        """List the differences of another run as phrases: "min_score is 0.5 there and 0.8 here"."""
        pairs = [
            ("facepoints", self.facepoints, other.facepoints),
            ("the model", _model(self.model), _model(other.model)),
            *((k, self.settings.get(k), other.settings.get(k)) for k in self.settings),
            *((k, None, other.settings[k]) for k in other.settings if k not in self.settings),
            ("the landmark set", _points(self), _points(other)),
            ("part_size", self.part_size, other.part_size),
            ("format", self.format, other.format),
            ("the source", _listed(self.inputs), _listed(other.inputs)),
        ]
        found = [f"{n} is {_shown(a)} there and {_shown(b)} here" for n, a, b in pairs if a != b]
        if not found and self.run != other.run:
            found.append(f"the source {_listed(self.inputs)} has changed since")
        return found


_INFORMS = ("command", "shards")  # fields that parts do not depend on


def _model(model: dict[str, str]) -> str:
    return f"{model.get('file') or 'unknown'} ({model.get('checksum', '')[:_SHORT]})"


def _points(manifest: Manifest) -> str:
    points = manifest.landmarks
    return points if isinstance(points, str) else f"{len(points)} points"


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _listed(inputs: list[str]) -> str:
    more = f" and {len(inputs) - 1} more" if len(inputs) > 1 else ""
    return f"{inputs[0] if inputs else 'nothing'}{more}"


def part_name(number: int, parts: int, format: str) -> str:
    """The file of a part: names in order of the alphabet are in order of their numbers."""
    digits = max(_DIGITS, len(str(parts - 1)))
    return f"part-{number:0{digits}}{SUFFIXES[format]}"


def holds_parts(folder: str | Path) -> bool:
    """True if a local folder, or an address, is a folder of parts."""
    return stores.exists(stores.join(str(folder), MANIFEST))


def is_part_name(name: str) -> bool:
    """True if a file is called like a part."""
    return _NAMED.fullmatch(name) is not None


class ManifestError(DataError):
    """A file is called like a manifest and is none of facepoints, or is damaged."""


def read_manifest(folder: str) -> Manifest | None:
    """The manifest of a folder; None if there is none.

    Raises:
        DataError: it cannot be read.
        ManifestError: it is not one of facepoints.
    """
    path = stores.join(folder, MANIFEST)
    try:
        text = stores.read_bytes(path)
    except MissingFile:
        return None
    try:
        data = json.loads(text)
        given = {field.name: data[field.name] for field in fields(Manifest)}
        given["pictures"] = _counts(given["pictures"])
        manifest = Manifest(**given)
        _check(manifest)
        return manifest
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, DataError) as error:
        raise ManifestError(
            f"{path} is not a manifest of facepoints ({error!r:.80}); expected one that facepoints "
            f"predict wrote"
        ) from error


def _counts(pairs: list[tuple[int | None, int]]) -> list[int | None]:
    """Inverse of `_run_lengths`."""
    if not 0 < sum(times for _, times in pairs) <= _MOST_PARTS:
        raise ValueError(f"expected 1 to {_MOST_PARTS} parts")
    return [None if count is None else int(count) for count, times in pairs for _ in range(times)]


def _check(manifest: Manifest) -> None:
    """Raises ValueError or TypeError for values that facepoints does not write."""
    for names in (manifest.inputs, manifest.kinds, list(manifest.model.values())):
        "".join(names)
    texts = (manifest.facepoints, manifest.digest, manifest.command)
    numbers = (manifest.part_size, manifest.shards)
    if manifest.format not in SUFFIXES or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"format {manifest.format!r}")
    if not all(isinstance(number, int) and number > 0 for number in numbers):
        raise ValueError(f"part size {manifest.part_size!r}")
    manifest.settings.keys()
    manifest.landmark_set(MANIFEST)


def manifest_checksum(folder: str) -> str:
    """Checksum of the manifest's file; empty if there is none. Raises DataError or StoreError."""
    try:
        return hashlib.sha256(stores.read_bytes(stores.join(folder, MANIFEST))).hexdigest()
    except MissingFile:
        return ""


def write_manifest(folder: str, manifest: Manifest) -> None:
    """Write the manifest, whole or not at all. Raises WriteError."""
    data = vars(manifest) | {"pictures": _run_lengths(manifest.pictures)}
    text = json.dumps(data, indent=2, allow_nan=False)
    stores.write_whole(stores.join(folder, MANIFEST), f"{text}\n".encode())


def _run_lengths(counts: Sequence[int | None]) -> list[tuple[int | None, int]]:
    """Equal counts in a row, as the count and how many there are."""
    return [(count, len(list(same))) for count, same in groupby(counts)]


def existing_parts(folder: str, manifest: Manifest) -> set[int]:
    """Numbers of the parts that are there, by their names. Raises DataError."""
    names = {entry.name for entry in stores.list_folder(folder)}
    return {number for number in range(manifest.parts) if manifest.name(number) in names}


def iter_parts(folder: str | Path) -> Iterator[FrameResult]:
    """The faces of all parts, in order of their numbers.

    Args:
        folder: a local folder, or an address that fsspec opens.

    Raises:
        DataError: it is not a folder of parts, a part is missing or cannot be read.
    """
    place = str(folder)
    manifest = read_manifest(place)
    if manifest is None:
        raise DataError(f"{place} is not a folder of parts: it has no {MANIFEST}")
    missing = manifest.parts - len(existing_parts(place, manifest))
    if missing:
        raise DataError(
            f"{place} lacks {count_noun(missing, 'part')} of {manifest.parts}; facepoints merge "
            f"{place} says which, and how to compute them"
        )
    yield from in_videos(_results(place, manifest), Path(place))


def _results(folder: str, manifest: Manifest) -> Iterator[FrameResult]:
    for number in range(manifest.parts):
        name = manifest.name(number)
        with stores.local_copy(stores.join(folder, name)) as local:
            for row, record in enumerate(iter_records(local, manifest.format), start=1):
                yield result_from_record(record, f"{folder}, {name}, row {row}", None, folder)


def iter_records(path: Path, format: str) -> Iterator[Record]:
    """The records of a part.

    Args:
        path: of a local file.
        format: key of `SUFFIXES`.

    Raises:
        DataError: it cannot be read.
    """
    if format == "parquet":
        yield from iter_parquet_records(path)
    else:
        yield from iter_jsonl_records(path)
