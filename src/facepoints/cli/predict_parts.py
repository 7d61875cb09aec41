"""The part of the command predict that shares a source between processes and machines."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from facepoints._util.option_help import option
from facepoints.cli.options import PredictorOptions
from facepoints.cli.output import ERR, note
from facepoints.cli.outputs import command_words
from facepoints.errors import DataError

if TYPE_CHECKING:
    from facepoints.landmarks.landmark_set import LandmarkSet
    from facepoints.tracking.config import TrackerConfig

__all__ = ["PartOptions", "predict_parts", "wants_parts"]


@dataclass(frozen=True)
class PartOptions:
    """Options of predictions that several processes share."""

    shard: Annotated[
        str | None,
        option(
            "Compute the K-th of N shares of the parts, such as 3/128, so that several processes "
            "or machines fill the same folder. --out is a folder.",
            metavar="K/N",
            default_text="default: all parts",
        ),
    ] = None
    part_size: Annotated[
        int | None,
        option(
            "Images of a part, the unit that is computed and written at once.",
            metavar="N",
            default_text="default: 1000",
        ),
    ] = None
    column: Annotated[
        str | None,
        option(
            "Column of a table that holds the paths or the bytes of images.",
            metavar="NAME",
            default_text="default: the only one",
        ),
    ] = None

    @property
    def given(self) -> bool:
        """Whether any of these options was given."""
        return any(value is not None for value in vars(self).values())


def wants_parts(
    inputs: Sequence[str], out: str | None, format: str | None, options: PartOptions
) -> bool:
    """Whether the results go to a folder of parts, or come from what only parts can read."""
    from facepoints.results.parts import holds_parts
    from facepoints.sources import needs_parts
    from facepoints.sources.stores import is_url

    if options.given or any(needs_parts(one) for one in inputs):
        return True
    if out is None or format == "pts":
        return False
    return out.endswith("/") or is_url(out) or holds_parts(out)


def predict_parts(
    inputs: Sequence[str],
    out: str,
    options: PredictorOptions,
    parts: PartOptions,
    landmarks: LandmarkSet | None,
    config: TrackerConfig,
    format: str | None,
    overwrite: bool,
) -> None:
    """Compute the parts of a source that are missing in a folder."""
    from facepoints.commands.part_job import PART_SIZE, Shard, prepare
    from facepoints.commands.predict_parts import predict_parts

    shard = None if parts.shard is None else Shard.parse(parts.shard)
    model = options.load()
    prepared = prepare(
        model,
        inputs,
        out,
        part_size=PART_SIZE if parts.part_size is None else parts.part_size,
        format=format or "parquet",
        landmarks=landmarks,
        shard=shard,
        overwrite=overwrite,
        column=parts.column,
        config=config,
        command=_command(),
    )
    if prepared.note:
        note(prepared.note)
    report = predict_parts(model, prepared, ERR)
    note(f"{report.summary()}; results are in {prepared.job.folder}")
    if report.failed:
        raise DataError(
            f"{len(report.failed)} of {prepared.chosen} parts could not be read; the same command "
            f"tries them again ({report.failure})"
        )
    if report.images and report.unreadable == report.images:
        raise DataError(report.error)


_OF_THE_PROCESS = {"--shard": 1, "--device": 1, "--threads": 1, "--ray": 1, "--overwrite": 0}
"""Options that differ between the processes of a run, with the number of their values."""


def _command() -> str:
    """The command line without the options that may differ between the processes of a run."""
    words, kept = list(command_words()), ["facepoints"]
    while words:
        name, equals, _ = words[0].partition("=")
        count = _OF_THE_PROCESS.get(name)
        if count is None:
            kept.append(words.pop(0))
        else:
            del words[: 1 + (0 if equals else count)]
    return shlex.join(kept)
