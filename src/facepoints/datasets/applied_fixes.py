"""What a run tells about the fixes that its labels were mended with."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from facepoints._util.words import count_noun
from facepoints.datasets.fixes import Fix
from facepoints.datasets.mending import fixes_of_sets
from facepoints.errors import DataError, DataWarning

__all__ = ["AppliedFixes"]


@dataclass(frozen=True)
class AppliedFixes:
    """Fixes that labels were mended with before a training.

    Attributes:
        file: name of their file; None: they came from memory.
        sha256: of this file, as ``sha256sum`` prints it; of fixes from memory, of their JSON.
        fixes: number of fixes for the data that were read.
        rows: number of rows that they change or drop.
        actions: number of fixes by `Fix.action`.
    """

    file: str | None
    sha256: str
    fixes: int
    rows: int
    actions: dict[str, int]

    @classmethod
    def of(
        cls, fixes: str | Path | Sequence[Fix] | None, paths: Sequence[Path]
    ) -> AppliedFixes | None:
        """The record of fixes; None without fixes.

        Args:
            fixes: a file, or fixes, as for `load_dataset`.
            paths: of the data sets.

        Raises:
            DataError: as `fixes_of_sets`.
        """
        if fixes is None:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)  # `load_dataset` issues it
            sets = fixes_of_sets(fixes, paths)
        listed = [(number, fix) for number, some in enumerate(sets) for fix in some]
        if isinstance(fixes, str | Path):
            name, content = Path(fixes).name, _bytes(Path(fixes))
        else:
            text = json.dumps([fix.to_dict() for fix in fixes], sort_keys=True)
            name, content = None, text.encode(errors="surrogateescape")
        return cls(
            file=name,
            sha256=hashlib.sha256(content).hexdigest(),
            fixes=len(listed),
            rows=len({(number, fix.row) for number, fix in listed}),
            actions=dict(sorted(Counter(fix.action for _, fix in listed).items())),
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)

    @staticmethod
    def in_words(record: dict[str, Any] | None) -> str:
        """A record (`to_dict`) in a few words.

        Examples:
            >>> AppliedFixes.in_words(None)
            'no fixes'
        """
        if not record:
            return "no fixes"
        fixes = count_noun(int(record["fixes"]), "fix", "fixes")
        return f"{fixes} of {record['file'] or 'memory'} (SHA-256 {record['sha256'][:12]}...)"


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
