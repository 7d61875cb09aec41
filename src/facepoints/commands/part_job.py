"""Prepares predictions that several processes share: a folder of parts and what it lacks."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from facepoints._util.files import check_output_folder
from facepoints._version import __version__
from facepoints.commands.part_folder import settle
from facepoints.commands.predict_images import model_metadata, output_landmarks
from facepoints.errors import SettingsError, WriteError
from facepoints.inference.predictor import Predictor
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.results.formats import check_format
from facepoints.results.parquet import MODEL
from facepoints.results.parts import (
    MANIFEST,
    PART,
    SUFFIXES,
    Manifest,
    existing_parts,
    manifest_checksum,
    part_name,
    read_manifest,
)
from facepoints.results.records import landmarks_to_json
from facepoints.sources import Listing, Part, list_parts, stores
from facepoints.sources.suffixes import has_video_suffix
from facepoints.tracking.config import TrackerConfig
from facepoints.video.probe import is_video

__all__ = ["PART_SIZE", "PartsJob", "Prepared", "Shard", "prepare", "unshared"]

PART_SIZE = 1000
"""Pictures of a part: a minute of work of two processors, some MB as Parquet."""

_SHARD = re.compile(r"(\d{1,9})/(\d{1,9})")


@dataclass(frozen=True)
class Shard:
    """One of several shares of the parts: part `n` belongs to the shard `n % of + 1`.

    Attributes:
        number: from 1 to `of`.
        of: number of shards.
    """

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard that "3/128" names. Raises SettingsError."""
        match = _SHARD.fullmatch(text)
        shard = cls(*map(int, match.groups())) if match else cls(0, 0)
        if not 1 <= shard.number <= shard.of:
            raise SettingsError(
                f"a shard is K/N with K from 1 to N, such as 3/128 for the third of 128; got "
                f"'{text}'"
            )
        return shard

    def has(self, part: int) -> bool:
        """True if a part (from 0) belongs to this shard."""
        return part % self.of == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


WHOLE = Shard(1, 1)


@dataclass(frozen=True)
class PartsJob:
    """What a process needs to compute any part. It is small, and can be pickled.

    Attributes:
        folder: of the parts; a path or an address.
        format: key of `results.parts.SUFFIXES`.
        parts: number of parts.
        landmarks: points of all faces.
        run: `Manifest.run` of the folder.
        checksum: of the manifest's file when the job was prepared.
        metadata: entries for the metadata of each part.
        config: how faces of videos are tracked.
    """

    folder: str
    format: str
    parts: int
    landmarks: LandmarkSet
    run: str
    checksum: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    config: TrackerConfig | None = None

    def path(self, number: int) -> str:
        """Path or address of a part."""
        return stores.join(self.folder, part_name(number, self.parts, self.format))

    def is_done(self, number: int) -> bool:
        """True if a part is there. Raises StoreError or DataError."""
        path = self.path(number)
        return stores.exists(path) and not os.path.isdir(path)

    def check(self, *, whole: bool = False) -> None:
        """Raises WriteError if another run has taken the folder since it was prepared.

        Args:
            whole: read all of the manifest, although its bytes are those of before.
        """
        if not whole and manifest_checksum(self.folder) == self.checksum:
            return
        manifest = read_manifest(self.folder)
        if manifest is None or manifest.run != self.run:
            raise WriteError(
                f"{stores.join(self.folder, MANIFEST)} was replaced by another run, or removed; "
                f"run the command again"
            )

    def part_metadata(self, number: int) -> dict[str, str]:
        """Entries for the metadata of a part."""
        return self.metadata | {PART: json.dumps({"number": number, "run": self.run})}


@dataclass(frozen=True)
class Prepared:
    """A job, and the parts that this process has to compute.

    Attributes:
        job: what computes them.
        missing: parts of the shard that are not there yet.
        chosen: number of parts of the shard.
        shard: the share of this process.
        note: a sentence on files of the source that are passed over; empty if none is.
    """

    job: PartsJob
    missing: list[Part]
    chosen: int
    shard: Shard
    note: str


def prepare(
    predictor: Predictor,
    inputs: Sequence[str],
    out: str,
    *,
    part_size: int = PART_SIZE,
    format: str = "parquet",
    landmarks: LandmarkSet | None = None,
    shard: Shard | None = None,
    overwrite: bool = False,
    column: str | None = None,
    config: TrackerConfig | None = None,
    command: str = "",
) -> Prepared:
    """Divide a source into parts, and find out which are missing in a folder.

    The first process writes the folder's manifest. The others, and later runs, compare it with
    their own. Parts that are there are not computed again.

    Args:
        predictor: finds the faces.
        inputs: pictures, videos, folders, lists, archives and tables (`sources.list_parts`).
        out: folder of the parts; a path, or an address that fsspec opens.
        part_size: pictures of a part at most.
        format: "parquet" or "jsonl".
        landmarks: points to convert to; None: those of the model.
        shard: share of the parts; None: all.
        overwrite: begin again. Parts of another run are removed, of the same run those of the
            shard.
        column: of tables that holds the paths or images; None: the only one.
        config: how faces of videos are tracked; None: the defaults.
        command: command line that computes what is missing, without the shard.

    Raises:
        DataError: an input cannot be used, or `landmarks` cannot be computed.
        StoreError: a store cannot be read now.
        SettingsError: an unknown format, or a part size below 1.
        WriteError: the folder holds parts of another run or other files, or cannot be written.
        MissingExtraError: a package is not installed.
    """
    shard = shard or WHOLE
    points = output_landmarks(predictor, landmarks)
    if format not in SUFFIXES:
        raise SettingsError(
            f"parts are {' or '.join(SUFFIXES)}, which hold everything, got {format}; facepoints "
            f"merge joins them to other formats"
        )
    check_format(format, points)
    listing = list_parts(inputs, part_size=part_size, column=column, is_video=_is_video)
    manifest = _manifest(predictor, inputs, listing, points, format, config)
    manifest = replace(manifest, command=command, shards=shard.of)
    folder = out if stores.is_url(out) else os.path.normpath(out)
    if not stores.is_url(folder):
        check_output_folder(Path(folder))
    settle(folder, manifest, filter(shard.has, range(manifest.parts)), overwrite)
    metadata = model_metadata(predictor)
    checksum, count = manifest_checksum(folder), len(listing.parts)
    job = PartsJob(folder, format, count, points, manifest.run, checksum, metadata, config)
    job.check(whole=True)  # another run may have begun at the same time
    done = existing_parts(folder, manifest)
    mine = [part for part in listing.parts if shard.has(part.number)]
    missing = [part for part in mine if part.number not in done]
    return Prepared(job, missing, len(mine), shard, listing.note)


def unshared(
    predictor: Predictor,
    inputs: Sequence[str],
    *,
    landmarks: LandmarkSet | None = None,
    column: str | None = None,
    config: TrackerConfig | None = None,
) -> tuple[PartsJob, Sequence[Part]]:
    """A job without a folder, and all parts of a source. Arguments and errors: see `prepare`."""
    points = output_landmarks(predictor, landmarks)
    listing = list_parts(inputs, column=column, is_video=_is_video)
    return PartsJob("", "jsonl", len(listing.parts), points, "", config=config), listing.parts


def _is_video(name: str) -> bool:
    """True if a file is a video: by content, or on a store by its suffix."""
    return has_video_suffix(name) if stores.is_url(name) else is_video(name)


def _manifest(
    predictor: Predictor,
    inputs: Sequence[str],
    listing: Listing,
    landmarks: LandmarkSet,
    format: str,
    config: TrackerConfig | None,
) -> Manifest:
    """The manifest of this run, as it is read back from a file."""
    described = predictor.describe()
    described.pop("model", None)
    if any(part.kind == "video" for part in listing.parts):
        described["tracking"] = asdict(config or TrackerConfig())
    return Manifest(
        facepoints=__version__,
        model=json.loads(model_metadata(predictor)[MODEL]),
        settings=json.loads(json.dumps(described)),
        landmarks=landmarks_to_json(landmarks),
        inputs=[os.fsencode(one).decode("utf-8", "backslashreplace") for one in inputs],
        digest=listing.digest,
        part_size=listing.part_size,
        format=format,
        pictures=[part.pictures for part in listing.parts],
        kinds=sorted({part.kind for part in listing.parts}),
    )
